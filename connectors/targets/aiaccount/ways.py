"""Define AiAccount's documents: their fields, where each is sent and how it is found again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from connectors.contract.schema import Amounts, Books, DocumentSchema, FieldSchema
from connectors.kit.preflight import Meanings

KEY_LASTS = timedelta(days=30)
"""How long the key of a call is known there (our contract; AiAccount gives no figure)."""

_OF_A_TOTAL = {"Total": "total", "Currency": "currency"}

_OF_A_PAYMENT = {"Amount": "amount", "Currency": "currency"}

NUMBER_MAX = 50

LISTS = (
    ("account", "Settings → Accounts"),
    ("tax_code", "Settings → Tax Codes"),
    ("currency", "Settings → Currencies"),
)
"""Where its own pages keep the codes that it lists."""

_RATE = FieldSchema(
    name="ExchangeRate", title="Exchange Rate", wire="exchange_rate", type="decimal", places=6
)

_TOTAL = FieldSchema(name="Total", title="Total", type="money", places=2, sent=False)

_LINE_NO = FieldSchema(name="LineNo", title="Line No", wire="line_no", type="whole", required=True)

_QUANTITY = FieldSchema(
    name="Quantity", title="Quantity", wire="quantity", type="quantity", required=True, places=4
)

MEANINGS: Final = Meanings(
    header={
        "InvoiceNumber": "Number of the sales invoice that is paid.",
        "BillNumber": "Number of the expense bill that is paid.",
        "ReceiptNumber": "Our number of the receipt; with the customer it names it in AiAccount.",
        "PaymentNumber": "Our number of the payment; with the supplier it names it in AiAccount.",
        "InvoiceDate": "Day of the invoice, which must lie in an open period.",
        "ReceiptDate": "Day on which the money came in, which must lie in an open period.",
        "RefundNumber": "Our number of the refund; with the customer it names it in AiAccount.",
        "RefundDate": "Day on which the money went back, which must lie in an open period.",
        "SourceRefundStatus": (
            "The shop's own word. Only Refunded + Items Returned puts the items back into stock."
        ),
        "BillDate": "Day of the bill, which must lie in an open period.",
        "PaymentDate": "Day of the payment, which must lie in an open period.",
        "DueDate": "Day by which it has to be paid.",
        "Customer": "Name of the customer as AiAccount has it; upper and lower case count.",
        "Supplier": "Name of the supplier as AiAccount has it; upper and lower case count.",
        "CustomerTIN": "Tax identification number of the customer, for the e-Invoice.",
        "CustomerIDType": "What the ID number is: NRIC, PASSPORT, BRN or ARMY.",
        "CustomerIDNumber": "Identity or registration number of the customer.",
        "CustomerAddress": "Address of the customer; e-Invoices above RM 10,000 need it.",
        "CustomerEmail": "Email address of the customer.",
        "CustomerPhone": "Telephone number of the customer.",
        "Currency": "Three letters of a currency that is enabled in AiAccount.",
        "ExchangeRate": "How much of the books' currency 1 of the currency is; needed abroad only.",
        "Reference": "The source's own number, such as that of the order.",
        "Total": "Total with tax; AiAccount computes it, so it is compared and not sent.",
        "Notes": "A note for readers of the document.",
        "Amount": "How much was paid, more than 0.",
        "BankAccountCode": "Code of the account that the money came into or left.",
        "PaymentMethod": "How it was paid, such as FPX.",
        "PaymentReference": "The bank's or payment service's reference.",
    },
    lines={
        "LineNo": "Number of the line, from 1; each once in a document.",
        "SKU": "Code of the item in AiAccount, exactly: case, spaces and signs count.",
        "Description": "What was sold or bought.",
        "Quantity": "How many, more than 0, in the unit beside it.",
        "UOM": "Unit of the quantity; AiAccount keeps it as text and converts nothing.",
        "UnitPrice": "Price of one unit before discount and tax.",
        "DiscountAmount": "Discount on the whole line.",
        "AccountCode": "Code of the account that the line is booked to.",
        "TaxCode": "Tax code as it is configured in AiAccount, such as MY-SALES10.",
        "TaxAmount": "Tax of the line, which AiAccount computes again.",
        "TaxRate": "Rate of the tax code there: 0.1 is 10%. It is compared and not sent.",
        "LineTotal": "Line with tax, after discount; AiAccount computes it again and tells.",
        "ClassificationCode": "Classification for the e-Invoice; blank: the company's default.",
        "Amount": "Amount of the line; the tax is in it.",
    },
    apart={
        "sales_invoice.InvoiceNumber": "Our number of it; with the customer it names it there.",
        "expense_bill.BillNumber": "Our number of it; with the supplier it names it there.",
        "sales_refund.InvoiceNumber": "Number of the sales invoice of which money goes back.",
        "sales_refund.Currency": "That of the invoice; AiAccount knows it and is not sent it.",
        "sales_refund.Total": "All that goes back, with tax; it is compared and not sent.",
        "sales_invoice.Notes": "A note that AiAccount keeps; rules may name it and never fill it.",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one document type is sent and looked up.

    `shown` maps our field names to the names in a lookup's answer; empty if AiAccount shows none.
    `alone`: a document may be sent as JSON, to the address `page`, where it is also looked up.
    `imports` is the address for files; blank if it is not sent in a file.
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
    def takes_rate(self) -> bool:
        """Whether a document has a currency rate of its own. A refund uses its invoice's rate."""
        return any(field.name == _RATE.name for field in self.schema.header)

    @property
    def pays(self) -> bool:
        """Whether it is a receipt or a payment, whose amount is above 0 in the contract."""
        return any(field.pays for field in self.schema.header)

    @property
    def party(self) -> str:
        """AiAccount's word for the customer or supplier."""
        return _word(self.schema, self.schema.party_field).partition(".")[0]


