"""What fits where somebody is typing: words of the language, names of the rules, target fields.

Here: suggest. The grammar says which words and kinds of names may follow; the declaration says
which names are meant. Not here: reading the place (cursor.py), what the declaration around it
speaks of (cursor.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grammar.nodes import OF_LINE, Field
from grammar.parsing.parser import fitting
from grammar.text.finding_codes import STYLE
from grammar.text.vocabulary import DECLARATIONS, ORDER
from rules.checker.tests_and_samples import REASONS
from rules.editing.cursor import Place, Surroundings, place
from rules.editing.mentions import Symbol
from rules.types.functions import NAMES
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import BUILT_IN_GROUPS, FACTS, TABLE_FACTS, Index, Scope

_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_GATE = frozenset({"ready", "wait", "hold", "ignore", "cancel"})
_FACTS_FOLLOW = frozenset({"with", "and", "then"})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something to write; without a symbol it is a word of the language."""

    label: str
    symbol: Symbol | None = None


def suggest(before: str, index: Index, known: Schemas) -> tuple[Suggestion, ...]:
    """What may stand behind a text, each once; the word that is being typed does not count."""
    at = place(before)
    if at.quiet:
        return ()
    names = _Names(at, index, known)
    if at.hole:
        return tuple(dict.fromkeys(names.expression()))
    if not at.clauses:
        return tuple(Suggestion(word) for word in DECLARATIONS)
    fits = fitting(at.begun)
    lost = not fits  # something above is not right yet: then the order of clauses must do
    words = sorted(ORDER.get(at.word, ())) if lost and not at.said else sorted(fits)
    found = [Suggestion(word) for word in words if word.isalpha() and word.islower()]
    if lost or "NAME" in fits:
        found += names.names()
    if lost or "CODE" in fits:
        found += names.codes()
    return tuple(dict.fromkeys(found))


