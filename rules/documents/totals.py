"""Which fields of a document make its amount, and which of a record state its total.

Here: Parts of a route's documents, by the target's own definition where it is known, else by the
usual names; Own of a record kind. A header with further amounts (shipping, say) does not show how
its total is made; only a rounding line is counted in. Not here: the sums (rounding.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from grammar import nodes as n
from rules.documents.columns import QUANTITIES
from rules.types.expansion import inside, whole
from rules.types.inference import infer, silent
from rules.types.outside_schemas import Amounts, DocumentSchema, Schemas
from rules.types.symbol_table import Index, Scope
from rules.values.kinds import NUMERIC

_LINE_AMOUNTS = ("LineTotal", "SubTotal", "Amount", "LineAmount", "NetAmount")
_LINE_TAXES = ("TaxAmount", "Tax")
_TAX_CODES = ("TaxCode", "TaxType", "TaxCodeRef")
_INCLUSIVE: Mapping[str, bool | str] = {
    "InclusiveTax": True,
    "GlobalTaxCalculation": "TaxInclusive",
}
_SIDES = ("PostingType",)  # of a journal entry, whose lines are no parts of a total
_ROUNDING_LINES = ("RoundingAdjustment", "RoundAdj", "Rounding")
_NET_AND_TAX = ("net", "tax")
_OWN = ("total", "tax_total", "round_off")

T = TypeVar("T")
Columns = tuple[n.Expr, ...]
Given = Mapping[str, n.Expr]


@dataclass(frozen=True, slots=True)
class Own:
    """The fields of a record that state its total, blank where there is none.

    `rounding` is the part of the total that the source itself calls rounding.
    """

    total: str
    tax: str
    rounding: str

    @staticmethod
    def of(index: Index, record: str, schemas: Schemas | None) -> Own | None:
        """As the source's schema says, else by the usual names; None where nothing says it."""
        declared = index.records.get(record)
        known = schemas.kind(declared.source or "", record) if schemas and declared else None
        if known is not None:
            told = [getattr(known, f"{name}_field", None) for name in ("total", "tax", "rounding")]
        else:
            told = [name if _is_stored_money(index, record, name) else None for name in _OWN]
        total, tax, rounding = (name or "" for name in told)
        return Own(total, tax, rounding) if total else None

    def read(self, index: Index, record: str) -> Own | None:
        """What of it the rules read; None without the total."""
        names = (self.total, self.tax, self.rounding)
        total, tax, rounding = (s if _is_stored_money(index, record, s) else "" for s in names)
        return Own(total, tax, rounding) if total else None


@dataclass(frozen=True, slots=True)
class Line:
    """One line (or the one row) of a route by the fields that the target's definition names.

    A number that is written as a text is the number here.
    """

    defined: Amounts
    fields: Given

    def __getitem__(self, part: str) -> n.Expr | None:
        given = self.fields.get(getattr(self.defined, part))
        return given.args[0] if isinstance(given, n.Call) and given.name == "text" else given


@dataclass(frozen=True, slots=True)
class Parts:
    """The fields of a document that make its amount; `columns` are worked out on each line.

    `total` is the header's own, if it gives one. `reckoned` are the columns that the target works
    out again from quantity and price, if it does. With `in_header`, the header is the one row; with
    `holds_tax`, the amount of a line is both columns together, else the first. The second, the tax,
    is summed for each `code` separately, if there is one.
    """

    total: n.Assign | None
    rounding_line: n.Assign | None
    columns: Columns
    reckoned: Columns
    in_header: bool = False
    holds_tax: bool = False
    code: n.Expr | None = None

    @staticmethod
    def of(index: Index, post: n.Post, known: DocumentSchema | None, total: str) -> Parts | None:
        """The parts of a route's amount; None where its documents do not show them."""
        head = Scope(index, post.record, document=True, bills=post.bill is not None)
        defined: Amounts | None = getattr(known, "amounts", None)
        row = _is_row(post, defined)
        of_row = {a.name: a.expr for a in (post.fields if row else post.line_fields)}
        line = Line(defined or _by_name(of_row, {a.name: a.expr for a in post.fields}), of_row)
        aside = {line.defined.amount, line.defined.tax} if row else set[str]()
        money = {a.name: a for a in _money(post, head, known) if a.name not in aside}
        given = money.pop(total, None) if post.bill is None else None
        money.pop((known.total_field if known else total) or "", None)
        rounding = next((money.pop(name) for name in _ROUNDING_LINES if name in money), None)
        scope = head if row else replace(head, line=True)
        columns, reckoned = _columns(
            post, line, scope, anew=bool(getattr(known, "reckons", False)), named=defined is None
        )
        if money or not columns:
            return None
        holds = line.defined.tax_is != "beside" or bool(_holds_tax(post, line.defined))
        code = line["code"] if line.defined.by_code and len(columns) == len(_NET_AND_TAX) else None
        return Parts(given, rounding, columns, reckoned, row, holds, code)

    def at_once(self, bill: n.Bill | None) -> tuple[Columns, Columns]:
        """Columns and reckoned ones of the whole record, as if all of it were billed at once."""
        if bill is None:
            return self.columns, self.reckoned
        made = [tuple(whole(e, bill.of) for e in side) for side in (self.columns, self.reckoned)]
        return made[0], made[1]


