"""Find where a rule file uses a name, rename it everywhere, and suggest completions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from grammar.nodes import OF_LINE, Field
from grammar.parsing.parser import fitting_words
from grammar.text.finding_codes import STYLE
from grammar.text.problem import Span, Token, read_tokens
from grammar.text.vocabulary import DECLARATIONS, ORDER, RESERVED, normalize_text, split_blocks
from rules.checker.tests_and_samples import REASONS
from rules.types.functions import NAMES
from rules.types.symbol_table import BUILT_IN_GROUPS, FACTS, TABLE_FACTS, Index, Schemas, Scope

_NAME = re.compile(r"[a-z][a-z0-9_]*")

_OF_OTHERS = {
    "source": "is what its connector is called",
    "target": "is what its connector is called",
    "route": "is a document of the target: the target calls it so",
    "document field": "is what the target calls its field",
    "function": "is a word of the language",
    "fact": "is a word of the language",
    "finding": "is the code of a finding",
    "word": "is a word of the language",
    "state": 'is what the source says: give it a spelling instead, such as: settled as "{name}"',
}
"""Kind of symbol -> why a rule file cannot give it another name."""

_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})

_GATE = frozenset({"ready", "wait", "hold", "ignore", "cancel"})

_FACTS_FOLLOW = frozenset({"with", "and", "then"})

_WORD = re.compile(r"[A-Za-z_]\w*$")

_HOLE = re.compile(r"\{[^{}]*$")


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """The meaning of a name.

    `kind` is a declaration (role, const, source, target, record, link, map, check, sample, route),
    field, state, group, function, fact, finding, document field, or a word of the language. `owner`
    separates equal names: the record of a field, link or group, `record.field` of a state, the
    route of a document field.
    """

    kind: str
    name: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A symbol's occurrence; `declares` marks its declaration."""

    symbol: Symbol
    span: Span
    declares: bool = False


class Texts:
    """The texts that a ruleset was read from."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._lines = {file: normalize_text(text).split("\n") for file, text in sources.items()}

    def tokens(self, span: Span) -> list[Token]:
        """Return a node's tokens."""
        return list(read_tokens(self._lines.get(span.file, ()), span))

    def quoted(self, span: Span, behind: str) -> Span | None:
        """Return the place of the quoted text after a word of a node, without quotes."""
        said = self.tokens(span)
        for word, text in pairwise(said):
            if word.text == behind and text.text.startswith('"'):
                at = text.span
                return Span(at.file, at.line, at.column + 1, at.line, at.end_column - 1)
        return None

    def written(self, span: Span) -> str:
        """Return the text of a one-line span."""
        lines = self._lines.get(span.file, ())
        line = lines[span.line - 1] if span.line <= len(lines) else ""
        return line[span.column - 1 : span.end_column - 1]


def tokens_behind(said: Sequence[Token], word: str, *, clause: bool = False) -> Iterator[Token]:
    """Yield the tokens after each use of a word, or of a clause that begins with it."""
    for this, following in pairwise(said):
        if this.text == word and (this.leads or not clause):
            yield following


def names_behind(said: Sequence[Token], start: str, *, clause: bool = False) -> Iterator[Token]:
    """Yield the names of a list after a word: `never created_by, last_editor`."""
    for at, token in enumerate(said):
        if token.text == start and (token.leads or not clause):
            for name, comma in zip(said[at + 1 :: 2], [*said[at + 2 :: 2], None], strict=False):
                yield name
                if comma is None or comma.text != ",":
                    return


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something keeps its name."""

    reason: str


def may_rename(symbol: Symbol, index: Index, known: Schemas) -> Refused | None:
    """Return why the name cannot be renamed because an outside system defines it, or None."""
    if symbol.kind in _OF_OTHERS:
        why = _OF_OTHERS[symbol.kind].format(name=symbol.name)
        return Refused(f"'{symbol.name}' {why}")
    record = index.records.get(symbol.name if symbol.kind == "record" else symbol.owner)
    owner = index.records.get(record.parent or "", record) if record else None
    kind = known.kind(owner.source or "", owner.name) if owner else None
    if kind is None or owner is None or record is None:
        return None
    sent = {field.name for field in (kind.fields if record is owner else kind.lines)} | {"lines"}
    named = record is owner if symbol.kind == "record" else symbol.name in sent
    if symbol.kind in {"record", "field"} and named:
        return Refused(f"'{symbol.name}' is what {owner.source} calls it")
    return None


def plan_rename(
    symbol: Symbol, name: str, mentions: Sequence[Mention], index: Index, known: Schemas
) -> tuple[Span, ...] | Refused:
    """Return the places of the symbol to replace with the new name, or why not."""
    refused = may_rename(symbol, index, known)
    if refused is not None:
        return refused
    if not _NAME.fullmatch(name):
        return Refused(f"'{name}' is no name: lower case letters, digits and _, a letter first")
    if name in RESERVED:
        return Refused(f"'{name}' is a word of the language, it cannot be a name")
    mine = {m.span for m in mentions if m.symbol == symbol}
    others = sorted({m.symbol for m in mentions if m.span in mine} - {symbol})
    if others:
        other = others[0]
        place = min(m.span for m in mentions if m.span in mine and m.symbol == other)
        what = f"the {other.kind} '{other.name}' of {other.owner}"
        return Refused(f"{place} speaks of {what} too: write a rule for each first")
    return tuple(sorted(mine))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something to write; without a symbol it is a word of the language."""

    label: str
    symbol: Symbol | None = None


