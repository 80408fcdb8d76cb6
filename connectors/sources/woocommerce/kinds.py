"""Define, as data, the record kinds of WooCommerce with the meaning of each field."""

from connectors.contract.schema import KindSchema
from connectors.kit.shops.payouts import POS, UPDATED, field

NAME = "woocommerce"


_ORDER_ID = field("order_id", "WooCommerce's id of the order, equal in order and refund.")
_CURRENCY = field("currency", "The currency of the order. All amounts are in it.")
_CUSTOMER = field("customer", "WooCommerce's id of the customer, or guest.")
_CUSTOMER_NAME = field(
    "customer_name", "Company of the billing address, otherwise the person's name."
)

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        field("number", "The number that the buyer knows.", required=True, longest=50),
        field("status", "WooCommerce's word, of an extension too.", required=True, longest=100),
        _ORDER_ID,
        field("ordered_on", "The shop's day of the order.", "date"),
        field("paid_at", "Moment of the payment. Blank: not paid.", "moment"),
        UPDATED,
        field("channel", "The way of paying, in the shop's word, such as fpx."),
        _CURRENCY,
        _CUSTOMER,
        _CUSTOMER_NAME,
        field("email", "E-mail address of the billing address."),
        field("phone", "Telephone number of the billing address."),
        field("address", "Billing address in one line."),
        field("subtotal", "The total less its tax: goods, shipping and fees.", "money"),
        field("tax_total", "All tax. The lines add up to it.", "money"),
        field("total", "What was sold, with tax. Refunds do not change it.", "money"),
        field("discount_total", "All coupons, without tax. The lines hold them.", "money"),
        field("refunded_total", "What was given back so far, with tax.", "money"),
    ),
    lines=(
        POS,
        field("line_id", "WooCommerce's id of the line."),
        field("part", "What the line stands for: goods, shipping or fee."),
        field("sku", "The shop's article number as it came. SHIPPING and FEE are ours."),
        field("variant_id", "WooCommerce's id of the variation, otherwise of the product."),
        field("name", "Name of the goods, of the way of shipping, of the fee."),
        field("qty", "Pieces sold; 1 for shipping and fees.", "quantity"),
        field("price", "Price of a piece before coupons, without tax.", "money"),
        field("discount", "All coupons on the line, without tax.", "money"),
        field("amount", "What the line comes to, without tax.", "money"),
        field(
            "tax",
            "The code of its tax rate, such as MY-SST-1; several are joined with +. "
            "Without any: none, and its tax class.",
        ),
        field("tax_amount", "The tax of the line.", "money"),
    ),
    total_field="total",
    tax_field="tax_total",
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field("number", "R- and WooCommerce's id of the refund.", required=True, longest=50),
        field("status", "Always refunded.", required=True, longest=100),
        _ORDER_ID,
        field("order_number", "The number of its order."),
        _CURRENCY,
        _CUSTOMER,
        _CUSTOMER_NAME,
        field("reason", "What the shop wrote beside it."),
        field("restock", "Always unknown: WooCommerce does not say if goods came back."),
        field("total", "What was given back, with tax.", "money"),
    ),
    total_field="total",
)

KINDS = (ORDER, REFUND)
