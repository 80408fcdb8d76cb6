"""Whether each condition says something, each check can pass and fail, and no two contradict.

Here: Reasoned, compared. A check is told once for each fault, with the first other check that shows
it: a thousand alike give a thousand findings, not a million. Not here: the reasoning over fields
(ranges.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from heapq import merge

from grammar import nodes as n
from grammar.text.problem import Problem
from rules.checker.cases import Cases
from rules.checker.places import places, problem, records_of
from rules.checker.ranges import Allowed, Cuts
from rules.types.symbol_table import Index, Scope
from rules.values.wording import say

_STRENGTH = {"warn": 0, "hold": 1, "review": 1, "reject": 2}


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A check as far as it can be reasoned about."""

    check: n.Check
    when: Allowed
    requires: tuple[Allowed, ...]
    all: Allowed
    """Everything that it requires."""


class Likely:
    """For each check, by its number, the few others worth comparing with it, in their order."""

    def __init__(self, reasoned: Sequence[Reasoned]) -> None:
        self._said = [
            {**one.all.cases, **dict.fromkeys(one.all.rest - {*one.all.cases}, 0)}
            for one in reasoned
        ]
        self._all = [one.all for one in reasoned]
        self._when = [_key(one.when) for one in reasoned]
        self._about: dict[object, list[tuple[int, Cases]]] = {}
        for at, said in enumerate(self._said):
            for name, cases in said.items():
                self._about.setdefault(name, []).append((at, cases))
                self._about.setdefault((name, self._when[at]), []).append((at, cases))

    def covering(self, at: int) -> Iterator[int]:
        """What may cover a check: it speaks of all that the check speaks of, so of its rarest field
        too, and allows no more there.
        """
        mine = self._said[at]
        rare = min(mine, key=lambda name: len(self._about[name]))
        more = ~mine[rare]
        yield from (i for i, cases in self._about[rare] if not cases & more and i != at)

    def contradicting(self, at: int) -> Iterator[int]:
        """What may contradict a check, of those before it: it has the same `when`, and shares no
        case of some field.
        """
        yield from merge(*(self._apart(at, name) for name in self._all[at].cases))

    def _apart(self, at: int, name: str) -> Iterator[int]:
        mine, alike = self._said[at][name], self._about[name, self._when[at]]
        return (i for i, cases in alike if i < at and not cases & mine)


def _key(when: Allowed) -> object:
    """What is equal for two conditions that allow the same.

    Sets of cases are spelled out: the hashes of such numbers, runs of ones, are nearly all alike.
    """
    return frozenset((name, hex(cases)) for name, cases in when.cases.items()), when.rest


def compared(reasoned: Sequence[Reasoned]) -> Iterator[Problem]:
    """Checks that contradict or cover each other."""
    likely = Likely(reasoned)
    for at, one in enumerate(reasoned):
        wrong = next((i for i in likely.contradicting(at) if _contradict(reasoned[i], one)), None)
        if wrong is not None:
            yield _both_fail(reasoned[wrong], one)
        more = next((i for i in likely.covering(at) if _repeats(i, at, reasoned)), None)
        if more is not None:
            yield _covered(one.check, reasoned[more].check)


def _contradict(first: Reasoned, second: Reasoned) -> str:
    """The field that no value fits, if two checks can never both pass; or an empty text."""
    one, other = first.check, second.check
    meet = one.route is None or other.route is None or one.route == other.route
    stop = _STRENGTH.get(one.action.kind, 0) and _STRENGTH.get(other.action.kind, 0)
    alone = first.all.impossible or second.all.impossible
    if not meet or not stop or alone or first.when != second.when:
        return ""
    return first.all.both(second.all).impossible


def _repeats(i: int, at: int, reasoned: Sequence[Reasoned]) -> bool:
    """Whether a check adds nothing to another; of two that say the same it is the later."""
    wide, narrow = reasoned[i], reasoned[at]
    if not _covers(wide, narrow) or _contradict(wide, narrow):
        return False
    return i < at or not _covers(narrow, wide)


def _covers(wide: Reasoned, narrow: Reasoned) -> bool:
    """Whether one check fails wherever the other fails, with an answer at least as strong."""
    routes = wide.check.route is None or wide.check.route == narrow.check.route
    records = {w.name for w in narrow.check.records} <= {w.name for w in wide.check.records}
    strong = wide.check.action.role == narrow.check.action.role and _STRENGTH.get(
        wide.check.action.kind, 0
    ) >= _STRENGTH.get(narrow.check.action.kind, 0)
    applies = narrow.when.implies(wide.when)
    return routes and records and strong and applies and wide.all.implies(narrow.all)


