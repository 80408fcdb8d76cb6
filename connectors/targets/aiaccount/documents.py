"""The document types that AiAccount takes, and where each goes, as data.

Here: columns, limits and which field means what; its import, its own page, its words. A sheet has
one row for each line, which repeats the cells of its document. Not here: how it becomes bytes
(payload.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.contract.schema import Amounts, Books, DocumentSchema, FieldSchema
from connectors.targets.aiaccount.field_meanings import MEANINGS

NUMBER_MAX = 50
LISTS = (
    ("account", "Settings → Accounts"),
    ("tax_code", "Settings → Tax Codes"),
    ("currency", "Settings → Currencies"),
)
"""Where its own pages keep the codes that it lists."""


def _text(name: str, title: str, wire: str, longest: int, refers: str = "") -> FieldSchema:
    return FieldSchema(name=name, title=title, wire=wire, max_length=longest, refers=refers)


def _must(name: str, title: str, wire: str, longest: int, refers: str = "") -> FieldSchema:
    return FieldSchema(
        name=name, title=title, wire=wire, required=True, max_length=longest, refers=refers
    )


def _date(name: str, title: str, wire: str, *, required: bool = True) -> FieldSchema:
    return FieldSchema(name=name, title=title, wire=wire, type="date", required=required)


def _money(name: str, title: str, wire: str, *, required: bool, places: int = 2) -> FieldSchema:
    return FieldSchema(
        name=name, title=title, wire=wire, type="money", required=required, places=places
    )


_INVOICE_NUMBER = _must("InvoiceNumber", "Invoice Number", "invoice_number", NUMBER_MAX)
_BILL_NUMBER = _must("BillNumber", "Bill Number", "bill_number", NUMBER_MAX)
_CUSTOMER = _must("Customer", "Customer", "customer", 100, "customer")
_SUPPLIER = _must("Supplier", "Supplier", "supplier", 100, "vendor")
_CURRENCY = _must("Currency", "Currency", "currency", 3, "currency")
_RATE = FieldSchema(
    name="ExchangeRate", title="Exchange Rate", wire="exchange_rate", type="decimal", places=6
)
_REFERENCE = _text("Reference", "Reference", "reference", 50)
_AMOUNT = _money("Amount", "Amount", "amount", required=True)
_TOTAL = FieldSchema(name="Total", title="Total", type="money", places=2, sent=False)
_NOTES = _text("Notes", "Notes", "notes", 200)
_LINE_NO = FieldSchema(name="LineNo", title="Line No", wire="line_no", type="whole", required=True)
_DESCRIPTION = _must("Description", "Description", "description", 200)
_ACCOUNT = _must("AccountCode", "Account Code", "account_code", 12, "account")
_TAX_CODE = _must("TaxCode", "Tax Code", "tax_code", 20, "tax")
_TAX_AMOUNT = _money("TaxAmount", "Tax Amount", "tax_amount", required=False)
_PAID = (
    _AMOUNT,
    _CURRENCY,
    _RATE,
    _must("BankAccountCode", "Bank Account Code", "bank_account_code", 12, "account"),
    _text("PaymentMethod", "Payment Method", "payment_method", 30, "payment_method"),
    _text("PaymentReference", "Payment Reference", "payment_reference", 60),
)

_SALES_INVOICE = DocumentSchema(
    target="aiaccount",
    name="sales_invoice",
    title="Sales invoice",
    header=(
        _INVOICE_NUMBER,
        _date("InvoiceDate", "Invoice Date", "invoice_date"),
        _date("DueDate", "Due Date", "due_date", required=False),
        _must("Customer", "Customer", "customer.name", 100, "customer"),
        _text("CustomerTIN", "Customer TIN", "customer.tin", 14),
        _text("CustomerIDType", "Customer ID Type", "customer.id_type", 8),
        _text("CustomerIDNumber", "Customer ID Number", "customer.id_number", 20),
        _text("CustomerAddress", "Customer Address", "customer.address", 300),
        _text("CustomerEmail", "Customer Email", "customer.email", 255),
        _text("CustomerPhone", "Customer Phone", "customer.phone", 20),
        _CURRENCY,
        _RATE,
        _REFERENCE,
        _TOTAL,
        FieldSchema(name="Notes", title="Notes", sent=False, theirs=True),
    ),
    lines=(
        _LINE_NO,
        _text("SKU", "SKU", "sku", 50, "item"),
        _DESCRIPTION,
        FieldSchema(
            name="Quantity",
            title="Quantity",
            wire="quantity",
            type="quantity",
            required=True,
            places=4,
        ),
        _text("UOM", "UOM", "uom", 12),
        _money("UnitPrice", "Unit Price", "unit_price", required=True, places=4),
        _money("DiscountAmount", "Discount Amount", "discount_amount", required=False),
        _ACCOUNT,
        _TAX_CODE,
        _TAX_AMOUNT,
        _money("LineTotal", "Line Total", "line_total", required=True),
        _text("ClassificationCode", "Classification Code", "classification_code", 3),
    ),
    number_field="InvoiceNumber",
    number_max=NUMBER_MAX,
    date_field="InvoiceDate",
    party_field="Customer",
    total_field="Total",
    reckons=True,
    amounts=Amounts(
        amount="LineTotal",
        tax="TaxAmount",
        code="TaxCode",
        quantity="Quantity",
        price="UnitPrice",
        discount="DiscountAmount",
        tax_is="added",
    ),
    books=Books("credit", "LineTotal", less=("TaxAmount",)),
    lists=LISTS,
)

_SALES_RECEIPT = DocumentSchema(
    target="aiaccount",
    name="sales_receipt",
    title="Sales receipt",
    header=(
        _must("ReceiptNumber", "Receipt Number", "receipt_number", NUMBER_MAX),
        _date("ReceiptDate", "Receipt Date", "receipt_date"),
        _CUSTOMER,
        _INVOICE_NUMBER,
        *_PAID,
        _NOTES,
    ),
    lines=(),
    number_field="ReceiptNumber",
    number_max=NUMBER_MAX,
    date_field="ReceiptDate",
    party_field="Customer",
    total_field="Amount",
    books=Books("debit", "Amount"),
    lists=LISTS,
)

_EXPENSE_BILL = DocumentSchema(
    target="aiaccount",
    name="expense_bill",
    title="Expense bill",
    header=(
        _BILL_NUMBER,
        _date("BillDate", "Bill Date", "bill_date"),
        _SUPPLIER,
        _date("DueDate", "Due Date", "due_date", required=False),
        _CURRENCY,
        _RATE,
        _REFERENCE,
        _NOTES,
        _TOTAL,
    ),
    lines=(_LINE_NO, _DESCRIPTION, _ACCOUNT, _TAX_CODE, _AMOUNT, _TAX_AMOUNT),
    number_field="BillNumber",
    number_max=NUMBER_MAX,
    date_field="BillDate",
    party_field="Supplier",
    total_field="Total",
    one_row=True,
    amounts=Amounts(amount="Amount", tax="TaxAmount", code="TaxCode", tax_is="inside"),
    books=Books("debit", "Amount", less=("TaxAmount",)),
    lists=LISTS,
)

_EXPENSE_PAYMENT = DocumentSchema(
    target="aiaccount",
    name="expense_payment",
    title="Expense payment",
    header=(
        _must("PaymentNumber", "Payment Number", "payment_number", NUMBER_MAX),
        _date("PaymentDate", "Payment Date", "payment_date"),
        _SUPPLIER,
        _BILL_NUMBER,
        *_PAID,
    ),
    lines=(),
    number_field="PaymentNumber",
    number_max=NUMBER_MAX,
    date_field="PaymentDate",
    party_field="Supplier",
    total_field="Amount",
    books=Books("credit", "Amount"),
    lists=LISTS,
)

DOCUMENTS = MEANINGS.on_all((_SALES_INVOICE, _SALES_RECEIPT, _EXPENSE_BILL, _EXPENSE_PAYMENT))
"""All of them."""
SALES_INVOICE, SALES_RECEIPT, EXPENSE_BILL, EXPENSE_PAYMENT = DOCUMENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one document type goes in and is found again.

    `shown` are the fields that a look-up tells of it, by our names and AiAccount's. `alone` says
    that one document may go as JSON, to the place where it is looked up.
    """

    schema: DocumentSchema
    imports: str
    listing: str
    sheet: str
    shown: Mapping[str, str]
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
        listing="/v1/sales/invoices",
        sheet="Sales Invoices",
        shown=_OF_A_TOTAL,
        alone=True,
    ),
    Way(
        schema=SALES_RECEIPT,
        imports="/v1/imports/sales-receipts",
        listing="/v1/sales/receipts",
        sheet="Sales Receipts",
        shown={**_OF_A_PAYMENT, "InvoiceNumber": "invoice_number"},
    ),
    Way(
        schema=EXPENSE_BILL,
        imports="/v1/imports/expense-bills",
        listing="/v1/expenses/bills",
        sheet="Expense Bills",
        shown=_OF_A_TOTAL,
    ),
    Way(
        schema=EXPENSE_PAYMENT,
        imports="/v1/imports/expense-payments",
        listing="/v1/expenses/payments",
        sheet="Expense Payments",
        shown={**_OF_A_PAYMENT, "BillNumber": "bill_number"},
    ),
)

WAYS: Mapping[str, Way] = {way.schema.name: way for way in _WAYS}
"""By the name of the document type."""

BY_PATH: Mapping[str, Way] = {path: way for way in _WAYS for path in (way.imports, way.listing)}
"""By the place that a call goes to."""
