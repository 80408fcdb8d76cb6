"""Build Shopify orders, and change them: edit, fulfil, cancel and refund."""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from sandbox.simulators.base.control import ControlError

Order = dict[str, Any]
ID = 9_007_199_254_740_993
"""What ids are counted from: above 2^53, where who reads them as floats is off by one."""
HERE = timezone(timedelta(hours=8))
RATE = Decimal("0.1")
CENT = Decimal("0.01")
ZERO = Decimal(0)
GOODS = (
    ("CUP-GLASS-20", "Kopitiam glass - 200 ml", "5.00"),
    ("TEE-BLK-M", "Tee - Black / M", "49.50"),
    ("MUG", "Mug", "25.00"),
)
_NEW = "exchange_line_items"
BUYERS = ("Aisyah Rahman", "陈美玲", "முத்து குமார்", "Farid Rahman")


def bought(number: int, arguments: Mapping[str, Any], now: datetime) -> Order:
    """Return a new order.

    `items` have sku, name, quantity, price and discount; further `shipping`, `tip`, `status` (of
    the payment), `taxes_included`, `test`. Every value has a default.
    """
    order_id, moment = ID + number, told(now)
    items = arguments.get("items") or [{"sku": GOODS[number % 3][0], "quantity": 1 + number % 3}]
    name = str(arguments.get("customer") or BUYERS[number % len(BUYERS)])
    address = {"name": name, "address1": f"{number} Jalan Ampang", "zip": "50450"}
    address |= {"city": "Kuala Lumpur", "country": "Malaysia", "phone": "+60123456789"}
    order: Order = {
        "id": order_id,
        "name": f"#{1000 + number}",
        "order_number": 1000 + number,
        "test": bool(arguments.get("test", False)),
        "created_at": moment,
        "processed_at": moment,
        "updated_at": moment,
        "cancelled_at": None,
        "closed_at": None,
        "financial_status": str(arguments.get("status", "paid")),
        "fulfillment_status": None,
        "source_name": str(arguments.get("channel", "web")),
        "currency": "MYR",
        "presentment_currency": "MYR",
        "taxes_included": bool(arguments.get("taxes_included", False)),
        "email": "buyer@example.com",
        "phone": None,
        "note_attributes": [],
        "customer": {"id": int(arguments.get("customer_id", 207119551000 + number))},
        "billing_address": address,
        "line_items": [],
        "shipping_lines": _shipping(order_id, str(arguments.get("shipping", "8.00"))),
        "total_tip_received": str(arguments.get("tip", "0.00")),
        "fulfillments": [],
        "refunds": [],
    }
    for item in items:
        _add(order, item)
    return _summed(order)


def changed(act: str, order: Order, arguments: Mapping[str, Any], now: datetime) -> Order:
    """Return the order after a later act; Shopify archives (delete) and restores (restore)."""
    match act:
        case "edit":
            new_order = edited(order, arguments, now)
        case "complete":
            new_order = sent(order, now)
        case "cancel":
            new_order = cancelled(order, now)
        case "refund":
            new_order = refunded(order, arguments, now)
        case "exchange":
            new_order = exchanged(order, arguments, now)
        case "pay":
            new_order = paid(order)
        case _:
            new_order = {**order, "closed_at": told(now) if act == "delete" else None}
    return {**new_order, "updated_at": told(now)}


def edited(order: Order, arguments: Mapping[str, Any], now: datetime) -> Order:
    """`remove` pieces of the first line, which is a refund without money; else `add` an item."""
    order = copy.deepcopy(order)
    if pieces := int(arguments.get("remove", 0)):
        _take_off(order, pieces, told(now), {"restock": "no_restock", "money": ""})
    else:
        _add(order, arguments.get("add") or {"sku": "MUG", "quantity": 1})
    return _summed(order)


