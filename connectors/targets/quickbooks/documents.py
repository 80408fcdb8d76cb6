"""Define, as data, the documents of QuickBooks Online and the meaning of their fields."""

from typing import Final

from connectors.contract.schema import Amounts, DocumentSchema, FieldSchema
from connectors.kit.preflight import Meanings

TARGET = "quickbooks"

_NUMBER_MAX = 21

_NUMBER = FieldSchema(
    name="DocNumber", title="No.", wire="DocNumber", required=True, max_length=_NUMBER_MAX
)

_DATE = FieldSchema(name="TxnDate", title="Date", wire="TxnDate", type="date", required=True)

_TERM = FieldSchema(
    name="SalesTermRef",
    title="Payment terms",
    wire="SalesTermRef.value",
    max_length=20,
    refers="payment_term",
)

_DUE = FieldSchema(name="DueDate", title="Due date", wire="DueDate", type="date")

_CUSTOMER = FieldSchema(
    name="CustomerRef",
    title="Customer",
    wire="CustomerRef.value",
    required=True,
    max_length=20,
    refers="customer",
)

_VENDOR = FieldSchema(
    name="VendorRef",
    title="Vendor",
    wire="VendorRef.value",
    required=True,
    max_length=20,
    refers="vendor",
)

_LOCATION = FieldSchema(
    name="DepartmentRef", title="Location", wire="DepartmentRef.value", refers="warehouse"
)

_CURRENCY = FieldSchema(
    name="CurrencyRef", title="Currency", wire="CurrencyRef.value", max_length=3, refers="currency"
)

_RATE = FieldSchema(
    name="ExchangeRate", title="Exchange rate", wire="ExchangeRate", type="decimal", places=6
)

_TAX_MODE = FieldSchema(
    name="GlobalTaxCalculation",
    title="Amounts are",
    wire="GlobalTaxCalculation",
    required=True,
    max_length=13,
)

_SALES_REP = FieldSchema(
    name="SalesRep",
    title="Sales rep",
    wire="CustomField.SalesRep",
    max_length=31,
    custom="SalesRep",
)

_NOTE = FieldSchema(
    name="PrivateNote", title="Memo", wire="PrivateNote", max_length=4000, shortened=True
)

_MESSAGE = FieldSchema(
    name="CustomerMemo", title="Message", wire="CustomerMemo.value", max_length=1000, shortened=True
)

_METHOD = FieldSchema(
    name="PaymentMethodRef",
    title="Payment method",
    wire="PaymentMethodRef.value",
    refers="payment_method",
)

_REFERENCE = FieldSchema(
    name="PaymentRefNum", title="Reference no.", wire="PaymentRefNum", max_length=_NUMBER_MAX
)

_DEPOSIT_TO = FieldSchema(
    name="DepositToAccountRef",
    title="Deposit to",
    wire="DepositToAccountRef.value",
    required=True,
    refers="account",
)

_PAID = FieldSchema(
    name="TotalAmt", title="Amount", wire="TotalAmt", type="money", required=True, places=2
)

_TOTAL = FieldSchema(name="Total", title="Total", type="money", places=2, sent=False)

_LINE_AMOUNT = FieldSchema(
    name="Amount", title="Amount", wire="Amount", type="money", required=True, places=2
)

_LINE_TEXT = FieldSchema(
    name="Description", title="Description", wire="Description", max_length=4000, shortened=True
)

_LINE_TAX = FieldSchema(
    name="TaxCodeRef", title="Tax", wire="TaxCodeRef.value", required=True, refers="tax"
)

_LINE_TAX_AMOUNT = FieldSchema(
    name="TaxAmount", title="Tax amount", type="money", places=2, sent=False
)
"""QuickBooks works the tax out itself: what the rules expect of it is only compared."""

_LINE_TAX_RATE = FieldSchema(name="TaxRate", title="Tax rate", type="decimal", sent=False)
"""QuickBooks takes the rate of the code: where it lists that, the list counts."""

_LINE_ACCOUNT = FieldSchema(
    name="AccountRef", title="Account", wire="AccountRef.value", required=True, refers="account"
)

_SALES_LINE = (
    FieldSchema(
        name="ItemRef",
        title="Product/service",
        wire="ItemRef.value",
        required=True,
        refers="item",
    ),
    _LINE_TEXT,
    FieldSchema(name="Qty", title="Qty", wire="Qty", type="quantity", required=True, places=5),
    FieldSchema(
        name="UnitPrice", title="Rate", wire="UnitPrice", type="money", required=True, places=5
    ),
    _LINE_AMOUNT,
    _LINE_TAX,
    _LINE_TAX_AMOUNT,
    _LINE_TAX_RATE,
    FieldSchema(name="ClassRef", title="Class", wire="ClassRef.value"),
)

