"""Where each document of AiAccount goes, and how it is found again.

Here: its import, its own page, its words. Not here: fields and columns (documents.py), how it
becomes bytes (payload.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from connectors.contract.schema import DocumentSchema
from connectors.targets.aiaccount.documents import (
    EXPENSE_BILL,
    EXPENSE_PAYMENT,
    SALES_INVOICE,
    SALES_RECEIPT,
    SALES_REFUND,
)

KEY_LASTS = timedelta(days=30)
"""How long the key of a call is known there (our contract; AiAccount gives no figure)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one document type goes in and is found again.

    `shown` are the fields that a look-up tells of it, by our names and AiAccount's; none where it
    cannot be looked up. `alone` says that one document may go as JSON, to its `page`, where it is
    looked up, too; `imports` is blank where it goes in no file.
    """

    schema: DocumentSchema
    page: str
    shown: Mapping[str, str]
    imports: str = ""
    sheet: str = ""
    alone: bool = False

    @property
    def number(self) -> str:
        """AiAccount's word for the number."""
        return _word(self.schema, self.schema.number_field)

    @property
    def amount(self) -> str:
        """Our name of the total of the document."""
        return next(iter(self.shown))

    @property
    def party(self) -> str:
        """AiAccount's word for the customer or supplier."""
        return _word(self.schema, self.schema.party_field).partition(".")[0]


def _word(schema: DocumentSchema, name: str) -> str:
    return next(field.wire for field in schema.header if field.name == name)


_OF_A_TOTAL = {"Total": "total", "Currency": "currency"}
_OF_A_PAYMENT = {"Amount": "amount", "Currency": "currency"}

_WAYS = (
    Way(
        schema=SALES_INVOICE,
        imports="/v1/imports/sales-invoices",
        page="/v1/sales/invoices",
        sheet="Sales Invoices",
        shown=_OF_A_TOTAL,
        alone=True,
    ),
    Way(
        schema=SALES_RECEIPT,
        imports="/v1/imports/sales-receipts",
        page="/v1/sales/receipts",
        sheet="Sales Receipts",
        shown={**_OF_A_PAYMENT, "InvoiceNumber": "invoice_number"},
    ),
    Way(
        schema=EXPENSE_BILL,
        imports="/v1/imports/expense-bills",
        page="/v1/expenses/bills",
        sheet="Expense Bills",
        shown=_OF_A_TOTAL,
    ),
    Way(
        schema=EXPENSE_PAYMENT,
        imports="/v1/imports/expense-payments",
        page="/v1/expenses/payments",
        sheet="Expense Payments",
        shown={**_OF_A_PAYMENT, "BillNumber": "bill_number"},
    ),
    Way(schema=SALES_REFUND, page="/v1/sales/refunds", shown={}, alone=True),
)

WAYS: Mapping[str, Way] = {way.schema.name: way for way in _WAYS}
"""By the name of the document type."""

BY_PATH: Mapping[str, Way] = {
    path: way for way in _WAYS for path in (way.imports, way.page) if path
}
"""By the place that a call goes to."""
