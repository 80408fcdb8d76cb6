"""Does every condition say something, and can every check pass and fail?

Here: conditions that are always or never so, checks that contradict themselves or add nothing to
their `when`. Only what is proved over single fields is said. Not here: checks beside each other
(pairs.py), the reasoning itself (ranges.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.pairs import Reasoned, compared
from rules.analyse.places import places, problem, records_of
from rules.analyse.ranges import Allowed, Cuts
from rules.index import Index, Scope
from rules.words import say

_ALWAYS = frozenset({"=", "<=", ">="})
_TURNED = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


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
