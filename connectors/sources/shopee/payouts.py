"""What Shopee released of the escrow of some days, as a payout.

Here: which amount of an order's income is a sale, a refund, a fee or the tax on one. Not here:
asking for them (payout_pages.py), what a payout is for every shop (kit/shops/payouts.py).

Shopee releases the money of each order alone and names no payout: all of some whole days is
one. It states what it pays of an order (`payout_amount`) and tells how that comes about in many
amounts. What they leave of it is an adjustment that says so: the net is always what Shopee states.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.kit.canonical_record import Cell
from connectors.kit.delivery_counts import too_long
from connectors.kit.delivery_limits import LINES
from connectors.kit.shops import payouts
from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.kit.shops.payouts import EntryPart
from connectors.sources.shopee.kinds import PAYOUTS
from connectors.sources.shopee.orders import Part

LISTED: Final = "escrow_list"
DETAILS: Final = "escrow_details"
"""Under these words a payout keeps what was released of each order, and the income of each."""
STATUS: Final = "released"
_SALE: Final = "buyer_total_amount"
_TAKEN: Final[Mapping[str, EntryPart]] = {
    **dict.fromkeys(
        (
            "commission_fee",
            "service_fee",
            "seller_transaction_fee",
            "seller_order_processing_fee",
            "campaign_fee",
            "order_ams_commission_fee",
            "fbs_fee",
            "buyer_transaction_fee",
            "seller_coin_cash_back",
            "actual_shipping_fee",
            "reverse_shipping_fee",
            "final_return_to_seller_shipping_fee",
            "delivery_seller_protection_fee_premium_amount",
        ),
        "fee",
    ),
    **dict.fromkeys(
        ("escrow_tax", "cross_border_tax", "shipping_fee_sst", "reverse_shipping_fee_sst"),
        "fee_tax",
    ),
    "seller_return_refund": "refund",
}
"""What is taken off what the buyer paid."""
_BORNE: Final = (
    "shopee_discount",
    "voucher_from_shopee",
    "coins",
    "payment_promotion",
    "credit_card_promotion",
    "shopee_shipping_rebate",
    "shipping_fee_discount_from_3pl",
    "seller_lost_compensation",
)
"""What Shopee bears of the sale and adds: it lessens the fees."""
_ADDED: Final = ("drc_adjustable_refund",)
REST: Final = "Not told apart by Shopee"


def payouts_of(
    place: str, given: Mapping[str, object], zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """The payout and what it pays of each order, or what is wrong with it."""
    told = Part(place, given)
    incomes = {one.text("order_sn"): one.part("order_income") for one in told.parts(DETAILS)}
    released = told.parts(LISTED)
    entries = [entry for one in released for entry in _entries(one, incomes)]
    if len(entries) > LINES:
        entries = _joined(entries)
    if long := too_long(told.at(LISTED), len(entries)):
        return (long,)
    if not released:
        told.wrong(LISTED, "The payout has no orders.", "Ask Shopee for what it released.")
    net = sum((one.amount("payout_amount") for one in released), ZERO)
    head = {
        **told.cells("first_day", "last_day", "currency"),
        "number": told.cell("number"),
        "status": Cell(told.place, STATUS),
        "net": Cell(told.at(LISTED), plain(net)),
    }
    payout = payouts.Payout(place=place, key=told.cell("number"), head=head, entries=entries)
    found = payouts.records_of(payout, PAYOUTS, zone)
    return tuple(told.errors) or found


def _entries(listed: Part, incomes: Mapping[str, Part]) -> Iterator[payouts.Entry]:
    """What was released of one order: lines that come to what Shopee states."""
    order = listed.text("order_sn")
    income = incomes.get(order)
    if not order or not listed.stated("payout_amount"):
        words = "This does not say of which order how much was released."
        listed.wrong("payout_amount", words, "Ask Shopee for the list again.")
        return
    if income is None or not income.stated(_SALE):
        words = f"The income of order {order} is not here."
        listed.wrong("order_sn", words, "Ask Shopee for the income of this order.")
        return
    left = listed.amount("payout_amount")
    for part, name, place, amount in _amounts(income):
        if amount or part == "sale":
            left -= amount
            yield _entry(order, part, name, place, amount)
    if left:
        yield _entry(order, "adjustment", REST, listed.at("payout_amount"), left)


def _joined(entries: Sequence[payouts.Entry]) -> list[payouts.Entry]:
    """One entry for all fees of an order, and so on: where each alone is more than may be."""
    found: dict[tuple[str, EntryPart], payouts.Entry] = {}
    for one in entries:
        key = (one.order_id, one.part)
        before = found.get(key)
        name = one.name if before is None else ""
        amount = one.amount + (before.amount if before else ZERO)
        found[key] = replace(before or one, amount=amount, name=name)
    return list(found.values())


def _amounts(income: Part) -> Iterator[tuple[EntryPart, str, str, Decimal]]:
    """What moved, with its name, its place and the sign in which it comes to the seller."""
    yield "sale", "Sale", income.at(_SALE), income.amount(_SALE)
    for name, part in _TAKEN.items():
        yield part, _said(name), income.at(name), -income.amount(name)
    for name in _BORNE:
        yield "fee", f"{_said(name)} (borne by Shopee)", income.at(name), income.amount(name)
    for name in _ADDED:
        yield "adjustment", _said(name), income.at(name), income.amount(name)
    for one in income.parts("order_adjustment"):
        why = one.text("adjustment_reason") or "Adjustment"
        yield "adjustment", why, one.at("amount"), one.amount("amount")


def _entry(order: str, part: EntryPart, name: str, place: str, amount: Decimal) -> payouts.Entry:
    return payouts.Entry(
        place=place,
        line_id=order,
        part=part,
        amount=amount,
        order_id=order,
        order_number=order,
        name=name,
    )


def _said(name: str) -> str:
    """Shopee's own word, as people read it."""
    return name.replace("_", " ").capitalize()
