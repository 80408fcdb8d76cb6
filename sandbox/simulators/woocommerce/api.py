"""Serve WooCommerce's orders and refunds below `/wp-json/wc/v3/orders`, and send its webhooks."""

import base64
import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.transport.http import Clock
from sandbox.simulators.base.control import ControlError
from sandbox.simulators.base.server import Act, Ledger, Reply, Request
from sandbox.simulators.base.shop import LATER, ON_THE_WAY, Life, Order, Shop, ShopBooks, Webhook

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

_CANNOT: Final = "woocommerce_rest_cannot_view"

HERE: Final = ZoneInfo("Asia/Kuala_Lumpur")

CENT: Final = Decimal("0.01")

RATE_ID: Final = 75

GOODS: Final = (
    ("TEA-EARL-100", "Earl Grey, 100 g", "12.90"),
    ("TEA-OOLONG-50", "Oolong, 50 g", "18.50"),
    ("TEA-JASMIN-80", "Jasmine, 80 g", "15.00"),
    ("CUP-GLASS-20", "Glass cup", "9.90"),
    ("CUP-PORC-25", "Porcelain cup", "24.00"),
    ("POT-GLASS-60", "Glass pot", "59.00"),
    ("TRAY-RATTAN-M", "Rattan tray", "33.30"),
    ("BISC-PEANUT-3", "Peanut biscuits", "7.25"),
)

BUYERS: Final = (
    (101, "Aisyah", "Rahman", "Warung Melati", "C20113344550"),
    (102, "Wei Ling", "Tan", "Kafe Senja Sdn Bhd", ""),
    (103, "Kavitha", "Raj", "", ""),
    (104, "美玲", "陈", "", ""),
    (105, "கவிதா", "ராஜன்", "", ""),
    (0, "Guest", "Buyer", "", ""),
)

_PLACES: Final = (("Ipoh", "PRK", "30000"), ("Kuala Lumpur", "KUL", "50450"))


