"""Read WooCommerce orders and refunds by signed webhook, from a JSON file, or from the API."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from connectors.contract import (
    Accepted,
    ConnectionForm,
    ConnectionReport,
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
from connectors.kit.calls import quote_answer
from connectors.kit.delivery import (
    body_signed,
    parse_json,
    too_large,
    too_many,
)
from connectors.kit.shops import payouts
from connectors.sources.woocommerce.kinds import KINDS, NAME, REFUND
from connectors.sources.woocommerce.orders import Given, records_of, wrong
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Http,
    HttpAnswer,
    HttpFailure,
    retry_after,
)
from connectors.transport.strict_json import JsonRefusal, dumps, loads

SIGNATURE: Final = "x-wc-webhook-signature"

TOPIC: Final = "x-wc-webhook-topic"

_ORDERS: Final = "order."

_PING: Final = b"webhook_id="

_LONGEST_PING: Final = 64

_MARKS: Final = {"line_items", "status"}

_SUBSCRIPTION: Final = "billing_interval"

_HINT: Final = "Let webhooks of the topics Order created, updated, deleted and restored come here."

CONNECTION_FORM = ConnectionForm(
    title="WooCommerce",
    gives="Orders and refunds, by signed webhook, from a JSON file, or read from the shop",
    needs="An administrator of the shop, for its webhooks and for a REST API key",
    settings=(
        schema.store_setting(
            "https://shop.example",
            "The address of the shop, so that Clearpost can read what webhooks missed. Blank: "
            "it only waits for webhooks.",
        ),
    ),
    key=KeyField(
        label="Secret and REST API key",
        hint="SECRET:ck_…:cs_…, or the secret alone where Clearpost does not ask the shop.",
        parts=(
            KeyPart(
                name="webhook_secret",
                label="Webhook secret",
                hint="Blank: the consumer secret, which WooCommerce uses as well where a webhook "
                "has none.",
                optional=True,
                otherwise="consumer_secret",
            ),
            KeyPart(
                name="consumer_key",
                label="Consumer key",
                hint="It begins with ck_. Blank where Clearpost only waits for webhooks.",
                optional=True,
            ),
            KeyPart(
                name="consumer_secret",
                label="Consumer secret",
                hint="It begins with cs_.",
                optional=True,
                needed_with="consumer_key",
            ),
        ),
        steps=(
            "In WooCommerce go to Settings > Advanced > REST API and add a key that may read.",
            "Copy its consumer key, ck_…, and its consumer secret, cs_….",
            "Choose a webhook secret of 8 letters and digits or more, or leave it blank.",
            "Store them here before the webhooks are made.",
            "In Settings > Advanced > Webhooks add Order created, updated, deleted and restored.",
            "Give each the address of this connection and the webhook secret.",
        ),
    ),
)

_TITLE: Final = "WooCommerce"

_KEYS: Final = "Settings > Advanced > REST API"

_NO_RIGHT: Final = "read permission"
"""WooCommerce refuses a key that may only write with the status of a wrong one, and these words."""

PATH: Final = "/wp-json/wc/v3/orders"

PAGE: Final = 50
"""Orders a page: a hundred large ones could be more than one answer may have."""

OVERLAP: Final = timedelta(minutes=10)

SECOND: Final = timedelta(seconds=1)

TRASH: Final = "trash"

LISTS: Final = ("any", TRASH)

KEY_FORMAT: Final = "SECRET:ck_…:cs_…"

_KEY = re.compile(r"(?P<hook>.*):(?P<consumer>ck_[^:]+):(?P<secret>cs_[^:]+)", re.DOTALL)

_WRITTEN: Final = "%Y-%m-%dT%H:%M:%S"

REFUNDS_A_CALL: Final = 100
"""The most that a list of WooCommerce shows at once."""


class WooCommerce:
    """The source `woocommerce`."""

    name = NAME
    form = CONNECTION_FORM
    kinds = KINDS
    suffixes = (".woocommerce.json",)
    headers = "x-wc-webhook"
    calls_a_minute = 60
    lists_back = None

    def __init__(self, *, asks: bool = False) -> None:
        self._asks = asks

    def bound(self, settings: Settings, address: str) -> "WooCommerce":  # noqa: ARG002
        """Return the source for one connection; with a shop address it also reads from the shop."""
        return WooCommerce(asks=bool(root_of(settings)))

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,  # noqa: ARG002 - nothing that WooCommerce signs names a moment of the call
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Read a webhook call, or the ping that comes when a webhook is created."""
        lower = {name.lower(): value for name, value in headers.items()}
        if _is_ping(lower, raw):
            return Accepted(delivery_id="ping", records=(), ping=True)
        refused = too_large(raw) or _signature_refusal(lower.get(SIGNATURE, ""), raw, secrets)
        if refused:
            return refused
        topic = lower.get(TOPIC, "")
        # WooCommerce's delivery id is shared by all orders that change in one second; the signature
        # is not.
        read = _foreign_deletion_refusal(raw, topic) or _read_body(
            raw, lower[SIGNATURE], lower[SIGNATURE], zone, signed=True
        )
        asks = self._asks and any(identity(secret) for secret in secrets)
        return _without_refunds(read) if asks and isinstance(read, Accepted) else read

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Read a JSON file: an order, or a list of orders in the format of the shop's interface."""
        if refused := too_large(raw):
            return refused
        return _read_body(raw, "file-" + hashlib.sha256(raw).hexdigest(), "", zone, signed=False)

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:  # noqa: ARG002
        """Return the record kinds for which a pull lists every change since its start time."""
        return ("order", "refund")

    def begin(self, since: datetime) -> str:
        """Return the cursor of a moment."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Return the page that follows a cursor."""
        return page(cursor, settings, secret, zone, http)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Test step by step whether the shop can be read."""
        return report(settings, secret, http)


def _without_refunds(read: Accepted) -> Accepted:
    """Return the delivery without refunds, marked for an immediate read of the shop.

    A webhook has only their amounts, and the shop's list has their lines.
    """
    orders = tuple(record for record in read.records if record.kind != REFUND.kind)
    return replace(read, records=orders, changed=len(orders) < len(read.records))


def _is_ping(lower: Mapping[str, str], raw: bytes) -> bool:
    """Check whether the body is the unsigned ping that only reports a new webhook."""
    short = raw.startswith(_PING) and len(raw) <= _LONGEST_PING
    return short and raw.removeprefix(_PING).isdigit() and SIGNATURE not in lower


def _signature_refusal(signature: str, raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
    if not signature:
        words = "The header X-WC-Webhook-Signature is missing."
        return SourceRefusal(401, "not_signed", words, "Let WooCommerce send the webhook.")
    if body_signed(raw, signature, [hook_secret(key) for key in secrets]):
        return None
    words = "The signature does not match the body."
    hint = "Give the webhook in WooCommerce the secret that the key of this connection begins with."
    return SourceRefusal(401, "bad_signature", words, hint)


def _foreign_deletion_refusal(raw: bytes, topic: str) -> SourceRefusal | None:
    """Return why a deletion is refused: its body is only an id, which a customer may have as well.

    The topic is not signed; it can only keep a deletion out.
    """
    value = parse_json(raw)
    if not topic or topic.startswith(_ORDERS) or not isinstance(value, Mapping):
        return None
    if not _is_deletion(value):
        return None
    words = f"The delivery says that something else was deleted ({topic[:50]}), and no order."
    return SourceRefusal(422, "no_order", words, _HINT)


def _is_deletion(value: Given) -> bool:
    """Check whether the body reports a deleted order, which has nothing but its id."""
    key = value.get("id")
    return value.keys() == {"id"} and isinstance(key, int) and not isinstance(key, bool)


def _read_body(
    raw: bytes, delivery_id: str, signature: str, zone: ZoneInfo, *, signed: bool
) -> Accepted | SourceRefusal:
    value = parse_json(raw)
    if isinstance(value, SourceRefusal):
        return value
    if signed and isinstance(value, Mapping) and _is_deletion(value):
        withdrawn = (Withdrawn(kind="order", external_id=str(value["id"]), status=TRASH),)
        return Accepted(
            delivery_id=delivery_id, signature=signature, records=(), withdrawn=withdrawn
        )
    orders = value if isinstance(value, list) and not signed else [value]
    if refused := too_many(orders):
        return refused
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for index, order in enumerate(orders):
        if not isinstance(order, Mapping) or not _is_order(order):
            return SourceRefusal(422, "no_order", _name_other_object(order), _HINT)
        place = f"orders[{index}]" if len(orders) > 1 else "order"
        order_records, order_errors = records_of(place, order, zone)
        records += order_records
        errors += order_errors
    return Accepted(
        delivery_id=delivery_id,
        signature=signature,
        records=tuple(records),
        errors=tuple(errors),
    )


def _is_order(value: Given) -> bool:
    """Check whether a body is an order.

    A subscription has the order's fields and more: each of its payments is an order of its own
    (WooCommerce Subscriptions, REST API).
    """
    return value.keys() >= _MARKS and _SUBSCRIPTION not in value


def _name_other_object(value: object) -> str:
    """Return a sentence that names the received object if its fields reveal it."""
    names = value.keys() if isinstance(value, Mapping) else set()
    for mark, object_name in (
        (_SUBSCRIPTION, "a subscription"),
        ("discount_type", "a coupon"),
        ("regular_price", "a product"),
        ("is_paying_customer", "a customer"),
    ):
        if mark in names:
            return f"The delivery holds {object_name}, and no order."
    return "The delivery holds no order."


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """Return the steps of a read-only test."""
    headers = identity(secret)
    if headers is None:
        words = "The key does not say how to ask the shop."
        hint = f"Give it as {KEY_FORMAT}; WooCommerce makes the last two at {_KEYS}."
        return payouts.unusable_key_report(words, hint)
    url = f"{root_of(settings)}{PATH}?per_page=1"
    answer = http.request("GET", url, headers=headers)
    return payouts.shop_report(
        _TITLE, settings, answer, lambda http_answer: _find_fault(settings, http_answer)
    )


def _find_fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    body = loads(answer.body)
    fields = body if isinstance(body, Mapping) and not isinstance(body, JsonRefusal) else {}
    message = str(fields.get("message") or "")[:200]
    if answer.status in KEY_REFUSED:
        forbidden = _NO_RIGHT in message or answer.status == HTTPStatus.FORBIDDEN
        return _no_right(answer, message) if forbidden else _no_key(answer, message)
    if answer.status == HTTPStatus.OK and isinstance(body, list):
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        hint = "In WordPress open Settings > General, and enter the Site Address that stands there."
        return payouts.no_shop_step(_TITLE, settings, hint)
    return payouts.unclear_step(_TITLE, answer, message)


def _no_right(answer: HttpAnswer, message: str) -> Step:
    quoted = quote_answer(_TITLE, answer.status, message)
    words = f"The key may not read orders. {quoted}"
    hint = (
        f"In WooCommerce open {_KEYS}, edit the key and set Permissions to Read; its user has to be"
        " a shop manager or an administrator."
    )
    return Step.failed(payouts.RIGHTS, words, hint, "key.permission")


def _no_key(answer: HttpAnswer, message: str) -> Step:
    quoted = quote_answer(_TITLE, answer.status, message)
    words = f"WooCommerce does not accept the REST API key. {quoted}"
    hint = f"In WooCommerce open {_KEYS}, add a key, and paste both of its halves here."
    return Step.failed(payouts.KEY, words, hint, "key.refused")


def hook_secret(key: str) -> str:
    """Return the part of a connection's key that signs webhooks."""
    parts = _KEY.fullmatch(key.strip())
    return parts["hook"] if parts else key.strip()


