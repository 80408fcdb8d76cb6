"""Serve Shopee's interface for orders, returns and escrows, and send its webhooks."""

import copy
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from connectors.transport.http import Clock
from sandbox.simulators.base.control import ControlError, Deed, done, given_of
from sandbox.simulators.base.market import App, Market, MarketBooks
from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.base.shop import LATER, Life, Order, Shop, ShopControl, Webhook

API_ROOT: Final = "/api/v2/"

ORDER_LIST: Final = f"{API_ROOT}order/get_order_list"

DETAIL: Final = f"{API_ROOT}order/get_order_detail"

RETURNS: Final = f"{API_ROOT}returns/get_return_list"

TOKEN: Final = f"{API_ROOT}auth/access_token/get"

SHOP_ID: Final = 88

LONGEST: Final = 15 * 86_400

MOST: Final = 100

AT_ONCE: Final = 50

VALID: Final = 300
"""A request is accepted for this many seconds before and after its timestamp."""

_ERRORS: Final = {
    "server": ("error_server", "Something wrong. Please try later."),
    "limit": ("error_rate_limit", "You have exceeded the request limit."),
    "token": ("error_auth", "Invalid access_token."),
    "permission": ("error_permission", "You don't have the permission to call this API."),
    "shop": ("error_auth", "Invalid shop_id: partner and shop are not linked."),
}
"""Only the word error_auth is in Shopee's contract (K). The errors for a missing permission and
another shop, and all sentences, are our own (O).
"""

_STATUS, _RETURN, _TRIAL = 3, 29, 0

_ALWAYS: Final = ("order_sn", "region", "currency", "cod", "order_status", "create_time")

ShopeeOrder = dict[str, Any]

ID = 9_007_199_254_740_993
"""The base of all ids. It is above 2^53, so a client that reads ids as floats is off by one."""

GOODS = (
    ("TEE", "TEE-BLK-M", "Tee", "Black,M", 55.00, 49.50),
    ("MUG", "", "Mug", "", 25.00, 25.00),
    ("CUP", "CUP-GLASS-20", "Kopitiam glass", "200 ml", 6.50, 5.00),
)

_BUYERS = ("a***h", "陈***玲", "மு***ர்", "f***d")

PAYMENT_ROOT: Final = "/api/v2/payment/"

ESCROW_LIST: Final = f"{PAYMENT_ROOT}get_escrow_list"

BATCH: Final = f"{PAYMENT_ROOT}get_escrow_detail_batch"

COMMISSION, SERVICE, TRANSACTION = Decimal("0.0216"), Decimal("0.0324"), Decimal("0.0212")

CENT: Final = Decimal("0.01")

_MOST, _AT_ONCE = 100, 50

_UNSHOWN: Final = ("voucher", "platform_voucher", "returns")
"""Fields of our stored orders that get_order_detail does not return."""


