"""Write a judged record as a sample and a test."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from grammar import nodes
from grammar.layout.written import can_be_quoted
from grammar.parsing.build_expressions import DIGITS
from rules.checker.tests_and_samples import known_reasons
from rules.outcomes import Decision, Document, Outcome, Use
from rules.program import Program
from rules.testing.expectations import BLOCKED, Expectations
from rules.testing.recorded_values import (
    CODE,
    DAY,
    NOWHERE,
    NUMBER,
    Judged,
    Neutral,
    Secrets,
    Story,
    Values,
    route_name,
    story_of,
    text_literal,
)
from rules.testing.test_steps import Told, play_test
from rules.types.symbol_table import DocumentSchema, FieldSchema, Index, Schemas
from rules.values.canonical import PostingState

MOST_LINES = 100
"""A record of more is too long to be read as a test."""

MOST_TRIED = 100
"""Of so many facts it is tried which the outcome does not need; of more all stay."""

MINUTE: Final = timedelta(minutes=1)

Line: TypeAlias = tuple[int, tuple[nodes.FieldIs, ...]]

MOST_NAMED = 20
"""Lines of a document that are named: all of them, or none."""

_STATES: Final = {
    PostingState.READY: "ready",
    PostingState.POSTED: "posted",
    PostingState.IGNORED: "ignore",
    PostingState.DROPPED: "drop",
    PostingState.WAITING: "wait",
}

_BECOMES: Final = {
    PostingState.READY: "is ready",
    PostingState.POSTED: "is posted",
    PostingState.IGNORED: "is ignored",
    PostingState.DROPPED: "is dropped",
    PostingState.WAITING: "waits",
    PostingState.HELD: "is held",
}

_STOPPED: Final = {"hold": "is held", "approve": "needs approval", "reject": "is rejected"}

_DONE: Final = {
    "credit_note": "credit_note",
    "update": "update",
    "void": "void",
    "create": "new_document",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What stands in a rule file for a record; the last of the samples is the record itself."""

    samples: tuple[nodes.Sample, ...]
    test: nodes.Test


@dataclass(frozen=True, slots=True)
class Untold:
    """Why there is none. `route` comes to something else in a test; None: it is too long."""

    route: str | None


def case_of(program: Program, judged: Judged, neutral: Neutral, schemas: Schemas) -> Case | Untold:
    """The record as a test that passes; `neutral`: what is written for a name, say."""
    index = Index(program.ruleset, program.edition)
    story = story_of(judged.subject, judged.facts)
    judged = replace(judged, used=_read(program, judged, story))
    zone, secrets = program.zone(judged.subject.kind), neutral.secrets(judged, story, index)
    values = Values(index, zone, neutral.of_records, secrets)
    lines = values.lines_of(story.body, judged.subject.kind)
    if len(lines) > MOST_LINES:
        return Untold(None)
    sample = _sample(values, judged, story.body, lines)
    given, linked = sample_facts(values, judged, story, sample.name)
    then = later_facts(values, judged, story)
    play = _Play(program, values, judged, sample, linked)
    if (differs := play.differs(given, then)) is not None:
        return Untold(differs)
    given = play.needed(given, then)
    return play.case(given, then, schemas)


def _read(program: Program, judged: Judged, story: Story) -> tuple[Use, ...]:
    """The entries that were read; of a record that is posted first, also those of its document."""
    used = judged.outcome.used
    if story.changed is None:
        return used
    unsent = replace(judged.facts, postings=(), target_edited=(), history={}, documents=())
    subject = replace(judged.subject, body=story.body)
    return (*program.evaluate(subject, unsent, judged.world, judged.now).used, *used)


def _sample(
    values: Values,
    judged: Judged,
    body: Mapping[str, object],
    lines: tuple[tuple[nodes.Pair, ...], ...],
) -> nodes.Sample:
    kind = judged.subject.kind
    name = values.free_name(f"{kind}_{judged.outcome.number}")
    sets = values.pairs(body, kind)
    return nodes.Sample(name, kind, values.local(judged.now), sets, lines, (), NOWHERE)


