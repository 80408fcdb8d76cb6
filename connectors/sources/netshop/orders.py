"""An order of NetShop as canonical records: itself, and each refund of it.

Here: where the values of an order lie, and which status it has once money went back. Not here: the
fields (kinds.py), the refunds (refunds.py).

NetShop leaves the status of an order as it was when it is refunded, and tells the refund beside it.
An order that went on as completed would be invoiced in full, so its status becomes the refund's own
words.
"""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.kit.canonical_record import LINE_FIELDS, Cell
from connectors.kit.shops.delivery_reading import sorted_out
from connectors.kit.shops.payload_parts import plain
from connectors.sources.netshop import refunds
from connectors.sources.netshop.kinds import ORDER
from connectors.sources.netshop.payload import NetShopPart, part_of, record_of

_ELSEWHERE: Final = frozenset(
    {"status", "ordered_on", "paid_at", "updated_at", "refunded_total"}
    | {"customer", "customer_name", "tin", "address"}
)
_AS_TOLD: Final = tuple(one.name for one in ORDER.fields if one.name not in _ELSEWHERE)
_LINE: Final = tuple(one.name for one in LINE_FIELDS if one.name != "pos")


def records_of(
    place: str, given: object, zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """The order and its refunds, or everything that is wrong with any of them: an order without one
    of its refunds would be told as if nothing had been given back.
    """
    told = part_of(place, given, "This is not an order.", "Send an object with the order's fields.")
    if not isinstance(told, NetShopPart):
        return told
    back = refunds.parts_of(told)
    head = {
        **told.cells(*_AS_TOLD),
        **told.moments("paid_at", "updated_at"),
        **told.buyer("customer", "customer"),
        **_refunded(told, back),
        "ordered_on": told.day("ordered_at", zone),
        "address": told.part("customer").cell("address"),
    }
    order = record_of(ORDER, told, head, told.items(*_LINE), zone)
    records, errors = sorted_out([order, *refunds.records_of(told, back, zone)])
    return tuple(dict.fromkeys(errors)) or records


def _refunded(order: NetShopPart, back: Sequence[NetShopPart]) -> dict[str, Cell]:
    """The status of the order and what was given back of it."""
    if not back:
        return {"status": order.cell("status")}
    given = sum((one.amount("amount") for one in back), start=refunds.NOTHING)
    status = refunds.status_of(order.text("status"), back, given, order.amount("total"))
    place = back[-1].at("status")
    return {"status": Cell(place, status), "refunded_total": Cell(place, plain(given))}
