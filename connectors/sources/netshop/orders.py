"""NetShop's orders: where the values of one lie in its own form.

Here: an order as a record. Not here: who may deliver (connector.py), the canonical form
(kit/order.py).
"""

from collections.abc import Mapping
from datetime import datetime

from connectors.kit.order import LINE_FIELDS, ORDER_FIELDS, SHOP_ZONE, Cell, RawRecord, orders_of
from connectors.sources.netshop.reading import NAME, Read, cells_of, read_as, wrong

ORDER = orders_of(NAME)

_DERIVED = frozenset({"ordered_on", "customer", "customer_name", "tin", "address"})


def order_of(place: str, order: object) -> Read:
    """An order, or what is wrong with it."""
    if not isinstance(order, Mapping):
        return (wrong(place, "This is no order.", "Send an object with the order's fields."),)
    customer, items = order.get("customer"), order.get("items")
    if customer is not None and not isinstance(customer, Mapping):
        where = f"{place}.customer"
        return (wrong(where, "This is no customer.", "Send an object with id and name."),)
    if items is None:
        items = []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        where = f"{place}.items"
        return (wrong(where, "These are no items.", "Send a list of objects."),)
    head = cells_of(place, order, [f.name for f in ORDER_FIELDS if f.name not in _DERIVED])
    head.update(_derived(place, order, customer or {}))
    lines = [
        cells_of(f"{place}.items[{index}]", item, [f.name for f in LINE_FIELDS])
        for index, item in enumerate(items)
    ]
    return read_as(ORDER, RawRecord(Cell(f"{place}.id", order.get("id")), head, lines))


def _derived(
    place: str, order: Mapping[str, object], customer: Mapping[str, object]
) -> dict[str, Cell]:
    inside = f"{place}.customer"
    return {
        "ordered_on": Cell(f"{place}.ordered_at", _day(order.get("ordered_at"))),
        "customer": Cell(f"{inside}.id", customer.get("id")),
        "customer_name": Cell(f"{inside}.name", customer.get("name")),
        "tin": Cell(f"{inside}.tin", customer.get("tin")),
        "address": Cell(f"{inside}.address", customer.get("address")),
    }


def _day(moment: object) -> object:
    """The shop's day of a moment; anything else is left to be found wrong."""
    if not isinstance(moment, str):
        return moment
    try:
        when = datetime.fromisoformat(moment)
        return when.astimezone(SHOP_ZONE).date().isoformat() if when.tzinfo else moment
    except (ValueError, OverflowError):
        return moment
