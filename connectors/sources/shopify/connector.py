"""Shopify: orders with their fulfilments and refunds, by signed webhook or from a JSON file, and
payouts, by asking or from a file.

Here: who may deliver, which topics are read, and which records a delivery holds. Not here: what an
order, a fulfilment, a refund or a payout is made of (the modules beside this one).
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar
from zoneinfo import ZoneInfo

from connectors.contract import (
    Accepted,
    ConnectionReport,
    ExampleCall,
    IncomingRecord,
    RowError,
    Settings,
    Source,
    SourceRefusal,
)
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.contract.sources import Withdrawn
from connectors.kit.delivery_counts import too_long_lists, too_many
from connectors.kit.shops.delivery_reading import Read, parsed, taken
from connectors.kit.signed_webhooks import body_signed, too_large
from connectors.sources.shopify import calls, pages, probe
from connectors.sources.shopify.form import FORM
from connectors.sources.shopify.kinds import KINDS, NAME
from connectors.sources.shopify.orders import delivery_of, order_of
from connectors.sources.shopify.payouts import TRANSACTIONS, payouts_of
from connectors.sources.shopify.refunds import refund_of
from connectors.sources.shopify.statuses import RESTOCK_WORDS, STATUS_WORDS
from connectors.transport.http import Http
from connectors.transport.strict_json import dumps

SIGNATURE = "x-shopify-hmac-sha256"
TOPIC = "x-shopify-topic"
EVENT = ("x-shopify-event-id", "x-shopify-webhook-id")
TOPICS: Mapping[str, str] = {
    **{
        f"orders/{word}": "order"
        for word in (
            *("create", "updated", "edited", "paid", "cancelled", "fulfilled"),
            "partially_fulfilled",
        )
    },
    "orders/delete": "order",
    "fulfillments/create": "fulfillment",
    "fulfillments/update": "fulfillment",
    "refunds/create": "refund",
}
"""What the body of a topic is. The topic itself is not signed: the body must look like it."""

DELETED = "orders/delete"
"""Its body is the id alone."""

SAMPLE_ID = 820982911946154508
"""The order in the test notification of Shopify's admin: nobody bought anything."""

_PLAIN = re.compile(r"[\x21-\x7e]{1,128}")
_MARKS = {
    "order": {"line_items", "financial_status"},
    "fulfillment": {"line_items", "order_id"},
    "refund": {"refund_line_items", "order_id"},
    "payout": {TRANSACTIONS, "amount"},
}
Given = Mapping[str, object]