def identity(key: str) -> dict[str, str] | None:
    """Return the request headers for a connection's key; None if it has no REST API key."""
    parts = _KEY.fullmatch(key.strip())
    if parts is None:
        return None
    credentials = base64.b64encode(f"{parts['consumer']}:{parts['secret']}".encode()).decode()
    return {"Authorization": f"Basic {credentials}", "Accept": "application/json"}


def root_of(settings: Settings) -> str:
    """Return the address of the shop without a trailing slash."""
    return str(settings.get("base_url") or "").strip().rstrip("/")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position of a pull.

    `began` and `moments` are where the pull of each list began and how far it came, `at` is the
    current list, and `page` is the page among equal moments.
    """

    began: tuple[datetime, ...]
    moments: tuple[datetime, ...]
    at: int = 0
    page: int = 1

    def __str__(self) -> str:
        texts = (
            moment.astimezone(UTC).strftime(_WRITTEN) for moment in (*self.began, *self.moments)
        )
        return f"{' '.join(texts)} {self.at} {self.page}"

    @staticmethod
    def of(text: str) -> "Cursor":
        """Parse the text of a cursor."""
        *texts, list_index, page = text.split()
        moments = tuple(
            datetime.strptime(moment_text, _WRITTEN).replace(tzinfo=UTC) for moment_text in texts
        )
        return Cursor(moments[: len(LISTS)], moments[len(LISTS) :], int(list_index), int(page))


def begin(since: datetime) -> str:
    """Return the cursor from this moment on."""
    moments = (since.replace(microsecond=0),) * len(LISTS)
    return str(Cursor(moments, moments))


def page(cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """Return the page that follows a cursor."""
    position, headers = Cursor.of(cursor), identity(secret)
    if headers is None:
        words = "The key does not say how to ask the shop."
        return NoPage(words=words, hint=f"Give it as {KEY_FORMAT}, the webhook's secret first.")
    query = {
        "modified_after": (position.moments[position.at] - SECOND).strftime(_WRITTEN),
        "dates_are_gmt": "true",
        "orderby": "modified",
        "order": "asc",
        "status": LISTS[position.at],
        "per_page": str(PAGE),
        "page": str(position.page),
    }
    answer = http.request("GET", f"{root_of(settings)}{PATH}?{urlencode(query)}", headers=headers)
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status != 200:
        return _read_refusal(answer.status, answer.body, retry_after(answer.headers, http.now()))
    orders = loads(answer.body, keep_odd=True)
    if not isinstance(orders, list):
        words = "The shop answered something that is not a list of orders."
        hint = "Is the address that of the shop, without a path behind it?"
        return NoPage(words=words, hint=hint)
    pulled: list[Pulled] = []
    for index, order in enumerate(orders):
        complete_order = _with_refunds(order, root_of(settings), headers, http)
        if isinstance(complete_order, NoPage):
            return complete_order
        pulled.append(_pulled(f"orders[{index}]", complete_order, zone))
    after, more = _next_cursor(position, orders)
    return Page(found=pulled, after=str(after), more=more)


def _with_refunds(
    order: object, root: str, headers: Mapping[str, str], http: Http
) -> object | NoPage:
    """Return an order with the lines of its refunds, as the shop lists them.

    An order without refunds is unchanged. A refund that the list lacks keeps the order's own data.
    """
    if not isinstance(order, Mapping) or not order.get("refunds"):
        return order
    listed = _listed_refunds(f"{root}{PATH}/{order.get('id')}/refunds", headers, http)
    order_refunds = order["refunds"]
    if isinstance(listed, NoPage) or not isinstance(order_refunds, list):
        return listed if isinstance(listed, NoPage) else order
    listed_by_id = {
        str(refund.get("id")): refund for refund in listed if isinstance(refund, Mapping)
    }
    refunds = [
        {**refund, **listed_by_id.get(str(refund.get("id")), {})}
        if isinstance(refund, Mapping)
        else refund
        for refund in order_refunds
    ]
    return {**order, "refunds": refunds}


def _listed_refunds(url: str, headers: Mapping[str, str], http: Http) -> Sequence[object] | NoPage:
    """Return the refunds of an order; none where the shop has no such list, or no such order."""
    answer = http.request("GET", f"{url}?per_page={REFUNDS_A_CALL}", headers=headers)
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status == HTTPStatus.NOT_FOUND:
        return ()
    if answer.status != HTTPStatus.OK:
        return _read_refusal(answer.status, answer.body, retry_after(answer.headers, http.now()))
    refunds = loads(answer.body, keep_odd=True)
    return refunds if isinstance(refunds, list) else ()


def _read_refusal(status: int, body: bytes, pause: float | None) -> NoPage:
    content = loads(body)
    fields = (
        content if isinstance(content, Mapping) and not isinstance(content, JsonRefusal) else {}
    )
    message = str(fields.get("message") or "no reason given")[:200]
    words = f"The shop answered {status}: {message}"
    if status in KEY_REFUSED:
        hint = "Make a key with read access in WooCommerce > Settings > Advanced > REST API."
        return NoPage(words=words, hint=hint)
    if status == TOO_MANY:
        return NoPage(words=words, pause=pause if pause is not None else 60.0)
    hint = "Is the address that of the shop?" if status == 404 else ""
    return NoPage(words=words, hint=hint, pause=pause)


def _pulled(place: str, order: object, zone: ZoneInfo) -> Pulled:
    if not isinstance(order, Mapping):
        hint = "Ask who looks after the shop."
        return Pulled(
            raw=dumps(order), errors=(wrong(place, order, "This is not an order.", hint),)
        )
    records, errors = records_of(place, order, zone)
    return Pulled(raw=dumps(order), records=records, errors=errors)


def _next_cursor(position: Cursor, orders: Sequence[object]) -> tuple[Cursor, bool]:
    """Return the next cursor, and whether to continue at once.

    The next pull begins a little before the newest order of this pull, but never before this pull
    began.
    """
    previous = position.moments[position.at]
    newest = max([previous, *(moment for order in orders if (moment := _modified(order)))])
    moments = tuple(
        newest if i == position.at else moment for i, moment in enumerate(position.moments)
    )
    if len(orders) >= PAGE:
        page = 1 if newest > previous else position.page + 1
        return replace(position, moments=moments, page=page), True
    if position.at + 1 < len(LISTS):
        return replace(position, moments=moments, at=position.at + 1, page=1), True
    start = tuple(
        max(began, far - OVERLAP) for began, far in zip(position.began, moments, strict=True)
    )
    return Cursor(start, start), False


def _modified(order: object) -> datetime | None:
    text = order.get("date_modified_gmt") if isinstance(order, Mapping) else None
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    except ValueError:
        return None


SOURCE: Source = WooCommerce()
