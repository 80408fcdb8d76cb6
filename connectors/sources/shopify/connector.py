"""Read Shopify orders, fulfilments, refunds and payouts.

Orders come by signed webhook, from a JSON file or from the API; payouts from a file or the API.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from connectors.contract import (
    Accepted,
    ConnectionForm,
    ConnectionReport,
    ExampleCall,
    IncomingRecord,
    KeyField,
    KeyPart,
    RowError,
    Settings,
    Source,
    SourceRefusal,
    Step,
    schema,
)
from connectors.contract.pulls import NoPage, Page, Pulled, Withdrawn
from connectors.kit.delivery import (
    Read,
    accepted_delivery,
    body_signed,
    parse_json,
    read_short,
    too_large,
    too_many,
)
from connectors.kit.shops.payouts import (
    KEY,
    RIGHTS,
    no_shop_step,
    payouts_left,
    shop_report,
    unclear_step,
    unusable_key_report,
)
from connectors.sources.shopify import calls
from connectors.sources.shopify.calls import Shop, delivery_of, listed, next_page, order_of, refused
from connectors.sources.shopify.exchanges import MARKS, sales_of_refunds, split_exchange
from connectors.sources.shopify.kinds import KINDS, NAME, TRANSACTIONS, Part, payouts_of
from connectors.sources.shopify.refunds import RESTOCK_WORDS, STATUS_WORDS, refund_of
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer, HttpFailure
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

Payload = Mapping[str, object]

Found = tuple[
    str, str, Payload, Payload
]  # its place, what it is, itself, the order it is inside of

_TITLE: Final = "Shopify"

_APPS: Final = "Settings > Apps > Develop apps"

_PAYOUT_SCOPE: Final = "read_shopify_payments_payouts"

ORDER_OVERLAP: Final = timedelta(minutes=10)
"""How far the next reading goes back: some changes are stored later than their moment."""

ALL_LIST: Final = timedelta(days=59)
"""How old an order is at most that each app may list: Shopify shows orders of the last 60 days to
apps without the scope read_all_orders (shopify.dev/docs/api/usage/access-scopes).
"""

SIZES: Final = (50, 5, 1)
"""How many orders a page has, and how many when such a page is longer than an answer may be."""

_ORDERS, _PAYOUTS = "", "payouts"

PageReader = Callable[[str, Payload], Pulled]

_FIRST: Final = "1970-01-01T00:00:00+00:00"

SETTING: Final = "payouts"

ASKED_FOR: Final = "yes"

FORM: Final = ConnectionForm(
    title="Shopify",
    gives="Orders with their fulfilments and refunds, by signed webhook or from a JSON file, and "
    "payouts, read from the shop",
    needs="Access to the settings of the shop, or to the app that sends its webhooks",
    settings=(
        schema.store_setting(
            "https://your-shop.myshopify.com",
            "The address of the shop at Shopify. Blank: its orders are not asked for.",
        ),
        schema.Setting(
            name=SETTING,
            label="Payouts",
            hint="Whether the payouts of Shopify Payments are asked for as well. Blank: no.",
            kind="choice",
            choices={ASKED_FOR: "Yes", "no": "No"},
            unset="Not set: no",
        ),
    ),
    key=KeyField(
        label="Client secret and access token",
        hint="The secret signs each webhook. To have the orders asked for as well, add a colon and "
        "the access token. An app of several shops signs all of theirs alike: give each its own.",
        parts=(
            KeyPart(
                name="client_secret",
                label="Client secret",
                hint="It signs each webhook. An app of several shops signs all alike: give each "
                "its own.",
            ),
            KeyPart(
                name="access_token",
                label="Admin API access token",
                hint="To have the orders asked for as well. Blank: Clearpost only waits for "
                "webhooks.",
                optional=True,
            ),
        ),
        steps=(
            "In Shopify go to Settings > Apps > Develop apps and make an app for Clearpost.",
            "Allow it to read orders: read_orders, and read_all_orders for those of past months.",
            "For payouts, allow it to read them as well: read_shopify_payments_payouts.",
            "Let it send the webhooks below in the format JSON to the address of this connection.",
            "Enter its client secret and its Admin API access token.",
        ),
    ),
)

PAYOUT_OVERLAP: Final = timedelta(days=14)
"""So long a payout may still change: it is read again meanwhile."""

_SIZE: Final = 5

_MOST: Final = 250

_PAGES: Final = 40
"""Pages of transactions of one payout: with more it has more lines than a record may have."""

_WITHOUT: Final = (HTTPStatus.NOT_FOUND, *KEY_REFUSED)

ReadPayout = Callable[[str, Mapping[str, object]], Pulled]


class Shopify:
    """The source `shopify`."""

    name = NAME
    form = FORM
    kinds = KINDS
    suffixes = (".shopify.json",)
    headers = "x-shopify"
    calls_a_minute = 60
    lists_back = ALL_LIST
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
        """Return this source for a single connection, limited to its shop if the address is
        known.
        """
        return Shopify(calls.domain_of(settings))

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,  # noqa: ARG002 - nothing that Shopify signs names a moment of the call
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Read a webhook call after verifying its signature.

        Only the body is signed. So a repeated call is recognised by its signature, not by the id in
        its headers. An older state of an order is recognised by its update time.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        hooks = [secret.partition(":")[0] for secret in secrets]
        refused = too_large(raw) or _unproved(lower, raw, hooks)
        # Compared after the signature, so that a stranger does not learn which shop it is.
        refused = refused or calls.another_shop(self.shop, lower)
        if refused:
            return refused
        kind = TOPICS.get(lower.get(TOPIC, ""))
        if kind is None:
            return _strange_topic(lower.get(TOPIC, ""))
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        if lower[TOPIC] == DELETED:
            return _gone(value, _delivery_id(lower, raw), lower[SIGNATURE])
        if not isinstance(value, Mapping) or not _MARKS[kind] <= value.keys():
            words = f"The body is no {kind}, as the topic {lower[TOPIC]} has it."
            return SourceRefusal(422, f"no_{kind}", words, "Send what Shopify sends.")
        parts = list(_inside("", kind, value))
        return _records(parts, _delivery_id(lower, raw), lower[SIGNATURE], zone)

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Read a JSON file with orders as the API lists them.

        The delivery id is the file's hash, so a repeated file counts as a repeated delivery.
        """
        if refused := too_large(raw):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        parts = list(_listed(value))
        if not parts:
            words = "The file holds no order, no fulfilment, no refund and no payout."
            return SourceRefusal(422, "no_order", words, 'Use {"orders": […]}.')
        return _records(parts, "file-" + hashlib.sha256(raw).hexdigest(), "", zone)

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """Return a paid order of RM 60.00, signed as Shopify signs it."""
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

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:  # noqa: ARG002
        """Return the record kinds for which a pull lists every change since its start time.

        Refunds are left out: Shopify does not list old orders to apps without `read_all_orders`, so
        their refunds would be reported as deleted.
        """
        return ("order",)

    def begin(self, since: datetime) -> str:
        """Return the cursor that reads every change from this moment on."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Return the orders changed after a cursor, with their fulfilments and refunds; then
        payouts.
        """

        def read(kind: str, place: str, content: Payload) -> Pulled:
            outcome = _records(list(_inside(place, kind, content)), "", "", zone)
            if isinstance(outcome, SourceRefusal):
                error = RowError(where=place, value="", message=outcome.message, hint=outcome.hint)
                return Pulled(raw=dumps(content), errors=(error,))
            return Pulled(raw=dumps(content), records=outcome.records, errors=outcome.errors)

        orders, payouts = partial(read, "order"), partial(read, "payout")
        return page_after(cursor, settings, secret, http, orders, payouts)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Test the connection: check step by step whether the shop can be read."""
        return report(settings, secret, http)


def _unproved(lower: Mapping[str, str], raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
    signature = lower.get(SIGNATURE, "")
    if not signature:
        words = "The header X-Shopify-Hmac-Sha256 is missing."
        return SourceRefusal(401, "not_signed", words, "Let Shopify send the webhook.")
    if body_signed(raw, signature, secrets):
        return None
    words = "The signature does not match the body."
    hint = "Give this connection the client secret of the app that the webhook belongs to."
    return SourceRefusal(401, "bad_signature", words, hint)


def _strange_topic(topic: str) -> SourceRefusal:
    topic_text = topic[:60] if _PLAIN.fullmatch(topic) else ""
    words = f"The topic {topic_text} is not read here." if topic_text else "The topic is missing."
    return SourceRefusal(422, "unknown_topic", words, f"Subscribe to {', '.join(TOPICS)}.")


def _gone(value: object, delivery_id: str, signature: str) -> Accepted | SourceRefusal:
    """Return a withdrawal of an order that was deleted in the shop, with the status `deleted`.

    It also covers the orders for goods that exchanges added.
    """
    content = value if isinstance(value, Mapping) else {}
    order_id = content.get("id")
    if set(content) != {"id"} or isinstance(order_id, bool) or not isinstance(order_id, int):
        words = f"The body is not a deleted order, as the topic {DELETED} has it."
        return SourceRefusal(422, "no_order", words, "Send what Shopify sends.")
    ids = (str(order_id), *(f"{order_id}{mark}" for mark in MARKS))  # also of added goods
    withdrawals = tuple(
        Withdrawn(kind="order", external_id=withdrawn_id, status="deleted") for withdrawn_id in ids
    )
    return Accepted(delivery_id=delivery_id, signature=signature, records=(), withdrawn=withdrawals)


def _delivery_id(lower: Mapping[str, str], raw: bytes) -> str:
    """Return the id of a delivery: topic and event id, else the body's hash.

    Shopify sends an event under several topics with different bodies.
    """
    event_id = next((lower[name] for name in EVENT if _PLAIN.fullmatch(lower.get(name, ""))), "")
    return f"{lower[TOPIC]} {event_id}" if event_id else "body-" + hashlib.sha256(raw).hexdigest()


def _inside(place: str, kind: str, payload: Payload) -> Iterator[Found]:
    """Yield a part of a delivery; after an order, its fulfilments and refunds.

    The goods that each exchange added are yielded as an order of their own.
    """
    place = place or kind
    for at, piece in enumerate(split_exchange(place, payload) if kind == "order" else (payload,)):
        yield f"{place}.exchange[{at - 1}]" if at else place, kind, piece, {}
    for word in ("fulfillment", "refund") if kind == "order" else ():
        listed_parts = payload.get(f"{word}s")
        sales = sales_of_refunds(payload) if word == "refund" and listed_parts else {}
        for at, entry in enumerate(listed_parts if isinstance(listed_parts, list) else ()):
            if isinstance(entry, Mapping):
                sale = sales.get(str(entry.get("id")))
                part_content = {**entry, "order_id": sale} if sale else entry
                yield f"{place}.{word}s[{at}]", word, part_content, payload


def _records(
    parts: Sequence[Found], delivery_id: str, signature: str, zone: ZoneInfo
) -> Accepted | SourceRefusal:
    parts = [part for part in parts if not _is_trial(part[2]) and not _is_trial(part[3])]
    if refused := too_many([payload for _, _, payload, _ in parts]):
        return refused
    read = (
        result
        for place, kind, payload, order in parts
        for result in _read(place, kind, payload, order, zone)
    )
    return accepted_delivery(read, delivery_id, signature)


def _is_trial(payload: Payload) -> bool:
    """Check whether the payload is a test: a test notification, or an order paid at Shopify's test
    gateway.

    Only the signed body is checked, because the header X-Shopify-Test is not signed.
    """
    money = payload.get("transactions")
    paid = money if isinstance(money, list) else []
    marked = [entry.get("test") for entry in (payload, *paid) if isinstance(entry, Mapping)]
    return True in marked or SAMPLE_ID in (payload.get("id"), payload.get("order_id"))


def _read(
    place: str, kind: str, payload: Payload, order: Payload, zone: ZoneInfo
) -> Iterator[Read]:
    def refund(place: str, payload: Payload, zone: ZoneInfo) -> Read:
        read = refund_of(place, payload, zone, order)
        return _as_of(order, read) if order else read

    makers = {"order": order_of, "refund": refund, "payout": payouts_of}
    for result in read_short(place, payload, makers.get(kind, delivery_of), zone):
        yield result if isinstance(result, IncomingRecord) else (result,)


def _as_of(order: Payload, refund: Read) -> Read:
    """Return a refund that is at least as new as the order it came in.

    Only the order shows the tax of refunded shipping and whether a fee was kept. So a later webhook
    with the refund alone counts as an older state.
    """
    order_moment = Part("order", order).moment("updated_at", "created_at").value
    if not isinstance(refund, IncomingRecord) or not isinstance(order_moment, str):
        return refund
    try:
        moment = datetime.fromisoformat(order_moment).astimezone(UTC)
    except (ValueError, OverflowError):
        return refund
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return replace(refund, stamp=max(stamp, refund.stamp or ""))


def _listed(value: object) -> Iterator[Found]:
    """Yield the parts of a file: orders, fulfilments, refunds and payouts, single or in lists."""
    content = value if isinstance(value, Mapping) else {}
    if _MARKS["order"] <= content.keys():
        yield from _inside("", "order", content)
    for kind in _MARKS:
        if isinstance(part := content.get(kind), Mapping):
            yield from _inside(kind, kind, part)
        listed_parts = content.get(f"{kind}s")
        for at, entry in enumerate(listed_parts if isinstance(listed_parts, list) else ()):
            yield from _inside(f"{kind}s[{at}]", kind, entry if isinstance(entry, Mapping) else {})


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """Test the connection and return its steps. The test changes nothing at Shopify."""
    token = secret.partition(":")[2]
    if not token:
        words = "This connection has no token to ask Shopify with."
        hint = f"Paste the client secret, a colon, and the access token of the app at {_APPS}."
        return unusable_key_report(words, hint)
    shop = Shop(str(settings.get("base_url") or "").strip(), token, http)
    answer = shop.ask("orders.json?limit=1&status=any&fields=id")
    outcome = shop_report(_TITLE, settings, answer, lambda reply: _fault(settings, reply))
    if outcome.ok and settings.get(SETTING) == ASKED_FOR:
        answer = shop.ask("shopify_payments/payouts.json?limit=1")
        last = (_unpaid(answer) or outcome.steps[-1]).took(answer.seconds)
        return replace(outcome, steps=(*outcome.steps[:-1], last))
    return outcome


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        words = "Shopify does not accept the access token."
        hint = f"In Shopify open {_APPS}, your app, and copy its Admin API access token again."
        return Step.failed(KEY, words, hint, "key.refused")
    if answer.status == HTTPStatus.FORBIDDEN:
        words = "The app may not read orders."
        hint = f"In Shopify open {_APPS}, tick read_orders on your app, and install it again."
        return Step.failed(RIGHTS, words, hint, "key.permission")
    if answer.status == HTTPStatus.OK and listed(answer, "orders") is not None:
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        hint = "Enter the address that ends in .myshopify.com, in Shopify at Settings > Domains."
        return no_shop_step(_TITLE, settings, hint)
    return unclear_step(_TITLE, answer, "")


def _unpaid(answer: HttpAnswer | HttpFailure) -> Step | None:
    """Return the step for payouts that cannot be read; None if they can."""
    if isinstance(answer, HttpAnswer) and answer.status == HTTPStatus.OK:
        return None
    if isinstance(answer, HttpAnswer) and answer.status in KEY_REFUSED:
        words = "The app may read orders, and no payouts."
        hint = f"In Shopify open {_APPS}, tick {_PAYOUT_SCOPE} on your app, and install it again."
        return Step.failed(RIGHTS, words, hint, "key.permission")
    words = "Orders can be read; the shop shows no payouts of Shopify Payments."
    hint = "Set “Payouts” of this connection to no, where the shop does not use Shopify Payments."
    return Step(RIGHTS, None, words, hint, "key.payouts")


def begin(since: datetime) -> str:
    """Return the cursor that reads every change from this moment on, payouts included."""
    return _Cursor(since.isoformat(), paid_since=since.date().isoformat()).text()


@dataclass(frozen=True, slots=True)
class _Cursor:
    """A position in the list of changed orders, or in the list of payouts."""

    since: str
    page: str = ""
    newest: str = ""
    paid_since: str = ""
    at: str = _ORDERS
    unpaid: str = ""
    """Why payouts could not be read at the last reading."""

    def text(self) -> str:
        return json.dumps(astuple(self))

    @property
    def wrong(self) -> NoPage | None:
        """Return the last error of the payouts, for a page that reads orders meanwhile; None
        without an error.
        """
        return NoPage(words=self.unpaid) if self.unpaid else None


def page_after(
    cursor: str,
    settings: Settings,
    secret: str,
    http: Http,
    read: PageReader,
    read_payout: PageReader,
) -> Page | NoPage:
    """Return the page after a cursor.

    `read` converts an order into records, `read_payout` a payout. At the end of the orders, payouts
    follow if the connection's setting includes them.
    """
    at = _Cursor(*json.loads(cursor))
    token = secret.partition(":")[2]
    if not token:
        words = "This connection has no token to ask Shopify with."
        return NoPage(words=words, hint="Enter the key again: client secret, colon, access token.")
    shop = Shop(str(settings["base_url"]), token, http)
    if at.at == _PAYOUTS:
        return _payouts(shop, at, read_payout)
    return _orders(shop, at, read, settings.get(SETTING) == ASKED_FOR)


def _payouts(shop: Shop, at: _Cursor, read: PageReader) -> Page | NoPage:
    today = shop.http.now().date()
    since = date.fromisoformat(at.paid_since) if at.paid_since else today - PAYOUT_OVERLAP
    result = page_of(shop, since, at.page, read)
    after = _Cursor(at.since, paid_since=since.isoformat())
    if result is None:  # the orders go on; all payouts from that day on are asked for behind them
        return Page(found=(), after=after.text(), more=False)
    if isinstance(result, NoPage):
        wrong = payouts_left(result)
        after = replace(after, unpaid=wrong.words)
        return Page(found=(), after=after.text(), more=False, wrong=wrong)
    pulled_payouts, following = result
    if following:  # a later one may fail yet: until the last, nothing says that all can be read
        after = replace(at, page=following)
        return Page(found=pulled_payouts, after=after.text(), more=True, wrong=at.wrong)
    restart = again_from(today, since).isoformat()
    return Page(
        found=pulled_payouts, after=_Cursor(at.since, paid_since=restart).text(), more=False
    )


def _orders(shop: Shop, at: _Cursor, read: PageReader, payouts_too: bool) -> Page | NoPage:
    for size in SIZES:
        answer = _asked(shop, at, size)
        if not (isinstance(answer, HttpFailure) and answer.status == HTTPStatus.OK):
            break  # it answered, or not at all; what began well and broke off may be too long
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if at.page and answer.status == HTTPStatus.BAD_REQUEST:
        after = replace(at, page="", newest="")
        return Page(found=(), after=after.text(), more=True, wrong=at.wrong)
    if refusal := refused(answer):
        return refusal
    orders = listed(answer, "orders")
    if orders is None:
        words = "Shopify answered with something that is not a list of orders."
        return NoPage(words=words, hint="Compare the address of the connection with the shop's.")
    pulled_orders = [read(f"orders[{index}]", order) for index, order in enumerate(orders)]
    return _page(at, pulled_orders, orders, answer, payouts_too)


def _asked(shop: Shop, at: _Cursor, size: int) -> HttpAnswer | HttpFailure:
    query = {"limit": str(size)}
    if at.page:
        query["page_info"] = at.page
    else:
        query |= {"status": "any", "order": "updated_at asc", "updated_at_min": at.since}
    return shop.ask(f"orders.json?{urlencode(query)}")


def _page(
    at: _Cursor,
    pulled: Sequence[Pulled],
    orders: Sequence[Payload],
    answer: HttpAnswer,
    payouts_too: bool,
) -> Page:
    moments = [moment for order in orders if isinstance(moment := order.get("updated_at"), str)]
    newest = max((*moments, at.newest), key=_moment) if moments else at.newest
    following = next_page(answer)
    if following:
        after = replace(at, page=following, newest=newest)
        return Page(found=pulled, after=after.text(), more=True, wrong=at.wrong)
    last = _moment(newest) - ORDER_OVERLAP if newest else _moment(at.since)
    after = _Cursor(max(last, _moment(at.since)).isoformat(), paid_since=at.paid_since)
    if payouts_too:
        after = replace(after, at=_PAYOUTS, unpaid=at.unpaid)
        return Page(found=pulled, after=after.text(), more=True, wrong=at.wrong)
    return Page(found=pulled, after=after.text(), more=False)


def _moment(text: str) -> datetime:
    """Return a moment with a time zone; the earliest moment if the text holds none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    return moment if moment is not None and moment.tzinfo else datetime.fromisoformat(_FIRST)


