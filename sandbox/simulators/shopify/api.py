"""Serve Shopify's Admin API for orders and payouts, and send its webhooks."""

import base64
import hashlib
import hmac
import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from connectors.transport.http import Clock
from sandbox.simulators.base.control import ControlError, Deed, done, given_of
from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.base.shop import (
    ACTS,
    LATER,
    ON_THE_WAY,
    Life,
    Order,
    Shop,
    ShopBooks,
    ShopControl,
    Webhook,
)
from sandbox.simulators.shopify import orders
from sandbox.simulators.shopify.orders import CENT, ID, payments, told

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
    "exchange": ("refunds/create", "orders/edited", "orders/updated"),
    "pay": ("orders/paid", "orders/updated"),
}
"""What is told of each act. An order is never deleted, it is archived."""

_SHOWN: Final = (f"{ROOT}orders", f"{ROOT}shopify_payments/")

_REFUSED: Final = "[API] Invalid API key or access token (unrecognized login or wrong password)"

FIRST: Final = 128_000_000_000
"""What payouts are counted from, and times ten what their transactions are."""

FEE: Final = Decimal("0.029")

STATUSES: Final = ("scheduled", "in_transit", "paid", "failed", "canceled")

_USUAL, _MOST = 50, 250

_KINDS: Final = {"charge": "charges", "refund": "refunds", "adjustment": "adjustments"}

_SUMS: Final = (*_KINDS.values(), "reserved_funds", "retried_payouts")

