"""One name in plain words: what it is, of which type, and what it means here.

Here: about, for whoever points at a name. Not here: the sentences of declarations (readiness.py,
routes.py, surroundings.py), which name means what (rules.symbols).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from grammar import nodes as n
from grammar.codes import CODES
from grammar.problem import Span
from rules.explain import readiness, routes, surroundings
from rules.explain.duties import owned_by
from rules.explain.keywords import KEYWORDS
from rules.explain.library import LIBRARY
from rules.explain.nouns import listed, plain
from rules.explain.phrases import words_of
from rules.index import FACTS, Index, Scope
from rules.kinds import Type, say_type
from rules.schema import Schemas
from rules.symbols.mention import Symbol
from rules.types import field_type

_MARKS = {
    "key": "it tells one {record} from another",
    "family": "what has the same belongs together and goes in order",
    "dated": "its day decides which values of consts count",
    "optional": "it may be missing",
}
_FACTS = {
    "changed": "what changed of something posted: one of the groups of fields, or one built in",
    "approval": "who approved exactly this",
    "not_ready": "a change after which it would not go any more",
    "overbilled": "a change after which more is billed than there is",
    "error": "the class of the answer that a push got",
    "tries": "how often it was tried",
}
_NOWHERE = Span("", 1, 1, 1, 1)


def about(symbol: Symbol, index: Index, known: Schemas) -> str:
    """A symbol in one paragraph or a few; empty where nothing can be said."""
    words = _About(index, known)
    found: Callable[[Symbol], Iterator[str]] | None
    found = getattr(words, f"_{symbol.kind.replace(' ', '_')}", None)
    return "\n\n".join(text for text in found(symbol) if text) if found else ""


class _About:
    """What is said of the names of one ruleset: one method for each kind of symbol."""

    def __init__(self, index: Index, known: Schemas) -> None:
        self.index, self.known, self.words = index, known, words_of(index)

    def _role(self, of: Symbol) -> Iterator[str]:
        role = self.index.roles.get(of.name)
        if role is not None:
            things = listed(owned_by(self.index).get(of.name, ()))
            yield f"{of.name}: a team, “{role.title}”"
            yield f"It looks after {things or 'nothing'}."

    def _const(self, of: Symbol) -> Iterator[str]:
        const = self.index.consts.get(of.name)
        if const is not None:
            yield f"{of.name}: {say_type(Type(const.rows[0].value.kind))}, a const"
            yield surroundings.const(const)

    def _source(self, of: Symbol) -> Iterator[str]:
        source = self.index.sources.get(of.name)
        if source is not None:
            yield f"{of.name}: a source, where records come from"
            yield surroundings.source(source)
            yield surroundings.blank(source, self.words)

    def _target(self, of: Symbol) -> Iterator[str]:
        target = self.index.targets.get(of.name)
        if target is not None:
            yield f"{of.name}: a target, where documents go"
            yield surroundings.target(target, self.words)

    def _record(self, of: Symbol) -> Iterator[str]:
        record = self.index.records.get(of.name)
        if record is not None:
            origin = f"the lines of {record.parent}" if record.parent else f"from {record.source}"
            yield f"{of.name}: a record, {origin}"
            yield f"Its fields: {', '.join(field.name for field in record.fields)}."

    def _field(self, of: Symbol) -> Iterator[str]:
        field = self.index.fields.get(of.owner, {}).get(of.name)
        if field is None:
            return
        kind = field_type(field, of.owner, Scope(self.index, of.owner))
        yield f"{of.name}: {say_type(kind)}, a field of {of.owner}"
        if isinstance(field, n.Computed):
            yield surroundings.computed(self.index.records[of.owner], field, self.words)
            return
        if field.states:
            yield f"One of {', '.join(state.name for state in field.states)}."
        if field.of is not None:
            yield f"Each of them is one {plain(field.of)}."
        if field.mark is not None:
            yield f"{field.mark}: {_MARKS[field.mark].format(record=plain(of.owner))}."

    def _state(self, of: Symbol) -> Iterator[str]:
        record, _, name = of.owner.rpartition(".")
        field = self.index.fields.get(record, {}).get(name)
        states = field.states if isinstance(field, n.Field) else ()
        state = next((one for one in states if one.name == of.name), None)
        if state is None:
            yield f"{of.name}: a word of {plain(of.owner)}"
            return
        yield f"{of.name}: a word of {name} of {record}"
        source = self.index.records[record]
        yield readiness.spelling(source, state) if state.aliases else ""
        for gate in self.index.ruleset.gates:
            for row in gate.rows if gate.record == record else ():
                if of.name in {word.name for word in row.states}:
                    yield readiness.gate_row(gate, row, self.words)

    def _link(self, of: Symbol) -> Iterator[str]:
        link = self.index.links.get(of.owner, {}).get(of.name)
        if link is not None:
            yield f"{of.name}: a list of {plain(link.other)}, linked to {plain(link.record)}"
            yield surroundings.link(link, self.words)

    def _map(self, of: Symbol) -> Iterator[str]:
        table = self.index.maps.get(of.name)
        if table is not None:
            kind = table.rows[0].value.kind if table.rows else "text"
            yield f"{of.name}(text): {say_type(Type(kind))}, looked up in a map"
            yield surroundings.table(table, self.words)

    def _check(self, of: Symbol) -> Iterator[str]:
        for check in self.index.ruleset.checks:
            if check.name == of.name:
                yield f"{of.name}: a check"
                yield readiness.check(check, self.words)
                return

    def _sample(self, of: Symbol) -> Iterator[str]:
        sample = self.index.samples.get(of.name)
        if sample is not None:
            used = sum(test.given == of.name for test in self.index.ruleset.tests)
            yield f"{of.name}: a sample of {sample.record} at {sample.at:%Y-%m-%d %H:%M}"
            yield f"{used} tests begin with it." if used != 1 else "One test begins with it."

    def _route(self, of: Symbol) -> Iterator[str]:
        post = self.index.routes().get(of.name)
        if post is not None:
            yield f"{of.name}: a route of {post.record}"
            yield readiness.ready(post, self.index, self.words)
        for reversal in self.index.ruleset.reversals:
            if str(reversal.route) == of.name:
                yield (
                    f"{of.name}: a route that takes back {reversal.reversing}"
                    if post is None
                    else ""
                )
                yield routes.reversal(reversal)

    def _group(self, of: Symbol) -> Iterator[str]:
        for edit in self.index.ruleset.edits:
            for group in edit.groups if edit.record == of.owner else ():
                if group.name == of.name:
                    fields = ", ".join(word.name for word in group.fields)
                    yield f"{of.name}: fields of {of.owner} whose changes are answered alike"
                    yield f"It holds {fields}."

    def _function(self, of: Symbol) -> Iterator[str]:
        written, gives, meaning = LIBRARY.get(of.name, (of.name, "", ""))
        yield f"{written}: {gives}, a function of the language"
        yield f"It gives {meaning}."

    def _fact(self, of: Symbol) -> Iterator[str]:
        kind = Type(*FACTS[of.name]) if of.name in FACTS else None
        yield f"{of.name}: {f'{say_type(kind)}, ' if kind else ''}a fact of the language"
        yield f"It is {_FACTS.get(of.name) or self.words.expr(n.Name((of.name,), _NOWHERE))}."
        yield f"One of {', '.join(kind.states)}." if kind and kind.states else ""

    def _word(self, of: Symbol) -> Iterator[str]:
        yield f"{of.name}: {KEYWORDS[of.name]}" if of.name in KEYWORDS else ""

    def _finding(self, of: Symbol) -> Iterator[str]:
        if of.name in CODES:
            yield f"{of.name}: the finding {CODES[of.name]}"

    def _document_field(self, of: Symbol) -> Iterator[str]:
        target, _, name = of.owner.partition(".")
        document = self.known.document(target, name)
        if document is None:
            yield f"{of.name}: a field of {of.owner}"
            return
        for part, fields in (("", document.header), ("a line of ", document.lines)):
            for field in fields:
                if field.name == of.name:
                    most = f", at most {field.max_length} letters" if field.max_length else ""
                    must = ", required" if field.required else ""
                    yield f"{of.name}: {field.type}{most}{must}, a field of {part}{of.owner}"
