"""The kinds of record that WooCommerce delivers, as data.

Here: every field with what it means. Not here: where WooCommerce keeps the values (orders.py).
"""

from connectors.contract.schema import FieldSchema, FieldType, KindSchema

NAME = "woocommerce"


def _field(
    name: str,
    meaning: str,
    type: FieldType = "text",  # noqa: A002
    *,
    required: bool = False,
    longest: int | None = None,
) -> FieldSchema:
    return FieldSchema(name=name, type=type, required=required, max_length=longest, meaning=meaning)


_ORDER_ID = _field("order_id", "WooCommerce's id of the order, equal in order and refund.")
_CURRENCY = _field("currency", "The currency of the order. All amounts are in it.")
_CUSTOMER = _field("customer", "WooCommerce's id of the customer, or guest.")
_CUSTOMER_NAME = _field(
    "customer_name", "Company of the billing address, otherwise the person's name."
)

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        _field("number", "The number that the buyer knows.", required=True, longest=50),
        _field("status", "WooCommerce's word, of an extension too.", required=True, longest=100),
        _ORDER_ID,
        _field("ordered_on", "The shop's day of the order.", "date"),
        _field("paid_at", "Moment of the payment. Blank: not paid.", "moment"),
        _field("updated_at", "Moment of this state. The later one counts.", "moment"),
        _field("channel", "The way of paying, in the shop's word, such as fpx."),
        _CURRENCY,
        _CUSTOMER,
        _CUSTOMER_NAME,
        _field("email", "E-mail address of the billing address."),
        _field("phone", "Telephone number of the billing address."),
        _field("address", "Billing address in one line."),
        _field("subtotal", "The total less its tax: goods, shipping and fees.", "money"),
        _field("tax_total", "All tax. The lines add up to it.", "money"),
        _field("total", "What was sold, with tax. Refunds do not change it.", "money"),
        _field("discount_total", "All coupons, without tax. The lines hold them.", "money"),
        _field("refunded_total", "What was given back so far, with tax.", "money"),
    ),
    lines=(
        _field("pos", "Number of the line in the record.", "whole", required=True),
        _field("line_id", "WooCommerce's id of the line."),
        _field("part", "What the line stands for: goods, shipping or fee."),
        _field("sku", "The shop's article number as it came. SHIPPING and FEE are ours."),
        _field("variant_id", "WooCommerce's id of the variation, otherwise of the product."),
        _field("name", "Name of the goods, of the way of shipping, of the fee."),
        _field("qty", "Pieces sold; 1 for shipping and fees.", "quantity"),
        _field("price", "Price of a piece before coupons, without tax.", "money"),
        _field("discount", "All coupons on the line, without tax.", "money"),
        _field("amount", "What the line comes to, without tax.", "money"),
        _field(
            "tax",
            "The code of its tax rate, such as MY-SST-1; several are joined with +. "
            "Without any: none, and its tax class.",
        ),
        _field("tax_amount", "The tax of the line.", "money"),
    ),
    total_field="total",
    tax_field="tax_total",
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        _field("number", "R- and WooCommerce's id of the refund.", required=True, longest=50),
        _field("status", "Always refunded.", required=True, longest=100),
        _ORDER_ID,
        _field("order_number", "The number of its order."),
        _CURRENCY,
        _CUSTOMER,
        _CUSTOMER_NAME,
        _field("reason", "What the shop wrote beside it."),
        _field("restock", "Always unknown: WooCommerce does not say if goods came back."),
        _field("total", "What was given back, with tax.", "money"),
    ),
    total_field="total",
)

KINDS = (ORDER, REFUND)
