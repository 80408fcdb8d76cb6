"""Comparisons that say how far two days, or two moments, lie apart.

Here: by_distance, which turns `ordered_on >= today - 21d` into one about the days between; settled,
which knows what no record changes. Not here: what follows from it (rules/checker/logic.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from grammar import nodes as n
from grammar.text.problem import Span
from rules.types.inference import infer, silent
from rules.types.symbol_table import Scope
from rules.values.wording import say

CLOCK = ("today", "now")
_TURNED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_JUDGED = (date(2020, 1, 1), date(2100, 12, 31))
"""Between them lies every day on which something is judged."""
_DAYS = frozenset({"date", "moment", "duration"})


def by_distance(node: n.Compare, scope: Scope) -> n.Compare:
    """A comparison of two days with what lies between them on the left: `ordered_on - today`.

    Any other comparison as it is.
    """
    if infer(node.left, scope, silent).kind not in _DAYS:
        return node
    sums = _apart(node, scope.index.consts)
    if sums is None or len(sums[0]) != 2:
        return node
    names, by = sums
    (first, times), (second, other) = sorted(names.items(), key=lambda item: _rank(item[0]))
    if {times, other} != {1, -1}:
        return node
    op, length = (node.op, by) if times == 1 else (_TURNED[node.op], -by)
    span = node.left.span
    left = n.Arith("-", _name(first, span), _name(second, span), span)
    return n.Compare(left, op, n.Literal("duration", length, node.right.span), node.span)


def settled(node: n.Compare) -> bool | None:
    """Whether a comparison of days is always so, or never, whatever the record holds; or None."""
    sums = _apart(node, {})
    if sums is not None and not sums[0]:
        return COMPARED[node.op](timedelta(0), sums[1])
    return _bounded(node)


def _apart(
    node: n.Compare, consts: Mapping[str, n.Const]
) -> tuple[dict[str, int], timedelta] | None:
    """The names of both sides, those on the right taken away, and the duration they are compared
    with; None where a side is no sum of names and durations.
    """
    left, right = _sum(node.left, consts), _sum(node.right, consts)
    if left is None or right is None:
        return None
    names = Counter(left[0])
    names.subtract(right[0])
    return {name: times for name, times in names.items() if times}, right[1] - left[1]


def _bounded(node: n.Compare) -> bool | None:
    """The same of today or now beside a written day that is long gone or far away."""
    op, clock, written = node.op, node.left, node.right
    if isinstance(clock, n.Literal):
        op, clock, written = _TURNED[op], written, clock
    value = written.value if isinstance(written, n.Literal) else None
    if not isinstance(clock, n.Name) or say(clock) not in CLOCK or not isinstance(value, date):
        return None
    day = value.date() if isinstance(value, datetime) else value
    first, last = _JUDGED
    return None if first <= day <= last else COMPARED[op](first, day)


def _rank(name: str) -> tuple[bool, str]:
    """The clock comes second: a day is told by how far it lies from today."""
    return name in CLOCK, name


def _name(said: str, span: Span) -> n.Name:
    return n.Name(tuple(said.split(".")), span)


def _sum(expr: n.Expr, consts: Mapping[str, n.Const]) -> tuple[Counter[str], timedelta] | None:
    """How often each name is added in an expression, and all its durations together."""
    if isinstance(expr, n.Literal):
        return (Counter(), expr.value) if isinstance(expr.value, timedelta) else None
    if isinstance(expr, n.Name):
        const = consts.get(say(expr))
        value = const.rows[0].value.value if const and len(const.rows) == 1 else None
        if isinstance(value, timedelta):
            return Counter(), value
        return Counter([say(expr)]), timedelta(0)
    if not isinstance(expr, n.Arith) or expr.op not in "+-":
        return None
    left, right = _sum(expr.left, consts), _sum(expr.right, consts)
    if left is None or right is None:
        return None
    names = Counter(left[0])
    if expr.op == "+":
        names.update(right[0])
        return names, left[1] + right[1]
    names.subtract(right[0])
    return names, left[1] - right[1]
