"""Define AiAccount's document kinds: paths, amounts, sheet columns, and reply formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

from sandbox.simulators.base import server
from sandbox.simulators.base.server import Reply, usual, with_content

ALL_PERMISSIONS = (
    "sales.write",
    "inventory.write",
    "einvoice.submit",
    "refund.write",
    "sales.read",
    "expense.write",
    "imports.read",
)

DEMO_KEY = "aia_live_demo_7Qk2"

COMPANY = "CMP-1042"

Values = Mapping[str, str | Decimal]

RECKONED = frozenset({"LineTotal", "TaxAmount"})  # worked out again there, so never compared


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
        """The type's name in the ledger: its title without blanks."""
        return self.title.replace(" ", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One document type.

    `keys` are the fields of its number, date and party. `pays` is the type that it settles, whose
    number is in its field `paid`; `refunds` is the returned part; `reads` is the permission to look
    it up, or blank.
    """

    name: str
    keys: tuple[str, str, str]
    imports: str = ""
    page: str
    ids: tuple[str, int]
    writes: str
    reads: str = ""
    amount: str = "total"
    pays: str = ""
    paid: str = ""
    refunds: bool = False

    @property
    def title(self) -> str:
        """The last word of its import, `sales-invoices`, else of its page."""
        return (self.imports or self.page).rsplit("/", 1)[1]

    @property
    def noun(self) -> str:
        """The type's name in a message, such as `invoice`."""
        return self.name.rsplit("_", 1)[1]

    @property
    def header(self) -> tuple[Column, ...]:
        """The columns of the document."""
        return SHEETS[self.name].header

    @property
    def lines(self) -> tuple[Column, ...]:
        """The columns of a line; none where a row is a whole document."""
        return SHEETS[self.name].lines

    def column(self, name: str) -> Column:
        """Return a column of the document."""
        return next(column for column in self.header if column.name == name)

    def word(self, name: str) -> str:
        """Return AiAccount's word for a header field in its replies."""
        return self.column(name).word.partition(".")[0]

    @property
    def number(self) -> str:
        """The name of the field with the document's number."""
        return self.word(self.keys[0])

    @property
    def party(self) -> str:
        """The name of the field with the customer or supplier."""
        return self.word(self.keys[2])


@dataclass(frozen=True, slots=True)
class Sheet:
    """One document type: the document's columns, then a line's."""

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

INVOICES = Kind(
    name="sales_invoice",
    keys=("InvoiceNumber", "InvoiceDate", "Customer"),
    imports="/v1/imports/sales-invoices",
    page="/v1/sales/invoices",
    ids=("inv", 55100),
    writes="sales.write",
    reads="sales.read",
)

RECEIPTS = Kind(
    name="sales_receipt",
    keys=("ReceiptNumber", "ReceiptDate", "Customer"),
    imports="/v1/imports/sales-receipts",
    page="/v1/sales/receipts",
    ids=("rcp", 900),
    writes="sales.write",
    reads="sales.read",
    amount="amount",
    pays="sales_invoice",
    paid="InvoiceNumber",
)

BILLS = Kind(
    name="expense_bill",
    keys=("BillNumber", "BillDate", "Supplier"),
    imports="/v1/imports/expense-bills",
    page="/v1/expenses/bills",
    ids=("bil", 300),
    writes="expense.write",
    reads="expense.write",
)

PAYMENTS = Kind(
    name="expense_payment",
    keys=("PaymentNumber", "PaymentDate", "Supplier"),
    imports="/v1/imports/expense-payments",
    page="/v1/expenses/payments",
    ids=("pay", 70),
    writes="expense.write",
    reads="expense.write",
    amount="amount",
    pays="expense_bill",
    paid="BillNumber",
)

REFUNDS = Kind(
    name="sales_refund",
    keys=("RefundNumber", "RefundDate", "Customer"),
    page="/v1/sales/refunds",
    ids=("rfd", 10),
    writes="refund.write",
    pays="sales_invoice",
    paid="InvoiceNumber",
    refunds=True,
)

RESTOCKS = "Refunded + Items Returned"
"""The only word of a source that puts what was refunded back into stock."""

KINDS: Mapping[str, Kind] = {
    one.name: one for one in (INVOICES, RECEIPTS, BILLS, PAYMENTS, REFUNDS)
}

IMPORTS: Mapping[str, Kind] = {one.imports: one for one in KINDS.values() if one.imports}

LISTINGS: Mapping[str, Kind] = {one.page: one for one in KINDS.values() if one.reads}

ALONE: Mapping[str, Kind] = {one.page: one for one in (INVOICES, REFUNDS)}
"""By the place that takes one as JSON."""

_SEN = Decimal("0.01")

NUMERIC = frozenset({"whole", "number"})

ErrorEntry = Mapping[str, Any]
"""One entry of `errors`: a line, its column, what is wrong there."""


@dataclass(slots=True, kw_only=True)
class Company:
    """One company and its settings; control calls change them."""

    id: str
    name: str
    base_currency: str = "MYR"
    currencies: tuple[str, ...] = ("MYR", "SGD")
    tax_codes: Mapping[str, Decimal]
    accounts: tuple[str, ...]
    locked_through: date | None = None
    default_classification_code: str | None = "022"
    rounding: str = "per_line"
    excel_import_enabled: bool = False
    einvoice_enabled: bool = True
    inventory_enabled: bool = True
    refunds_enabled: bool = True
    whole_files: bool = False
    quota: int | None = None
    quota_used_before: int = 0


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """One key: what it may do, where, and whether it is alive."""

    text: str
    id: str
    status: str = "active"
    permissions: tuple[str, ...] = ALL_PERMISSIONS
    companies: tuple[str, ...] = field(default=(COMPANY,))


def default_companies(
    *, name: str, locked_through: date | None, quota: int | None, rounding: str
) -> dict[str, Company]:
    """Return the intended company, and a second one that the key reaches, too."""
    first = Company(
        id="CMP-1042",
        name=name,
        tax_codes={"NT": Decimal(0), "MY-SALES10": Decimal("0.10")},
        accounts=("12000", "40000", "61001", "90600"),
        locked_through=locked_through,
        rounding=rounding,
        quota=quota,
    )
    second = Company(
        id="CMP-2001",
        name="Kedai Lain Sdn Bhd",
        currencies=("MYR",),
        tax_codes={"NT": Decimal(0)},
        accounts=("40000",),
        default_classification_code=None,
    )
    return {company.id: company for company in (first, second)}


def default_keys() -> dict[str, ApiKey]:
    """Return a key with all permissions, and one for each way in which a key can fail."""
    readonly = ("sales.read", "imports.read")
    no_einvoice = tuple(name for name in ALL_PERMISSIONS if name != "einvoice.submit")
    no_bills = tuple(name for name in ALL_PERMISSIONS if name != "expense.write")
    no_stock = tuple(name for name in ALL_PERMISSIONS if name != "inventory.write")
    no_refunds = tuple(name for name in ALL_PERMISSIONS if name != "refund.write")
    keys = (
        ApiKey(text=DEMO_KEY, id="key_31", companies=("CMP-1042", "CMP-2001")),
        ApiKey(text="aia_live_paused_4Rt8", id="key_32", status="paused"),
        ApiKey(text="aia_live_disabled_9Zx1", id="key_33", status="disabled"),
        ApiKey(text="aia_live_deleted_0Aa0", id="key_34", status="deleted"),
        ApiKey(text="aia_live_readonly_2Lm5", id="key_35", permissions=readonly),
        ApiKey(text="aia_live_noeinvoice_6Pq3", id="key_36", permissions=no_einvoice),
        ApiKey(text="aia_live_nostock_8Vb7", id="key_37", permissions=no_stock),
        ApiKey(text="aia_live_nobills_3Yd6", id="key_38", permissions=no_bills),
        ApiKey(text="aia_live_norefunds_5Tg2", id="key_39", permissions=no_refunds),
    )
    return {key.text: key for key in keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document as sent. A value is text or a decimal; `rows` are its sheet rows, or its line
    numbers in JSON. One without lines is its one row.
    """

    kind: Kind
    header: Values
    lines: tuple[Values, ...]
    rows: tuple[int, ...]
    faults: tuple[Mapping[str, Any], ...] = ()

    @property
    def number(self) -> str:
        """The document's number."""
        return str(self.header.get(self.kind.keys[0], ""))

    @property
    def party(self) -> str:
        """The customer or supplier, trimmed: how it is compared."""
        return str(self.header.get(self.kind.keys[2], "")).strip()

    @property
    def day(self) -> str:
        """The document's date, as text."""
        return str(self.header.get(self.kind.keys[1], ""))

    @property
    def paid(self) -> str:
        """The number of the document that it pays; blank where it pays none."""
        return str(self.header.get(self.kind.paid, "")) if self.kind.paid else ""

    @property
    def restocks(self) -> bool:
        """Whether it puts its items back into stock."""
        return self.kind is REFUNDS and self.header.get("SourceRefundStatus") == RESTOCKS

    def to_json(self) -> dict[str, Any]:
        """Return the company with decimals as text."""
        return {
            **{name: str(value) for name, value in self.header.items()},
            "lines": [{name: str(value) for name, value in line.items()} for line in self.lines],
            "rows": list(self.rows),
        }

    def content(self) -> dict[str, Any]:
        """Return what makes two documents equal: amounts as numbers, without computed values."""
        lines = [_plain(line, without=RECKONED) for line in self.lines]
        return {**_plain(self.header), self.kind.keys[2]: self.party, "lines": lines}


def _plain(values: Values, without: frozenset[str] = frozenset()) -> dict[str, str]:
    return {
        name: format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
        for name, value in values.items()
        if name not in without
    }


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals that the books will show, and the values that differ from the sent ones."""

    subtotal: Decimal
    tax: Decimal
    warnings: tuple[Mapping[str, Any], ...] = ()

    @property
    def total(self) -> Decimal:
        """With tax."""
        return self.subtotal + self.tax


def totals(document: Document, company: Company) -> Totals:
    """Return a document's amounts; a bill's lines include their tax."""
    if document.kind is INVOICES:
        return _of_invoice(document, company)
    if document.kind.refunds or not document.kind.lines:
        return Totals(_stated(document), Decimal("0.00"))
    total = tax = Decimal("0.00")
    for line in document.lines:
        rate = company.tax_codes.get(str(line["TaxCode"]), Decimal(0))
        amount = decimal(line["Amount"])
        total += amount
        tax += sen(amount - amount / (1 + rate))
    return Totals(total - tax, tax)


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


def _stated(document: Document) -> Decimal:
    """Return the amount of a document without tax: its own, or its lines' sum."""
    stated = (
        decimal(line.get("Amount", Decimal())) for line in document.lines or (document.header,)
    )
    return sum(stated, Decimal("0.00"))


def decimal(value: str | Decimal) -> Decimal:
    """Return a sent number; 0 where it is none."""
    try:
        return Decimal(value)
    except InvalidOperation:
        return Decimal(0)


def sen(amount: Decimal) -> Decimal:
    """Return an amount rounded to the sen."""
    return amount.quantize(_SEN, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Paid:
    """An invoice or bill in the books: its currency, its open amount, and its items.

    For a refund the open amount is what was not given back yet.
    """

    currency: str
    open: Decimal
    items: frozenset[str] = frozenset()


def paying_faults(document: Document, paid: Paid | None, row: int) -> list[ErrorEntry]:
    """Return the faults of paying this document."""
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
    """Return the lines whose item is not on the invoice; case and spaces count."""
    return [
        fault(row, "SKU", "unknown_sku", line["SKU"], f"{document.paid} has no SKU {line['SKU']}")
        for row, line in zip(document.rows, document.lines, strict=True)
        if line["SKU"] not in paid.items
    ]


def error(status: int, code: str, message: str, **more: Any) -> Reply:
    """Return a reply with the error envelope."""
    return Reply(status=status, content={"error": {"code": code, "message": message, **more}})


def forbidden(permission: str) -> Reply:
    """Return the reply to a key without a permission."""
    message = f"The key lacks the permission {permission}"
    return error(403, "missing_permission", message, permission=permission)


def fault(line: int, column: str, code: str, value: object, message: str) -> dict[str, Any]:
    """Return one entry of `errors`."""
    return {
        "line": line,
        "column": column,
        "code": code,
        "value": "" if value is None else str(value),
        "message": message,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(server.Fault):
    """One of AiAccount: it may also write elsewhere, lose the last line, or end later."""

    elsewhere: bool = False
    short: bool = False
    later: Literal["", "completed", "failed"] = ""


def _error(status: int, code: str, message: str, **headers: str) -> Reply:
    content: dict[str, Any] = {"error": {"code": code, "message": message}}
    return Reply(
        status=status,
        content=content,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


FAULTS = {
    **usual(Fault),
    **with_content(Fault),
    "unavailable": Fault(instead=_error(503, "unavailable", "Try later", Retry_After="1")),
    "rate_limited": Fault(instead=_error(429, "rate_limited", "Too many", Retry_After="2")),
    "invalid_key": Fault(instead=_error(401, "invalid_key", "Unknown API key")),
    "processing_completed": Fault(later="completed"),
    "processing_failed": Fault(later="failed"),
    "wrong_company": Fault(elsewhere=True),
    "drop_line": Fault(short=True),
}
