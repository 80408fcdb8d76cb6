"""Convert Shopee orders, returns and payouts into records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell
from connectors.kit.delivery import Read, record_of, too_long
from connectors.kit.delivery_limits import LINES
from connectors.kit.shops import payload_parts, payouts
from connectors.kit.shops.payload_parts import ZERO, Line, one_of, plain, summed, with_the_rest
from connectors.kit.shops.payouts import POS, UPDATED, EntryPart, field_schema, payout_kinds

Given = Mapping[str, object]

_WAITING = "paid"

LISTED: Final = "escrow_list"

DETAILS: Final = "escrow_details"
"""Under these words a payout keeps what was released of each order, and the income of each."""

STATUS: Final = "released"

_SALE: Final = "buyer_total_amount"

_TAKEN: Final[Mapping[str, EntryPart]] = {
    **dict.fromkeys(
        (
            "commission_fee",
            "service_fee",
            "seller_transaction_fee",
            "seller_order_processing_fee",
            "campaign_fee",
            "order_ams_commission_fee",
            "fbs_fee",
            "buyer_transaction_fee",
            "seller_coin_cash_back",
            "reverse_shipping_fee",
            "final_return_to_seller_shipping_fee",
            "delivery_seller_protection_fee_premium_amount",
            "shipping_seller_protection_fee_amount",
            "shipping_seller_protection_fee_premium_amount",
            "ads_escrow_top_up_fee_or_technical_support_fee",
            "overseas_return_service_fee",
            "pay_per_sale",
        ),
        "fee",
    ),
    **dict.fromkeys(
        ("escrow_tax", "cross_border_tax", "shipping_fee_sst", "reverse_shipping_fee_sst"),
        "fee_tax",
    ),
    **dict.fromkeys(
        (
            "sales_tax_on_lvg",
            "withholding_tax",
            "withholding_vat_tax",
            "withholding_pit_tax",
            "withholding_cit_tax",
        ),
        "adjustment",
    ),
}
"""What is taken off what the buyer paid. Taxes on the seller's sales or income are no tax on a fee.
Source: the formula of `escrow_amount` in the documentation of v2.payment.get_escrow_detail.
"""

_RETURNED: Final = ("seller_return_refund", "drc_adjustable_refund")
"""What went back to the buyer; the first that is not zero counts. The documentation's formula adds
the first, so it is below zero. For a partial return, the second is the same money.
"""

_BORNE: Final = (
    "shopee_discount",
    "voucher_from_shopee",
    "coins",
    "payment_promotion",
    "credit_card_promotion",
)
"""What Shopee bears of the price and pays to the seller: revenue, as what the buyer pays.
Source: the formula of `escrow_amount` in the documentation of v2.payment.get_escrow_detail.
"""

CHECKOUT: Final = "buyer_payment_info"
"""Under this word an income keeps what was agreed at the checkout; Shopee shows it beside."""

_ORIGINAL: Final[Mapping[str, str]] = {"shopee_discount": "original_shopee_discount"}

_AT_CHECKOUT: Final[Mapping[str, str]] = {
    "voucher_from_shopee": "shopee_voucher",
    "voucher_from_seller": "seller_voucher",
    "credit_card_promotion": "credit_card_promotion",
}
"""Amounts that Shopee lowers after a return, by the names that keep what they were at the sale.
Source: the documentation of v2.payment.get_escrow_detail (initial value, original value).
"""

RETURNS_OF_ORDER: Final = "return_order_sn_list"
"""Under this word a return keeps the numbers of all returns of its order."""

_CARRIER: Final = "actual_shipping_fee"

_CARRIER_BORNE: Final = ("shopee_shipping_rebate", "shipping_fee_discount_from_3pl")
"""What Shopee and the carrier bear of the carrier's charge. They never exceed it in a fee."""

_BUYER_FEES: Final = ("buyer_transaction_fee", "cross_border_tax")
"""Parts of what the buyer pays that Shopee keeps: sold, and a fee."""

_ADDED: Final = (
    "seller_lost_compensation",
    "rsf_seller_protection_fee_claim_amount",
    "fsf_seller_protection_fee_claim_amount",
)

INCOME: Final = "order_income"
"""Under this word an order keeps its income, which says who bears its vouchers."""

_SELLER_VOUCHER: Final = "voucher_from_seller"

_SUPPORT: Final = "shopee_discount"