def again_from(today: date, since: date) -> date:
    """Return the first day of the next payout reading: some days before today, but not before
    `since`.
    """
    return max(since, today - PAYOUT_OVERLAP)


def page_of(
    shop: Shop, since: date, page: str, read: ReadPayout
) -> tuple[list[Pulled], str] | NoPage | None:
    """Return a page of payouts from this day on and the token of the next page; blank after the
    last.

    None if Shopify no longer knows this page. A shop without payouts gives a single error in place
    of the payouts, so that its orders are still read.
    """
    filters = {"page_info": page} if page else {"date_min": since.isoformat()}
    query = urlencode({"limit": str(_SIZE), **filters})
    answer = shop.ask(f"shopify_payments/payouts.json?{query}")
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status in _WITHOUT:
        return [_without(answer.status)], ""
    if page and answer.status == HTTPStatus.BAD_REQUEST:
        return None
    if refusal := refused(answer):
        return refusal
    payouts = listed(answer, "payouts")
    if payouts is None:
        return NoPage(words="Shopify answered with something that is not a list of payouts.")
    pulled_payouts = []
    for at, payout in enumerate(payouts):
        made_of = _transactions(shop, payout)
        if isinstance(made_of, NoPage):
            return made_of
        pulled_payouts.append(read(f"payouts[{at}]", {**payout, TRANSACTIONS: made_of}))
    return pulled_payouts, next_page(answer)