def sent(order: Order, now: datetime) -> Order:
    """Return the order with all remaining goods in one more fulfilment."""
    order = copy.deepcopy(order)
    count = len(order["fulfillments"]) + 1
    moment = told(now)
    order["fulfillments"].append(
        {
            "id": order["id"] * 10 + count,
            "order_id": order["id"],
            "name": f"{order['name']}.{count}",
            "status": "success",
            "created_at": moment,
            "updated_at": moment,
            "tracking_company": "Pos Laju",
            "tracking_number": f"EM{order['order_number']:09}MY",
            "line_items": [
                {**_article(item), "quantity": item["current_quantity"]}
                for item in order["line_items"]
                if item["current_quantity"]
            ],
        }
    )
    order["fulfillment_status"] = "fulfilled"
    return order


def cancelled(order: Order, now: datetime) -> Order:
    """Return the order cancelled and refunded before anything was sent."""
    order = copy.deepcopy(order)
    order["cancelled_at"] = told(now)
    for item in order["line_items"]:
        if item["current_quantity"]:
            _take_off(order, item["current_quantity"], told(now), {"restock": "cancel"}, item)
    order["financial_status"] = "refunded"
    return _summed(order)


def refunded(order: Order, arguments: Mapping[str, Any], now: datetime) -> Order:
    """Return the order after `pieces` of the first line were given back.

    `restock` is return, no_restock, cancel or legacy_restock; `shipping` is refunded on request;
    `money` is what happened to the payment.

    Refunded shipping is among `refund_shipping_lines`
    (https://shopify.dev/docs/api/admin-graphql/latest/objects/RefundShippingLine); with `shipping:
    "adjustment"` it is an order adjustment, as in older versions of the API.
    """
    order = copy.deepcopy(order)
    if not order["line_items"][0]["current_quantity"]:
        raise ControlError("Nothing of the first line is left to give back")
    _take_off(order, int(arguments.get("pieces", 1)), told(now), arguments)
    has_pieces = any(item["current_quantity"] for item in order["line_items"])
    order["financial_status"] = "partially_refunded" if has_pieces else "refunded"
    return _summed(order)


def exchanged(order: Order, arguments: Mapping[str, Any], now: datetime) -> Order:
    """Return the order after `pieces` of the item at place `line` were exchanged for `add`.

    The first line is 1. Shopify adds the new item to the order itself and applies the value of the
    returned goods to it; the rest goes back to the buyer. Where the new item costs more, the buyer
    pays the balance (`paid`), or owes it until the act `pay`
    (https://shopify.dev/docs/apps/build/orders-fulfillment/returns-apps/read-exchanges,
    https://help.shopify.com/en/manual/orders/refunds-returns/exchanges).
    """
    order = copy.deepcopy(order)
    at, items = int(arguments.get("line", 1)), order["line_items"]
    if not 0 < at <= len(items) or not items[at - 1]["current_quantity"]:
        raise ControlError("Nothing of this line is left to exchange")
    item = items[at - 1]
    _take_off(order, int(arguments.get("pieces", 1)), told(now), {"money": ""}, item)
    refund = order["refunds"][-1]
    _add(order, arguments.get("add") or {"sku": "MUG", "quantity": 1})
    returns = order.setdefault("returns", [])
    returns.append(_returned(order, len(returns) + 1, refund, order["line_items"][-1]))
    refund_amount = -_balance(order, returns[-1])
    if refund_amount > 0:
        move = {"id": refund["id"] + 2, "kind": "refund", "status": "success", "currency": "MYR"}
        move |= {"amount": str(refund_amount), "test": order["test"], "created_at": told(now)}
        refund["transactions"] = [{**move, "processed_at": told(now)}]
        order["financial_status"] = "partially_refunded"
    owed = Decimal(order.get("total_outstanding", "0.00")) - min(refund_amount, ZERO)
    order["total_outstanding"] = f"{owed:.2f}"
    if owed:
        order["financial_status"] = "partially_paid"
    if order["fulfillment_status"]:
        order["fulfillment_status"] = "partial"
    order = _summed(order)
    return paid(order) if arguments.get("paid", True) else order


def paid(order: Order) -> Order:
    """Return the order after the buyer paid the balance."""
    if not Decimal(order.get("total_outstanding", "0.00")):
        return order
    return {**order, "total_outstanding": "0.00", "financial_status": "paid"}


