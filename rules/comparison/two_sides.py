"""Judge stored records by two rulesets, each in its own world, and count the differences."""

from __future__ import annotations

import decimal
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple, TypeVar

from grammar import nodes
from grammar.nodes import Computed, Ruleset
from grammar.text.problem import Span
from rules.expressions.checks import SharedKinds, SharedRead
from rules.facts import Facts, Subject, World
from rules.outcomes import (
    NO_ROUTE,
    STOPS,
    Decision,
    Document,
    Glance,
    Outcome,
    RouteGlance,
    RouteWords,
    VerdictKind,
    has_posted,
    is_stricter,
)
from rules.program import Program
from rules.values.canonical import Plain, PostingState

AT_ONCE = 32
"""How many records one side judges before the other: few enough to stay in the processor's caches.
"""

States = tuple[tuple[str, str], ...]

Both = tuple[Glance, Glance]
"""The old side's glance at a record, and the new side's."""

_UNREAD = LookupError()
"""The error of a record that could not be read."""

Declared = Literal["check", "approve"]

_GATES: Final[frozenset[VerdictKind]] = frozenset({"gate", "when", "timing", "after"})

EXAMPLES = 5
"""How many records each change keeps as examples."""

COMPLAINTS = 20
"""How many bad records are reported individually."""

_EXACT = decimal.Context(prec=400, Emin=-999, Emax=999, traps=[decimal.Inexact])

_ZERO = Decimal(0)

K = TypeVar("K")

V = TypeVar("V")

OF_LINKS: Final = "link:"

OF_DUPLICATES: Final = "dup:"

OF_DOCUMENTS: Final = "doc:"

Names = Mapping[str, frozenset[str]]

_WORD: Final = re.compile(r"\w+")


class Sum(NamedTuple):
    """Add up records: their number and amount."""

    records: int
    amount: Decimal

    def plus(self, other: Sum) -> Sum:
        """Return both sums added, exactly."""
        return Sum(self.records + other.records, _EXACT.add(self.amount, other.amount))


Money = dict[str, Sum]
"""Sums by currency. Records without an amount are counted under the blank currency."""


@dataclass(slots=True)
class Past:
    """One stored record with everything that was known at its evaluation.

    `states` are the states of its postings by route; `where` is its file and line.
    """

    subject: Subject
    facts: Facts
    now: datetime
    states: States = ()
    revision: int | None = None  # of the stored world; None: the entries of the rule files
    known: tuple[str, ...] | None = None  # targets whose state was known; None: all
    where: tuple[str, int] = ("", 0)