class ShopeeBooks(MarketBooks):
    """The orders, and the release of each order by order number."""

    def rewind(self) -> None:
        """Reset to no orders and no releases."""
        super().rewind()
        self.escrows: dict[str, dict[str, Any]] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a release, or an event that every marketplace has."""
        super().take(line)
        if line["call"] == "release":
            self.escrows |= {entry["listed"]["order_sn"]: dict(entry) for entry in line["escrows"]}


class Shopee(Market):
    """A simulated Shopee shop: its API and its webhooks."""

    exchange_at = TOKEN

    def __init__(
        self,
        books: ShopeeBooks,
        ledger: Ledger,
        clock: Clock,
        *,
        to: str,
        life: Life,
        app: App,
        per_minute: int,
    ) -> None:
        super().__init__(books, ledger, clock, to=to, life=life, app=app, per_minute=per_minute)
        self._escrows = books
        self._control = EscrowControl(self, books)

    def changed(
        self, act: str, order_id: int, order: Order | None, arguments: Mapping[str, Any]
    ) -> Order:
        """Return the order after an act."""
        if act == "create":
            return bought(order_id, arguments, self.now())
        if order is None:
            raise ControlError("No such order")
        before = datetime.fromtimestamp(order["update_time"], UTC)
        return changed(act, order, arguments, max(self.now(), before + LATER))

    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """Return one webhook, which only names the changed order or return."""
        if act == "refund":
            last = order["returns"][-1]
            data = {name: last[name] for name in ("return_sn", "order_sn", "update_time")}
            return [self._hook(_RETURN, {**data, "return_status": last["status"]})]
        data = {"ordersn": order["order_sn"], "status": order["order_status"]}
        return [self._hook(_STATUS, {**data, "update_time": order["update_time"]})]

    def sold(self, order: Order) -> Mapping[str, int]:
        """Return the sold pieces without the pieces that returned to stock."""
        return sold(order)

    def trial(self) -> Webhook:
        """Return the webhook that Shopee sends to a new address."""
        return self._hook(_TRIAL, {"verify_info": "This is a Verification message"})

    def refused(self, request: Request) -> Reply | None:
        """Return the refusal by signature, timestamp or token, or None."""
        query = request.query
        access_token = "" if request.path == TOKEN else query.get("access_token", "")
        shop = "" if request.path == TOKEN else query.get("shop_id", "")
        parts = (
            query.get("partner_id", ""),
            request.path,
            query.get("timestamp", ""),
            access_token,
            shop,
        )
        right = _signed(self.app.secret, "".join(parts).encode())
        is_partner = query.get("partner_id") == self.app.number
        if not is_partner or query.get("sign") != right:
            return _wrong("error_sign", "Wrong sign.")
        moment = query.get("timestamp", "")
        if not moment.isdecimal() or abs(int(moment) - self.now().timestamp()) > VALID:
            return _wrong("error_param", "Invalid timestamp.")
        if request.path != TOKEN and shop != str(SHOP_ID):
            return self.wrong("shop")
        if request.path != TOKEN and (access_token != self.access or not access_token):
            return self.wrong("token")
        return None

    def wrong(self, what: str) -> Reply:
        """Return an error, which Shopee sends with the status 200."""
        return _wrong(*_ERRORS[what])

    def shown(self, request: Request) -> Reply:
        """Return the reply to a read."""
        try:
            match request.path:
                case p if p == ORDER_LIST:
                    return self._listed(request.query)
                case p if p == DETAIL:
                    return self._detail(request.query)
                case p if p == RETURNS:
                    return self._returns(request.query)
                case p if p == ESCROW_LIST:
                    return _said(list_escrow(self._escrows, request.query))
                case p if p == BATCH:
                    result = incomes(self._escrows, request.body)
                    return _said(
                        self.all_but_missing(result) if isinstance(result, list) else result
                    )
                case p if p == TOKEN:
                    return self._exchanged(request.body)
        except (KeyError, ValueError):
            return _wrong("error_param", "Wrong parameters.")
        return Reply(status=404, content={"error": "error_not_found", "message": "No such API."})

    def _listed(self, query: Mapping[str, str]) -> Reply:
        since, until, size = (int(query[name]) for name in ("time_from", "time_to", "page_size"))
        field = {"update_time": "update_time", "create_time": "create_time"}[
            query["time_range_field"]
        ]
        if not 0 <= until - since <= LONGEST or not 0 < size <= MOST:
            return _wrong("error_param", "The time range is at most 15 days.")
        start = int(query.get("cursor") or "0")
        orders = [order for order in self.books.orders.values() if since <= order[field] <= until]
        orders.sort(key=lambda order: (-order[field], order["order_sn"]))
        page = orders[start : start + size]
        more = len(orders) > start + size
        token = str(start + size) if more else ""
        listed = [{"order_sn": order["order_sn"]} for order in page]
        return _good({"more": more, "next_cursor": token, "order_list": listed})

    def _detail(self, query: Mapping[str, str]) -> Reply:
        numbers = query["order_sn_list"].split(",")
        if len(numbers) > AT_ONCE:
            return _wrong("error_param", "At most 50 orders.")
        orders = [order for order in self.books.orders.values() if order["order_sn"] in numbers]
        optional_fields = query.get("response_optional_fields", "").split(",")
        details = [_asked_for(shown(order), optional_fields) for order in orders]
        return _good({"order_list": self.all_but_missing(details)})

    def _returns(self, query: Mapping[str, str]) -> Reply:
        since, until = int(query["update_time_from"]), int(query["update_time_to"])
        number, size = int(query["page_no"]), int(query["page_size"])
        returns = [
            {name: value for name, value in back.items() if name != "_came_back"}
            for order in self.books.orders.values()
            for back in order["returns"]
            if since <= back["update_time"] <= until
        ]
        returns.sort(key=lambda order: (-order["update_time"], order["return_sn"]))
        page = returns[number * size : (number + 1) * size]
        return _good({"more": len(returns) > (number + 1) * size, "return": page})

    def _exchanged(self, body: bytes) -> Reply:
        content = json.loads(body)
        if content["shop_id"] != SHOP_ID or str(content["partner_id"]) != self.app.number:
            return self.wrong("shop")
        if not self.exchange(str(content["refresh_token"])):
            return _wrong("error_auth", "Invalid refresh_token.")
        tokens = {"access_token": self.access, "refresh_token": self.refresh, "shop_id": SHOP_ID}
        seconds = int(self.app.lasts.total_seconds())
        return Reply(
            status=200, content={**tokens, "expire_in": seconds, "error": "", "message": ""}
        )

    def _hook(self, code: int, data: Mapping[str, Any]) -> Webhook:
        message = {"code": code, "shop_id": SHOP_ID, "timestamp": int(self.now().timestamp())}
        raw = json.dumps({**message, "data": data}, ensure_ascii=False).encode()
        right, wrong = (
            {
                "Content-Type": "application/json",
                "Authorization": _signed(secret, self._to.encode() + b"|" + raw),
            }
            for secret in (self.app.secret, "another secret")
        )
        return Webhook(topic=str(code), headers=right, raw=raw, forged=wrong)


def _signed(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def _wrong(error: str, words: str) -> Reply:
    return Reply(status=200, content={"error": error, "message": words, "request_id": "r1"})


def _said(result: Order | list[Order] | str) -> Reply:
    return _wrong("error_param", result) if isinstance(result, str) else _good(result)


def _good(content: Mapping[str, Any] | list[Order]) -> Reply:
    payload = {"error": "", "message": "", "request_id": "r1", "response": content}
    return Reply(status=200, content=payload)


def _asked_for(order: Order, optional_fields: Sequence[str]) -> Order:
    """Return an order's fixed fields and the requested ones."""
    names = {*_ALWAYS, "update_time", *optional_fields}
    return {name: value for name, value in order.items() if name in names}


