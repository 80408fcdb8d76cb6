"""Read WooCommerce orders and refunds by signed webhook, from a JSON file, or from the API."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, DecimalException
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
    RowError,
    Settings,
    Source,
    SourceRefusal,
    Step,
    schema,
)
from connectors.contract.pulls import NoPage, Page, Pulled, Withdrawn
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.calls import quote_answer
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.delivery import (
    Read,
    body_signed,
    parse_json,
    split_results,
    too_large,
    too_long_lists,
    too_many,
)
from connectors.kit.shops import payouts
from connectors.sources.woocommerce.kinds import KINDS, NAME, ORDER, REFUND
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

_HINT: Final = "Let webhooks of the topics Order created, updated, deleted and restored come here."

CONNECTION_FORM = ConnectionForm(
    title="WooCommerce",
    gives="Orders and refunds, by signed webhook, from a JSON file, or by asking the shop",
    needs="An administrator of the shop, for its webhooks and for a REST API key",
    settings=(
        schema.address_setting(
            "https://shop.example",
            "The address of the shop, so that Clearpost can ask for what webhooks missed. Blank: "
            "it only waits for webhooks.",
            required=False,
        ),
    ),
    key=KeyField(
        label="Secret and REST API key",
        hint="SECRET:ck_…:cs_…, or the secret alone where Clearpost does not ask the shop.",
        steps=(
            "Choose a secret of 8 letters and digits or more, without blanks.",
            "In WooCommerce go to Settings > Advanced > REST API and add a key that may read.",
            "Copy the two halves of the key, ck_… and cs_….",
            "Store secret and key here before the webhooks are made.",
            "In Settings > Advanced > Webhooks add Order created, updated, deleted and restored.",
            "Give each the address of this connection and the secret.",
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

Given = Mapping[str, object]

GUEST: Final = "guest"

_PRICE_PLACES: Final = Decimal("0.00000001")

_LISTS: Final = ("line_items", "shipping_lines", "fee_lines", "tax_lines", "refunds")


class WooCommerce:
    """The source `woocommerce`."""

    name = NAME
    form = CONNECTION_FORM
    kinds = KINDS
    suffixes = (".woocommerce.json",)
    headers = "x-wc-webhook"
    calls_a_minute = 60

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,  # noqa: ARG002 - nothing that WooCommerce signs names a moment of the call
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """A webhook call, or the ping that comes when a webhook is made."""
        lower = {name.lower(): value for name, value in headers.items()}
        if _is_ping(lower, raw):
            return Accepted(delivery_id="ping", records=(), ping=True)
        refused = too_large(raw) or _unproved(lower.get(SIGNATURE, ""), raw, secrets)
        if refused:
            return refused
        topic = lower.get(TOPIC, "")
        return _of_something_else(raw, topic) or _read_body(
            raw, lower[SIGNATURE], lower[SIGNATURE], zone, signed=True
        )

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """A JSON file: an order, or a list of orders as the shop's interface has them."""
        if refused := too_large(raw):
            return refused
        return _read_body(raw, "file-" + hashlib.sha256(raw).hexdigest(), "", zone, signed=False)

    def begin(self, since: datetime) -> str:
        """The cursor of a moment."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """What follows a cursor."""
        return page(cursor, settings, secret, zone, http)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Whether the shop can be asked, a step a line."""
        return report(settings, secret, http)


def _is_ping(lower: Mapping[str, str], raw: bytes) -> bool:
    """What nobody signs, and what says nothing but that a webhook was made."""
    short = raw.startswith(_PING) and len(raw) <= _LONGEST_PING
    return short and raw.removeprefix(_PING).isdigit() and SIGNATURE not in lower


