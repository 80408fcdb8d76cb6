"""What AutoCount works out: silent rounding, amounts, tax, totals, and the rows it drops.

Here: arithmetic on one document. Not here: whether it is taken at all (checks.py).
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.targets.autocount.simulator.data import AccountBook

_SEN = Decimal("0.01")


def kept_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that are made. Dropped in silence: one without product, words and price; of a
    voucher, one without an amount.
    """
    return [row for row in rows if any(row.get(name) for name in _meaning(row))]


def _meaning(row: Mapping[str, Any]) -> tuple[str, ...]:
    return ("amount",) if "amount" in row else ("productCode", "description", "unitPrice")


def worked_out(book: AccountBook, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its numbers rounded to the book's decimals, and all amounts."""
    master = dict(document["master"])
    rows = [_row(book, row, master) for row in document["details"]]
    parts = {
        name: sum((row[name] for row in rows), Decimal(0)) for name in ("subTotalExTax", "tax")
    }
    net = parts["subTotalExTax"] + parts["tax"]
    totals = {
        "totalExTax": parts["subTotalExTax"],
        "taxableAmt": parts["subTotalExTax"],
        "tax": parts["tax"],
        "netTotal": net,
        "roundAdj": Decimal("0.00"),
        "total": parts["subTotalExTax"],
        "finalTotal": net,
    }
    return {**document, "master": {**master, **totals}, "details": rows}


def _row(book: AccountBook, row: Mapping[str, Any], master: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(row)
    for name, places in book.decimals.items():
        if isinstance(made.get(name), int | Decimal):
            made[name] = _round(Decimal(made[name]), Decimal(1).scaleb(-places))
    rate = book.tax_codes.get(str(made.get("taxCode") or ""), Decimal(0))
    if "amount" in made:
        gross = Decimal(made["amount"] or 0)
    else:
        gross = Decimal(made.get("qty") or 0) * Decimal(made.get("unitPrice") or 0)
        gross = _round(gross, _SEN) - _discount(str(made.get("discount") or ""), gross)
    if made.get("inclusiveTax", master.get("inclusiveTax")) is True:
        tax = _round(gross * rate / (100 + rate), _SEN)
        ex = gross - tax
    else:
        ex, tax = gross, _round(gross * rate / 100, _SEN)
    tax += Decimal(made.get("taxAdjustment") or 0)
    return {**made, "taxRate": rate, "subTotalExTax": ex, "tax": tax, "subTotal": ex + tax}


def _discount(formula: str, gross: Decimal) -> Decimal:
    if not formula:
        return Decimal(0)
    if formula.endswith("%"):
        return _round(gross * Decimal(formula[:-1]) / 100, _SEN)
    return _round(Decimal(formula), _SEN)


def _round(value: Decimal, to: Decimal) -> Decimal:
    return value.quantize(to, ROUND_HALF_UP)
