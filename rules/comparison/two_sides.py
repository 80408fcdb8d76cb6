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
"""So many records are judged by one side before the other: few enough to stay in the processor's
caches until the second comes to them.
"""

States = tuple[tuple[str, str], ...]

Both = tuple[Glance, Glance]
"""What the old side says of a record, and the new one."""

_UNREAD = LookupError()
"""What is said of a record that is none."""

Declared = Literal["check", "approve"]

_GATES: Final[frozenset[VerdictKind]] = frozenset({"gate", "when", "timing", "after"})

EXAMPLES = 5
"""So many records are kept as examples of each change."""

COMPLAINTS = 20
"""So many bad records are told one by one."""

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
    """A number of records with what they come to."""

    records: int
    amount: Decimal

    def plus(self, other: Sum) -> Sum:
        """Both together, exactly."""
        return Sum(self.records + other.records, _EXACT.add(self.amount, other.amount))


Money = dict[str, Sum]
"""Sums by currency; records without an amount stand under the empty one."""


@dataclass(slots=True)
class Past:
    """One stored record with all that was known when it was judged.

    `states` is what became of it: route -> state of its posting; `where` is its file and line.
    """

    subject: Subject
    facts: Facts
    now: datetime
    states: States = ()
    revision: int | None = None  # of the stored world; None: the entries of the rule files
    known: tuple[str, ...] | None = None  # targets whose state was known; None: all
    where: tuple[str, int] = ("", 0)


class Bad(NamedTuple):
    """A stored record that could not be read or judged."""

    where: tuple[str, int]
    message: str


@dataclass(frozen=True, slots=True)
class Reason:
    """What decided: the rule, where it stands (None: no rule speaks of it), and its words."""

    number: str
    rule: str
    span: Span | None
    text: str


Limit = Callable[[Document, str], Reason | None]
"""Returns why its target could never take a new document of the record with this number."""


@dataclass(frozen=True, slots=True)
class RuleSide:
    """One of the two rule sets, and the world in which it judges a stored record. `facts`: what it
    would have known of the record, where that is not what was stored. Without a `limit` every
    document is within the limits of its target.
    """

    program: Program
    world: Callable[[Past], World]
    facts: Callable[[Past], Facts] = attrgetter("facts")
    limit: Limit | None = None

    def glance(self, past: Past, known: tuple[Facts, World], once: SharedRead | None) -> Glance:
        """Return what the rules say of a record; what its target could never take is held."""
        seen = self.program.glance(past.subject, *known, past.now, once)
        if self.limit is None or all(one.state != PostingState.READY for one in seen.routes):
            return seen
        outcome = self.program.decision(past.subject, *known, past.now)
        held = {one.route for one in outcome.decisions if self.beyond(outcome, one) is not None}
        if not held:
            return seen
        routes = (
            replace(one, state=PostingState.HELD) if one.route in held else one
            for one in seen.routes
        )
        return replace(seen, routes=tuple(routes))

    def beyond(self, outcome: Outcome, decision: Decision) -> Reason | None:
        """Return why the target could never take a document that is ready, or None."""
        document = decision.document
        if self.limit is None or document is None or decision.state != PostingState.READY:
            return None
        return self.limit(document, outcome.number)


class _Opened(NamedTuple):
    """A record with the worlds of both sides, and what they share of it."""

    past: Past
    before: tuple[Facts, World]
    after: tuple[Facts, World]
    once: SharedRead | None


class TwoSides:
    """Both, and what they read and say alike."""

    def __init__(self, old: RuleSide, new: RuleSide) -> None:
        self.old, self.new = old, new
        self._alike = SharedKinds(old.program.ruleset, new.program.ruleset)

    def each(self, pasts: Iterable[Past | Bad]) -> Iterator[tuple[Past | Bad, Both | Exception]]:
        """What both say of each record. Several are read before the first is judged, and judged by
        one side before the other: what goes over many in one go stays in the processor's caches.
        """
        rest = iter(pasts)
        while some := list(islice(rest, AT_ONCE)):
            opened = [self._opened(past) for past in some if isinstance(past, Past)]
            begun = [self._begun(one) for one in opened]
            told = iter([self._ended(one) for one in begun])
            for past in some:
                yield past, (_UNREAD if isinstance(past, Bad) else next(told))

    def seen(self, past: Past) -> Both:
        """What both say of a record, which is read once where they read it alike."""
        told = self._ended(self._begun(self._opened(past)))
        if isinstance(told, Exception):
            raise told
        return told

    def _opened(self, past: Past) -> _Opened | Exception:
        """The worlds of a record, and its content where both sides read it alike."""
        try:
            before, after = ((side.facts(past), side.world(past)) for side in (self.old, self.new))
            same = all(one is other for one, other in zip(before, after, strict=True))
            once = self._alike.shared_read(past.subject.kind) if same else None
            if once is not None:
                self.old.program.read(past.subject, once)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error
        return _Opened(past, before, after, once)

    def _begun(self, one: _Opened | Exception) -> tuple[_Opened, Glance] | Exception:
        """The same, and what the old side says of it."""
        if isinstance(one, Exception):
            return one
        past = one.past
        try:
            return one, self.old.glance(past, one.before, one.once)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error

    def _ended(self, begun: tuple[_Opened, Glance] | Exception) -> Both | Exception:
        """What both say, or why one of them could not."""
        if isinstance(begun, Exception):
            return begun
        one, was = begun
        past = one.past
        try:
            return was, self.new.glance(past, one.after, one.once)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error