_SALES_HEADER = (
    _NUMBER,
    _DATE,
    _CUSTOMER,
    _LOCATION,
    _CURRENCY,
    _RATE,
    _TAX_MODE,
    _SALES_REP,
    _NOTE,
    _MESSAGE,
    _TOTAL,
)

_INCLUSIVE = (_TAX_MODE.name, "TaxInclusive")

_SOLD = Amounts(
    amount="Amount",
    tax="TaxAmount",
    code="TaxCodeRef",
    quantity="Qty",
    price="UnitPrice",
    rate="TaxRate",
    tax_is="beside",
    inclusive=_INCLUSIVE,
    by_code=True,
)

_BOUGHT = Amounts(
    listed=False,
    amount="Amount",
    tax="TaxAmount",
    code="TaxCodeRef",
    rate="TaxRate",
    tax_is="beside",
    inclusive=_INCLUSIVE,
    by_code=True,
)

_BANKED = Amounts(amount="Amount", tax_is="inside")

LISTS = (
    ("account", "Chart of accounts"),
    ("tax_code", "Taxes"),
    ("payment_method", "All lists > Payment methods"),
    ("payment_term", "All lists > Terms"),
)
"""Where its own pages keep the codes that it lists; it lists no currencies."""

_OWN_REFERENCE = FieldSchema(
    name="PaymentRefNum",
    title="Reference no.",
    wire="PaymentRefNum",
    required=True,
    max_length=_NUMBER_MAX,
)

MEANINGS: Final = Meanings(
    header={
        "DocNumber": "Our number of the document.",
        "TxnDate": "Day of the document, after the closing date of the books.",
        "SalesTermRef": "Id of the payment terms.",
        "DueDate": "Day by which it has to be paid; blank: the day that the terms come to.",
        "CustomerRef": "Id of the customer in QuickBooks, never the name.",
        "VendorRef": "Id of the supplier in QuickBooks, never the name.",
        "DepartmentRef": "Id of the location.",
        "CurrencyRef": "Three letters of the currency; blank: that of the company.",
        "ExchangeRate": "How much of the company's currency 1 of that currency is.",
        "GlobalTaxCalculation": "TaxExcluded, TaxInclusive or NotApplicable: what amounts hold.",
        "SalesRep": "Salesperson, in a custom field SalesRep that the company has added.",
        "PrivateNote": "A note that the other party does not see.",
        "CustomerMemo": "A message that the customer reads.",
        "Total": "Total with tax; QuickBooks computes it, so it is compared and not sent.",
        "PaymentMethodRef": "Id of the way of paying.",
        "PaymentRefNum": "Reference of the payment, such as the bank's.",
        "DepositToAccountRef": "Id of the account that the money comes into or leaves.",
        "TotalAmt": "How much was paid.",
        "InvoiceNumber": "Our number of the invoice that is paid; its id is looked up.",
        "BillNumber": "Our number of the bill that is paid; its id is looked up.",
        "PayType": "How it was paid, such as Check.",
        "BankAccountRef": "Id of the bank account that paid.",
    },
    lines={
        "ItemRef": "Id of the product or service.",
        "Description": "What the line is for.",
        "Qty": "How many; QuickBooks knows no units.",
        "UnitPrice": "Price of one before tax, or with it where amounts are inclusive.",
        "Amount": "Amount of the line: quantity times price.",
        "TaxCodeRef": "Id of the tax code.",
        "TaxAmount": (
            "Tax that the rules expect; required where prices include tax. QuickBooks computes it,"
            " so it is not sent."
        ),
        "TaxRate": "Rate of the tax code there: 0.1 is 10%. It is compared and not sent.",
        "ClassRef": "Id of the class.",
        "AccountRef": "Id of the account that the line is booked to.",
        "PaymentMethodRef": "Id of the way of paying.",
        "PostingType": "Debit or Credit.",
    },
    apart={
        "payment.PaymentRefNum": "Our number of the payment: it has no other number there.",
        "bill.Amount": "Amount of the line.",
        "deposit.Amount": "Amount of the line.",
        "journal_entry.Amount": "Amount of the line.",
    },
)


