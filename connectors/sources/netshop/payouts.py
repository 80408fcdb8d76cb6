"""A payout of NetShop: the money of many orders in one transfer to the bank.

Here: where its totals and its lines lie in NetShop's own form. Not here: what a payout is for
every shop (kit/shops/payouts.py), what else NetShop tells (orders.py, documents.py).
"""

from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.kit.shops import payouts
from connectors.sources.netshop.kinds import PAYOUTS
from connectors.sources.netshop.payload import NetShopPart, part_of

_TOLD: Final = ("status", "deposited_on", "currency", "bank_ref", "deposit", "company_code")
_TOTALS: Final = ("gross", "refunds", "fees", "fee_tax", "adjustments", "net")


def payout_of(
    place: str, given: object, zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """The payout and what it pays of each order, or what is wrong with it."""
    told = part_of(
        place, given, "This is not a payout.", "Send an object with the payout's fields."
    )
    if not isinstance(told, NetShopPart):
        return told
    head = {
        **told.cells(*_TOLD),
        "number": told.cell("id"),
        "updated_at": told.moment("updated_at"),
    }
    head |= told.cells(*_TOTALS)
    entries = [_entry(line) for line in told.parts("lines")]
    found = payouts.records_of(
        payouts.Payout(
            place=place,
            key=told.cell("id"),
            head=head,
            entries=[one for one in entries if one is not None],
        ),
        PAYOUTS,
        zone,
    )
    return tuple(told.errors) or found


def _entry(line: NetShopPart) -> payouts.Entry | None:
    """One line of the payout; None, and told, where its kind is not known."""
    part = next((one for one in payouts.PARTS if one == line.text("kind")), None)
    if part is None:
        known = ", ".join(payouts.PARTS)
        line.wrong("kind", "This is not a kind of line that a payout has.", f"Send one of {known}.")
        return None
    if not line.stated("amount"):
        line.wrong("amount", "The line has no amount.", "Send it, with a minus for a fee.")
    return payouts.Entry(
        place=line.place,
        line_id=line.text("id"),
        part=part,
        amount=line.amount("amount"),
        order_id=line.text("order"),
        order_number=line.text("number"),
        name=line.text("name"),
    )
