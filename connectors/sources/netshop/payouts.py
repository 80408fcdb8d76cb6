"""A payout of NetShop: the money of many orders in one transfer to the bank.

Here: where its totals and its lines lie in NetShop's own form. Not here: what a payout is for
every shop (kit/shops/payouts.py), orders and settlements (connector.py).
"""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.kit.canonical_record import COMPANY_CODE
from connectors.kit.shops import payouts
from connectors.kit.shops.payload_parts import Part

NAME: Final = "netshop"
PAYOUTS: Final = payouts.kinds_of(NAME, COMPANY_CODE)
_TOLD: Final = ("status", "deposited_on", "currency", "bank_ref", "deposit", "company_code")
_TOTALS: Final = ("gross", "refunds", "fees", "fee_tax", "adjustments", "net")


class _Part(Part):
    """An object of a delivery of NetShop."""

    __slots__ = ()
    api = "NetShop"


def payout_of(
    place: str, given: object, zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """The payout and what it pays of each order, or what is wrong with it."""
    if not isinstance(given, Mapping):
        words, hint = "This is not a payout.", "Send an object with the payout's fields."
        return (RowError(where=place, value="", message=words, hint=hint),)
    told = _Part(place, given)
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


def _entry(line: _Part) -> payouts.Entry | None:
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