class Bad(NamedTuple):
    """Identify a stored record that could not be read or judged."""

    where: tuple[str, int]
    message: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Explain a decision: the rule, its span (None if no rule decided), and its message."""

    number: str
    rule: str
    span: Span | None
    text: str


Limit = Callable[[Document, str], Reason | None]
"""Returns why its target could never take a new document of the record with this number."""


@dataclass(frozen=True, slots=True)
class RuleSide:
    """One of the two rule sets, with the world in which it judges a stored record.

    `facts` returns the facts of the record, if they differ from the stored facts. Without a `limit`
    every document is within the limits of its target.
    """

    program: Program
    world: Callable[[Past], World]
    facts: Callable[[Past], Facts] = attrgetter("facts")
    limit: Limit | None = None

    def glance(self, past: Past, state: tuple[Facts, World], shared: SharedRead | None) -> Glance:
        """Return the rules' glance at a record. A document beyond its target's limits is held."""
        glance = self.program.glance(past.subject, *state, past.now, shared)
        if self.limit is None or all(route.state != PostingState.READY for route in glance.routes):
            return glance
        outcome = self.program.decision(past.subject, *state, past.now)
        held_routes = {
            route.route for route in outcome.decisions if self.beyond(outcome, route) is not None
        }
        if not held_routes:
            return glance
        routes = (
            replace(route, state=PostingState.HELD) if route.route in held_routes else route
            for route in glance.routes
        )
        return replace(glance, routes=tuple(routes))

    def beyond(self, outcome: Outcome, decision: Decision) -> Reason | None:
        """Return why the target could never accept a ready document, or None."""
        document = decision.document
        if self.limit is None or document is None or decision.state != PostingState.READY:
            return None
        return self.limit(document, outcome.number)


class _Opened(NamedTuple):
    """One record with the facts and worlds of both sides, and their shared read."""

    past: Past
    before: tuple[Facts, World]
    after: tuple[Facts, World]
    shared: SharedRead | None


class TwoSides:
    """Judge records by two rule sets, reading each record only once if possible."""

    def __init__(self, old: RuleSide, new: RuleSide) -> None:
        self.old, self.new = old, new
        self._alike = SharedKinds(old.program.ruleset, new.program.ruleset)

    def each(self, pasts: Iterable[Past | Bad]) -> Iterator[tuple[Past | Bad, Both | Exception]]:
        """Yield each record with both glances, or with the exception.

        A chunk of records is read, then judged by one side, then by the other, so that each step's
        code stays in the processor's caches.
        """
        remaining = iter(pasts)
        while chunk := list(islice(remaining, AT_ONCE)):
            opened = [self._opened(past) for past in chunk if isinstance(past, Past)]
            begun_records = [self._begun(opened_record) for opened_record in opened]
            glances = iter([self._ended(opened_record) for opened_record in begun_records])
            for past in chunk:
                yield past, (_UNREAD if isinstance(past, Bad) else next(glances))

    def glances(self, past: Past) -> Both:
        """Return both glances at a record. Raises the exception of a failed evaluation."""
        glances = self._ended(self._begun(self._opened(past)))
        if isinstance(glances, Exception):
            raise glances
        return glances

    def _opened(self, past: Past) -> _Opened | Exception:
        """Return the worlds of a record, and its shared read if both sides read it identically."""
        try:
            before, after = ((side.facts(past), side.world(past)) for side in (self.old, self.new))
            is_same_world = all(
                old_part is new_part for old_part, new_part in zip(before, after, strict=True)
            )
            shared = self._alike.shared_read(past.subject.kind) if is_same_world else None
            if shared is not None:
                self.old.program.read(past.subject, shared)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error
        return _Opened(past, before, after, shared)

    def _begun(self, opened: _Opened | Exception) -> tuple[_Opened, Glance] | Exception:
        """Return the opened record with the old side's glance, or the exception."""
        if isinstance(opened, Exception):
            return opened
        past = opened.past
        try:
            return opened, self.old.glance(past, opened.before, opened.shared)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error

    def _ended(self, begun: tuple[_Opened, Glance] | Exception) -> Both | Exception:
        """Return both glances, or the exception of the side that failed."""
        if isinstance(begun, Exception):
            return begun
        opened, old_glance = begun
        past = opened.past
        try:
            return old_glance, self.new.glance(past, opened.after, opened.shared)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error


@dataclass(frozen=True, slots=True)
class Fired:
    """Count on how many of its records a rule of the new rule set fired.

    `kind` is the record kind; `declared` is the kind of rule.
    """

    kind: str
    declared: Declared
    rule: str
    span: Span
    fired: int
    records: int

    @property
    def book_name(self) -> str:
        """The entry of the rule book for the rule."""
        return book_name(self.declared, self.rule, self.kind)


def book_name(declared: Declared, rule: str, kind: str) -> str:
    """Return the entry of the rule book for a rule of a backtest."""
    return f"approve {kind}" if declared == "approve" else f"check {rule}"


def decision_reason(side: RuleSide, past: Past, route: str) -> Reason:
    """Return why a record is not simply ready in a route, by one of the two rule sets."""
    outcome = side.program.evaluate(past.subject, side.facts(past), side.world(past), past.now)
    decision = next((d for d in outcome.decisions if d.route == route), None)
    if decision is None:
        return Reason(outcome.number, "", None, "no rule posts it")
    return side.beyond(outcome, decision) or _reason_of(outcome, decision)


def _reason_of(outcome: Outcome, decision: Decision) -> Reason:
    finding = next((f for f in decision.findings if f.severity in STOPS), None)
    if finding is not None:
        return Reason(outcome.number, finding.rule, finding.span, finding.message)
    of_route = (v for v in outcome.verdicts if v.route == decision.route and v.kind in _GATES)
    verdict = next((v for v in of_route if v.result != "pass"), None)
    if verdict is not None and decision.state != PostingState.READY:
        return Reason(outcome.number, verdict.rule, verdict.span, decision.reason)
    return Reason(outcome.number, "", None, decision.reason)


