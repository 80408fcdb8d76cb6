"""Find checks that contradict or cover each other; for each check the first such partner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from grammar import nodes
from rules.checker.cases import Cases, lowest, members
from rules.checker.ranges import Allowed

_STRENGTH = {"warn": 0, "hold": 1, "review": 1, "reject": 2}

Numbers: TypeAlias = int
"""A set of numbers of whatever is compared: bit i for number i."""

_Sets: TypeAlias = defaultdict[Any, Numbers]
"""What is shared -> the numbers of those that share it."""


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A check as far as it can be reasoned about."""

    check: nodes.Check
    when: Allowed
    requires: tuple[Allowed, ...]
    all: Allowed
    """Everything that it requires."""


def contradicted(first: Reasoned, second: Reasoned) -> str:
    """Return the field without an allowed value if two checks can never both pass, or blank."""
    one, other = first.check, second.check
    meet = one.route is None or other.route is None or one.route == other.route
    stop = _strength(one) and _strength(other)
    alone = first.all.impossible or second.all.impossible
    if not meet or not stop or alone or first.when != second.when:
        return ""
    return first.all.both(second.all).impossible


def _strength(check: nodes.Check) -> int:
    return _STRENGTH.get(check.action.kind, 0)


def covers(wide: Reasoned, narrow: Reasoned) -> bool:
    """Check whether one check fails wherever the other fails, with an answer at least as strong."""
    routes = wide.check.route is None or wide.check.route == narrow.check.route
    records = {w.name for w in narrow.check.records} <= {w.name for w in wide.check.records}
    alike = wide.check.action.role == narrow.check.action.role
    strong = alike and _strength(wide.check) >= _strength(narrow.check)
    applies = narrow.when.implies(wide.when)
    return routes and records and strong and applies and wide.all.implies(narrow.all)


def repeats_other(i: int, at: int, reasoned: Sequence[Reasoned]) -> bool:
    """Check whether a check adds nothing to another; of two equal checks the later one."""
    wide, narrow = reasoned[i], reasoned[at]
    if not covers(wide, narrow) or contradicted(wide, narrow):
        return False
    return i < at or not covers(narrow, wide)


class Pairs:
    """For each check by number, the other checks worth comparing.

    It includes all true pairs and hardly any false ones.
    """

    def __init__(self, reasoned: Sequence[Reasoned]) -> None:
        self._all = reasoned
        self._needs = _Fields([one.all for one in reasoned])
        self._whens = _Whens([one.when for one in reasoned])
        self._keys = [_key(one.when) for one in reasoned]
        self._when = _shared(self._keys)
        checks = [one.check for one in reasoned]
        self._route = _shared([check.route for check in checks])
        self._role = _shared([check.action.role for check in checks])
        self._record = _sharing({word.name for word in check.records} for check in checks)
        self._least = _sharing(range(_strength(check) + 1) for check in checks)
        self._stop = self._least.get(1, 0) & ~_shared([bool(r.all.impossible) for r in reasoned])[1]

    def covering(self, at: int) -> Iterator[int]:
        """Yield the checks that may cover a check, in the order of the text."""
        one = self._all[at]
        found = self._routes(one.check.route) & self._role[one.check.action.role]
        found &= self._least[_strength(one.check)]
        for word in one.check.records:
            found &= self._record[word.name]
        found &= ~(1 << at) & self._needs.speaking(one.all)
        found = self._whens.around(one.when, found)
        yield from members(self._needs.within(one.all, found))

    def contradicting(self, at: int) -> Iterator[int]:
        """Yield the checks above a check that may contradict it.

        They have an equal `when` and no common case of some field.
        """
        one = self._all[at]
        found = self._when[self._keys[at]] & self._stop & ((1 << at) - 1)
        if not self._stop >> at & 1:
            return
        if one.check.route is not None:
            found &= self._routes(one.check.route)
        yield from members(found and found & self._needs.apart(one.all))

    def _routes(self, route: nodes.RouteName | None) -> Numbers:
        """Return a route's checks with the checks of all routes; for all routes only the latter."""
        return self._route[None] | self._route[route]


class Crossings:
    """Sets of cases by number.

    A set and a question cost the runs that they are made of, times the logarithm of the cases: a
    comparison is one or two runs, however many values other conditions name.
    """

    def __init__(self, sets: Iterable[tuple[int, Cases]], width: int) -> None:
        """Create the tree from `sets`: number and cases, all below `width`."""
        self._size = 1 << max(width - 1, 0).bit_length()
        noted: dict[int, list[int]] = {}
        for number, cases in sets:
            for low, high in _runs(cases):
                for node in self._covering(low, high):
                    noted.setdefault(node, []).append(number)
        self._whole: list[Numbers] = [0] * (2 * self._size)
        """Node -> the sets that hold all its cases, and not all of the node above."""
        for node, found in noted.items():
            self._whole[node] = number_set(found)
        self._within: list[Numbers] = [*self._whole]
        """Node -> the sets of which a part is noted there or below."""
        for node in range(2 * self._size - 1, 1, -1):
            self._within[node >> 1] |= self._within[node]

    def meeting(self, cases: Cases) -> Numbers:
        """Return the numbers of the sets with at least one of these cases."""
        found = 0
        for low, high in _runs(cases):
            left, right = low + self._size, high + self._size
            while left != right:
                found |= self._whole[left] | self._whole[right]
                left, right = left >> 1, right >> 1
            while left:
                found |= self._whole[left]
                left >>= 1
            for node in self._covering(low, high):
                found |= self._within[node]
        return found

    def _covering(self, low: int, high: int) -> Iterator[int]:
        """Yield the fewest nodes that cover exactly the cases from `low` to `high`."""
        low, high = low + self._size, high + self._size + 1
        while low < high:
            if low & 1:
                yield low
                low += 1
            if high & 1:
                high -= 1
                yield high
            low, high = low >> 1, high >> 1


