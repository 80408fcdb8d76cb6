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
from rules.testing.test_steps import StoryEnd, play_test
from rules.types.symbol_table import DocumentSchema, FieldSchema, Index, Schemas
from rules.values.canonical import PostingState

MOST_LINES = 100
"""A record with more lines is too long for a readable test."""

MOST_TRIED = 100
"""How many facts are tried for removal. A longer list stays complete."""

MINUTE: Final = timedelta(minutes=1)

Line: TypeAlias = tuple[int, tuple[nodes.FieldIs, ...]]

MOST_NAMED = 20
"""How many document lines are listed at most; with more, none is listed."""

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
    """The samples and the test of a record; the last sample is the record itself."""

    samples: tuple[nodes.Sample, ...]
    test: nodes.Test


@dataclass(frozen=True, slots=True)
class NoCase:
    """Explain why there is no test. `route` has another result in a test; None: the record is too
    long.
    """

    route: str | None


def case_of(program: Program, judged: Judged, neutral: Neutral, schemas: Schemas) -> Case | NoCase:
    """Return the record as a test that passes, or why there is none. `neutral` replaces personal
    values.
    """
    index = Index(program.ruleset)
    story = story_of(judged.subject, judged.facts)
    judged = replace(judged, used=_read(program, judged, story))
    zone, secrets = program.zone(judged.subject.kind), neutral.secrets(judged, story, index)
    values = Values(index, zone, neutral.of_records, secrets)
    lines = values.lines_of(story.body, judged.subject.kind)
    if len(lines) > MOST_LINES:
        return NoCase(None)
    sample = _sample(values, judged, story.body, lines)
    facts, linked = sample_facts(values, judged, story, sample.name)
    later = later_facts(values, judged, story)
    play = _Play(program, values, judged, sample, linked)
    if (differs := play.differs(facts, later)) is not None:
        return NoCase(differs)
    facts = play.needed(facts, later)
    return play.case(facts, later, schemas)


def _read(program: Program, judged: Judged, story: Story) -> tuple[Use, ...]:
    """Return the entries that the evaluation read, and for a posted record first the entries of its
    document.
    """
    used = judged.outcome.used
    if story.changed is None:
        return used
    unsent = replace(
        judged.facts,
        postings=(),
        target_edited=(),
        stored_otherwise=(),
        history={},
        documents=(),
    )
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
    """Play a record's story with a choice of its facts."""

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
        self._index: Final = Index(replace(ruleset, samples=samples))

    def differs(self, facts: Sequence[nodes.Fact], later: Sequence[nodes.Fact]) -> str | None:
        """Return the first route with another result than recorded, or None."""
        end = self._play(facts, later)
        hidden = self._values.secrets
        return first_difference(self._judged.outcome, end.outcome, hidden)

    def needed(self, facts: Sequence[nodes.Fact], later: Sequence[nodes.Fact]) -> list[nodes.Fact]:
        """Return the facts whose removal changes the result."""
        remaining = list(facts)
        if len(remaining) > MOST_TRIED:
            return remaining
        for fact in facts:
            fewer = [other for other in remaining if other is not fact]
            if self.differs(fewer, later) is None:
                remaining = fewer
        return remaining

    def case(
        self, facts: Sequence[nodes.Fact], later: Sequence[nodes.Fact], schemas: Schemas
    ) -> Case | NoCase:
        """Return the needed samples and the passing test, or why there is none."""
        end, zone = self._play(facts, later), self._values.zone
        expects = expectations(end.outcome, self._index, zone, schemas)
        title = self._values.free_title(outcome_title(end.outcome))
        test = nodes.Test(title, self._sample.name, None, (), _steps(later), expects, NOWHERE)
        if not expects or Expectations(test, end, zone).failure():
            routes = (item.route for item in end.outcome.decisions)
            return NoCase(next(routes, self._judged.subject.kind))
        named = {
            name for fact in facts if isinstance(fact, nodes.IsRecords) for name in fact.samples
        }
        linked = tuple(item for item in self._linked if item.name in named)
        return Case((*linked, replace(self._sample, facts=tuple(facts))), test)

    def _play(self, facts: Sequence[nodes.Fact], later: Sequence[nodes.Fact]) -> StoryEnd:
        sample = replace(self._sample, facts=tuple(facts))
        test = nodes.Test("", sample.name, None, (), _steps(later), (), NOWHERE)
        return play_test(sample, test, self._index, self._program)


def _steps(later: Sequence[nodes.Fact]) -> tuple[nodes.Then, ...]:
    return (nodes.Then(None, tuple(later), NOWHERE),) if later else ()


def sample_facts(
    values: Values, judged: Judged, story: Story, name: str
) -> tuple[list[nodes.Fact], tuple[nodes.Sample, ...]]:
    """Return the facts of a sample, and the samples of linked records."""
    links, samples = _links(values, judged, name)
    facts = [*_own_facts(judged, story, name), *links, *_entries(values, judged)]
    return [*facts, *_set_ups(values, judged), *_documents(values, judged, story)], samples