def payments(order: Order) -> list[Decimal]:
    """Return what the buyer paid: the first sale, then the balance of each exchange.

    The latest balances may still be owed.
    """
    returns = order.get("returns", [])
    new = {item["line_item"]["id"] for exchange in returns for item in exchange[_NEW]}
    first = copy.deepcopy(order)
    first["line_items"] = [item for item in order["line_items"] if item["id"] not in new]
    owed, balances = Decimal(order.get("total_outstanding", "0.00")), []
    for exchange in reversed(returns):
        balance = max(_balance(order, exchange), ZERO)
        balances.append(balance - min(balance, owed))
        owed -= min(balance, owed)
    later = [balance for balance in reversed(balances) if balance]
    return [Decimal(_summed(first)["total_price"]), *later]


def sold(order: Order) -> dict[str, int]:
    """Return SKU -> pieces out of stock.

    Refunded pieces are in stock if they came back (return) or were never sent (cancel), otherwise
    not.
    """
    pieces: Counter[str] = Counter()
    skus = {item["id"]: item["sku"] for item in order["line_items"]}
    for item in order["line_items"]:
        pieces[item["sku"]] += item["quantity"]
    for refund in order["refunds"]:
        for line in refund["refund_line_items"]:
            if line["restock_type"] in ("return", "cancel"):
                pieces[skus[line["line_item_id"]]] -= line["quantity"]
    return pieces


def told(moment: datetime) -> str:
    """Return a moment by the shop's clock."""
    return moment.astimezone(HERE).isoformat(timespec="seconds")


def _shipping(order_id: int, price: str) -> list[dict[str, Any]]:
    line = {"id": order_id + 500_000_000_000, "code": "STANDARD", "title": "Standard shipping"}
    return [{**line, "price": price, "discount_allocations": [], "tax_lines": []}]


def _add(order: Order, addition: Mapping[str, Any]) -> None:
    products = {sku: (name, price) for sku, name, price in GOODS}
    sku = str(addition.get("sku", "MUG"))
    name, price = products.get(sku, (sku, "10.00"))
    at, count = len(order["line_items"]) + 1, int(addition.get("quantity", 1))
    price, off = str(addition.get("price", price)), Decimal(str(addition.get("discount", "0.00")))
    item = {
        "id": order["id"] * 100 + at,
        "sku": sku,
        "name": str(addition.get("name", name)),
        "variant_id": 44_872_881_439_000 + at,
        "gift_card": False,
        "quantity": count,
        "current_quantity": count,
        "price": price,
        "discount_allocations": [{"amount": str(off)}] if off else [],
    }
    amount = Decimal(price) * count - off
    tax = amount * RATE / (1 + RATE) if order["taxes_included"] else amount * RATE
    lines = [{"title": "SST", "price": str(tax.quantize(CENT)), "rate": float(RATE)}]
    order["line_items"].append({**item, "tax_lines": lines if addition.get("taxed", True) else []})


def _take_off(
    order: Order,
    pieces: int,
    moment: str,
    arguments: Mapping[str, Any],
    item: dict[str, Any] | None = None,
) -> None:
    """Add a refund of pieces; `arguments` are as in `refunded`, with a blank `money` for none."""
    restock, status = (
        str(arguments.get("restock", "return")),
        str(arguments.get("money", "success")),
    )
    shipping, adjusted = bool(arguments.get("shipping")), arguments.get("shipping") == "adjustment"
    item = item or order["line_items"][0]
    pieces = min(pieces, item["current_quantity"])
    part = Decimal(pieces) / item["quantity"]
    full_amount = Decimal(item["price"]) * item["quantity"] - _sum(
        item["discount_allocations"], "amount"
    )
    net = (full_amount * part).quantize(CENT)
    tax = (_sum(item["tax_lines"], "price") * part).quantize(CENT)
    item["current_quantity"] -= pieces
    refund_id = order["id"] * 10 + 5_000 + len(order["refunds"])
    back = net if order["taxes_included"] else net + tax
    extra = _sum(order["shipping_lines"], "price") if shipping else Decimal(0)
    line = {"id": refund_id + 1, "line_item_id": item["id"], "quantity": pieces}
    line |= {"restock_type": restock, "subtotal": str(net), "total_tax": str(tax)}
    given_back = {"kind": "shipping_refund", "reason": "Shipping refund"}
    given_back |= {"amount": str(-extra), "tax_amount": "0.00"}
    sent = {"id": refund_id + 3, "subtotal_amount_set": _both(extra), "tax_amount_set": _both(ZERO)}
    sent_lines = [
        {**sent, "shipping_line": shipping_line} for shipping_line in order["shipping_lines"][:1]
    ]
    move = {"id": refund_id + 2, "kind": "refund", "status": status, "currency": "MYR"}
    move |= {"amount": str(back + extra), "test": order["test"], "created_at": moment}
    order["refunds"].append(
        {
            "id": refund_id,
            "order_id": order["id"],
            "created_at": moment,
            "processed_at": moment,
            "note": None,
            "refund_line_items": [{**line, "line_item": _article(item)}],
            "refund_shipping_lines": sent_lines if extra and not adjusted else [],
            "order_adjustments": [given_back] if extra and adjusted else [],
            "transactions": [{**move, "processed_at": moment}] if status else [],
        }
    )