class _Fields:
    """For each field, the numbers of the conditions on it and their cases."""

    def __init__(self, said: Sequence[Allowed]) -> None:
        self._every = (1 << len(said)) - 1
        self._about = _sharing(allowed.cases for allowed in said)
        self._texts = _sharing(allowed.rest for allowed in said)
        self._sets: dict[str, list[tuple[int, Cases]]] = {}
        self._union: dict[str, Cases] = {}
        self._least: dict[str, int] = {}
        """Field -> the fewest cases that a condition allows."""
        for at, allowed in enumerate(said):
            for name, cases in allowed.cases.items():
                self._sets.setdefault(name, []).append((at, cases))
                self._union[name] = self._union.get(name, 0) | cases
                size = cases.bit_count()
                self._least[name] = min(size, self._least.get(name, size))
        self._trees: dict[str, Crossings] = {}

    def speaking(self, of: Allowed) -> Numbers:
        """Return the conditions on every field of a condition."""
        found = self._every
        for name in of.cases:
            found &= self._about[name]
        for text in of.rest:
            found &= self._texts[text]
        return found

    def within(self, allowed: Allowed, among: Numbers) -> Numbers:
        """Return the conditions among some that allow no other case; all have the fields."""
        for name, cases in allowed.cases.items():
            if not among or cases.bit_count() < self._least[name]:
                return 0
            among &= ~self._tree(name).meeting(self._union[name] & ~cases)
        return among

    def apart(self, allowed: Allowed) -> Numbers:
        """Return the conditions without a common case of some field."""
        found = 0
        for name, cases in allowed.cases.items():
            if (self._union[name] & ~cases).bit_count() >= self._least[name]:
                found |= self._about[name] & ~self._tree(name).meeting(cases)
        return found

    def _tree(self, name: str) -> Crossings:
        """Return a field's cases by condition, sorted when first used."""
        if name not in self._trees:
            self._trees[name] = Crossings(self._noted(name), self._union[name].bit_length())
        return self._trees[name]

    def _noted(self, name: str) -> Iterable[tuple[int, Cases]]:
        return self._sets[name]


def _sharing(of: Iterable[Iterable[Hashable]]) -> _Sets:
    found: dict[Hashable, list[int]] = {}
    for at, shared in enumerate(of):
        for each in shared:
            found.setdefault(each, []).append(at)
    return defaultdict(int, {each: number_set(who) for each, who in found.items()})


def number_set(of: Sequence[int]) -> Numbers:
    """Return the set of these numbers."""
    if len(of) == 1:
        return 1 << of[0]
    bits = bytearray(max(of, default=0) // 8 + 1)
    for number in of:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def _runs(cases: Cases) -> Iterator[tuple[int, int]]:
    """Yield first and last case of each run of neighbours."""
    at = 0
    while cases:
        skipped = lowest(cases)
        cases >>= skipped
        length = lowest(~cases)
        yield at + skipped, at + skipped + length - 1
        cases >>= length
        at += skipped + length


class _Whens(_Fields):
    """When checks apply; noted is what they do not allow."""

    def __init__(self, said: Sequence[Allowed]) -> None:
        super().__init__(said)
        self._elsewhere: dict[frozenset[str], Numbers] = {}
        rarest = [
            min(allowed.rest, key=lambda text: (self._texts[text].bit_count(), text), default="")
            for allowed in said
        ]
        self._rarest = _shared(rarest)

    def around(self, when: Allowed, among: Numbers) -> Numbers:
        """Return the conditions among some that may apply wherever a condition holds.

        Of their other fields only the rarest is compared.
        """
        found = self._rarest[""]
        for text in when.rest:
            found |= self._rarest[text]
        found &= among & ~self._of_others(frozenset(when.cases))
        for name, cases in when.cases.items():
            if not found:
                break
            found &= ~self._tree(name).meeting(cases)
        return found

    def _of_others(self, spoken: frozenset[str]) -> Numbers:
        """Return the conditions on another field."""
        if spoken not in self._elsewhere:
            found = 0
            for name in self._about.keys() - spoken:
                found |= self._about[name]
            self._elsewhere[spoken] = found
        return self._elsewhere[spoken]

    def _noted(self, name: str) -> Iterable[tuple[int, Cases]]:
        return ((at, self._union[name] & ~cases) for at, cases in self._sets[name])


def _shared(of: Iterable[Hashable]) -> _Sets:
    return _sharing((each,) for each in of)


def _key(allowed: Allowed) -> Hashable:
    """Return a key that is equal for conditions with equal cases.

    Sets of cases are expanded, because the hashes of long bit runs collide.
    """
    return frozenset((name, hex(cases)) for name, cases in allowed.cases.items()), allowed.rest
