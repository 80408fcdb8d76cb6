"""The refunds of an order of NetShop, and what they make of the order's status.

Here: where they stand beside an order, the words that are known, each refund as a record. Not here:
the rest of the order (orders.py).

Two texts are known, and compared exactly: another case or a blank more could mean anything, and
only one of the two says that goods came back.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from connectors.kit.canonical_record import Cell
from connectors.kit.shops.delivery_reading import Read
from connectors.sources.netshop.kinds import REFUND
from connectors.sources.netshop.payload import NetShopPart, record_of

NOTHING: Final = Decimal(0)
REFUNDED: Final = "Refunded"
RETURNED: Final = "Refunded + Items Returned"
IN_PART: Final = ", in part"
UNKNOWN: Final = "Unknown refund: "
_CANCELLED: Final = "cancelled"
_RESTOCK: Final = {REFUNDED: "none", RETURNED: "returned"}
_LONGEST: Final = 100 - len(UNKNOWN)  # of the words: a status has 100 characters


def parts_of(order: NetShopPart) -> list[NetShopPart]:
    """What was given back of an order: one `refund`, or several `refunds`, each once. Who sends the
    latest beside all of them means no second one; two contents under one id are wrong.
    """
    one = order.value.get("refund")
    told = [*([order.part("refund")] if one is not None else []), *order.parts("refunds")]
    found: dict[str, NetShopPart] = {}
    for refund in told:
        known = found.setdefault(refund.text("id") or refund.place, refund)
        if known.value != refund.value:
            words = "Another refund of this order has the same id and another content."
            refund.wrong("id", words, "Give each refund an id of its own.")
    return list(found.values())


def status_of(told: str, refunds: Sequence[NetShopPart], given: Decimal, total: Decimal) -> str:
    """The status of an order with refunds: the words of the refund, and whether it is only a part.

    An order that was cancelled stays so: nothing of it is to be posted at all. `given` is what all
    refunds come to, `total` what the order does, both in the order's currency.
    """
    if told.strip().casefold() == _CANCELLED:
        return told
    words = [one.text("status") for one in refunds]
    strange = next((one for one in words if one not in _RESTOCK), None)
    if strange is not None:
        return f"{UNKNOWN}{strange[:_LONGEST]}"
    status = RETURNED if RETURNED in words else REFUNDED
    return status if given >= total else f"{status}{IN_PART}"


def records_of(order: NetShopPart, refunds: Sequence[NetShopPart], zone: ZoneInfo) -> list[Read]:
    """Each refund as a record of its own."""
    return [_record(order, one, zone) for one in refunds]


def _record(order: NetShopPart, refund: NetShopPart, zone: ZoneInfo) -> Read:
    status = refund.text("status")
    of_refund = refund.value.get("updated_at") is not None
    updated = (refund if of_refund else order).moment("updated_at")
    on_its_own = refund.value.get("refunded_at") is not None
    day = refund.day("refunded_at", zone) if on_its_own else _day_of(order, refund, zone)
    head = {
        "number": refund.cell("number" if refund.value.get("number") is not None else "id"),
        "status": refund.cell("status"),
        "order_id": order.cell("id"),
        "order_number": order.cell("number"),
        "refunded_on": day,
        "updated_at": updated,
        **order.cells("company_code", "currency"),
        **order.buyer("customer", "customer"),
        "restock": Cell(refund.at("status"), _RESTOCK.get(status, "unknown")),
        "total": refund.cell("amount"),
    }
    lines = refund.items("sku", "name", "uom", "qty", "amount", "tax")
    return record_of(REFUND, refund, head, lines, zone)


def _day_of(order: NetShopPart, refund: NetShopPart, zone: ZoneInfo) -> Cell:
    told = refund if refund.value.get("updated_at") is not None else order
    return told.day("updated_at", zone)
