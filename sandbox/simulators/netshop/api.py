"""Send NetShop's signed webhooks, and list what changed."""

import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.transport.http import Clock
from sandbox.simulators.base.control import ControlError, Deed, done, given_of, plain
from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.base.shop import (
    LATER,
    ON_THE_WAY,
    Life,
    Order,
    Shop,
    ShopBooks,
    ShopControl,
    Webhook,
)
from sandbox.simulators.netshop.deliveries import signed

_EVENTS: Final = {"create": "created", "cancel": "cancelled", "refund": "refunded"}

FEED_FAULTS: Final = {
    "rest_error": "the next question is answered 500",
    "rest_html": "it is answered 502 with a page",
    "rest_too_many": "it is answered 429 and told to wait",
    "rest_refused": "it is answered 401",
    "rest_forbidden": "it is answered 403",
    "rest_again": "it is told that there is more, at the same place",
    "rest_cut": "the connection is cut in the middle of the answer",
}

FAULTS: Final = {**ON_THE_WAY, **FEED_FAULTS}

TOLD: Final = ("delivery", "purchase", "settlement", "payout")
"""What it tells beside orders, as somebody enters it there."""

PATH: Final = "/clearpost/changes"

MOST: Final = 100

WINDOW: Final = 300.0  # seconds

_PAGE: Final = b"<html><body><h1>502 Bad Gateway</h1></body></html>"

HERE: Final = ZoneInfo("Asia/Kuala_Lumpur")

SEN: Final = Decimal("0.01")

RATE: Final = Decimal("0.10")

REFUNDED, RETURNED = "Refunded", "Refunded + Items Returned"

GOODS: Final = (
    ("TEE-BLK-M", "Tee, black, M", "49.50"),
    ("TEE-WHT-L", "Tee, white, L", "49.50"),
    ("CUP-30", "Cup, 30 cl", "15.00"),
    ("BAG-CANVAS", "Canvas bag", "28.90"),
    ("SOCK-3", "Socks, three pairs", "19.95"),
)

BUYERS: Final = (
    ("C-88", "Aisyah Rahman", "IG24680135790", "12 Jalan Ampang, 50450 Kuala Lumpur"),
    ("C-102", "Boon & Co", "C20990050040", "3 Jalan Tun Perak, 30000 Ipoh"),
    ("C-117", "Kavitha Raj", "", "77 Lebuh Pantai, 10300 George Town"),
    ("C-130", "陈美玲", "", "5 Jalan Merdeka, 75000 Melaka"),
)