@dataclass(frozen=True, slots=True)
class Fired:
    """On how many of the records that it speaks of a rule of the new set fired.

    `kind` is theirs; `declared` says what kind of rule it is.
    """

    kind: str
    declared: Declared
    rule: str
    span: Span
    fired: int
    records: int

    @property
    def book_name(self) -> str:
        """The entry of the rule book that it belongs to."""
        return book_name(self.declared, self.rule, self.kind)


def book_name(declared: Declared, rule: str, kind: str) -> str:
    """The entry of the rule book that a rule of a backtest belongs to."""
    return f"approve {kind}" if declared == "approve" else f"check {rule}"


def decision_reason(side: RuleSide, past: Past, route: str) -> Reason:
    """Why a record is not simply ready under a route, by one of the two rule sets."""
    outcome = side.program.evaluate(past.subject, side.facts(past), side.world(past), past.now)
    decision = next((d for d in outcome.decisions if d.route == route), None)
    if decision is None:
        return Reason(outcome.number, "", None, "no rule posts it")
    return side.beyond(outcome, decision) or _of(outcome, decision)


def _of(outcome: Outcome, decision: Decision) -> Reason:
    finding = next((f for f in decision.findings if f.severity in STOPS), None)
    if finding is not None:
        return Reason(outcome.number, finding.rule, finding.span, finding.message)
    own = (v for v in outcome.verdicts if v.route == decision.route and v.kind in _GATES)
    verdict = next((v for v in own if v.result != "pass"), None)
    if verdict is not None and decision.state != PostingState.READY:
        return Reason(outcome.number, verdict.rule, verdict.span, decision.reason)
    return Reason(outcome.number, "", None, decision.reason)


class Change(NamedTuple):
    """One cell of the matrix: what stood under a route, was judged so, would be judged so."""

    kind: str
    route: str
    state: str  # of the posting; empty where nobody said
    was: str
    would: str

    @property
    def stops(self) -> bool:
        """Whether something that has been posted would have been stopped."""
        return has_posted(self.state) and is_stricter(self.would, self.was)

    @property
    def frees(self) -> bool:
        """Whether something that has not been posted would newly be posted."""
        return (
            not has_posted(self.state)
            and self.would == PostingState.READY
            and self.was != PostingState.READY
        )


@dataclass(slots=True)
class Tally:
    """What a backtest has counted. `a.plus(b)` counts the records of both."""

    records: int = 0
    same: int = 0
    cells: dict[Change, Money] = field(default_factory=dict)
    stopped: Money = field(default_factory=dict)  # records, each once, under whatever route
    freed: Money = field(default_factory=dict)
    examples: dict[Change, tuple[Past, ...]] = field(default_factory=dict)  # the first of each
    judged: dict[str, int] = field(default_factory=dict)  # record kind -> records
    fired: dict[tuple[str, int], int] = field(default_factory=dict)  # kind, rule of the new program
    bad: int = 0
    complaints: tuple[Bad, ...] = ()  # the first of them

    def plus(self, other: Tally) -> Tally:
        """The tally of all records of both."""
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
    """How often each check and approval fired, where records came that it speaks of."""
    numbers = {(r.kind, r.name): i for i, r in enumerate(new.program.rules)}
    found: dict[tuple[str, str, str], Fired] = {}
    for declared, rule, record, span in _declared(new.program.ruleset):
        records = tally.judged.get(record, 0)
        if records:
            times = tally.fired.get((record, numbers[declared, rule]), 0)
            found[declared, rule, record] = Fired(record, declared, rule, span, times, records)
    return tuple(found.values())


def _declared(ruleset: nodes.Ruleset) -> Iterator[tuple[Declared, str, str, Span]]:
    for check in ruleset.checks:
        for record in check.records:
            yield "check", check.name, record.name, check.span
    for approve in ruleset.approvals:
        yield "approve", f"approve by {approve.role}", approve.record, approve.span


def _merged(a: dict[K, V], b: dict[K, V], plus: Callable[[V, V], V]) -> dict[K, V]:
    found = dict(a)
    for key, value in b.items():
        found[key] = plus(found[key], value) if key in found else value
    return found


