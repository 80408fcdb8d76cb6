"""NetShop: orders by signed webhook, or from a JSON file.

Here: who may deliver, and where an order's values lie in NetShop's own form. Not here: the
canonical form (kit/order.py).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.kit.contract import Accepted, IncomingRecord, RowError, SourceRefusal
from connectors.kit.order import (
    LINE_FIELDS,
    ORDER_FIELDS,
    SHOP_ZONE,
    Cell,
    RawRecord,
    canonical,
)
from connectors.kit.schema import KindSchema
from connectors.kit.signed import prove, too_large
from connectors.kit.strictjson import JsonRefusal, loads

NAME = "netshop"
ORDER = KindSchema(source=NAME, kind="order", fields=ORDER_FIELDS, lines=LINE_FIELDS)
HEADERS = "x-ns16"
MAX_ORDERS = 5_000
MAX_LINES = 2_000

_DERIVED = frozenset({"ordered_on", "customer", "customer_name", "tin", "address"})


class NetShop:
    """The source `netshop`."""

    name = NAME
    kinds = (ORDER,)
    suffixes = (".json",)

    def accept(
        self, headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime
    ) -> Accepted | SourceRefusal:
        """A webhook delivery: the signature is proved over the raw bytes before they are read."""
        proved = prove(HEADERS, headers, raw, secrets, now)
        return proved if isinstance(proved, SourceRefusal) else _read(raw, delivery_id=proved)

    def read(self, name: str, raw: bytes) -> Accepted | SourceRefusal:  # noqa: ARG002
        """A JSON file; the same file is the same delivery."""
        return _read(raw, delivery_id="file-" + hashlib.sha256(raw).hexdigest())


def _read(raw: bytes, *, delivery_id: str) -> Accepted | SourceRefusal:
    if refused := too_large(raw):
        return refused
    value = loads(raw)
    if isinstance(value, JsonRefusal):
        return SourceRefusal(400, value.code, value.message, value.hint)
    found = _orders(value)
    if isinstance(found, SourceRefusal):
        return found
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for place, order in found:
        result = _order(place, order)
        if isinstance(result, IncomingRecord):
            records.append(result)
        else:
            errors += result
    return Accepted(delivery_id=delivery_id, records=tuple(records), errors=tuple(errors))


def _orders(value: object) -> list[tuple[str, object]] | SourceRefusal:
    if isinstance(value, Mapping) and isinstance(value.get("orders"), list):
        orders = value["orders"]
        if len(orders) > MAX_ORDERS:
            return SourceRefusal(
                413, "too_many", f"A delivery has at most {MAX_ORDERS} orders.", "Split it."
            )
        return [(f"orders[{index}]", order) for index, order in enumerate(orders)]
    if isinstance(value, Mapping) and "order" in value:
        return [("order", value["order"])]
    return SourceRefusal(
        422, "no_order", "The delivery holds no order.", 'Send {"order": {…}} or {"orders": […]}.'
    )


def _order(place: str, order: object) -> IncomingRecord | tuple[RowError, ...]:
    if not isinstance(order, Mapping):
        return (_wrong(place, "This is no order.", "Send an object with the order's fields."),)
    customer, items = order.get("customer"), order.get("items")
    if customer is not None and not isinstance(customer, Mapping):
        where = f"{place}.customer"
        return (_wrong(where, "This is no customer.", "Send an object with id and name."),)
    if items is None:
        items = []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        where = f"{place}.items"
        return (_wrong(where, "These are no items.", "Send a list of objects."),)
    if len(items) > MAX_LINES:
        where = f"{place}.items"
        return (_wrong(where, f"An order has at most {MAX_LINES} items.", "Split the order."),)
    head = _cells(place, order, [f.name for f in ORDER_FIELDS if f.name not in _DERIVED])
    head.update(_derived(place, order, customer or {}))
    lines = [
        _cells(f"{place}.items[{index}]", item, [f.name for f in LINE_FIELDS])
        for index, item in enumerate(items)
    ]
    errors = [error for cells in (head, *lines) for error in _zoneless(cells)]
    record = canonical(ORDER, RawRecord(Cell(f"{place}.id", order.get("id")), head, lines))
    if not errors:
        return record
    return tuple(errors) + (() if isinstance(record, IncomingRecord) else record)


def _cells(place: str, values: Mapping[str, object], names: Sequence[str]) -> dict[str, Cell]:
    return {name: Cell(f"{place}.{name}", values.get(name)) for name in names}


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


def _zoneless(cells: Mapping[str, Cell]) -> list[RowError]:
    """A moment in a webhook must say its zone: a guess could be a day off."""
    errors = []
    for name in ("paid_at", "updated_at"):
        cell = cells.get(name)
        if cell is None or not isinstance(cell.value, str):
            continue
        if not re.search(r"(Z|[+-]\d\d:?\d\d)$", cell.value.strip()) and cell.value.strip():
            hint = "Write it as 2026-11-19T14:03:11+08:00."
            errors.append(
                RowError(
                    where=cell.where,
                    value=cell.value[:200],
                    message="This moment has no time zone.",
                    hint=hint,
                )
            )
    return errors


def _wrong(where: str, message: str, hint: str) -> RowError:
    return RowError(where=where, value="", message=message, hint=hint)
