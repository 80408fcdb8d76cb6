"""Which fields of a document make its total.

Here: Parts. A document shows how its total is made by a total in its header, an amount on each
line, and a tax amount where there is a tax code. A bill in parts adds up by itself, and a header
with further amounts (shipping, say) does not show it; only a rounding line is counted in. Not here:
the sums (rounding.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from grammar import nodes as n
from rules.columns import QUANTITIES, Shape
from rules.compiler import Compiler
from rules.expanded import inside
from rules.index import Scope

_LINE_AMOUNTS = ("LineTotal", "SubTotal", "Amount", "LineAmount", "NetAmount")
_LINE_TAXES = ("TaxAmount", "Tax")
_TAX_CODES = ("TaxCode", "TaxType", "TaxCodeRef")
_INCLUSIVE = {"InclusiveTax": True, "GlobalTaxCalculation": "TaxInclusive"}
_SIDES = ("PostingType",)  # of a journal entry, whose lines are no parts of a total
_ROUNDING_LINES = ("RoundingAdjustment", "RoundAdj", "Rounding")


@dataclass(frozen=True, slots=True)
class Parts:
    """The fields of a document that make its total; `columns` are worked out on each line.

    `reckoned` are those that the target works out anew of quantity and price, if it does.
    """

    total: n.Assign
    rounding_line: n.Assign | None
    columns: tuple[n.Expr, ...]
    reckoned: tuple[n.Expr, ...]

    @staticmethod
    def of(compiler: Compiler, post: n.Post, shape: Shape) -> Parts | None:
        """The parts of a route's total; None where its documents do not show them."""
        head = Scope(compiler.index, compiler.record, document=True)
        of_head = {a.name: a for a in post.fields if _is_money(compiler, a, head)}
        total = of_head.pop(shape.total, None)
        rounding = next((of_head.pop(name) for name in _ROUNDING_LINES if name in of_head), None)
        columns = _columns(post, replace(head, line=True), holds_tax=_holds_tax(post))
        if total is None or of_head or not columns or post.bill is not None:
            return None
        reckoned = _reckoned(post, columns) if shape.reckons else ()
        return Parts(total, rounding, columns, reckoned)


def _is_money(compiler: Compiler, assign: n.Assign, scope: Scope) -> bool:
    return compiler.type(assign.expr, scope).kind == "money"


def _holds_tax(post: n.Post) -> bool | None:
    """Whether the amounts of the lines hold their tax by a word of the header; None: who knows."""
    for assign in post.fields:
        if assign.name in _INCLUSIVE:
            told = assign.expr
            return told.value == _INCLUSIVE[assign.name] if isinstance(told, n.Literal) else None
    return False


def _columns(post: n.Post, scope: Scope, *, holds_tax: bool | None) -> tuple[n.Expr, ...]:
    """What of a line counts: its amount without tax, and its tax."""
    fields = {a.name: a for a in post.line_fields}
    amount = next((fields[name].expr for name in _LINE_AMOUNTS if name in fields), None)
    tax = next((fields[name].expr for name in _LINE_TAXES if name in fields), None)
    if amount is None or holds_tax is None or any(name in fields for name in _SIDES):
        return ()
    if tax is None:
        taxed = any(name in fields for name in _TAX_CODES)
        return () if taxed and not holds_tax else (amount,)
    holds_tax = holds_tax or tax in set(inside(amount, scope))
    return (n.Arith("-", amount, tax, amount.span) if holds_tax else amount, tax)


def _reckoned(post: n.Post, columns: tuple[n.Expr, ...]) -> tuple[n.Expr, ...]:
    """The columns with quantity times price, less the discount, in place of the amount."""
    fields = {a.name: a.expr for a in post.line_fields}
    quantity = next((fields[name] for name in QUANTITIES if name in fields), None)
    price = fields.get("UnitPrice")
    if quantity is None or price is None:
        return ()
    net: n.Expr = n.Arith("*", quantity, price, price.span)
    if "DiscountAmount" in fields:
        net = n.Arith("-", net, fields["DiscountAmount"], price.span)
    return (net, *columns[1:])
