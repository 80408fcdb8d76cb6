"""Shopee from the outside: its interface for orders, returns and escrows, and the webhooks that it
sends.

Here: who may ask, lists by moment with a cursor, tokens, what a webhook says, signatures. Not here:
what an order looks like (orders.py), what is released of it (escrow.py), what every marketplace
does (simulators/base/market.py).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors.simulators.base.control import ControlError
from connectors.simulators.base.market import App, Market
from connectors.simulators.base.server import Ledger, Reply, Request
from connectors.simulators.base.shop import LATER, Life, Order, Webhook
from connectors.simulators.shopee import escrow, orders
from connectors.transport.clock import Clock

ROOT: Final = "/api/v2/"
LIST: Final = f"{ROOT}order/get_order_list"
DETAIL: Final = f"{ROOT}order/get_order_detail"
RETURNS: Final = f"{ROOT}returns/get_return_list"
TOKEN: Final = f"{ROOT}auth/access_token/get"
SHOP_ID: Final = 88
LONGEST: Final = 15 * 86_400
MOST: Final = 100
AT_ONCE: Final = 50
VALID: Final = 300
"""Seconds around its moment in which a question is taken."""
_ERRORS: Final = {
    "server": ("error_server", "Something wrong. Please try later."),
    "limit": ("error_rate_limit", "You have exceeded the request limit."),
    "token": ("error_auth", "Invalid access_token."),
    "permission": ("error_permission", "You don't have the permission to call this API."),
    "shop": ("error_auth", "Invalid shop_id: partner and shop are not linked."),
}
"""Of these words the contract has error_auth alone (K); that an app lacks a right, that a shop is
another's, and the sentences are ours (O).
"""
_STATUS, _RETURN, _TRIAL = 3, 29, 0


class Shopee(Market):
    """One shop."""

    exchange_at = TOKEN

    def __init__(
        self,
        books: escrow.ShopeeBooks,
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
        self._control = escrow.EscrowControl(self, books)

    def changed(
        self, act: str, order_id: int, order: Order | None, given: Mapping[str, Any]
    ) -> Order:
        """The order after an act."""
        if act == "create":
            return orders.bought(order_id, given, self.now())
        if order is None:
            raise ControlError("No such order")
        before = datetime.fromtimestamp(order["update_time"], UTC)
        return orders.changed(act, order, given, max(self.now(), before + LATER))

    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """One webhook; it says which order or return changed, and no more."""
        if act == "refund":
            last = order["returns"][-1]
            data = {name: last[name] for name in ("return_sn", "order_sn", "update_time")}
            return [self._hook(_RETURN, {**data, "return_status": last["status"]})]
        data = {"ordersn": order["order_sn"], "status": order["order_status"]}
        return [self._hook(_STATUS, {**data, "update_time": order["update_time"]})]

    def sold(self, order: Order) -> Mapping[str, int]:
        """What was sold, without what was put back."""
        return orders.sold(order)

    def trial(self) -> Webhook:
        """The webhook that Shopee sends to an address that was just entered."""
        return self._hook(_TRIAL, {"verify_info": "This is a Verification message"})

    def refused(self, request: Request) -> Reply | None:
        """Its signature, its moment, its token."""
        query = request.query
        own = "" if request.path == TOKEN else query.get("access_token", "")
        shop = "" if request.path == TOKEN else query.get("shop_id", "")
        parts = (query.get("partner_id", ""), request.path, query.get("timestamp", ""), own, shop)
        right = _signed(self.app.secret, "".join(parts).encode())
        known = query.get("partner_id") == self.app.number
        if not known or query.get("sign") != right:
            return _wrong("error_sign", "Wrong sign.")
        moment = query.get("timestamp", "")
        if not moment.isdecimal() or abs(int(moment) - self.now().timestamp()) > VALID:
            return _wrong("error_param", "Invalid timestamp.")
        if request.path != TOKEN and shop != str(SHOP_ID):
            return self.wrong("shop")
        if request.path != TOKEN and (own != self.access or not own):
            return self.wrong("token")
        return None

    def wrong(self, what: str) -> Reply:
        """An error, which Shopee tells with the status 200."""
        return _wrong(*_ERRORS[what])

    def shown(self, request: Request) -> Reply:
        """The answer to a question."""
        try:
            match request.path:
                case p if p == LIST:
                    return self._listed(request.query)
                case p if p == DETAIL:
                    return self._detail(request.query)
                case p if p == RETURNS:
                    return self._returns(request.query)
                case p if p == escrow.LIST:
                    return _said(escrow.listed(self._escrows, request.query))
                case p if p == escrow.BATCH:
                    found = escrow.incomes(self._escrows, request.body)
                    return _said(self.all_but_missing(found) if isinstance(found, list) else found)
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
        found = [one for one in self.books.orders.values() if since <= one[field] <= until]
        found.sort(key=lambda one: (-one[field], one["order_sn"]))
        page = found[start : start + size]
        more = len(found) > start + size
        token = str(start + size) if more else ""
        listed = [{"order_sn": one["order_sn"]} for one in page]
        return _good({"more": more, "next_cursor": token, "order_list": listed})

    def _detail(self, query: Mapping[str, str]) -> Reply:
        numbers = query["order_sn_list"].split(",")
        if len(numbers) > AT_ONCE:
            return _wrong("error_param", "At most 50 orders.")
        found = [one for one in self.books.orders.values() if one["order_sn"] in numbers]
        wanted = query.get("response_optional_fields", "").split(",")
        told = [_asked_for(orders.shown(one), wanted) for one in found]
        return _good({"order_list": self.all_but_missing(told)})

    def _returns(self, query: Mapping[str, str]) -> Reply:
        since, until = int(query["update_time_from"]), int(query["update_time_to"])
        number, size = int(query["page_no"]), int(query["page_size"])
        found = [
            {name: told for name, told in back.items() if name != "_came_back"}
            for one in self.books.orders.values()
            for back in one["returns"]
            if since <= back["update_time"] <= until
        ]
        found.sort(key=lambda one: (-one["update_time"], one["return_sn"]))
        page = found[number * size : (number + 1) * size]
        return _good({"more": len(found) > (number + 1) * size, "return": page})

    def _exchanged(self, body: bytes) -> Reply:
        given = json.loads(body)
        if given["shop_id"] != SHOP_ID or str(given["partner_id"]) != self.app.number:
            return self.wrong("shop")
        if not self.exchange(str(given["refresh_token"])):
            return _wrong("error_auth", "Invalid refresh_token.")
        told = {"access_token": self.access, "refresh_token": self.refresh, "shop_id": SHOP_ID}
        seconds = int(self.app.lasts.total_seconds())
        return Reply(status=200, content={**told, "expire_in": seconds, "error": "", "message": ""})

    def _hook(self, code: int, data: Mapping[str, Any]) -> Webhook:
        told = {"code": code, "shop_id": SHOP_ID, "timestamp": int(self.now().timestamp())}
        raw = json.dumps({**told, "data": data}, ensure_ascii=False).encode()
        right, wrong = (
            {
                "Content-Type": "application/json",
                "Authorization": _signed(secret, self._to.encode() + b"|" + raw),
            }
            for secret in (self.app.secret, "another secret")
        )
        return Webhook(topic=str(code), headers=right, raw=raw, forged=wrong)


_ALWAYS: Final = ("order_sn", "region", "currency", "cod", "order_status", "create_time")


def _asked_for(order: Order, wanted: Sequence[str]) -> Order:
    """What is always told of an order, and the fields that were named."""
    names = {*_ALWAYS, "update_time", *wanted}
    return {name: told for name, told in order.items() if name in names}


def _signed(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def _said(found: Order | list[Order] | str) -> Reply:
    return _wrong("error_param", found) if isinstance(found, str) else _good(found)


def _good(content: Mapping[str, Any] | list[Order]) -> Reply:
    told = {"error": "", "message": "", "request_id": "r1", "response": content}
    return Reply(status=200, content=told)


def _wrong(error: str, words: str) -> Reply:
    return Reply(status=200, content={"error": error, "message": words, "request_id": "r1"})