class NetShopBooks(ShopBooks):
    """The books of NetShop: with the list of what changed."""

    def rewind(self) -> None:
        """Reset to no changes."""
        super().rewind()
        self.feed = Feed()

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a change of an order or of another record."""
        hidden = self.orders[int(line["id"])] if line["call"] == "hide" else {}
        super().take(line)
        if line["call"] == "change":
            self.feed.take(line["seq"], line["at"], "order", line["order"])
        elif line["call"] == "hide":
            self.feed.hide("order", str(hidden["id"]))
        elif line["call"] == "rewrite":
            self.feed.rewrite("order", line["order"])
        elif line["call"] == "told":
            self.effects += 1
            self.feed.take(line["seq"], line["at"], line["kind"], line["record"])


class NetShop(Shop):
    """One shop."""

    faults = FAULTS

    def __init__(
        self, books: NetShopBooks, ledger: Ledger, clock: Clock, *, to: str, life: Life, secret: str
    ) -> None:
        super().__init__(books, ledger, clock, to=to, life=life)
        self._secret, self._seed, self._feed = secret, life.seed, books
        self._control = NetShopControl(self)

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
        """Return one webhook per change, with the whole order and an id."""
        key = f"evt_{self._seed}_{order['id']}_{order['version']}"
        return [self._webhook(f"order.{_EVENTS.get(act, 'updated')}", {"order": order}, key)]

    def sold(self, order: Order) -> Mapping[str, int]:
        """Return what was sold, without returned goods; of a cancelled order nothing."""
        return sold(order)

    def faulty(self, fault: str, request: Request) -> Reply | None:
        """Return the reply of a planned fault, or None."""
        return faulty(fault, request)

    def tell(self, kind: str, record: Mapping[str, Any]) -> None:
        """Enter a delivery, a purchase, a settlement or a payout."""
        line = {"at": self.now().isoformat(), "call": "told", "effect": "changed", "kind": kind}
        self.write({**line, "record": record})
        key = f"evt_{self._seed}_{kind}_{record['id']}_{self.books.effects}"
        hook = self._webhook(f"{kind}.updated", {kind: record}, key)
        self._send(hook, 0, self._planned_next())

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Return the reply to a read of changes."""
        del request_id
        fault = request.headers.get("x-sim-fault") or next(
            (name for name in self.books.faults if name in FEED_FAULTS), ""
        )
        reply = (
            self.faulty(fault, request)
            or refused(request, self._secret, self.now())
            or self._feed.feed.shown(request.query)
        )
        line = {"at": self.now().isoformat(), "call": "asked", "path": request.path}
        line_fields = {"query": dict(request.query), "effect": "shown", "status": reply.status}
        self.write({**line, **line_fields, "fault": fault})
        return (replace(reply, cut="middle") if fault == "rest_cut" else reply), False

    def _webhook(self, event: str, content: Mapping[str, Any], key: str) -> Webhook:
        raw = json.dumps({"event": event, **content}, ensure_ascii=False).encode()
        right, wrong = (
            signed(raw, event_id=key, secret=secret, now=self.now()).headers
            for secret in (self._secret, "other")
        )
        return Webhook(topic=event, headers=right, raw=raw, forged=wrong)


class NetShopControl(ShopControl):
    """NetShop's control calls, also for other records than orders."""

    def __init__(self, shop: NetShop) -> None:
        super().__init__(shop)
        self._netshop = shop

    def deeds(self) -> Mapping[str, Deed]:
        """Return the acts by hand: enter a record."""
        return {**super().deeds(), "tell": self._tell}

    def _tell(self, request: Request, request_id: str) -> Reply:
        """Enter a record: its `kind`, and the `record` with its `id`."""
        del request_id
        body = given_of(request)
        kind, record = body.get("kind"), plain(body.get("record"))
        if kind not in TOLD or not isinstance(record, dict) or not record.get("id"):
            raise ControlError(f"Name a kind of {', '.join(TOLD)}, and a record with its id")
        self._netshop.tell(str(kind), record)
        return done("tell")


@dataclass(slots=True)
class Feed:
    """The changes by what changed, in the order of their places."""

    places: dict[tuple[str, str], tuple[int, str, Mapping[str, Any]]] = field(default_factory=dict)

    def take(self, place: int, at: str, kind: str, record: Mapping[str, Any]) -> None:
        """Store a change at a position; the record's earlier position becomes empty."""
        key = (kind, str(record["id"]))
        self.places.pop(key, None)
        self.places[key] = (place, at, {kind: dict(record)})

    def hide(self, kind: str, record_id: str) -> None:
        """Hide a record from every list."""
        self.places.pop((kind, record_id), None)

    def rewrite(self, kind: str, record: Mapping[str, Any]) -> None:
        """Change a record's content without changing its position."""
        key = (kind, str(record["id"]))
        place, at, _ = self.places[key]
        self.places[key] = (place, at, {kind: dict(record)})

    def shown(self, query: Mapping[str, str]) -> Reply:
        """Return a page of the list."""
        try:
            most = int(query.get("limit", "50"))
            begun = int(query["after"].removeprefix("c-")) if "after" in query else -1
            since = datetime.fromisoformat(query["since"]) if "since" in query else None
        except ValueError:
            return wrong(400, "since is a moment, after a place of this list, limit a number")
        if not 0 < most <= MOST or ("after" in query) == ("since" in query):
            return wrong(400, f"Name since or after, and a limit of at most {MOST}")
        rows = [
            (place, change)
            for place, at, change in self.places.values()
            if place > begun and (since is None or datetime.fromisoformat(at) >= since)
        ]
        page, later_rows = rows[:most], rows[most:]
        last = page[-1][0] if page else max(begun, self._newest())
        changes = [change for _, change in page]
        content = {"changes": changes, "next": f"c-{last}", "more": bool(later_rows)}
        return Reply(status=200, content=content)

    def _newest(self) -> int:
        return max((place for place, *_ in self.places.values()), default=0)


