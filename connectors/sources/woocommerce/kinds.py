"""Define, as data, the record kinds of WooCommerce with the meaning of each field.

It is a module of its own because the fields read like a table, and the connector is long.
"""

from connectors.contract.schema import KindSchema
from connectors.kit.shops.payouts import POS, UPDATED, field_schema

NAME = "woocommerce"


_ORDER_ID = field_schema("order_id", "WooCommerce's id of the order, equal in order and refund.")
_CURRENCY = field_schema("currency", "The currency of the order. All amounts are in it.")
_CUSTOMER = field_schema("customer", "WooCommerce's id of the customer, or guest.")
_CUSTOMER_NAME = field_schema(
    "customer_name", "Company of the billing address, otherwise the person's name."
)

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        field_schema("number", "The number that the buyer knows.", required=True, longest=50),
        field_schema(
            "status", "WooCommerce's word, of an extension too.", required=True, longest=100
        ),
        _ORDER_ID,
        field_schema("ordered_on", "The shop's day of the order.", "date"),
        field_schema("paid_at", "Moment of the payment. Blank: not paid.", "moment"),
        UPDATED,
        field_schema("channel", "The way of paying, in the shop's word, such as fpx."),
        _CURRENCY,
        _CUSTOMER,
        _CUSTOMER_NAME,
        field_schema("email", "E-mail address of the billing address."),
        field_schema("phone", "Telephone number of the billing address."),
        field_schema("address", "Billing address in one line."),
        field_schema("subtotal", "The total less its tax: goods, shipping and fees.", "money"),
        field_schema("tax_total", "All tax. The lines add up to it.", "money"),
        field_schema("total", "What was sold, with tax. Refunds do not change it.", "money"),
        field_schema("discount_total", "All coupons, without tax. The lines hold them.", "money"),
        field_schema("refunded_total", "What was given back so far, with tax.", "money"),
    ),
    lines=(
        POS,
        field_schema("line_id", "WooCommerce's id of the line."),
        field_schema("part", "What the line stands for: goods, shipping or fee."),
        field_schema("sku", "The shop's article number as it came. SHIPPING and FEE are ours."),
        field_schema("variant_id", "WooCommerce's id of the variation, otherwise of the product."),
        field_schema("name", "Name of the goods, of the way of shipping, of the fee."),
        field_schema("qty", "Pieces sold; 1 for shipping and fees.", "quantity"),
        field_schema("price", "Price of a piece before coupons, without tax.", "money"),
        field_schema("discount", "All coupons on the line, without tax.", "money"),
        field_schema("amount", "What the line comes to, without tax.", "money"),
        field_schema(
            "tax",
            "The code of its tax rate, such as MY-SST-1; several are joined with +. "
            "Without any: none, and its tax class.",
        ),
        field_schema("tax_amount", "The tax of the line.", "money"),
    ),
    total_field="total",
    tax_field="tax_total",
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field_schema("number", "R- and WooCommerce's id of the refund.", required=True, longest=50),
        field_schema("status", "Always refunded.", required=True, longest=100),
        _ORDER_ID,
        field_schema("order_number", "The number of its order."),
        _CURRENCY,
        _CUSTOMER,
        _CUSTOMER_NAME,
        field_schema("reason", "What the shop wrote beside it."),
        field_schema("restock", "Always unknown: WooCommerce does not say if goods came back."),
        field_schema("total", "What was given back, with tax.", "money"),
    ),
    total_field="total",
)

KINDS = (ORDER, REFUND)
