"""The documents of AiAccount as the simulator serves them: paths, ids, permissions.

Here: one row a document type, one document as it was sent, and the companies and keys that a
simulator starts with. Not here: the columns (sheet_columns.py), whether it is good (checks.py), its
amounts (amounts.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.simulators.aiaccount.sheet_columns import SHEETS, Column

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
    """The intended company, and a second one that the same key reaches."""
    first = Company(
        id="CMP-1042",
        name=name,
        tax_codes={"NT": Decimal(0), "MY-SALES10": Decimal("0.10")},
        accounts=("12000", "40000", "61001"),
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
    """One key that may do all, and one for each way in which a key can fail."""
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


Values = Mapping[str, str | Decimal]
RECKONED = frozenset({"LineTotal", "TaxAmount"})  # worked out again there, so never compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One document type. `keys` are the fields of its number, its date and its customer or
    supplier. `pays` is the type that it settles, under the number in its field `paid`, of which
    `refunds` is what goes back; `reads` the permission to look it up, blank where nothing shows it.
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
        """What it is called in a message, `invoice`."""
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
        """A column of the document."""
        return next(column for column in self.header if column.name == name)

    def word(self, name: str) -> str:
        """What AiAccount calls a field of the header in its answers."""
        return self.column(name).word.partition(".")[0]

    @property
    def number(self) -> str:
        """Its word for the number."""
        return self.word(self.keys[0])

    @property
    def party(self) -> str:
        """Its word for the customer or supplier."""
        return self.word(self.keys[2])


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
        """Its number."""
        return str(self.header.get(self.kind.keys[0], ""))

    @property
    def party(self) -> str:
        """The customer or supplier, trimmed: how it is compared."""
        return str(self.header.get(self.kind.keys[2], "")).strip()

    @property
    def day(self) -> str:
        """Its date, as text."""
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
        """All of it, with decimals as text."""
        return {
            **{name: str(value) for name, value in self.header.items()},
            "lines": [{name: str(value) for name, value in line.items()} for line in self.lines],
            "rows": list(self.rows),
        }

    def content(self) -> dict[str, Any]:
        """What decides whether two documents are the same: amounts as numbers, recomputed values
        left out.
        """
        lines = [_plain(line, without=RECKONED) for line in self.lines]
        return {**_plain(self.header), self.kind.keys[2]: self.party, "lines": lines}


def _plain(values: Values, without: frozenset[str] = frozenset()) -> dict[str, str]:
    return {
        name: format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
        for name, value in values.items()
        if name not in without
    }
