"""Which fields of a document are what, and what they are made of.

Here: Shape (of the header), Columns (of a line), conversions_of, in_base_unit, all known before a
record is there; NumberTemplate, what a document number is made of. Not here: the document itself
(fields.py), whether units agree (agreement.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grammar import nodes as n
from grammar.text.editions import Edition
from grammar.text.problem import Span
from rules.expressions.compiler import Compiler
from rules.expressions.conditions import Operand
from rules.expressions.run import Run
from rules.types.expansion import formula, inside
from rules.types.measures import UNITS
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index, Scope
from rules.values.kinds import Type
from rules.values.unknown import Unknown
from rules.values.wording import parse_message, say, wire

_DATE_NAMES = ("InvoiceDate", "DocDate", "Date")
_AMOUNT_NAMES = ("Total", "Amount", "NetTotal", "TotalAmount")
_CURRENCY_NAMES = ("Currency", "CurrencyCode")
_CURRENCY_BY_ID = "CurrencyRef"  # a currency since edition 6
_ITEMS = ("ItemCode", "SKU", "Item", "ItemRef", "ProductCode")
QUANTITIES = ("Quantity", "Qty")


@dataclass(frozen=True, slots=True)
class Shape:
    """Which target fields are the document's date, party, amount, currency and number."""

    date: str
    party: str
    amount: str
    total: str  # the amount, if it is for certain what all lines make together
    reckons: bool  # the target works each line out again from quantity and price
    currency: str
    number: str
    party_of: str  # the record's field that names the party
    amount_of: str  # the record's field that is the amount

    @staticmethod
    def of(
        compiler: Compiler, post: n.Post, head: Mapping[str, Type], schemas: Schemas | None
    ) -> Shape:
        """From the target's schema where it is known, else from how the fields are made."""
        known = schemas.document(post.route.target, post.route.document) if schemas else None
        exprs: Mapping[str, n.Expr] = {a.name: a.expr for a in post.fields}
        dates = [name for name, of in head.items() if of.kind in {"date", "moment"}]
        money = [name for name, of in head.items() if of.kind == "money"]
        mapped = [a.name for a in post.fields if _map_argument(compiler.index, a.expr)]
        day = known.date_field if known else _first(dates, _DATE_NAMES)
        party = known.party_field if known else mapped[0] if mapped else ""
        by_name = next((name for name in _AMOUNT_NAMES if name in money), "")
        total = (known.total_field or "") if known else by_name
        total = total if total in exprs else ""
        amount = total or _first(money, _AMOUNT_NAMES)
        sixth = compiler.index.edition >= Edition.SIXTH
        currencies = (*_CURRENCY_NAMES, _CURRENCY_BY_ID) if sixth else _CURRENCY_NAMES
        numbers = [a.name for a in post.fields if say(a.expr) == "document_number"]
        return Shape(
            date=day,
            party=party,
            amount=amount,
            total=total,
            reckons=bool(getattr(known, "reckons", False)),
            currency=_first([name for name in head if name in currencies], currencies),
            number=known.number_field if known else numbers[0] if numbers else "",
            party_of=_map_argument(compiler.index, exprs.get(party)),
            amount_of=_stored(compiler, exprs.get(amount)),
        )


@dataclass(frozen=True, slots=True)
class Columns:
    """Which fields of a document's line are its item, its quantity and its unit."""

    item: str
    quantity: str
    unit: str

    @staticmethod
    def of(post: n.Post, schemas: Schemas | None) -> Columns | None:
        """The fields of a route; None where its lines have no item or no quantity."""
        known = schemas.document(post.route.target, post.route.document) if schemas else None
        refers = (
            [f.name for f in known.lines if getattr(f, "refers", "") == "item"] if known else []
        )
        given = {a.name for a in post.line_fields}
        item = next((name for name in (*refers, *_ITEMS) if name in given), "")
        quantity = next((name for name in QUANTITIES if name in given), "")
        unit = next((name for name in UNITS if name in given), "")
        return Columns(item, quantity, unit) if item and quantity else None


def formula_of(post: n.Post, name: str, scope: Scope) -> n.Expr | None:
    """What a line field of a route is made of."""
    given = next((a.expr for a in post.line_fields if a.name == name), None)
    return formula(given, scope) if given is not None else None


def in_base_unit(post: n.Post, columns: Columns, calls: tuple[n.Call, ...], scope: Scope) -> bool:
    """Whether the posted unit is by its making the base unit of the item that was converted."""
    unit = formula_of(post, columns.unit, scope)
    if unit is None:
        return not columns.unit
    return isinstance(unit, n.Call) and unit.name == "base_unit" and unit.args == calls[0].args[2:]


def conversions_of(
    quantity: n.Expr, scope: Scope, otherwise: tuple[n.Call, ...]
) -> tuple[bool, tuple[n.Call, ...]]:
    """The conversions that a posted quantity is made of, and whether it is just one of them.

    Where it is made of none, the others are taken.
    """
    quantity = formula(quantity, scope)
    found = [e for e in inside(quantity, scope) if isinstance(e, n.Call) and e.name == "in_base"]
    return found == [quantity], tuple(dict.fromkeys(found)) or otherwise


def _first(names: list[str], wanted: tuple[str, ...]) -> str:
    return next((w for w in wanted if w in names), names[0] if names else "")


def _map_argument(index: Index, expr: n.Expr | None) -> str:
    if isinstance(expr, n.Call) and expr.name in index.maps and expr.args:
        return say(expr.args[0])
    return ""


def _stored(compiler: Compiler, expr: n.Expr | None) -> str:
    fields = compiler.index.fields.get(compiler.record, {})
    name = say(expr) if isinstance(expr, n.Name) else ""
    return name if name in fields else ""


POSTING, REVERSED = "posting", "reversed"


class NumberTemplate:
    """The text behind `as`: a document number made of fields, `{posting}` and `{reversed}`."""

    def __init__(self, compiler: Compiler, text: str, span: Span, scope: Scope) -> None:
        parts, _ = parse_message(text, span)
        self._parts: list[str | Operand] = []
        self._counts = False
        for part in parts:
            word = say(part) if isinstance(part, n.Name) else ""
            if word in {POSTING, REVERSED}:
                self._counts = True
                self._parts.append(f"{{{word}}}")
            else:
                self._parts.append(
                    part if isinstance(part, str) else Operand(compiler, part, scope)
                )

    @property
    def operands(self) -> list[Operand]:
        """The values that the number is made of."""
        return [p for p in self._parts if isinstance(p, Operand)]

    def fill(self, run: Run, reversed_: str = "") -> Any:
        """The number, or Unknown; one that does not count gets the posting's place at its end."""
        text = ""
        for part in self._parts:
            if isinstance(part, str):
                if self._counts:
                    told = {"{posting}": str(run.route.seq), "{reversed}": reversed_}
                    part = told.get(part, part)
                text += part
                continue
            value = part.closure(run)
            if type(value) is Unknown:
                return value
            text += wire(value, part.type)
        again = run.route.seq > 1 and not self._counts
        return f"{text.strip()}-{run.route.seq}" if again else text.strip()
