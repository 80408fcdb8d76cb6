"""What an order's several words of Shopify come to in one, and what became of returned goods.

Here: the two lists. Not here: which status may be posted: that is for the rules.
"""

from collections.abc import Mapping

UNPAID = ("authorized", "pending", "partially_paid", "voided", "expired")

STATUS_WORDS: Mapping[str, str] = {
    "deleted (orders/delete)": "deleted",
    "cancelled_at is set": "cancelled",
    "refunded": "refunded",
    "partially_refunded": "refunded_partly",
    "paid and fulfilled": "delivered",
    "paid and partial": "partially_delivered",
    "paid, nothing sent": "paid",
    **dict.fromkeys(UNPAID, "unpaid"),
}
"""The status of an order, by the first of these that is so."""

_PAID = {"fulfilled": "delivered", "partial": "partially_delivered", "": "paid"}

RESTOCK_WORDS: Mapping[str, str] = {
    "return": "returned",
    "cancel": "cancelled",
    "no_restock": "none",
    "legacy_restock": "unknown",
}
"""What became of the goods of a refund line. Only `returned` came back into the stock after it had
left; `cancelled` never left; of `unknown` Shopify cannot tell.
"""


def order_status(cancelled: bool, financial: str, fulfillment: str) -> str:
    """The one word; "" without a word of payment. What is not in the list is told with both words
    of Shopify's, so that no rule takes it for a word it knows: `paid, restocked`.
    """
    if cancelled:
        return "cancelled"
    if financial == "paid" and fulfillment in _PAID:
        return _PAID[fulfillment]
    if financial in STATUS_WORDS:
        return STATUS_WORDS[financial]
    return f"{financial}, {fulfillment or 'nothing sent'}" if financial else ""


def restock(word: str) -> str:
    """What became of the goods; an unknown word stays as it came, no word is `unknown`."""
    return RESTOCK_WORDS.get(word, word) or "unknown"
