"""`sample` and `test` blocks: closed worlds, run without anything outside.

Here: run_tests. A sample's record, clock and world come from its block; CSV rows are not seen, rows
written in the rules are. Not here: checking that the blocks make sense (analyse/samples.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from grammar.problem import Span
from rules.canonical import moment_text, number_text
from rules.compile import Program
from rules.expectations import Expectations
from rules.facts import Facts, PostingFact, Subject, TargetDocument, TargetState, World
from rules.index import Index
from rules.outcome import Outcome
from rules.seeds import Seeds, literal_text, seeds


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of one test."""

    __test__ = False

    title: str
    passed: bool
    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class TestReport:
    """What became of all tests of a ruleset."""

    __test__ = False

    results: tuple[TestResult, ...]

    @property
    def failed(self) -> tuple[TestResult, ...]:
        """The tests that did not pass."""
        return tuple(r for r in self.results if not r.passed)


def run_tests(ruleset: n.Ruleset, program: Program) -> TestReport:
    """Run every test of a ruleset in its own world."""
    index = Index(ruleset)
    return TestReport(tuple(_run(test, index, program) for test in ruleset.tests))


def _run(test: n.Test, index: Index, program: Program) -> TestResult:
    sample = index.samples.get(test.given)
    if sample is None:
        message = f"there is no sample '{test.given}'"
        return TestResult(test.title, passed=False, message=message, span=test.span)
    outcome = evaluate_sample(sample, test, index, program)
    message = Expectations(test, outcome, program.zone(sample.record)).failure()
    return TestResult(test.title, passed=not message, message=message, span=test.span)


def evaluate_sample(
    sample: n.Sample, test: n.Test | None, index: Index, program: Program
) -> Outcome:
    """The outcome of a sample in its world, changed as a test says."""
    place = _Place(sample, index, program)
    place.apply(sample.facts)
    if test is not None:
        place.apply(test.facts)
    at = (test.at if test is not None else None) or sample.at
    now = at.replace(tzinfo=place.zone).astimezone(UTC)
    return program.evaluate(place.subject(), place.facts(now), place.world(), now)


@dataclass(slots=True)
class _Known:
    """The facts that a closed world was given."""

    period: str | None = None
    last_editor: str | None = None
    history: dict[str, tuple[str, ...]] = field(default_factory=dict)
    shows: dict[str, dict[str, str]] = field(default_factory=dict)
    posted: dict[str, str] = field(default_factory=dict)
    gone: set[tuple[str, str]] = field(default_factory=set)
    links: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)


