"""Orders as Lazada writes them, a row for each piece, and what becomes of one.

Here: an order after each act. Not here: who is told of it (api.py).
"""

import copy
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from connectors.simulators.base.control import ControlError

Order = dict[str, Any]
ID = 9_007_199_254_740_993
"""What ids are counted from: above 2^53, where who reads them as floats is off by one."""
HERE = timezone(timedelta(hours=8))
GOODS = (
    ("TEE-BLK-M", "Tee", "Black / M", 55.00, 49.50),
    ("MUG", "Mug", "", 25.00, 25.00),
    ("CUP-GLASS-20", "Kopitiam glass", "200 ml", 6.50, 5.00),
)
_BUYERS = (("Aisyah", "R***n"), ("陈", "***玲"), ("முத்து", "***"), ("Farid", "R***n"))
_GONE = ("canceled", "returned", "shipped_back_success")


def bought(number: int, given: Mapping[str, Any], now: datetime) -> Order:
    """A new order: `items` of sku, quantity, price and was; `shipping` of a piece, `status`; what
    is left out is usual.
    """
    asked = given.get("items") or [{"sku": GOODS[number % 3][0], "quantity": 1 + number % 3}]
    moment, (first, last) = told(now), _BUYERS[number % len(_BUYERS)]
    order: Order = {
        "order_id": ID + number,
        "order_number": ID + number,
        "created_at": moment,
        "updated_at": moment,
        "payment_method": str(given.get("payment", "MIXEDCARD")),
        "customer_first_name": first,
        "customer_last_name": last,
        "order_items": [],
    }
    for one in asked:
        for _ in range(int(one.get("quantity", 1))):
            order["order_items"].append(_piece(order, one, given, moment))
    return _summed(order)


def changed(act: str, order: Order, given: Mapping[str, Any], now: datetime) -> Order:
    """The order after any later act; `edit` cancels pieces, `delete` fails to deliver all of it,
    `restore` sends it again.
    """
    made = copy.deepcopy(order)
    left = [one for one in made["order_items"] if one["status"] not in _GONE]
    pieces = int(given.get("pieces", 1))
    match act:
        case "edit":
            _set(left[:pieces], str(given.get("status", "canceled")), now)
        case "complete":
            _set(left[: given.get("pieces")], str(given.get("status", "delivered")), now)
        case "cancel":
            _set(left, "canceled", now)
        case "refund":
            if len(left) < pieces:
                raise ControlError("So many pieces are not left")
            _set(left[:pieces], str(given.get("status", "returned")), now)
        case "delete":
            _set(left, "failed_delivery", now)
        case _:
            _set(left, "shipped", now)
    return _summed({**made, "updated_at": told(now)})


def told(moment: datetime) -> str:
    """A moment as Lazada writes it, by the clock of the shop."""
    return moment.astimezone(HERE).strftime("%Y-%m-%d %H:%M:%S %z")


def moment_of(text: str) -> datetime:
    """The moment behind it."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")


def sold(order: Order) -> dict[str, int]:
    """SKU -> pieces that are not in stock any more: those that were cancelled or came back are."""
    found: Counter[str] = Counter()
    for one in order["order_items"]:
        found[one["sku"]] += one["status"] not in _GONE
    return found


def listed(order: Order) -> Order:
    """The order as the list has it: without its pieces."""
    return {name: one for name, one in order.items() if name != "order_items"}


def _piece(
    order: Order, given: Mapping[str, Any], whole: Mapping[str, Any], moment: str
) -> dict[str, Any]:
    sku = str(given.get("sku", "MUG"))
    known = next((one for one in GOODS if one[0] == sku), (sku, sku, "", 10.00, 10.00))
    _, name, variation, was, price = known
    price = float(given.get("price", price))
    was = float(given.get("was", max(was, price)))
    at = len(order["order_items"]) + 1
    return {
        "order_item_id": order["order_id"] * 100 + at,
        "order_id": order["order_id"],
        "sku": sku,
        "shop_sku": f"{sku}_MY-9",
        "name": str(given.get("name", name)),
        "variation": variation,
        "status": str(whole.get("status", "pending")),
        "item_price": was,
        "paid_price": price,
        "voucher_amount": round(was - price, 2),
        "tax_amount": 0.00,
        "shipping_amount": float(whole.get("shipping", 4.00)),
        "currency": str(whole.get("currency", "MYR")),
        "reason": "",
        "created_at": moment,
        "updated_at": moment,
    }


def _set(pieces: list[dict[str, Any]], status: str, now: datetime) -> None:
    for one in pieces:
        one["status"], one["updated_at"] = status, told(now)
        one["reason"] = "Damaged" if status in _GONE else ""


def _summed(order: Order) -> Order:
    pieces = order["order_items"]
    shipping = sum(one["shipping_amount"] for one in pieces)
    words = list(dict.fromkeys(one["status"] for one in pieces))
    price = f"{sum(one['item_price'] for one in pieces):.2f}"
    more = {"items_count": len(pieces), "statuses": words, "price": price}
    return {**order, **more, "shipping_fee": round(shipping, 2)}
