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
"""So often it is judged again because a document was posted that another one waits for."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a test ends: the outcome, and the answer to an error of a target, if it told one."""

    outcome: Outcome
    retry: Callable[[str], RetryAnswer | None] | None = None


def play_test(
    sample: nodes.Sample, test: nodes.Test | None, index: Index, program: Program
) -> Told:
    """The end of a sample's story, as a test tells it."""
    world = ClosedWorld(sample, index, program)
    at = sample.at
    if test is not None:
        world.apply(test.facts)
        at = test.at or at
        for step in test.steps:
            _post_what_is_ready(world, at)
            world.next_version()
            world.apply(step.facts)
            at = step.at or at
    outcome = _judged(world, at)
    error, tries = world.known.error, world.known.tries
    if error is None:
        return Told(outcome)
    return Told(outcome, lambda target: program.retry(target, error, tries))


class ClosedWorld:
    """One record and the world around it, as a test tells them."""

    def __init__(self, sample: nodes.Sample, index: Index, program: Program) -> None:
        self.index, self.program = index, program
        self.kind = sample.record
        self.zone = program.zone(sample.record)
        self.body = body_of(sample, index, self.zone)
        self.seeds: Seeds = load_seeds(inline(index.ruleset), {})
        self.known = _Known()
        self.version = 1
        self.first = self.body
        self.postings: list[PostingFact] = []
        self.routes = {str(p.route): p for p in index.posts.get(sample.record, [])}
        self.apply(sample.facts)

    def apply(self, facts: Iterable[nodes.Fact]) -> None:
        """Tell the world some facts."""
        for fact in facts:
            getattr(self, f"_{type(fact).__name__.lower()}")(fact)

    def next_version(self) -> None:
        """From now on the record may be another than the one that was posted."""
        kept = deepcopy(self.body)
        self.postings = [replace(p, body=p.body or kept) for p in self.postings]
        self.body = deepcopy(self.body)
        self.version += 1

    # ---- facts --------------------------------------------------------------------------------

    def _isvalue(self, fact: nodes.IsValue) -> None:
        value = body_value(fact.value, self.zone)
        if fact.name in self.index.fields.get(self.kind, {}):
            self.body[fact.name] = value
        elif fact.name in _TOLD and (read := _TOLD[fact.name](value)) is not None:
            setattr(self.known, fact.name, read)

    def _ismissing(self, fact: nodes.IsMissing) -> None:
        self.body.pop(fact.name, None)
        self.known.links.pop(fact.name, None)
        if fact.name in _TOLD:
            setattr(self.known, fact.name, getattr(_Known(), fact.name))

    def _linevalue(self, fact: nodes.LineValue) -> None:
        many = self.index.lines_field(self.kind)
        lines: list[dict[str, Any]] = self.body.get(many.name, []) if many else []
        if 0 < fact.line <= len(lines):
            lines[fact.line - 1][fact.name] = body_value(fact.value, self.zone)

    def _entry(self, fact: nodes.Entry) -> None:
        self.seeds.maps.setdefault(fact.table, {})[fact.key] = literal_text(fact.value)

    def _setup(self, fact: nodes.SetUp) -> None:
        """How a target counts an item; told in another base unit, it is told again."""
        items = self.known.items.setdefault(fact.target, {})
        before = items.get(fact.item)
        same = before is not None and before.base == fact.base_unit
        rates = dict(before.rates) if before is not None and same else {}
        if fact.count > 0 and fact.base_count > 0:
            factor = Fraction(fact.base_count) / Fraction(fact.count)
            rates[fact.unit] = factor.numerator, factor.denominator
        items[fact.item] = ItemUnits(fact.base_unit, rates)

    def _isrecords(self, fact: nodes.IsRecords) -> None:
        """`seen`: records that came before, of this or another channel; else those of a link."""
        if fact.name in self.index.links.get(self.kind, {}):
            self.known.links[fact.name] = self._linked(fact.samples)
            return
        mine = dict(self.program.link_keys(self.body, self.kind))
        for name in fact.samples:
            other = self.index.samples.get(name)
            if other is None:
                continue
            body = body_of(other, self.index, self.program.zone(other.record))
            number = self._number_of(other, body)
            for key, value in self.program.link_keys(body, other.record):
                if mine.get(key) == value and not key.startswith("doc:"):
                    self.known.history[key] = (*self.known.history.get(key, ()), number)

    def _linked(self, names: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
        """The bodies of linked samples: their fields and lines, not their own links."""
        found = (self.index.samples[name] for name in names if name in self.index.samples)
        return tuple(body_of(s, self.index, self.program.zone(s.record)) for s in found)

    def _number_of(self, sample: nodes.Sample, body: dict[str, Any]) -> str:
        key = self.index.marked(sample.record, "key")
        return str(body.get(key.name, sample.name)) if key else sample.name

    def _targetshows(self, fact: nodes.TargetShows) -> None:
        """A field of ours that somebody changed; before we posted: a document of somebody else."""
        route, text = str(fact.route), str(body_value(fact.value, self.zone))
        ours = [p for p in self.postings if p.route == route and p.state == PostingState.POSTED]
        if ours:
            self.known.edited[route, ours[-1].seq, fact.field] = text
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
        """What a step of a plan leaves behind in the target."""
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
        """The record as it is now."""
        source = self.index.records[self.kind].source or ""
        return Subject(self.kind, source, self.body, self.version)

    def facts(self, now: datetime) -> Facts:
        """Everything that the world knows of the record."""
        known = self.known
        since = _before(now, known.e_invoice_age)
        documents = tuple(
            TargetDocument(route, self._document_number(route, fields), fields, "")
            for route, fields in known.shows.items()
        )
        return Facts(
            first_seen=now,
            first=self.first if self.version > 1 else None,
            last_editor=known.last_editor,
            e_invoice_issuer=known.e_invoice_issuer,
            barred=self._barred(known.e_invoice_issuer),
            history=known.history,
            documents=documents,
            postings=tuple(replace(p, e_invoice_at=since) for p in self.postings),
            documents_of_family=dict(known.numbers),
            links=known.links,
            target_edited=tuple(
                TargetEdit(route, seq, None, name, text)
                for (route, seq, name), text in known.edited.items()
            ),
        )

    def _barred(self, issuer: str) -> dict[str, str]:
        """Return the routes that would make an e-Invoice which is not ours to make, each with the
        issuer.
        """
        if issuer == "us":
            return {}
        routes = (one for one in self.program.routes if self.program.makes_e_invoice(one))
        return {route.name: issuer for route in routes}

    def _document_number(self, route: str, fields: dict[str, str]) -> str:
        """What the target shows in the field that holds the document number."""
        post = self.index.routes().get(route)
        for assign in post.fields if post else ():
            if isinstance(assign.expr, nodes.Name) and assign.expr.path == ("document_number",):
                return fields.get(assign.name, "")
        return ""

    def world(self) -> World:
        """Mappings, units and targets."""
        period = self.known.period
        locked = date.max if period == "locked" else None
        state = TargetState(known=period is not None, locked_through=locked)
        told = self.known.items
        states = {t: replace(state, items=dict(told.get(t, {}))) for t in self.index.targets}
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
    """The decision once a person has approved it who may."""
    given = {need.rule for need in decision.approvals if person not in need.never}
    left = tuple(f for f in decision.findings if not (f.severity == "approve" and f.rule in given))
    stops = any(f.severity != "warn" for f in left)
    if len(left) == len(decision.findings) or stops or decision.state != PostingState.HELD:
        return replace(decision, findings=left)
    state = PostingState.WAITING if decision.wait is not None else PostingState.READY
    return replace(decision, findings=left, state=state, reason=state.value)


@dataclass(slots=True)
class _Known:
    """The facts that the world was told."""

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
    """The ruleset's tables with the rows written in the rules only."""
    maps = tuple(nodes.Map(m.name, m.match, None, m.rows, m.missing, m.span) for m in ruleset.maps)
    units = tuple(nodes.Units(u.bases, u.rows, None, u.missing, u.span) for u in ruleset.units)
    return nodes.Ruleset(maps=maps, units=units)


def body_of(sample: nodes.Sample, index: Index, zone: Any) -> dict[str, Any]:
    """The body that a sample writes."""
    body = {pair.name: body_value(pair.value, zone) for pair in sample.sets}
    many = index.lines_field(sample.record)
    if many is not None:
        body[many.name] = [
            {p.name: body_value(p.value, zone) for p in line} for line in sample.lines
        ]
    return body


def body_value(value: nodes.Value, zone: Any) -> Any:
    """A written value as it stands in a canonical body."""
    if isinstance(value, nodes.Word):
        return value.name
    held = value.value
    if isinstance(held, datetime):
        return moment_text(held if held.tzinfo else held.replace(tzinfo=zone))
    if isinstance(held, Decimal):
        return number_text(held) if value.kind == "percent" else format(held, "f")
    if isinstance(held, date):
        return held.isoformat()
    return held


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _span(value: Any) -> timedelta | None:
    return value if isinstance(value, timedelta) else None


_TOLD: dict[str, Callable[[Any], Any]] = {
    "period": _word,
    "last_editor": _word,
    "e_invoice_issuer": _word,
    "approval": _word,
    "error": _word,
    "tries": _count,
    "e_invoice_age": _span,
}
"""The facts that stand in no field, each with how it is read; None is no value of it."""
