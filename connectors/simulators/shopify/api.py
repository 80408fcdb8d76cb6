"""Shopify from the outside: its Admin API for orders and payouts, and the webhooks that it sends.

Here: who may ask, pages with a cursor, the bucket of calls, topics, signatures, trying again. Not
here: what an order looks like (orders.py), payouts (payouts.py), what every shop does
(simulators/base/shop.py).
"""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from connectors.simulators.base.control import ControlError
from connectors.simulators.base.server import Ledger, Reply, Request
from connectors.simulators.base.shop import (
    LATER,
    ON_THE_WAY,
    Life,
    Order,
    Shop,
    Webhook,
)
from connectors.simulators.shopify import orders, payouts
from connectors.simulators.shopify.payouts import PayoutControl, ShopifyBooks
from connectors.transport.clock import Clock

VERSION: Final = "2025-10"
ROOT: Final = f"/admin/api/{VERSION}/"
ORDERS: Final = f"{ROOT}orders.json"
DOMAIN: Final = "kedai-demo.myshopify.com"
MOST, USUAL, TRIES = 250, 50, 8
BUCKET, A_SECOND = 40, 2
_ASKED: Final = {
    "rest_error": "the next question is answered 500",
    "rest_html": "it is answered 502 with a page",
    "rest_too_many": "it is answered 429 and told to wait",
    "rest_refused": "it is answered 401, as for a token that was taken back",
    "rest_forbidden": "it is answered 403, as for an app that may not read orders (in no sheet)",
    "rest_cut": "the connection is cut in the middle of the answer",
}
FAULTS: Final = {**ON_THE_WAY, **_ASKED}
TOPICS: Final[Mapping[str, tuple[str, ...]]] = {
    "create": ("orders/create",),
    "edit": ("orders/edited", "orders/updated"),
    "complete": ("fulfillments/create", "orders/fulfilled"),
    "cancel": ("orders/cancelled",),
    "refund": ("refunds/create", "orders/updated"),
    "delete": ("orders/updated",),
    "restore": ("orders/updated",),
}
"""What is told of each act. An order is never deleted, it is archived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The client secret that signs webhooks, and the token to ask with."""

    secret: str
    token: str


