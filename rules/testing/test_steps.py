"""Play the steps of a test: judge and post the sample, then apply each later event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from grammar import nodes
from rules.decisions.decision_tables import RetryAnswer
from rules.expressions.compiler import live_postings, next_seq
from rules.facts import (
    Facts,
    ItemUnits,
    PostingFact,
    Seeds,
    Subject,
    TargetDocument,
    TargetEdit,
    TargetState,
    World,
    literal_text,
    load_seeds,
)
from rules.outcomes import Decision, Document, Outcome, Step
from rules.program import Program
from rules.types.symbol_table import Index
from rules.values.canonical import PostingState, moment_text, number_text

MOST_ROUNDS = 20
"""How often a record is judged again after a posting that another document waits for."""


@dataclass(frozen=True, slots=True)
class StoryEnd:
    """The end of a test's story: the outcome, and the retry answer if a target reported an
    error.
    """

    outcome: Outcome
    retry: Callable[[str], RetryAnswer | None] | None = None


def play_test(
    sample: nodes.Sample, test: nodes.Test | None, index: Index, program: Program
) -> StoryEnd:
    """Return the end of a sample's story, as a test describes it."""
    world = ClosedWorld(sample, index, program)
    moment = sample.at
    if test is not None:
        world.apply(test.facts)
        moment = test.at or moment
        for step in test.steps:
            _post_what_is_ready(world, moment)
            world.next_version()
            world.apply(step.facts)
            moment = step.at or moment
    outcome = _judged(world, moment)
    error, tries = world.known.error, world.known.tries
    if error is None:
        return StoryEnd(outcome)
    return StoryEnd(outcome, lambda target: program.retry(target, error, tries))