_AMOUNTS: Final = ("gross_amount", "fee_amount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The client secret that signs webhooks, and the access token."""

    secret: str
    token: str


class ShopifyBooks(ShopBooks):
    """The orders, and the payouts by their ids with what each is made of."""

    def rewind(self) -> None:
        """Reset to no orders and no payouts."""
        super().rewind()
        self.payouts: dict[int, Order] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a payout, or an event that every shop has."""
        super().take(line)
        if line["call"] == "payout":
            self.payouts[int(line["payout"]["id"])] = dict(line["payout"])


class Shopify(Shop):
    """One shop."""

    faults = FAULTS
    acts = (*ACTS, "exchange", "pay")

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
        self, act: str, order_id: int, order: Order | None, arguments: Mapping[str, Any]
    ) -> Order:
        """Return the order after an act."""
        if act == "create":
            return orders.bought(order_id, arguments, self.now())
        if order is None:
            raise ControlError("No such order")
        now = max(self.now(), datetime.fromisoformat(order["updated_at"]) + LATER)
        return orders.changed(act, order, arguments, now)

    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """Return an act's webhooks: one event, under each of its topics."""
        event_name = f"{order['id']} {order['updated_at']} {act}"
        return [self._webhook(topic, event_name, order) for topic in TOPICS[act]]

    def sold(self, order: Order) -> Mapping[str, int]:
        """Return the sold pieces without the pieces that returned to stock."""
        return orders.sold(order)

    def act(
        self,
        act: str,
        order_id: int,
        arguments: Mapping[str, Any],
        *,
        fault: str | None = None,
        step: int = 0,
    ) -> Order:
        """Run an act as every shop does, then send failed webhooks again, up to eight times."""
        before, self._failed = self._failed, []
        order = super().act(act, order_id, arguments, fault=fault, step=step)
        for hook, of, tries in before:
            if not self._sent_again(hook, of) and tries < TRIES:
                self._failed.append((hook, of, tries + 1))
        return order

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Return the Admin API's reply."""
        fault = request.headers.get("x-sim-fault") or self._asked_fault()
        reply = self.faulty(fault, request) or self._refused(request) or self._shown(request)
        line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
        line_fields = {"query": dict(request.query), "effect": "shown", "status": reply.status}
        self.write({**line, **line_fields, "fault": fault})
        level = f"{int(self._level)}/{self._bucket}"
        headers = {**reply.headers, "X-Request-Id": request_id}
        headers["X-Shopify-Shop-Api-Call-Limit"] = level
        cut = "middle" if fault == "rest_cut" else reply.cut
        return replace(reply, headers=headers, cut=cut), False

    def _webhook(self, topic: str, event_name: str, order: Order) -> Webhook:
        listed = topic.partition("/")[0]
        body = order if listed == "orders" else order[listed][-1]
        raw = json.dumps(body, ensure_ascii=False).encode()
        event = uuid.uuid5(uuid.NAMESPACE_URL, event_name)
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
        """Return the reply of a planned fault, or None."""
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
        paid = answer_payouts(self._paid_out, request.path, request.query, ROOT)
        if paid is not None:
            return paid
        name = request.path.removeprefix(f"{ROOT}orders/").removesuffix(".json")
        matches = [order for order in self.books.orders.values() if str(order["id"]) == name]
        return _json({"order": matches[0]}) if matches else _wrong(404, "Not Found")

    def _listed(self, query: Mapping[str, str]) -> Reply:
        """Return a page by filters, or by a cursor, which allows only `limit` beside it.

        The list may change between two pages.
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
        matches = [order for order in self.books.orders.values() if _fits(order, status, after)]
        matches.sort(key=_place, reverse=not rising)
        if "past" in page:
            past = (datetime.fromisoformat(page["past"][0]), page["past"][1])
            matches = [
                order
                for order in matches
                if (_place(order) > past) == rising and _place(order) != past
            ]
        page_orders, headers = matches[:most], {}
        if len(matches) > most:
            past_now = [page_orders[-1]["updated_at"], page_orders[-1]["id"]]
            cursor = {"since": since, "rising": rising, "status": status, "past": past_now}
            info = base64.b64encode(json.dumps(cursor).encode()).decode()
            parameters = urlencode({"limit": most, "page_info": info})
            headers["Link"] = f'<https://{DOMAIN}{ORDERS}?{parameters}>; rel="next"'
        return _json({"orders": page_orders}, headers)


def _signed(secret: str, raw: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def _wrong(status: int, words: str) -> Reply:
    return Reply(status=status, content={"errors": words})


def _too_many() -> Reply:
    content = {
        "errors": "Exceeded 2 calls per second for api client. Reduce request rates to resume."
    }
    return Reply(status=429, content=content, headers={"Retry-After": "2.0"})


def _json(content: object, headers: Mapping[str, str] | None = None) -> Reply:
    raw = json.dumps(content, ensure_ascii=False).encode()
    return Reply(status=200, content=raw, headers=headers or {})


def _fits(order: Order, status: str, after: datetime | None) -> bool:
    closed, is_cancelled = bool(order["closed_at"]), bool(order["cancelled_at"])
    matches = {
        "any": True,
        "open": not closed and not is_cancelled,
        "closed": closed,
        "cancelled": is_cancelled,
    }
    return matches.get(status, False) and (after is None or _moment(order) >= after)


def _moment(order: Order) -> datetime:
    return datetime.fromisoformat(order["updated_at"])


def _place(order: Order) -> tuple[datetime, int]:
    return _moment(order), order["id"]


class PayoutControl(ShopControl):
    """The control calls of a shop, and one that pays out."""

    def __init__(self, shop: Shop, books: ShopifyBooks) -> None:
        super().__init__(shop)
        self._payouts = books

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state with all payouts."""
        if what == "payouts":
            return {what: list(self._payouts.payouts.values())}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """Return the acts by hand: pay out."""
        return {**super().deeds(), "payout": self._pay_out}

    def _pay_out(self, request: Request, request_id: str) -> Reply:
        """Create a payout of orders.

        `orders` (their ids here, or ids of other shops; by default all unpaid ones), `status`,
        `fee` (a share), `adjust` (an extra amount), `off` (the difference between payout and
        transactions), `rest` (only what moved since the last payout). With `id` a payout is made
        again, possibly with another fee.
        """
        arguments = dict(given_of(request))
        now = self.stand_in.now()
        payout = paid_out(self._payouts, arguments, now)
        self.note(request_id, "payout", payout=payout, effect="paid_out")
        return done("payout", payout=payout)


def paid_out(books: ShopifyBooks, arguments: Mapping[str, Any], now: datetime) -> Order:
    """Return a payout of these orders with its transactions; raise ControlError."""
    key = int(arguments.get("id") or max(books.payouts, default=FIRST) + 1)
    before = books.payouts.get(key)
    status = str(arguments.get("status", "paid"))
    if status not in STATUSES:
        raise ControlError(f"No such status; known: {', '.join(STATUSES)}")
    paid = {
        order_id
        for other, payout in books.payouts.items()
        if other != key
        for order_id in payout["orders"]
    }
    order_ids = before["orders"] if before else [n for n in books.orders if n not in paid]
    orders = [int(order_id) for order_id in arguments.get("orders", order_ids)]
    rows = list(_rows(books, orders, arguments, told(now)))
    transactions = [
        {"id": key * 10_000 + at, "payout_id": key, "payout_status": status, **row}
        for at, row in enumerate(rows, 1)
    ]
    summary = dict.fromkeys((f"{name}_{what}" for name in _SUMS for what in _AMOUNTS), Decimal(0))
    for transaction in transactions:
        name = _KINDS[transaction["type"]]
        summary[f"{name}_gross_amount"] += Decimal(transaction["amount"])
        summary[f"{name}_fee_amount"] += Decimal(transaction["fee"])
    net = sum((Decimal(transaction["net"]) for transaction in transactions), Decimal(0))
    return {
        "id": key,
        "status": status,
        "date": told(now)[:10],
        "currency": "MYR",
        "amount": _text(net + Decimal(str(arguments.get("off", "0")))),
        "summary": {name: _text(amount) for name, amount in summary.items()},
        "orders": orders,
        "transactions": [*transactions, _out(key, status, net, told(now))],
    }


def _rows(
    books: ShopifyBooks, orders: Sequence[int], arguments: Mapping[str, Any], moment: str
) -> Iterator[Order]:
    """Yield the balance transactions: each order's sale and refunds, and an adjustment."""
    share = Decimal(str(arguments.get("fee", FEE)))
    for number in orders:
        order = books.orders.get(number)
        order_id = order["id"] if order else ID + number
        foreign = [Decimal(str(arguments.get("foreign", "10.00")))]
        moves = [
            move for refund in (order or {}).get("refunds", ()) for move in refund["transactions"]
        ]
        back = [Decimal(move["amount"]) for move in moves if move["status"] == "success"]
        before = _moved_before(books, order_id) if arguments.get("rest") else Counter[str]()
        for paid in (payments(order) if order else foreign)[before["charge"] :]:
            yield _row("charge", paid, (paid * share).quantize(CENT), order_id, moment)
        for amount in back[before["refund"] :]:
            yield _row("refund", -amount, Decimal(0), order_id, moment)
    if more := Decimal(str(arguments.get("adjust", "0"))):
        yield _row("adjustment", more, Decimal(0), None, moment)


def _moved_before(books: ShopifyBooks, order_id: int) -> Counter[str]:
    """Return how many payments and refunds of an order the payouts have."""
    rows = [row for payout in books.payouts.values() for row in payout["transactions"]]
    return Counter(row["type"] for row in rows if row["source_order_id"] == order_id)


def _row(kind: str, amount: Decimal, fee: Decimal, order_id: int | None, moment: str) -> Order:
    return {
        "type": kind,
        "test": False,
        "currency": "MYR",
        "amount": _text(amount),
        "fee": _text(fee),
        "net": _text(amount - fee),
        "source_order_id": order_id,
        "processed_at": moment,
    }


def _text(amount: Decimal) -> str:
    return str(amount.quantize(CENT))


def _out(key: int, status: str, net: Decimal, moment: str) -> Order:
    """Return the transaction that pays out the balance."""
    row = _row("payout", -net, Decimal(0), None, moment)
    return {"id": key * 10_000, "payout_id": key, "payout_status": status, **row}


def answer_payouts(
    books: ShopifyBooks, path: str, query: Mapping[str, str], root: str
) -> Reply | None:
    """Return a page of payouts or balance transactions; None for another path."""
    if path == f"{root}shopify_payments/payouts.json":
        hidden = {"orders", "transactions"}
        newest = sorted(books.payouts.values(), key=lambda payout: (payout["date"], payout["id"]))[
            ::-1
        ]
        bare = [{name: x for name, x in payout.items() if name not in hidden} for payout in newest]
        return _page("payouts", bare, path, query, ("date_min", "date"))
    if path == f"{root}shopify_payments/balance/transactions.json":
        rows = [row for payout in books.payouts.values() for row in payout["transactions"]]
        return _page("transactions", rows, path, query, ("payout_id", "payout_id"))
    return None


def _page(
    name: str,
    rows: Sequence[Order],
    path: str,
    query: Mapping[str, str],
    filtered: tuple[str, str],
) -> Reply:
    """Return rows by a filter, or by a cursor, which allows only `limit` beside it."""
    parameter, word = filtered
    try:
        page = json.loads(base64.b64decode(query["page_info"])) if "page_info" in query else {}
        most = int(query.get("limit", _USUAL))
    except ValueError:
        return Reply(status=400, content={"errors": "Invalid value."})
    if not 0 < most <= _MOST or (page and query.keys() - {"page_info", "limit"}):
        return Reply(status=400, content={"errors": "Invalid parameters."})
    value, past = str(page.get("value", query.get(parameter, ""))), int(page.get("past", 0))
    if parameter == "date_min":
        fits = [row for row in rows if row[word] >= value]
    else:
        fits = [row for row in rows if str(row[word]) == value or not value]
    headers = {}
    if len(fits) > past + most:
        told_next = json.dumps({"value": value, "past": past + most})
        info = base64.b64encode(told_next.encode()).decode()
        link = f"https://kedai-demo.myshopify.com{path}?{urlencode({'page_info': info})}"
        headers["Link"] = f'<{link}>; rel="next"'
    raw = json.dumps({name: fits[past : past + most]}, ensure_ascii=False).encode()
    return Reply(status=200, content=raw, headers=headers)
