"""The columns of each import, as AutoCount names them.

Here: header text, type, longest text, whether it is mandatory, which master data it names. Not
here: reading rows (rows_read.py), what becomes of them (imports.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `most` is the longest text, 0 where it is no text."""

    name: str
    type: str = "text"
    most: int = 0
    must: bool = False
    master: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One type of document: its columns, whose document it is, and where its total comes from."""

    columns: tuple[Column, ...]
    party: str
    total: str = "lines"  # or the one column that has it


_DEBTOR = Column("DebtorCode", most=12, must=True, master="debtors")
_CREDITOR = Column("CreditorCode", most=12, must=True, master="creditors")


def _traded(party: Column, *where: Column, more: tuple[Column, ...] = ()) -> tuple[Column, ...]:
    return (
        Column("DocNo", most=20, must=True),
        Column("DocDate", "date", must=True),
        party,
        Column(party.name.replace("Code", "Name"), most=100),
        Column("Ref", most=40),
        Column("Description", most=80),
        Column("DisplayTerm", most=30, must=True, master="terms"),
        *where,
        Column("CurrencyCode", most=5, must=True, master="currencies"),
        Column("CurrencyRate", "number", must=True),
        Column("InclusiveTax", "mark", must=True),
        *more,
        Column("ItemCode", most=30, master="items"),
        Column("DtlDescription", most=100, must=True),
        Column("AccNo", most=12, master="accounts"),
        Column("Location", most=8, master="locations"),
        Column("UOM", most=8),
        Column("Qty", "number", must=True),
        Column("UnitPrice", "number", must=True),
        Column("Discount", most=20),
        Column("TaxCode", most=14, master="tax_codes"),
    )


def _sold(*more: Column) -> tuple[Column, ...]:
    agent = Column("SalesAgent", most=12, master="agents")
    place = Column("SalesLocation", most=8, master="locations")
    return _traded(_DEBTOR, agent, place, more=more)


def _paid(party: Column, *more: Column) -> tuple[Column, ...]:
    return (
        Column("DocNo", most=20, must=True),
        Column("DocDate", "date", must=True),
        party,
        Column("PaymentMethod", most=20, must=True, master="payment_methods"),
        Column("PaymentAmt", "number", must=True),
        Column("ChequeNo", most=40),
        *more,
        Column("KnockOffDocNo", most=20),
        Column("KnockOffAmt", "number"),
    )


_AT_ONCE = (
    Column("PaymentMethod", most=20, must=True, master="payment_methods"),
    Column("PaymentAmt", "number", must=True),
    Column("ChequeNo", most=20),
)
_CLASSIFIED = Column("Classification", most=3)
SHEETS: Final[Mapping[str, Sheet]] = {
    "sales_order": Sheet(_sold(), "DebtorCode"),
    "delivery_order": Sheet(_sold(), "DebtorCode"),
    "goods_received_note": Sheet(
        _traded(_CREDITOR, Column("PurchaseLocation", most=8, master="locations")), "CreditorCode"
    ),
    "invoice": Sheet((*_sold(), _CLASSIFIED), "DebtorCode"),
    "cash_sale": Sheet((*_sold(*_AT_ONCE), _CLASSIFIED), "DebtorCode"),
    "credit_note": Sheet(
        (
            *_sold(Column("OurInvoiceNo", most=20), Column("Reason", most=80)),
            _CLASSIFIED,
            Column("GoodsReturn", "mark"),
        ),
        "DebtorCode",
    ),
    "ar_payment": Sheet(_paid(_DEBTOR, Column("Description", most=80)), "DebtorCode", "PaymentAmt"),
    "ap_invoice": Sheet(
        (
            Column("DocNo", most=20, must=True),
            Column("SupplierInvoiceNo", most=50),
            Column("DocDate", "date", must=True),
            _CREDITOR,
            Column("Description", most=80),
            Column("DisplayTerm", most=30, must=True, master="terms"),
            Column("CurrencyCode", most=5, must=True, master="currencies"),
            Column("CurrencyRate", "number", must=True),
            Column("AccNo", most=12, must=True, master="accounts"),
            Column("DtlDescription", most=100),
            Column("TaxCode", most=14, master="tax_codes"),
            Column("Amount", "number", must=True),
        ),
        "CreditorCode",
        "Amount",
    ),
    "ap_payment": Sheet(_paid(_CREDITOR), "CreditorCode", "PaymentAmt"),
}
KNOCKS_OFF: Final[Mapping[str, str]] = {"ar_payment": "invoice", "ap_payment": "ap_invoice"}
"""Which documents a payment knocks off."""
