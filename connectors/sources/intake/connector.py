"""Intake: records of any kind it knows, by signed webhook or from a JSON file.

Here: the kinds of record that intake takes, as data, and where a record's values lie. Not here: who
may deliver (kit/signed_webhooks.py), the canonical form (kit/canonical_record.py).
"""

from collections.abc import Mapping, Sequence
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

NAME = "intake"


def _texts(*names: str) -> tuple[FieldSchema, ...]:
    return tuple(FieldSchema(name=name) for name in names)


def _amounts(*names: str) -> tuple[FieldSchema, ...]:
    return tuple(FieldSchema(name=name, type="money") for name in names)


def _dates(*names: str) -> tuple[FieldSchema, ...]:
    return tuple(FieldSchema(name=name, type="date") for name in names)


_KEY = (
    FieldSchema(name="number", required=True, max_length=50),
    FieldSchema(name="status", required=True, max_length=100),
    FieldSchema(name="updated_at", type="moment"),
    COMPANY_CODE,
)
_VERSION = (
    FieldSchema(name="version", type="whole"),
    FieldSchema(name="approved_version", type="whole"),
    *_texts("created_by", "approved_by"),
)
_FAMILY = _texts("order_number")
_PLACE = _texts("branch", "warehouse")
_OF_ORDER = FieldSchema(name="order_line", type="whole")
_SALE = _texts("customer", "customer_name", "tin", "registration")
_PURCHASE = _texts("supplier", "supplier_name", "tin", "registration")
_GOODS = tuple(f for f in LINE_FIELDS if f.name in {"pos", "sku", "name", "uom", "qty"})

KINDS = (
    orders_of(
        NAME, COMPANY_CODE, *_PLACE, *_texts("agent", "project", "price_level", "registration")
    ),
    KindSchema(
        source=NAME,
        kind="delivery",
        fields=(*_KEY, *_FAMILY, *_dates("delivered_on"), *_SALE, *_PLACE, *_VERSION),
        lines=(*_GOODS, _OF_ORDER),
    ),
    KindSchema(
        source=NAME,
        kind="refund",
        fields=(*_KEY, *_FAMILY, *_dates("refunded_on"), *_SALE, *_PLACE, *_amounts("total")),
        lines=(*_GOODS, _OF_ORDER, *_amounts("amount"), *_texts("tax")),
        total_field="total",
    ),
    KindSchema(
        source=NAME,
        kind="receipt",
        fields=(
            *(*_KEY, *_FAMILY, *_dates("received_on"), *_SALE),
            *(*_texts("method", "bank_ref"), *_amounts("amount")),
        ),
    ),
    KindSchema(
        source=NAME,
        kind="purchase",
        fields=(
            *(*_KEY, *_dates("ordered_on"), *_PURCHASE, *_PLACE, *_VERSION),
            *_amounts("tax_total", "total"),
        ),
        lines=(*_GOODS, *_amounts("price"), *_texts("tax")),
        total_field="total",
        tax_field="tax_total",
    ),
    KindSchema(
        source=NAME,
        kind="arrival",
        fields=(*_KEY, *_FAMILY, *_dates("arrived_on"), *_PURCHASE, *_PLACE),
        lines=(*_GOODS, _OF_ORDER),
    ),
    KindSchema(
        source=NAME,
        kind="settlement",
        fields=(
            *(*_KEY, *_PURCHASE, *_texts("channel"), *_dates("settled_on"), *_VERSION),
            *_amounts("gross", "fees", "refunds", "net"),
        ),
        lines=(
            FieldSchema(name="pos", type="whole", required=True),
            *_texts("order_number", "tax"),
            *_amounts("gross", "fee", "refund", "net"),
        ),
    ),
    KindSchema(
        source=NAME,
        kind="settlement_payment",
        fields=(
            *(*_KEY, *_PURCHASE, *_texts("settlement", "method", "bank_ref")),
            *(*_dates("paid_on"), *_amounts("amount")),
        ),
    ),
)
"""All of them."""


