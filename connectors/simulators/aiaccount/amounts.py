"""The amounts of a document as AiAccount works them out, and of a payment beside its invoice.

Here: totals in both ways of rounding; half a sen goes up. Not here: whether the document is good
(checks.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connectors.simulators.aiaccount.kinds import INVOICES, KINDS, Company, Document
from connectors.simulators.aiaccount.replies import ErrorEntry, fault

_SEN = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the books will show, and where that differs from what was sent."""

    subtotal: Decimal
    tax: Decimal
    warnings: tuple[Mapping[str, Any], ...] = ()

    @property
    def total(self) -> Decimal:
        """With tax."""
        return self.subtotal + self.tax


def totals(document: Document, company: Company) -> Totals:
    """The amounts of a document. Those of a bill's lines have the tax in them."""
    if document.kind is INVOICES:
        return _of_invoice(document, company)
    if document.kind.refunds or not document.kind.lines:
        return Totals(_stated(document), Decimal("0.00"))
    whole = tax = Decimal("0.00")
    for line in document.lines:
        rate = company.tax_codes.get(str(line["TaxCode"]), Decimal(0))
        amount = decimal(line["Amount"])
        whole += amount
        tax += sen(amount - amount / (1 + rate))
    return Totals(whole - tax, tax)


def _stated(document: Document) -> Decimal:
    """What a document without tax of its own comes to: its amount, or those of its lines."""
    stated = (decimal(one.get("Amount", Decimal())) for one in document.lines or (document.header,))
    return sum(stated, Decimal("0.00"))


def _of_invoice(invoice: Document, company: Company) -> Totals:
    nets, taxes, warnings = [], [], []
    for row, line in zip(invoice.rows, invoice.lines, strict=True):
        net = decimal(line["Quantity"]) * decimal(line["UnitPrice"])
        net -= decimal(line.get("DiscountAmount", Decimal(0)))
        tax = net * company.tax_codes.get(str(line["TaxCode"]), Decimal(0))
        nets.append(net)
        taxes.append(tax)
        stored = sen(net) + sen(tax)
        sent = line.get("LineTotal")
        if sent is not None and decimal(sent) != stored:
            warnings.append(
                {
                    "line": row,
                    "code": "total_recomputed",
                    "sent": str(sent),
                    "stored": str(stored),
                }
            )
    if company.rounding == "per_line":
        subtotal, tax = sum(map(sen, nets), Decimal(0)), sum(map(sen, taxes), Decimal(0))
    else:
        subtotal, tax = sen(sum(nets, Decimal(0))), sen(sum(taxes, Decimal(0)))
    return Totals(subtotal, tax, tuple(warnings))


def decimal(value: str | Decimal) -> Decimal:
    """A number as it was sent; 0 where it is none."""
    try:
        return Decimal(value)
    except InvalidOperation:
        return Decimal(0)


def sen(amount: Decimal) -> Decimal:
    """To the sen."""
    return amount.quantize(_SEN, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Paid:
    """An invoice or bill in the books: its currency, what nobody paid yet, or what of it was not
    given back yet, and its items.
    """

    currency: str
    open: Decimal
    items: frozenset[str] = frozenset()


def paying_faults(document: Document, paid: Paid | None, row: int) -> list[ErrorEntry]:
    """What is wrong with paying this."""
    kind = document.kind
    what = KINDS[kind.pays].noun
    title = kind.column(kind.paid).title
    amount = _stated(document)
    if amount <= 0:
        return [fault(row, "Amount", "bad_value", amount, "Amount must be above 0")]
    if paid is None:
        message = f"There is no {what} {document.paid} of {document.party}"
        return [fault(row, title, f"unknown_{what}", document.paid, message)]
    if not kind.refunds and document.header["Currency"] != paid.currency:
        message = f"The {what} {document.paid} is in {paid.currency}"
        return [fault(row, "Currency", "bad_value", document.header["Currency"], message)]
    if amount > paid.open:
        message = f"{amount} is more than the {paid.open} that is open of {document.paid}"
        return [fault(row, "Amount", "over_payment", amount, message)]
    return _not_sold(document, paid) if kind.refunds else []


def _not_sold(document: Document, paid: Paid) -> list[ErrorEntry]:
    """The lines whose item is none of the invoice: case and spaces count."""
    return [
        fault(row, "SKU", "unknown_sku", line["SKU"], f"{document.paid} has no SKU {line['SKU']}")
        for row, line in zip(document.rows, document.lines, strict=True)
        if line["SKU"] not in paid.items
    ]
