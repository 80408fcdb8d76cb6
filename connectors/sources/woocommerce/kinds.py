"""Define, as data, the record kinds of WooCommerce with the meaning of each field.

It is a module of its own because the fields read like a table, and the connector is long.
"""

from connectors.contract.schema import KindSchema
from connectors.kit.shops.payload_parts import part_field
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
            "status",
            "WooCommerce's word, of an extension too; `cancelled, money kept` for a cancelled order"
            " that was paid and whose money did not all go back, or whose amounts cannot be read.",
            required=True,
            longest=100,
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
        field_schema(
            "total",
            "What was sold, with tax: paid by gift cards, too. Refunds do not change it.",
            "money",
        ),
        field_schema(
            "difference",
            "What lines and tax leave of the total beyond rounding. It is a line of its own.",
            "money",
        ),
        field_schema("discount_total", "All coupons, without tax. The lines hold them.", "money"),
        field_schema(
            "gift_card_paid", "What gift cards paid of it: a payment, and no discount.", "money"
        ),
        field_schema("refunded_total", "What was given back so far, with tax.", "money"),
        field_schema(
            "refund_ids",
            "Ids of its refunds, or none. One that is not listed any more was deleted in the shop.",
        ),
        field_schema(
            "prices_include_tax",
            "Whether the shop's prices hold their tax. Amounts here never do.",
            "yesno",
        ),
    ),
    lines=(
        POS,
        field_schema("line_id", "WooCommerce's id of the line."),
        part_field("goods", "shipping", "fee", "rounding", "adjustment"),
        field_schema(
            "sku",
            "The shop's article number as it came. SHIPPING, FEE, ROUNDING and ADJUSTMENT are "
            "ours.",
        ),
        field_schema(
            "variant_id",
            "WooCommerce's id of the variation, otherwise of the product; blank: it was deleted.",
        ),
        field_schema("name", "Name of the goods, of the way of shipping, of the fee."),
        field_schema("qty", "Pieces sold; 1 for shipping, fees and rounding.", "quantity"),
        field_schema("price", "Price of a piece before coupons, without tax.", "money"),
        field_schema("discount", "All coupons on the line, without tax.", "money"),
        field_schema("amount", "What the line comes to, without tax.", "money"),
        field_schema(
            "tax",
            "The code of its tax rate, such as MY-SST-1; several are joined with +. "
            "Without any: none, and its tax class.",
        ),
        field_schema("tax_rate", "The rates of these taxes together: 0.1 is 10%.", "decimal"),
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
        field_schema(
            "status", "refunded; deleted: its order lists it no more.", required=True, longest=100
        ),
        _ORDER_ID,
        field_schema("order_number", "The number of its order."),
        field_schema(
            "refunded_on",
            "The shop's day of the refund; from a webhook alone, the day of the order's change.",
            "date",
        ),
        _CURRENCY,
        _CUSTOMER,
        _CUSTOMER_NAME,
        field_schema("reason", "What the shop wrote beside it."),
        field_schema("restock", "Always unknown: WooCommerce does not say if goods came back."),
        field_schema(
            "lines_known",
            "Whether the shop listed its lines. A webhook has the amount alone.",
            "yesno",
        ),
        field_schema("total", "What was given back, with tax.", "money"),
    ),
    lines=(
        POS,
        field_schema("line_id", "WooCommerce's id of the order's line."),
        part_field("goods", "shipping", "fee", "rounding", "adjustment"),
        field_schema(
            "sku", "The shop's article number as it came. SHIPPING, FEE and ADJUSTMENT are ours."
        ),
        field_schema(
            "variant_id",
            "WooCommerce's id of the variation, otherwise of the product; blank: it was deleted.",
        ),
        field_schema("name", "Name of the goods, of the way of shipping, of the fee."),
        field_schema("qty", "Pieces given back; 1 for all but goods.", "quantity"),
        field_schema("price", "Price of a piece before coupons, without tax.", "money"),
        field_schema("discount", "Coupons on the line, where all of the order went back.", "money"),
        field_schema("amount", "What the line gives back, without tax.", "money"),
        field_schema("tax", "The code of its tax rate, as in an order."),
        field_schema("tax_rate", "The rates of these taxes together: 0.1 is 10%.", "decimal"),
        field_schema("tax_amount", "The tax that the line gives back.", "money"),
    ),
    total_field="total",
)

KINDS = (ORDER, REFUND)
