"""What a sample tells of the world of a record, from what it was judged with.

Here: the facts behind `with`, linked records, what happened after posting. Not here: its own fields
(recorded_values.py), whether the outcome comes out of it (recorded_cases.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from grammar import nodes as n
from grammar.layout.written import can_be_quoted
from rules.testing.recorded_values import CODE, NOWHERE, Judged, Story, Values, route_name, text

MINUTE: Final = timedelta(minutes=1)


def given(
    values: Values, judged: Judged, story: Story, name: str
) -> tuple[list[n.Fact], tuple[n.Sample, ...]]:
    """The facts of the sample of this name, and the samples of records that are linked to it."""
    links, samples = _links(values, judged, name)
    facts = [*_own(judged, story, name), *links, *_entries(values, judged)]
    return [*facts, *_set_ups(values, judged), *_documents(values, judged, story)], samples


def then(values: Values, judged: Judged, story: Story) -> list[n.Fact]:
    """What happened after it was posted."""
    if story.changed is None:
        return []
    facts = list(values.changes(judged.subject.kind, story.body, story.changed))
    for edit in judged.facts.target_edited:
        if edit.line is None and CODE.fullmatch(edit.field):
            shows = values.text(edit.shows)
            facts.append(n.TargetShows(route_name(edit.route), edit.field, shows, NOWHERE))
    facts += [*_e_invoice(judged), n.IsValue("period", n.Word(_period(judged), NOWHERE), NOWHERE)]
    return facts


def _own(judged: Judged, story: Story, name: str) -> Iterator[n.Fact]:
    """The period, who wrote last, how old its e-Invoice is, and what came before it."""
    facts, played = judged.facts, story.changed is not None
    if any(target.known for target in judged.world.targets.values()):
        word = "open" if played else _period(judged)
        yield n.IsValue("period", n.Word(word, NOWHERE), NOWHERE)
    if facts.last_editor:
        yield n.IsValue("last_editor", text(facts.last_editor), NOWHERE)
    if not played:
        yield from _e_invoice(judged)
    if facts.history:
        yield n.IsRecords("seen", (name,), NOWHERE)


def _period(judged: Judged) -> str:
    day = judged.outcome.doc_date
    through = [target.locked_through for target in judged.world.targets.values()]
    return "locked" if day and any(last and day <= last for last in through) else "open"


def _e_invoice(judged: Judged) -> Iterator[n.Fact]:
    since = [one.e_invoice_at for one in judged.facts.postings if one.e_invoice_at]
    if since:
        age = (judged.now - since[-1]) // MINUTE * MINUTE
        yield n.IsValue("e_invoice_age", n.Literal("duration", age, NOWHERE), NOWHERE)


def _links(values: Values, judged: Judged, name: str) -> tuple[list[n.Fact], tuple[n.Sample, ...]]:
    facts, samples = list[n.Fact](), list[n.Sample]()
    known = values.index.links.get(judged.subject.kind, {})
    for link, bodies in judged.facts.links.items():
        names = list[str]()
        for body in bodies if link in known else ():
            kind = known[link].other
            own = values.free_name(f"{name}_{link}", [one.name for one in samples])
            sets, lines = values.pairs(body, kind), values.lines_of(body, kind)
            at = values.local(judged.now)
            samples.append(n.Sample(own, kind, at, sets, lines, (), NOWHERE))
            names.append(own)
        if names:
            facts.append(n.IsRecords(link, tuple(names), NOWHERE))
    return facts, tuple(samples)


def _entries(values: Values, judged: Judged) -> Iterator[n.Fact]:
    """The entries of maps that were read, which a test sees only where they are told."""
    for use in dict.fromkeys((one.table, one.key, one.value) for one in judged.used):
        table, key, value = use
        own, to = values.secrets.open(key), values.secrets.open(value)
        if table in values.index.maps and can_be_quoted(own) and can_be_quoted(to):
            yield n.Entry(table, own, n.Literal("text", to, NOWHERE), NOWHERE)


def _set_ups(values: Values, judged: Judged) -> Iterator[n.Fact]:
    """How the targets count the items that the record speaks of."""
    lines = values.lines_of(judged.subject.body, judged.subject.kind)
    words = {str(p.value.value) for line in lines for p in line if isinstance(p.value, n.Literal)}
    words |= {use.value for use in judged.used}
    for target, state in judged.world.targets.items():
        for item in sorted(words & state.items.keys()) if target in values.index.targets else ():
            units = state.items[item]
            for unit, (num, den) in {units.base: (1, 1), **units.rates}.items():
                if can_be_quoted(item) and CODE.fullmatch(unit) and CODE.fullmatch(units.base):
                    counts = Decimal(den), unit, item, Decimal(num), units.base
                    yield n.SetUp(*counts, target, NOWHERE)


def _documents(values: Values, judged: Judged, story: Story) -> Iterator[n.Fact]:
    """What stands in the targets: of other records, of its family, of itself."""
    routes = values.index.routes()
    for document in judged.facts.documents:
        for name, value in document.fields.items() if document.route in routes else ():
            if CODE.fullmatch(name):
                yield n.TargetShows(route_name(document.route), name, values.text(value), NOWHERE)
    numbers = dict(judged.facts.documents_of_family)
    if story.changed is not None:
        own = {str(post.route) for post in values.index.posts.get(judged.subject.kind, [])}
        numbers = {route: number for route, number in numbers.items() if route not in own}
    else:
        numbers |= {one.route: one.number for one in judged.facts.postings}
    for route, number in numbers.items():
        if can_be_quoted(number):
            yield n.IsPosted(route_name(route), number or None, NOWHERE)
