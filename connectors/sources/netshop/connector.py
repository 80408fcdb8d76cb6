"""NetShop: orders, settlements and payouts by signed webhook, or from a JSON file.

Here: which records a delivery holds, and where the values of an order or of a settlement (what a
blogger earned in a week, and whether it was paid) lie in NetShop's own form. Not here: payouts
(payouts.py), who may deliver (kit/signed_webhooks.py).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.contract import ConnectionForm, IncomingRecord, RowError, Source, SourceRefusal
from connectors.contract import declared_settings as declared
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.canonical_record import (
    COMPANY_CODE,
    LINE_FIELDS,
    Cell,
    RawRecord,
    canonical,
    orders_of,
)
from connectors.kit.signed_webhooks import Placed, SignedJson
from connectors.sources.netshop.payouts import NAME, PAYOUTS, payout_of

Read = IncomingRecord | tuple[RowError, ...]


def read_as(kind: KindSchema, raw: RawRecord, zone: ZoneInfo) -> Read:
    """The record, or everything that is wrong with it."""
    errors = [error for cells in (raw.head, *raw.lines) for error in _zoneless(cells)]
    record = canonical(kind, raw, zone)
    if not errors:
        return record
    return tuple(errors) + (() if isinstance(record, IncomingRecord) else record)


def cells_of(place: str, values: Mapping[str, object], names: Sequence[str]) -> dict[str, Cell]:
    """The values under their own names."""
    return {name: Cell(f"{place}.{name}", values.get(name)) for name in names}


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


def wrong(where: str, message: str, hint: str) -> RowError:
    """An error at a place that has no value of its own."""
    return RowError(where=where, value="", message=message, hint=hint)


ORDER = orders_of(NAME, COMPANY_CODE)

_DERIVED = frozenset({"ordered_on", "customer", "customer_name", "tin", "address"})


def order_of(place: str, order: object, zone: ZoneInfo) -> Read:
    """An order, or what is wrong with it."""
    if not isinstance(order, Mapping):
        return (wrong(place, "This is not an order.", "Send an object with the order's fields."),)
    customer, items = order.get("customer"), order.get("items")
    if customer is not None and not isinstance(customer, Mapping):
        where = f"{place}.customer"
        return (wrong(where, "This is not a customer.", "Send an object with id and name."),)
    if items is None:
        items = []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        where = f"{place}.items"
        return (wrong(where, "These are no items.", "Send a list of objects."),)
    head = cells_of(place, order, [f.name for f in ORDER.fields if f.name not in _DERIVED])
    head.update(_derived(place, order, customer or {}, zone))
    lines = [
        cells_of(f"{place}.items[{index}]", item, [f.name for f in LINE_FIELDS])
        for index, item in enumerate(items)
    ]
    return read_as(ORDER, RawRecord(Cell(f"{place}.id", order.get("id")), head, lines), zone)


def _derived(
    place: str, order: Mapping[str, object], customer: Mapping[str, object], zone: ZoneInfo
) -> dict[str, Cell]:
    inside = f"{place}.customer"
    return {
        "ordered_on": Cell(f"{place}.ordered_at", _day(order.get("ordered_at"), zone)),
        "customer": Cell(f"{inside}.id", customer.get("id")),
        "customer_name": Cell(f"{inside}.name", customer.get("name")),
        "tin": Cell(f"{inside}.tin", customer.get("tin")),
        "address": Cell(f"{inside}.address", customer.get("address")),
    }


def _day(moment: object, zone: ZoneInfo) -> object:
    """The shop's day of a moment; anything else is left to be found wrong."""
    if not isinstance(moment, str):
        return moment
    try:
        when = datetime.fromisoformat(moment)
        return when.astimezone(zone).date().isoformat() if when.tzinfo else moment
    except (ValueError, OverflowError):
        return moment


