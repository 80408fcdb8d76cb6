"""What AutoCount would say about one document, and what it works out.

Here: required fields, codes that must exist, dates; silent rounding, amounts, tax, totals, and the
rows it drops. Not here: the words and their lengths (json_fields.py), and what the books have
already (writes.py).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.simulators.autocount.books import AccountBook
from connectors.simulators.autocount.json_fields import PARTS, Fields, Parts

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


FAR = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document: its path, its name in messages, what a new one must say, and what can
    be done with it. `moves`: whether it moves accounts, so that each row names one; `ties`: whether
    its rows name other documents.
    """

    path: str
    thing: str
    type: str
    required: tuple[str, ...]
    verbs: frozenset[str] = frozenset({"create", "read"})
    voucher: bool = False
    moves: bool = True
    ties: bool = False

    @property
    def parts(self) -> Parts:
        """The words of its JSON."""
        return PARTS[self.type]


_CONVERTED: Mapping[str, tuple[Any, str]] = {
    "number": (int | Decimal, "System.Decimal"),
    "yesno": (bool, "System.Boolean"),
}
_DISCOUNT = re.compile(r"\d+(\.\d+)?%?", re.ASCII)
_LISTED = frozenset({"create", "read", "update", "listing"})
_SOLD = ("docDate", "debtorCode", "debtorName", "creditTerm", "salesLocation")
_BOUGHT = ("docDate", "creditorCode", "creditorName", "creditTerm")
_PAID = ("docDate", "docType", "dealWith")

KINDS: Mapping[str, Kind] = {
    kind.path.casefold(): kind
    for kind in (
        Kind("invoice", "Invoice", "invoice", _SOLD, _LISTED | {"void", "unvoid"}),
        Kind("creditNote", "CreditNote", "credit_note", _SOLD, _LISTED),
        Kind(
            "purchaseOrder",
            "PurchaseOrder",
            "purchase_order",
            _BOUGHT,
            _LISTED | {"void", "unvoid"},
            moves=False,
        ),
        Kind("purchaseInvoice", "PurchaseInvoice", "purchase_invoice", _BOUGHT),
        Kind("receipt", "Receipt", "ar_payment", _PAID, voucher=True),
        Kind("payment", "Payment", "ap_payment", _PAID, voucher=True),
        Kind(
            "knockOffEntry",
            "KnockOffEntry",
            "knock_off",
            ("docDate", "accNo"),
            moves=False,
            ties=True,
        ),
    )
}


def fault(
    book: AccountBook, kind: Kind, document: Mapping[str, Any], *, locked: bool
) -> str | None:
    """AutoCount's first objection, in its words."""
    return next(_faults(book, kind, document, locked=locked), None)


def date_fault(book: AccountBook, text: object, *, locked: bool = False) -> str | None:
    """Why no document may carry this date, or be changed while it does."""
    try:
        day = date.fromisoformat(str(text)[:10])
    except ValueError:
        return f"Could not convert string to DateTime: {text}."
    if not book.fiscal_from <= day <= book.fiscal_to:
        return "Document date is not within the range of fiscal year."
    through = FAR - timedelta(days=1) if locked else book.locked_through
    if through is not None and day <= through:
        return f"Transaction date {day:%d/%m/%Y} is locked."
    return None


def _faults(
    book: AccountBook, kind: Kind, document: Mapping[str, Any], *, locked: bool
) -> Iterator[str]:
    master, rows = document["master"], document["details"]
    payments = document.get("paymentDetails") or []
    for name in kind.required:
        if master.get(name) in (None, ""):
            yield f"{name[0].upper()}{name[1:]} is required."
    yield from _forms(master, kind.parts.master)
    for row in rows:
        yield from _forms(row, kind.parts.details)
    for payment in payments:
        yield from _forms(payment, kind.parts.payments)
    if found := date_fault(book, master.get("docDate"), locked=locked):
        yield found
    yield from _codes(book, master, rows, payments, kind)
    for row in rows:
        if not kind.voucher and not kind.ties and not _positive(row.get("qty")):
            yield "Qty must be a positive number."
    if kind.voucher and _sum(payments, "paymentAmt") != _sum(rows, "amount"):
        yield "Payment amount is not equal to the total amount."


def _forms(part: Mapping[str, Any], fields: Fields) -> Iterator[str]:
    for name, value in part.items():
        field = fields.get(name)
        if field is None or value is None:
            continue
        if field.form in _CONVERTED and not isinstance(value, _CONVERTED[field.form][0]):
            kind = _CONVERTED[field.form][1]
            yield f"Error converting value \"{value}\" to type '{kind}'. Path '{name}'."
        if name == "discount" and value and not _DISCOUNT.fullmatch(str(value)):
            yield f"Discount {value} is not valid."
        if field.longest and isinstance(value, str) and len(value) > field.longest:
            yield f"{name[0].upper()}{name[1:]} exceeds maximum length of {field.longest}."


def _codes(
    book: AccountBook,
    master: Mapping[str, Any],
    rows: list[Mapping[str, Any]],
    payments: list[Mapping[str, Any]],
    kind: Kind,
) -> Iterator[str]:
    heads: tuple[tuple[str, str, Any], ...] = (
        ("debtorCode", "Debtor", book.debtors),
        ("creditorCode", "Creditor", book.creditors),
        ("accNo", "Account", book.debtors),
        ("creditTerm", "CreditTerm", book.terms),
        ("salesLocation", "Location", book.locations),
        ("salesAgent", "SalesAgent", book.agents),
    )
    lines: tuple[tuple[str, str, Any], ...] = (
        ("productCode", "Product", book.products),
        ("taxCode", "TaxCode", book.tax_codes),
    )
    yield from _unknown(master, heads)
    accounts = book.accounts | book.debtors | book.creditors if kind.voucher else book.accounts
    for row in rows:
        if kind.moves and row.get("accNo") in (None, ""):
            yield "AccNo is required."
        yield from _unknown(row, (("accNo", "Account", accounts), *lines))
    for payment in payments:
        methods = (("paymentMethod", "PaymentMethod", book.payment_methods),)
        yield from _unknown(payment, methods)


def _unknown(part: Mapping[str, Any], fields: tuple[tuple[str, str, Any], ...]) -> Iterator[str]:
    """Codes are compared exactly, with case and punctuation."""
    for name, thing, known in fields:
        code = part.get(name)
        if code not in (None, "") and code not in known:
            yield f"{thing} ({thing}Key = {code}) not exists"


def _positive(value: object) -> bool:
    return isinstance(value, int | Decimal) and value > 0


def _sum(rows: list[Mapping[str, Any]], name: str) -> Decimal:
    found = (row.get(name) for row in rows)
    return sum((Decimal(v) for v in found if isinstance(v, int | Decimal)), Decimal(0))