def refused(request: Request, secret: str, now: datetime) -> Reply | None:
    """Return why a request is refused, or None."""
    if request.method != "GET" or request.path != PATH:
        return wrong(404, "No such page")
    signed_values = [
        request.headers.get(f"x-ns16-{word}", "") for word in ("timestamp", "event-id")
    ]
    signed = f"{signed_values[0]}.{signed_values[1]}.GET {request.target}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    signature = request.headers.get("x-ns16-signature", "")
    if not hmac.compare_digest(f"sha256={digest}".encode(), signature.encode()):
        return wrong(401, "The signature does not match")
    late = not signed_values[0].isdecimal() or abs(int(signed_values[0]) - now.timestamp()) > WINDOW
    return wrong(401, "The timestamp is too far away") if late else None


def faulty(fault: str, request: Request) -> Reply | None:
    """Return the reply of a planned fault, or None."""
    match fault:
        case "rest_error":
            return wrong(500, "Internal error")
        case "rest_html":
            return Reply(status=502, content=_PAGE, headers={"Content-Type": "text/html"})
        case "rest_too_many":
            content = {"error": "Too many questions"}
            return Reply(status=429, content=content, headers={"Retry-After": "20"})
        case "rest_refused":
            return wrong(401, "The secret was replaced")
        case "rest_forbidden":
            return wrong(403, "The list of changes is switched off")
        case "rest_again":
            place = request.query.get("after", "c-0")
            return Reply(status=200, content={"changes": [], "next": place, "more": True})
        case _:
            return None


def wrong(status: int, words: str) -> Reply:
    """Return a reply with an error."""
    return Reply(status=status, content={"error": words})


def created(order_id: int, seed: int, now: datetime, arguments: Mapping[str, Any]) -> Order:
    """Return a new paid order; `arguments` may set items (`sku`, `qty`, `price`) and `fields`."""
    chance = random.Random(seed * 1_000_003 + order_id)  # noqa: S311 - can be repeated
    key, name, tin, address = chance.choice(BUYERS)
    moment = _moment(now)
    order: Order = {
        "id": order_id,
        "number": f"NS-{order_id}",
        "status": "paid",
        "ordered_at": moment,
        "paid_at": moment,
        "updated_at": moment,
        "currency": "MYR",
        "channel": chance.choice(("FPX", "Card", "E-wallet")),
        "customer": {"id": key, "name": name, "tin": tin, "address": address},
        "items": _wanted(arguments) or _bought(chance),
        "version": 1,
    }
    return {**_summed(order), **arguments.get("fields", {})}


def _moment(at: datetime) -> str:
    return at.astimezone(HERE).isoformat(timespec="seconds")


