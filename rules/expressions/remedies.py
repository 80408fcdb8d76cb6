"""What would make a condition pass: the smallest change of one operand, as far as it can be said.

Here: Wishes. A comparison of sums is solved for one stored field, so that the words can be typed
into the source: `total = 248.70`. Not here: whether the condition passes (conditions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from grammar import nodes as n
from rules.expressions.compiler import Compiler
from rules.expressions.run import Run
from rules.types.expansion import inside
from rules.types.functions import AGGREGATES, PURE
from rules.types.symbol_table import Scope
from rules.values import numbers
from rules.values.kinds import NUMERIC
from rules.values.tax_codes import tin_advice
from rules.values.unknown import Unknown
from rules.values.wording import say, shown

_NOT = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_SOLVABLE = NUMERIC | {"date", "moment"}
Term = tuple[int, n.Expr]


class Wishes:
    """The wishes of the conditions of one scope."""

    def __init__(self, compiler: Compiler, scope: Scope) -> None:
        self.compiler, self.scope = compiler, scope

    def of(self, node: n.Expr, run: Run, *, want: bool = True) -> str:
        """What would make a condition true (or false); an empty text where it is so already."""
        value = self._value(node, run)
        if value is want:
            return ""
        told: Callable[..., str] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if told is not None:
            return told(node, run, want=want)
        return say(node) if want else f"not {say(node)}"

    # ---- conditions ---------------------------------------------------------------------------

    def _allof(self, node: n.AllOf, run: Run, *, want: bool) -> str:
        return self._parts(node.parts, run, want=want, every=want)

    def _anyof(self, node: n.AnyOf, run: Run, *, want: bool) -> str:
        return self._parts(node.parts, run, want=want, every=not want)

    def _parts(self, parts: tuple[n.Expr, ...], run: Run, *, want: bool, every: bool) -> str:
        wishes = [wish for part in parts if (wish := self.of(part, run, want=want))]
        return ("; " if every else " or ").join(wishes)

    def _not(self, node: n.Not, run: Run, *, want: bool) -> str:
        return self.of(node.expr, run, want=not want)

    def _known(self, node: n.Known, _: Run, *, want: bool) -> str:
        return f"{say(node.expr)} is {'given' if want else 'left blank'}"

    def _absent(self, node: n.Absent, _: Run, *, want: bool) -> str:
        return f"{say(node.expr)} is {'left blank' if want else 'given'}"

    def _member(self, node: n.Member, run: Run, *, want: bool) -> str:
        values = ", ".join(say(value) for value in node.values)
        which = "one" if want else "none"
        return self._missing(node.left, run) or f"{say(node.left)} is {which} of {values}"

    def _name(self, node: n.Name, run: Run, *, want: bool) -> str:
        return self._missing(node, run) or f"{say(node)} = {'yes' if want else 'no'}"

    def _call(self, node: n.Call, run: Run, *, want: bool) -> str:
        missing = "" if node.name in AGGREGATES else self._missing(node, run)
        if missing or not want or node.name not in PURE:
            return missing or (say(node) if want else f"not {say(node)}")
        words = f"{say(node.args[0])} {PURE[node.name].words}"
        value = self._value(node.args[0], run)
        advice = _ADVICE.get(node.name)
        return f"{words} ({advice(value)})" if advice else words

    # ---- comparisons --------------------------------------------------------------------------

    def _compare(self, node: n.Compare, run: Run, *, want: bool) -> str:
        op = node.op if want else _NOT[node.op]
        missing = self._missing(node.left, run) or self._missing(node.right, run)
        return missing or self._solved(node, op, run) or self._told(node, op, run)

    def _told(self, node: n.Compare, op: str, run: Run) -> str:
        """The comparison itself, with the value of the side that does not stand in the source."""
        left, right = node.left, node.right
        if self._stored(right) and not self._stored(left):
            left, right, op = right, left, _FLIPPED[op]
        own = left in inside(right, self.scope)
        value = None if own or isinstance(right, n.Literal) else self._value(right, run)
        if value is None:
            return f"{say(left)} {op} {say(right)}"
        of = self.compiler.type(right, self.scope)
        return f"{say(left)} {op} {shown(value, of, self.compiler.zone)}"

    def _solved(self, node: n.Compare, op: str, run: Run) -> str:
        """The comparison solved for one stored field; nothing where that cannot be done."""
        left, right = list(_terms(node.left, 1)), list(_terms(node.right, -1))
        for subject in (*(left if len(left) == 1 else ()), *reversed(right), *left):
            others = [term for term in (*left, *right) if term is not subject]
            if self._alone(subject[1], others):
                return self._bound(subject, others, op, run)
        return ""

    def _alone(self, name: n.Expr, others: list[Term]) -> bool:
        """Whether an operand is a stored number or day on which no other operand depends."""
        if not self._stored(name) or self.compiler.type(name, self.scope).kind not in _SOLVABLE:
            return False
        parts = [part for _, other in others for part in inside(other, self.scope)]
        lists = any(isinstance(p, n.Call) and p.name in AGGREGATES for p in parts)
        return name not in parts and not (lists and isinstance(name, n.Name) and len(name.path) > 1)

    def _bound(self, subject: Term, others: list[Term], op: str, run: Run) -> str:
        sign, name = subject
        of = self.compiler.type(name, self.scope)
        others_ = [(side != sign, self._value(other, run)) for side, other in others]
        bound = _sum(others_) if of.kind in NUMERIC else _moved(others_)
        if bound is None:
            return ""
        op = op if sign > 0 else _FLIPPED[op]
        if of.kind == "whole" and isinstance(bound, numbers.Number):
            op, bound = _whole(op, bound)
        if op == "=" and isinstance(bound, Fraction):
            return ""
        return f"{say(name)} {op} {shown(bound, of, self.compiler.zone)}"

    # ---- values -------------------------------------------------------------------------------

    def _missing(self, node: n.Expr, run: Run) -> str:
        """What would make a value known; nothing where it is."""
        value: Any = self._value(node, run)
        if type(value) is not Unknown:
            return ""
        wishes = dict.fromkeys(gap.would_pass for gap in value.gaps if gap.would_pass)
        return "; ".join(wishes) or f"{say(node)} is known"

    def _stored(self, node: n.Expr) -> bool:
        ref = self.scope.resolve(node.path) if isinstance(node, n.Name) else None
        return ref is not None and isinstance(ref.field, n.Field)

    def _value(self, node: n.Expr, run: Run) -> Any:
        if isinstance(node, n.Name) and self.scope.resolve(node.path) is None:
            return None  # a bare word
        return self.compiler.kept(node, self.scope)(run)


def _terms(node: n.Expr, sign: int) -> Iterator[Term]:
    """The terms of a sum with their signs."""
    if isinstance(node, n.Arith) and node.op in "+-":
        yield from _terms(node.left, sign)
        yield from _terms(node.right, sign if node.op == "+" else -sign)
    elif isinstance(node, n.Negative):
        yield from _terms(node.expr, -sign)
    else:
        yield sign, node


def _sum(values: list[tuple[bool, Any]]) -> numbers.Number | None:
    """The sum of some numbers, of which those marked no are taken away."""
    total: numbers.Number = Decimal(0)
    for plus, value in values:
        if not isinstance(value, numbers.Number):
            return None
        total = numbers.add(total, value) if plus else numbers.subtract(total, value)
    return total


def _moved(values: list[tuple[bool, Any]]) -> date | None:
    """A day or moment, moved by durations; a day by whole days only."""
    days = [(plus, value) for plus, value in values if isinstance(value, date)]
    spans = [(plus, value) for plus, value in values if isinstance(value, timedelta)]
    if len(days) != 1 or not days[0][0] or len(days) + len(spans) != len(values):
        return None
    at: date = days[0][1]
    if not isinstance(at, datetime) and any(span % timedelta(days=1) for _, span in spans):
        return None
    try:
        for plus, span in spans:
            at = at + span if plus else at - span
    except OverflowError:
        return None
    return at


def _wholes(value: Any) -> str:
    """The whole numbers next to a value: `3 or 4`."""
    exact = numbers.as_fraction(value)
    below = exact.numerator // exact.denominator
    return f"{below} or {below + 1}"


_ADVICE: dict[str, Callable[[Any], str]] = {"is_whole": _wholes, "is_tin": tin_advice}


def _whole(op: str, bound: numbers.Number) -> tuple[str, numbers.Number]:
    """A bound of a field that holds whole numbers only: the last one that fits."""
    below = Decimal(numbers.as_fraction(bound).numerator // numbers.as_fraction(bound).denominator)
    is_whole = below == bound
    if op in {"<", "<="}:
        return "<=", below - 1 if op == "<" and is_whole else below
    if op in {">", ">="}:
        return ">=", below if op == ">=" and is_whole else below + 1
    return op, bound