class _Play:
    """The story of a record, played with this or that of its facts."""

    def __init__(
        self,
        program: Program,
        values: Values,
        judged: Judged,
        sample: nodes.Sample,
        linked: tuple[nodes.Sample, ...],
    ) -> None:
        self._program, self._values, self._judged = program, values, judged
        self._sample, self._linked = sample, linked
        ruleset = program.ruleset
        samples = (*ruleset.samples, *linked, sample)
        self._index: Final = Index(replace(ruleset, samples=samples), program.edition)

    def differs(self, given: Sequence[nodes.Fact], then: Sequence[nodes.Fact]) -> str | None:
        """The first route that comes to something else than it did; None: none does."""
        told = self._told(given, then)
        hidden = self._values.secrets
        return first_difference(self._judged.outcome, told.outcome, hidden)

    def needed(self, given: Sequence[nodes.Fact], then: Sequence[nodes.Fact]) -> list[nodes.Fact]:
        """The facts without which something else comes out."""
        left = list(given)
        if len(left) > MOST_TRIED:
            return left
        for fact in given:
            fewer = [one for one in left if one is not fact]
            if self.differs(fewer, then) is None:
                left = fewer
        return left

    def case(
        self, given: Sequence[nodes.Fact], then: Sequence[nodes.Fact], schemas: Schemas
    ) -> Case | Untold:
        """The samples that are needed, and the test, which passes."""
        told, zone = self._told(given, then), self._values.zone
        expects = expectations(told.outcome, self._index, zone, schemas)
        title = self._values.free_title(outcome_title(told.outcome))
        test = nodes.Test(title, self._sample.name, None, (), _steps(then), expects, NOWHERE)
        if not expects or Expectations(test, told, zone).failure():
            routes = (one.route for one in told.outcome.decisions)
            return Untold(next(routes, self._judged.subject.kind))
        named = {
            name for fact in given if isinstance(fact, nodes.IsRecords) for name in fact.samples
        }
        linked = tuple(one for one in self._linked if one.name in named)
        return Case((*linked, replace(self._sample, facts=tuple(given))), test)

    def _told(self, given: Sequence[nodes.Fact], then: Sequence[nodes.Fact]) -> Told:
        sample = replace(self._sample, facts=tuple(given))
        test = nodes.Test("", sample.name, None, (), _steps(then), (), NOWHERE)
        return play_test(sample, test, self._index, self._program)


def _steps(then: Sequence[nodes.Fact]) -> tuple[nodes.Then, ...]:
    return (nodes.Then(None, tuple(then), NOWHERE),) if then else ()


def sample_facts(
    values: Values, judged: Judged, story: Story, name: str
) -> tuple[list[nodes.Fact], tuple[nodes.Sample, ...]]:
    """The facts of the sample of this name, and the samples of records that are linked to it."""
    links, samples = _links(values, judged, name)
    facts = [*_own(judged, story, name), *links, *_entries(values, judged)]
    return [*facts, *_set_ups(values, judged), *_documents(values, judged, story)], samples


def _links(
    values: Values, judged: Judged, name: str
) -> tuple[list[nodes.Fact], tuple[nodes.Sample, ...]]:
    facts, samples = list[nodes.Fact](), list[nodes.Sample]()
    known = values.index.links.get(judged.subject.kind, {})
    for link, bodies in judged.facts.links.items():
        names = list[str]()
        for body in bodies if link in known else ():
            kind = known[link].other
            own = values.free_name(f"{name}_{link}", [one.name for one in samples])
            sets, lines = values.pairs(body, kind), values.lines_of(body, kind)
            at = values.local(judged.now)
            samples.append(nodes.Sample(own, kind, at, sets, lines, (), NOWHERE))
            names.append(own)
        if names:
            facts.append(nodes.IsRecords(link, tuple(names), NOWHERE))
    return facts, tuple(samples)


def _own(judged: Judged, story: Story, name: str) -> Iterator[nodes.Fact]:
    """The period, who wrote last, who makes its e-Invoice and its age, and what came before."""
    facts, played = judged.facts, story.changed is not None
    if any(target.known for target in judged.world.targets.values()):
        word = "open" if played else _period(judged)
        yield nodes.IsValue("period", nodes.Word(word, NOWHERE), NOWHERE)
    if facts.last_editor:
        yield nodes.IsValue("last_editor", text_literal(facts.last_editor), NOWHERE)
    if facts.e_invoice_issuer != "us":
        issuer = nodes.Word(facts.e_invoice_issuer, NOWHERE)
        yield nodes.IsValue("e_invoice_issuer", issuer, NOWHERE)
    if not played:
        yield from _e_invoice(judged)
    if facts.history:
        yield nodes.IsRecords("seen", (name,), NOWHERE)


def _period(judged: Judged) -> str:
    day = judged.outcome.doc_date
    through = [target.locked_through for target in judged.world.targets.values()]
    return "locked" if day and any(last and day <= last for last in through) else "open"


def _e_invoice(judged: Judged) -> Iterator[nodes.Fact]:
    since = [one.e_invoice_at for one in judged.facts.postings if one.e_invoice_at]
    if since:
        age = (judged.now - since[-1]) // MINUTE * MINUTE
        yield nodes.IsValue("e_invoice_age", nodes.Literal("duration", age, NOWHERE), NOWHERE)