class ClosedWorld:
    """One record and the world around it, as a test describes them."""

    def __init__(self, sample: nodes.Sample, index: Index, program: Program) -> None:
        self.index, self.program = index, program
        self.kind = sample.record
        self.zone = program.zone(sample.record)
        self.body = body_of(sample, index, self.zone)
        self.seeds: Seeds = load_seeds(inline(index.ruleset), {})
        self.known = _TestFacts()
        self.version = 1
        self.first = self.body
        self.postings: list[PostingFact] = []
        self.routes = {str(p.route): p for p in index.posts.get(sample.record, [])}
        self.apply(sample.facts)

    def apply(self, facts: Iterable[nodes.Fact]) -> None:
        """Add facts to the world."""
        for fact in facts:
            getattr(self, f"_{type(fact).__name__.lower()}")(fact)

    def next_version(self) -> None:
        """Start a new version of the record. Earlier postings keep the body that was posted."""
        posted_body = deepcopy(self.body)
        self.postings = [replace(p, body=p.body or posted_body) for p in self.postings]
        self.body = deepcopy(self.body)
        self.version += 1

    # ---- facts --------------------------------------------------------------------------------

    def _isvalue(self, fact: nodes.IsValue) -> None:
        value = body_value(fact.value, self.zone)
        if fact.name in self.index.fields.get(self.kind, {}):
            self.body[fact.name] = value
        elif fact.name in _FACT_READERS and (read := _FACT_READERS[fact.name](value)) is not None:
            setattr(self.known, fact.name, read)

    def _ismissing(self, fact: nodes.IsMissing) -> None:
        self.body.pop(fact.name, None)
        self.known.links.pop(fact.name, None)
        if fact.name in _FACT_READERS:
            setattr(self.known, fact.name, getattr(_TestFacts(), fact.name))

    def _linevalue(self, fact: nodes.LineValue) -> None:
        list_field = self.index.lines_field(self.kind)
        lines: list[dict[str, Any]] = self.body.get(list_field.name, []) if list_field else []
        if 0 < fact.line <= len(lines):
            lines[fact.line - 1][fact.name] = body_value(fact.value, self.zone)

    def _entry(self, fact: nodes.Entry) -> None:
        self.seeds.maps.setdefault(fact.table, {})[fact.key] = literal_text(fact.value)

    def _setup(self, fact: nodes.SetUp) -> None:
        """Set how a target counts an item. Another base unit replaces the item's earlier rates."""
        items = self.known.items.setdefault(fact.target, {})
        earlier = items.get(fact.item)
        is_same_base = earlier is not None and earlier.base == fact.base_unit
        rates = dict(earlier.rates) if earlier is not None and is_same_base else {}
        if fact.count > 0 and fact.base_count > 0:
            factor = Fraction(fact.base_count) / Fraction(fact.count)
            rates[fact.unit] = factor.numerator, factor.denominator
        items[fact.item] = ItemUnits(fact.base_unit, rates)

    def _isrecords(self, fact: nodes.IsRecords) -> None:
        """Link records. `seen` lists earlier records of this or another channel; other names are
        links.
        """
        if fact.name in self.index.links.get(self.kind, {}):
            self.known.links[fact.name] = self._linked(fact.samples)
            return
        own_keys = dict(self.program.link_keys(self.body, self.kind))
        for name in fact.samples:
            other = self.index.samples.get(name)
            if other is None:
                continue
            body = body_of(other, self.index, self.program.zone(other.record))
            number = self._number_of(other, body)
            for key, value in self.program.link_keys(body, other.record):
                if own_keys.get(key) == value and not key.startswith("doc:"):
                    self.known.history[key] = (*self.known.history.get(key, ()), number)

    def _linked(self, names: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
        """Return the bodies of linked samples: their fields and lines, without their own links."""
        samples = (self.index.samples[name] for name in names if name in self.index.samples)
        return tuple(
            body_of(sample, self.index, self.program.zone(sample.record)) for sample in samples
        )

    def _number_of(self, sample: nodes.Sample, body: dict[str, Any]) -> str:
        key = self.index.marked(sample.record, "key")
        return str(body.get(key.name, sample.name)) if key else sample.name

    def _targetshows(self, fact: nodes.TargetShows) -> None:
        """Change a field of the record's posted document, or else show a document of another
        origin.
        """
        route, text = str(fact.route), str(body_value(fact.value, self.zone))
        own_postings = [
            p for p in self.postings if p.route == route and p.state == PostingState.POSTED
        ]
        if own_postings:
            self.known.edited[route, own_postings[-1].seq, fact.field] = text
        else:
            self.known.shows.setdefault(route, {})[fact.field] = text

    def _isposted(self, fact: nodes.IsPosted) -> None:
        route, number = str(fact.route), fact.number or "posted"
        self.known.numbers[route] = number
        if route in self.routes:
            self.postings.append(
                PostingFact(route, self._seq(route), PostingState.POSTED, number, self.version)
            )

    def _notposted(self, fact: nodes.NotPosted) -> None:
        route = str(fact.route)
        self.known.numbers.pop(route, None)
        self.postings = [p for p in self.postings if p.route != route]

    # ---- what was posted ----------------------------------------------------------------------

    def carry_out(self, step: Step, of_route: str) -> None:
        """Apply the effect that a plan's step leaves in the target."""
        if step.action == "create" and step.document is not None:
            self._posted(step, step.document)
        elif step.action == "update" and step.document is not None:
            self._take_away(step.route, step.seq)
            self._posted(step, step.document)
        elif step.action == "void":
            self._take_back(step.route, step.seq)
        elif step.action == "credit_note" and step.document is not None:
            self._posted(step, step.document)
            self._take_back(of_route, step.takes_back)

    def _posted(self, step: Step, document: Document) -> None:
        content = {
            "fields": dict(document.fields),
            "lines": [dict(r) for r in document.lines],
            "amount": str(document.amount),
        }
        self.postings.append(
            PostingFact(
                step.route,
                step.seq,
                PostingState.POSTED,
                document.number,
                self.version,
                content,
                billed=step.billed,
            )
        )
        self.known.numbers[step.route] = document.number

    def _take_away(self, route: str, seq: int) -> None:
        self.postings = [p for p in self.postings if (p.route, p.seq) != (route, seq)]

    def _take_back(self, route: str, seq: int | None) -> None:
        self.postings = [
            replace(p, state=PostingState.REVERSED) if (p.route, p.seq) == (route, seq) else p
            for p in self.postings
        ]
        if not live_postings(self.postings, route):
            self.known.numbers.pop(route, None)

    def _seq(self, route: str) -> int:
        return next_seq(self.postings, route)

    # ---- what judging is given ----------------------------------------------------------------

    def subject(self) -> Subject:
        """Return the record in its current version."""
        source = self.index.records[self.kind].source or ""
        return Subject(self.kind, source, self.body, self.version)

    def facts(self, now: datetime) -> Facts:
        """Return all facts of the record."""
        test_facts = self.known
        e_invoice_at = _before(now, test_facts.e_invoice_age)
        documents = tuple(
            TargetDocument(route, self._document_number(route, fields), fields, "")
            for route, fields in test_facts.shows.items()
        )
        return Facts(
            first_seen=now,
            first=self.first if self.version > 1 else None,
            last_editor=test_facts.last_editor,
            e_invoice_issuer=test_facts.e_invoice_issuer,
            barred=self._barred(test_facts.e_invoice_issuer),
            history=test_facts.history,
            documents=documents,
            postings=tuple(replace(p, e_invoice_at=e_invoice_at) for p in self.postings),
            documents_of_family=dict(test_facts.numbers),
            links=test_facts.links,
            target_edited=tuple(
                TargetEdit(route, seq, None, name, text)
                for (route, seq, name), text in test_facts.edited.items()
            ),
        )

    def _barred(self, issuer: str) -> dict[str, str]:
        """Return the routes that would create an e-Invoice which another party must issue, with
        that issuer.
        """
        if issuer == "us":
            return {}
        routes = (
            candidate
            for candidate in self.program.routes
            if self.program.makes_e_invoice(candidate)
        )
        return {route.name: issuer for route in routes}

    def _document_number(self, route: str, fields: dict[str, str]) -> str:
        """Return the value that the target shows in the document number's field."""
        post = self.index.routes().get(route)
        for assign in post.fields if post else ():
            if isinstance(assign.expr, nodes.Name) and assign.expr.path == ("document_number",):
                return fields.get(assign.name, "")
        return ""

    def world(self) -> World:
        """Return mappings, units and targets."""
        period = self.known.period
        locked = date.max if period == "locked" else None
        state = TargetState(known=period is not None, locked_through=locked)
        items = self.known.items
        states = {
            name: replace(state, items=dict(items.get(name, {}))) for name in self.index.targets
        }
        return self.seeds.world(0, states)


def _post_what_is_ready(world: ClosedWorld, at: datetime) -> None:
    for _ in range(MOST_ROUNDS):
        ready = [d for d in _judged(world, at).decisions if d.state == PostingState.READY]
        for decision in ready:
            for step in decision.plan:
                world.carry_out(step, decision.route)
        if not ready:
            return


def _judged(world: ClosedWorld, at: datetime) -> Outcome:
    now = at.replace(tzinfo=world.zone).astimezone(UTC)
    outcome = world.program.evaluate(world.subject(), world.facts(now), world.world(), now)
    person = world.known.approval
    if person is None:
        return outcome
    return replace(outcome, decisions=tuple(_approved(d, person) for d in outcome.decisions))


def _approved(decision: Decision, person: str) -> Decision:
    """Return the decision after this person approved everything that the person may approve."""
    approved_rules = {need.rule for need in decision.approvals if person not in need.never}
    remaining = tuple(
        f for f in decision.findings if not (f.severity == "approve" and f.rule in approved_rules)
    )
    stops = any(f.severity != "warn" for f in remaining)
    if len(remaining) == len(decision.findings) or stops or decision.state != PostingState.HELD:
        return replace(decision, findings=remaining)
    state = PostingState.WAITING if decision.wait is not None else PostingState.READY
    return replace(decision, findings=remaining, state=state, reason=state.value)


@dataclass(slots=True)
class _TestFacts:
    """The facts that the test set."""

    period: str | None = None
    last_editor: str | None = None
    e_invoice_issuer: str = "us"
    approval: str | None = None
    e_invoice_age: timedelta | None = None
    error: str | None = None
    tries: int = 1
    history: dict[str, tuple[str, ...]] = field(default_factory=dict)
    shows: dict[str, dict[str, str]] = field(default_factory=dict)
    edited: dict[tuple[str, int, str], str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    links: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    items: dict[str, dict[str, ItemUnits]] = field(default_factory=dict)


def _before(now: datetime, age: timedelta | None) -> datetime | None:
    try:
        return now - age if age is not None else None
    except OverflowError:
        return None


def inline(ruleset: nodes.Ruleset) -> nodes.Ruleset:
    """Return the rule set's tables with only the rows that the rules contain."""
    maps = tuple(nodes.Map(m.name, m.match, None, m.rows, m.missing, m.span) for m in ruleset.maps)
    units = tuple(nodes.Units(u.bases, u.rows, None, u.missing, u.span) for u in ruleset.units)
    return nodes.Ruleset(maps=maps, units=units)


def body_of(sample: nodes.Sample, index: Index, zone: Any) -> dict[str, Any]:
    """Return the body that a sample describes."""
    body = {pair.name: body_value(pair.value, zone) for pair in sample.sets}
    list_field = index.lines_field(sample.record)
    if list_field is not None:
        body[list_field.name] = [
            {p.name: body_value(p.value, zone) for p in line} for line in sample.lines
        ]
    return body


def body_value(value: nodes.Value, zone: Any) -> Any:
    """Return a written value in the form of a canonical body."""
    if isinstance(value, nodes.Word):
        return value.name
    content = value.value
    if isinstance(content, datetime):
        return moment_text(content if content.tzinfo else content.replace(tzinfo=zone))
    if isinstance(content, Decimal):
        return number_text(content) if value.kind == "percent" else format(content, "f")
    if isinstance(content, date):
        return content.isoformat()
    return content


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _span(value: Any) -> timedelta | None:
    return value if isinstance(value, timedelta) else None


_FACT_READERS: dict[str, Callable[[Any], Any]] = {
    "period": _word,
    "last_editor": _word,
    "e_invoice_issuer": _word,
    "approval": _word,
    "error": _word,
    "tries": _count,
    "e_invoice_age": _span,
}
"""Facts outside the record's fields, each with its reader, which returns None for an invalid value.
"""