BY_KIND: Mapping[str, KindSchema] = {schema.kind: schema for schema in KINDS}

_BESIDE = frozenset({"kind", "id", "lines"})


FORM = ConnectionForm(
    title="Your own system",
    gives="Records of any kind, by signed webhook or from a JSON file",
    needs="A program of yours that signs and sends JSON",
    key=declared.made_key(
        "Give the address and the secret to who writes the program that sends.",
        "Sign each delivery as the example on the page of the connection shows.",
    ),
)


class Intake(SignedJson):
    """The source `intake`."""

    name = NAME
    form = FORM
    kinds = KINDS
    suffixes = (".records.json",)
    headers = "x-clearpost"

    def sample(self, now: datetime) -> Mapping[str, object]:
        """One receipt of RM 60.00."""
        receipt = {
            "kind": "receipt",
            "id": "TEST-1",
            "number": "RC-TEST-1",
            "status": "received",
            "received_on": now.date().isoformat(),
            "customer": "C-102",
            "amount": "60.00",
        }
        return {"records": [receipt]}

    def found(self, value: object) -> list[Placed] | SourceRefusal:
        """The records of a delivery."""
        found = value.get("records") if isinstance(value, Mapping) else None
        if not isinstance(found, list):
            return SourceRefusal(
                422, "no_records", "The delivery holds no records.", 'Send {"records": [{…}]}.'
            )
        return [(f"records[{index}]", given) for index, given in enumerate(found)]

    def record(
        self, place: str, given: object, zone: ZoneInfo
    ) -> IncomingRecord | tuple[RowError, ...]:
        """A record of the kind that it names."""
        return _record(place, given, zone)


def _record(place: str, given: object, zone: ZoneInfo) -> IncomingRecord | tuple[RowError, ...]:
    if not isinstance(given, Mapping):
        return (_wrong(place, given, "This is no record.", "Send an object with its fields."),)
    schema = BY_KIND.get(str(given.get("kind", "")))
    if schema is None:
        words = f"Nothing is known of this kind. Known: {', '.join(BY_KIND)}."
        return (_wrong(f"{place}.kind", given.get("kind"), words, "Name the kind of record."),)
    lines = given.get("lines", [])
    if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
        where = f"{place}.lines"
        return (_wrong(where, lines, "These are no lines.", "Send a list of objects."),)
    strange = [*_strange(place, given, schema.fields, _BESIDE)]
    for index, line in enumerate(lines):
        strange += _strange(f"{place}.lines[{index}]", line, schema.lines, frozenset())
    word = "id" if given.get("id") not in (None, "") else "number"
    record = canonical(
        schema,
        RawRecord(
            Cell(f"{place}.{word}", given.get(word)),
            _cells(place, given, schema.fields),
            [_cells(f"{place}.lines[{at}]", line, schema.lines) for at, line in enumerate(lines)],
        ),
        zone,
    )
    if isinstance(record, IncomingRecord):
        return tuple(strange) or record
    return (*strange, *record)


def _cells(
    place: str, given: Mapping[str, object], fields: Sequence[FieldSchema]
) -> dict[str, Cell]:
    return {f.name: Cell(f"{place}.{f.name}", given.get(f.name)) for f in fields}


def _strange(
    place: str,
    given: Mapping[str, object],
    fields: Sequence[FieldSchema],
    beside: frozenset[str],
) -> list[RowError]:
    """Values under a name that the kind does not have: left out in silence they would be lost."""
    known = beside | {field.name for field in fields}
    return [
        _wrong(f"{place}.{name}", value, f"{name} is no field of this kind.", "Take it out.")
        for name, value in given.items()
        if name not in known
    ]


def _wrong(where: str, value: object, message: str, hint: str) -> RowError:
    shown = value if isinstance(value, str) else ""
    return RowError(where=where, value=shown[:200], message=message, hint=hint)


SOURCE: Source = Intake()
