"""The rule book by topic, and what "ready" means for each route.

Here: Book, its sections in a fixed order, which check belongs to which topic. Not here: sentences
(sentences.py), paper (render.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grammar import nodes as n
from grammar.problem import Span
from rules.analyse.places import uses
from rules.explain import sentences as s
from rules.explain.duties import owned_by
from rules.explain.phrases import Phrases, a, listed, plain
from rules.index import Index

TOPICS = {
    "ready": "What “ready” means",
    "status": "Status",
    "mapping": "Mapping",
    "uom": "Units of measure",
    "approval": "Approval and version",
    "timing": "Timing",
    "exceptions": "Exceptions: what must be true, what a change does",
    "duplicates": "Duplicates",
    "retry": "When a push fails",
    "owners": "Who looks after what",
}
_UNITS = frozenset({"in_base", "price_in_base", "base_unit", "is_whole"})
_APPROVAL = ("approv", "version")


@dataclass(frozen=True, slots=True)
class Entry:
    """One sentence, and the declaration that says so (none where several do)."""

    text: str
    name: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Section:
    """One topic."""

    topic: str
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """A ruleset in plain words."""

    sections: tuple[Section, ...]


def book(ruleset: n.Ruleset, topic: str | None = None) -> Book:
    """The rule book, or one topic of it."""
    index = Index(ruleset)
    words = Phrases(index)
    sections = []
    for name, title in TOPICS.items():
        if topic in (None, name):
            entries = tuple(_WRITE[name](index, words))
            sections.append(Section(name, title, entries))
    return Book(tuple(sections))


def _ready(index: Index, words: Phrases) -> Iterator[Entry]:
    for post in index.ruleset.posts:
        if post.record in index.records:
            yield Entry(ready(post, index, words), str(post.route), post.span)


def ready(post: n.Post, index: Index, words: Phrases) -> str:
    """“Ready for <target> means …” for one route."""
    route = str(post.route)
    gate = index.gate(post.record, route)
    rows = [row for row in gate.rows if row.word == "ready"] if gate else []
    states = listed([plain(w.name) for row in rows for w in row.states], "or")
    parts = [f"its status is {states}"] if states else []
    parts += [words.expr(post.when)] if post.when is not None else []
    if post.bill is not None:
        parts.append("something of it is there that is not billed yet")
    parts += [f"its {plain(post.after.document)} is posted"] if post.after else []
    parts += ["it is no duplicate"] if _has_duplicates(post, index) else []
    checks = [c for c in index.ruleset.checks if _speaks(c, post) and c.action.kind != "warn"]
    if checks:
        names = listed([plain(c.name) for c in checks])
        parts.append(f"these checks pass: {names}")
    approvals = [
        x for x in index.ruleset.approvals if x.record == post.record and _fits(x.route, post)
    ]
    for one in approvals:
        when = f", where {words.expr(one.when)}" if one.when is not None else ""
        parts.append(f"{words.role(one.role)} approved it{when}")
    parts.append("every name and unit in it is known")
    numbered = "; ".join(parts)
    target = f"{plain(post.route.document)} in {post.route.target}"
    timing = "goes at once" if isinstance(post.timing, n.Immediately) else "goes in the next night"
    return f"{a(post.record).capitalize()} is ready for {target} when {numbered}. Then it {timing}."


def _speaks(check: n.Check, post: n.Post) -> bool:
    return any(w.name == post.record for w in check.records) and _fits(check.route, post)


def _fits(route: n.RouteName | None, post: n.Post) -> bool:
    return route is None or route == post.route


def _has_duplicates(post: n.Post, index: Index) -> bool:
    return any(
        any(w.name == post.record for w in d.records) and _fits(d.route, post)
        for d in index.ruleset.duplicates
    )


def _status(index: Index, words: Phrases) -> Iterator[Entry]:
    for gate in index.ruleset.gates:
        for row in gate.rows:
            yield Entry(s.gate_row(gate, row, words), f"gate {gate.record}", row.span)
    for record in index.ruleset.records:
        for field in record.fields:
            for state in field.states if isinstance(field, n.Field) else ():
                if state.aliases:
                    yield Entry(s.spelling(record, state), f"record {record.name}", state.span)
    for source in index.ruleset.sources:
        text = f"A word of {source.name} that nobody declared, or a blank field: "
        text += f"{words.action(source.missing.action)}. It is never taken as ready."
        yield Entry(text, f"source {source.name}", source.missing.span)


def _mapping(index: Index, words: Phrases) -> Iterator[Entry]:
    for table in index.ruleset.maps:
        yield Entry(s.table(table, words), f"map {table.name}", table.span)
    for link in index.ruleset.links:
        yield Entry(s.link(link, words), f"link {link.name}", link.span)
    for const in index.ruleset.consts:
        yield Entry(s.const(const), f"const {const.name}", const.span)


def _uom(index: Index, words: Phrases) -> Iterator[Entry]:
    for units in index.ruleset.units:
        for text in s.units(units, words):
            yield Entry(text, "units", units.span)
    yield from _checks("uom", index, words)


def _approval(index: Index, words: Phrases) -> Iterator[Entry]:
    for one in index.ruleset.approvals:
        yield Entry(s.approve(one, words), f"approve {one.record}", one.span)
    yield from _checks("approval", index, words)


def _timing(index: Index, words: Phrases) -> Iterator[Entry]:
    for post in index.ruleset.posts:
        for text in s.post(post, words):
            yield Entry(text, f"post {post.route}", post.span)
    for reversal in index.ruleset.reversals:
        yield Entry(s.reversal(reversal), f"post {reversal.route}", reversal.span)


def _exceptions(index: Index, words: Phrases) -> Iterator[Entry]:
    yield from _checks("exceptions", index, words)
    for edit in index.ruleset.edits:
        for text in s.edit(edit, words):
            yield Entry(text, f"on edit of {edit.record}", edit.span)
    for cancel in index.ruleset.cancels:
        for text in s.cancel(cancel, words):
            names = ", ".join(w.name for w in cancel.records)
            yield Entry(text, f"on cancel of {names}", cancel.span)
    for post in index.ruleset.posts:
        yield Entry(s.owned(post, words), f"post {post.route}", post.span)


def _duplicates(index: Index, words: Phrases) -> Iterator[Entry]:
    for one in index.ruleset.duplicates:
        names = ", ".join(w.name for w in one.records)
        for text in s.duplicates(one, words):
            yield Entry(text, f"duplicates of {names}", one.span)


def _retry(index: Index, words: Phrases) -> Iterator[Entry]:
    for retry in index.ruleset.retries:
        for text in s.retry(retry, words):
            yield Entry(text, f"retry {retry.target}", retry.span)
    declared = {r.target for r in index.ruleset.retries}
    for target in index.ruleset.targets:
        if target.name not in declared:
            text = f"{target.name} has no table of its own: what is built in answers its errors."
            yield Entry(text, f"target {target.name}", target.span)


def _owners(index: Index, words: Phrases) -> Iterator[Entry]:
    owned = owned_by(index)
    for role in index.ruleset.roles:
        things = listed(list(dict.fromkeys(owned.get(role.name, ()))))
        text = f"{words.role(role.name)} look after {things or 'nothing'}."
        yield Entry(text, f"role {role.name}", role.span)


def _checks(topic: str, index: Index, words: Phrases) -> Iterator[Entry]:
    for check in index.ruleset.checks:
        if topic_of(check) == topic:
            yield Entry(s.check(check, words), f"check {check.name}", check.span)


def topic_of(check: n.Check) -> str:
    """The topic that a check belongs to."""
    named = {name for e in (check.when, *check.requires) if e is not None for name in uses(e)}
    if named & _UNITS:
        return "uom"
    if any(word in name for name in named for word in _APPROVAL):
        return "approval"
    return "exceptions"


_WRITE = {
    "ready": _ready,
    "status": _status,
    "mapping": _mapping,
    "uom": _uom,
    "approval": _approval,
    "timing": _timing,
    "exceptions": _exceptions,
    "duplicates": _duplicates,
    "retry": _retry,
    "owners": _owners,
}