REST: Final = "Not told apart by Shopee"

_SHARE_NAME: Final = "What Shopee bore of it"

NAME = "shopee"

STATUS_WORDS: Mapping[str, str] = {
    "UNPAID": "unpaid",
    "READY_TO_SHIP": "paid",
    "PROCESSED": "paid",
    "RETRY_SHIP": "paid",
    "INVOICE_PENDING": "paid",
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
    "SELLER_DISPUTE": "pending",
    "REFUND_PAID": "refunded",
    "CANCELLED": "cancelled",
    "CLOSED": "closed",
}
"""The status of a return. `closed` does not say whether money went back."""

_ORDER_ID = field_schema("order_id", "Shopee's number of the order, equal in order and refund.")

_CURRENCY = field_schema("currency", "The currency of the order. All amounts are in it.")

_GOODS = (
    field_schema("item_id", "Shopee's id of the product."),
    field_schema("variant_id", "Shopee's id of the variation (model). Blank: it has none."),
    field_schema("sku", "The variation's SKU, otherwise the product's, exactly as it came."),
    field_schema("name", "Name of the product with its variation."),
)

ORDER = KindSchema(
    source=NAME,
    kind="order",
    fields=(
        field_schema("number", "Shopee's number of the order.", required=True, longest=50),
        field_schema("status", "Shopee's status in one of our words.", required=True, longest=100),
        field_schema("shop_status", "The status in Shopee's own word."),
        _ORDER_ID,
        field_schema("ordered_on", "The shop's day of the order.", "date"),
        field_schema("paid_at", "Moment of the payment. Blank: not paid.", "moment"),
        UPDATED,
        field_schema("cod", "Whether it is paid on delivery.", "yesno"),
        field_schema("channel", "The way of paying, in Shopee's word."),
        _CURRENCY,
        field_schema("customer", "Shopee's id of the buyer."),
        field_schema("customer_name", "The buyer's name at Shopee, which Shopee may mask."),
        field_schema("goods_total", "The goods at the price they were sold for.", "money"),
        field_schema(
            "shipping_total",
            "What the buyer pays for shipping (buyer_paid_shipping_fee). Without the income of the "
            "order: the shipping as Shopee reckons it at the sale (estimated_shipping_fee).",
            "money",
        ),
        field_schema(
            "seller_voucher",
            "The voucher that the seller bears. Blank: the income of the order was not shown.",
            "money",
        ),
        field_schema(
            "platform_voucher",
            "Vouchers, coins and promotions that Shopee bears. Shopee pays this part of the total. "
            "Blank: the income of the order was not shown.",
            "money",
        ),
        field_schema(
            "unexplained_discount",
            "What the buyer pays less than the prices and nothing explains. It is taken off the "
            "total.",
            "money",
        ),
        field_schema("buyer_paid", "What the buyer pays (total_amount).", "money"),
        field_schema(
            "carrier_charge",
            "What the carrier charged, once Shopee has confirmed it (actual_shipping_fee); no line "
            "and no part of the total. It comes after the sale: keep it in a group of changes that "
            "is ignored.",
            "money",
        ),
        field_schema(
            "total",
            "What was sold: what the buyer pays and what Shopee bears. The lines add up to it.",
            "money",
        ),
    ),
    lines=(
        POS,
        field_schema("line_id", "Shopee's id of the order line."),
        field_schema(
            "part",
            "What the line stands for: goods, shipping, discount (the seller's voucher), "
            "price_support (what Shopee bears of the prices), fee (of the buyer to Shopee), or "
            "adjustment: what nothing explains.",
        ),
        *_GOODS,
        field_schema(
            "promotion", "The promotion it was sold in, in Shopee's word, such as bundle_deal."
        ),
        field_schema("qty", "Pieces sold.", "quantity"),
        field_schema("price", "Price of a piece before discounts.", "money"),
        field_schema("discount", "The seller's discount on the line.", "money"),
        field_schema("amount", "Quantity times price less discount.", "money"),
    ),
    total_field="total",
)