def bought(number: int, arguments: Mapping[str, Any], now: datetime) -> ShopeeOrder:
    """Return a new order.

    `items` have sku, quantity, price and was; further `shipping`, `voucher` (the seller's),
    `platform_voucher`, `status`, `cod`, `currency`. Every value has a default.
    """
    moment = int(now.timestamp())
    items = arguments.get("items") or [{"sku": GOODS[number % 3][0], "quantity": 1 + number % 3}]
    status, cod = str(arguments.get("status", "READY_TO_SHIP")), bool(arguments.get("cod", False))
    paid = status != "UNPAID" and not cod
    shipping = float(arguments.get("shipping", 8.00))
    order: ShopeeOrder = {
        "order_sn": f"2611{number:06}CP",
        "order_status": status,
        "region": "MY",
        "currency": str(arguments.get("currency", "MYR")),
        "cod": cod,
        "create_time": moment,
        "update_time": moment,
        "pay_time": moment if paid else None,
        "payment_method": "Cash on Delivery" if cod else "Online Banking",
        "buyer_user_id": ID + int(arguments.get("buyer", number)),
        "buyer_username": _BUYERS[number % len(_BUYERS)],
        "estimated_shipping_fee": shipping,
        "actual_shipping_fee": 0,
        "actual_shipping_fee_confirmed": False,
        "item_list": [_item(number, at, item) for at, item in enumerate(items, 1)],
        "voucher": float(arguments.get("voucher", 0)),
        "platform_voucher": float(arguments.get("platform_voucher", 0)),
        "returns": [],
    }
    return _summed(order)


def _item(number: int, at: int, item: Mapping[str, Any]) -> dict[str, Any]:
    sku = str(item.get("sku", "TEE"))
    product = next((choice for choice in GOODS if sku in choice[:2]), None)
    item_sku, model_sku, name, model, was, price = product or (sku, "", sku, "", 10.00, 10.00)
    price = float(item.get("price", price))
    return {
        "item_id": ID + 70 + at,
        "item_name": str(item.get("name", name)),
        "item_sku": item_sku,
        "model_id": ID + 900 + at if model else 0,
        "model_name": model,
        "model_sku": model_sku,
        "model_quantity_purchased": int(item.get("quantity", 1)),
        "model_original_price": float(item.get("was", max(was, price))),
        "model_discounted_price": price,
        "order_item_id": ID + number * 100 + at,
        "promotion_type": str(item.get("promotion", "")),
    }