class Shopify:
    """The source `shopify`."""

    name = NAME
    form = FORM
    kinds = KINDS
    suffixes = (".shopify.json",)
    headers = "x-shopify"
    calls_a_minute = 60
    words: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "Topics that are read": {
            topic: what.replace("fulfillment", "delivery") for topic, what in TOPICS.items()
        },
        "Status of an order": STATUS_WORDS,
        "What became of refunded goods": RESTOCK_WORDS,
    }

    def __init__(self, shop: str = "") -> None:
        self.shop = shop

    def bound(self, settings: Settings, address: str) -> "Shopify":  # noqa: ARG002 - it signs none
        """The source as one connection has it: of one shop, where its address is known."""
        return Shopify(calls.domain_of(settings))

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,  # noqa: ARG002 - nothing that Shopify signs names a moment of the call
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """A webhook call. Only the body is signed, so the signature, not the id beside it, says
        whether the call was here before; an older state of an order is known by its own moment.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        hooks = [secret.partition(":")[0] for secret in secrets]
        refused = too_large(raw) or _unproved(lower, raw, hooks)
        refused = refused or calls.another_shop(self.shop, lower)
        if refused:
            return refused
        kind = TOPICS.get(lower.get(TOPIC, ""))
        if kind is None:
            return _strange_topic(lower.get(TOPIC, ""))
        value = parsed(raw)
        if isinstance(value, SourceRefusal):
            return value
        if lower[TOPIC] == DELETED:
            return _gone(value, _delivery_id(lower, raw), lower[SIGNATURE])
        if not isinstance(value, Mapping) or not _MARKS[kind] <= value.keys():
            words = f"The body is no {kind}, as the topic {lower[TOPIC]} has it."
            return SourceRefusal(422, f"no_{kind}", words, "Send what Shopify sends.")
        found = list(_inside("", kind, value))
        return _records(found, _delivery_id(lower, raw), lower[SIGNATURE], zone)

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """A JSON file with orders as the API lists them; the same file is the same delivery."""
        if refused := too_large(raw):
            return refused
        value = parsed(raw)
        if isinstance(value, SourceRefusal):
            return value
        found = list(_listed(value))
        if not found:
            words = "The file holds no order, no fulfilment, no refund and no payout."
            return SourceRefusal(422, "no_order", words, 'Use {"orders": […]}.')
        return _records(found, "file-" + hashlib.sha256(raw).hexdigest(), "", zone)

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """A paid order of RM 60.00, signed as Shopify does."""
        moment = now.isoformat(timespec="seconds")
        line = {"id": 1, "sku": "CUP-30", "name": "Cup", "quantity": 4, "price": "15.00"}
        order = {
            "id": 1,
            "name": "#TEST-1",
            "financial_status": "paid",
            "currency": "MYR",
            "created_at": moment,
            "customer": {"id": 102},
            "line_items": [line],
            "total_tax": "0.00",
            "total_price": "60.00",
        }
        raw = json.dumps(order, indent=1).encode()
        hook = secret.partition(":")[0].encode()
        signed = base64.b64encode(hmac.new(hook, raw, hashlib.sha256).digest()).decode()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": "orders/create",
            "X-Shopify-Hmac-Sha256": signed,
            "X-Shopify-Event-Id": event_id,
        }
        words = (
            "The signature is HMAC-SHA256 with the client secret, in Base64, over the body alone."
        )
        return ExampleCall(headers=headers, body=raw, signed=words)

    def begin(self, since: datetime) -> str:
        """The cursor from which everything shows that changed at this moment or later."""
        return pages.begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Orders that changed after a cursor, with their fulfilments and refunds; then payouts."""

        def read(kind: str, place: str, given: Given) -> Pulled:
            told = _records(list(_inside(place, kind, given)), "", "", zone)
            if isinstance(told, SourceRefusal):
                error = RowError(where=place, value="", message=told.message, hint=told.hint)
                return Pulled(raw=dumps(given), errors=(error,))
            return Pulled(raw=dumps(given), records=told.records, errors=told.errors)

        orders, payouts = partial(read, "order"), partial(read, "payout")
        return pages.page_after(cursor, settings, secret, http, orders, payouts)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Whether the shop can be asked, a step a line."""
        return probe.report(settings, secret, http)


Found = tuple[str, str, Given, Given]  # its place, what it is, itself, the order it is inside of


def _unproved(lower: Mapping[str, str], raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
    given = lower.get(SIGNATURE, "")
    if not given:
        words = "The header X-Shopify-Hmac-Sha256 is missing."
        return SourceRefusal(401, "not_signed", words, "Let Shopify send the webhook.")
    if body_signed(raw, given, secrets):
        return None
    words = "The signature does not match the body."
    hint = "Give this connection the client secret of the app that the webhook belongs to."
    return SourceRefusal(401, "bad_signature", words, hint)


def _strange_topic(topic: str) -> SourceRefusal:
    shown = topic[:60] if _PLAIN.fullmatch(topic) else ""
    words = f"The topic {shown} is not read here." if shown else "The topic is missing."
    return SourceRefusal(422, "unknown_topic", words, f"Subscribe to {', '.join(TOPICS)}.")


def _gone(value: object, delivery_id: str, signature: str) -> Accepted | SourceRefusal:
    """An order that was deleted in the shop: its last content under the word `deleted`."""
    given = value if isinstance(value, Mapping) else {}
    order_id = given.get("id")
    if set(given) != {"id"} or isinstance(order_id, bool) or not isinstance(order_id, int):
        words = f"The body is not a deleted order, as the topic {DELETED} has it."
        return SourceRefusal(422, "no_order", words, "Send what Shopify sends.")
    gone = (Withdrawn(kind="order", external_id=str(order_id), status="deleted"),)
    return Accepted(delivery_id=delivery_id, signature=signature, records=(), withdrawn=gone)


def _delivery_id(lower: Mapping[str, str], raw: bytes) -> str:
    """One event has one id, and may come under several topics with a body each."""
    told = next((lower[name] for name in EVENT if _PLAIN.fullmatch(lower.get(name, ""))), "")
    return f"{lower[TOPIC]} {told}" if told else "body-" + hashlib.sha256(raw).hexdigest()


def _is_trial(given: Given) -> bool:
    """Whether nobody bought or gave back anything: a test notification, or an order that was paid
    at Shopify's test gateway. The signed body says so, the header X-Shopify-Test nobody signed.
    """
    money = given.get("transactions")
    paid = money if isinstance(money, list) else []
    marked = [one.get("test") for one in (given, *paid) if isinstance(one, Mapping)]
    return True in marked or SAMPLE_ID in (given.get("id"), given.get("order_id"))


def _listed(value: object) -> Iterator[Found]:
    """What a file holds."""
    given = value if isinstance(value, Mapping) else {}
    if _MARKS["order"] <= given.keys():
        yield from _inside("", "order", given)
    for kind in _MARKS:
        if isinstance(one := given.get(kind), Mapping):
            yield from _inside(kind, kind, one)
        many = given.get(f"{kind}s")
        for at, one in enumerate(many if isinstance(many, list) else ()):
            yield from _inside(f"{kind}s[{at}]", kind, one if isinstance(one, Mapping) else {})


def _inside(place: str, kind: str, given: Given) -> Iterator[Found]:
    """A part of a delivery, and for an order its fulfilments and refunds after it."""
    place = place or kind
    yield place, kind, given, {}
    for word in ("fulfillment", "refund") if kind == "order" else ():
        many = given.get(f"{word}s")
        for at, one in enumerate(many if isinstance(many, list) else ()):
            if isinstance(one, Mapping):
                yield f"{place}.{word}s[{at}]", word, one, given


def _records(
    found: Sequence[Found], delivery_id: str, signature: str, zone: ZoneInfo
) -> Accepted | SourceRefusal:
    found = [one for one in found if not _is_trial(one[2]) and not _is_trial(one[3])]
    if refused := too_many([given for _, _, given, _ in found]):
        return refused
    read = (
        each
        for place, kind, given, order in found
        for each in _read(place, kind, given, order, zone)
    )
    return taken(read, delivery_id, signature)


def _read(place: str, kind: str, given: Given, order: Given, zone: ZoneInfo) -> Iterator[Read]:
    if refused := too_long_lists(place, given):
        yield refused
        return
    match kind:
        case "order":
            yield order_of(place, given, zone)
        case "refund":
            yield refund_of(place, given, zone, order)
        case "payout":
            for one in payouts_of(place, given, zone):
                yield one if isinstance(one, IncomingRecord) else (one,)
        case _:
            yield delivery_of(place, given, zone)


SOURCE: Source = Shopify()