class Change(NamedTuple):
    """Identify one cell of the matrix: a route's stored state, its old decision and its new
    decision.
    """

    kind: str
    route: str
    state: str  # of the posting; blank if unknown
    was: str
    would: str

    @property
    def stops(self) -> bool:
        """Whether the new rules would have stopped something that was posted."""
        return has_posted(self.state) and is_stricter(self.would, self.was)

    @property
    def frees(self) -> bool:
        """Whether the new rules would post something that was not posted."""
        return (
            not has_posted(self.state)
            and self.would == PostingState.READY
            and self.was != PostingState.READY
        )


@dataclass(slots=True)
class Tally:
    """The counts of a backtest. `a.plus(b)` counts the records of both tallies."""

    records: int = 0
    same: int = 0
    cells: dict[Change, Money] = field(default_factory=dict)
    stopped: Money = field(default_factory=dict)  # each record once, in any of its routes
    freed: Money = field(default_factory=dict)
    examples: dict[Change, tuple[Past, ...]] = field(default_factory=dict)  # the first of each
    judged: dict[str, int] = field(default_factory=dict)  # record kind -> records
    fired: dict[tuple[str, int], int] = field(default_factory=dict)  # kind, rule of the new program
    bad: int = 0
    complaints: tuple[Bad, ...] = ()  # the first of them

    def plus(self, other: Tally) -> Tally:
        """Return the tally of all records of both."""
        return Tally(
            self.records + other.records,
            self.same + other.same,
            _merged(self.cells, other.cells, _money),
            _money(self.stopped, other.stopped),
            _money(self.freed, other.freed),
            _merged(self.examples, other.examples, _first),
            _merged(self.judged, other.judged, int.__add__),
            _merged(self.fired, other.fired, int.__add__),
            self.bad + other.bad,
            _complaints(self.complaints, other.complaints),
        )


def count_fired(new: RuleSide, tally: Tally) -> tuple[Fired, ...]:
    """Return how often each check and approval fired, for rules whose kind has records."""
    numbers = {(r.kind, r.name): i for i, r in enumerate(new.program.rules)}
    fired: dict[tuple[str, str, str], Fired] = {}
    for declared, rule, record, span in _declared(new.program.ruleset):
        records = tally.judged.get(record, 0)
        if records:
            times = tally.fired.get((record, numbers[declared, rule]), 0)
            fired[declared, rule, record] = Fired(record, declared, rule, span, times, records)
    return tuple(fired.values())


def _declared(ruleset: nodes.Ruleset) -> Iterator[tuple[Declared, str, str, Span]]:
    for check in ruleset.checks:
        for record in check.records:
            yield "check", check.name, record.name, check.span
    for approve in ruleset.approvals:
        yield "approve", f"approve by {approve.role}", approve.record, approve.span


def _merged(a: dict[K, V], b: dict[K, V], plus: Callable[[V, V], V]) -> dict[K, V]:
    merged = dict(a)
    for key, value in b.items():
        merged[key] = plus(merged[key], value) if key in merged else value
    return merged


def _money(a: Money, b: Money) -> Money:
    return _merged(a, b, Sum.plus)


def _first(a: tuple[Past, ...], b: tuple[Past, ...]) -> tuple[Past, ...]:
    return tuple(sorted((*a, *b), key=lambda past: past.where)[:EXAMPLES])


def _complaints(a: tuple[Bad, ...], b: tuple[Bad, ...]) -> tuple[Bad, ...]:
    return tuple(sorted((*a, *b))[:COMPLAINTS])


@dataclass(slots=True)
class _Group:
    """Group records with equal results and states, which are counted together at the end."""

    changes: tuple[Change, ...]
    wants: int  # how many more examples to take
    records: int = 0
    amount: Decimal = _ZERO
    examples: list[Past] = field(default_factory=list)