def _money(a: Money, b: Money) -> Money:
    return _merged(a, b, Sum.plus)


def _first(a: tuple[Past, ...], b: tuple[Past, ...]) -> tuple[Past, ...]:
    return tuple(sorted((*a, *b), key=lambda past: past.where)[:EXAMPLES])


def _complaints(a: tuple[Bad, ...], b: tuple[Bad, ...]) -> tuple[Bad, ...]:
    return tuple(sorted((*a, *b))[:COMPLAINTS])


@dataclass(slots=True)
class _Group:
    """Records that come to the same under the same states; counted all at once, at the end."""

    changes: tuple[Change, ...]
    wants: int  # so many examples are still taken
    records: int = 0
    amount: Decimal = _ZERO
    examples: list[Past] = field(default_factory=list)


class Backtest:
    """Two sides made ready for any number of parts."""

    def __init__(self, old: RuleSide, new: RuleSide) -> None:
        self.old, self.new, self.sides = old, new, TwoSides(old, new)
        self._words = [RouteWords(s.program.rules, s.program.ruleset) for s in (old, new)]
        rulesets = [s.program.ruleset for s in (old, new)]
        source = {s.name: s.currency for r in rulesets for s in r.sources}
        self._home = {r.name: source.get(r.source or "", "") for s in rulesets for r in s.records}

    def tally(self, pasts: Iterable[Past | Bad]) -> Tally:
        """Judge each record by both and count; the records of one part come in their order."""
        groups: dict[Any, _Group] = {}
        bad: list[Bad] = []
        add = _EXACT.add
        for past, told in self.sides.each(pasts):
            if isinstance(past, Bad):
                bad.append(past)
                continue
            if isinstance(told, Exception):  # one record that breaks the rules is told
                bad.append(_broken(past, told))
                continue
            was, would = told
            amount = was.amount if was.amount is not None else would.amount
            currency = "" if amount is None else self._currency(past.subject)
            key = (past.subject.kind, past.states, was.routes, would.routes, currency)
            group = groups.get(key)
            if group is None:
                group = groups[key] = self._group(past, was, would)
            group.records += 1
            if amount is not None:
                group.amount = add(group.amount, amount)
            if group.wants:
                group.wants -= 1
                group.examples.append(past)
        found = Tally(bad=len(bad), complaints=tuple(bad[:COMPLAINTS]))
        for key, group in groups.items():
            _count(found, group, kind=key[0], would=key[3], currency=key[4])
        return found

    def amount(self, past: Past) -> tuple[Decimal, str]:
        """The amount of a record, and the currency; an empty one where nobody can say."""
        was, would = self.sides.seen(past)
        amount = was.amount if was.amount is not None else would.amount
        return (_ZERO, "") if amount is None else (amount, self._currency(past.subject))

    def _currency(self, subject: Subject) -> str:
        own = subject.body.get("currency")
        return own if type(own) is str and own else self._home.get(subject.kind, "")

    def _group(self, past: Past, was: Glance, would: Glance) -> _Group:
        before = {r.route: self._words[0].word_of(r) for r in was.routes}
        after = {r.route: self._words[1].word_of(r) for r in would.routes}
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
    """What is said of a record that the rules cannot judge."""
    if isinstance(error, LookupError):
        return Bad(past.where, str(error.args[0]) if error.args else "nothing is known of it")
    return Bad(past.where, f"the rules failed on it: {type(error).__name__}: {error}")


def _count(
    found: Tally, group: _Group, *, kind: str, would: tuple[RouteGlance, ...], currency: str
) -> None:
    """Add one group to a tally."""
    money = {currency: Sum(group.records, group.amount)}
    found.records += group.records
    found.judged[kind] = found.judged.get(kind, 0) + group.records
    if all(c.was == c.would for c in group.changes):
        found.same += group.records
    for change in group.changes:
        found.cells[change] = _money(found.cells.get(change, {}), money)
        if change.was != change.would:
            before = found.examples.get(change, ())
            found.examples[change] = _first(before, tuple(group.examples))
    if any(c.stops for c in group.changes):
        found.stopped = _money(found.stopped, money)
    if any(c.frees for c in group.changes):
        found.freed = _money(found.freed, money)
    bits = 0
    for route in would:
        bits |= route.fail | route.unknown
    for rule in _set_bits(bits):
        found.fired[kind, rule] = found.fired.get((kind, rule), 0) + group.records


def _set_bits(bits: int) -> Iterator[int]:
    while bits:
        last = bits & -bits
        yield last.bit_length() - 1
        bits ^= last


@dataclass(frozen=True, slots=True)
class RouteSide:
    """What one outcome decides for a route: its state, and code and rule of what stops it."""

    state: PostingState
    findings: tuple[tuple[str, str], ...]

    def to_json(self) -> Plain:
        """As it is stored."""
        return {"state": self.state.value, "findings": [list(one) for one in self.findings]}


