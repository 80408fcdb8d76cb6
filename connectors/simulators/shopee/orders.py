"""Orders and returns as Shopee writes them, and what becomes of one.

Here: an order after each act, with amounts as numbers. Not here: who is told of it (api.py).
"""

import copy
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.simulators.base.control import ControlError

Order = dict[str, Any]
ID = 9_007_199_254_740_993
"""What ids are counted from: above 2^53, where who reads them as floats is off by one."""
GOODS = (
    ("TEE", "TEE-BLK-M", "Tee", "Black,M", 55.00, 49.50),
    ("MUG", "", "Mug", "", 25.00, 25.00),
    ("CUP", "CUP-GLASS-20", "Kopitiam glass", "200 ml", 6.50, 5.00),
)
_BUYERS = ("a***h", "陈***玲", "மு***ர்", "f***d")


def bought(number: int, given: Mapping[str, Any], now: datetime) -> Order:
    """A new order: `items` of sku, quantity, price and was; `shipping`, `voucher`, `status`, `cod`,
    `currency`; what is left out is usual.
    """
    moment = int(now.timestamp())
    asked = given.get("items") or [{"sku": GOODS[number % 3][0], "quantity": 1 + number % 3}]
    status, cod = str(given.get("status", "READY_TO_SHIP")), bool(given.get("cod", False))
    paid = status != "UNPAID" and not cod
    shipping = float(given.get("shipping", 8.00))
    order: Order = {
        "order_sn": f"2611{number:06}CP",
        "order_status": status,
        "region": "MY",
        "currency": str(given.get("currency", "MYR")),
        "cod": cod,
        "create_time": moment,
        "update_time": moment,
        "pay_time": moment if paid else None,
        "payment_method": "Cash on Delivery" if cod else "Online Banking",
        "buyer_user_id": ID + int(given.get("buyer", number)),
        "buyer_username": _BUYERS[number % len(_BUYERS)],
        "estimated_shipping_fee": shipping,
        "actual_shipping_fee": 0,
        "actual_shipping_fee_confirmed": False,
        "item_list": [_item(number, at, one) for at, one in enumerate(asked, 1)],
        "voucher": float(given.get("voucher", 0)),
        "returns": [],
    }
    return _summed(order)


def changed(act: str, order: Order, given: Mapping[str, Any], now: datetime) -> Order:
    """The order after any later act; `delete` asks for a cancellation, `restore` takes it back."""
    made = copy.deepcopy(order)
    match act:
        case "edit":
            _take_off(made, int(given.get("remove", 1)))
        case "complete":
            made["order_status"] = str(given.get("status", "COMPLETED"))
            made["pay_time"] = made["pay_time"] or int(now.timestamp())
        case "cancel":
            made["order_status"] = "CANCELLED"
        case "refund":
            _give_back(made, given, now)
        case "delete":
            made["order_status"] = "IN_CANCEL"
        case _:
            made["order_status"] = "READY_TO_SHIP"
    return {**_summed(made), "update_time": int(now.timestamp())}


def sold(order: Order) -> dict[str, int]:
    """SKU -> pieces that are not in stock any more. A cancelled order has none; a return puts
    pieces back only where the warehouse has them, which no word of Shopee tells.
    """
    found: Counter[str] = Counter()
    for one in order["item_list"]:
        gone = order["order_status"] != "CANCELLED"
        found[one["model_sku"] or one["item_sku"]] += one["model_quantity_purchased"] * gone
    for back in order["returns"]:
        for one in back["item"] if back["_came_back"] else ():
            found[one["variation_sku"] or one["item_sku"]] -= one["amount"]
    return found


def shown(order: Order) -> Order:
    """The order as it is answered, without what only the shop itself knows."""
    return {name: told for name, told in order.items() if name not in ("voucher", "returns")}


def _item(number: int, at: int, given: Mapping[str, Any]) -> dict[str, Any]:
    sku = str(given.get("sku", "TEE"))
    known = next((one for one in GOODS if sku in one[:2]), None)
    item_sku, model_sku, name, model, was, price = known or (sku, "", sku, "", 10.00, 10.00)
    price = float(given.get("price", price))
    return {
        "item_id": ID + 70 + at,
        "item_name": str(given.get("name", name)),
        "item_sku": item_sku,
        "model_id": ID + 900 + at if model else 0,
        "model_name": model,
        "model_sku": model_sku,
        "model_quantity_purchased": int(given.get("quantity", 1)),
        "model_original_price": float(given.get("was", max(was, price))),
        "model_discounted_price": price,
        "order_item_id": ID + number * 100 + at,
        "promotion_type": str(given.get("promotion", "")),
    }


def _take_off(order: Order, pieces: int) -> None:
    """Pieces of the first line that the seller cannot send."""
    first = order["item_list"][0]
    first["model_quantity_purchased"] = max(1, first["model_quantity_purchased"] - pieces)
    if first["model_quantity_purchased"] == 1:
        order["order_status"] = "PROCESSED"


def _give_back(order: Order, given: Mapping[str, Any], now: datetime) -> None:
    """A return of `pieces` of the first line, with a `status` of its own."""
    first = order["item_list"][0]
    pieces = int(given.get("pieces", 1))
    if pieces > first["model_quantity_purchased"]:
        raise ControlError("So many pieces were not sold")
    back = Decimal(str(first["model_discounted_price"])) * pieces
    moment, count = int(now.timestamp()), len(order["returns"]) + 1
    order["returns"].append(
        {
            "return_sn": f"{order['order_sn']}R{count}",
            "order_sn": order["order_sn"],
            "status": str(given.get("status", "REFUND_PAID")),
            "_came_back": bool(given.get("came_back", False)),
            "reason": str(given.get("reason", "ITEM_DAMAGED")),
            "currency": order["currency"],
            "refund_amount": float(given.get("amount", back)),
            "create_time": moment,
            "update_time": moment,
            "item": [
                {
                    "item_id": first["item_id"],
                    "model_id": first["model_id"],
                    "name": first["item_name"],
                    "item_sku": first["item_sku"],
                    "variation_sku": first["model_sku"],
                    "item_price": first["model_discounted_price"],
                    "amount": pieces,
                }
            ],
        }
    )


def _summed(order: Order) -> Order:
    goods = sum(
        (
            Decimal(str(one["model_discounted_price"])) * one["model_quantity_purchased"]
            for one in order["item_list"]
        ),
        Decimal(0),
    )
    total = goods + Decimal(str(order["estimated_shipping_fee"])) - Decimal(str(order["voucher"]))
    return {**order, "total_amount": float(total)}