class Backtest:
    """Compare two rule sets over any number of parts."""

    def __init__(self, old: RuleSide, new: RuleSide) -> None:
        self.old, self.new, self.sides = old, new, TwoSides(old, new)
        self._words = [RouteWords(s.program.rules, s.program.ruleset) for s in (old, new)]
        rulesets = [s.program.ruleset for s in (old, new)]
        source = {s.name: s.currency for r in rulesets for s in r.sources}
        self._home = {r.name: source.get(r.source or "", "") for s in rulesets for r in s.records}

    def tally(self, pasts: Iterable[Past | Bad]) -> Tally:
        """Judge each record by both rule sets and count. The records of one part keep their
        order.
        """
        groups: dict[Any, _Group] = {}
        bad: list[Bad] = []
        add = _EXACT.add
        for past, glances in self.sides.each(pasts):
            if isinstance(past, Bad):
                bad.append(past)
                continue
            if isinstance(glances, Exception):  # a record on which the rules fail is reported
                bad.append(_broken(past, glances))
                continue
            old_glance, new_glance = glances
            amount = old_glance.amount if old_glance.amount is not None else new_glance.amount
            currency = "" if amount is None else self._currency(past.subject)
            key = (past.subject.kind, past.states, old_glance.routes, new_glance.routes, currency)
            group = groups.get(key)
            if group is None:
                group = groups[key] = self._group(past, old_glance, new_glance)
            group.records += 1
            if amount is not None:
                group.amount = add(group.amount, amount)
            if group.wants:
                group.wants -= 1
                group.examples.append(past)
        tally = Tally(bad=len(bad), complaints=tuple(bad[:COMPLAINTS]))
        for key, group in groups.items():
            _count(tally, group, kind=key[0], new_routes=key[3], currency=key[4])
        return tally

    def amount(self, past: Past) -> tuple[Decimal, str]:
        """Return a record's amount and currency; 0 and a blank currency if the amount is
        unknown.
        """
        old_glance, new_glance = self.sides.glances(past)
        amount = old_glance.amount if old_glance.amount is not None else new_glance.amount
        return (_ZERO, "") if amount is None else (amount, self._currency(past.subject))

    def _currency(self, subject: Subject) -> str:
        stated = subject.body.get("currency")
        return stated if type(stated) is str and stated else self._home.get(subject.kind, "")

    def _group(self, past: Past, old_glance: Glance, new_glance: Glance) -> _Group:
        before = {r.route: self._words[0].word_of(r) for r in old_glance.routes}
        after = {r.route: self._words[1].word_of(r) for r in new_glance.routes}
        states, kind = dict(past.states), past.subject.kind
        changes = tuple(
            Change(
                kind,
                route,
                states.get(route, ""),
                before.get(route, NO_ROUTE),
                after.get(route, NO_ROUTE),
            )
            for route in {**before, **after}
        )
        return _Group(changes, EXAMPLES if any(c.was != c.would for c in changes) else 0)


def _broken(past: Past, error: Exception) -> Bad:
    """Return the report on a record that the rules cannot judge."""
    if isinstance(error, LookupError):
        return Bad(past.where, str(error.args[0]) if error.args else "nothing is known of it")
    return Bad(past.where, f"the rules failed on it: {type(error).__name__}: {error}")


def _count(
    tally: Tally, group: _Group, *, kind: str, new_routes: tuple[RouteGlance, ...], currency: str
) -> None:
    """Add one group to a tally."""
    money = {currency: Sum(group.records, group.amount)}
    tally.records += group.records
    tally.judged[kind] = tally.judged.get(kind, 0) + group.records
    if all(c.was == c.would for c in group.changes):
        tally.same += group.records
    for change in group.changes:
        tally.cells[change] = _money(tally.cells.get(change, {}), money)
        if change.was != change.would:
            before = tally.examples.get(change, ())
            tally.examples[change] = _first(before, tuple(group.examples))
    if any(c.stops for c in group.changes):
        tally.stopped = _money(tally.stopped, money)
    if any(c.frees for c in group.changes):
        tally.freed = _money(tally.freed, money)
    bits = 0
    for route in new_routes:
        bits |= route.fail | route.unknown
    for rule in _set_bits(bits):
        tally.fired[kind, rule] = tally.fired.get((kind, rule), 0) + group.records


def _set_bits(bits: int) -> Iterator[int]:
    while bits:
        last = bits & -bits
        yield last.bit_length() - 1
        bits ^= last