def _links(
    values: Values, judged: Judged, name: str
) -> tuple[list[nodes.Fact], tuple[nodes.Sample, ...]]:
    facts, samples = list[nodes.Fact](), list[nodes.Sample]()
    links = values.index.links.get(judged.subject.kind, {})
    for link, bodies in judged.facts.links.items():
        names = list[str]()
        for body in bodies if link in links else ():
            kind = links[link].other
            sample_name = values.free_name(f"{name}_{link}", [sample.name for sample in samples])
            sets, lines = values.pairs(body, kind), values.lines_of(body, kind)
            judged_at = values.local(judged.now)
            samples.append(nodes.Sample(sample_name, kind, judged_at, sets, lines, (), NOWHERE))
            names.append(sample_name)
        if names:
            facts.append(nodes.IsRecords(link, tuple(names), NOWHERE))
    return facts, tuple(samples)


def _own_facts(judged: Judged, story: Story, name: str) -> Iterator[nodes.Fact]:
    """Yield the period, the last editor, the e-Invoice's issuer and age, and earlier records."""
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
    issued_at = [posting.e_invoice_at for posting in judged.facts.postings if posting.e_invoice_at]
    if issued_at:
        age = (judged.now - issued_at[-1]) // MINUTE * MINUTE
        yield nodes.IsValue("e_invoice_age", nodes.Literal("duration", age, NOWHERE), NOWHERE)


def _entries(values: Values, judged: Judged) -> Iterator[nodes.Fact]:
    """Yield the map entries that were read, because a test sees only entries in its facts."""
    for use in dict.fromkeys(
        (used_entry.table, used_entry.key, used_entry.value) for used_entry in judged.used
    ):
        table, key, value = use
        shown_key, shown_value = values.secrets.redact(key), values.secrets.redact(value)
        if table in values.index.maps and can_be_quoted(shown_key) and can_be_quoted(shown_value):
            yield nodes.Entry(
                table, shown_key, nodes.Literal("text", shown_value, NOWHERE), NOWHERE
            )


def _set_ups(values: Values, judged: Judged) -> Iterator[nodes.Fact]:
    """Yield how the targets count the items that the record names."""
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
    """Yield the documents in the targets: of other records, of the family and of the record
    itself.
    """
    routes = values.index.routes()
    for document in judged.facts.documents:
        for name, value in document.fields.items() if document.route in routes else ():
            if CODE.fullmatch(name):
                yield nodes.TargetShows(
                    route_name(document.route), name, values.text(value), NOWHERE
                )
    numbers = dict(judged.facts.documents_of_family)
    if story.changed is not None:
        own_routes = {str(post.route) for post in values.index.posts.get(judged.subject.kind, [])}
        numbers = {route: number for route, number in numbers.items() if route not in own_routes}
    else:
        numbers |= {posting.route: posting.number for posting in judged.facts.postings}
    for route, number in numbers.items():
        if can_be_quoted(number):
            yield nodes.IsPosted(route_name(route), number or None, NOWHERE)


def later_facts(values: Values, judged: Judged, story: Story) -> list[nodes.Fact]:
    """Return what happened after the posting."""
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


def first_difference(expected: Outcome, actual: Outcome, hidden: Secrets) -> str | None:
    """Return the first route with another result, or None. Document values that contain a hidden
    value are not compared.
    """
    by_route = {decision.route: decision for decision in actual.decisions}
    for decision in expected.decisions:
        counterpart = by_route.get(decision.route)
        if (
            counterpart is None
            or _shape(decision) != _shape(counterpart)
            or not _sends_equal(decision, counterpart, hidden)
        ):
            return decision.route
    return None


def _shape(decision: Decision) -> tuple[object, ...]:
    findings = frozenset((f.rule, f.severity, f.owner) for f in decision.findings)
    wait = (decision.wait.kind, decision.wait.route, decision.wait.until) if decision.wait else None
    return decision.state, findings, wait, tuple((s.action, s.route, s.rule) for s in decision.plan)


def _sends_equal(decision: Decision, other: Decision, hidden: Secrets) -> bool:
    """Check whether the documents to send are equal."""
    if decision.state != PostingState.READY:
        return True
    pairs = zip(decision.plan, other.plan, strict=True)
    return all(_equal_documents(a.document, b.document, hidden) for a, b in pairs)


def _equal_documents(document: Document | None, other: Document | None, hidden: Secrets) -> bool:
    if document is None or other is None:
        return document is other
    if len(document.lines) != len(other.lines):
        return False
    rows = zip((document.fields, *document.lines), (other.fields, *other.lines), strict=True)
    return all(_equal_rows(a, b, hidden) for a, b in rows)


def _equal_rows(row: Mapping[str, str], other: Mapping[str, str], hidden: Secrets) -> bool:
    return row.keys() == other.keys() and all(
        value == other[name] or hidden.within(value) for name, value in row.items()
    )