class WooBooks(ShopBooks):
    """The books of a WooCommerce shop."""

    def acts(self) -> dict[str, Act]:
        """Return the control acts; the webhook can be enabled again."""
        return {**super().acts(), "enable": self._enable}

    def _enable(self, _body: Mapping[str, Any]) -> None:
        self.failures = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The webhook's secret, and the two halves of the API key."""

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
        self, act: str, order_id: int, order: Order | None, arguments: Mapping[str, Any]
    ) -> Order:
        """Return the order after an act."""
        if act == "create":
            return created(order_id, self._seed, self.now(), arguments)
        if order is None:
            raise ControlError("No such order")
        return changed(act, order, self.now(), arguments)

    def webhooks(self, act: str, order: Order) -> Sequence[Webhook]:
        """Return one webhook for each change; of a deleted order only its id."""
        event = _TOPICS.get(act, "updated")
        content = {"id": order["id"]} if act == "delete" else shown(order)
        raw = json.dumps(content, ensure_ascii=False).encode()
        right, wrong = (self._headers(raw, event, key) for key in (self._keys.hook, "other"))
        return [Webhook(topic=f"order.{event}", headers=right, raw=raw, forged=wrong)]

    def sold(self, order: Order) -> Mapping[str, int]:
        """Return the sold pieces without the pieces that returned to stock."""
        return sold(order)

    def silent(self) -> bool:
        """Check whether the webhook was disabled."""
        return self.books.failures >= ENOUGH

    def ping(self) -> Webhook:
        """Return the ping of a new webhook: a form without a signature."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        raw = f"webhook_id={HOOK_ID}".encode()
        return Webhook(topic="ping", headers=headers, raw=raw, forged={})

    def play(self) -> None:
        """Create the webhook, which sends a ping, and then play."""
        if self._to and not self.books.steps:
            with self._lock:
                self._post(self.ping(), 0, "ping")
        super().play()

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Return the shop's reply."""
        del request_id
        fault = request.headers.get("x-sim-fault") or self._asked_fault()
        reply = self.faulty(fault, request) or self._refused(request) or self._shown(request)
        line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
        line_fields = {"query": dict(request.query), "effect": "shown", "status": reply.status}
        self.write({**line, **line_fields, "fault": fault})
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
        """Return the reply of a planned fault, or None."""
        if fault == "rest_html":
            page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
            return Reply(status=502, content=page, headers={"Content-Type": "text/html"})
        replies = {"rest_error": (500, "internal_server_error"), "rest_refused": (401, _CANNOT)}
        if fault in replies:
            status, code = replies[fault]
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
        credentials = f"{self._keys.consumer}:{self._keys.secret}".encode()
        if (
            request.headers.get("authorization")
            != f"Basic {base64.b64encode(credentials).decode()}"
        ):
            return _wrong(401, _CANNOT, "Sorry, you cannot list resources.")
        if request.method != "GET" or not request.path.startswith(ORDERS):
            return _wrong(404, "rest_no_route", "No route was found matching the URL.")
        return None

    def _shown(self, request: Request) -> Reply:
        number, *subpath = request.path.removeprefix(ORDERS).strip("/").split("/")
        if not number:
            return self._listed(request.query)
        order = self.books.orders.get(int(number)) if number.isdecimal() else None
        if order is None:
            return _wrong(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        if not subpath:
            return Reply(status=200, content=json.dumps(shown(order), ensure_ascii=False).encode())
        return _refunds_shown(order, subpath, request.query)

    def _listed(self, query: Mapping[str, str]) -> Reply:
        try:
            page, most = int(query.get("page", "1")), int(query.get("per_page", "10"))
            after = _moment(query.get("modified_after", ""))
        except ValueError:
            return _wrong(400, "rest_invalid_param", "Invalid parameter(s)")
        in_utc = after is None or query.get("dates_are_gmt") == "true"
        if not (page > 0 and 0 < most <= MOST and in_utc):
            return _wrong(400, "rest_invalid_param", "Invalid parameter(s)")
        status = query.get("status", "any")
        orders = [order for order in self.books.orders.values() if _matches(order, status, after)]
        orders.sort(
            key=lambda order: (order["date_modified_gmt"], order["id"]),
            reverse=query.get("order", "desc") != "asc",
        )
        rows = [shown(order) for order in orders[(page - 1) * most : page * most]]
        pages = -(-len(orders) // most)
        headers = {"X-WP-Total": str(len(orders)), "X-WP-TotalPages": str(pages)}
        content = json.dumps(rows, ensure_ascii=False).encode()
        return Reply(status=200, content=content, headers=headers)


def _refunds_shown(order: Order, path: Sequence[str], query: Mapping[str, str]) -> Reply:
    """Answer `/orders/ID/refunds`, the newest first, or `/orders/ID/refunds/ID`."""
    if path[0] != "refunds" or len(path) > 2:
        return _wrong(404, "rest_no_route", "No route was found matching the URL.")
    refunds = [_with_links(order, refund) for refund in reversed(order.get("_refunds", []))]
    if len(path) == 2:
        named = [refund for refund in refunds if str(refund["id"]) == path[1]]
        if not named:
            code = "woocommerce_rest_shop_order_refund_invalid_id"
            return _wrong(404, code, "Invalid ID.")
        return Reply(status=200, content=json.dumps(named[0], ensure_ascii=False).encode())
    try:
        page, most = int(query.get("page", "1")), int(query.get("per_page", "10"))
    except ValueError:
        return _wrong(400, "rest_invalid_param", "Invalid parameter(s)")
    if not (page > 0 and 0 < most <= MOST):
        return _wrong(400, "rest_invalid_param", "Invalid parameter(s)")
    rows = refunds[(page - 1) * most : page * most]
    headers = {"X-WP-Total": str(len(refunds)), "X-WP-TotalPages": str(-(-len(refunds) // most))}
    content = json.dumps(rows, ensure_ascii=False).encode()
    return Reply(status=200, content=content, headers=headers)


def _with_links(order: Order, refund: Mapping[str, Any]) -> dict[str, Any]:
    """Return a refund with the addresses that the interface puts beside it."""
    root = f"https://shop.example{ORDERS}/{order['id']}"
    links = {
        "self": [{"href": f"{root}/refunds/{refund['id']}"}],
        "collection": [{"href": f"{root}/refunds"}],
        "up": [{"href": root}],
    }
    return {**refund, "_links": links}


def _wrong(status: int, code: str, message: str) -> Reply:
    content = {"code": code, "message": message, "data": {"status": status}}
    return Reply(status=status, content=content)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


def _matches(order: Order, status: str, after: datetime | None) -> bool:
    moment = _moment(order["date_modified_gmt"])
    fits = order["status"] != "trash" if status == "any" else order["status"] == status
    return fits and (after is None or (moment is not None and moment > after))


def created(order_id: int, seed: int, now: datetime, arguments: Mapping[str, Any]) -> Order:
    """Return a new paid order; `arguments` may set lines (`sku`, `quantity`) and `fields`."""
    chance = random.Random(seed * 1_000_003 + order_id)  # noqa: S311 - can be repeated
    buyer, place = chance.choice(BUYERS), chance.choice(_PLACES)
    order: Order = {
        "id": order_id,
        "parent_id": 0,
        "number": str(order_id),
        "order_key": f"wc_order_{seed:03}{order_id:06}",
        "created_via": "checkout",
        "version": "9.4.2",
        "status": "processing",
        "currency": "MYR",
        "prices_include_tax": False,
        "customer_id": buyer[0],
        "customer_note": "",
        "billing": _billing(buyer, place),
        "payment_method": chance.choice(("fpx", "card")),
        "payment_method_title": "Online banking",
        "transaction_id": f"tx-{order_id}",
        "line_items": _wanted(arguments) or _bought(chance),
        "shipping_lines": [_shipping(chance)],
        "fee_lines": _fees(chance),
        "coupon_lines": [{"id": 1, "code": "TEA10"}] if chance.random() < 0.2 else [],
        "refunds": [],
        "meta_data": [{"id": 1, "key": "is_vat_exempt", "value": "no"}],
    }
    _stamp(order, now, "created", "paid", "modified")
    return summed({**order, **arguments.get("fields", {})})


def _billing(buyer: tuple[int, str, str, str, str], place: tuple[str, str, str]) -> dict[str, str]:
    _, first, last, company, _ = buyer
    city, state, postcode = place
    return {
        "first_name": first,
        "last_name": last,
        "company": company,
        "address_1": "1 Jalan A",
        "address_2": "",
        "city": city,
        "state": state,
        "postcode": postcode,
        "country": "MY",
        "email": "a@example.com",
        "phone": "0123456789",
    }


def _wanted(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    products = {sku: (name, price) for sku, name, price in GOODS}
    lines = []
    for line in arguments.get("lines", ()):
        name, price = products.get(line["sku"], (line["sku"], "10.00"))
        fields = {"product_id": 93, "variation_id": 0, "quantity": int(line.get("quantity", 1))}
        unit_price = str(line.get("price", price))
        lines.append({"name": name, "sku": line["sku"], "_each": unit_price, **fields})
    return lines


def _bought(chance: random.Random) -> list[dict[str, Any]]:
    chosen = chance.sample(GOODS, chance.randint(1, 4))
    lines = [{"sku": sku, "quantity": chance.randint(1, 5)} for sku, *_ in chosen]
    return _wanted({"lines": lines})


def _shipping(chance: random.Random) -> dict[str, Any]:
    free = chance.random() < 0.3
    word, total = ("free_shipping", "0.00") if free else ("flat_rate", "8.00")
    title = "Free shipping" if free else "Post"
    tax_fields = {"total_tax": "0.00", "taxes": [], "meta_data": []}
    return {"id": 400, "method_title": title, "method_id": word, "total": total, **tax_fields}


def _fees(chance: random.Random) -> list[dict[str, Any]]:
    if chance.random() > 0.15:
        return []
    tax_fields = {"tax_class": "", "tax_status": "none", "total_tax": "0.00", "taxes": []}
    return [{"id": 500, "name": "Gift wrapping", "amount": "3.00", "total": "3.00", **tax_fields}]


def _stamp(order: Order, at: datetime, *names: str) -> None:
    for name in names:
        utc = at.astimezone(UTC) - timedelta(microseconds=at.microsecond)
        order[f"date_{name}_gmt"] = utc.strftime("%Y-%m-%dT%H:%M:%S")
        order[f"date_{name}"] = utc.astimezone(HERE).strftime("%Y-%m-%dT%H:%M:%S")


def changed(act: str, order: Order, now: datetime, arguments: Mapping[str, Any]) -> Order:
    """Return the order after an act, modified at least a second later than before."""
    new_order: Order = {**order, "line_items": [dict(item) for item in order["line_items"]]}
    before = datetime.fromisoformat(order["date_modified_gmt"]).replace(tzinfo=UTC)
    _ACTS[act](new_order, arguments)
    new_order = summed({**new_order, **arguments.get("fields", {})}) if act == "edit" else new_order
    new_order.update(arguments.get("fields", {}) if act != "edit" else {})
    _stamp(new_order, max(now, before + LATER), "modified")
    if act == "refund" and not arguments.get("delete"):
        newest = {**new_order["_refunds"][-1]}
        newest |= {f"date_created{at}": new_order[f"date_modified{at}"] for at in ("", "_gmt")}
        new_order["_refunds"] = [*new_order["_refunds"][:-1], newest]
    if act == "complete":
        _stamp(new_order, max(now, before + LATER), "completed")
    return new_order


def summed(order: Order) -> Order:
    """Return the order with all its sums."""
    off = Decimal("0.1") if order["coupon_lines"] else Decimal()
    for place, line in enumerate(order["line_items"], start=1):
        _priced(line, place, off)
    items = [Decimal(line["total"]) for line in order["line_items"]]
    before = [Decimal(line["subtotal"]) for line in order["line_items"]]
    taxes = [Decimal(line["total_tax"]) for line in order["line_items"]]
    shipping = sum((Decimal(line["total"]) for line in order["shipping_lines"]), Decimal())
    fees = sum((Decimal(line["total"]) for line in order["fee_lines"]), Decimal())
    tax = sum(taxes, Decimal())
    return {
        **order,
        "discount_total": _text(sum(before, Decimal()) - sum(items, Decimal())),
        "discount_tax": "0.00",
        "shipping_total": _text(shipping),
        "shipping_tax": "0.00",
        "cart_tax": _text(tax),
        "total_tax": _text(tax),
        "total": _text(sum(items, Decimal()) + shipping + fees + tax),
        "tax_lines": [
            {
                "id": 900 + order["id"],
                "rate_code": "MY-SST-1",
                "rate_id": RATE_ID,
                "label": "SST",
                "compound": False,
                "tax_total": _text(tax),
                "shipping_tax_total": "0.00",
                "rate_percent": 10,
            }
        ],
    }


def _priced(line: dict[str, Any], place: int, off: Decimal) -> None:
    quantity, price = int(line["quantity"]), Decimal(line.pop("_each", line.get("_price", "0")))
    line["_price"] = str(price)
    subtotal = (price * quantity).quantize(CENT, ROUND_HALF_UP)
    total = (subtotal * (1 - off)).quantize(CENT, ROUND_HALF_UP)
    tax = (total / 10).quantize(CENT, ROUND_HALF_UP)
    tax_entry = {"id": RATE_ID, "total": _text(tax), "subtotal": _text(tax)}
    line |= {
        "id": line.get("id", 300 + place),
        "tax_class": "",
        "subtotal": _text(subtotal),
        "subtotal_tax": _text(tax),
        "total": _text(total),
        "total_tax": _text(tax),
        "taxes": [tax_entry],
        "meta_data": [],
        "price": float(total / quantity) if quantity else 0,
    }


def _text(amount: Decimal) -> str:
    return str(amount.quantize(CENT, ROUND_HALF_UP))


def shown(order: Order) -> Order:
    """Return the order for a reply; internal fields begin with `_`."""
    lines = [{n: v for n, v in item.items() if n[0] != "_"} for item in order["line_items"]]
    return {n: v for n, v in order.items() if n[0] != "_"} | {"line_items": lines}


def sold(order: Order) -> dict[str, int]:
    """Return SKU -> pieces out of stock.

    A cancelled order has none; a refund adds pieces only where that was chosen, which the order
    never shows.
    """
    pieces: Counter[str] = Counter()
    for item in order["line_items"]:
        pieces[item["sku"]] += item["quantity"]
    if order.get("_before", order["status"]) == "cancelled":
        return dict.fromkeys(pieces, 0)
    pieces.subtract(order.get("_restocked", {}))
    return pieces


def _edit(order: Order, arguments: Mapping[str, Any]) -> None:
    if lines := _wanted(arguments):
        order["line_items"] = lines
    elif "fields" not in arguments:
        order["line_items"][0]["quantity"] += 1


def _complete(order: Order, arguments: Mapping[str, Any]) -> None:
    del arguments
    order["status"] = "completed"


def _cancel(order: Order, arguments: Mapping[str, Any]) -> None:
    del arguments
    order["status"] = "cancelled"


def _refund(order: Order, arguments: Mapping[str, Any]) -> None:
    """Give money back: an amount, or what lines cost (`sku`, `quantity`), or half of the rest. With
    `delete` the newest refund is deleted, as `DELETE /orders/ID/refunds/ID` does.
    """
    if arguments.get("delete"):
        order["refunds"], order["_refunds"] = order["refunds"][:-1], order["_refunds"][:-1]
        return
    back = sum((-Decimal(refund["total"]) for refund in order["refunds"]), Decimal())
    open_amount = Decimal(order["total"]) - back
    key = 7000 + order["id"] * 10 + len(order["refunds"])
    lines = [
        _refund_line(order, item, key, at) for at, item in enumerate(arguments.get("lines", ()))
    ]
    cost = -sum((Decimal(line["total"]) + Decimal(line["total_tax"]) for line in lines), Decimal())
    default_amount = (
        cost if lines and cost <= open_amount else (open_amount / 2).quantize(CENT, ROUND_HALF_UP)
    )
    amount = Decimal(str(arguments.get("amount", default_amount)))
    if not 0 < amount <= open_amount:
        raise ControlError("More than is left of the order")
    refund_head = {"id": key, "reason": "Broken cup"}
    order["refunds"] = [*order["refunds"], {**refund_head, "total": _text(-amount)}]
    order["_refunds"] = [
        *order.get("_refunds", []),
        {
            **refund_head,
            "amount": _text(amount),
            "refunded_by": 1,
            "refunded_payment": False,
            "meta_data": [],
            "line_items": lines,
            "tax_lines": [],
            "shipping_lines": [],
            "fee_lines": [],
        },
    ]
    if amount == open_amount:
        order["status"] = "refunded"
    if arguments.get("restock"):
        pieces = arguments.get("lines") or [
            {"sku": s, "quantity": n} for s, n in sold(order).items()
        ]
        restocked: Counter[str] = Counter()
        restocked.update(order.get("_restocked", {}))
        for piece in pieces:
            restocked[str(piece["sku"])] += int(piece.get("quantity", 1))
        order["_restocked"] = dict(restocked)


def _refund_line(order: Order, item: Mapping[str, Any], key: int, at: int) -> dict[str, Any]:
    """Return a refunded goods line, with negative numbers and the id of the order's line."""
    sold_line = next((line for line in order["line_items"] if line["sku"] == item["sku"]), None)
    pieces = int(item.get("quantity", 1))
    if sold_line is None or not 0 < pieces <= sold_line["quantity"]:
        raise ControlError("Not so many of that were sold")
    share = Decimal(pieces) / sold_line["quantity"]
    total, tax = (_text(-Decimal(sold_line[name]) * share) for name in ("total", "total_tax"))
    names = ("name", "product_id", "variation_id", "tax_class", "sku")
    return {
        **{name: sold_line[name] for name in names},
        "id": key * 100 + at,
        "quantity": -pieces,
        "subtotal": total,
        "subtotal_tax": tax,
        "total": total,
        "total_tax": tax,
        "taxes": [{"id": RATE_ID, "total": tax, "subtotal": tax}],
        "meta_data": [{"id": key, "key": "_refunded_item_id", "value": str(sold_line["id"])}],
        "price": -float(Decimal(sold_line["total"]) / sold_line["quantity"]),
    }


def _delete(order: Order, arguments: Mapping[str, Any]) -> None:
    del arguments
    order["_before"], order["status"] = order["status"], "trash"


def _restore(order: Order, arguments: Mapping[str, Any]) -> None:
    del arguments
    if order["status"] != "trash":
        raise ControlError("It is not in the trash")
    order["status"] = order.pop("_before")


_ACTS: Final = {
    "edit": _edit,
    "complete": _complete,
    "cancel": _cancel,
    "refund": _refund,
    "delete": _delete,
    "restore": _restore,
}
