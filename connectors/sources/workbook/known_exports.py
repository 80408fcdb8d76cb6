"""Define the headings of well-known exports, and the columns of an order that match none of its
fields.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

EXTRA: Final = "+"
"""Before the name of a column that becomes a line, or a part of another field."""

EXTRAS: Final[Mapping[str, tuple[str, str]]] = {
    "+shipping": (
        "Shipping of the order",
        (
            "shipping, shipping fee, shipping cost, shipping charge, delivery fee, postage, "
            "delivery, delivery charge, delivery charges, shipping charges, freight"
        ),
    ),
    "+shipping_name": ("Shipping method", "shipping method, delivery method, courier"),
    "+shipping_tax": ("Tax type of the shipping", "shipping tax type, shipping tax code"),
    "+shipping_tax_amount": ("Tax on the shipping", "shipping tax, shipping tax amount"),
    "+line_shipping": ("Shipping of the line", "line shipping"),
    "+order_discount": (
        "Discount of the order",
        "order discount, total discount, discount total, cart discount, voucher, coupon discount",
    ),
    "+more_discount": ("Further discount of the order", "further discount"),
    "+fee": ("Fee that the buyer pays", "order fee, handling fee, packing fee, surcharge"),
    "+duty": ("Duty", "duties, import duty"),
    "+tip": ("Tip", "gratuity"),
    "+platform_voucher": ("Voucher that the marketplace bears", "platform voucher"),
    "+platform_coins": ("Coins that the marketplace bears", "coins offset"),
    "+platform_bundle": ("Bundle discount that the marketplace bears", "platform bundle discount"),
    "+platform_card": ("Card discount that the marketplace bears", "card discount"),
    "+platform_rebate": ("Rebate that the marketplace bears", "platform rebate"),
    "+first_name": ("First name of the customer", "first name"),
    "+last_name": ("Last name of the customer", "last name, surname"),
    "+company": ("Company of the customer", "customer company, billing company"),
    "+order_tax": ("Tax name of the order", "tax name"),
    "+cancelled_at": ("Cancelled at", "cancelled on, date cancelled"),
    "+refunded": ("Refunded amount", "refunded amount, refund amount, amount refunded"),
    "+line_total": ("Amount of the line", "line total, line amount, amount, amt"),
    "+line_taxable": ("Taxable line", "taxable"),
    "+packed_item": ("Item with its quantity and total in one cell", "packed item"),
}
"""Name -> its label and its usual headings, for orders whose lines are in the same rows."""

PACKED: Final = "+packed_item"
"""Columns that each hold a whole item, such as `name:Tea|sku:TEA-1|quantity:2|total:30.00`."""

_MOST_PACKED: Final = 500  # columns; an order with more items is held, as its sum differs

PACKED_PARTS: Final = {
    "name": "name",
    "sku": "sku",
    "quantity": "qty",
    "total": "+line_total",
}
"""Part of a packed item -> the field of the line that it fills."""

PACKED_WORDS: Final = frozenset(
    {"product_id", "variation_id", "sub_total", "subtotal", "subtotal_tax", "total_tax", "tax"}
    | {"refunded", "refunded_qty", "meta", "id", "tax_data", "tax_class", *PACKED_PARTS}
)
"""Words before the colon of a packed item's parts; a name may hold the signs between them."""

SUMMED: Final = frozenset({"+line_shipping", "+platform_rebate"})
"""Columns of each row that together are one amount of the order."""

WEAK_HEADINGS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("invoiceno", "invno"), 1),
    **dict.fromkeys(("no", "bil", "sn"), 2),
}
"""Headings that name a record only where no column has its own number: that of an invoice (1), and
last a running number (2).
"""

SECOND_MEANINGS: Final = {"customer": "customer_name"}
"""Heading -> its field where another column fills its first: a code beside `Customer`."""

