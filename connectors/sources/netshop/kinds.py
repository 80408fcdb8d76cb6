"""The kinds of record that NetShop delivers, as data.

Here: every kind with its fields. Not here: where NetShop keeps the values (orders.py, refunds.py,
documents.py, payouts.py).
"""

from typing import Final

from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.canonical_record import COMPANY_CODE, orders_of
from connectors.kit.shops import payouts
from connectors.kit.shops.kind_fields import POS, UPDATED, field
from connectors.kit.shops.record_kinds import kinds_of

NAME: Final = "netshop"

ORDER: Final = orders_of(
    NAME,
    COMPANY_CODE,
    field("channel_fee", "What the way of paying kept back.", "money"),
    field("refunded_total", "What was given back so far. Blank: nothing.", "money"),
)

REFUND: Final = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field("number", "NetShop's number of the refund, else its id.", required=True, longest=50),
        field("status", "NetShop's words for the refund.", required=True, longest=100),
        field("order_id", "NetShop's id of the order."),
        field("order_number", "The number of its order."),
        field("refunded_on", "The shop's day of the refund, else that of its state.", "date"),
        UPDATED,
        COMPANY_CODE,
        field("currency", "The currency of the order. All amounts are in it."),
        field("customer", "NetShop's key of the customer."),
        field("customer_name", "Name of the customer."),
        field("tin", "Tax identification number of the customer."),
        field("restock", "returned where the words say that goods came back, none, or unknown."),
        field("total", "What was given back, with tax.", "money", required=True),
    ),
    lines=(
        POS,
        field("sku", "Article number, exactly as it came."),
        field("name", "Name of the article."),
        field("uom", "Unit of the quantity."),
        field("qty", "Quantity that came back.", "quantity"),
        field("amount", "What was given back for the line.", "money"),
        field("tax", "The source's word for the tax."),
    ),
    total_field="total",
)

_SENT: Final = {one.kind: one for one in kinds_of(NAME)}
DELIVERY: Final = _SENT["delivery"]
PURCHASE: Final = _SENT["purchase"]

SETTLEMENT: Final = KindSchema(
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

PAYOUTS: Final = payouts.kinds_of(NAME, COMPANY_CODE)

KINDS: Final[tuple[KindSchema, ...]] = (ORDER, REFUND, DELIVERY, PURCHASE, SETTLEMENT, *PAYOUTS)
