"""What comes of sums, differences, products and quotients, as far as types can tell.

Here: the type of each, what is wrong with it, and the numbers and durations that follow from what
the rules have written. Not here: the values of a record (numbers.py), the walk over an expression
(types/inference.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product as pairs
from typing import Any, NamedTuple

from rules.values import numbers
from rules.values.kinds import (
    COUNTS,
    NUMERIC,
    ONE_CURRENCY,
    Type,
    say_type,
    two_currencies,
)

LEVELS = ("exact", "product", "fraction")
_DATED = frozenset({"date", "moment"})
_MOST = 100
"""So many written values are followed; a longer list comes of no rules that somebody wrote."""
_NUMBERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": numbers.add,
    "-": numbers.subtract,
    "*": numbers.multiply,
    "/": numbers.divide,
}
_DURATIONS: Mapping[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub}


class Misfit(NamedTuple):
    """What is wrong with two sides, and what to do."""

    message: str
    hint: str


def worst(*levels: str) -> str:
    """The least exact of some levels."""
    return max(levels, key=LEVELS.index)


def written(kind: str, values: Iterable[Any]) -> Type:
    """The type of what is written in the rules, once or for several days."""
    found = tuple(values)
    if all(type(value) is timedelta for value in found):
        level = "exact" if all(map(_whole_days, found)) else "fraction"
        return Type(kind, level=level, written=found)
    return Type(kind, written=found if all(type(v) is Decimal for v in found) else ())


def reckoned(op: str, left: Type, right: Type) -> Type | None:
    """The type of two sides together; None where nothing comes of them."""
    found = _product(op, left, right) if op in "*/" else _total(op, left, right)
    if found is None or not left.written or not right.written:
        return found
    return replace(found, written=_followed(op, left, right))


def negative(of: Type) -> Type:
    """The type of what is below zero by as much."""
    return replace(of, written=tuple(-value for value in of.written))


def either(of: Type, default: Type) -> Type:
    """The type of a value, or of what stands for it."""
    found = tuple(dict.fromkeys((*of.written, *default.written)))
    return replace(of, level=worst(of.level, default.level), written=found)


_VERBS = {"+": "added to", "-": "taken together with", "*": "multiplied by", "/": "divided by"}


def impossible(op: str, left: Type, right: Type) -> Misfit:
    """Why nothing comes of two sides."""
    message = f"{say_type(left, right)} cannot be {_VERBS[op]} {say_type(right, left)}"
    return Misfit(message, _hint(op, left, right))


def fruitless(op: str, left: Type, right: Type, said: str) -> Misfit | None:
    """What the types allow and the written values do not; `said` is the right side as it stands."""
    if op == "/" and any(not value for value in right.written):
        sure = "is" if not any(right.written) else "can be"
        message = f"'{said}' {sure} zero: nothing can be divided by it"
        return Misfit(message, "Write a divisor that is not zero, in every row of a const too.")
    if left.kind == "date" and right.kind == "duration" and right.level != "exact":
        known = "is" if right.written else "may be"
        message = f"'{said}' {known} no number of whole days: on a date, the rest would not count"
        return Misfit(message, "Write whole days, such as 2d. A moment takes hours: now - 36h.")
    return None


def _hint(op: str, left: Type, right: Type) -> str:
    if two_currencies(left, right):
        return ONE_CURRENCY
    if op == "*" and left.kind == right.kind == "money":
        return "Money times money is nothing: multiply money by a quantity, a number or a percent."
    if "percent" in {left.kind, right.kind}:
        return "A percent is multiplied: x * 6%."
    if "text" in {left.kind, right.kind}:
        return "Texts are not calculated with."
    return "Only numbers of one kind are added; dates take durations such as 31d."


def _product(op: str, left: Type, right: Type) -> Type | None:
    kinds = {left.kind, right.kind}
    if not kinds <= NUMERIC:
        return None
    level = worst(left.level, right.level)
    if op == "*":
        if left.kind == right.kind == "money":
            return None
        level = worst(level, "product") if "money" in kinds else level
        currency = left.currency or right.currency
        return Type(_stronger(left.kind, right.kind), level=level, currency=currency)
    if (right.kind == "money" and left.kind != "money") or two_currencies(left, right):
        return None
    if left.kind == right.kind:
        return Type("decimal", level="fraction")
    return Type(left.kind, level="fraction", currency=left.currency)


def _total(op: str, left: Type, right: Type) -> Type | None:
    kinds = {left.kind, right.kind}
    if two_currencies(left, right):
        return None
    if kinds <= COUNTS or kinds <= {"money", "number", "decimal"}:
        kind, currency = _stronger(left.kind, right.kind), left.currency or right.currency
        return Type(kind, level=worst(left.level, right.level), currency=currency)
    if kinds == {"duration"}:
        return Type("duration", level=worst(left.level, right.level))
    if right.kind == "duration" and left.kind in _DATED:
        return Type(left.kind)
    if op == "-" and len(kinds) == 1 and left.kind in _DATED:
        return Type("duration", level="exact" if left.kind == "date" else "fraction")
    return None


def _stronger(left: str, right: str) -> str:
    order = ("number", "whole", "percent", "decimal", "quantity", "money")
    return max(left, right, key=order.index)


def _followed(op: str, left: Type, right: Type) -> tuple[Any, ...]:
    """What comes of each written value with each; nothing where one has no result."""
    if len(left.written) * len(right.written) > _MOST:
        return ()
    reckon = (_DURATIONS if left.kind == "duration" else _NUMBERS)[op]
    try:
        return tuple({reckon(one, other) for one, other in pairs(left.written, right.written)})
    except ArithmeticError:
        return ()


def _whole_days(value: timedelta) -> bool:
    return not value.seconds