def suggest(before: str, index: Index, known: Schemas) -> tuple[Suggestion, ...]:
    """Return what may follow a text, each once; the word being typed does not count."""
    at = place_at(before)
    if at.quiet:
        return ()
    names = _Names(at, index, known)
    if at.hole:
        return tuple(dict.fromkeys(names.expression()))
    if not at.clauses:
        return tuple(Suggestion(word) for word in DECLARATIONS)
    fits = fitting_words(at.begun)
    lost = not fits  # something above is not right yet: then the order of clauses must do
    words = sorted(ORDER.get(at.word, ())) if lost and not at.said else sorted(fits)
    found = [Suggestion(word) for word in words if word.isalpha() and word.islower()]
    if lost or "NAME" in fits:
        found += names.names()
    if lost or "CODE" in fits:
        found += names.codes()
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Place:
    """The declaration up to the cursor, without the word that is being typed.

    `hole` is set inside the braces of a message, `quiet` inside any other text or a comment.
    """

    begun: str
    clauses: tuple[tuple[str, ...], ...]
    hole: bool
    quiet: bool

    @property
    def head(self) -> tuple[str, ...]:
        """The words of the first clause: `check paid on order`."""
        return self.clauses[0] if self.clauses else ()

    @property
    def word(self) -> str:
        """The word that starts the declaration; empty where a new one may start."""
        return self.head[0] if self.head else ""

    @property
    def said(self) -> tuple[str, ...]:
        """The words of the clause that is being typed, so far."""
        return self.clauses[-1] if self.clauses else ()

    @property
    def first(self) -> str:
        """The word that starts this clause."""
        return self.said[0] if self.said else ""

    @property
    def last(self) -> str:
        """The word or sign before the cursor."""
        return self.said[-1] if self.said else ""

    @property
    def in_head(self) -> bool:
        """Whether the first clause is being typed."""
        return len(self.clauses) == 1

    def behind(self, word: str) -> str:
        """Return what follows the first use of a word in the first clause."""
        head = self.head
        at = head.index(word) + 1 if word in head else len(head)
        return head[at] if at < len(head) else ""

    def clause(self, first: str) -> tuple[str, ...]:
        """Return the first clause that starts with a word."""
        return next((clause for clause in self.clauses if clause[:1] == (first,)), ())


class _Names:
    """The names that fit one place."""

    def __init__(self, at: Place, index: Index, known: Schemas) -> None:
        self.at, self.index, self.known = at, index, known
        self.around = Surroundings(at, index)

    def names(self) -> Iterator[Suggestion]:
        """Yield names in lower case."""
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
        """Yield target fields, which are capitalized, and units."""
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
        """Yield what may follow `for`, `by` and `after`."""
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
        """Return the words that a comparison's left side may have."""
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
        """Yield everything that an expression may contain here."""
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
        """Yield the fields of the record being typed, which is not parsed yet."""
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