_SHOPIFY: Final = {
    "id": "id",
    "name": "number",
    "financialstatus": "status",
    "paidat": "paid_at",
    "currency": "currency",
    "subtotal": "subtotal",
    "shipping": "+shipping",
    "taxes": "tax_total",
    "total": "total",
    "discountamount": "+order_discount",
    "shippingmethod": "+shipping_name",
    "createdat": "ordered_on",
    "lineitemquantity": "qty",
    "lineitemname": "name",
    "lineitemprice": "price",
    "lineitemsku": "sku",
    "lineitemtaxable": "+line_taxable",
    "lineitemdiscount": "discount",
    "billingname": "customer_name",
    "billingcompany": "+company",
    "billingstreet": "address",
    "email": "email",
    "phone": "phone",
    "cancelledat": "+cancelled_at",
    "paymentmethod": "channel",
    "refundedamount": "+refunded",
    "tax1name": "+order_tax",
    "duties": "+duty",
}

_WOO_ADVANCED: Final = {
    "orderid": "id",
    "ordernumber": "number",
    "orderstatus": "status",
    "orderdate": "ordered_on",
    "paiddate": "paid_at",
    "currency": "currency",
    "ordercurrency": "currency",
    "customeruserid": "customer",
    "firstnamebilling": "+first_name",
    "lastnamebilling": "+last_name",
    "companybilling": "+company",
    "emailbilling": "email",
    "phonebilling": "phone",
    "address12billing": "address",
    "paymentmethodtitle": "channel",
    "cartdiscountamount": "+order_discount",
    "ordersubtotalamount": "subtotal",
    "shippingmethodtitle": "+shipping_name",
    "ordershippingamount": "+shipping",
    "ordershippingtaxamount": "+shipping_tax_amount",
    "orderfeeamount": "+fee",
    "orderrefundamount": "+refunded",
    "ordertotalamount": "total",
    "ordertotaltaxamount": "tax_total",
    "sku": "sku",
    "item": "pos",
    "itemname": "name",
    "itemnamelocalized": "name",
    "quantity": "qty",
    "quantityrefund": "qty",
    "itemcost": "price",
    "orderlinetotal": "+line_total",
    "orderlinetax": "tax_amount",
    "couponcode": "",
    "discountamount": "",
    "discountamounttax": "",
    "customernote": "",
}

_WOO_ITEMS: Final = {
    "orderid": "id",
    "ordernumber": "number",
    "ordernumberformatted": "number",
    "status": "status",
    "orderstatus": "status",
    "date": "ordered_on",
    "orderdate": "ordered_on",
    "paiddate": "paid_at",
    "datepaid": "paid_at",
    "ordercurrency": "currency",
    "shippingtotal": "+shipping",
    "shippingtaxtotal": "+shipping_tax_amount",
    "shippingmethod": "+shipping_name",
    "feetotal": "+fee",
    "taxtotal": "tax_total",
    "carttax": "",
    "discounttotal": "+order_discount",
    "cartdiscount": "",
    "orderdiscount": "",
    "ordertotal": "total",
    "ordersubtotal": "subtotal",
    "refundedtotal": "+refunded",
    "paymentmethodtitle": "channel",
    "paymentmethod": "channel",
    "customerid": "customer",
    "billingfirstname": "+first_name",
    "billinglastname": "+last_name",
    "billingcompany": "+company",
    "billingemail": "email",
    "billingphone": "phone",
    "billingaddress1": "address",
    "itemname": "name",
    "itemsku": "sku",
    "itemquantity": "qty",
    "itemtotal": "+line_total",
    "itemsubtotal": "",
    "itemsubtotaltax": "",
    "itemtotaltax": "tax_amount",
    "itemprice": "price",
}

_WOO_PACKED: Final = {
    **_WOO_ITEMS,
    "id": "id",
    "ordernumber": "number",
    "lineitems": PACKED,
    **{f"lineitem{number}": PACKED for number in range(1, _MOST_PACKED + 1)},
}
"""The plugin “Order Export & Order Import for WooCommerce” writes a row an order, with an item in
each of the columns `line_item_1`, `line_item_2`, … (`admin/modules/order/export/export.php` of the
plugin; its columns: woocommerce.com/document/import-and-export-of-woocommerce-orders). Others write
all items in `line_items`, with a semicolon between them.
"""