@dataclass(frozen=True, slots=True)
class FieldPair:
    """A field of the document with another value; `line` counts from 1, and is None for its head.
    A blank value: there is none.
    """

    name: str
    line: int | None
    was: str
    would: str


@dataclass(frozen=True, slots=True)
class RouteDifference:
    """A route whose answer differs; a side is None where the rules have no such route."""

    route: str
    was: RouteSide | None
    would: RouteSide | None
    fields: tuple[FieldPair, ...]

    @property
    def verdict_differs(self) -> bool:
        """Whether it is more than a value of the document."""
        return self.was != self.would


def route_sides(outcome: Outcome) -> dict[str, RouteSide]:
    """Route -> what is decided."""
    return {one.route: _side(one) for one in outcome.decisions}


def _side(decision: Decision) -> RouteSide:
    stops = {(f.code, f.rule) for f in decision.findings if f.severity in STOPS}
    return RouteSide(decision.state, tuple(sorted(stops)))


def route_differences(before: Outcome, after: Outcome) -> tuple[RouteDifference, ...]:
    """The routes that differ, by their names; none where both decide the same."""
    was, would = route_sides(before), route_sides(after)
    old, new = _documents(before), _documents(after)
    found = (
        RouteDifference(
            route,
            was.get(route),
            would.get(route),
            tuple(_document_fields(old.get(route), new.get(route))),
        )
        for route in sorted({*was, *would})
    )
    return tuple(one for one in found if one.verdict_differs or one.fields)


def _documents(outcome: Outcome) -> dict[str, Document]:
    return {one.route: one.document for one in outcome.decisions if one.document is not None}


def _document_fields(old: Document | None, new: Document | None) -> Iterator[FieldPair]:
    """Where both have a document: that there is one at all follows from the state."""
    if old is None or new is None:
        return
    yield from _pairs(None, _head(old), _head(new))
    for at in range(max(len(old.lines), len(new.lines))):
        mine, theirs = (one.lines[at] if at < len(one.lines) else {} for one in (old, new))
        yield from _pairs(at + 1, mine, theirs)


def _pairs(line: int | None, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[FieldPair]:
    for name in dict.fromkeys([*old, *new]):
        was, would = old.get(name, ""), new.get(name, "")
        if was != would:
            yield FieldPair(name, line, was, would)


def _head(document: Document) -> Mapping[str, str]:
    own = {
        "number": document.number,
        "date": document.date.isoformat(),
        "party": document.party,
        "currency": document.currency,
        "amount": str(document.amount),
    }
    return {**own, **document.fields}


@lru_cache(maxsize=64)
def newly_needed_names(before: Program | None, now: Program) -> Names:
    """Kind of record -> the names under which `now` asks for others of it, and `before` does not or
    means other ones: of links, of what is unique in history, of the numbers of documents. Without
    `before` it is all of them.
    """
    known = dict(_meanings(before)) if before is not None else {}
    found = defaultdict[str, set[str]](set)
    for (kind, name), means in _meanings(now):
        if known.get((kind, name)) != means:
            found[kind].add(name)
    return {kind: frozenset(names) for kind, names in found.items()}


def _meanings(program: Program) -> Iterator[tuple[tuple[str, str], Any]]:
    """Kind and name of each key, and all that its value is made of."""
    ruleset = program.ruleset
    for link in ruleset.links:
        joins = (link.ours, link.of_lines, link.other, link.theirs)
        yield (link.record, f"{OF_LINKS}{link.record}.{link.name}"), joins
    for declared in ruleset.duplicates:
        for kind in (word.name for word in declared.records):
            for number, unique in enumerate(declared.uniques):
                if unique.where == "history":
                    name = f"{OF_DUPLICATES}{declared.route or '*'}:{kind}.{number}"
                    match = tuple(m.match for m in ruleset.maps if m.name in unique.like)
                    made_of = _named_fields(ruleset, kind, unique.fields)
                    yield (kind, name), (unique, match, made_of, program.edition)
    for post in ruleset.posts:
        words = _WORD.findall(post.number or "")
        key = (post.record, f"{OF_DOCUMENTS}{post.route}")
        yield key, (post.number, _named_fields(ruleset, post.record, words))


def _named_fields(ruleset: Ruleset, kind: str, names: Collection[str]) -> tuple[Any, ...]:
    """The fields of these names; where one of them is worked out, all of which it may be."""
    own = [record for record in ruleset.records if record.name == kind]
    named = tuple(field for one in own for field in one.fields if field.name in names)
    if not any(isinstance(field, Computed) for field in named):
        return named
    return tuple(record for record in ruleset.records if kind in (record.name, record.parent))
