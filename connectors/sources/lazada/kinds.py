"""The kinds of record that come from Lazada, as data.

Here: every field with what it means, and the words of a status. Not here: where Lazada keeps the
values (orders.py).
"""

from collections.abc import Mapping
from typing import Final

from connectors.contract.schema import KindSchema
from connectors.kit.shops.kind_fields import POS, UPDATED, field
from connectors.kit.shops.payouts import kinds_of

NAME = "lazada"
RETURNED, LOST = "returned", "lost"

PIECE_WORDS: Mapping[str, str] = {
    "unpaid": "unpaid",
    **dict.fromkeys(("pending", "topack", "packed", "toship", "ready_to_ship"), "paid"),
    "shipped": "shipped",
    "delivered": "delivered",
    "confirmed": "delivered",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    **dict.fromkeys(
        ("failed", "failed_delivery", "shipped_back", "shipped_back_failed"), "exception"
    ),
    "returned": RETURNED,
    "shipped_back_success": RETURNED,
    **dict.fromkeys(("lost_by_3pl", "damaged_by_3pl", "package_scrapped"), LOST),
}
"""The status of a piece; Lazada tells it for each piece. `exception`: on its way back."""

ORDER_WORDS: Mapping[str, str] = {
    "all pieces cancelled": "cancelled",
    "a word that is not known": "all words as they came",
    "a piece on its way back": "exception",
    "a piece unpaid": "unpaid",
    "all pieces returned or lost": "refunded",
    "a piece returned or lost": "refunded_partly",
    "all pieces delivered": "delivered",
    "a piece delivered": "partially_delivered",
    "all pieces shipped": "shipped",
    "anything else": "paid",
}
"""The status of an order, by the first of these that is so; cancelled pieces count no further."""

RESTOCK_WORDS: Final[Mapping[str, str]] = {RETURNED: "returned", LOST: "none"}

_ORDER_ID = field("order_id", "Lazada's id of the order, equal in order and refund.")
_CURRENCY = field("currency", "The currency of the order. All amounts are in it.")
_SKU = field("sku", "The seller's article number, exactly as it came.")
_VARIANT = field("variant_id", "Lazada's own number of the variation (shop_sku).")
_NAME = field("name", "Name of the product with its variation.")

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        field("number", "Lazada's number of the order.", required=True, longest=50),
        field("status", "One word made of the status of each piece.", required=True, longest=100),
        field("shop_status", "The words of the pieces as they came, each once."),
        _ORDER_ID,
        field("ordered_on", "The shop's day of the order.", "date"),
        UPDATED,
        field("channel", "The way of paying, in Lazada's word."),
        _CURRENCY,
        field("customer_name", "The buyer's name, which Lazada may mask."),
        field("goods_total", "The goods at the price that was paid for them.", "money"),
        field("shipping_total", "What the shipping cost the buyer.", "money"),
        field("total", "What was sold, with shipping. The lines add up to it.", "money"),
    ),
    lines=(
        POS,
        field("part", "What the line stands for: goods or shipping."),
        _SKU,
        _VARIANT,
        _NAME,
        field("qty", "Pieces sold: all that were not cancelled.", "quantity"),
        field("price", "Price of a piece before vouchers.", "money"),
        field("discount", "All vouchers on the line.", "money"),
        field("amount", "What was paid for the line.", "money"),
        field("tax_amount", "The tax of the line, where Lazada tells it.", "money"),
        field("delivered_qty", "Pieces that were delivered.", "quantity"),
        field("cancelled_qty", "Pieces that were cancelled; they count nowhere else.", "quantity"),
        field("returned_qty", "Pieces that came back.", "quantity"),
    ),
    total_field="total",
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field("number", "R- and Lazada's id of the piece.", required=True, longest=50),
        field("status", "Always refunded.", required=True, longest=100),
        field("shop_status", "The word of the piece as it came."),
        _ORDER_ID,
        field(
            "refunded_on",
            "The shop's day of the piece's latest change: it moves with each. Keep it in a group "
            "of changes that is ignored where documents are dated by it.",
            "date",
        ),
        UPDATED,
        _CURRENCY,
        field("reason", "The reason, in Lazada's words."),
        field("restock", "returned: the piece came back. none: it is lost or damaged."),
        field("total", "What was paid for the piece. The line adds up to it.", "money"),
    ),
    lines=(
        POS,
        _SKU,
        _VARIANT,
        _NAME,
        field("qty", "Always 1: each piece is a refund of its own.", "quantity"),
        field("amount", "What was paid for it.", "money"),
    ),
    total_field="total",
)

PAYOUTS = kinds_of(
    NAME,
    field("first_day", "First day of the statement.", "date"),
    field("last_day", "Last day of the statement.", "date"),
)
KINDS = (ORDER, REFUND, *PAYOUTS)