def _unproved(given: str, raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
    if not given:
        words = "The header X-WC-Webhook-Signature is missing."
        return SourceRefusal(401, "not_signed", words, "Let WooCommerce send the webhook.")
    if body_signed(raw, given, [hook_secret(one) for one in secrets]):
        return None
    words = "The signature does not match the body."
    hint = "Give the webhook in WooCommerce the secret that the key of this connection begins with."
    return SourceRefusal(401, "bad_signature", words, hint)


def _of_something_else(raw: bytes, topic: str) -> SourceRefusal | None:
    """Why a deletion is not taken: its body is an id alone, which a customer may have, too. The
    topic is not signed; it can only keep a deletion out.
    """
    value = parse_json(raw)
    if not topic or topic.startswith(_ORDERS) or not isinstance(value, Mapping):
        return None
    if not _is_gone(value):
        return None
    words = f"The delivery says that something else was deleted ({topic[:50]}), and no order."
    return SourceRefusal(422, "no_order", words, _HINT)


def _is_gone(value: Given) -> bool:
    """The webhook of a deleted order has nothing but its id."""
    key = value.get("id")
    return value.keys() == {"id"} and isinstance(key, int) and not isinstance(key, bool)


def _read_body(
    raw: bytes, delivery_id: str, signature: str, zone: ZoneInfo, *, signed: bool
) -> Accepted | SourceRefusal:
    value = parse_json(raw)
    if isinstance(value, SourceRefusal):
        return value
    if signed and isinstance(value, Mapping) and _is_gone(value):
        gone = (Withdrawn(kind="order", external_id=str(value["id"]), status=TRASH),)
        return Accepted(delivery_id=delivery_id, signature=signature, records=(), withdrawn=gone)
    orders = value if isinstance(value, list) and not signed else [value]
    if refused := too_many(orders):
        return refused
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for at, one in enumerate(orders):
        if not isinstance(one, Mapping) or not one.keys() >= _MARKS:
            return SourceRefusal(422, "no_order", _no_order(one), _HINT)
        place = f"orders[{at}]" if len(orders) > 1 else "order"
        told, bad = _records(place, one, zone)
        records += told
        errors += bad
    return Accepted(
        delivery_id=delivery_id,
        signature=signature,
        records=tuple(records),
        errors=tuple(errors),
    )


def _no_order(value: object) -> str:
    """What came instead, where its words tell."""
    given = value.keys() if isinstance(value, Mapping) else set()
    for mark, what in (
        ("discount_type", "a coupon"),
        ("regular_price", "a product"),
        ("is_paying_customer", "a customer"),
    ):
        if mark in given:
            return f"The delivery holds {what}, and no order."
    return "The delivery holds no order."


def _records(
    place: str, order: Given, zone: ZoneInfo
) -> tuple[Sequence[IncomingRecord], Sequence[RowError]]:
    long = too_long_lists(place, order)
    return ((), long) if long else records_of(place, order, zone)


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there."""
    headers = identity(secret)
    if headers is None:
        words = "The key does not say how to ask the shop."
        hint = f"Give it as {KEY_FORMAT}; WooCommerce makes the last two at {_KEYS}."
        return payouts.unusable_key_report(words, hint)
    url = f"{root_of(settings)}{PATH}?per_page=1"
    answer = http.request("GET", url, headers=headers)
    return payouts.shop_report(_TITLE, settings, answer, lambda told: _fault(settings, told))


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = loads(answer.body)
    given = told if isinstance(told, Mapping) and not isinstance(told, JsonRefusal) else {}
    said = str(given.get("message") or "")[:200]
    if answer.status in KEY_REFUSED:
        forbidden = _NO_RIGHT in said or answer.status == HTTPStatus.FORBIDDEN
        return _no_right(answer, said) if forbidden else _no_key(answer, said)
    if answer.status == HTTPStatus.OK and isinstance(told, list):
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        hint = "In WordPress open Settings > General, and enter the Site Address that stands there."
        return payouts.no_shop_step(_TITLE, settings, hint)
    return payouts.unclear_step(_TITLE, answer, said)


def _no_right(answer: HttpAnswer, said: str) -> Step:
    told = quote_answer(_TITLE, answer.status, said)
    words = f"The key may not read orders. {told}"
    hint = (
        f"In WooCommerce open {_KEYS}, edit the key and set Permissions to Read; its user has to be"
        " a shop manager or an administrator."
    )
    return Step.failed(payouts.RIGHTS, words, hint, "key.permission")


def _no_key(answer: HttpAnswer, said: str) -> Step:
    told = quote_answer(_TITLE, answer.status, said)
    words = f"WooCommerce does not accept the REST API key. {told}"
    hint = f"In WooCommerce open {_KEYS}, add a key, and paste both of its halves here."
    return Step.failed(payouts.KEY, words, hint, "key.refused")


def hook_secret(key: str) -> str:
    """The part of a connection's key that signs webhooks."""
    found = _KEY.fullmatch(key.strip())
    return found["hook"] if found else key.strip()


def identity(key: str) -> dict[str, str] | None:
    """The headers that ask with a connection's key; None where it has no part to ask with."""
    found = _KEY.fullmatch(key.strip())
    if found is None:
        return None
    who = base64.b64encode(f"{found['consumer']}:{found['secret']}".encode()).decode()
    return {"Authorization": f"Basic {who}", "Accept": "application/json"}


def root_of(settings: Settings) -> str:
    """The address of the shop, without a slash at its end."""
    return str(settings.get("base_url") or "").strip().rstrip("/")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where this reading of each list began and how far it came, which list is read now, and the
    page among equal moments.
    """

    began: tuple[datetime, ...]
    moments: tuple[datetime, ...]
    at: int = 0
    page: int = 1

    def __str__(self) -> str:
        told = (one.astimezone(UTC).strftime(_WRITTEN) for one in (*self.began, *self.moments))
        return f"{' '.join(told)} {self.at} {self.page}"

    @staticmethod
    def of(text: str) -> "Cursor":
        """The cursor behind its text."""
        *told, at, page = text.split()
        moments = tuple(datetime.strptime(one, _WRITTEN).replace(tzinfo=UTC) for one in told)
        return Cursor(moments[: len(LISTS)], moments[len(LISTS) :], int(at), int(page))


def begin(since: datetime) -> str:
    """From this moment on."""
    moments = (since.replace(microsecond=0),) * len(LISTS)
    return str(Cursor(moments, moments))


def page(cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """What follows a cursor."""
    place, headers = Cursor.of(cursor), identity(secret)
    if headers is None:
        words = "The key does not say how to ask the shop."
        return NoPage(words=words, hint=f"Give it as {KEY_FORMAT}, the webhook's secret first.")
    asked = {
        "modified_after": (place.moments[place.at] - SECOND).strftime(_WRITTEN),
        "dates_are_gmt": "true",
        "orderby": "modified",
        "order": "asc",
        "status": LISTS[place.at],
        "per_page": str(PAGE),
        "page": str(place.page),
    }
    answer = http.request("GET", f"{root_of(settings)}{PATH}?{urlencode(asked)}", headers=headers)
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status != 200:
        return _refused(answer.status, answer.body, retry_after(answer.headers, http.now()))
    orders = loads(answer.body)
    if not isinstance(orders, list):
        words = "The shop answered something that is not a list of orders."
        hint = "Is the address that of the shop, without a path behind it?"
        return NoPage(words=words, hint=hint)
    found = [_pulled(f"orders[{at}]", one, zone) for at, one in enumerate(orders)]
    after, more = _after(place, orders)
    return Page(found=found, after=str(after), more=more)


def _refused(status: int, body: bytes, pause: float | None) -> NoPage:
    told = loads(body)
    given = told if isinstance(told, Mapping) and not isinstance(told, JsonRefusal) else {}
    said = str(given.get("message") or "no reason given")[:200]
    words = f"The shop answered {status}: {said}"
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


def _after(place: Cursor, orders: Sequence[object]) -> tuple[Cursor, bool]:
    """Where to go on, and whether at once. The next reading begins a little before the newest order
    that this one saw, but never before where this one began.
    """
    here = place.moments[place.at]
    newest = max([here, *(moment for one in orders if (moment := _modified(one)))])
    came = tuple(newest if n == place.at else one for n, one in enumerate(place.moments))
    if len(orders) >= PAGE:
        page = 1 if newest > here else place.page + 1
        return replace(place, moments=came, page=page), True
    if place.at + 1 < len(LISTS):
        return replace(place, moments=came, at=place.at + 1, page=1), True
    again = tuple(max(began, far - OVERLAP) for began, far in zip(place.began, came, strict=True))
    return Cursor(again, again), False


def _modified(order: object) -> datetime | None:
    told = order.get("date_modified_gmt") if isinstance(order, Mapping) else None
    try:
        return datetime.fromisoformat(str(told)).replace(tzinfo=UTC)
    except ValueError:
        return None


def records_of(
    place: str, order: Given, zone: ZoneInfo
) -> tuple[tuple[IncomingRecord, ...], tuple[RowError, ...]]:
    """The order and its refunds, and what is wrong with any of them."""
    errors = _no_lists(place, order)
    if errors:
        return (), errors
    first = _order(place, order, zone)
    found = [first, *(_as_of(first, one) for one in _refunds(place, order, zone))]
    records, wrong = split_results(found)
    return ((), wrong) if wrong else (records, ())


def _no_lists(place: str, order: Given) -> tuple[RowError, ...]:
    errors = []
    for name in _LISTS:
        given = order.get(name, [])
        if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
            where = f"{place}.{name}"
            errors.append(wrong(where, given, "This is not a list of objects.", "Send one."))
    if "line_items" not in order:
        where = f"{place}.line_items"
        errors.append(wrong(where, "", "The order has no lines.", "Send the whole order."))
    return tuple(errors)


def _order(place: str, order: Given, zone: ZoneInfo) -> Read:
    billing = order.get("billing")
    head = _cells(
        place, order, ORDER.fields, {"number", "status", "currency", "total", "discount_total"}
    )
    head |= {
        "order_id": Cell(f"{place}.id", order.get("id")),
        "ordered_on": _day(place, order, zone),
        "paid_at": _moment(place, order, "date_paid"),
        "updated_at": _moment(place, order, "date_modified"),
        "channel": Cell(f"{place}.payment_method", order.get("payment_method")),
        "tax_total": Cell(f"{place}.total_tax", order.get("total_tax")),
        "subtotal": Cell(f"{place}.total", _less(order.get("total"), order.get("total_tax"))),
        "refunded_total": Cell(f"{place}.refunds", _given_back(_maps(order, "refunds"))),
        **_buyer(place, order, billing if isinstance(billing, Mapping) else {}),
    }
    lines = list(_lines(place, order))
    return _read_kind(ORDER, RawRecord(Cell(f"{place}.id", order.get("id")), head, lines), zone)


def _cells(
    place: str, given: Given, fields: Sequence[FieldSchema], names: set[str]
) -> dict[str, Cell]:
    return {f.name: Cell(f"{place}.{f.name}", given.get(f.name)) for f in fields if f.name in names}


def _day(place: str, order: Given, zone: ZoneInfo) -> Cell:
    """The shop's day: WooCommerce tells the moment in UTC, without its zone."""
    cell = _moment(place, order, "date_created")
    try:
        when = datetime.fromisoformat(str(cell.value))
        return Cell(cell.where, when.astimezone(zone).date().isoformat())
    except (ValueError, OverflowError):
        return cell


def _moment(place: str, order: Given, name: str) -> Cell:
    where, told = f"{place}.{name}_gmt", order.get(f"{name}_gmt")
    if not isinstance(told, str) or not told:
        return Cell(where, told)
    try:
        when = datetime.fromisoformat(told)
    except ValueError:
        return Cell(where, told)
    return Cell(where, when.replace(tzinfo=UTC).isoformat() if when.tzinfo is None else told)


def _less(amount: object, other: object) -> object:
    first, second = _number(amount), _number(other)
    if first is None or second is None:
        return amount if first is None else other
    return first - second


def _number(value: object) -> Decimal | None:
    """An amount, given as text or as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        found = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
    except DecimalException:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 18 else None


def _given_back(refunds: Sequence[Given]) -> object:
    """The sum of refunds, which are told as negative amounts; the first that is no number."""
    total = Decimal()
    for one in refunds:
        told = _number(one.get("total"))
        if told is None:
            return one.get("total")
        total -= told
    return total


def _maps(given: Given, name: str) -> list[Given]:
    found = given.get(name)
    many = found if isinstance(found, list) else []
    return [one for one in many if isinstance(one, Mapping)]


def _buyer(place: str, order: Given, billing: Given) -> dict[str, Cell]:
    inside, who = f"{place}.billing", order.get("customer_id")
    names = [_text(billing, word) for word in ("first_name", "last_name")]
    person = " ".join(name for name in names if name)
    town = " ".join(t for t in (_text(billing, "postcode"), _text(billing, "city")) if t)
    lines = [_text(billing, word) for word in ("address_1", "address_2")]
    parts = [*lines, town, _text(billing, "state"), _text(billing, "country")]
    return {
        "customer": Cell(f"{place}.customer_id", GUEST if who in (0, "0", None, "") else who),
        "customer_name": Cell(f"{inside}.company", _text(billing, "company") or person),
        "email": Cell(f"{inside}.email", billing.get("email")),
        "phone": Cell(f"{inside}.phone", billing.get("phone")),
        "address": Cell(inside, ", ".join(part for part in parts if part)),
    }


def _text(given: Given, name: str) -> str:
    value = given.get(name)
    return value.strip() if isinstance(value, str) else ""


def _lines(place: str, order: Given) -> Iterator[dict[str, Cell]]:
    """Goods first, then shipping and fees that cost something."""
    codes = {str(one.get("rate_id")): one.get("rate_code") for one in _maps(order, "tax_lines")}
    pos = 0
    for name, part in (
        ("line_items", "goods"),
        ("shipping_lines", "shipping"),
        ("fee_lines", "fee"),
    ):
        for at, line in enumerate(_maps(order, name)):
            if part == "goods" or not _costs_nothing(line):
                pos += 1
                yield _line(f"{place}.{name}[{at}]", pos, part, line, codes)


def _costs_nothing(line: Given) -> bool:
    told = (line.get("total"), line.get("total_tax", "0"))
    return all(_number(one) == 0 for one in told)


def _line(
    inside: str, pos: int, part: str, line: Given, codes: Mapping[str, object]
) -> dict[str, Cell]:
    goods = part == "goods"
    total = line.get("total")
    before = line.get("subtotal", total) if goods else total
    quantity = line.get("quantity") if goods else 1
    name = "method_title" if part == "shipping" else "name"
    product = line.get("variation_id") or line.get("product_id")
    return {
        "pos": Cell(inside, pos),
        "line_id": Cell(f"{inside}.id", line.get("id")),
        "part": Cell(inside, part),
        "sku": Cell(f"{inside}.sku", line.get("sku") if goods else part.upper()),
        "variant_id": Cell(f"{inside}.product_id", product if goods else None),
        "name": Cell(f"{inside}.{name}", line.get(name)),
        "qty": Cell(f"{inside}.quantity", quantity),
        "price": Cell(f"{inside}.subtotal", _each(before, quantity)),
        "discount": Cell(f"{inside}.total", _less(before, total)),
        "amount": Cell(f"{inside}.total", total),
        "tax": Cell(f"{inside}.taxes", _tax(line, codes)),
        "tax_amount": Cell(f"{inside}.total_tax", line.get("total_tax")),
    }


def _each(amount: object, quantity: object) -> object:
    """The price of a piece; what is no number is left to be found wrong."""
    told, pieces = _number(amount), _number(quantity)
    if told is None or not pieces:
        return amount
    try:
        return (told / pieces).quantize(_PRICE_PLACES)
    except DecimalException:
        return amount


def _tax(line: Given, codes: Mapping[str, object]) -> str:
    """The codes of the rates that were charged; without any `none`, with the class that is not the
    standard one.
    """
    charged = [one for one in _maps(line, "taxes") if _number(one.get("total"))]
    found = [str(codes.get(str(one.get("id"))) or f"rate {one.get('id')}") for one in charged]
    if found:
        return "+".join(sorted(found))
    return " ".join(word for word in ("none", _text(line, "tax_class")) if word)


def _read_kind(kind: KindSchema, raw: RawRecord, zone: ZoneInfo) -> Read:
    return canonical(kind, raw, zone)


def _as_of(order: Read, refund: Read) -> Read:
    """The refund as its order had it: it has no moment of its own, and a delivery may come late."""
    if isinstance(order, IncomingRecord) and isinstance(refund, IncomingRecord):
        return replace(refund, stamp=order.stamp)
    return refund


def _refunds(place: str, order: Given, zone: ZoneInfo) -> Iterator[Read]:
    billing = order.get("billing")
    buyer = _buyer(place, order, billing if isinstance(billing, Mapping) else {})
    for at, refund in enumerate(_maps(order, "refunds")):
        inside, key = f"{place}.refunds[{at}]", refund.get("id")
        number = f"R-{key}" if key not in (None, "") else None
        head = {
            "number": Cell(f"{inside}.id", number),
            "status": Cell(inside, "refunded"),
            "order_id": Cell(f"{place}.id", order.get("id")),
            "order_number": Cell(f"{place}.number", order.get("number")),
            "currency": Cell(f"{place}.currency", order.get("currency")),
            "reason": Cell(f"{inside}.reason", refund.get("reason")),
            "restock": Cell(inside, "unknown"),
            "total": Cell(f"{inside}.total", _less("0", refund.get("total"))),
            "customer": buyer["customer"],
            "customer_name": buyer["customer_name"],
        }
        yield _read_kind(REFUND, RawRecord(Cell(f"{inside}.id", key), head, ()), zone)


def wrong(where: str, value: object, message: str, hint: str) -> RowError:
    """An error at a place of the delivery."""
    shown = value if isinstance(value, str) else ""
    return RowError(where=where, value=shown[:200], message=message, hint=hint)


SOURCE: Source = WooCommerce()
