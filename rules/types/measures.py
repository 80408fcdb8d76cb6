"""In which unit a quantity and a price are: that of the record, or the base unit.

Here: mixed, what a route says in both side by side. Not here: which field is a unit
(conversions.py), whether the units of two sides agree (documents/agreement.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from grammar import nodes as n
from grammar.text.problem import Span
from rules.types.conversions import Conversions, Where
from rules.types.functions import AGGREGATES
from rules.types.inference import infer, listed, silent
from rules.types.outside_schemas import Amounts, DocumentSchema
from rules.types.symbol_table import Ref, Scope
from rules.values.kinds import COUNTS
from rules.values.wording import say

UNITS = ("UOM", "Unit", "UnitOfMeasure")
"""What targets call the field that says the unit of a line."""


class Measure(StrEnum):
    """The unit that a quantity counts in, or that a price is for."""

    RAW = "raw"
    BASE = "base"


Measures = frozenset[Measure]
_NONE: Measures = frozenset()
_RAW, _BASE = frozenset({Measure.RAW}), frozenset({Measure.BASE})
_IN = {_RAW: "in the unit of the record", _BASE: "in base units", _RAW | _BASE: "in mixed units"}
_BESIDE = ", beside base quantities"
_KEEPS = frozenset({"round", "abs", "min", "max", "due_of", "was"})
"""Functions whose value is in the unit of what they are given."""
_HINT = "Take both in base units (in_base, price_in_base, base_unit), or both as they come."


@dataclass(frozen=True, slots=True)
class Mixed:
    """What stands in one unit beside what stands in another, in words, and how to repair it."""

    span: Span
    message: str
    hint: str = _HINT


def mixed(post: n.Post, known: DocumentSchema, scope: Scope) -> Iterator[Mixed]:
    """Nothing, where a route keeps to one kind of unit; `scope` is that of its lines."""
    walk = _Walk(scope, post.bill)
    if post.bill is not None:
        yield from _bill(post.bill, walk)
    given = {assign.name: assign for assign in post.line_fields}
    unit = next((given[name] for name in UNITS if name in given), None)
    defined: Amounts | None = getattr(known, "amounts", None)
    price = given.get(defined.price) if defined else None
    for field in known.lines:
        counts = field.type == "quantity" and field.name in given
        if counts and infer(given[field.name].expr, scope, silent).kind in COUNTS:
            yield from _line(given[field.name], unit, price, walk)


def _bill(bill: n.Bill, walk: _Walk) -> Iterator[Mixed]:
    taken, of = walk.quantity(bill.expr), walk.quantity(bill.of)
    if taken and of and taken != of:
        message = f"bill takes {say(bill.expr)} {_IN[taken]} of {say(bill.of)} {_IN[of]}"
        yield Mixed(bill.span, message)


def _line(
    quantity: n.Assign, unit: n.Assign | None, price: n.Assign | None, walk: _Walk
) -> Iterator[Mixed]:
    counted, told = walk.quantity(quantity.expr), walk.unit(unit.expr) if unit else _NONE
    if counted == _RAW | _BASE:
        yield Mixed(quantity.span, f"'{quantity.name}' is {_IN[counted]}")
    elif counted == _RAW and told != _RAW:
        beside = f", but {unit.name} is the base unit" if unit and told else _BESIDE
        yield Mixed(quantity.span, f"'{quantity.name}' is {_IN[_RAW]}{beside}")
    elif counted == _BASE and told == _RAW and unit is not None:
        message = f"'{unit.name}' is the unit of the record, but {quantity.name} is {_IN[_BASE]}"
        yield Mixed(unit.span, message)
    priced = walk.price(price.expr) if price else _NONE
    if price is not None and len(counted) == 1 and len(priced) == 1 and priced != counted:
        which = "the unit of the record" if priced == _RAW else "one base unit"
        message = f"'{price.name}' is for {which}, but {quantity.name} is {_IN[counted]}"
        yield Mixed(price.span, message)


class _Walk:
    """One walk over the formula of a quantity, a price or a unit."""

    def __init__(
        self, scope: Scope, bill: n.Bill | None = None, seen: frozenset[Where] = frozenset()
    ) -> None:
        self.scope, self.bill, self.seen = scope, bill, seen
        self.known = Conversions.of(scope.index)

    def unit(self, expr: n.Expr) -> Measures:
        """Whether a text is the unit of the record, or what a map makes of it, or the base unit."""
        parts = tuple(n.walk(expr))
        if any(isinstance(part, n.Call) and part.name == "base_unit" for part in parts):
            return _BASE
        behind = self._behind(expr) if isinstance(expr, n.Name) else None
        if behind is not None:
            return behind[0].unit(behind[1])
        names = (part for part in parts if isinstance(part, n.Name))
        return _RAW if any(self.known.is_unit(name, self.scope) for name in names) else _NONE

    def quantity(self, expr: n.Expr) -> Measures:
        """The units that a quantity is made of; none for what is no quantity, or nobody converts.

        A product or a quotient of two quantities is none itself.
        """
        if isinstance(expr, n.Name):
            return self._named(expr)
        if isinstance(expr, n.Call):
            return self._called(expr)
        if isinstance(expr, n.Arith):
            left, right = self.quantity(expr.left), self.quantity(expr.right)
            return _NONE if left and right and expr.op in "*/" else left | right
        if isinstance(expr, n.Otherwise):
            return self.quantity(expr.expr) | self.quantity(expr.default)
        return self.quantity(expr.expr) if isinstance(expr, n.Negative) else _NONE

    def price(self, expr: n.Expr) -> Measures:
        """The units that a price is for; none where it comes from elsewhere, from a map say."""
        if isinstance(expr, n.Call) and expr.name == "price_in_base":
            return _BASE
        if isinstance(expr, n.Call):
            return self.price(expr.args[0]) if expr.name in _KEEPS and expr.args else _NONE
        if isinstance(expr, n.Name):
            behind, ref = self._behind(expr), self.scope.resolve(expr.path)
            if behind is not None:
                return behind[0].price(behind[1])
            priced = ref is not None and (ref.record, ref.name) in self.known.prices
            return _RAW if priced else _NONE
        if isinstance(expr, n.Arith) and expr.op == "/":
            return self.quantity(expr.right) or self.price(expr.left)
        if isinstance(expr, n.Arith):
            return (
                _NONE
                if self.quantity(expr.left) | self.quantity(expr.right)
                else (self.price(expr.left) | self.price(expr.right))
            )
        return self.price(expr.expr) if isinstance(expr, n.Negative | n.Otherwise) else _NONE

    def _named(self, expr: n.Name) -> Measures:
        ref = self.scope.resolve(expr.path)
        if ref is not None and ref.kind == "due":
            walk = _Walk(replace(self.scope, bills=False), None, self.seen)
            return walk.quantity(self.bill.expr) if self.bill is not None else _NONE
        behind = self._behind(expr)
        if behind is not None:
            return behind[0].quantity(behind[1])
        return _RAW if ref is not None and self._is_raw(ref) else _NONE

    def _is_raw(self, ref: Ref) -> bool:
        """Whether a stored field counts in the unit that stands beside it."""
        if not isinstance(ref.field, n.Field):
            return False
        counted = self.known.counted(ref.record)
        return (
            ref.name in counted
            if counted
            else (ref.field.type == "quantity" and self.known.converts(ref.record))
        )

    def _called(self, expr: n.Call) -> Measures:
        if expr.name == "in_base":
            return _BASE
        if expr.name in _KEEPS and expr.args:
            last = 1 if expr.name == "round" else None
            return frozenset().union(*(self.quantity(arg) for arg in expr.args[:last]))
        arg = expr.args[0] if expr.name in AGGREGATES and len(expr.args) == 1 else None
        over = listed(arg.path, self.scope) if isinstance(arg, n.Name) else None
        if over is None or not over.field or over.record not in self.scope.index.records:
            return _NONE
        owner = self.scope.index.records[over.record].parent
        inner = Scope(self.scope.index, owner or over.record, line=owner is not None)
        path = ("line", over.field) if owner else (over.field,)
        return _Walk(inner, None, self.seen).quantity(n.Name(path, expr.span))

    def _behind(self, expr: n.Name) -> tuple[_Walk, n.Expr] | None:
        """The formula of a computed field, with the walk over it; None in a ring of fields."""
        ref = self.scope.resolve(expr.path)
        if ref is None or not isinstance(ref.field, n.Computed):
            return None
        at = (ref.record, ref.name)
        if at in self.seen:
            return None
        owner = self.scope.index.records[ref.record].parent
        inner = Scope(self.scope.index, owner or ref.record, line=owner is not None)
        return _Walk(inner, None, self.seen | {at}), ref.field.expr
