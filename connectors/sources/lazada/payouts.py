"""A statement of Lazada as a payout, with the transactions that it is made of.

Here: which transaction is a sale, a refund, a fee or the tax on one. Not here: asking for them
(payout_pages.py), what a payout is for every shop (kit/shops/payouts.py).

Lazada tells a row for each piece and each fee. Rows of sales of one order are one entry, for they
pay one invoice. The net is what Lazada states of the statement; what its rows leave of that (such
as a balance that was carried over) is an adjustment that says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.kit.canonical_record import Cell
from connectors.kit.delivery_counts import too_long
from connectors.kit.shops import payouts
from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.kit.shops.payouts import EntryPart
from connectors.sources.lazada.kinds import PAYOUTS
from connectors.sources.lazada.orders import Part

ROWS: Final = "transactions"
"""Under this word a statement keeps what it is made of."""
REST: Final = "Not told apart by Lazada"
_SALES: Final = "orders-sales"
_REFUNDS: Final = ("refunds-sales", "refunds-claims")
_OF_ORDERS: Final = ("orders-", "refunds-")
_STATED: Final = re.compile(r"(?P<amount>-?\d{1,15}(\.\d{1,6})?) (?P<currency>[A-Z]{3})", re.ASCII)
_CENT: Final = Decimal("0.01")
_DAY: Final = re.compile(r"(\d\d?) ([A-Z][a-z]{2}) (\d{4})", re.ASCII)
_MONTHS: Final = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]


def period(told: object) -> tuple[date, date] | None:
    """First and last day of what a transaction calls its statement: 11 May 2016 - 17 May 2016."""
    first, _, last = told.partition(" - ") if isinstance(told, str) else ("", "", "")
    days = _day(first), _day(last)
    return (days[0], days[1]) if days[0] and days[1] else None


def _day(text: str) -> date | None:
    """A day as Lazada writes it there, whatever the language of this machine is."""
    found = _DAY.fullmatch(text.strip())
    try:
        return date(int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1])) if found else None
    except ValueError:
        return None


def payouts_of(
    place: str, given: Mapping[str, object], zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """The payout and what it pays of each order, or what is wrong with it."""
    told = Part(place, given)
    rows = told.parts(ROWS)
    if long := too_long(told.at(ROWS), len(rows)):
        return (long,)
    stated = _STATED.fullmatch(told.text("payout").strip())
    if stated is None:
        words = "The statement does not say how much is paid out."
        told.wrong(
            "payout", words, "Ask Lazada for it: an amount and a currency, such as 9.50 MYR."
        )
    net = Decimal(stated["amount"]) if stated else ZERO
    entries = [*_sales(rows), *(one for row in rows for one in _others(row))]
    left = net - sum((one.amount for one in entries), ZERO)
    if left and stated:
        number = told.text("statement_number")
        entries.append(
            _entry(told, "adjustment", left, line_id=number, at=told.at("payout"), name=REST)
        )
    paid = told.text("paid") == "1"
    days = next((found for row in rows if (found := period(row.value.get("statement")))), None)
    head = {
        "number": told.cell("statement_number"),
        "status": Cell(told.at("paid"), "paid" if paid else "not_paid"),
        "deposited_on": Cell(told.at("updated_at"), told.text("updated_at")[:10] if paid else None),
        "first_day": Cell(told.at(ROWS), days[0].isoformat() if days else None),
        "last_day": Cell(told.at(ROWS), days[1].isoformat() if days else None),
        "currency": Cell(told.at("payout"), stated["currency"] if stated else None),
        "bank_ref": Cell(told.at(ROWS), next(filter(None, _references(rows)), None)),
        "net": Cell(told.at("payout"), plain(net)),
    }
    payout = payouts.Payout(
        place=place, key=told.cell("statement_number"), head=head, entries=entries
    )
    read = payouts.records_of(payout, PAYOUTS, zone)
    return tuple(told.errors) or read


def _references(rows: Sequence[Part]) -> Iterator[str]:
    for row in rows:
        yield row.text("payment_ref_id")


def _part(row: Part) -> EntryPart:
    """What a transaction is, by its type; what belongs to no order is an adjustment."""
    word = row.text("transaction_type").strip().lower()
    if word == _SALES:
        return "sale"
    if word in _REFUNDS:
        return "refund"
    return "fee" if word.startswith(_OF_ORDERS) else "adjustment"


def _sales(rows: Sequence[Part]) -> Iterator[payouts.Entry]:
    """One entry for what an order sold in these days, with its shipping. Pieces that arrive in
    another week are in another statement: so it is known by its first transaction.
    """
    mine: dict[str, list[Part]] = {}
    for row in rows:
        if _part(row) == "sale":
            mine.setdefault(row.text("order_no"), []).append(row)
    for order, of in mine.items():
        if not order:
            of[0].wrong("order_no", "This sale names no order.", "Ask Lazada for its transactions.")
        amount = sum((_amount(row) for row in of), ZERO)
        number = min(row.text("transaction_number") for row in of)
        yield _entry(of[0], "sale", amount, line_id=number, name="Sale")


def _others(row: Part) -> Iterator[payouts.Entry]:
    """A refund, or a fee and the tax that it holds, or an adjustment."""
    part, amount = _part(row), _amount(row)
    if part == "sale":
        return
    tax = abs(row.amount("VAT_in_amount")).quantize(_CENT) if part == "fee" else ZERO
    tax = -tax if amount < 0 else tax
    yield _entry(row, part, amount - tax)
    if tax:
        yield _entry(row, "fee_tax", tax, at=row.at("VAT_in_amount"))


def _amount(row: Part) -> Decimal:
    if not row.stated("amount"):
        row.wrong("amount", "The transaction has no amount.", "Ask Lazada for the statement again.")
    return row.amount("amount")


def _entry(
    row: Part, part: EntryPart, amount: Decimal, *, line_id: str = "", at: str = "", name: str = ""
) -> payouts.Entry:
    order = row.text("order_no")
    return payouts.Entry(
        place=at or row.place,
        line_id=line_id or row.text("transaction_number"),
        part=part,
        amount=amount,
        order_id=order,
        order_number=order,
        name=name or row.text("fee_name") or row.text("transaction_type"),
    )
