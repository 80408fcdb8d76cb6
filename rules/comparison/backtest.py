"""Two programs over many stored records: what each was, what it would be, and how much money.

Here: tally (over any number of stored records) and Tally, which adds up: the tally of two parts
together is the sum of their tallies. Pure. Not here: what both say of a record (two_sides.py),
processes, showing a tally (portal/backtest), the reasons of single records (backtest_reasons.py).
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from rules.comparison.two_sides import Bad, Past, Side, TwoSides
from rules.facts.world import Subject
from rules.outcomes.summary import NO_ROUTE, Glance, RouteGlance, Words, has_posted, stricter
from rules.values.posting_states import PostingState

EXAMPLES = 5
"""So many records are kept as examples of each change."""
COMPLAINTS = 20
"""So many bad records are told one by one."""
_EXACT = decimal.Context(prec=400, Emin=-999, Emax=999, traps=[decimal.Inexact])
_ZERO = Decimal(0)
K = TypeVar("K")
V = TypeVar("V")


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
        return has_posted(self.state) and stricter(self.would, self.was)

    @property
    def frees(self) -> bool:
        """Whether something that has not been posted would newly be posted."""
        return (
            not has_posted(self.state)
            and self.would == PostingState.READY
            and self.was != PostingState.READY
        )


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

    def __init__(self, old: Side, new: Side) -> None:
        self.old, self.new, self.sides = old, new, TwoSides(old, new)
        self._words = [Words(s.program.rules, s.program.ruleset) for s in (old, new)]
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


def _money(a: Money, b: Money) -> Money:
    return _merged(a, b, Sum.plus)


def _first(a: tuple[Past, ...], b: tuple[Past, ...]) -> tuple[Past, ...]:
    return tuple(sorted((*a, *b), key=lambda past: past.where)[:EXAMPLES])


def _complaints(a: tuple[Bad, ...], b: tuple[Bad, ...]) -> tuple[Bad, ...]:
    return tuple(sorted((*a, *b))[:COMPLAINTS])


def _broken(past: Past, error: Exception) -> Bad:
    """What is said of a record that the rules cannot judge."""
    if isinstance(error, LookupError):
        return Bad(past.where, str(error.args[0]) if error.args else "nothing is known of it")
    return Bad(past.where, f"the rules failed on it: {type(error).__name__}: {error}")


def _merged(a: dict[K, V], b: dict[K, V], plus: Callable[[V, V], V]) -> dict[K, V]:
    found = dict(a)
    for key, value in b.items():
        found[key] = plus(found[key], value) if key in found else value
    return found