@dataclass(frozen=True, slots=True)
class RouteSide:
    """One outcome's decision for a route: its state, and (code, rule) of each stopping
    finding.
    """

    state: PostingState
    findings: tuple[tuple[str, str], ...]

    def to_json(self) -> Plain:
        """Return the form that is stored."""
        return {"state": self.state.value, "findings": [list(finding) for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class FieldPair:
    """A document field with two values; `line` counts from 1, and is None in the header.

    A blank value means that the field is absent.
    """

    name: str
    line: int | None
    was: str
    would: str


@dataclass(frozen=True, slots=True)
class RouteDifference:
    """Describe a route with different decisions; a side is None if its rules lack the route."""

    route: str
    was: RouteSide | None
    would: RouteSide | None
    fields: tuple[FieldPair, ...]

    @property
    def verdict_differs(self) -> bool:
        """Whether the decisions differ in more than document values."""
        return self.was != self.would


def route_sides(outcome: Outcome) -> dict[str, RouteSide]:
    """Return the decision of each route."""
    return {decision.route: _side(decision) for decision in outcome.decisions}


def _side(decision: Decision) -> RouteSide:
    stops = {(f.code, f.rule) for f in decision.findings if f.severity in STOPS}
    return RouteSide(decision.state, tuple(sorted(stops)))


def route_differences(before: Outcome, after: Outcome) -> tuple[RouteDifference, ...]:
    """Return the routes that differ, sorted by name."""
    old_sides, new_sides = route_sides(before), route_sides(after)
    old_documents, new_documents = _documents(before), _documents(after)
    differences = (
        RouteDifference(
            route,
            old_sides.get(route),
            new_sides.get(route),
            tuple(_document_fields(old_documents.get(route), new_documents.get(route))),
        )
        for route in sorted({*old_sides, *new_sides})
    )
    return tuple(
        difference for difference in differences if difference.verdict_differs or difference.fields
    )


def _documents(outcome: Outcome) -> dict[str, Document]:
    return {
        decision.route: decision.document
        for decision in outcome.decisions
        if decision.document is not None
    }


def _document_fields(old: Document | None, new: Document | None) -> Iterator[FieldPair]:
    """Yield the fields that differ. Empty unless both documents exist, because the state shows the
    rest.
    """
    if old is None or new is None:
        return
    yield from _pairs(None, _head(old), _head(new))
    for index in range(max(len(old.lines), len(new.lines))):
        old_line, new_line = (
            document.lines[index] if index < len(document.lines) else {} for document in (old, new)
        )
        yield from _pairs(index + 1, old_line, new_line)


def _pairs(line: int | None, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[FieldPair]:
    for name in dict.fromkeys([*old, *new]):
        was, would = old.get(name, ""), new.get(name, "")
        if was != would:
            yield FieldPair(name, line, was, would)


def _head(document: Document) -> Mapping[str, str]:
    common_fields = {
        "number": document.number,
        "date": document.date.isoformat(),
        "party": document.party,
        "currency": document.currency,
        "amount": str(document.amount),
    }
    return {**common_fields, **document.fields}


@lru_cache(maxsize=64)
def newly_needed_names(before: Program | None, now: Program) -> Names:
    """Return, by record kind, the key names that `now` needs to find other records and `before`
    lacks or defines differently.

    Names are of links, unique values in history, and document numbers. Without `before` all names
    are new.
    """
    old_definitions = dict(_meanings(before)) if before is not None else {}
    new_names = defaultdict[str, set[str]](set)
    for (kind, name), definition in _meanings(now):
        if old_definitions.get((kind, name)) != definition:
            new_names[kind].add(name)
    return {kind: frozenset(names) for kind, names in new_names.items()}


def _meanings(program: Program) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield (kind, name) of each key, and everything that defines its value."""
    ruleset = program.ruleset
    for link in ruleset.links:
        definition = (link.ours, link.of_lines, link.other, link.theirs)
        yield (link.record, f"{OF_LINKS}{link.record}.{link.name}"), definition
    for declared in ruleset.duplicates:
        for kind in (word.name for word in declared.records):
            for number, unique in enumerate(declared.uniques):
                if unique.where == "history":
                    name = f"{OF_DUPLICATES}{declared.route or '*'}:{kind}.{number}"
                    match = tuple(m.match for m in ruleset.maps if m.name in unique.like)
                    made_of = _named_fields(ruleset, kind, unique.fields)
                    yield (kind, name), (unique, match, made_of)
    for post in ruleset.posts:
        words = _WORD.findall(post.number or "")
        key = (post.record, f"{OF_DOCUMENTS}{post.route}")
        yield key, (post.number, _named_fields(ruleset, post.record, words))


def _named_fields(ruleset: Ruleset, kind: str, names: Collection[str]) -> tuple[Any, ...]:
    """Return the fields of these names, or all fields of the records if a named field is
    computed.
    """
    records = [record for record in ruleset.records if record.name == kind]
    named = tuple(field for owner in records for field in owner.fields if field.name in names)
    if not any(isinstance(field, Computed) for field in named):
        return named
    return tuple(record for record in ruleset.records if kind in (record.name, record.parent))
