"""Does every condition say something, and can every check pass and fail?

Here: conditions that are always or never so, checks that contradict themselves or each other, that
add nothing to their `when` or to another check. Only what is proved over single fields is said.
Not here: the reasoning itself (ranges.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import places, problem, records_of
from rules.analyse.ranges import Allowed, Cuts
from rules.index import Index, Scope
from rules.words import say

_STRENGTH = {"warn": 0, "hold": 1, "review": 1, "reject": 2}
_ALWAYS = frozenset({"=", "<=", ">="})
_TURNED = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A check as far as it can be reasoned about."""

    check: n.Check
    when: Allowed
    requires: tuple[Allowed, ...]

    @property
    def all(self) -> Allowed:
        """Everything that it requires."""
        found = Allowed()
        for one in self.requires:
            found = found.both(one)
        return found


def check(index: Index) -> Iterator[Problem]:
    """All that can be proved of conditions and checks."""
    for place in places(index):
        if place.what == "condition":
            yield from _constant(place.expr)
    for name, record in index.records.items():
        if record.source is None:
            continue
        mine = [c for c in index.ruleset.checks if name in records_of(c.records, index)]
        for each_line in (False, True):
            yield from _of_record([c for c in mine if c.each_line == each_line], name, index)


def _constant(node: n.Expr) -> Iterator[Problem]:
    if isinstance(node, n.AllOf | n.AnyOf):
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
    reasoned = [
        Reasoned(
            c,
            cuts.allowed(c.when) if c.when is not None else Allowed(),
            tuple(cuts.allowed(r) for r in c.requires),
        )
        for c in checks
    ]
    for one in reasoned:
        yield from _alone(one, cuts)
    for first, second in itertools.combinations(reasoned, 2):
        yield from _together(first, second)


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
        full = bool(allowed.cases) and not allowed.rest
        given = full and check_.when is not None and one.when.implies(allowed)
        every = full and all(c >= cuts.columns[k].all for k, c in allowed.cases.items())
        if given or every:
            why = "the when of the check says so already" if given else "every value fits it"
            message = f"'{say(node)}' never fails: {why}"
            yield problem("LOG04", message, "Take it out, or correct it.", node.span, "warning")


def _together(first: Reasoned, second: Reasoned) -> Iterator[Problem]:
    one, other = first.check, second.check
    same_when = first.when == second.when
    meet = one.route is None or other.route is None or one.route == other.route
    stop = _STRENGTH.get(one.action.kind, 0) and _STRENGTH.get(other.action.kind, 0)
    fails = first.all.both(second.all).impossible
    alone = first.all.impossible or second.all.impossible
    if meet and stop and same_when and fails and not alone:
        message = f"'{other.name}' and '{one.name}' can never both pass: no '{fails}' fits both"
        hint = f"'{one.name}' stands in {one.span}: correct one of them."
        yield problem("LOG05", message, hint, other.span)
    elif _covers(first, second):
        yield _covered(other, one)
    elif _covers(second, first):
        yield _covered(one, other)


def _covers(wide: Reasoned, narrow: Reasoned) -> bool:
    """Whether one check fails wherever the other fails, with an answer at least as strong."""
    routes = wide.check.route is None or wide.check.route == narrow.check.route
    records = {w.name for w in narrow.check.records} <= {w.name for w in wide.check.records}
    strong = wide.check.action.role == narrow.check.action.role and _STRENGTH.get(
        wide.check.action.kind, 0
    ) >= _STRENGTH.get(narrow.check.action.kind, 0)
    applies = narrow.when.implies(wide.when)
    return routes and records and strong and applies and wide.all.implies(narrow.all)


def _covered(less: n.Check, more: n.Check) -> Problem:
    message = f"'{less.name}' adds nothing: wherever it fails, '{more.name}' fails too"
    hint = f"'{more.name}' stands in {more.span}: keep one of them."
    return problem("LOG06", message, hint, less.span, "warning")