def _document(
    name: str,
    title: str,
    header: tuple[FieldSchema, ...],
    lines: tuple[FieldSchema, ...] = (),
    *,
    party: FieldSchema | None = None,
    number: FieldSchema = _NUMBER,
    total: FieldSchema = _TOTAL,
    actions: tuple[str, ...] = ("update",),
    amounts: Amounts | None = None,
) -> DocumentSchema:
    document = DocumentSchema(
        target=TARGET,
        name=name,
        title=title,
        header=header,
        lines=lines,
        number_field=number.name,
        number_max=_NUMBER_MAX,
        date_field=_DATE.name,
        party_field=party.name if party else "",
        total_field=total.name,
        credits=name in ("credit_memo", "refund_receipt"),
        actions=actions,
        amounts=amounts,
        lists=LISTS,
    )
    return MEANINGS.on(document)


def _paid_document(name: str, title: str, pays: str) -> FieldSchema:
    return FieldSchema(
        name=name,
        title=title,
        wire="Line.LinkedTxn.TxnId",
        required=True,
        max_length=_NUMBER_MAX,
        pays=pays,
    )


INVOICE = _document(
    "invoice",
    "Invoice",
    (*_SALES_HEADER, _TERM, _DUE),
    _SALES_LINE,
    party=_CUSTOMER,
    actions=("update", "void"),
    amounts=_SOLD,
)

SALES_RECEIPT = _document(
    "sales_receipt",
    "Sales receipt",
    (*_SALES_HEADER, _METHOD, _REFERENCE, _DEPOSIT_TO),
    _SALES_LINE,
    party=_CUSTOMER,
    amounts=_SOLD,
)

CREDIT_MEMO = _document(
    "credit_memo", "Credit memo", _SALES_HEADER, _SALES_LINE, party=_CUSTOMER, amounts=_SOLD
)

REFUND_RECEIPT = _document(
    "refund_receipt",
    "Refund receipt",
    (*_SALES_HEADER, _METHOD, _DEPOSIT_TO),
    _SALES_LINE,
    party=_CUSTOMER,
    amounts=_SOLD,
)

PAYMENT = _document(
    "payment",
    "Payment",
    (
        _OWN_REFERENCE,
        _DATE,
        _CUSTOMER,
        _paid_document("InvoiceNumber", "Invoice", "invoice"),
        _PAID,
        _CURRENCY,
        _RATE,
        _METHOD,
        _DEPOSIT_TO,
        _NOTE,
    ),
    party=_CUSTOMER,
    number=_OWN_REFERENCE,
    total=_PAID,
)

BILL = _document(
    "bill",
    "Bill",
    (_NUMBER, _DATE, _TERM, _DUE, _VENDOR, _LOCATION, _CURRENCY, _RATE, _TAX_MODE, _NOTE, _TOTAL),
    (_LINE_ACCOUNT, _LINE_TEXT, _LINE_AMOUNT, _LINE_TAX, _LINE_TAX_AMOUNT, _LINE_TAX_RATE),
    party=_VENDOR,
    amounts=_BOUGHT,
)

BILL_PAYMENT = _document(
    "bill_payment",
    "Bill payment",
    (
        _NUMBER,
        _DATE,
        _VENDOR,
        _paid_document("BillNumber", "Bill", "bill"),
        _PAID,
        _CURRENCY,
        _RATE,
        FieldSchema(name="PayType", title="Paid by", wire="PayType", required=True, max_length=10),
        FieldSchema(
            name="BankAccountRef",
            title="Bank account",
            wire="CheckPayment.BankAccountRef.value",
            required=True,
            refers="account",
        ),
        _NOTE,
    ),
    party=_VENDOR,
    total=_PAID,
)

DEPOSIT = _document(
    "deposit",
    "Bank deposit",
    (_NUMBER, _DATE, _DEPOSIT_TO, _LOCATION, _CURRENCY, _RATE, _NOTE, _TOTAL),
    (_LINE_ACCOUNT, _LINE_TEXT, _LINE_AMOUNT, _METHOD),
    amounts=_BANKED,
)

JOURNAL_ENTRY = _document(
    "journal_entry",
    "Journal entry",
    (_NUMBER, _DATE, _CURRENCY, _RATE, _NOTE, _TOTAL),
    (
        _LINE_ACCOUNT,
        FieldSchema(
            name="PostingType", title="Side", wire="PostingType", required=True, max_length=6
        ),
        _LINE_TEXT,
        _LINE_AMOUNT,
    ),
)

POSTED = (INVOICE, SALES_RECEIPT, PAYMENT, CREDIT_MEMO, REFUND_RECEIPT, BILL, BILL_PAYMENT)

UNPOSTED = (DEPOSIT, JOURNAL_ENTRY)
"""What the connector posts, and what rules may speak of and nothing posts yet."""