_SHOPEE: Final = {
    "orderid": "number",
    "orderstatus": "status",
    "ordercreationdate": "ordered_on",
    "orderpaidtime": "paid_at",
    "productname": "name",
    "skureferenceno": "sku",
    "dealprice": "price",
    "originalprice": "",
    "quantity": "qty",
    "productsubtotal": "+line_total",
    "sellervoucher": "+order_discount",
    "sellerbundlediscount": "+more_discount",
    "shopeevoucher": "+platform_voucher",
    "shopeecoinsoffset": "+platform_coins",
    "shopeebundlediscount": "+platform_bundle",
    "creditcarddiscounttotal": "+platform_card",
    "shopeerebate": "+platform_rebate",
    "buyerpaidshippingfee": "+shipping",
    "shippingfeepaidbybuyer": "+shipping",
    "shippingoption": "+shipping_name",
    "grandtotal": "total",
    "usernamebuyer": "customer",
    "receivername": "customer_name",
    "deliveryaddress": "address",
    "paymentmethod": "channel",
    "servicefee": "",
    "transactionfee": "",
    "commissionfee": "",
}

_LAZADA: Final = {
    "orderitemid": "line_id",
    "ordernumber": "number",
    "status": "status",
    "createtime": "ordered_on",
    "updatetime": "",
    "sellersku": "sku",
    "itemname": "name",
    "unitprice": "price",
    "sellerdiscounttotal": "discount",
    "paidprice": "",
    "shippingfee": "+line_shipping",
    "customername": "customer_name",
    "lazadaid": "",
    "paymethod": "channel",
    "shippingname": "",
    "billingaddr": "address",
}


CANCELLED: Final = frozenset({"canceled", "cancelled"})
"""The status of a row that is a piece which was cancelled before it was sent."""


@dataclass(frozen=True, slots=True)
class KnownExport:
    """An export format that many shops use: its name, its identifying headings and the field of
    each.

    `marks` are headings that together occur only in this export. A blank field means that the
    column is not read. Headings are written without blanks, signs and capitals. `row_is_piece`:
    each row is a single piece, and no column holds the order's total. `unit`: the unit of its
    quantities. `marketplace`: the name is a marketplace, which may issue the e-Invoices of these
    sales.
    """

    name: str
    marks: tuple[Collection[str], ...]
    fields: Mapping[str, str]
    row_is_piece: bool = False
    unit: str = "PCS"
    marketplace: bool = False


KNOWN_EXPORTS: Final = (
    KnownExport("Shopify", ({"name"}, {"financialstatus"}, {"lineitemname"}), _SHOPIFY),
    KnownExport(
        "WooCommerce",
        ({"ordernumber"}, {"ordertotalamount"}, {"itemname", "itemcost", "itemnamelocalized"}),
        _WOO_ADVANCED,
    ),
    KnownExport(
        "WooCommerce",
        (
            {"ordernumber", "ordernumberformatted", "orderid"},
            {"ordertotal"},
            {"itemname", "itemsku"},
            {"itemquantity"},
        ),
        _WOO_ITEMS,
    ),
    KnownExport(
        "WooCommerce",
        (
            {"ordernumber", "orderid"},
            {"ordertotal"},
            {"lineitem1", "lineitems"},
        ),
        _WOO_PACKED,
    ),
    KnownExport(
        "Shopee",
        ({"orderid"}, {"dealprice"}, {"skureferenceno", "productname"}),
        _SHOPEE,
        marketplace=True,
    ),
    KnownExport(
        "Lazada",
        ({"orderitemid"}, {"ordernumber"}, {"sellersku"}, {"unitprice"}),
        _LAZADA,
        row_is_piece=True,
        marketplace=True,
    ),
)


def recognize_export(headings: Collection[str]) -> KnownExport | None:
    """Return the export with these headings, as `bare_heading` writes them."""
    present = {bare_heading(heading) for heading in headings}
    for export in KNOWN_EXPORTS:
        if all(not present.isdisjoint(mark) for mark in export.marks):
            return export
    return None


def bare_heading(text: str) -> str:
    """Return letters and digits in one case: `Order No.` is `orderno`. A currency in brackets, as
    in `Grand Total (MYR)`, is left out.
    """
    words = text.strip()
    if words.endswith((" (MYR)", "(RM)", "(MYR)", "(SGD)")):
        words = words[: words.rindex("(")]
    return "".join(sign for sign in words.casefold() if sign.isalnum())
