"""The kinds of record of a source that has no form of its own: what people send or type.

Here: each kind with its fields, as data. Not here: where their values lie (sources/intake,
sources/workbook), the canonical form (kit/canonical_record.py).
"""

from dataclasses import replace

from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.canonical_record import COMPANY_CODE, LINE_FIELDS, orders_of


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


def kinds_of(source: str) -> tuple[KindSchema, ...]:
    """Every kind, as records of a source."""
    return tuple(replace(one, source=source) for one in _KINDS)


_KINDS = (
    orders_of(
        "", COMPANY_CODE, *_PLACE, *_texts("agent", "project", "price_level", "registration")
    ),
    KindSchema(
        source="",
        kind="delivery",
        fields=(*_KEY, *_FAMILY, *_dates("delivered_on"), *_SALE, *_PLACE, *_VERSION),
        lines=(*_GOODS, _OF_ORDER),
    ),
    KindSchema(
        source="",
        kind="refund",
        fields=(*_KEY, *_FAMILY, *_dates("refunded_on"), *_SALE, *_PLACE, *_amounts("total")),
        lines=(*_GOODS, _OF_ORDER, *_amounts("amount"), *_texts("tax")),
        total_field="total",
    ),
    KindSchema(
        source="",
        kind="receipt",
        fields=(
            *(*_KEY, *_FAMILY, *_dates("received_on"), *_SALE),
            *(*_texts("method", "bank_ref"), *_amounts("amount")),
        ),
    ),
    KindSchema(
        source="",
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
        source="",
        kind="arrival",
        fields=(*_KEY, *_FAMILY, *_dates("arrived_on"), *_PURCHASE, *_PLACE),
        lines=(*_GOODS, _OF_ORDER),
    ),
    KindSchema(
        source="",
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
        source="",
        kind="settlement_payment",
        fields=(
            *(*_KEY, *_PURCHASE, *_texts("settlement", "method", "bank_ref")),
            *(*_dates("paid_on"), *_amounts("amount")),
        ),
    ),
)