class Shopify(Shop):
    """One shop."""

    faults = FAULTS

    def __init__(
        self,
        books: ShopifyBooks,
        ledger: Ledger,
        clock: Clock,
        *,
        to: str,
        life: Life,
        keys: Keys,
        bucket: int,
    ) -> None:
        super().__init__(books, ledger, clock, to=to, life=life)
        self._keys, self._bucket, self._paid_out = keys, bucket, books
        self._control = PayoutControl(self, books)
        self._level, self._drained = 0.0, self.now()
        self._failed: list[tuple[Webhook, int, int]] = []

    def changed(
        self, act: str, order_id: int, order: Order | None, given: Mapping[str, Any]
    ) -> Order:
        """The order after an act."""
        if act == "create":
            return orders.bought(order_id, given, self.now())
        if order is None:
            raise ControlError("No such order")
        now = max(self.now(), datetime.fromisoformat(order["updated_at"]) + LATER)
        return orders.changed(act, order, given, now)

    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """What is told of an act: one event, under each topic that belongs to it."""
        told = f"{order['id']} {order['updated_at']} {act}"
        return [self._webhook(topic, told, order) for topic in TOPICS[act]]

    def sold(self, order: Order) -> Mapping[str, int]:
        """What was sold, without what was put back."""
        return orders.sold(order)

    def act(
        self,
        act: str,
        order_id: int,
        given: Mapping[str, Any],
        *,
        fault: str | None = None,
        step: int = 0,
    ) -> Order:
        """As every shop; then what was not taken before is sent again as it was, eight times."""
        before, self._failed = self._failed, []
        made = super().act(act, order_id, given, fault=fault, step=step)
        for hook, of, tries in before:
            if not self._sent_again(hook, of) and tries < TRIES:
                self._failed.append((hook, of, tries + 1))
        return made

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """What the Admin API answers."""
        fault = request.headers.get("x-sim-fault") or self._asked_fault()
        reply = self.faulty(fault, request) or self._refused(request) or self._shown(request)
        line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
        told = {"query": dict(request.query), "effect": "shown", "status": reply.status}
        self.write({**line, **told, "fault": fault})
        level = f"{int(self._level)}/{self._bucket}"
        headers = {**reply.headers, "X-Request-Id": request_id}
        headers["X-Shopify-Shop-Api-Call-Limit"] = level
        cut = "middle" if fault == "rest_cut" else reply.cut
        return replace(reply, headers=headers, cut=cut), False

    def _webhook(self, topic: str, told: str, order: Order) -> Webhook:
        listed = topic.partition("/")[0]
        body = order if listed == "orders" else order[listed][-1]
        raw = json.dumps(body, ensure_ascii=False).encode()
        event = uuid.uuid5(uuid.NAMESPACE_URL, told)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": DOMAIN,
            "X-Shopify-API-Version": VERSION,
            "X-Shopify-Webhook-Id": str(uuid.uuid5(event, topic)),
            "X-Shopify-Event-Id": str(event),
            "X-Shopify-Triggered-At": self.now().isoformat(),
        }
        right, wrong = (
            {**headers, "X-Shopify-Hmac-Sha256": _signed(key, raw)}
            for key in (self._keys.secret, "another secret")
        )
        return Webhook(topic=topic, headers=right, raw=raw, forged=wrong)

    def _post(
        self,
        hook: Webhook,
        order_id: int,
        effect: str,
        *,
        fault: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        before = self.books.failures
        super()._post(hook, order_id, effect, fault=fault, headers=headers)
        if self.books.failures > before:
            self._failed.append((hook, order_id, 1))

    def _sent_again(self, hook: Webhook, order_id: int) -> bool:
        before = self.books.failures
        super()._post(hook, order_id, "sent")
        return self.books.failures <= before

    def _asked_fault(self) -> str:
        return next((name for name in self.books.faults if name in _ASKED), "")

    def faulty(self, fault: str, request: Request) -> Reply | None:  # noqa: ARG002
        """What is answered instead."""
        match fault:
            case "rest_error":
                return _wrong(500, "Internal Server Error")
            case "rest_html":
                page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
                return Reply(status=502, content=page, headers={"Content-Type": "text/html"})
            case "rest_too_many":
                return _too_many()
            case "rest_refused":
                return _wrong(401, _REFUSED)
            case "rest_forbidden":
                words = "[API] This action requires merchant approval for read_orders scope."
                return _wrong(403, words)
            case _:
                return None

    def _refused(self, request: Request) -> Reply | None:
        now = self.now()
        drained = (now - self._drained).total_seconds() * A_SECOND
        self._level, self._drained = max(0.0, self._level - drained), now
        if self._level + 1 > self._bucket:
            return _too_many()
        self._level += 1
        if request.headers.get("x-shopify-access-token") != self._keys.token:
            return _wrong(401, _REFUSED)
        if request.method != "GET" or not request.path.startswith(_SHOWN):
            return _wrong(404, "Not Found")
        return None

    def _shown(self, request: Request) -> Reply:
        if request.path == ORDERS:
            return self._listed(request.query)
        paid = payouts.shown(self._paid_out, request.path, request.query, ROOT)
        if paid is not None:
            return paid
        name = request.path.removeprefix(f"{ROOT}orders/").removesuffix(".json")
        found = [one for one in self.books.orders.values() if str(one["id"]) == name]
        return _json({"order": found[0]}) if found else _wrong(404, "Not Found")

    def _listed(self, query: Mapping[str, str]) -> Reply:
        """A page by filters, or by a cursor, beside which only `limit` may stand. The list goes on
        changing between two pages.
        """
        try:
            page = json.loads(base64.b64decode(query["page_info"])) if "page_info" in query else {}
            most = int(query.get("limit", USUAL))
            since = str(page.get("since", query.get("updated_at_min", "")))
            after = datetime.fromisoformat(since) if since else None
        except ValueError:
            return _wrong(400, "Invalid value.")
        if not 0 < most <= MOST or (page and query.keys() - {"page_info", "limit"}):
            return _wrong(400, "Invalid parameters.")
        rising = page.get("rising", query.get("order", "") == "updated_at asc")
        status = page.get("status", query.get("status", "open"))
        found = [one for one in self.books.orders.values() if _fits(one, status, after)]
        found.sort(key=_place, reverse=not rising)
        if "past" in page:
            past = (datetime.fromisoformat(page["past"][0]), page["past"][1])
            found = [one for one in found if (_place(one) > past) == rising and _place(one) != past]
        shown, headers = found[:most], {}
        if len(found) > most:
            past_now = [shown[-1]["updated_at"], shown[-1]["id"]]
            given = {"since": since, "rising": rising, "status": status, "past": past_now}
            info = base64.b64encode(json.dumps(given).encode()).decode()
            told = urlencode({"limit": most, "page_info": info})
            headers["Link"] = f'<https://{DOMAIN}{ORDERS}?{told}>; rel="next"'
        return _json({"orders": shown}, headers)


_SHOWN: Final = (f"{ROOT}orders", f"{ROOT}shopify_payments/")
_REFUSED: Final = "[API] Invalid API key or access token (unrecognized login or wrong password)"


def _signed(secret: str, raw: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def _fits(order: Order, status: str, after: datetime | None) -> bool:
    closed, gone = bool(order["closed_at"]), bool(order["cancelled_at"])
    told = {"any": True, "open": not closed and not gone, "closed": closed, "cancelled": gone}
    return told.get(status, False) and (after is None or _moment(order) >= after)


def _place(order: Order) -> tuple[datetime, int]:
    return _moment(order), order["id"]


def _moment(order: Order) -> datetime:
    return datetime.fromisoformat(order["updated_at"])


def _json(content: object, headers: Mapping[str, str] | None = None) -> Reply:
    raw = json.dumps(content, ensure_ascii=False).encode()
    return Reply(status=200, content=raw, headers=headers or {})


def _wrong(status: int, words: str) -> Reply:
    return Reply(status=status, content={"errors": words})


def _too_many() -> Reply:
    told = {"errors": "Exceeded 2 calls per second for api client. Reduce request rates to resume."}
    return Reply(status=429, content=told, headers={"Retry-After": "2.0"})