SETTLEMENT = KindSchema(
    source=NAME,
    kind="settlement",
    fields=(
        FieldSchema(name="number", required=True, max_length=50),
        FieldSchema(name="status", required=True, max_length=100),
        FieldSchema(name="blogger"),
        COMPANY_CODE,
        FieldSchema(name="period"),
        FieldSchema(name="settled_on", type="date"),
        FieldSchema(name="paid_at", type="moment"),
        FieldSchema(name="updated_at", type="moment"),
        FieldSchema(name="currency"),
        FieldSchema(name="commission", type="money"),
    ),
)


def settlement_of(place: str, given: object, zone: ZoneInfo) -> Read:
    """A settlement, or what is wrong with it."""
    if not isinstance(given, Mapping):
        hint = "Send an object with the settlement's fields."
        return (wrong(place, "This is not a settlement.", hint),)
    own = ("status", "company_code", "blogger", "period", "paid_at", "updated_at", "currency")
    key = Cell(f"{place}.id", given.get("id"))
    head = {
        **cells_of(place, given, own),
        "number": key,
        "commission": Cell(f"{place}.amount", given.get("amount")),
        "settled_on": Cell(f"{place}.period", _last_day(given.get("period"))),
    }
    return read_as(SETTLEMENT, RawRecord(key, head, ()), zone)


def _last_day(period: object) -> object:
    """The day with which a period ends; what is no period is left to be found wrong."""
    return period.rpartition("/")[2] if isinstance(period, str) else period


_READERS: Mapping[str, Callable[[str, object, ZoneInfo], Read | tuple[IncomingRecord, ...]]] = {
    "order": order_of,
    "settlement": settlement_of,
    "payout": payout_of,
}


FORM = ConnectionForm(
    title="NetShop",
    gives="Orders, settlements and payouts, by signed webhook or from a JSON file",
    needs="Access to the settings of NetShop",
    key=declared.made_key(
        "In NetShop go to Settings > Notifications > Add: order paid, changed, refunded.",
        "Paste the address and the secret, and switch on signing.",
    ),
)


class NetShop(SignedJson):
    """The source `netshop`."""

    name = NAME
    form = FORM
    kinds: tuple[KindSchema, ...] = (ORDER, SETTLEMENT, *PAYOUTS)
    suffixes = (".json",)
    headers = "x-ns16"

    def sample(self, now: datetime) -> Mapping[str, object]:
        """One paid order of RM 60.00."""
        moment = now.isoformat(timespec="seconds")
        return {
            "order": {
                "id": "TEST-1",
                "number": "NS-TEST-1",
                "status": "paid",
                "currency": "MYR",
                "ordered_at": moment,
                "paid_at": moment,
                "customer": {"id": "C-102", "name": "Boon & Co"},
                "items": [{"pos": 1, "sku": "CUP-30", "name": "Cup", "qty": 4, "price": "15.00"}],
                "total": "60.00",
            }
        }

    def found(self, value: object) -> list[Placed] | SourceRefusal:
        """The orders, settlements and payouts of a delivery: one or many."""
        given = value if isinstance(value, Mapping) else {}
        named = [word for kind in _READERS for word in (kind, f"{kind}s") if word in given]
        if not named:
            hint = 'Send {"order": {…}}, {"orders": […]}, or the same of settlements or payouts.'
            words = "The delivery holds no order, no settlement and no payout."
            return SourceRefusal(422, "no_order", words, hint)
        found: list[Placed] = []
        for word in named:
            many = given[word]
            if word in _READERS:
                found.append((word, many))
            elif isinstance(many, list):
                found += [(f"{word}[{at}]", one) for at, one in enumerate(many)]
            else:
                words = f"{word} is not a list."
                return SourceRefusal(422, "no_list", words, "Send a list of objects.")
        return found

    def record(
        self, place: str, given: object, zone: ZoneInfo
    ) -> IncomingRecord | tuple[IncomingRecord | RowError, ...]:
        """What stands at a place, as records: `order` and `orders[3]` are orders."""
        return _READERS[place.partition("[")[0].removesuffix("s")](place, given, zone)


SOURCE: Source = NetShop()