def by_code(net: Sequence[T], tax: Sequence[T], codes: Sequence[object]) -> list[Sequence[T]]:
    """The same columns, with one for the tax of each code.

    >>> by_code([10, 20, 30], [1, 2, 3], ["S", "Z", "S"])
    [[10, 20, 30], [1, 3], [2]]
    """
    found: dict[object, list[T]] = {}
    for amount, code in zip(tax, codes, strict=True):
        found.setdefault(code, []).append(amount)
    return [net, *found.values()]


def shows_money(post: n.Post, known: DocumentSchema) -> bool:
    """Whether a route's documents say any amount, in the header or on a line."""
    money = {f.name for f in (*known.header, *known.lines) if f.type == "money"}
    return any(a.name in money for a in (*post.fields, *post.line_fields))


def posts_tax(post: n.Post, known: DocumentSchema | None) -> bool:
    """Whether a route says the tax: as an amount, or that its amounts hold it."""
    defined: Amounts | None = getattr(known, "amounts", None)
    given = {a.name: a.expr for a in (*post.fields, *post.line_fields)}
    taxes = (defined.tax,) if defined else _LINE_TAXES
    within = defined is not None and (defined.tax_is == "inside" or _holds_tax(post, defined))
    return bool(within) or any(name in given for name in taxes)


def net_of(line: Line, scope: Scope) -> n.Expr | None:
    """Quantity times price, less the discount; None where the line does not say it in numbers."""
    quantity, price, discount = line["quantity"], line["price"], line["discount"]
    if quantity is None or price is None:
        return None
    net: n.Expr = n.Arith("*", quantity, price, price.span)
    if discount is None or _is_blank(discount):
        return net
    if infer(discount, scope, silent).kind not in NUMERIC:
        return None
    return n.Arith("-", net, discount, price.span)


def line_of(post: n.Post, known: DocumentSchema | None) -> Line | None:
    """The lines of a route by the target's definition, where that is known and they are lines."""
    defined: Amounts | None = getattr(known, "amounts", None)
    if defined is None or _is_row(post, defined):
        return None
    return Line(defined, {a.name: a.expr for a in post.line_fields})


def _columns(
    post: n.Post, line: Line, scope: Scope, *, anew: bool, named: bool
) -> tuple[Columns, Columns]:
    """What of a line counts: its amount without tax, and its tax; and the same worked out again."""
    amount, tax, code = line["amount"], line["tax"], line["code"]
    holds = line.defined.tax_is != "beside" or _holds_tax(post, line.defined)
    if holds is None or any(name in line.fields for name in _SIDES):
        return (), ()
    if named and tax is not None and amount is not None:
        holds = holds or tax in set(inside(amount, scope))
    taxed = code is not None and not _is_blank(code)
    if tax is None and taxed and not holds:
        return (), ()  # the target adds a tax that nobody told us
    net = net_of(line, scope) if anew else None
    if line.defined.tax_is == "added" and tax is None and taxed:
        net = None
    reckoned = () if net is None else _with_tax(net, tax, less=holds and not _adds(line, named))
    if amount is None:
        return reckoned, reckoned
    return _with_tax(amount, tax, less=holds), reckoned


def _adds(line: Line, named: bool) -> bool:
    """Whether quantity times price is still without the tax that the amount holds."""
    return named or line.defined.tax_is == "added"


def _with_tax(amount: n.Expr, tax: n.Expr | None, *, less: bool) -> Columns:
    if tax is None:
        return (amount,)
    return (n.Arith("-", amount, tax, amount.span) if less else amount, tax)


def _holds_tax(post: n.Post, defined: Amounts) -> bool | None:
    """Whether the amounts of the lines hold their tax by a word of the header; None: who knows."""
    if defined.inclusive is None:
        return False
    name, word = defined.inclusive
    told = next((a.expr for a in post.fields if a.name == name), None)
    if told is None:
        return False
    return told.value == word if isinstance(told, n.Literal) else None


@dataclass(frozen=True, slots=True)
class _Named:
    """The definition of a target that is not described, by the usual names."""

    amount: str
    tax: str
    code: str
    quantity: str
    inclusive: tuple[str, bool | str] | None
    price: str = "UnitPrice"
    discount: str = "DiscountAmount"
    tax_is: str = "beside"
    by_code: bool = False


def _by_name(fields: Given, head: Given) -> Amounts:
    def first(names: tuple[str, ...]) -> str:
        return next((name for name in names if name in fields), "")

    return _Named(
        amount=first(_LINE_AMOUNTS),
        tax=first(_LINE_TAXES),
        code=first(_TAX_CODES),
        quantity=first(QUANTITIES),
        inclusive=next((told for told in _INCLUSIVE.items() if told[0] in head), None),
    )


def _is_row(post: n.Post, defined: Amounts | None) -> bool:
    return defined is not None and defined.amount in {a.name for a in post.fields}


def _is_blank(expr: n.Expr) -> bool:
    return isinstance(expr, n.Literal) and expr.value == ""


def _money(post: n.Post, scope: Scope, known: DocumentSchema | None) -> Iterator[n.Assign]:
    """What of the header is an amount: as the target says, else by what it is made of."""
    if known is not None and known.header:
        names = {f.name for f in known.header if f.type == "money"}
        yield from (assign for assign in post.fields if assign.name in names)
        return
    yield from (a for a in post.fields if infer(a.expr, scope, silent).kind == "money")


def _is_stored_money(index: Index, record: str, name: str) -> bool:
    field = index.fields.get(record, {}).get(name)
    return isinstance(field, n.Field) and field.type == "money"
