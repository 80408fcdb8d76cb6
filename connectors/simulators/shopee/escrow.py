"""The money of orders that Shopee releases: what it lists, and how it comes about.

Here: the income of an order, the answers that show both, the control call that releases. Not here:
who may ask (api.py), what an order looks like (orders.py).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from connectors.simulators.base.control import ControlError, Deed, done, given_of
from connectors.simulators.base.market import MarketBooks
from connectors.simulators.base.server import Reply, Request
from connectors.simulators.base.shop import Order, Shop, ShopControl

ROOT: Final = "/api/v2/payment/"
LIST: Final = f"{ROOT}get_escrow_list"
BATCH: Final = f"{ROOT}get_escrow_detail_batch"
COMMISSION, SERVICE, TRANSACTION = Decimal("0.0216"), Decimal("0.0324"), Decimal("0.0212")
CENT: Final = Decimal("0.01")
_MOST, _AT_ONCE = 100, 50


class ShopeeBooks(MarketBooks):
    """The orders, and what was released of each by its number."""

    def rewind(self) -> None:
        """No order and nothing released."""
        super().rewind()
        self.escrows: dict[str, dict[str, Any]] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """Let a release take effect, or what every marketplace knows."""
        super().take(line)
        if line["call"] == "release":
            self.escrows |= {one["listed"]["order_sn"]: dict(one) for one in line["escrows"]}


class EscrowControl(ShopControl):
    """The control calls of a shop, and one that releases money."""

    def __init__(self, shop: Shop, books: ShopeeBooks) -> None:
        super().__init__(shop)
        self._escrows = books

    def shown(self, what: str) -> Mapping[str, object]:
        """What was released, too."""
        if what == "escrows":
            return {what: list(self._escrows.escrows.values())}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """A release beside the acts on orders."""
        return {**super().deeds(), "release": self._release}

    def _release(self, request: Request, request_id: str) -> Reply:
        """`orders` (their ids here, or ids of no order; all whose money was not released where they
        are left out), `off` (what is listed beside what the income comes to), `bears` (of a voucher
        of Shopee's). An order that was released is released again: its income may be another.
        """
        given = dict(given_of(request))
        books = self._escrows
        known = {order["order_sn"]: number for number, order in books.orders.items()}
        left = [number for order, number in known.items() if order not in books.escrows]
        made = [
            escrow(books, int(one), given, self.stand_in.now()) for one in given.get("orders", left)
        ]
        if not made:
            raise ControlError("There is nothing to release")
        self.note(request_id, "release", escrows=made, effect="released")
        return done("release", escrows=made)


def escrow(
    books: ShopeeBooks, number: int, given: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """What is listed of an order, and the income behind it."""
    order = books.orders.get(number)
    total = Decimal(str(order["total_amount"] if order else given.get("foreign", "10.00")))
    back = sum((Decimal(str(one["refund_amount"])) for one in (order or {}).get("returns", ())), 0)
    bears, carrier = Decimal(str(given.get("bears", "0"))), Decimal("4.90")
    fees = {
        "commission_fee": (total * COMMISSION).quantize(CENT),
        "service_fee": (total * SERVICE).quantize(CENT),
        "seller_transaction_fee": (total * TRANSACTION).quantize(CENT),
    }
    kept = {**fees, "actual_shipping_fee": carrier, "shipping_fee_sst": Decimal("0.29")}
    comes_to = total + bears + carrier - back - sum(kept.values(), Decimal(0))
    amounts = {
        "buyer_total_amount": total,
        "voucher_from_shopee": bears,
        "coins": Decimal(0),
        "shopee_shipping_rebate": carrier,
        "seller_return_refund": Decimal(back),
        "escrow_tax": Decimal(0),
        "escrow_amount": comes_to,
        **kept,
    }
    sn = order["order_sn"] if order else f"2611{number:06}CP"
    income = {name: float(amount) for name, amount in amounts.items()}
    stated = float(comes_to + Decimal(str(given.get("off", "0"))))
    moment = int(now.timestamp())
    return {
        "listed": {"order_sn": sn, "payout_amount": stated, "escrow_release_time": moment},
        "detail": {
            "order_sn": sn,
            "buyer_user_name": "a***h",
            "return_order_sn_list": [one["return_sn"] for one in (order or {}).get("returns", ())],
            "order_income": {**income, "order_adjustment": list(given.get("adjust", ()))},
        },
    }


def listed(books: ShopeeBooks, query: Mapping[str, str]) -> Order | str:
    """A page of what was released between two moments, the newest first; or what is wrong."""
    since, until = int(query["release_time_from"]), int(query["release_time_to"])
    number, size = int(query.get("page_no", "1")), int(query.get("page_size", "40"))
    if until < since or number < 1 or not 0 < size <= _MOST:
        return "Invalid page_size, page_no or time range."
    found = [one["listed"] for one in books.escrows.values()]
    found = [one for one in found if since <= one["escrow_release_time"] <= until]
    found.sort(key=lambda one: (-one["escrow_release_time"], one["order_sn"]))
    page = found[(number - 1) * size : number * size]
    return {"more": len(found) > number * size, "escrow_list": page}


def incomes(books: ShopeeBooks, body: bytes) -> list[Order] | str:
    """The incomes of the orders that a body names; or what is wrong."""
    numbers = json.loads(body)["order_sn_list"]
    if not isinstance(numbers, list) or not 0 < len(numbers) <= _AT_ONCE:
        return "Your request exceeds the max limit of 50 orders."
    found = [books.escrows[one]["detail"] for one in numbers if one in books.escrows]
    return [{"escrow_detail": one} for one in found]
