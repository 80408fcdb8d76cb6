"""The kinds of record that come from Shopee, as data.

Here: every field with what it means, and the words of a status. Not here: where Shopee keeps the
values (orders.py, returns.py).
"""

from collections.abc import Mapping

from connectors.contract.schema import KindSchema
from connectors.kit.shops.kind_fields import POS, UPDATED, field
from connectors.kit.shops.payouts import kinds_of

NAME = "shopee"

STATUS_WORDS: Mapping[str, str] = {
    "UNPAID": "unpaid",
    "READY_TO_SHIP": "paid",
    "PROCESSED": "paid",
    "RETRY_SHIP": "paid",
    "SHIPPED": "shipped",
    "TO_CONFIRM_RECEIVE": "delivered",
    "COMPLETED": "delivered",
    "IN_CANCEL": "exception",
    "TO_RETURN": "exception",
    "CANCELLED": "cancelled",
}
"""The status of an order. Any other word stays as it came, so that no rule takes it for its own."""

RETURN_WORDS: Mapping[str, str] = {
    "REQUESTED": "pending",
    "PROCESSING": "pending",
    "JUDGING": "pending",
    "ACCEPTED": "pending",
    "REFUND_PAID": "refunded",
    "CANCELLED": "cancelled",
    "CLOSED": "closed",
}
"""The status of a return. `closed` does not say whether money went back."""

_ORDER_ID = field("order_id", "Shopee's number of the order, equal in order and refund.")
_CURRENCY = field("currency", "The currency of the order. All amounts are in it.")
_GOODS = (
    field("item_id", "Shopee's id of the product."),
    field("variant_id", "Shopee's id of the variation (model). Blank: it has none."),
    field("sku", "The variation's SKU, otherwise the product's, exactly as it came."),
    field("name", "Name of the product with its variation."),
)

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        field("number", "Shopee's number of the order.", required=True, longest=50),
        field("status", "Shopee's status in one of our words.", required=True, longest=100),
        field("shop_status", "The status in Shopee's own word."),
        _ORDER_ID,
        field("ordered_on", "The shop's day of the order.", "date"),
        field("paid_at", "Moment of the payment. Blank: not paid.", "moment"),
        UPDATED,
        field("cod", "Whether it is paid on delivery.", "yesno"),
        field("channel", "The way of paying, in Shopee's word."),
        _CURRENCY,
        field("customer", "Shopee's id of the buyer."),
        field("customer_name", "The buyer's name at Shopee, which Shopee may mask."),
        field("goods_total", "The goods at the price they were sold for.", "money"),
        field(
            "shipping_total",
            "The shipping as Shopee reckons it at the sale (estimated_shipping_fee). What Shopee "
            "bears of it is in the adjustment.",
            "money",
        ),
        field(
            "carrier_charge",
            "What the carrier charged, once Shopee has confirmed it (actual_shipping_fee); no line "
            "and no part of the total. It comes after the sale: keep it in a group of changes that "
            "is ignored.",
            "money",
        ),
        field("total", "What the buyer pays. The lines add up to it.", "money"),
    ),
    lines=(
        POS,
        field("line_id", "Shopee's id of the order line."),
        field(
            "part",
            "What the line stands for: goods, shipping, or adjustment: vouchers, coins and "
            "subsidies, of which Shopee tells the sum only.",
        ),
        *_GOODS,
        field("promotion", "The promotion it was sold in, in Shopee's word, such as bundle_deal."),
        field("qty", "Pieces sold.", "quantity"),
        field("price", "Price of a piece before discounts.", "money"),
        field("discount", "The seller's discount on the line.", "money"),
        field("amount", "Quantity times price less discount.", "money"),
    ),
    total_field="total",
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field("number", "R- and Shopee's number of the return.", required=True, longest=50),
        field(
            "status",
            "refunded: the money went back. pending: not decided or not paid yet. cancelled: "
            "withdrawn. closed: over, and Shopee does not say how.",
            required=True,
            longest=100,
        ),
        field("shop_status", "The status in Shopee's own word."),
        _ORDER_ID,
        field(
            "refunded_on",
            "The shop's day of the latest change: it moves with each. Keep it in a group of "
            "changes that is ignored where documents are dated by it.",
            "date",
        ),
        UPDATED,
        _CURRENCY,
        field("reason", "The buyer's reason, in Shopee's word."),
        field("restock", "Always unknown: Shopee does not say if goods came back."),
        field("total", "What is given back. The lines add up to it.", "money"),
    ),
    lines=(
        POS,
        field("part", "What the line stands for: goods or adjustment."),
        *_GOODS,
        field("qty", "Pieces returned.", "quantity"),
        field("amount", "What is given back for the line.", "money"),
    ),
    total_field="total",
)

PAYOUTS = kinds_of(
    NAME,
    field("first_day", "First of the shop's days whose money was released.", "date"),
    field("last_day", "Last of these days.", "date"),
)
KINDS = (ORDER, REFUND, *PAYOUTS)
