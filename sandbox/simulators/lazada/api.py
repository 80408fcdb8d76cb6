"""Serve Lazada's interface for orders, pieces and statements, and send its webhooks."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from connectors.transport.http import Clock
from sandbox.simulators.base.control import ControlError
from sandbox.simulators.base.market import App, Market
from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.base.shop import LATER, Life, Order, Webhook
from sandbox.simulators.lazada import finance

LIST: Final = "/orders/get"
ITEMS: Final = "/orders/items/get"
TOKEN: Final = "/auth/token/refresh"  # noqa: S105 - a path
SELLER_PATH: Final = "/seller/get"
SELLER: Final = "1000165972"
SHOP_NAME: Final = "Kedai Demo"
MOST: Final = 100
AT_ONCE: Final = 50
VALID: Final = 7200
"""Seconds around its moment in which a question is taken."""
_ERRORS: Final = {
    "server": ("ServiceUnavailable", "SYSTEM", "Service temporarily unavailable"),
    "limit": ("ApiCallLimit", "ISV", "This API has reached its call limit"),
    "permission": ("InsufficientPermission", "ISV", "The app may not call this API"),
    "token": ("IllegalAccessToken", "ISV", "The specified access token is invalid or expired"),
}
"""Of these words the contract has IllegalAccessToken alone (K); that an app lacks a right, and the
sentences, are ours (O).
"""
_ORDER, _REVERSE = 0, 10


class Lazada(Market):
    """One seller."""

    exchange_at = TOKEN

    def __init__(
        self,
        books: finance.LazadaBooks,
        ledger: Ledger,
        clock: Clock,
        *,
        to: str,
        life: Life,
        app: App,
        per_minute: int,
    ) -> None:
        super().__init__(books, ledger, clock, to=to, life=life, app=app, per_minute=per_minute)
        self._finance = books
        self._control = finance.FinanceControl(self, books)

    def changed(
        self, act: str, order_id: int, order: Order | None, arguments: Mapping[str, Any]
    ) -> Order:
        """Return the order after an act."""
        if act == "create":
            return finance.bought(order_id, arguments, self.now())
        if order is None:
            raise ControlError("No such order")
        before = finance.moment_of(order["updated_at"])
        return finance.changed(act, order, arguments, max(self.now(), before + LATER))

    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """Return one webhook, which only names the changed order and one piece's status."""
        piece = order["order_items"][0]
        moment = int(finance.moment_of(order["updated_at"]).timestamp())
        data = {
            "order_status": piece["status"],
            "trade_order_id": str(order["order_id"]),
            "trade_order_line_id": str(piece["order_item_id"]),
            "status_update_time": moment,
        }
        back = {"reverse_order_id": str(piece["order_item_id"] + 7)} if act == "refund" else {}
        return [self._hook(_REVERSE if back else _ORDER, {**data, **back})]

    def sold(self, order: Order) -> Mapping[str, int]:
        """Return the sold pieces without the pieces that returned to stock."""
        return finance.sold(order)

    def trial(self) -> Webhook:
        """Return a webhook about the authorization, which is no order."""
        return self._hook(8, {"app_key": self.app.number, "seller_id": SELLER})

    def handle(self, request: Request) -> Reply:
        """Answer a query or a form, because Lazada accepts either."""
        if request.method == "POST" and request.path == TOKEN:
            form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
            request = replace(request, query={**request.query, **form})
        return super().handle(request)

    def refused(self, request: Request) -> Reply | None:
        """Return the refusal by signature, timestamp or token, or None."""
        query = {name: value for name, value in request.query.items() if name != "sign"}
        text = request.path + "".join(name + query[name] for name in sorted(query))
        right = hmac.new(self.app.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        if query.get("app_key") != self.app.number or query.get("sign_method") != "sha256":
            return _wrong("MissingParameter", "ISV", "The app key is missing or unknown")
        if request.query.get("sign") != right.upper():
            return _wrong("IncompleteSignature", "ISV", "The signature does not conform")
        moment = query.get("timestamp", "")
        if not moment.isdecimal() or abs(int(moment) / 1000 - self.now().timestamp()) > VALID:
            return _wrong("InvalidTimestamp", "ISV", "The timestamp is too far from now")
        access_token = query.get("access_token", "")
        if request.path != TOKEN and (not access_token or access_token != self.access):
            return self.wrong("token")
        return None

    def wrong(self, what: str) -> Reply:
        """Return an error, which Lazada sends with the status 200."""
        return _wrong(*_ERRORS[what])

    def shown(self, request: Request) -> Reply:
        """Return the reply to a read."""
        try:
            if request.path == LIST:
                return self._listed(request.query)
            if request.path == SELLER_PATH:
                return _good({"seller_id": int(SELLER), "name": SHOP_NAME, "location": "my"})
            if request.path == ITEMS:
                return self._pieces(request.query)
            if request.path == TOKEN:
                return self._exchanged(request.query)
            if request.path == finance.STATEMENTS:
                return _good(finance.statements(self._finance, request.query))
            if request.path == finance.TRANSACTIONS:
                result = finance.transactions(self._finance, request.query)
                return (
                    _wrong("1000012", "ISV", result) if isinstance(result, str) else _good(result)
                )
        except (KeyError, ValueError):
            return _wrong("E001", "ISV", "Parameter is mandatory or wrong")
        return _wrong("InvalidApiPath", "ISV", "The specified API path is invalid")

    def _listed(self, query: Mapping[str, str]) -> Reply:
        after = datetime.fromisoformat(query["update_after"])
        most, skip = int(query.get("limit", MOST)), int(query.get("offset", "0"))
        if after.tzinfo is None or not 0 < most <= MOST:
            return _wrong("E019", "ISV", "Invalid Limit")
        orders = [order for order in self.books.orders.values() if _changed(order) >= after]
        orders.sort(key=lambda order: (_changed(order), order["order_id"]))
        rising = query.get("sort_by") == "updated_at" and query.get("sort_direction") == "ASC"
        orders = orders if rising else orders[::-1]
        page = [finance.listed(order) for order in orders[skip : skip + most]]
        return _good({"count": len(page), "countTotal": len(orders), "orders": page})

    def _pieces(self, query: Mapping[str, str]) -> Reply:
        ids = json.loads(query["order_ids"])
        if len(ids) > AT_ONCE:
            return _wrong("E020", "ISV", "Too many orders")
        orders = [order for order in self.books.orders.values() if order["order_id"] in ids]
        orders = self.all_but_missing(orders)
        names = ("order_id", "order_number", "order_items")
        return _good([{name: order[name] for name in names} for order in orders])

    def _exchanged(self, query: Mapping[str, str]) -> Reply:
        if not self.exchange(query["refresh_token"]):
            return _wrong("IllegalRefreshToken", "ISV", "The refresh token is invalid or expired")
        tokens = {"access_token": self.access, "refresh_token": self.refresh, "country": "my"}
        seconds = int(self.app.lasts.total_seconds())
        return Reply(status=200, content={**tokens, "expires_in": seconds, "code": "0"})

    def _hook(self, kind: int, data: Mapping[str, Any]) -> Webhook:
        moment = int(self.now().timestamp())
        message = {"seller_id": SELLER, "message_type": kind, "data": data}
        counted = moment if kind else moment * 1000  # orders in thousandths, all others not
        raw = json.dumps({**message, "timestamp": counted, "site": "lazada_my"}).encode()
        right, wrong = (
            {
                "Content-Type": "application/json",
                "Authorization": hmac.new(
                    secret.encode(), self.app.number.encode() + raw, hashlib.sha256
                ).hexdigest(),
            }
            for secret in (self.app.secret, "another secret")
        )
        return Webhook(topic=str(kind), headers=right, raw=raw, forged=wrong)


def _changed(order: Order) -> datetime:
    return finance.moment_of(order["updated_at"])


def _good(data: object) -> Reply:
    return Reply(status=200, content={"code": "0", "data": data, "request_id": "q1"})


def _wrong(code: str, kind: str, words: str) -> Reply:
    error = {"code": code, "type": kind, "message": words, "request_id": "q1"}
    return Reply(status=200, content=error)