def _word(schema: DocumentSchema, name: str) -> str:
    return next(field.wire for field in schema.header if field.name == name)


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

_CURRENCY = _must("Currency", "Currency", "currency", 3, "currency")

_REFERENCE = _text("Reference", "Reference", "reference", 50)

_ADDRESS = replace(
    _text("CustomerAddress", "Customer Address", "customer.address", 300), shortened=True
)
_DESCRIPTION = replace(_must("Description", "Description", "description", 200), shortened=True)

_ACCOUNT = _must("AccountCode", "Account Code", "account_code", 12, "account")

_TAX_CODE = _must("TaxCode", "Tax Code", "tax_code", 20, "tax")

_TAX_AMOUNT = _money("TaxAmount", "Tax Amount", "tax_amount", required=False)

_TAX_RATE = FieldSchema(name="TaxRate", title="Tax Rate", type="decimal", sent=False)
"""AiAccount works the tax out again from the rate of the code, which its lists do not show."""

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
        _ADDRESS,
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
        _TAX_RATE,
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
        rate="TaxRate",
        tax_is="added",
    ),
    books=Books("credit", "LineTotal", less=("TaxAmount",)),
    lists=LISTS,
)

_CUSTOMER = _must("Customer", "Customer", "customer", 100, "customer")

_PAID_INVOICE = replace(_INVOICE_NUMBER, pays="invoice")

_AMOUNT = _money("Amount", "Amount", "amount", required=True)

_PAID = (
    _AMOUNT,
    _CURRENCY,
    _RATE,
    _must("BankAccountCode", "Bank Account Code", "bank_account_code", 12, "account"),
    _text("PaymentMethod", "Payment Method", "payment_method", 30, "payment_method"),
    _text("PaymentReference", "Payment Reference", "payment_reference", 60),
)

_NOTES = replace(_text("Notes", "Notes", "notes", 200), shortened=True)

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

_BILL_NUMBER = _must("BillNumber", "Bill Number", "bill_number", NUMBER_MAX)

_SUPPLIER = _must("Supplier", "Supplier", "supplier", 100, "vendor")

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
    lines=(_LINE_NO, _DESCRIPTION, _ACCOUNT, _TAX_CODE, _AMOUNT, _TAX_AMOUNT, _TAX_RATE),
    number_field="BillNumber",
    number_max=NUMBER_MAX,
    date_field="BillDate",
    party_field="Supplier",
    total_field="Total",
    one_row=True,
    amounts=Amounts(
        amount="Amount", tax="TaxAmount", code="TaxCode", rate="TaxRate", tax_is="inside"
    ),
    books=Books("debit", "Amount", less=("TaxAmount",)),
    lists=LISTS,
)

_PAID_BILL = replace(_BILL_NUMBER, pays="bill")

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
    credits=True,
)

DOCUMENTS = MEANINGS.on_all(
    (_SALES_INVOICE, _SALES_RECEIPT, _EXPENSE_BILL, _EXPENSE_PAYMENT, _SALES_REFUND)
)
"""All of them."""

SALES_INVOICE, SALES_RECEIPT, EXPENSE_BILL, EXPENSE_PAYMENT, SALES_REFUND = DOCUMENTS

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