def place_at(before: str) -> Place:
    """Return the place at the end of a text, by its last declaration."""
    text = _WORD.sub("", normalize_text(before))
    line = text.rsplit("\n", 1)[-1]
    starts = [block.first for block in split_blocks(text)]
    open_text = line.count('"') % 2 == 1
    hole = open_text and bool(_HOLE.search(line))
    quiet = not hole and (open_text or "#" in re.sub(r'"[^"]*"', "", line))
    if not starts or not line:
        return Place("", (), hole=False, quiet=quiet)
    begun = "\n".join(text.split("\n")[starts[-1] - 1 :])
    lines = begun.split("\n")
    found = list(read_tokens(lines, Span("", 1, 1, len(lines), len(lines[-1]) + 1)))
    return Place(begun, _clauses(found, lines), hole, quiet)


def _clauses(found: Sequence[Token], lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the tokens by clause; a last empty one where a new clause may start."""
    clauses: list[list[str]] = []
    for at, token in enumerate(found):
        goes_on = at and found[at - 1].text == ","
        if token.leads and not goes_on:
            clauses.append([])
        clauses[-1].append(token.text)
    ended = not found or found[-1].span.line < len(lines)
    if ended and not (found and found[-1].text == ","):
        clauses.append([])
    return tuple(tuple(clause) for clause in clauses)


class Surroundings:
    """The declaration at a place, as far as it is written."""

    def __init__(self, at: Place, index: Index) -> None:
        self.at, self.index = at, index
        self.record = self._record()

    def _record(self) -> str:
        at = self.at
        if at.word in {"gate", "approve", "post"}:
            return at.head[1] if len(at.head) > 1 else ""
        if at.word == "check":
            return at.behind("on")
        if at.word in {"duplicates", "on", "sample", "link"}:
            return at.behind("of")
        if at.word == "record":
            return at.behind("of") or (at.head[1] if len(at.head) > 1 else "")
        given = at.clause("given")
        sample = self.index.samples.get(given[1]) if len(given) > 1 else None
        return sample.record if sample else ""

    @property
    def line_record(self) -> str:
        """The record kind of the lines."""
        found = self.index.line_records.get(self.record)
        return found.name if found else ""

    @property
    def linked(self) -> str:
        """The record that a link lists."""
        clause = self.at.clause("from") if self.at.word == "link" else ()
        return clause[1] if len(clause) > 1 else ""

    def line_or(self, record: str) -> str:
        """Return the record of the lines inside a line's row, otherwise the other record."""
        said = self.at.said
        in_line = said[:1] == ("line",) or (len(said) > 2 and said[-3] == ".")
        return self.line_record if in_line else record

    @property
    def route(self) -> str:
        """The route that a `post` declares or an `expect` names; the only one of the record."""
        at = self.at
        said = at.head if at.word == "post" else at.clause("expect")
        for number, word in enumerate(said):
            if word == "." and number + 1 < len(said):
                return f"{said[number - 1]}.{said[number + 1]}"
        posts = self.index.posts.get(self.record, ())
        return str(posts[0].route) if len(posts) == 1 and at.word == "test" else ""

    def scope(self) -> Scope:
        """Return the scope of an expression here."""
        at, word = self.at, self.at.word
        if word == "link" and at.first == "where":
            return Scope(self.index, self.linked, judged=self.record)
        lines = {
            "check": at.head[-2:] == ("each", "line") or "each" in at.head,
            "record": "of" in at.head,
            "post": ("each", "line") in at.clauses or at.first == "bill",
        }
        bills = word == "post" and bool(at.clause("bill")) and at.first != "bill"
        document = word == "post" and at.first not in {"when", "bill"}
        line = lines.get(word, False)
        return Scope(self.index, self.record, line=line, document=document, bills=bills)

    def own_fields(self) -> Iterator[str]:
        """Yield the fields that the record here has so far."""
        if self.at.word == "record":
            yield from (clause[0] for clause in self.at.clauses[1:-1] if clause)

    def columns(self) -> tuple[str, ...] | None:
        """Return the columns of the table here; None while its first row is typed."""
        rows = [clause for clause in self.at.clauses if clause[:1] == ("|",)]
        if len(rows) < 2:
            return None
        return tuple(word for word in rows[0] if word != "|")

    def groups(self) -> Iterator[str]:
        """Yield the groups of the edit table here."""
        for clause in self.at.clauses[1:]:
            if clause[1:2] == ("=",):
                yield clause[0]
        yield from BUILT_IN_GROUPS

    def silenced(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Yield the possible subjects of a style finding."""
        index = self.index
        yield "role", index.roles
        yield "const", index.consts
        yield "map", index.maps
        yield "sample", index.samples