REFUND = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field_schema("number", "R- and Shopee's number of the return.", required=True, longest=50),
        field_schema(
            "status",
            "refunded: the money went back. pending: not decided or not paid yet. cancelled: "
            "withdrawn. closed: over, and Shopee does not say how.",
            required=True,
            longest=100,
        ),
        field_schema("shop_status", "The status in Shopee's own word."),
        _ORDER_ID,
        field_schema(
            "refunded_on",
            "The shop's day of the latest change: it moves with each. Keep it in a group of "
            "changes that is ignored where documents are dated by it.",
            "date",
        ),
        UPDATED,
        _CURRENCY,
        field_schema("reason", "The buyer's reason, in Shopee's word."),
        field_schema("restock", "Always unknown: Shopee does not say if goods came back."),
        field_schema(
            "platform_share",
            "What Shopee bore of what came back and takes back from the seller; below zero where "
            "Shopee bears part of the refund. Blank: the income of the order was not shown, does "
            "not hold this return yet, or holds several.",
            "money",
        ),
        field_schema(
            "total",
            "What the seller gives back: what the buyer gets and platform_share. The lines add up "
            "to it.",
            "money",
        ),
    ),
    lines=(
        POS,
        field_schema(
            "part",
            "What the line stands for: goods, or adjustment: money for goods that stay, or what "
            "Shopee bore.",
        ),
        *_GOODS,
        field_schema("qty", "Pieces returned.", "quantity"),
        field_schema("amount", "What is given back for the line.", "money"),
    ),
    total_field="total",
)

PAYOUTS = payout_kinds(
    NAME,
    field_schema("first_day", "First of the shop's days whose money was released.", "date"),
    field_schema("last_day", "Last of these days.", "date"),
)

KINDS = (ORDER, REFUND, *PAYOUTS)


class Part(payload_parts.Part):
    """An object of Shopee's answers."""

    __slots__ = ()
    api: ClassVar[str] = "Shopee's Open Platform"


def order_of(place: str, payload: Given, zone: ZoneInfo) -> Read:
    """Return the order, or all its faults."""
    order = Part(place, payload)
    income = order.part(INCOME) if order.stated(INCOME) else None
    goods = [_goods(item) for item in order.parts("item_list")]
    shipping = _shipping(order, income)
    paid = order.amount("total_amount")
    total = paid + (_borne(income) if income else ZERO)
    lines = [*goods, *([shipping] if shipping and shipping.amount else [])]
    lines += _explained(income, total - summed(lines)) if income else ()
    head = {
        **_head(order, "create_time", zone),
        "number": order.cell("order_sn"),
        "status": Cell(order.at("order_status"), _status(order)),
        "shop_status": order.cell("order_status"),
        "paid_at": _moment(order, "pay_time"),
        "cod": order.cell("cod"),
        "channel": order.cell("payment_method"),
        "customer": order.cell("buyer_user_id"),
        "customer_name": order.cell("buyer_username"),
        "goods_total": Cell(order.at("item_list"), plain(summed(goods))),
        "unexplained_discount": Cell(order.at("total_amount"), plain(summed(lines) - total)),
        "buyer_paid": Cell(order.at("total_amount"), plain(paid)),
        "total": Cell(order.at("total_amount"), plain(total)),
    }
    if income:
        voucher = plain(_at_sale(income, _SELLER_VOUCHER))
        head["seller_voucher"] = Cell(income.at(_SELLER_VOUCHER), voucher)
        head["platform_voucher"] = Cell(income.place, plain(_borne(income)))
    if shipping:
        head["shipping_total"] = shipping.cells["amount"]
    if order.flag("actual_shipping_fee_confirmed") and order.stated("actual_shipping_fee"):
        charge = plain(order.amount("actual_shipping_fee"))
        head["carrier_charge"] = Cell(order.at("actual_shipping_fee"), charge)
    if not goods:
        order.wrong("item_list", "The order has no lines.", "Ask Shopee for the whole order.")
    if not order.stated("total_amount"):
        words = "The order states no total."
        order.wrong("total_amount", words, "Ask for it with the field total_amount.")
    if order.has_unread():  # what follows from it is not known, either
        derived = ["goods_total", "unexplained_discount"]
        derived += ["total", "platform_voucher"] if income and income.has_unread() else []
        head |= {name: replace(head[name], value=None) for name in derived}
    else:
        lines = with_the_rest(lines, total, order.at("total_amount"))
    return record_of(ORDER, order, order.cell("order_sn"), head, lines, zone)