def expectations(
    outcome: Outcome, index: Index, zone: ZoneInfo, schemas: Schemas
) -> tuple[nodes.Expect, ...]:
    """Return the expectations of each route."""
    reasons, expects = known_reasons(index), list[nodes.Expect]()
    for decision in outcome.decisions:
        route = route_name(decision.route)
        schema = schemas.document(route.target, route.document)
        expects += _expected(decision, reasons, zone, schema)
    return tuple(expects)


def _expected(
    decision: Decision, reasons: Collection[str], zone: ZoneInfo, schema: DocumentSchema | None
) -> Iterator[nodes.Expect]:
    route = route_name(decision.route)

    def make_expected(kind: str, **more: Any) -> nodes.Expected:
        of = {"role": None, "until": None, "route": None, "reason": None, **more}
        of["reason"] = of["reason"] if of["reason"] in reasons else None
        return nodes.Expected(kind, again=None, span=NOWHERE, **of)

    done = _table_action(decision)
    if done is not None:
        yield nodes.Expect(route, make_expected(done.kind, reason=done.rule), (), (), NOWHERE)
    elif decision.state == PostingState.WAITING:
        yield nodes.Expect(route, _waits(decision, make_expected, zone), (), (), NOWHERE)
    elif decision.state in _STATES:
        head, lines = _contents(decision, schema)
        yield nodes.Expect(route, make_expected(_STATES[decision.state]), head, lines, NOWHERE)
    findings = dict.fromkeys((f.severity, f.owner, f.rule, f.code) for f in decision.findings)
    for severity, owner, rule, code in findings:
        if severity == "approve":
            expected = make_expected("approve", role=owner)
        elif severity == "hold" and code != BLOCKED:
            expected = make_expected("hold", role=owner, reason=rule)
        else:
            expected = make_expected("block" if severity == "hold" else severity, reason=rule)
        yield nodes.Expect(route, expected, (), (), NOWHERE)


@dataclass(frozen=True, slots=True)
class _TableAction:
    """Name a table's action on the posted document, and its row's rule."""

    kind: str
    rule: str


def _table_action(decision: Decision) -> _TableAction | None:
    if decision.state != PostingState.READY:
        return None
    by_rule = {step.action: step.rule for step in decision.plan if step.rule}
    if by_rule.keys() >= {"credit_note", "create"}:
        return _TableAction("credit_and_new", by_rule["credit_note"])
    for action, kind in _DONE.items():
        if action in by_rule:
            return _TableAction(kind, by_rule[action])
    return None


def _waits(
    decision: Decision, make_expected: Callable[..., nodes.Expected], zone: ZoneInfo
) -> nodes.Expected:
    wait = decision.wait
    if wait is not None and wait.until is not None and not wait.until.second:
        return make_expected("wait_until", until=wait.until.astimezone(zone).replace(tzinfo=None))
    if wait is not None and wait.route:
        return make_expected("wait_for", route=route_name(wait.route))
    return make_expected("wait")


def _contents(
    decision: Decision, schema: DocumentSchema | None
) -> tuple[tuple[nodes.FieldIs, ...], tuple[Line, ...]]:
    """Return the document's fields, and its lines if they are few."""
    if decision.state != PostingState.READY or decision.document is None:
        return (), ()
    header, line_schema = (schema.header, schema.lines) if schema else ((), ())
    rows = [tuple(_fields(row, line_schema)) for row in decision.document.lines]
    named = rows if len(rows) <= MOST_NAMED and all(rows) else []
    return tuple(_fields(decision.document.fields, header)), tuple(enumerate(named, 1))


def _fields(row: Mapping[str, str], schema: Sequence[FieldSchema]) -> Iterator[nodes.FieldIs]:
    types = {field.name: field.type for field in schema}
    for name, value in row.items():
        if value and CODE.fullmatch(name) and can_be_quoted(value):
            yield nodes.FieldIs(name, _value(value, types.get(name, "text")), NOWHERE)


def _value(text: str, type_: str) -> nodes.Literal:
    """Return a document value as a literal: a number or a date bare if the target's field has that
    type.
    """
    if type_ == "date" and DAY.fullmatch(text):
        return nodes.Literal("date", date.fromisoformat(text), NOWHERE)
    if type_ != "text" and NUMBER.fullmatch(text) and len(text) <= DIGITS:
        return nodes.Literal("number", Decimal(text), NOWHERE)
    return nodes.Literal("text", text, NOWHERE)


def outcome_title(outcome: Outcome) -> str:
    """Return one line for people: the record's number and its result by route."""
    results = (
        f"{decision.route.partition('.')[2]} {_result_words(decision)}"
        for decision in outcome.decisions
    )
    return f"{outcome.number}: {', '.join(results)}"


def _result_words(decision: Decision) -> str:
    done = _table_action(decision)
    if done is not None:
        return f"takes {done.kind.replace('_', ' ')} because {done.rule}"
    stop = next((f for f in decision.findings if f.severity != "warn"), None)
    if stop is None:
        return _BECOMES[decision.state]
    return f"{_STOPPED[stop.severity]} because {stop.rule}"
