"""The kinds of record that Shopify delivers, as data.

Here: every field with what it means. Not here: where Shopify keeps the values.
"""

from connectors.contract.schema import KindSchema
from connectors.kit.shops.kind_fields import POS, UPDATED, field
from connectors.kit.shops.payouts import kinds_of

NAME = "shopify"


_LINE_ID = field("line_id", "Shopify's id of the order line. It ties the three kinds together.")
_ORDER_ID = field("order_id", "Shopify's id of the order, equal in order, delivery and refund.")
_CURRENCY = field("currency", "The shop's currency. All amounts are in it.")
_PART = "What the line stands for: "

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        field("number", "The name of the order, such as #1042.", required=True, longest=50),
        field(
            "status",
            "One word made of payment, fulfilment and cancellation.",
            required=True,
            longest=100,
        ),
        _ORDER_ID,
        field("financial_status", "How far it is paid, in Shopify's word."),
        field("fulfillment_status", "How far it is sent, in Shopify's word. Blank: nothing yet."),
        field("ordered_on", "The shop's day of the order.", "date"),
        field("cancelled_at", "Moment of the cancellation.", "moment"),
        UPDATED,
        field("channel", "Where it was sold, such as web or pos."),
        _CURRENCY,
        field("buyer_currency", "The currency that the buyer was shown and paid in."),
        field("customer", "Shopify's id of the customer."),
        field("customer_name", "Company of the billing address, otherwise the person's name."),
        field("email", "E-mail address of the order."),
        field("phone", "Telephone number of the order or of the billing address."),
        field("tin", "What the buyer wrote into the order's note attribute TIN."),
        field("address", "Billing address in one line, otherwise the shipping address."),
        field("taxes_included", "Whether prices and amounts hold their tax.", "yesno"),
        field("subtotal", "Goods less discounts, as Shopify states it.", "money"),
        field("discount_total", "All discounts, as Shopify states it.", "money"),
        field("tax_total", "All tax, as Shopify states it. The lines add up to it.", "money"),
        field("total", "What was sold, with tax. The lines add up to it.", "money"),
        field("current_total", "What is left of it after edits and refunds.", "money"),
    ),
    lines=(
        POS,
        _LINE_ID,
        field("part", f"{_PART}goods, gift_card, shipping, tip, duty or fee."),
        field("sku", "The shop's article number, exactly as it came."),
        field("variant_id", "Shopify's id of the variant."),
        field("name", "Title with the variant, or the name of the shipping."),
        field("qty", "Pieces sold: what is there now and what was refunded.", "quantity"),
        field("price", "Price of a piece before discounts.", "money"),
        field("discount", "All discounts on the line, its share of the order's too.", "money"),
        field("amount", "Quantity times price less discount.", "money"),
        field("tax", "The name of the tax, such as SST. Several are joined with +."),
        field("tax_rate", "The rates of these taxes together: 0.1 is 10%.", "decimal"),
        field("tax_amount", "The tax of the line.", "money"),
        field("delivered_qty", "Pieces in fulfilments that succeeded.", "quantity"),
        field("refunded_qty", "Pieces in refunds.", "quantity"),
        field("returned_qty", "Of these, pieces that came back into the stock.", "quantity"),
    ),
    total_field="total",
    tax_field="tax_total",
)

DELIVERY = KindSchema(
    source=NAME,
    kind="delivery",
    fields=(
        field("number", "The name of the fulfilment, such as #1042.1.", required=True, longest=50),
        field("status", "Shopify's word. Only success is sent.", required=True, longest=100),
        _ORDER_ID,
        field("delivered_on", "The shop's day of the fulfilment.", "date"),
        UPDATED,
        field("carrier", "Who carries it."),
        field("tracking_number", "The carrier's number."),
    ),
    lines=(
        POS,
        _LINE_ID,
        field("sku", "The shop's article number, exactly as it came."),
        field("name", "Title with the variant."),
        field("qty", "Pieces sent.", "quantity"),
    ),
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field("number", "R- and Shopify's id of the refund.", required=True, longest=50),
        field(
            "status",
            "refunded: the money went back. pending, failed: not yet, not at all. "
            "removed: lines were taken off the order, and no money went back.",
            required=True,
            longest=100,
        ),
        _ORDER_ID,
        field("refunded_on", "The shop's day of the refund.", "date"),
        UPDATED,
        _CURRENCY,
        field("reason", "The note on the refund."),
        field(
            "restock",
            "returned, cancelled, none or unknown where all lines of goods agree, otherwise mixed. "
            "Without goods: none.",
        ),
        field("taxes_included", "Whether the lines' amounts hold their tax.", "yesno"),
        field("tax_total", "All tax of the refund.", "money"),
        field("total", "What was given back, with tax. The lines add up to it.", "money"),
        field("paid_back", "Money that really went back, in the shop's currency.", "money"),
    ),
    lines=(
        POS,
        _LINE_ID,
        field("part", f"{_PART}goods, shipping or adjustment."),
        field("sku", "The shop's article number, exactly as it came."),
        field("name", "Title with the variant, or the reason of an adjustment."),
        field("qty", "Pieces refunded; 1 for shipping and adjustments.", "quantity"),
        field("amount", "What is given back for the line.", "money"),
        field("tax", "The name of the tax, such as SST. Several are joined with +."),
        field("tax_amount", "The tax of it.", "money"),
        field(
            "restock",
            "returned: came back into the stock. cancelled: never left it. none: did not come "
            "back. unknown: Shopify does not say.",
        ),
    ),
    total_field="total",
    tax_field="tax_total",
)

PAYOUTS = kinds_of(NAME)
KINDS = (ORDER, DELIVERY, REFUND, *PAYOUTS)