def _goods(item: Part) -> Line:
    pieces, price = item.whole("model_quantity_purchased"), item.amount("model_original_price")
    sold_at = item.amount("model_discounted_price")
    for name in ("model_quantity_purchased", "model_discounted_price"):
        if not item.stated(name):
            item.wrong(name, f"The line has no {name}.", "Ask Shopee for the whole order.")
    price = price if item.stated("model_original_price") else sold_at
    cells = {
        **_article(item, "model_sku"),
        "line_id": item.cell("order_item_id"),
        "part": Cell(item.place, "goods"),
        "promotion": item.cell("promotion_type"),
        "qty": Cell(item.at("model_quantity_purchased"), pieces),
        "price": Cell(item.at("model_original_price"), plain(price)),
        "discount": Cell(item.at("model_discounted_price"), plain((price - sold_at) * pieces)),
        "amount": Cell(item.at("model_discounted_price"), plain(sold_at * pieces)),
    }
    return Line(cells, sold_at * pieces)


def _article(item: Part, variation_sku: str) -> dict[str, Cell]:
    title = item.text("item_name") or item.text("name")
    name = " - ".join(text for text in (title, item.text("model_name")) if text)
    model = item.cell("model_id")
    return {
        "item_id": item.cell("item_id"),
        "variant_id": Cell(model.where, model.value or None),
        "sku": item.cell(variation_sku if item.text(variation_sku) else "item_sku"),
        "name": Cell(item.at("item_name"), name),
    }


def _shipping(order: Part, income: Part | None) -> Line | None:
    """Return the shipping line: what the buyer pays, or the estimate of the sale.

    The carrier's charge comes later and is between the carrier, Shopee and the seller: as a line it
    would change the sale.
    """
    place, name = order, "estimated_shipping_fee"
    if income and income.stated("buyer_paid_shipping_fee"):
        place, name = income, "buyer_paid_shipping_fee"
    if not place.stated(name):
        return None
    return one_of("shipping", "Shipping", place.at(name), place.amount(name))


def income_of(detail: Part) -> Part:
    """Return the income in Shopee's answer for an order, with what was agreed at the checkout."""
    income = detail.part(INCOME)
    checkout = detail.value.get(CHECKOUT)
    return replace(income, value={CHECKOUT: checkout, **income.value}) if checkout else income


def _borne(income: Part) -> Decimal:
    """Return what Shopee bore of the price at the sale."""
    return sum((_at_sale(income, name) for name in _BORNE), ZERO)


def _at_sale(income: Part, name: str) -> Decimal:
    """Return an amount as it was at the sale: Shopee lowers it once goods come back."""
    first = income.amount(_ORIGINAL[name]) if name in _ORIGINAL else ZERO
    if name in _AT_CHECKOUT:
        first = abs(income.part(CHECKOUT).amount(_AT_CHECKOUT[name]))
    return max(first, income.amount(name))


def _given_up(income: Part) -> Decimal:
    """Return the amount of the sale that the seller loses by returns.

    Older answers state the refund as a positive number, newer answers as a negative one.
    """
    refunded = next((amount for name in _RETURNED if (amount := income.amount(name))), ZERO)
    support, voucher = (
        _at_sale(income, name) - income.amount(name) for name in (_SUPPORT, _SELLER_VOUCHER)
    )
    return abs(refunded) + support - voucher


def _explained(income: Part, remainder: Decimal) -> Iterator[Line]:
    """Yield the lines that explain what goods and shipping leave of the total, by the income."""
    voucher = _at_sale(income, _SELLER_VOUCHER)
    if voucher:
        place = income.at(_SELLER_VOUCHER)
        yield one_of("discount", "Voucher of the seller", place, -voucher)
    for name in _BUYER_FEES:
        if amount := income.amount(name):
            yield one_of("fee", _readable_name(name), income.at(name), amount)
    remainder -= sum((income.amount(name) for name in _BUYER_FEES), ZERO) - voucher
    support = _at_sale(income, _SUPPORT)
    if support and remainder == support:  # the prices of the lines are those after this discount
        yield one_of("price_support", _readable_name(_SUPPORT), income.at(_SUPPORT), support)


def _head(payload: Part, dated: str, zone: ZoneInfo, *, day: str = "ordered_on") -> dict[str, Cell]:
    moment = payload.since_1970(dated)
    day_text = moment.astimezone(zone).date().isoformat() if moment else None
    if payload.since_1970("update_time") is None:
        payload.wrong("update_time", "The moment of the change is missing.", "Ask Shopee again.")
    return {
        "order_id": payload.cell("order_sn"),
        day: Cell(payload.at(dated), day_text),
        "updated_at": _moment(payload, "update_time"),
        "currency": payload.cell("currency"),
    }


