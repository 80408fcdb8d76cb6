"""The document types that AiAccount takes, as data.

Here: columns, limits and which field means what. A sheet has one row for each line, which repeats
the cells of its document. Not here: where each goes (ways.py), how it becomes bytes (payload.py).
"""

from dataclasses import replace

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
_PAID_INVOICE = replace(_INVOICE_NUMBER, pays="invoice")
_PAID_BILL = replace(_BILL_NUMBER, pays="bill")
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
_QUANTITY = FieldSchema(
    name="Quantity", title="Quantity", wire="quantity", type="quantity", required=True, places=4
)
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
        _QUANTITY,
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
        _PAID_INVOICE,
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
        _PAID_BILL,
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

_SALES_REFUND = DocumentSchema(
    target="aiaccount",
    name="sales_refund",
    title="Sales refund",
    header=(
        _must("RefundNumber", "Refund Number", "refund_number", NUMBER_MAX),
        _INVOICE_NUMBER,
        _CUSTOMER,
        _date("RefundDate", "Refund Date", "refund_date"),
        _must("SourceRefundStatus", "Source Refund Status", "source_refund_status", 50),
        FieldSchema(name="Currency", title="Currency", required=True, max_length=3, sent=False),
        _TOTAL,
    ),
    lines=(
        _must("SKU", "SKU", "sku", 50, "item"),
        _QUANTITY,
        _AMOUNT,
    ),
    number_field="RefundNumber",
    number_max=NUMBER_MAX,
    date_field="RefundDate",
    party_field="Customer",
    total_field="Total",
    amounts=Amounts(amount="Amount", quantity="Quantity", tax_is="inside"),
    singly=True,
    shown=False,
    counted=False,
)

DOCUMENTS = MEANINGS.on_all(
    (_SALES_INVOICE, _SALES_RECEIPT, _EXPENSE_BILL, _EXPENSE_PAYMENT, _SALES_REFUND)
)
"""All of them."""
SALES_INVOICE, SALES_RECEIPT, EXPENSE_BILL, EXPENSE_PAYMENT, SALES_REFUND = DOCUMENTS