def _both_fail(first: Reasoned, second: Reasoned) -> Problem:
    one, other = first.check, second.check
    fails = first.all.both(second.all).impossible
    message = f"'{other.name}' and '{one.name}' can never both pass: no '{fails}' fits both"
    hint = f"'{one.name}' stands in {one.span}: correct one of them."
    return problem("LOG05", message, hint, other.span)


def _covered(less: n.Check, more: n.Check) -> Problem:
    message = f"'{less.name}' adds nothing: wherever it fails, '{more.name}' fails too"
    hint = f"'{more.name}' stands in {more.span}: keep one of them."
    return problem("LOG06", message, hint, less.span, "warning")


_ALWAYS = frozenset({"=", "<=", ">="})
_TURNED = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def check_logic(index: Index) -> Iterator[Problem]:
    """All that can be proved of conditions and checks."""
    for place in places(index):
        if place.what == "condition":
            yield from _constant(place.expr)
    for check_ in index.ruleset.checks:
        yield from _repeated(check_.requires)
    for name, record in index.records.items():
        if record.source is None:
            continue
        mine = [c for c in index.ruleset.checks if name in records_of(c.records, index)]
        for each_line in (False, True):
            yield from _of_record([c for c in mine if c.each_line == each_line], name, index)


def _constant(node: n.Expr) -> Iterator[Problem]:
    if isinstance(node, n.AllOf | n.AnyOf):
        yield from _repeated(node.parts)
        for part in node.parts:
            yield from _constant(part)
    elif isinstance(node, n.Not):
        yield from _constant(node.expr)
    elif isinstance(node, n.Compare):
        answer = _answer(node)
        if answer is not None:
            word = "always" if answer else "never"
            message = f"'{say(node)}' is {word} so, whatever the record holds"
            yield problem("LOG01", message, "Compare a field with something else.", node.span)


def _repeated(parts: Sequence[n.Expr]) -> Iterator[Problem]:
    """Conditions that stand twice side by side: one of them was mostly meant otherwise."""
    seen: set[str] = set()
    for part in parts:
        if say(part) in seen:
            message = f"'{say(part)}' says nothing new: it stands here already"
            yield problem("LOG04", message, "Take it out, or correct it.", part.span, "warning")
        seen.add(say(part))


def _answer(node: n.Compare) -> bool | None:
    left, right = node.left, node.right
    if isinstance(left, n.Literal) and isinstance(right, n.Literal):
        same = type(left.value) is type(right.value)
        return bool(_TURNED[node.op](left.value, right.value)) if same else None
    if not isinstance(left, n.Literal) and say(left) == say(right):
        return node.op in _ALWAYS
    return None


def _of_record(checks: list[n.Check], record: str, index: Index) -> Iterator[Problem]:
    conditions = [e for c in checks for e in (c.when, *c.requires) if e is not None]
    if not conditions:
        return
    cuts = Cuts(Scope(index, record, line=checks[0].each_line), conditions)
    reasoned = [_reasoned(c, cuts) for c in checks]
    for one in reasoned:
        yield from _alone(one, cuts)
    yield from compared(reasoned)


def _reasoned(check_: n.Check, cuts: Cuts) -> Reasoned:
    when = cuts.allowed(check_.when) if check_.when is not None else Allowed()
    requires = tuple(cuts.allowed(r) for r in check_.requires)
    return Reasoned(check_, when, requires, reduce(Allowed.both, requires, Allowed()))


def _alone(one: Reasoned, cuts: Cuts) -> Iterator[Problem]:
    check_ = one.check
    never = one.when.impossible
    if never and check_.when is not None:
        message = f"'{check_.name}' never applies: no '{never}' fits its when"
        yield problem("LOG02", message, "Widen the condition behind when.", check_.when.span)
        return
    fails = one.all.impossible or one.when.both(one.all).impossible
    if fails:
        message = f"'{check_.name}' can never pass: no '{fails}' fits all its conditions"
        yield problem("LOG03", message, "Take one of them out, or correct it.", check_.span)
        return
    for allowed, node in zip(one.requires, check_.requires, strict=True):
        given = check_.when is not None and one.when.implies(allowed)
        full = bool(allowed.cases) and not allowed.rest
        every = full and not any(cuts.columns[k].all & ~c for k, c in allowed.cases.items())
        if given or every:
            why = "the when of the check says so already" if given else "every value fits it"
            message = f"'{say(node)}' never fails: {why}"
            yield problem("LOG04", message, "Take it out, or correct it.", node.span, "warning")