def _balance(order: Order, exchange: Mapping[str, Any]) -> Decimal:
    """Return what the new item of an exchange costs more than the returned goods, with tax."""
    (new,) = (item["line_item"]["id"] for item in exchange[_NEW])
    item = next(item for item in order["line_items"] if item["id"] == new)
    (refund_id,) = (refund["id"] for refund in exchange["refunds"])
    (back,) = next(refund for refund in order["refunds"] if refund["id"] == refund_id)[
        "refund_line_items"
    ]
    price: Decimal = Decimal(item["price"]) * int(item["quantity"])
    price -= _sum(item["discount_allocations"], "amount") + Decimal(back["subtotal"])
    if not order["taxes_included"]:
        price += _sum(item["tax_lines"], "price") - Decimal(back["total_tax"])
    return price


def _returned(
    order: Order, number: int, refund: Mapping[str, Any], item: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what an order lists of its return with an exchange."""
    back, return_id = refund["refund_line_items"][0], order["id"] * 10 + 7_000 + number
    return {
        "id": return_id,
        "name": f"{order['name']}-R{number}",
        "status": "closed",
        "refunds": [{"id": refund["id"]}],
        "return_line_items": [
            {"id": return_id + 100, "line_item": back["line_item"], "quantity": back["quantity"]}
        ],
        _NEW: [{"id": return_id + 200, "line_item": _article(item)}],
    }


def _article(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("id", "sku", "name", "variant_id", "tax_lines")}


def _both(amount: Decimal) -> dict[str, Any]:
    """Return an amount in the currencies of shop and buyer."""
    money = {"amount": f"{amount:.2f}", "currency_code": "MYR"}
    return {"shop_money": money, "presentment_money": money}


def _sum(parts: Sequence[Mapping[str, Any]], name: str) -> Decimal:
    return sum((Decimal(part[name]) for part in parts), Decimal("0.00"))


def _summed(order: Order) -> Order:
    """Return the order with its sums: what was ordered, and what remains."""
    items = order["line_items"]
    discounts = sum((_sum(item["discount_allocations"], "amount") for item in items), Decimal(0))
    goods = sum((Decimal(item["price"]) * item["quantity"] for item in items), Decimal(0))
    tax = sum((_sum(item["tax_lines"], "price") for item in items), Decimal("0.00"))
    total = goods - discounts + _sum(order["shipping_lines"], "price")
    total += Decimal(order["total_tip_received"])
    total += 0 if order["taxes_included"] else tax
    back = Decimal(0)
    for refund in order["refunds"]:
        back += _sum(refund["refund_line_items"], "subtotal")
        back -= _sum(refund["order_adjustments"], "amount")
        for line in refund["refund_shipping_lines"]:
            back += Decimal(line["subtotal_amount_set"]["shop_money"]["amount"])
        if not order["taxes_included"]:
            back += _sum(refund["refund_line_items"], "total_tax")
    order["subtotal_price"] = str(goods - discounts)
    order["total_discounts"] = str(discounts + Decimal("0.00"))
    order["total_tax"], order["total_price"] = str(tax), str(total)
    order["current_total_price"] = str(total - back)
    return order
