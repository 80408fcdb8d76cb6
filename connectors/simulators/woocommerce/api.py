"""WooCommerce from the outside: its webhooks, and `GET /wp-json/wc/v3/orders`.

Here: signing, topics, the ping, paging, filters, refusals. Not here: what an order says
(orders.py), what every shop does (simulators/base/shop.py). After five webhooks that nobody took it
sends none any more, as WooCommerce does, until the act `enable`.
"""

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from connectors.simulators.base.control import ControlError
from connectors.simulators.base.scripted import Act
from connectors.simulators.base.server import Ledger, Reply, Request
from connectors.simulators.base.shop import (
    ON_THE_WAY,
    Life,
    Order,
    Shop,
    ShopBooks,
    Webhook,
)
from connectors.simulators.woocommerce.orders import changed, created, shown, sold
from connectors.transport.clock import Clock

ORDERS: Final = "/wp-json/wc/v3/orders"
HOOK_ID: Final = 12
ENOUGH: Final = 5  # failures in a row
MOST: Final = 100
_TOPICS: Final = {"create": "created", "delete": "deleted", "restore": "restored"}
_ASKED: Final = {
    "rest_error": "the next question is answered 500",
    "rest_html": "it is answered 502 with a page",
    "rest_too_many": "it is answered 429 and told to wait",
    "rest_refused": "it is answered 401",
    "rest_forbidden": "it is answered as for a key that may not read (in no sheet)",
    "rest_cut": "the connection is cut in the middle of the answer",
}
FAULTS: Final = {**ON_THE_WAY, **_ASKED}


