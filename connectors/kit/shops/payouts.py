"""A payout of a shop: what it sold, kept back and gave back, and what it sent to the bank.

Here: the two kinds of record that a payout becomes, the same for every shop, and the records from
its entries. Not here: where a shop keeps the values (its own folder), whether they add up and are
what the bank received (the rules).

A payout (`payout`) has one line an entry: a sale, a refund, a fee, the tax on a fee, an adjustment,
with the sign in which it moves money to the seller; they come to `net`. What a payout pays of one
order is a record of its own, too (`order_payment`), so that it can settle the order's invoice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.pulls import NoPage
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.shops.delivery_reading import Read
from connectors.kit.shops.kind_fields import POS, UPDATED, field
from connectors.kit.shops.payload_parts import ZERO, plain

PAYOUT: Final = "payout"
ORDER_PAYMENT: Final = "order_payment"
EntryPart = Literal["sale", "refund", "fee", "fee_tax", "adjustment"]
PARTS: Final[Mapping[EntryPart, str]] = {
    "sale": "gross",
    "refund": "refunds",
    "fee": "fees",
    "fee_tax": "fee_tax",
    "adjustment": "adjustments",
}
"""What an entry is, and the total of the payout that it counts in."""
TAKEN_OFF: Final = frozenset({"refunds", "fees", "fee_tax"})
"""Totals that are told without a minus and are taken off the gross."""

_ORDER = (
    field("order_id", "The shop's id of the order. Blank: the entry belongs to no order."),
    field("order_number", "Number of the order, where the shop tells it with its payouts."),
)
_STATUS = field("status", "The shop's word for the payout.", required=True, longest=100)
_CURRENCY = field("currency", "Three letters, such as MYR. Every amount is in it.")


def kinds_of(source: str, *more: FieldSchema) -> tuple[KindSchema, KindSchema]:
    """The payout and the payment of an order as one source delivers them; `more` are fields of the
    source's own in both headers.
    """
    payout = (
        field("number", "The shop's number of the payout.", required=True, longest=50),
        _STATUS,
        field("deposited_on", "Day on which the money is at the bank, where the shop is.", "date"),
        UPDATED,
        _CURRENCY,
        field("bank_ref", "What names it on the bank statement."),
        field("gross", "What was sold.", "money"),
        field("refunds", "What was given back to buyers.", "money"),
        field("fees", "What the shop's operator kept back, without the tax on it.", "money"),
        field("fee_tax", "The tax on these fees.", "money"),
        field("adjustments", "All else; with a minus where it was kept back.", "money"),
        field(
            "net",
            "What is paid out: gross less refunds, fees and their tax, and the adjustments.",
            "money",
        ),
        field(
            "deposit",
            "What the bank received, or with a minus paid. Blank: the shop does not know.",
            "money",
        ),
        *more,
    )
    lines = (
        POS,
        field("line_id", "The shop's id of the entry."),
        field("part", "sale, refund, fee, fee_tax (tax on a fee) or adjustment."),
        *_ORDER,
        field("name", "The shop's words for the entry, such as the name of the fee."),
        field("amount", "What it adds to the payout; with a minus where it takes off.", "money"),
    )
    payment = (
        field("number", "The shop's id of the sale in the payout.", required=True, longest=50),
        _STATUS,
        field("payout", "Number of the payout that it is part of."),
        *_ORDER,
        field("paid_on", "Day on which the payout is at the bank.", "date"),
        UPDATED,
        _CURRENCY,
        field("amount", "What the buyer paid, before anything is kept back.", "money"),
        *more,
    )
    return (
        KindSchema(source=source, kind=PAYOUT, fields=payout, lines=lines),
        KindSchema(source=source, kind=ORDER_PAYMENT, fields=payment),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a payout, at its place; `amount` is what it adds to the payout."""

    place: str
    line_id: str
    part: EntryPart
    amount: Decimal
    order_id: str = ""
    order_number: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A payout as its shop told it. `head` are cells by field name; a total that is not among them
    is what the entries come to.
    """

    place: str
    key: Cell
    head: Mapping[str, Cell]
    entries: Sequence[Entry]


def totals_of(entries: Iterable[Entry]) -> dict[str, Decimal]:
    """What entries come to, by the totals of a payout; `net` is all of them."""
    found = dict.fromkeys((*PARTS.values(), "net"), ZERO)
    for one in entries:
        name = PARTS[one.part]
        found[name] += -one.amount if name in TAKEN_OFF else one.amount
        found["net"] += one.amount
    return found


def payouts_left(told: NoPage) -> NoPage:
    """Why payouts could not be read this time, said so that nobody takes it for the orders."""
    words = f"Payouts could not be read; orders go on. {told.words} {told.hint}".strip()
    return NoPage(words=words, pause=told.pause)


def records_of(
    payout: Payout, kinds: tuple[KindSchema, KindSchema], zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """The payout, and what it pays of each order; or everything that is wrong with them."""
    of_payout, of_payment = kinds
    counted = totals_of(payout.entries)
    head = {name: Cell(payout.place, plain(amount)) for name, amount in counted.items()}
    head |= payout.head
    lines = [_line(at, entry) for at, entry in enumerate(payout.entries, 1)]
    found = canonical(of_payout, RawRecord(payout.key, head, lines), zone)
    paid = [
        _paid(head, entry, of_payment, zone) for entry in payout.entries if entry.part == "sale"
    ]
    return _all_or_wrong([found, *paid], _repeated(payout.entries))


def payments_of(
    head: Mapping[str, Cell], sales: Sequence[Entry], kind: KindSchema, zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """What a payout with this header pays of each order by its sales, alone; or all that is wrong
    with them.
    """
    paid = [_paid(head, one, kind, zone) for one in sales]
    return _all_or_wrong(paid, _repeated(sales))


def _paid(head: Mapping[str, Cell], sale: Entry, kind: KindSchema, zone: ZoneInfo) -> Read:
    key = Cell(sale.place, sale.line_id)
    return canonical(kind, RawRecord(key, _payment(head, sale), ()), zone)


def _all_or_wrong(
    found: Sequence[Read], errors: list[RowError]
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    for one in found:
        errors += () if isinstance(one, IncomingRecord) else one
    records = tuple(one for one in found if isinstance(one, IncomingRecord))
    return tuple(dict.fromkeys(errors)) if errors else records


def _line(at: int, entry: Entry) -> dict[str, Cell]:
    told = {
        "pos": at,
        "line_id": entry.line_id,
        "part": entry.part,
        "order_id": entry.order_id,
        "order_number": entry.order_number,
        "name": entry.name,
        "amount": plain(entry.amount),
    }
    return {name: Cell(entry.place, value) for name, value in told.items()}


def _payment(head: Mapping[str, Cell], entry: Entry) -> dict[str, Cell]:
    """The header of what a payout pays of an order."""
    shared = {name: cell for name, cell in head.items() if name not in _OF_PAYOUT}
    return {
        **shared,
        "number": Cell(entry.place, entry.line_id),
        "payout": head.get("number", Cell(entry.place, None)),
        "paid_on": head.get("deposited_on", Cell(entry.place, None)),
        "order_id": Cell(entry.place, entry.order_id),
        "order_number": Cell(entry.place, entry.order_number),
        "amount": Cell(entry.place, plain(entry.amount)),
    }


_OF_PAYOUT: Final = frozenset({*PARTS.values(), "net", "deposit", "deposited_on", "bank_ref"})


def _repeated(entries: Sequence[Entry]) -> list[RowError]:
    """A sale without an id, or with that of another one: one of both would be lost."""
    seen: set[str] = set()
    found = []
    for one in entries:
        if one.part != "sale":
            continue
        if not one.line_id or one.line_id in seen:
            words = "Two sales of this payout have the same id." if one.line_id else "It has no id."
            hint = "Give each sale of a payout its own id: it settles an invoice of its own."
            found.append(
                RowError(where=one.place, value=one.line_id[:200], message=words, hint=hint)
            )
        seen.add(one.line_id)
    return found