class _Place:
    """The record and the world of one test while they are put together."""

    def __init__(self, sample: n.Sample, index: Index, program: Program) -> None:
        self.sample, self.index, self.program = sample, index, program
        self.kind = sample.record
        self.zone = program.zone(sample.record)
        self.body = _body(sample, index, self.zone)
        self.seeds: Seeds = seeds(_inline(index.ruleset), {})
        self.known = _Known()
        self.numbers = [str(p.route) for p in index.posts.get(sample.record, [])]

    def apply(self, facts: Iterable[n.Fact]) -> None:
        for fact in facts:
            getattr(self, f"_{type(fact).__name__.lower()}")(fact)

    def _isvalue(self, fact: n.IsValue) -> None:
        if fact.name in self.index.fields.get(self.kind, {}):
            self.body[fact.name] = _plain(fact.value, self.zone)
        elif fact.name == "period":
            self.known.period = _plain(fact.value, self.zone)
        elif fact.name == "last_editor":
            self.known.last_editor = _plain(fact.value, self.zone)

    def _ismissing(self, fact: n.IsMissing) -> None:
        self.body.pop(fact.name, None)
        self.known.links.pop(fact.name, None)
        if fact.name == "period":
            self.known.period = None
        elif fact.name == "last_editor":
            self.known.last_editor = None

    def _linevalue(self, fact: n.LineValue) -> None:
        lines = self._lines()
        if 0 < fact.line <= len(lines):
            lines[fact.line - 1][fact.name] = _plain(fact.value, self.zone)

    def _lines(self) -> list[dict[str, Any]]:
        many = self.index.lines_field(self.kind)
        lines: list[dict[str, Any]] = self.body.get(many.name, []) if many else []
        return lines

    def _entry(self, fact: n.Entry) -> None:
        self.seeds.maps.setdefault(fact.table, {})[fact.key] = literal_text(fact.value)

    def _isrecords(self, fact: n.IsRecords) -> None:
        """`seen`: records that came before, of this or another channel; else those of a link."""
        if fact.name in self.index.links.get(self.kind, {}):
            self.known.links[fact.name] = self._linked(fact.samples)
            return
        mine = dict(self.program.link_keys(self.body, self.kind))
        for name in fact.samples:
            other = self.index.samples.get(name)
            if other is None:
                continue
            body = _body(other, self.index, self.program.zone(other.record))
            number = self._number_of(other, body)
            for key, value in self.program.link_keys(body, other.record):
                if mine.get(key) == value and not key.startswith("doc:"):
                    self.known.history[key] = (*self.known.history.get(key, ()), number)

    def _linked(self, names: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
        """The bodies of linked samples: their fields and lines, not their own links."""
        found = (self.index.samples[name] for name in names if name in self.index.samples)
        return tuple(_body(s, self.index, self.program.zone(s.record)) for s in found)

    def _number_of(self, sample: n.Sample, body: dict[str, Any]) -> str:
        key = self.index.marked(sample.record, "key")
        return str(body.get(key.name, sample.name)) if key else sample.name

    def _targetshows(self, fact: n.TargetShows) -> None:
        shown = self.known.shows.setdefault(str(fact.route), {})
        shown[fact.field] = _plain(fact.value, self.zone)

    def _isposted(self, fact: n.IsPosted) -> None:
        self.known.posted[str(fact.route)] = fact.number or "posted"

    def _notposted(self, fact: n.NotPosted) -> None:
        self.known.posted.pop(str(fact.route), None)

    def subject(self) -> Subject:
        source = self.index.records[self.kind].source or ""
        return Subject(self.kind, source, self.body, 1)

    def facts(self, now: datetime) -> Facts:
        known = self.known
        postings = tuple(
            PostingFact(route, 1, "posted", number, 1)
            for route, number in known.posted.items()
            if route in self.numbers
        )
        documents = tuple(
            TargetDocument(route, self._document_number(route, fields), fields, "")
            for route, fields in known.shows.items()
        )
        return Facts(
            first_seen=now,
            last_editor=known.last_editor,
            history=known.history,
            documents=documents,
            postings=postings,
            documents_of_family=known.posted,
            links=known.links,
        )

    def _document_number(self, route: str, fields: dict[str, str]) -> str:
        """What the target shows in the field that holds the document number."""
        post = self.index.routes().get(route)
        for assign in post.fields if post else ():
            if isinstance(assign.expr, n.Name) and assign.expr.path == ("document_number",):
                return fields.get(assign.name, "")
        return ""

    def world(self) -> World:
        period = self.known.period
        locked = date.max if period == "locked" else None
        state = TargetState(known=period is not None, locked_through=locked)
        return self.seeds.world(0, dict.fromkeys(self.index.targets, state))


def _inline(ruleset: n.Ruleset) -> n.Ruleset:
    """The ruleset's tables with the rows written in the rules only."""
    maps = tuple(n.Map(m.name, m.match, None, m.rows, m.missing, m.span) for m in ruleset.maps)
    units = tuple(n.Units(u.bases, u.rows, None, u.missing, u.span) for u in ruleset.units)
    return n.Ruleset(maps=maps, units=units)


def _body(sample: n.Sample, index: Index, zone: Any) -> dict[str, Any]:
    body = {pair.name: _plain(pair.value, zone) for pair in sample.sets}
    many = index.lines_field(sample.record)
    if many is not None:
        body[many.name] = [{p.name: _plain(p.value, zone) for p in line} for line in sample.lines]
    return body


def _plain(value: n.Value, zone: Any) -> Any:
    """A written value as it stands in a canonical body."""
    if isinstance(value, n.Word):
        return value.name
    held = value.value
    if isinstance(held, datetime):
        return moment_text(held if held.tzinfo else held.replace(tzinfo=zone))
    if isinstance(held, Decimal):
        return number_text(held) if value.kind == "percent" else format(held, "f")
    if isinstance(held, date):
        return held.isoformat()
    return held