def _entries(values: Values, judged: Judged) -> Iterator[nodes.Fact]:
    """The entries of maps that were read, which a test sees only where they are told."""
    for use in dict.fromkeys((one.table, one.key, one.value) for one in judged.used):
        table, key, value = use
        own, to = values.secrets.open(key), values.secrets.open(value)
        if table in values.index.maps and can_be_quoted(own) and can_be_quoted(to):
            yield nodes.Entry(table, own, nodes.Literal("text", to, NOWHERE), NOWHERE)


def _set_ups(values: Values, judged: Judged) -> Iterator[nodes.Fact]:
    """How the targets count the items that the record speaks of."""
    lines = values.lines_of(judged.subject.body, judged.subject.kind)
    words = {
        str(p.value.value) for line in lines for p in line if isinstance(p.value, nodes.Literal)
    }
    words |= {use.value for use in judged.used}
    for target, state in judged.world.targets.items():
        for item in sorted(words & state.items.keys()) if target in values.index.targets else ():
            units = state.items[item]
            for unit, (num, den) in {units.base: (1, 1), **units.rates}.items():
                if can_be_quoted(item) and CODE.fullmatch(unit) and CODE.fullmatch(units.base):
                    counts = Decimal(den), unit, item, Decimal(num), units.base
                    yield nodes.SetUp(*counts, target, NOWHERE)


def _documents(values: Values, judged: Judged, story: Story) -> Iterator[nodes.Fact]:
    """What stands in the targets: of other records, of its family, of itself."""
    routes = values.index.routes()
    for document in judged.facts.documents:
        for name, value in document.fields.items() if document.route in routes else ():
            if CODE.fullmatch(name):
                yield nodes.TargetShows(
                    route_name(document.route), name, values.text(value), NOWHERE
                )
    numbers = dict(judged.facts.documents_of_family)
    if story.changed is not None:
        own = {str(post.route) for post in values.index.posts.get(judged.subject.kind, [])}
        numbers = {route: number for route, number in numbers.items() if route not in own}
    else:
        numbers |= {one.route: one.number for one in judged.facts.postings}
    for route, number in numbers.items():
        if can_be_quoted(number):
            yield nodes.IsPosted(route_name(route), number or None, NOWHERE)


def later_facts(values: Values, judged: Judged, story: Story) -> list[nodes.Fact]:
    """What happened after it was posted."""
    if story.changed is None:
        return []
    facts = list(values.changes(judged.subject.kind, story.body, story.changed))
    for edit in judged.facts.target_edited:
        if edit.line is None and CODE.fullmatch(edit.field):
            shows = values.text(edit.shows)
            facts.append(nodes.TargetShows(route_name(edit.route), edit.field, shows, NOWHERE))
    facts += [
        *_e_invoice(judged),
        nodes.IsValue("period", nodes.Word(_period(judged), NOWHERE), NOWHERE),
    ]
    return facts


def first_difference(wanted: Outcome, found: Outcome, hidden: Secrets) -> str | None:
    """The first route that comes to something else; None: none does. Values of documents that hold
    a hidden one are not compared.
    """
    others = {one.route: one for one in found.decisions}
    for one in wanted.decisions:
        other = others.get(one.route)
        if other is None or _shape(one) != _shape(other) or not _alike(one, other, hidden):
            return one.route
    return None


def _shape(one: Decision) -> tuple[object, ...]:
    findings = frozenset((f.rule, f.severity, f.owner) for f in one.findings)
    wait = (one.wait.kind, one.wait.route, one.wait.until) if one.wait else None
    return one.state, findings, wait, tuple((s.action, s.route, s.rule) for s in one.plan)


def _alike(one: Decision, other: Decision, hidden: Secrets) -> bool:
    """Whether what is sent is the same."""
    if one.state != PostingState.READY:
        return True
    pairs = zip(one.plan, other.plan, strict=True)
    return all(_same(a.document, b.document, hidden) for a, b in pairs)


def _same(one: Document | None, other: Document | None, hidden: Secrets) -> bool:
    if one is None or other is None:
        return one is other
    if len(one.lines) != len(other.lines):
        return False
    rows = zip((one.fields, *one.lines), (other.fields, *other.lines), strict=True)
    return all(_same_row(a, b, hidden) for a, b in rows)


def _same_row(one: Mapping[str, str], other: Mapping[str, str], hidden: Secrets) -> bool:
    return one.keys() == other.keys() and all(
        value == other[name] or hidden.within(value) for name, value in one.items()
    )