class _Names:
    """The names that fit one place."""

    def __init__(self, at: Place, index: Index, known: Schemas) -> None:
        self.at, self.index, self.known = at, index, known
        self.around = Surroundings(at, index)

    def names(self) -> Iterator[Suggestion]:
        """Names in lower case."""
        at = self.at
        behind = {
            "because": self._reasons,
            "for": self._answering,
            "by": self._answering,
            "after": self._answering,
        }
        if at.last == ".":
            yield from self._behind_dot()
        elif at.in_head:
            yield from self._in_head()
        elif at.last in behind:
            yield from behind[at.last]()
        elif at.first == "|":
            yield from self._in_table()
        elif at.word in {"sample", "test"}:
            yield from self._in_story()
        else:
            yield from self._in_clause()

    def _in_clause(self) -> Iterator[Suggestion]:
        at, record = self.at, self.around.record
        groups = at.word == "on" and "=" in at.said
        if at.word == "gate" and at.first in _GATE:
            yield from self._states(record, self._status())
        elif at.first == "unique" and at.last == "as":
            yield from self._all("map", self.index.maps)
        elif groups or at.first in {"unique", "never"} or at.said[:1] == ("by",):
            yield from self._fields(record)
            yield from self._of_lines(self.around.line_record) if groups else ()
        elif at.last == "many" or (at.word == "link" and at.first == "from"):
            yield from self._all("record", self.index.records)
        elif at.said:
            yield from self._compared() or self.expression()

    def codes(self) -> Iterator[Suggestion]:
        """Fields of a target, with their Capital; units."""
        at = self.at
        if at.word == "silence":
            yield from (Suggestion(code, Symbol("finding", code)) for code in sorted(STYLE))
            return
        if at.word == "units":
            for units in self.index.ruleset.units:
                yield from (Suggestion(base.unit) for base in units.bases)
            return
        route = self.around.route
        target, _, name = route.partition(".")
        document = self.known.document(target, name)
        if document is None:
            return
        line = at.first == "line" or (at.word == "post" and ("each", "line") in at.clauses)
        given = {clause[0] for clause in at.clauses if clause[1:2] == ("=",)}
        for field in document.lines if line else document.header:
            if field.name not in given or at.first == "they":
                yield Suggestion(field.name, Symbol("document field", field.name, route))

    # ---- places ---------------------------------------------------------------------------------

    def _in_head(self) -> Iterator[Suggestion]:
        at, last = self.at, self.at.last
        if last in {"for", "to", "reversing"}:
            yield from self._routes()
        elif at.word == "retry":
            yield from self._all("target", self.index.targets)
        elif at.word == "record" and last == "from":
            yield from self._all("source", self.index.sources)
        elif at.word == "silence" and last == "of":
            for kind, shelf in self.around.silenced():
                yield from self._all(kind, shelf)
        elif last in {"of", "on", ",", "gate", "approve", "post"}:
            yield from self._all("record", self.index.records)

    def _answering(self) -> Iterator[Suggestion]:
        """Behind `for`, `by` and `after`."""
        at = self.at
        if at.last == "after" or at.said[-2:] == ("wait", "for"):
            yield from self._routes()
        elif at.last == "by" and at.word in {"link", "duplicates"}:
            yield from self._fields(self.around.linked or self.around.record)
        elif at.last == "by" and at.first == "daily":
            yield from self._fields(self.around.record, {"date", "moment"})
        else:
            yield from self._all("role", self.index.roles)

    def _in_table(self) -> Iterator[Suggestion]:
        columns = self.around.columns()
        record = self.around.record
        if columns is None:
            yield from self._facts(TABLE_FACTS)
            yield from self._facts(FACTS)
            yield from self._fields(record)
            return
        number = self.at.said.count("|") - 1
        name = columns[number] if number < len(columns) else "do"
        if name == "changed":
            for group in self.around.groups():
                kind = "fact" if group in BUILT_IN_GROUPS else "group"
                yield Suggestion(group, Symbol(kind, group, record if kind == "group" else ""))
        elif name != "do":
            yield from self._states(record, name)
            yield from self._all("const", self.index.consts)

    def _in_story(self) -> Iterator[Suggestion]:
        at, record = self.at, self.around.record
        equals = at.said[-1:] == ("=",)
        if at.last == "given" or "(" in at.said[-2:] or at.said[-3:-2] == ("(",):
            yield from self._all("sample", self.index.samples)
        elif equals and len(at.said) > 1:
            yield from self._states(self.around.line_or(record), at.said[-2])
        elif at.first == "line":
            yield from self._fields(self.around.line_record)
        elif at.word == "sample" and not at.said:
            yield from self._fields(record)
        elif at.first == "expect":
            yield from self._routes()
        elif at.first in _FACTS_FOLLOW or "with" in at.said:
            yield from self._fields(record)
            yield from self._facts(FACTS)
            for link in self.index.links.get(record, ()):
                yield Suggestion(link, Symbol("link", link, record))
            yield from self._all("map", self.index.maps)
            yield from self._routes()

    def _behind_dot(self) -> Iterator[Suggestion]:
        before = self.at.said[-2] if len(self.at.said) > 1 else ""
        record = self.around.record
        field = self.index.fields.get(record, {}).get(before)
        link = self.index.links.get(record, {}).get(before)
        if before and before == self.around.scope().judged:
            yield from self._fields(before)
        elif before == "line" or before.isdigit():
            yield from self._fields(self.around.line_record)
            if self.around.scope().bills:
                yield Suggestion("due", Symbol("fact", "due"))
        elif link is not None:
            yield from self._fields(link.other)
        elif isinstance(field, Field) and field.type == "many":
            yield from self._fields(field.of or self.around.line_record)
        elif self.at.said[-4:-3] and self.at.said[-3] == ".":
            link = self.index.links.get(record, {}).get(self.at.said[-4])
            lines = self.index.line_records.get(link.other) if link else None
            yield from self._fields(lines.name if lines else "")
        else:
            for document in self.known.documents:
                if document.target == before:
                    route = f"{before}.{document.name}"
                    yield Suggestion(document.name, Symbol("route", route))

    def _compared(self) -> list[Suggestion]:
        """The words that the left side of a comparison may have."""
        said = self.at.said
        if said[-1:] and said[-1] in _COMPARISONS:
            left = said[:-1]
        elif "in" in said and ")" not in said[said.index("in") :] and said[-1] in {"(", ","}:
            left = said[: said.index("in")]
        else:
            return []
        path = left[-3:] if left[-2:-1] == (".",) else left[-1:]
        ref = self.around.scope().resolve(tuple(part for part in path if part != "."))
        if ref is None:
            return []
        return list(self._states(ref.record, ref.name))

    def expression(self) -> Iterator[Suggestion]:
        """All that an expression may say here."""
        scope = self.around.scope()
        yield from self._fields(scope.item or scope.record)
        yield from self._own(scope)
        theirs = self.index.fields.get(scope.record, {})
        for name in self.index.fields.get(scope.judged, ()):
            said = f"{scope.judged}.{name}" if name in theirs else name
            yield Suggestion(said, Symbol("field", name, scope.judged))
        if scope.line:
            yield from self._of_lines(scope.line_record)
        yield from self._all("const", self.index.consts)
        for link in self.index.links.get(scope.record, ()):
            yield Suggestion(link, Symbol("link", link, scope.record))
        yield from self._all("map", self.index.maps)
        yield from self._facts(FACTS)
        yield from self._all("function", sorted(NAMES))
        if scope.document:
            yield Suggestion("document_number", Symbol("fact", "document_number"))

    def _own(self, scope: Scope) -> Iterator[Suggestion]:
        """The fields of the record that is being typed, which is not read yet."""
        for name in self.around.own_fields() if scope.record not in self.index.records else ():
            yield Suggestion(name, Symbol("field", name, scope.record))

    # ---- shelves --------------------------------------------------------------------------------

    def _all(self, kind: str, names: Iterable[str]) -> Iterator[Suggestion]:
        for name in names:
            yield Suggestion(name, Symbol(kind, name))

    def _facts(self, names: Iterable[str]) -> Iterator[Suggestion]:
        yield from self._all("fact", names)

    def _fields(self, record: str, kinds: Iterable[str] = ()) -> Iterator[Suggestion]:
        for name, field in self.index.fields.get(record, {}).items():
            if not kinds or (isinstance(field, Field) and field.type in kinds):
                yield Suggestion(name, Symbol("field", name, record))

    def _of_lines(self, record: str) -> Iterator[Suggestion]:
        for name in self.index.fields.get(record, ()):
            yield Suggestion(f"{OF_LINE}{name}", Symbol("field", name, record))

    def _states(self, record: str, name: str) -> Iterator[Suggestion]:
        field = self.index.fields.get(record, {}).get(name)
        owner = f"{record}.{name}" if field is not None else name
        words = (
            [s.name for s in field.states]
            if isinstance(field, Field)
            else FACTS.get(name, ("", ()))[1]
        )
        for word in words:
            yield Suggestion(word, Symbol("state", word, owner))

    def _status(self) -> str:
        field = self.index.status_field(self.around.record)
        return field.name if field else ""

    def _reasons(self) -> Iterator[Suggestion]:
        record = self.around.record
        yield from self._all("check", (check.name for check in self.index.ruleset.checks))
        yield from self._all("map", self.index.maps)
        for edit in self.index.ruleset.edits:
            for group in edit.groups if edit.record == record else ():
                yield Suggestion(group.name, Symbol("group", group.name, record))
        yield from (Suggestion(word) for word in sorted(REASONS))

    def _routes(self) -> Iterator[Suggestion]:
        yield from self._all("route", self.index.routes())
        for document in self.known.documents if self.at.word == "post" else ():
            if document.target in self.index.targets:
                route = f"{document.target}.{document.name}"
                yield Suggestion(route, Symbol("route", route))
