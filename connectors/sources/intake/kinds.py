"""The kinds of record that intake takes, as data.

Here: canonical fields of a distributor's records. Not here: how they are delivered (connector.py).
"""

from connectors.kit.order import LINE_FIELDS, orders_of
from connectors.kit.schema import FieldSchema, KindSchema

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
    orders_of(NAME, *_PLACE, *_texts("agent", "project", "price_level", "registration")),
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
