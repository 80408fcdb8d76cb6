"""The document types of AiAccount that rules may speak of and nothing posts yet.

Here: receipts of invoices, expense bills and their payments, as AiAccount imports them: one sheet
row for each line, which repeats the cells of its document. Not here: sales invoices, which are
posted (documents.py).
"""

from connectors.kit.schema import DocumentSchema, FieldSchema

_CURRENCY = FieldSchema(
    name="Currency", title="Currency", wire="currency", required=True, max_length=3
)
_RATE = FieldSchema(
    name="ExchangeRate", title="Exchange Rate", wire="exchange_rate", type="decimal", places=6
)
_CUSTOMER = FieldSchema(
    name="Customer",
    title="Customer",
    wire="customer",
    required=True,
    max_length=100,
    refers="customer",
)
_SUPPLIER = FieldSchema(
    name="Supplier",
    title="Supplier",
    wire="supplier",
    required=True,
    max_length=100,
    refers="vendor",
)
_BANK = FieldSchema(
    name="BankAccountCode",
    title="Bank Account Code",
    wire="bank_account_code",
    required=True,
    max_length=12,
    refers="account",
)
_AMOUNT = FieldSchema(
    name="Amount", title="Amount", wire="amount", type="money", required=True, places=2
)
_METHOD = FieldSchema(
    name="PaymentMethod",
    title="Payment Method",
    wire="payment_method",
    max_length=30,
    refers="payment_method",
)
_PAID_AS = FieldSchema(
    name="PaymentReference", title="Payment Reference", wire="payment_reference", max_length=60
)
_NOTES = FieldSchema(name="Notes", title="Notes", wire="notes", max_length=200)
_TOTAL = FieldSchema(name="Total", title="Total", type="money", places=2, sent=False)


def _number(name: str, title: str, wire: str) -> FieldSchema:
    return FieldSchema(name=name, title=title, wire=wire, required=True, max_length=50)


def _date(name: str, title: str, wire: str, *, required: bool = True) -> FieldSchema:
    return FieldSchema(name=name, title=title, wire=wire, type="date", required=required)


SALES_RECEIPT = DocumentSchema(
    target="aiaccount",
    name="sales_receipt",
    title="Sales receipt",
    header=(
        _number("ReceiptNumber", "Receipt Number", "receipt_number"),
        _date("ReceiptDate", "Receipt Date", "receipt_date"),
        _CUSTOMER,
        _number("InvoiceNumber", "Invoice Number", "invoice_number"),
        _AMOUNT,
        _CURRENCY,
        _RATE,
        _BANK,
        _METHOD,
        _PAID_AS,
        _NOTES,
    ),
    lines=(),
    number_field="ReceiptNumber",
    number_max=50,
    date_field="ReceiptDate",
    party_field="Customer",
    total_field="Amount",
)

EXPENSE_BILL = DocumentSchema(
    target="aiaccount",
    name="expense_bill",
    title="Expense bill",
    header=(
        _number("BillNumber", "Bill Number", "bill_number"),
        _date("BillDate", "Bill Date", "bill_date"),
        _SUPPLIER,
        _date("DueDate", "Due Date", "due_date", required=False),
        _CURRENCY,
        _RATE,
        FieldSchema(name="Reference", title="Reference", wire="reference", max_length=50),
        _NOTES,
        _TOTAL,
    ),
    lines=(
        FieldSchema(name="LineNo", title="Line No", wire="line_no", type="whole", required=True),
        FieldSchema(
            name="Description",
            title="Description",
            wire="description",
            required=True,
            max_length=200,
        ),
        FieldSchema(
            name="AccountCode",
            title="Account Code",
            wire="account_code",
            required=True,
            max_length=12,
            refers="account",
        ),
        FieldSchema(
            name="TaxCode",
            title="Tax Code",
            wire="tax_code",
            required=True,
            max_length=20,
            refers="tax",
        ),
        _AMOUNT,
        FieldSchema(
            name="TaxAmount", title="Tax Amount", wire="tax_amount", type="money", places=2
        ),
    ),
    number_field="BillNumber",
    number_max=50,
    date_field="BillDate",
    party_field="Supplier",
    total_field="Total",
    one_row=True,
)

EXPENSE_PAYMENT = DocumentSchema(
    target="aiaccount",
    name="expense_payment",
    title="Expense payment",
    header=(
        _number("PaymentNumber", "Payment Number", "payment_number"),
        _date("PaymentDate", "Payment Date", "payment_date"),
        _SUPPLIER,
        _number("BillNumber", "Bill Number", "bill_number"),
        _AMOUNT,
        _CURRENCY,
        _RATE,
        _BANK,
        _METHOD,
        _PAID_AS,
    ),
    lines=(),
    number_field="PaymentNumber",
    number_max=50,
    date_field="PaymentDate",
    party_field="Supplier",
    total_field="Amount",
)

DOCUMENTS = (SALES_RECEIPT, EXPENSE_BILL, EXPENSE_PAYMENT)