def _summed(order: ShopeeOrder) -> ShopeeOrder:
    goods = sum(
        (
            Decimal(str(item["model_discounted_price"])) * item["model_quantity_purchased"]
            for item in order["item_list"]
        ),
        Decimal(0),
    )
    total = goods + Decimal(str(order["estimated_shipping_fee"]))
    total -= sum(Decimal(str(order[name])) for name in ("voucher", "platform_voucher"))
    return {**order, "total_amount": float(total)}


def changed(
    act: str, order: ShopeeOrder, arguments: Mapping[str, Any], now: datetime
) -> ShopeeOrder:
    """Return the order after a later act; `delete` requests a cancellation."""
    new_order = copy.deepcopy(order)
    match act:
        case "edit":
            _take_off(new_order, int(arguments.get("remove", 1)))
        case "complete":
            new_order["order_status"] = str(arguments.get("status", "COMPLETED"))
            new_order["pay_time"] = new_order["pay_time"] or int(now.timestamp())
        case "cancel":
            new_order["order_status"] = "CANCELLED"
        case "refund":
            _give_back(new_order, arguments, now)
        case "delete":
            new_order["order_status"] = "IN_CANCEL"
        case _:
            new_order["order_status"] = "READY_TO_SHIP"
    return {**_summed(new_order), "update_time": int(now.timestamp())}


def _take_off(order: ShopeeOrder, pieces: int) -> None:
    """Remove pieces of the first line that the seller cannot send."""
    first = order["item_list"][0]
    first["model_quantity_purchased"] = max(1, first["model_quantity_purchased"] - pieces)
    if first["model_quantity_purchased"] == 1:
        order["order_status"] = "PROCESSED"