def _without(status: int) -> Pulled:
    words = f"Shopify answered the question for payouts with the status {status}."
    hint = (
        "Let the app read them (read_shopify_payments_payouts), or set “Payouts” of the connection "
        "to no: only a shop with Shopify Payments has them."
    )
    error = RowError(where="payouts", value="", message=words, hint=hint)
    return Pulled(raw=dumps({"payouts": status}), errors=(error,))


def _transactions(shop: Shop, payout: Mapping[str, object]) -> list[Mapping[str, object]] | NoPage:
    """Return all balance transactions of a payout, page by page; or why they cannot be read."""
    query = urlencode({"payout_id": str(payout.get("id")), "limit": str(_MOST)})
    transactions: list[Mapping[str, object]] = []
    for _ in range(_PAGES):
        answer = shop.ask(f"shopify_payments/balance/transactions.json?{query}")
        if isinstance(answer, HttpFailure):
            return NoPage(words=answer.words)
        if refusal := refused(answer):
            return refusal
        part = listed(answer, TRANSACTIONS)
        if part is None:
            return NoPage(
                words="Shopify answered with something that is not a list of transactions."
            )
        transactions += part
        page = next_page(answer)
        if not page:
            break
        query = urlencode({"limit": str(_MOST), "page_info": page})
    return transactions


SOURCE: Source = Shopify()