def expectations(
    outcome: Outcome, index: Index, zone: ZoneInfo, schemas: Schemas
) -> tuple[nodes.Expect, ...]:
    """What is expected of each route."""
    known, found = known_reasons(index), list[nodes.Expect]()
    for one in outcome.decisions:
        route = route_name(one.route)
        schema = schemas.document(route.target, route.document)
        found += _expected(one, known, zone, schema)
    return tuple(found)


def _expected(
    one: Decision, known: Collection[str], zone: ZoneInfo, schema: DocumentSchema | None
) -> Iterator[nodes.Expect]:
    route = route_name(one.route)

    def says(kind: str, **more: Any) -> nodes.Expected:
        of = {"role": None, "until": None, "route": None, "reason": None, **more}
        of["reason"] = of["reason"] if of["reason"] in known else None
        return nodes.Expected(kind, again=None, span=NOWHERE, **of)

    done = _done(one)
    if done is not None:
        yield nodes.Expect(route, says(done.kind, reason=done.rule), (), (), NOWHERE)
    elif one.state == PostingState.WAITING:
        yield nodes.Expect(route, _waits(one, says, zone), (), (), NOWHERE)
    elif one.state in _STATES:
        head, lines = _contents(one, schema)
        yield nodes.Expect(route, says(_STATES[one.state]), head, lines, NOWHERE)
    findings = dict.fromkeys((f.severity, f.owner, f.rule, f.code) for f in one.findings)
    for severity, owner, rule, code in findings:
        if severity == "approve":
            said = says("approve", role=owner)
        elif severity == "hold" and code != BLOCKED:
            said = says("hold", role=owner, reason=rule)
        else:
            said = says("block" if severity == "hold" else severity, reason=rule)
        yield nodes.Expect(route, said, (), (), NOWHERE)


@dataclass(frozen=True, slots=True)
class _Done:
    """What a table has done about what is posted, and its row's rule."""

    kind: str
    rule: str


def _done(one: Decision) -> _Done | None:
    if one.state != PostingState.READY:
        return None
    by_rule = {step.action: step.rule for step in one.plan if step.rule}
    if by_rule.keys() >= {"credit_note", "create"}:
        return _Done("credit_and_new", by_rule["credit_note"])
    for action, kind in _DONE.items():
        if action in by_rule:
            return _Done(kind, by_rule[action])
    return None


def _waits(one: Decision, says: Callable[..., nodes.Expected], zone: ZoneInfo) -> nodes.Expected:
    wait = one.wait
    if wait is not None and wait.until is not None and not wait.until.second:
        return says("wait_until", until=wait.until.astimezone(zone).replace(tzinfo=None))
    if wait is not None and wait.route:
        return says("wait_for", route=route_name(wait.route))
    return says("wait")


def _contents(
    one: Decision, schema: DocumentSchema | None
) -> tuple[tuple[nodes.FieldIs, ...], tuple[Line, ...]]:
    """The document field by field, and line by line where these are few."""
    if one.state != PostingState.READY or one.document is None:
        return (), ()
    header, of_line = (schema.header, schema.lines) if schema else ((), ())
    rows = [tuple(_fields(row, of_line)) for row in one.document.lines]
    named = rows if len(rows) <= MOST_NAMED and all(rows) else []
    return tuple(_fields(one.document.fields, header)), tuple(enumerate(named, 1))


def _fields(row: Mapping[str, str], schema: Sequence[FieldSchema]) -> Iterator[nodes.FieldIs]:
    types = {field.name: field.type for field in schema}
    for name, value in row.items():
        if value and CODE.fullmatch(name) and can_be_quoted(value):
            yield nodes.FieldIs(name, _value(value, types.get(name, "text")), NOWHERE)


def _value(said: str, type_: str) -> nodes.Literal:
    """A number and a date bare, where the target has such a field."""
    if type_ == "date" and DAY.fullmatch(said):
        return nodes.Literal("date", date.fromisoformat(said), NOWHERE)
    if type_ != "text" and NUMBER.fullmatch(said) and len(said) <= DIGITS:
        return nodes.Literal("number", Decimal(said), NOWHERE)
    return nodes.Literal("text", said, NOWHERE)


def outcome_title(outcome: Outcome) -> str:
    """One line for people: the record, and what becomes of it."""
    told = (f"{one.route.partition('.')[2]} {_short(one)}" for one in outcome.decisions)
    return f"{outcome.number}: {', '.join(told)}"


def _short(one: Decision) -> str:
    done = _done(one)
    if done is not None:
        return f"takes {done.kind.replace('_', ' ')} because {done.rule}"
    stop = next((f for f in one.findings if f.severity != "warn"), None)
    if stop is None:
        return _BECOMES[one.state]
    return f"{_STOPPED[stop.severity]} because {stop.rule}"