class WooBooks(ShopBooks):
    """The books of a WooCommerce shop."""

    def acts(self) -> dict[str, Act]:
        """Its webhook can be switched on again."""
        return {**super().acts(), "enable": self._enable}

    def _enable(self, _given: Mapping[str, Any]) -> None:
        self.failures = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The secret of the webhook, and the two halves of the key to ask with."""

    hook: str
    consumer: str
    secret: str


class WooCommerce(Shop):
    """One shop."""

    faults = FAULTS

    def __init__(
        self,
        books: WooBooks,
        ledger: Ledger,
        clock: Clock,
        *,
        to: str,
        life: Life,
        keys: Keys,
        a_minute: int,
    ) -> None:
        super().__init__(books, ledger, clock, to=to, life=life)
        self._keys, self._seed, self._a_minute = keys, life.seed, a_minute
        self._calls: Counter[datetime] = Counter()

    def changed(
        self, act: str, order_id: int, order: Order | None, given: Mapping[str, Any]
    ) -> Order:
        """The order after an act."""
        if act == "create":
            return created(order_id, self._seed, self.now(), given)
        if order is None:
            raise ControlError("No such order")
        return changed(act, order, self.now(), given)

    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """One for each change; of a deleted order only its id."""
        event = _TOPICS.get(act, "updated")
        content = {"id": order["id"]} if act == "delete" else shown(order)
        raw = json.dumps(content, ensure_ascii=False).encode()
        right, wrong = (self._headers(raw, event, key) for key in (self._keys.hook, "other"))
        return [Webhook(topic=f"order.{event}", headers=right, raw=raw, forged=wrong)]

    def sold(self, order: Order) -> Mapping[str, int]:
        """What was sold, without what was put back."""
        return sold(order)

    def silent(self) -> bool:
        """Its webhook was switched off."""
        return self.books.failures >= ENOUGH

    def ping(self) -> Webhook:
        """What is sent when a webhook is made: a form, and no signature."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        raw = f"webhook_id={HOOK_ID}".encode()
        return Webhook(topic="ping", headers=headers, raw=raw, forged={})

    def play(self) -> None:
        """The webhook is made first, which is told by a ping."""
        if self._to and not self.books.steps:
            with self._lock:
                self._post(self.ping(), 0, "ping")
        super().play()

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """What the shop answers who asks."""
        del request_id
        fault = request.headers.get("x-sim-fault") or self._asked_fault()
        reply = self.faulty(fault, request) or self._refused(request) or self._shown(request)
        line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
        told = {"query": dict(request.query), "effect": "shown", "status": reply.status}
        self.write({**line, **told, "fault": fault})
        return (replace(reply, cut="middle") if fault == "rest_cut" else reply), False

    def _headers(self, raw: bytes, event: str, secret: str) -> dict[str, str]:
        digest = hmac.new(secret.encode(), raw, hashlib.sha256).digest()
        moment = f"{HOOK_ID}{int(self.now().timestamp())}"  # equal for all of one second
        return {
            "Content-Type": "application/json",
            "User-Agent": "WooCommerce/9.4.2 Hookshot (WordPress/6.7)",
            "X-WC-Webhook-Source": "https://shop.example/",
            "X-WC-Webhook-Topic": f"order.{event}",
            "X-WC-Webhook-Resource": "order",
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": base64.b64encode(digest).decode(),
            "X-WC-Webhook-ID": str(HOOK_ID),
            "X-WC-Webhook-Delivery-ID": hashlib.sha256(moment.encode()).hexdigest()[:32],
        }

    def _asked_fault(self) -> str:
        return next((name for name in self.books.faults if name in _ASKED), "")

    def faulty(self, fault: str, request: Request) -> Reply | None:  # noqa: ARG002
        """What is answered instead."""
        if fault == "rest_html":
            page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
            return Reply(status=502, content=page, headers={"Content-Type": "text/html"})
        told = {"rest_error": (500, "internal_server_error"), "rest_refused": (401, _CANNOT)}
        if fault in told:
            status, code = told[fault]
            return _wrong(status, code, "There has been a critical error on this website.")
        if fault == "rest_forbidden":
            words = "The API key provided does not have read permissions."
            return _wrong(401, "woocommerce_rest_authentication_error", words)
        return self._too_many() if fault == "rest_too_many" else None

    def _too_many(self) -> Reply:
        reply = _wrong(429, "too_many_requests", "Too many requests.")
        return Reply(status=429, content=reply.content, headers={"Retry-After": "20"})

    def _refused(self, request: Request) -> Reply | None:
        minute = self.now().replace(second=0, microsecond=0)
        self._calls[minute] += 1
        if self._a_minute and self._calls[minute] > self._a_minute:
            return self._too_many()
        told = f"{self._keys.consumer}:{self._keys.secret}".encode()
        if request.headers.get("authorization") != f"Basic {base64.b64encode(told).decode()}":
            return _wrong(401, _CANNOT, "Sorry, you cannot list resources.")
        if request.method != "GET" or not request.path.startswith(ORDERS):
            return _wrong(404, "rest_no_route", "No route was found matching the URL.")
        return None

    def _shown(self, request: Request) -> Reply:
        rest = request.path.removeprefix(ORDERS).strip("/")
        if not rest:
            return self._listed(request.query)
        order = self.books.orders.get(int(rest)) if rest.isdecimal() else None
        if order is None:
            return _wrong(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        return Reply(status=200, content=json.dumps(shown(order), ensure_ascii=False).encode())

    def _listed(self, query: Mapping[str, str]) -> Reply:
        try:
            page, most = int(query.get("page", "1")), int(query.get("per_page", "10"))
            after = _moment(query.get("modified_after", ""))
        except ValueError:
            return _wrong(400, "rest_invalid_param", "Invalid parameter(s)")
        if not (page > 0 and 0 < most <= MOST) or query.get("dates_are_gmt") != "true":
            return _wrong(400, "rest_invalid_param", "Invalid parameter(s)")
        wanted = query.get("status", "any")
        found = [one for one in self.books.orders.values() if _matches(one, wanted, after)]
        found.sort(
            key=lambda one: (one["date_modified_gmt"], one["id"]),
            reverse=query.get("order", "desc") != "asc",
        )
        rows = [shown(one) for one in found[(page - 1) * most : page * most]]
        pages = -(-len(found) // most)
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)}
        content = json.dumps(rows, ensure_ascii=False).encode()
        return Reply(status=200, content=content, headers=headers)


_CANNOT: Final = "woocommerce_rest_cannot_view"


def _matches(order: Order, wanted: str, after: datetime | None) -> bool:
    moment = _moment(order["date_modified_gmt"])
    fits = order["status"] != "trash" if wanted == "any" else order["status"] == wanted
    return fits and (after is None or (moment is not None and moment > after))


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


def _wrong(status: int, code: str, message: str) -> Reply:
    content = {"code": code, "message": message, "data": {"status": status}}
    return Reply(status=status, content=content)
