"""What NetShop tells beside orders: deliveries, purchases, and settlements with bloggers.

Here: where the values of each lie. Not here: the fields (kinds.py), payouts (payouts.py).
"""

from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell
from connectors.kit.shops.delivery_reading import Read
from connectors.sources.netshop.kinds import DELIVERY, PURCHASE, SETTLEMENT
from connectors.sources.netshop.payload import NetShopPart, part_of, record_of

_ELSEWHERE: Final = frozenset(
    {"updated_at", "delivered_on", "ordered_on", "order_number", "tin"}
    | {"customer", "customer_name", "supplier", "supplier_name"}
)
_GOODS: Final = ("sku", "name", "uom", "qty")


def _as_told(kind: KindSchema) -> tuple[str, ...]:
    return tuple(one.name for one in kind.fields if one.name not in _ELSEWHERE)


def delivery_of(place: str, given: object, zone: ZoneInfo) -> Read:
    """A delivery order: what left the warehouse for an order, in its units."""
    told = part_of(place, given, "This is not a delivery order.", "Send an object with its fields.")
    if not isinstance(told, NetShopPart):
        return told
    head = {
        **told.cells(*_as_told(DELIVERY)),
        **told.moments("updated_at"),
        **told.buyer("customer", "customer"),
        "order_number": told.cell("order"),
        "delivered_on": told.day("delivered_at", zone),
    }
    return record_of(DELIVERY, told, head, told.items(*_GOODS, "order_line"), zone)


def purchase_of(place: str, given: object, zone: ZoneInfo) -> Read:
    """A purchase request."""
    told = part_of(place, given, "This is not a purchase.", "Send an object with its fields.")
    if not isinstance(told, NetShopPart):
        return told
    head = {
        **told.cells(*_as_told(PURCHASE)),
        **told.moments("updated_at"),
        **told.buyer("supplier", "supplier"),
        "ordered_on": told.day("ordered_at", zone),
    }
    return record_of(PURCHASE, told, head, told.items(*_GOODS, "price", "tax"), zone)


def settlement_of(place: str, given: object, zone: ZoneInfo) -> Read:
    """What a blogger earned in a week, and whether it was paid."""
    told = part_of(
        place, given, "This is not a settlement.", "Send an object with the settlement's fields."
    )
    if not isinstance(told, NetShopPart):
        return told
    head = {
        **told.cells("status", "company_code", "blogger", "period", "currency"),
        **told.moments("paid_at", "updated_at"),
        "number": told.cell("id"),
        "commission": told.cell("amount"),
        "settled_on": Cell(told.at("period"), _last_day(told.value.get("period"))),
    }
    return record_of(SETTLEMENT, told, head, (), zone)


def _last_day(period: object) -> object:
    """The day with which a period ends; what is no period is left to be found wrong."""
    return period.rpartition("/")[2] if isinstance(period, str) else period