def _moment(payload: Part, name: str) -> Cell:
    moment: datetime | None = payload.since_1970(name)
    return Cell(payload.at(name), moment.isoformat() if moment else None)


def _status(order: Part) -> str:
    """Return our status word. An order paid on delivery is unpaid until Shopee names the moment."""
    word = order.text("order_status")
    status = STATUS_WORDS.get(word, word)
    unpaid = order.flag("cod") and order.since_1970("pay_time") is None
    return "unpaid" if status == _WAITING and unpaid else status


def refund_of(place: str, payload: Given, zone: ZoneInfo) -> Read:
    """Return the return with its refunded amounts, or all its faults."""
    refund = Part(place, payload)
    number, word = refund.text("return_sn"), refund.text("status")
    to_buyer = refund.amount("refund_amount")
    share = _platform_share(refund, to_buyer)
    total = to_buyer + (share or ZERO)
    head = {
        **_head(refund, "update_time", zone, day="refunded_on"),
        "number": Cell(refund.at("return_sn"), f"R-{number}" if number else None),
        "status": Cell(refund.at("status"), RETURN_WORDS.get(word, word)),
        "shop_status": refund.cell("status"),
        "reason": refund.cell("reason"),
        "restock": Cell(refund.at("status"), "unknown"),
        "total": Cell(refund.at("refund_amount"), plain(total)),
    }
    if not refund.stated("refund_amount"):
        words = "The return does not say what is given back."
        refund.wrong("refund_amount", words, "Ask Shopee for the whole return.")
    lines = [_given_back(item) for item in refund.parts("item")]
    if not refund.has_unread():
        lines = with_the_rest(lines, to_buyer, refund.at("refund_amount"))
    if share is not None:
        place = refund.at(INCOME)
        head["platform_share"] = Cell(place, plain(share))
        lines += [one_of("adjustment", _SHARE_NAME, place, share)] if share else []
    return record_of(REFUND, refund, refund.cell("return_sn"), head, lines, zone)


def _platform_share(refund: Part, to_buyer: Decimal) -> Decimal | None:
    """Return what a return costs the seller in addition to the buyer's refund; None if unknown.

    The income has one sum for all returns of the order, so it is known only for a single return.
    """
    given_up = _given_up(refund.part(INCOME))
    numbers = refund.value.get(RETURNS_OF_ORDER)
    is_only_return = isinstance(numbers, list) and numbers == [refund.value.get("return_sn")]
    return given_up - to_buyer if is_only_return and given_up else None


def _given_back(item: Part) -> Line:
    """Return the line of a returned item. In a return, `amount` is the number of pieces."""
    pieces = item.whole("amount")
    has_refund_amount = item.stated("refund_amount")
    refund_amount = (
        item.amount("refund_amount") if has_refund_amount else item.amount("item_price") * pieces
    )
    # Money for goods that stay: as a line of goods, it would have no price of a piece.
    part = "goods" if pieces else "adjustment"
    cells = {
        **_article(item, "variation_sku"),
        "part": Cell(item.place, part),
        "qty": Cell(item.at("amount"), pieces or 1),
        "amount": Cell(
            item.at("refund_amount" if has_refund_amount else "item_price"), plain(refund_amount)
        ),
    }
    return Line(cells, refund_amount)


EACH: Final = 2
"""Lines that an order has at least in a payout."""


def payouts_of(
    place: str, payload: Mapping[str, object], zone: ZoneInfo
) -> tuple[IncomingRecord | RowError, ...]:
    """Return the payout and its payment of each order."""
    payout_part = Part(place, payload)
    incomes = {escrow.text("order_sn"): income_of(escrow) for escrow in payout_part.parts(DETAILS)}
    released = payout_part.parts(LISTED)
    number = payout_part.text("number")
    unread = DETAILS not in payload and len(released) * EACH > LINES
    read = () if unread else released
    entries = [entry for escrow in read for entry in _entries(escrow, incomes, number)]
    if len(entries) > LINES:
        entries = _merge_entries(entries)
    long = too_long(
        f"{payout_part.at(LISTED)}.lines", len(released) * EACH if unread else len(entries)
    )
    if long:
        payout_part.errors.append(long)
        entries = []
    if not released:
        payout_part.wrong(LISTED, "The payout has no orders.", "Ask Shopee for what it released.")
    net = sum((escrow.amount("payout_amount") for escrow in released), ZERO)
    head = {
        **payout_part.cells("first_day", "last_day", "currency"),
        "number": payout_part.cell("number"),
        "status": Cell(payout_part.place, STATUS),
        "net": Cell(payout_part.at(LISTED), plain(net)),
    }
    payout = payouts.Payout(place=place, key=payout_part.cell("number"), head=head, entries=entries)
    return payouts.records_of(payout, PAYOUTS, zone, payout_part.errors)


