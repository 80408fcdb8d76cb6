"""The sheets and the JSON of AiAccount, word by word, as its contract has them.

Here: the stand-in's own reading of the contract: the title of each column, the word for it in JSON,
form, length, whether it must be there. Not here: anything of the client, which states the same once
more; only the recorded calls under tests/connectors/wire hold the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

NUMERIC = frozenset({"whole", "number"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `word` is where its value lies in JSON, `customer.name` inside an object;
    `longest` counts the signs of a text, `places` the decimals of a number.
    """

    title: str
    word: str
    form: Literal["text", "date", "whole", "number"] = "text"
    must: bool = False
    longest: int | None = None
    places: int | None = None

    @property
    def name(self) -> str:
        """What the ledger calls it: the title without its blanks."""
        return self.title.replace(" ", "")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One document type: the columns of the document, then those of a line."""

    header: tuple[Column, ...]
    lines: tuple[Column, ...] = ()


SHEETS: Mapping[str, Sheet] = {
    "sales_invoice": Sheet(
        header=(
            Column("Invoice Number", "invoice_number", must=True, longest=50),
            Column("Invoice Date", "invoice_date", "date", must=True),
            Column("Due Date", "due_date", "date"),
            Column("Customer", "customer.name", must=True, longest=100),
            Column("Customer TIN", "customer.tin", longest=14),
            Column("Customer ID Type", "customer.id_type", longest=8),
            Column("Customer ID Number", "customer.id_number", longest=20),
            Column("Customer Address", "customer.address", longest=300),
            Column("Customer Email", "customer.email", longest=255),
            Column("Customer Phone", "customer.phone", longest=20),
            Column("Currency", "currency", must=True, longest=3),
            Column("Exchange Rate", "exchange_rate", "number", places=6),
            Column("Reference", "reference", longest=50),
        ),
        lines=(
            Column("Line No", "line_no", "whole", must=True),
            Column("SKU", "sku", longest=50),
            Column("Description", "description", must=True, longest=200),
            Column("Quantity", "quantity", "number", must=True, places=4),
            Column("UOM", "uom", longest=12),
            Column("Unit Price", "unit_price", "number", must=True, places=4),
            Column("Discount Amount", "discount_amount", "number", places=2),
            Column("Account Code", "account_code", must=True, longest=12),
            Column("Tax Code", "tax_code", must=True, longest=20),
            Column("Tax Amount", "tax_amount", "number", places=2),
            Column("Line Total", "line_total", "number", must=True, places=2),
            Column("Classification Code", "classification_code", longest=3),
        ),
    ),
    "sales_receipt": Sheet(
        header=(
            Column("Receipt Number", "receipt_number", must=True, longest=50),
            Column("Receipt Date", "receipt_date", "date", must=True),
            Column("Customer", "customer", must=True, longest=100),
            Column("Invoice Number", "invoice_number", must=True, longest=50),
            Column("Amount", "amount", "number", must=True, places=2),
            Column("Currency", "currency", must=True, longest=3),
            Column("Exchange Rate", "exchange_rate", "number", places=6),
            Column("Bank Account Code", "bank_account_code", must=True, longest=12),
            Column("Payment Method", "payment_method", longest=30),
            Column("Payment Reference", "payment_reference", longest=60),
            Column("Notes", "notes", longest=200),
        ),
    ),
    "expense_bill": Sheet(
        header=(
            Column("Bill Number", "bill_number", must=True, longest=50),
            Column("Bill Date", "bill_date", "date", must=True),
            Column("Supplier", "supplier", must=True, longest=100),
            Column("Due Date", "due_date", "date"),
            Column("Currency", "currency", must=True, longest=3),
            Column("Exchange Rate", "exchange_rate", "number", places=6),
            Column("Reference", "reference", longest=50),
            Column("Notes", "notes", longest=200),
        ),
        lines=(
            Column("Line No", "line_no", "whole", must=True),
            Column("Description", "description", must=True, longest=200),
            Column("Account Code", "account_code", must=True, longest=12),
            Column("Tax Code", "tax_code", must=True, longest=20),
            Column("Amount", "amount", "number", must=True, places=2),
            Column("Tax Amount", "tax_amount", "number", places=2),
        ),
    ),
    "expense_payment": Sheet(
        header=(
            Column("Payment Number", "payment_number", must=True, longest=50),
            Column("Payment Date", "payment_date", "date", must=True),
            Column("Supplier", "supplier", must=True, longest=100),
            Column("Bill Number", "bill_number", must=True, longest=50),
            Column("Amount", "amount", "number", must=True, places=2),
            Column("Currency", "currency", must=True, longest=3),
            Column("Exchange Rate", "exchange_rate", "number", places=6),
            Column("Bank Account Code", "bank_account_code", must=True, longest=12),
            Column("Payment Method", "payment_method", longest=30),
            Column("Payment Reference", "payment_reference", longest=60),
        ),
    ),
    "sales_refund": Sheet(
        header=(
            Column("Refund Number", "refund_number", must=True, longest=50),
            Column("Invoice Number", "invoice_number", must=True, longest=50),
            Column("Customer", "customer", must=True, longest=100),
            Column("Refund Date", "refund_date", "date", must=True),
            Column("Source Refund Status", "source_refund_status", must=True, longest=50),
        ),
        lines=(
            Column("SKU", "sku", must=True, longest=50),
            Column("Quantity", "quantity", "number", must=True, places=4),
            Column("Amount", "amount", "number", must=True, places=2),
        ),
    ),
}
"""By the name of the document type; refunds come as JSON alone."""
