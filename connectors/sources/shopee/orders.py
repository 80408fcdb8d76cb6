"""An order and a return of Shopee as records.

Here: where the values lie, and lines that come to the total. Not here: how they are asked for
(pages.py), the fields (kinds.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from connectors.kit.canonical_record import Cell
from connectors.kit.shops import payload_parts
from connectors.kit.shops.delivery_reading import Read, record_of
from connectors.kit.shops.line_sums import Line, one_of, summed, with_the_rest
from connectors.kit.shops.payload_parts import plain
from connectors.sources.shopee.kinds import ORDER, REFUND, RETURN_WORDS, STATUS_WORDS

Given = Mapping[str, object]
_WAITING = "paid"


class Part(payload_parts.Part):
    """An object of Shopee's answers."""

    __slots__ = ()
    api: ClassVar[str] = "Shopee's Open Platform"


def order_of(place: str, given: Given, zone: ZoneInfo) -> Read:
    """The order, or everything that is wrong with it."""
    order = Part(place, given)
    goods = [_goods(item) for item in order.parts("item_list")]
    shipping = _shipping(order)
    lines = [*goods, *([shipping] if shipping and shipping.amount else [])]
    total = order.amount("total_amount")
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
        "total": Cell(order.at("total_amount"), plain(total)),
    }
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
    lines = with_the_rest(lines, total, order.at("total_amount"))
    return record_of(ORDER, order, order.cell("order_sn"), head, lines, zone)


def refund_of(place: str, given: Given, zone: ZoneInfo) -> Read:
    """The return with what is given back for it, or everything that is wrong with it."""
    told = Part(place, given)
    number, word = told.text("return_sn"), told.text("status")
    total = told.amount("refund_amount")
    head = {
        **_head(told, "update_time", zone, day="refunded_on"),
        "number": Cell(told.at("return_sn"), f"R-{number}" if number else None),
        "status": Cell(told.at("status"), RETURN_WORDS.get(word, word)),
        "shop_status": told.cell("status"),
        "reason": told.cell("reason"),
        "restock": Cell(told.at("status"), "unknown"),
        "total": Cell(told.at("refund_amount"), plain(total)),
    }
    if not told.stated("refund_amount"):
        words = "The return does not say what is given back."
        told.wrong("refund_amount", words, "Ask Shopee for the whole return.")
    lines = [_given_back(item) for item in told.parts("item")]
    lines = with_the_rest(lines, total, told.at("refund_amount"))
    return record_of(REFUND, told, told.cell("return_sn"), head, lines, zone)


def _head(told: Part, dated: str, zone: ZoneInfo, *, day: str = "ordered_on") -> dict[str, Cell]:
    when = told.since_1970(dated)
    shown = when.astimezone(zone).date().isoformat() if when else None
    if told.since_1970("update_time") is None:
        told.wrong("update_time", "The moment of the change is missing.", "Ask Shopee again.")
    return {
        "order_id": told.cell("order_sn"),
        day: Cell(told.at(dated), shown),
        "updated_at": _moment(told, "update_time"),
        "currency": told.cell("currency"),
    }


def _status(order: Part) -> str:
    """One word. What is paid on delivery is not paid before Shopee names the moment."""
    word = order.text("order_status")
    found = STATUS_WORDS.get(word, word)
    unpaid = order.flag("cod") and order.since_1970("pay_time") is None
    return "unpaid" if found == _WAITING and unpaid else found


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


def _given_back(item: Part) -> Line:
    """In a return `amount` counts pieces."""
    pieces = item.whole("amount")
    whole = item.stated("refund_amount")
    back = item.amount("refund_amount") if whole else item.amount("item_price") * pieces
    cells = {
        **_article(item, "variation_sku"),
        "part": Cell(item.place, "goods"),
        "qty": Cell(item.at("amount"), pieces),
        "amount": Cell(item.at("refund_amount" if whole else "item_price"), plain(back)),
    }
    return Line(cells, back)


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


def _shipping(order: Part) -> Line | None:
    """What the sale was told with. The carrier's charge comes later and is between the carrier,
    Shopee and the seller: a line of it would change what was sold.
    """
    name = "estimated_shipping_fee"
    if not order.stated(name):
        return None
    return one_of("shipping", "Shipping", order.at(name), order.amount(name))


def _moment(told: Part, name: str) -> Cell:
    when: datetime | None = told.since_1970(name)
    return Cell(told.at(name), when.isoformat() if when else None)