def _entries(listed: Part, incomes: Mapping[str, Part], number: str) -> Iterator[payouts.Entry]:
    """Yield the payout entries of an order, which add up to the amount that Shopee released.

    Their ids include the payout's number, because an order released in two payouts has a payment in
    each.
    """
    order = listed.text("order_sn")
    income = incomes.get(order)
    if not order or not listed.stated("payout_amount"):
        words = "This does not say of which order how much was released."
        listed.wrong("payout_amount", words, "Ask Shopee for the list again.")
        return
    if income is None or not income.stated(_SALE):
        words = f"The income of order {order} is not here."
        listed.wrong("order_sn", words, "Ask Shopee for the income of this order.")
        return
    remainder = listed.amount("payout_amount")
    for part, name, place, amount in _amounts(income):
        if amount or part == "sale":
            remainder -= amount
            entry = _entry((order, number), part, name, place, amount)
            yield replace(entry, sums=(income.place, listed.place)) if part == "sale" else entry
    # Stated as an adjustment, because rules hold a payout that has one; spread over fees it would
    # be booked.
    if remainder and not (listed.has_unread() or income.has_unread()):
        yield _entry((order, number), "adjustment", REST, listed.at("payout_amount"), remainder)


def _amounts(income: Part) -> Iterator[tuple[EntryPart, str, str, Decimal]]:
    """Yield each amount with its part, name and place, signed from the seller's view."""
    yield "sale", "Sale", income.at(_SALE), income.amount(_SALE) + _borne(income)
    for name, part in _TAKEN.items():
        yield part, _readable_name(name), income.at(name), -income.amount(name)
    name = next((name for name in _RETURNED if income.amount(name)), _RETURNED[0])
    yield "refund", _readable_name(name), income.at(name), -_given_up(income)
    carried = sum((income.amount(name) for name in _CARRIER_BORNE), ZERO)
    charge = max(income.amount(_CARRIER) - carried, ZERO)
    name = (
        f"{_readable_name(_CARRIER)}, less what Shopee bears of it"
        if carried
        else _readable_name(_CARRIER)
    )
    yield "fee", name, income.at(_CARRIER), -charge
    surplus = carried - income.amount(_CARRIER) + charge
    yield "adjustment", "Shipping borne by Shopee above the carrier's charge", income.place, surplus
    for name in _ADDED:
        yield "adjustment", _readable_name(name), income.at(name), income.amount(name)
    for adjustment in income.parts("order_adjustment"):
        reason = adjustment.text("adjustment_reason") or "Adjustment"
        yield "adjustment", reason, adjustment.at("amount"), adjustment.amount("amount")


def _readable_name(name: str) -> str:
    """Return Shopee's own word in readable form."""
    return name.replace("_", " ").capitalize()


def _entry(
    key: tuple[str, str], part: EntryPart, name: str, place: str, amount: Decimal
) -> payouts.Entry:
    """Return an entry; `key`: the order and the payout's number."""
    order, number = key
    return payouts.Entry(
        place=place,
        line_id=f"{order}@{number}" if number else order,
        part=part,
        amount=amount,
        order_id=order,
        order_number=order,
        name=name,
    )


def _merge_entries(entries: Sequence[payouts.Entry]) -> list[payouts.Entry]:
    """Merge the entries of an order per part, for payouts with too many lines."""
    merged: dict[tuple[str, EntryPart], payouts.Entry] = {}
    for entry in entries:
        key = (entry.order_id, entry.part)
        earlier = merged.get(key)
        name = entry.name if earlier is None else ""
        amount = entry.amount + (earlier.amount if earlier else ZERO)
        merged[key] = replace(earlier or entry, amount=amount, name=name)
    return list(merged.values())