def _give_back(order: ShopeeOrder, arguments: Mapping[str, Any], now: datetime) -> None:
    """Add a return of `pieces` of the first line, with its own `status`."""
    first = order["item_list"][0]
    pieces = int(arguments.get("pieces", 1))
    if pieces > first["model_quantity_purchased"]:
        raise ControlError("So many pieces were not sold")
    back = Decimal(str(first["model_discounted_price"])) * pieces
    moment, count = int(now.timestamp()), len(order["returns"]) + 1
    order["returns"].append(
        {
            "return_sn": f"{order['order_sn']}R{count}",
            "order_sn": order["order_sn"],
            "status": str(arguments.get("status", "REFUND_PAID")),
            "_came_back": bool(arguments.get("came_back", False)),
            "reason": str(arguments.get("reason", "ITEM_DAMAGED")),
            "currency": order["currency"],
            "refund_amount": float(arguments.get("amount", back)),
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


def sold(order: ShopeeOrder) -> dict[str, int]:
    """Return SKU -> pieces out of stock.

    A cancelled order has none; a return adds pieces only if the warehouse has them, which no field
    of Shopee shows.
    """
    pieces: Counter[str] = Counter()
    for item in order["item_list"]:
        is_sold = order["order_status"] != "CANCELLED"
        pieces[item["model_sku"] or item["item_sku"]] += item["model_quantity_purchased"] * is_sold
    for back in order["returns"]:
        for item in back["item"] if back["_came_back"] else ():
            pieces[item["variation_sku"] or item["item_sku"]] -= item["amount"]
    return pieces


def shown(order: ShopeeOrder) -> ShopeeOrder:
    """Return the order for a reply, without the shop's internal fields."""
    return {name: value for name, value in order.items() if name not in _UNSHOWN}


class EscrowControl(ShopControl):
    """The control calls of a shop, and the control call that releases money."""

    def __init__(self, shop: Shop, books: ShopeeBooks) -> None:
        super().__init__(shop)
        self._escrows = books

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state with all releases."""
        if what == "escrows":
            return {what: list(self._escrows.escrows.values())}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """Return the acts by hand: release money."""
        return {**super().deeds(), "release": self._release}

    def _release(self, request: Request, request_id: str) -> Reply:
        """Release orders' money.

        `orders` (their ids here, or ids of no order; by default all unreleased ones), `off` (the
        difference between list and income), `bears` (Shopee's share of a voucher). A released order
        is released again with a possibly different income.
        """
        arguments = dict(given_of(request))
        books = self._escrows
        numbers_by_order = {order["order_sn"]: number for number, order in books.orders.items()}
        open_numbers = [
            number for order, number in numbers_by_order.items() if order not in books.escrows
        ]
        escrows = [
            escrow(books, int(number), arguments, self.stand_in.now())
            for number in arguments.get("orders", open_numbers)
        ]
        if not escrows:
            raise ControlError("There is nothing to release")
        self.note(request_id, "release", escrows=escrows, effect="released")
        return done("release", escrows=escrows)


def escrow(
    books: ShopeeBooks, number: int, arguments: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Return the release of an order's money, as Shopee shows it.

    `listed` is its entry in the list of releases. `detail` is its income, with the amount paid,
    fees, vouchers and refunds.

    Without an order of this number, the argument `foreign` is the paid amount. `bears` is Shopee's
    share of the voucher, `off` is added to the listed amount alone, and `adjust` are adjustments.
    """
    order = books.orders.get(number)
    total = Decimal(str(order["total_amount"] if order else arguments.get("foreign", "10.00")))
    back = sum(
        (Decimal(str(entry["refund_amount"])) for entry in (order or {}).get("returns", ())), 0
    )
    seller, platform, shipping = (
        Decimal(str((order or {}).get(name, 0)))
        for name in ("voucher", "platform_voucher", "estimated_shipping_fee")
    )
    bears, carrier = Decimal(str(arguments.get("bears", platform))), Decimal("4.90")
    # Of what comes back, Shopee takes the part that it bore.
    back += (bears * back / total).quantize(CENT) if total else 0
    fees = {
        "commission_fee": (total * COMMISSION).quantize(CENT),
        "service_fee": (total * SERVICE).quantize(CENT),
        "seller_transaction_fee": (total * TRANSACTION).quantize(CENT),
    }
    charges = {**fees, "actual_shipping_fee": carrier, "shipping_fee_sst": Decimal("0.29")}
    comes_to = total + bears + carrier - back - sum(charges.values(), Decimal(0))
    amounts = {
        "buyer_total_amount": total,
        "voucher_from_seller": seller,
        "voucher_from_shopee": bears,
        "buyer_paid_shipping_fee": shipping,
        "coins": Decimal(0),
        "shopee_shipping_rebate": carrier,
        "seller_return_refund": -Decimal(back),
        "escrow_tax": Decimal(0),
        "escrow_amount": comes_to,
        **charges,
    }
    sn = order["order_sn"] if order else f"2611{number:06}CP"
    income = {name: float(amount) for name, amount in amounts.items()}
    stated = float(comes_to + Decimal(str(arguments.get("off", "0"))))
    moment = int(now.timestamp())
    return {
        "listed": {"order_sn": sn, "payout_amount": stated, "escrow_release_time": moment},
        "detail": {
            "order_sn": sn,
            "buyer_user_name": "a***h",
            "return_order_sn_list": [
                entry["return_sn"] for entry in (order or {}).get("returns", ())
            ],
            "order_income": {**income, "order_adjustment": list(arguments.get("adjust", ()))},
        },
    }


def list_escrow(books: ShopeeBooks, query: Mapping[str, str]) -> Order | str:
    """Return a page of releases between two times, newest first, or an error message."""
    since, until = int(query["release_time_from"]), int(query["release_time_to"])
    number, size = int(query.get("page_no", "1")), int(query.get("page_size", "40"))
    if until < since or number < 1 or not 0 < size <= _MOST:
        return "Invalid page_size, page_no or time range."
    releases = [entry["listed"] for entry in books.escrows.values()]
    releases = [release for release in releases if since <= release["escrow_release_time"] <= until]
    releases.sort(key=lambda release: (-release["escrow_release_time"], release["order_sn"]))
    page = releases[(number - 1) * size : number * size]
    return {"more": len(releases) > number * size, "escrow_list": page}


def incomes(books: ShopeeBooks, body: bytes) -> list[Order] | str:
    """Return the incomes of the orders that a request body lists, or an error message."""
    numbers = json.loads(body)["order_sn_list"]
    if not isinstance(numbers, list) or not 0 < len(numbers) <= _AT_ONCE:
        return "Your request exceeds the max limit of 50 orders."
    numbers_by_order = {order["order_sn"]: number for number, order in books.orders.items()}
    details = [
        books.escrows[number]["detail"]
        if number in books.escrows
        else escrow(books, numbers_by_order[number], {}, datetime.now(UTC))["detail"]
        for number in numbers
        if number in books.escrows or number in numbers_by_order
    ]
    return [{"escrow_detail": detail} for detail in details]
