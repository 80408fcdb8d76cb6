"""The kinds of record that Shopify delivers, as data.

Here: every field with what it means. Not here: where Shopify keeps the values.
"""

from connectors.contract.schema import FieldSchema, FieldType, KindSchema

NAME = "shopify"


def _field(
    name: str,
    meaning: str,
    type: FieldType = "text",  # noqa: A002
    *,
    required: bool = False,
    longest: int | None = None,
) -> FieldSchema:
    return FieldSchema(name=name, type=type, required=required, max_length=longest, meaning=meaning)


_POS = _field("pos", "Number of the line in the record.", "whole", required=True)
_LINE_ID = _field("line_id", "Shopify's id of the order line. It ties the three kinds together.")
_ORDER_ID = _field("order_id", "Shopify's id of the order, equal in order, delivery and refund.")
_UPDATED = _field("updated_at", "Moment of this state. The later one counts.", "moment")
_CURRENCY = _field("currency", "The shop's currency. All amounts are in it.")
_PART = "What the line stands for: "

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        _field("number", "The name of the order, such as #1042.", required=True, longest=50),
        _field(
            "status",
            "One word made of payment, fulfilment and cancellation.",
            required=True,
            longest=100,
        ),
        _ORDER_ID,
        _field("financial_status", "How far it is paid, in Shopify's word."),
        _field("fulfillment_status", "How far it is sent, in Shopify's word. Blank: nothing yet."),
        _field("ordered_on", "The shop's day of the order.", "date"),
        _field("cancelled_at", "Moment of the cancellation.", "moment"),
        _UPDATED,
        _field("channel", "Where it was sold, such as web or pos."),
        _CURRENCY,
        _field("buyer_currency", "The currency that the buyer was shown and paid in."),
        _field("customer", "Shopify's id of the customer."),
        _field("customer_name", "Company of the billing address, otherwise the person's name."),
        _field("email", "E-mail address of the order."),
        _field("phone", "Telephone number of the order or of the billing address."),
        _field("tin", "What the buyer wrote into the order's note attribute TIN."),
        _field("address", "Billing address in one line, otherwise the shipping address."),
        _field("taxes_included", "Whether prices and amounts hold their tax.", "yesno"),
        _field("subtotal", "Goods less discounts, as Shopify states it.", "money"),
        _field("discount_total", "All discounts, as Shopify states it.", "money"),
        _field("tax_total", "All tax, as Shopify states it. The lines add up to it.", "money"),
        _field("total", "What was sold, with tax. The lines add up to it.", "money"),
        _field("current_total", "What is left of it after edits and refunds.", "money"),
    ),
    lines=(
        _POS,
        _LINE_ID,
        _field("part", f"{_PART}goods, gift_card, shipping, tip, duty or fee."),
        _field("sku", "The shop's article number, exactly as it came."),
        _field("variant_id", "Shopify's id of the variant."),
        _field("name", "Title with the variant, or the name of the shipping."),
        _field("qty", "Pieces sold: what is there now and what was refunded.", "quantity"),
        _field("price", "Price of a piece before discounts.", "money"),
        _field("discount", "All discounts on the line, its share of the order's too.", "money"),
        _field("amount", "Quantity times price less discount.", "money"),
        _field("tax", "The name of the tax, such as SST. Several are joined with +."),
        _field("tax_rate", "The rates of these taxes together: 0.1 is 10%.", "decimal"),
        _field("tax_amount", "The tax of the line.", "money"),
        _field("delivered_qty", "Pieces in fulfilments that succeeded.", "quantity"),
        _field("refunded_qty", "Pieces in refunds.", "quantity"),
        _field("returned_qty", "Of these, pieces that came back into the stock.", "quantity"),
    ),
    total_field="total",
    tax_field="tax_total",
)

DELIVERY = KindSchema(
    source=NAME,
    kind="delivery",
    fields=(
        _field("number", "The name of the fulfilment, such as #1042.1.", required=True, longest=50),
        _field("status", "Shopify's word. Only success is sent.", required=True, longest=100),
        _ORDER_ID,
        _field("delivered_on", "The shop's day of the fulfilment.", "date"),
        _UPDATED,
        _field("carrier", "Who carries it."),
        _field("tracking_number", "The carrier's number."),
    ),
    lines=(
        _POS,
        _LINE_ID,
        _field("sku", "The shop's article number, exactly as it came."),
        _field("name", "Title with the variant."),
        _field("qty", "Pieces sent.", "quantity"),
    ),
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        _field("number", "R- and Shopify's id of the refund.", required=True, longest=50),
        _field(
            "status",
            "refunded: the money went back. pending, failed: not yet, not at all. "
            "removed: lines were taken off the order, and no money went back.",
            required=True,
            longest=100,
        ),
        _ORDER_ID,
        _field("refunded_on", "The shop's day of the refund.", "date"),
        _UPDATED,
        _CURRENCY,
        _field("reason", "The note on the refund."),
        _field(
            "restock",
            "returned, cancelled, none or unknown where all lines of goods agree, otherwise mixed. "
            "Without goods: none.",
        ),
        _field("taxes_included", "Whether the lines' amounts hold their tax.", "yesno"),
        _field("tax_total", "All tax of the refund.", "money"),
        _field("total", "What was given back, with tax. The lines add up to it.", "money"),
        _field("paid_back", "Money that really went back, in the shop's currency.", "money"),
    ),
    lines=(
        _POS,
        _LINE_ID,
        _field("part", f"{_PART}goods, shipping or adjustment."),
        _field("sku", "The shop's article number, exactly as it came."),
        _field("name", "Title with the variant, or the reason of an adjustment."),
        _field("qty", "Pieces refunded; 1 for shipping and adjustments.", "quantity"),
        _field("amount", "What is given back for the line.", "money"),
        _field("tax", "The name of the tax, such as SST. Several are joined with +."),
        _field("tax_amount", "The tax of it.", "money"),
        _field(
            "restock",
            "returned: came back into the stock. cancelled: never left it. none: did not come "
            "back. unknown: Shopify does not say.",
        ),
    ),
    total_field="total",
    tax_field="tax_total",
)

KINDS = (ORDER, DELIVERY, REFUND)
