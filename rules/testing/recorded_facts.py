"""What a sample tells of a record and of its world, from what it was judged with.

Here: fields and their values, the facts behind `with`, what happened after posting. What nobody
could write, a text with a quote in it say, is written as nearly as it can be. Not here: whether the
outcome comes out of it (recorded_cases.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from grammar import nodes as n
from grammar.layout.written import can_be_quoted
from grammar.parsing.build_expressions import DIGITS
from grammar.text.problem import Span
from rules.facts.world import Facts, Subject
from rules.types.symbol_table import Index

if TYPE_CHECKING:
    from rules.testing.recorded_cases import Judged

NOWHERE: Final = Span("", 1, 1, 1, 1)
MINUTE: Final = timedelta(minutes=1)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CODE = re.compile(r"[A-Z][A-Za-z0-9_]*")
_UNWRITTEN = re.compile(r'["\x00-\x1f\x7f]')
_NUMBERS: Final = frozenset({"whole", "decimal", "money", "quantity"})
_LONGEST_NAME: Final = 40
_LONGEST_TITLE: Final = 100
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Story:
    """The content to begin with, and what it was changed to after it was posted; None where nothing
    of this has to be played.
    """

    body: Body
    changed: Body | None


def story_of(subject: Subject, facts: Facts) -> Story:
    """A record that changed since it was posted, or whose document was changed, is posted first."""
    before = [one.body for one in facts.postings if one.body is not None]
    if before:
        return Story(before[-1], subject.body)
    return Story(subject.body, subject.body if facts.target_edited else None)


@dataclass(frozen=True, slots=True)
class Neutral:
    """What is written for personal values: by field of a record, and by field of a
    document.
    """

    of_records: Mapping[str, str]
    of_documents: Mapping[str, str]

    def secrets(self, judged: Judged, story: Story, index: Index) -> dict[str, str]:
        """Each value that is not written, folded -> what is written instead."""
        tables = self._tables(index, judged.subject.kind)
        entries = [(one.value, tables[one.table]) for one in judged.used if one.table in tables]
        linked = (body for bodies in judged.facts.links.values() for body in bodies)
        bodies = (judged.subject.body, story.body, *linked)
        rows = [(of, self.of_records) for of in bodies]
        for decision in judged.outcome.decisions:
            rows += [(s.document.fields, self.of_documents) for s in decision.plan if s.document]
        rows += [(one.fields, self.of_documents) for one in judged.facts.documents]
        told = [(of.get(name), instead) for of, by in rows for name, instead in by.items()]
        return {str(one).strip().casefold(): to for one, to in (*entries, *told) if one}

    def _tables(self, index: Index, kind: str) -> dict[str, str]:
        """The maps from which such a field of a document comes, with what is written instead."""
        found = dict[str, str]()
        for post in index.posts.get(kind, []):
            for assign in post.fields:
                if (instead := self.of_documents.get(assign.name)) is not None:
                    found |= dict.fromkeys(_maps_in(assign.expr, index, kind), instead)
        return found


@dataclass(frozen=True, slots=True)
class Values:
    """Values and names as a rule file writes them. `secrets`: what is not written, folded -> what
    is written instead; `hidden` fields of a record have nothing else.
    """

    index: Index
    zone: ZoneInfo
    hidden: Mapping[str, str]
    secrets: Mapping[str, str]

    def pairs(self, body: Body, kind: str) -> tuple[n.Pair, ...]:
        """The fields that the rules declare of a record or of a line, as far as it has them."""
        found = ((field.name, self.value(field, body.get(field.name))) for field in self._of(kind))
        return tuple(n.Pair(name, value, NOWHERE) for name, value in found if value is not None)

    def lines_of(self, body: Body, kind: str) -> tuple[tuple[n.Pair, ...], ...]:
        """The lines of a record."""
        lines, of_line = self._lines(body, kind), self.index.line_records.get(kind)
        return tuple(self.pairs(line, of_line.name) for line in lines) if of_line else ()

    def value(self, field: n.Field, held: object) -> n.Value | None:
        """A value of a field; None where it has none that could be written."""
        if held is None or isinstance(held, list | dict):
            return None
        if isinstance(held, bool):
            return n.Literal("yes_no", held, NOWHERE)
        said = str(held)
        if field.name in self.hidden and said.strip():
            return text(self.hidden[field.name])
        if field.type in _NUMBERS and _NUMBER.fullmatch(said) and len(said) <= DIGITS:
            return n.Literal("number", Decimal(said), NOWHERE)
        if field.type == "one_of" and said in {state.name for state in field.states}:
            return n.Word(said, NOWHERE)
        try:
            if field.type == "date" and _DAY.fullmatch(said):
                return n.Literal("date", date.fromisoformat(said), NOWHERE)
            if field.type == "moment":
                return n.Literal("moment", self.local(datetime.fromisoformat(said)), NOWHERE)
        except ValueError:
            pass
        return self.text(said)

    def text(self, said: str) -> n.Literal:
        """A text between quotes, or what is written instead."""
        return text(self.open(said))

    def open(self, said: str) -> str:
        """What may be written for a text."""
        return self.secrets.get(said.strip().casefold(), said)

    def local(self, moment: datetime) -> datetime:
        """The minute of a moment where the source is."""
        there = moment.astimezone(self.zone) if moment.tzinfo else moment
        return there.replace(second=0, microsecond=0, tzinfo=None)

    def changes(self, kind: str, before: Body, after: Body) -> Iterator[n.Fact]:
        """What of a record is otherwise after it was posted, as far as one can say it."""
        for field in self._of(kind):
            was, now = (self.value(field, of.get(field.name)) for of in (before, after))
            if now is None and was is not None:
                yield n.IsMissing(field.name, NOWHERE)
            elif now is not None and now != was:
                yield n.IsValue(field.name, now, NOWHERE)
        of_line = self.index.line_records.get(kind)
        pairs = zip(self._lines(before, kind), self._lines(after, kind), strict=False)
        for number, (line, other) in enumerate(pairs, 1):
            for field in self._of(of_line.name) if of_line else ():
                was, now = (self.value(field, of.get(field.name)) for of in (line, other))
                if now is not None and now != was:
                    yield n.LineValue(number, field.name, now, NOWHERE)

    def free_name(self, wanted: str, taken: Sequence[str] = ()) -> str:
        """A name for a sample that no other has."""
        name = re.sub("[^a-z0-9]+", "_", wanted.lower())[:_LONGEST_NAME].strip("_")
        return _free(name, {*self.index.samples, *taken}, "{}_{}")

    def free_title(self, wanted: str) -> str:
        """A title that no other test has."""
        title = _UNWRITTEN.sub(" ", wanted)[:_LONGEST_TITLE].strip()
        return _free(title, {test.title for test in self.index.ruleset.tests}, "{} ({})")

    def _of(self, kind: str) -> Iterator[n.Field]:
        for field in self.index.fields.get(kind, {}).values():
            if isinstance(field, n.Field) and field.type != "many":
                yield field

    def _lines(self, body: Body, kind: str) -> list[Body]:
        many = self.index.lines_field(kind)
        lines = body.get(many.name) if many else None
        return [one for one in lines if isinstance(one, dict)] if isinstance(lines, list) else []


def _maps_in(expr: n.Expr, index: Index, kind: str) -> set[str]:
    """The maps that a value is read from, also by the way of fields that are worked out."""
    found, waiting, seen = set[str](), [expr], set[str]()
    while waiting:
        for node in n.walk(waiting.pop()):
            if isinstance(node, n.Call) and node.name in index.maps:
                found.add(node.name)
            elif isinstance(node, n.Name) and len(node.path) == 1 and node.path[0] not in seen:
                seen.add(node.path[0])
                field = index.fields.get(kind, {}).get(node.path[0])
                waiting += [field.expr] if isinstance(field, n.Computed) else []
    return found


def text(value: str) -> n.Literal:
    """A text between quotes; a quote or a control character in it becomes an apostrophe."""
    return n.Literal("text", _UNWRITTEN.sub("'", value), NOWHERE)


def route_name(route: str) -> n.RouteName:
    """The name of a route as a node."""
    target, _, document = route.partition(".")
    return n.RouteName(target, document, NOWHERE)


def given(values: Values, judged: Judged, name: str) -> tuple[list[n.Fact], tuple[n.Sample, ...]]:
    """The facts of the sample of this name, and the samples of records that are linked to it."""
    links, samples = _links(values, judged, name)
    facts = [*_own(judged, name), *links, *_entries(values, judged), *_set_ups(values, judged)]
    return [*facts, *_documents(values, judged)], samples


def then(values: Values, judged: Judged, story: Story) -> list[n.Fact]:
    """What happened after it was posted."""
    if story.changed is None:
        return []
    facts = list(values.changes(judged.subject.kind, story.body, story.changed))
    for edit in judged.facts.target_edited:
        if edit.line is None and _CODE.fullmatch(edit.field):
            shows = values.text(edit.shows)
            facts.append(n.TargetShows(route_name(edit.route), edit.field, shows, NOWHERE))
    facts += [*_e_invoice(judged), n.IsValue("period", n.Word(_period(judged), NOWHERE), NOWHERE)]
    return facts


def _own(judged: Judged, name: str) -> Iterator[n.Fact]:
    """The period, who wrote last, how old its e-Invoice is, and what came before it."""
    facts, played = judged.facts, story_of(judged.subject, judged.facts).changed is not None
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
        own, to = values.open(key), values.open(value)
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
                if can_be_quoted(item) and _CODE.fullmatch(unit) and _CODE.fullmatch(units.base):
                    counts = Decimal(den), unit, item, Decimal(num), units.base
                    yield n.SetUp(*counts, target, NOWHERE)


def _documents(values: Values, judged: Judged) -> Iterator[n.Fact]:
    """What stands in the targets: of other records, of its family, of itself."""
    routes = values.index.routes()
    for document in judged.facts.documents:
        for name, value in document.fields.items() if document.route in routes else ():
            if _CODE.fullmatch(name):
                yield n.TargetShows(route_name(document.route), name, values.text(value), NOWHERE)
    numbers = dict(judged.facts.documents_of_family)
    if story_of(judged.subject, judged.facts).changed is not None:
        own = {str(post.route) for post in values.index.posts.get(judged.subject.kind, [])}
        numbers = {route: number for route, number in numbers.items() if route not in own}
    else:
        numbers |= {one.route: one.number for one in judged.facts.postings}
    for route, number in numbers.items():
        if can_be_quoted(number):
            yield n.IsPosted(route_name(route), number or None, NOWHERE)


def _free(wanted: str, taken: set[str], pattern: str) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = pattern.format(wanted, number)
    return name