def _wanted(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    products = {sku: (name, price) for sku, name, price in GOODS}
    items = []
    for item in arguments.get("items", ()):
        sku = str(item["sku"])
        name, price = products.get(sku, (sku, "10.00"))
        amounts = {"qty": int(item.get("qty", 1)), "price": str(item.get("price", price))}
        items.append({"sku": sku, "name": name, "uom": "PCS", **amounts, "tax": "SST"})
    return items


def _bought(chance: random.Random) -> list[dict[str, Any]]:
    chosen = chance.sample(GOODS, chance.randint(1, 3))
    items = _wanted({"items": [{"sku": sku, "qty": chance.randint(1, 4)} for sku, *_ in chosen]})
    if chance.random() < 0.6:
        post = {"sku": "SHIP", "name": "Shipping", "uom": "PCS", "qty": 1, "price": "9.90"}
        items.append({**post, "tax": "NONE"})
    return items


def _summed(order: Order) -> Order:
    """Return the order with its line numbers and sums."""
    net, tax = Decimal(), Decimal()
    for place, item in enumerate(order["items"], 1):
        item["pos"] = place
        amount = (Decimal(item["price"]) * item["qty"]).quantize(SEN, ROUND_HALF_UP)
        net += amount
        tax += (amount * RATE).quantize(SEN, ROUND_HALF_UP) if item["tax"] == "SST" else 0
    sums = {"subtotal": net, "tax_total": tax, "round_off": Decimal("0.00"), "total": net + tax}
    return {**order, **{name: str(amount.quantize(SEN)) for name, amount in sums.items()}}


def changed(act: str, order: Order, now: datetime, arguments: Mapping[str, Any]) -> Order:
    """Return the order after an act, changed at least a second later than before."""
    new_order: Order = {**order, "items": [dict(item) for item in order["items"]]}
    _ACTS[act](new_order, arguments)
    before = datetime.fromisoformat(order["updated_at"])
    stamps = {"updated_at": _moment(max(now, before + LATER)), "version": order["version"] + 1}
    return {**_summed(new_order), **stamps, **arguments.get("fields", {})}


def sold(order: Order) -> dict[str, int]:
    """Return SKU -> pieces that left the stock and did not come back.

    Only the words for a return bring goods back.
    """
    pieces: Counter[str] = Counter()
    is_cancelled = order["status"] == "cancelled"
    for item in order["items"]:
        pieces[item["sku"]] += 0 if is_cancelled else item["qty"]
    back = [*order.get("refunds", ()), *([order["refund"]] if "refund" in order else [])]
    for item in (
        item for refund in back if refund["status"] == RETURNED for item in refund["items"]
    ):
        pieces[item["sku"]] -= item["qty"]
    return dict(pieces)


def _edit(order: Order, arguments: Mapping[str, Any]) -> None:
    if items := _wanted(arguments):
        order["items"] = items
    elif "fields" not in arguments:
        order["items"][0]["qty"] += 1


def _complete(order: Order, _arguments: Mapping[str, Any]) -> None:
    order["status"] = "Completed"


def _cancel(order: Order, _arguments: Mapping[str, Any]) -> None:
    order["status"] = "cancelled"


def _refund(order: Order, arguments: Mapping[str, Any]) -> None:
    """Add a refund of the remaining amount, or of `amount`.

    Goods come back only with `returned`. `words` replace the known ones. The order's status is
    unchanged.
    """
    before = order.pop("refunds", None) or ([order.pop("refund")] if "refund" in order else [])
    open_amount = Decimal(order["total"]) - sum(Decimal(refund["amount"]) for refund in before)
    amount = Decimal(str(arguments.get("amount", open_amount)))
    if not 0 < amount <= open_amount:
        raise ControlError("More than is left of the order")
    sold = [{"sku": item["sku"], "qty": item["qty"]} for item in order["items"]]
    status = RETURNED if arguments.get("returned") else REFUNDED
    refund = {
        "id": f"RF-{order['id']}" + (f"-{len(before) + 1}" if before else ""),
        "status": arguments.get("words", status),
        "amount": str(amount.quantize(SEN)),
        "items": sold if arguments.get("returned") else [],
    }
    order.update({"refunds": [*before, refund]} if before else {"refund": refund})


def _restore(order: Order, _arguments: Mapping[str, Any]) -> None:
    if order["status"] != "cancelled":
        raise ControlError("It is not cancelled")
    order["status"] = "paid"


_ACTS: Final = {
    "edit": _edit,
    "complete": _complete,
    "cancel": _cancel,
    "refund": _refund,
    "delete": _cancel,  # NetShop is not known to take orders away
    "restore": _restore,
}
