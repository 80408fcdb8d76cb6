"""The template of NetShop and AiAccount by hand: ordinary Python, as a colleague would write it.

Here: of one stored order its state, its document and the hash of what would be sent; the rules are
those of `portal/starters/netshop-aiaccount` for an order that is new. It tells nobody why. Not
here: the orders, the clock (order_bench.py).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

SEN, FOUR = Decimal("0.01"), Decimal("0.0001")
NOTHING = Decimal("0.00")
APPROVAL_LIMIT = Decimal("3000.00")
E_INVOICE_LIMIT = Decimal("10000.00")
GOES = frozenset({"paid", "packed", "Delivered", "Completed"})
WAITS = frozenset({"pending", "Partially Delivered"})
HELD = frozenset({"Refunded + Items Returned", "refunded", "exception"})
ENDS = {"cancelled": "dropped", "draft": "ignored"}
TAX = {
    "SST": ("MY-SALES10", Decimal("0.10")),
    "NONE": ("NT", NOTHING),
    "ZERO": ("MY-ZERO", NOTHING),
}
USUAL_CLASS = "022"
PIECES = {"BOX": Decimal(12), "CTN": Decimal(48), "PCS": Decimal(1)}
OWN_PIECES = {
    ("CTN", "TEA-EARL-100"): Decimal(40),
    ("BOX", "GFT-HAMPER-L"): Decimal(6),
    ("CTN", "GFT-HAMPER-L"): Decimal(24),
}


@dataclass(frozen=True, slots=True)
class Tables:
    """What is looked up: codes by key, the last locked day, and what was there before.

    `numbers` and `twins` are of other orders: their numbers, and (debtor, name, day, total).
    """

    debtors: Mapping[str, str]
    debtors_by_tin: Mapping[str, str]
    items: Mapping[str, str]
    classes: Mapping[str, str]
    listed: Mapping[str, frozenset[str]]
    locked_through: date
    today: date
    connection: int
    company: str
    numbers: frozenset[str] = frozenset()
    twins: frozenset[tuple[str, str, str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Made:
    """The state of an order; its document and the hash of it where all of it is known."""

    state: str
    fields: Mapping[str, str] | None = None
    lines: tuple[Mapping[str, str], ...] = ()
    hash: str = ""


def made(stored: str, by: Tables) -> Made:
    """What becomes of a stored order that is new."""
    order = json.loads(stored)
    status = order["status"]
    if status in ENDS:
        return Made(ENDS[status])
    if status in WAITS:
        return Made("held" if _broken(order) else "waiting")
    if status not in GOES and status not in HELD:
        return Made("held")
    if not order.get("paid_at"):
        return Made("waiting")
    if _broken(order):
        return Made("held")
    lines = [_line(line, by) for line in order["lines"]]
    debtor = by.debtors.get(order["customer"].strip().upper())
    whole = debtor is not None and None not in lines
    held = status in HELD or not whole or not lines or _fails(order, debtor, by)
    if not whole or debtor is None:
        return Made("held")
    found = [line for line in lines if line is not None]
    held = held or not all(line.whole and line.listed for line in found)
    amounts, taxes = sum(one.amount for one in found), sum(one.tax for one in found)
    subtotal, tax = Decimal(order["subtotal"]), Decimal(order["tax_total"])
    held = held or amounts != subtotal or taxes != tax
    fields = {
        "InvoiceNumber": order["number"],
        "InvoiceDate": order["ordered_on"],
        "Customer": debtor,
        "CustomerTIN": order.get("tin") or "",
        "CustomerAddress": order.get("address") or "",
        "Currency": order["currency"],
        "Reference": order["number"],
        "Total": f"{subtotal + tax:.2f}",
    }
    rows = tuple(line.shown for line in found)
    parts = [
        by.connection,
        by.company,
        "sales_invoice",
        order["number"],
        "create",
        fields,
        rows,
    ]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    hashed = hashlib.sha256(text.encode()).hexdigest()
    return Made("held" if held else "ready", fields, rows, hashed)


def _broken(order: Mapping[str, Any]) -> bool:
    """Whether something is missing that the shop always sends."""
    return any(order.get(name) in (None, "") for name in ("number", "ordered_on", "total"))


def _fails(order: Mapping[str, Any], debtor: str | None, by: Tables) -> bool:
    """Whether one of the checks of the head holds it, or somebody has to agree."""
    total = Decimal(order["total"])
    tin, day = order.get("tin"), date.fromisoformat(order["ordered_on"])
    other = by.debtors_by_tin.get(tin.strip().upper()) if tin else None
    parts = Decimal(order["subtotal"]) + Decimal(order["tax_total"]) + Decimal(order["round_off"])
    twin = (debtor or "", order["customer_name"], order["ordered_on"], order["total"])
    edited = order.get("approved_by") and order.get("approved_version") != order["version"]
    return bool(
        (other is not None and other != debtor)
        or order["currency"] != "MYR"
        or order["currency"] not in by.listed["currency"]
        or parts != total
        or total > APPROVAL_LIMIT
        or (total > E_INVOICE_LIMIT and not (tin and order.get("address")))
        or edited
        or day > by.today
        or day <= by.locked_through
        or order["number"] in by.numbers
        or twin in by.twins
    )


@dataclass(frozen=True, slots=True)
class _Line:
    amount: Decimal
    tax: Decimal
    whole: bool
    listed: bool
    shown: Mapping[str, str]


def _line(line: Mapping[str, Any], by: Tables) -> _Line | None:
    """A line as it would be sent; None where a code or a unit of it is not known."""
    sku, uom = line["sku"], line["uom"]
    item, tax = by.items.get(sku), TAX.get(line["tax"])
    at = OWN_PIECES.get((uom, sku)) or PIECES.get(uom)
    if item is None or tax is None or at is None:
        return None
    code, rate = tax
    quantity, price = Decimal(line["qty"]), Decimal(line["price"])
    off = Decimal(line["discount"]) if line.get("discount") else NOTHING
    pieces = quantity * at
    amount = (quantity * price - off).quantize(SEN, ROUND_HALF_UP)
    due = (amount * rate).quantize(SEN, ROUND_HALF_UP)
    shown = {
        "LineNo": str(line["pos"]),
        "SKU": item,
        "Description": line["name"],
        "Quantity": _number(pieces),
        "UOM": "PCS",
        "UnitPrice": _number((price / at).quantize(FOUR, ROUND_HALF_UP), 2),
        "DiscountAmount": _number(off, 2),
        "AccountCode": "40000",
        "TaxCode": code,
        "TaxAmount": f"{due:.2f}",
        "LineTotal": f"{amount + due:.2f}",
        "ClassificationCode": by.classes.get(sku, USUAL_CLASS),
    }
    return _Line(
        amount, due, pieces == pieces.to_integral_value(), code in by.listed["tax_code"], shown
    )


def _number(value: Decimal, places: int = 0) -> str:
    """Without needless zeros, but for so many places."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    have = len(text.partition(".")[2])
    return text if have >= places else f"{text}{'' if have else '.'}{'0' * (places - have)}"
