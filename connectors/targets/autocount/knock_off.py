"""A receipt tied to the invoices that it pays: a document of its own in AutoCount.

Here: its rows, and what cannot be tied. Not here: its head, and sending (payload.py, connector.py).

Debits are positive there and credits negative: a row for each invoice, and one for the receipt
with all of them. A line of 0 ties nothing and is no row.
"""

from collections.abc import Mapping
from decimal import Decimal

from connectors.contract import OutgoingDocument
from connectors.contract.schema import DocumentSchema
from connectors.kit.preflight import Fault

NAME = "knock_off"
RECEIPT, TOTAL, INVOICE, AMOUNT = "ReceiptNo", "Total", "InvoiceNo", "Amount"
_TYPE, _PAID, _PAYS = "docType", "IV", "OR"


def rows(schema: DocumentSchema, document: OutgoingDocument) -> list[dict[str, object]]:
    """The invoices in the order of the lines, then the receipt."""
    wire = {field.name: field.wire for field in schema.lines}
    tied = [(line[INVOICE], _PAID, _amount(line)) for line in document.lines if _amount(line)]
    tied.append((document.fields[RECEIPT], _PAYS, -_all(document)))
    return [
        {wire[INVOICE]: number, _TYPE: kind, wire[AMOUNT]: amount} for number, kind, amount in tied
    ]


def line_fault(line: Mapping[str, str], where: str) -> Fault | None:
    """A receipt pays: what it would take back is no part of it."""
    if _amount(line) < 0:
        return "bad_value", f"Amount{where} is below 0: {line[AMOUNT]}."
    return None


def fault(document: OutgoingDocument) -> Fault | None:
    """Whether the invoices are paid by exactly what is told of the receipt."""
    paid, total = _all(document), Decimal(document.fields[TOTAL])
    if paid != total:
        return "business_rule", f"The invoices take {paid} of the receipt, Total is {total}."
    return None if paid else ("business_rule", "Nothing of the receipt is tied to any invoice.")


def _all(document: OutgoingDocument) -> Decimal:
    return sum(map(_amount, document.lines), Decimal(0))


def _amount(line: Mapping[str, str]) -> Decimal:
    return Decimal(line.get(AMOUNT) or 0)
