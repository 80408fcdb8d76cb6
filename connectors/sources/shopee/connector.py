"""Read Shopee orders, returns and payouts; a signed webhook triggers a read."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar, Final
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
    Setting,
    Settings,
    Source,
    SourceRefusal,
    Step,
    schema,
)
from connectors.contract.pulls import NoPage, Page, Pulled, not_in_source
from connectors.contract.targets import Renewed
from connectors.kit.calls import grant_of, quote_answer, secret_in, token_is_due, token_may_be_over
from connectors.kit.canonical_record import Cell, RawRecord, read_record
from connectors.kit.delivery import (
    Read,
    accepted_delivery,
    parse_json,
    read_short,
    too_large,
    too_many,
)
from connectors.kit.shops import payouts
from connectors.kit.shops.payouts import payouts_left
from connectors.sources.shopee import calls
from connectors.sources.shopee.calls import Shop, shop_of
from connectors.sources.shopee.orders import (
    INCOME,
    KINDS,
    NAME,
    ORDER,
    RETURN_WORDS,
    RETURNS_OF_ORDER,
    STATUS_WORDS,
    Part,
    income_of,
    order_of,
    payouts_of,
    refund_of,
)
from connectors.sources.shopee.orders import Given as OrderPayload
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer
from connectors.transport.strict_json import dumps

SIGNATURE: Final = "authorization"

TEST: Final = 0
"""The code of the webhook that tries a new address."""

SPEAKS_OF: Final = ("ordersn", "order_sn", "return_sn")

FORM = ConnectionForm(
    title="Shopee",
    marketplace=True,
    gives="Orders, returns and payouts, read from the shop; a signed webhook triggers an immediate "
    "read",
    needs="An app of your own at open.shopee.com that the shop has authorized",
    settings=(
        schema.address_setting(
            "https://partner.shopeemobile.com",
            "The address of Shopee's interface. Its test shops have another one.",
        ),
        Setting(
            name="partner_id",
            label="Partner ID",
            hint="The number of your app, on its page at open.shopee.com.",
            example="2001234",
            required=True,
        ),
        Setting(
            name="shop_id",
            label="Shop ID",
            hint="The number of the shop. It stands in the address that authorizing leads to.",
            example="88",
            required=True,
        ),
        Setting(
            name=calls.SETTING,
            label="Payouts",
            hint="Whether what Shopee released is asked for as well, and of how many days one "
            "payout is: those of one transfer to your bank. Blank: no.",
            kind="choice",
            choices={**calls.WAYS, "no": "No"},
            unset="Not set: no",
        ),
        Setting(
            name=calls.FROM,
            label="Payouts from this day on",
            hint="Change from days to weeks, or back, only together with the day after your last "
            "payout here: else the same money comes twice. Blank: from the first whole day.",
            example="2026-11-16",
            kind="day",
        ),
        Setting(
            name=calls.CURRENCY,
            label="Currency of payouts",
            hint="Shopee tells none with them. Blank: your rules hold each payout.",
            example="MYR",
            kind="currency",
        ),
    ),
    key=KeyField(
        label="Partner key and refresh token",
        hint="PARTNER_KEY:REFRESH_TOKEN. The key signs; the token is exchanged for "
        "another automatically every few hours.",
        parts=(
            KeyPart(name="partner_key", label="Partner key", hint="It signs."),
            KeyPart(
                name="refresh_token",
                label="Refresh token",
                hint="It is exchanged for another automatically every few hours.",
            ),
        ),
        steps=(
            "At open.shopee.com open your app and copy its partner key.",
            "Authorize the app for the shop, and exchange the code for a refresh token.",
            "Store both here before webhooks are switched on.",
            "In the app open Push Mechanism and enter the address of this connection, exactly.",
            "Switch on order_status_push and those of returns.",
            "Let the app read payments (module Payment): they show who bears a voucher.",
            "For payouts, set “Payouts” above as well.",
        ),
    ),
)

_MAKE: Final = {"order": order_of, "refund": refund_of}

_LISTS: Final = {"order_list": "order", "return": "refund", "payouts": "payout"}

_MARKS: Final = {"order_sn": "order", "return_sn": "refund"}

_TITLE: Final = "Shopee"

_HOUR: Final = 3600

_RIGHT: Final = "permission"

_KEY_WORDS: Final = ("auth", "access_token", "acceess_token", "sign", "partner")

LIST: Final = "/api/v2/order/get_order_list"

DETAIL: Final = "/api/v2/order/get_order_detail"

RETURNS: Final = "/api/v2/returns/get_return_list"

FIELDS: Final = (
    "buyer_user_id,buyer_username,item_list,payment_method,pay_time,total_amount,"
    "estimated_shipping_fee,actual_shipping_fee,actual_shipping_fee_confirmed"
)

AT_ONCE: Final = 50

NO_INCOME: Final = frozenset({"UNPAID", "CANCELLED"})
"""Statuses of orders whose income is not read: nothing of them is posted."""

LONGEST: Final = int(timedelta(days=15).total_seconds())

BACK: Final = int(timedelta(minutes=10).total_seconds())
"""How far the next reading goes back: some changes are stored later than their moment."""

Payload = Mapping[str, object]

_PAYOUTS: Final = 2
"""The place behind the lists of orders and returns."""

_NOT_SHOWN: Final = "Shopee lists this order and does not show it."


@dataclass(frozen=True, slots=True)
class Shopee:
    """The source `shopee`. Its webhooks sign the address they are sent to, `address`."""

    settings: Settings = field(default_factory=dict)
    address: str = ""

    name: ClassVar[str] = NAME
    form: ClassVar[ConnectionForm] = FORM
    kinds: ClassVar = KINDS
    suffixes: ClassVar[tuple[str, ...]] = (".shopee.json",)
    headers: ClassVar[str] = SIGNATURE
    calls_a_minute: ClassVar[int] = 60
    lists_back: ClassVar[None] = None
    words: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "Status of an order": STATUS_WORDS,
        "Status of a return": RETURN_WORDS,
    }

    def bound(self, settings: Settings, address: str) -> "Shopee":
        """Return the source for one connection."""
        return Shopee(settings, address)

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,  # noqa: ARG002 - a webhook that comes late still says that something changed
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """Verify a webhook; it contains no record and only triggers a read."""
        signature = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE, "")
        if refused := too_large(raw) or self._signature_refusal(signature, raw, secrets):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        if not isinstance(value, Mapping) or not _is_whole_number(value.get("code")):
            words = "The body is not a webhook of Shopee's."
            return SourceRefusal(
                422, "no_webhook", words, "Let Shopee's webhook come to this address."
            )
        if value["code"] == TEST:
            return Accepted(delivery_id="ping", records=(), ping=True)
        changed = self._own_shop(value) and _names_order(value.get("data"))
        return Accepted(delivery_id=signature, signature=signature, records=(), changed=changed)

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Read a JSON file with an answer of get_order_detail or get_return_list, or with payouts.

        A payout file has what was released and the incomes.
        """
        if refused := too_large(raw):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        entries = list(_listed(value))
        if not entries:
            words = "The file holds no order, no return and no payout."
            return SourceRefusal(422, "no_order", words, "Use an answer of get_order_detail.")
        if refused := too_many([entry for _, _, entry in entries]):
            return refused
        read = (record for entry in entries for record in _records(*entry, zone))
        return accepted_delivery(read, "file-" + hashlib.sha256(raw).hexdigest(), "")

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """Return a webhook about a paid order, signed as Shopee does."""
        moment = int(now.timestamp())
        data = {"ordersn": event_id, "status": "READY_TO_SHIP", "update_time": moment}
        shop = str(self.settings.get("shop_id") or "88")
        event = {"code": 3, "shop_id": int(shop) if shop.isdecimal() else shop, "timestamp": moment}
        raw = json.dumps({**event, "data": data}).encode()
        signed = _sign(secret_in(secret), self.address, raw)
        headers = {"Content-Type": "application/json", "Authorization": signed}
        words = (
            "The signature is HMAC-SHA256 with the partner key, in hexadecimal, over the whole"
            " address above, a bar (|) and the body."
        )
        return ExampleCall(headers=headers, body=raw, signed=words)

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:  # noqa: ARG002
        """Return the record kinds for which a pull lists every change since its start time."""
        return ("order", "refund")

    def begin(self, since: datetime) -> str:
        """Return the cursor from which every change at or after this moment shows."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Return the changed orders, then the returns, then the payouts if they are enabled."""
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

    def is_due(self, secret: str, now: datetime) -> bool:
        """Check whether the access token must be exchanged before the next call."""
        return token_is_due(secret, now)

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Check whether a refused token may have expired early."""
        return token_may_be_over(secret, now, calls.LASTS)

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Replace the refresh token by the next pair."""
        return calls.renewed(settings, secret, http)

    def _own_shop(self, webhook: OrderPayload) -> bool:
        """Check whether a webhook is for this shop: an app has one address for all its shops."""
        shop_id = str(self.settings.get("shop_id") or "").strip()
        return not shop_id or str(webhook.get("shop_id")) == shop_id

    def _signature_refusal(
        self, signature: str, raw: bytes, secrets: Sequence[str]
    ) -> SourceRefusal | None:
        if not signature:
            words = "The header Authorization is missing."
            return SourceRefusal(401, "not_signed", words, "Let Shopee send the webhook.")
        signature_bytes = signature.encode("utf-8", "replace")
        keys = [key for secret in secrets if (key := secret_in(secret))]
        matches = [
            hmac.compare_digest(_sign(key, self.address, raw).encode(), signature_bytes)
            for key in keys
        ]
        if any(matches):
            return None
        words = "The signature does not match the address and the body."
        hint = (
            "Give this connection the partner key of the app, and enter its address in the app "
            "exactly as the page of the connection shows it."
        )
        return SourceRefusal(401, "bad_signature", words, hint)


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _names_order(data: object) -> bool:
    return isinstance(data, Mapping) and any(data.get(name) for name in SPEAKS_OF)


def _listed(value: object) -> Iterator[tuple[str, str, OrderPayload]]:
    """Place, kind and content of each order and return in a file; a return names its order, too."""
    content = value if isinstance(value, Mapping) else {}
    inner = content.get("response")
    content = inner if isinstance(inner, Mapping) else content
    for name, kind in _LISTS.items():
        rows = content.get(name)
        for index, row in enumerate(rows if isinstance(rows, list) else ()):
            yield f"{name}[{index}]", kind, row if isinstance(row, Mapping) else {}
    single_kind = next((kind for mark, kind in reversed(_MARKS.items()) if mark in content), "")
    if single_kind and ("item_list" in content or "item" in content):
        yield single_kind, single_kind, content


def _records(place: str, kind: str, payload: OrderPayload, zone: ZoneInfo) -> Iterator[Read]:
    make = payouts_of if kind == "payout" else _MAKE[kind]
    for record in read_short(place, payload, make, zone):
        yield record if isinstance(record, IncomingRecord) else (record,)


def _sign(secret: str, address: str, raw: bytes) -> str:
    text = address.encode() + b"|" + raw
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """Return the steps of a read-only test.

    A key that was never exchanged calls without a token, which still shows whether the address
    answers.
    """
    grant = grant_of(secret)
    if grant is None:
        return payouts.unusable_key_report("The key does not say how to ask Shopee.", calls.FORM)
    now = int(http.now().timestamp())
    query = {
        "time_range_field": "update_time",
        "time_from": str(now - _HOUR),
        "time_to": str(now),
        "page_size": "1",
    }
    answer = calls.Shop(settings, grant, http).answer("GET", LIST, query)
    return payouts.shop_report(
        _TITLE, settings, answer, lambda http_answer: _find_fault(settings, http_answer)
    )


def _find_fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    body = calls.content(answer.body)
    error, reason = str(body.get("error") or "").lower(), calls.reason(body)
    quoted = quote_answer(_TITLE, answer.status, reason)
    if "error" not in body:
        hint = "Enter https://partner.shopeemobile.com, or the address of Shopee's test shops."
        return payouts.no_shop_step(_TITLE, settings, hint)
    if calls.is_of_shop(body):
        shop = str(settings.get("shop_id") or "").strip()
        words = f"The app reaches no shop {shop}. {quoted}"
        return Step.failed(payouts.SHOP, words, calls.SHOP_HINT, "company.unknown")
    if _RIGHT in error:
        words = f"The app may not read orders. {quoted}"
        hint = "At open.shopee.com open the app and have the module Order allowed, then test again."
        return Step.failed(payouts.RIGHTS, words, hint, "key.permission")
    if answer.status in KEY_REFUSED or any(word in error for word in _KEY_WORDS):
        words = f"Shopee does not accept the key. {quoted}"
        return Step.failed(payouts.KEY, words, calls.KEY_HINT, "key.refused")
    if error or answer.status != HTTPStatus.OK:
        return payouts.unclear_step(_TITLE, answer, reason)
    return None


def begin(since: datetime) -> str:
    """Return the cursor from which every change at or after this moment shows."""
    start = int(since.timestamp()) - BACK
    return _Cursor(start, start, paid=start + BACK).text()


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The position of a pull.

    `began` is its start, `at` the current list, `since` and `until` the window (0: as wide as
    possible), `token` Shopee's cursor in a window of one second, `read` how far the previous list
    was read. `paid` is the second after the days of the last payout (0: payouts were never
    enabled), and `unpaid` why the next payout could not be read.
    """

    began: int
    since: int
    until: int = 0
    at: int = 0
    token: str = ""
    read: int = 0
    paid: int = 0
    unpaid: str = ""

    def text(self) -> str:
        return json.dumps(astuple(self))

    @property
    def wrong(self) -> NoPage | None:
        """Why payouts could not be read, for the page that still has orders."""
        return NoPage(words=self.unpaid) if self.unpaid else None

    def over(self) -> "_Cursor":
        """Return the cursor of the next pull, a little before the end of this one."""
        start = max(self.began, min(self.read, self.until) - BACK)
        return _Cursor(start, start, paid=self.paid)


def page(cursor: str, settings: Settings, key: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """Return the page that follows a cursor."""
    shop = shop_of(settings, key, http)
    if isinstance(shop, NoPage):
        return shop
    position, now = _Cursor(*json.loads(cursor)), int(http.now().timestamp())
    if position.at == _PAYOUTS:
        return _payout_page(shop, position, zone)
    if not calls.are_payouts_enabled(settings) or not position.paid:
        position = replace(position, paid=now, unpaid="")  # from when they are wanted
    until = max(position.since, min(position.until or now, position.since + LONGEST, now))
    position = replace(position, until=until)
    listed = (_orders, _returns)[position.at](shop, position, zone)
    if isinstance(listed, NoPage):
        return listed
    if listed.more and until > position.since + 1 and not position.token:
        half = position.since + (until - position.since) // 2
        after = replace(position, until=half)
        return Page(found=(), after=after.text(), more=True, wrong=position.wrong)
    if listed.more:
        after = replace(position, token=listed.token)
        return Page(found=listed.found, after=after.text(), more=True, wrong=position.wrong)
    after, more = _next_cursor(position, now, calls.are_payouts_enabled(settings))
    return Page(found=listed.found, after=after.text(), more=more, wrong=position.wrong)


def _payout_page(shop: Shop, position: _Cursor, zone: ZoneInfo) -> Page | NoPage:
    """Return the next payout; without a readable one, this pull ends."""
    days = calls.next_days(position.paid, shop.settings, zone, shop.http.now())
    if days is None:
        return Page(found=(), after=position.over().text(), more=False)
    payout = calls.read_payout(shop, days)
    if isinstance(payout, NoPage):
        wrong = payouts_left(payout)
        after = replace(position.over(), unpaid=wrong.words)
        return Page(found=(), after=after.text(), more=False, wrong=wrong)
    return Page(
        found=payout, after=replace(position, paid=days.end).text(), more=True, wrong=position.wrong
    )


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page of a list: its entries, and Shopee's cursor of the next page."""

    found: tuple[Pulled, ...]
    token: str
    more: bool


def _orders(shop: Shop, position: _Cursor, zone: ZoneInfo) -> _Listed | NoPage:
    query = {
        "time_range_field": "update_time",
        "time_from": str(position.since),
        "time_to": str(position.until),
        "page_size": str(AT_ONCE),
        **({"cursor": position.token} if position.token else {}),
    }
    answer = shop.get(LIST, query)
    if isinstance(answer, NoPage):
        return answer
    listed = _objects(answer, "order_list")
    if listed is None:
        return NoPage(words="Shopee answered with something that is not a list of orders.")
    numbers = list(dict.fromkeys(str(order.get("order_sn") or "") for order in listed))
    more = answer.get("more") is True
    if more and position.until > position.since + 1 and not position.token:
        return _Listed((), "", more=True)  # a shorter window is asked for
    details = _read_details(shop, numbers, zone)
    token = str(answer.get("next_cursor") or "")
    return details if isinstance(details, NoPage) else _Listed(details, token, more and bool(token))


def _objects(body: Payload, name: str) -> list[Payload] | None:
    """Return the list with this name, or None if it is no list of objects."""
    rows = body.get(name, [])
    good = isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows)
    return rows if isinstance(rows, list) and good else None


def _read_details(shop: Shop, numbers: list[str], zone: ZoneInfo) -> tuple[Pulled, ...] | NoPage:
    """Return the complete orders with these numbers; an order that is not shown is reported."""
    if not numbers:
        return ()
    query = {"order_sn_list": ",".join(numbers), "response_optional_fields": FIELDS}
    answer = shop.get(DETAIL, query)
    if isinstance(answer, NoPage):
        return answer
    orders = _objects(answer, "order_list")
    if orders is None:
        return NoPage(words="Shopee answered with something that is not a list of orders.")
    shown_numbers = {str(row.get("order_sn")) for row in orders}
    missing = [number for number in numbers if number not in shown_numbers]
    priced = _with_incomes(shop, orders, _has_income)
    # In a call of their own: an order without an income has Shopee refuse the whole call.
    priced = priced if isinstance(priced, NoPage) else _with_incomes(shop, priced, _was_paid)
    if isinstance(priced, NoPage):
        return priced
    return (
        *_read("order_list", priced, order_of, zone),
        *(_absent(number, zone) for number in missing),
    )


def _with_incomes(
    shop: Shop, rows: list[Payload], is_settled: Callable[[Payload], bool]
) -> list[Payload] | NoPage:
    """Return orders or returns, each that is settled with the income of its order."""
    numbers = [str(row.get("order_sn")) for row in rows if is_settled(row)]
    details = calls.incomes_shown(shop, list(dict.fromkeys(numbers)))
    if isinstance(details, NoPage):
        return details
    return [
        {**row, **_income_fields(detail)}
        if is_settled(row) and (detail := details.get(str(row.get("order_sn"))))
        else row
        for row in rows
    ]


def _income_fields(detail: Payload) -> Payload:
    """Return what a row keeps of Shopee's answer with the income of an order."""
    income = income_of(Part("", detail)).value
    returns = detail.get(RETURNS_OF_ORDER)
    return {INCOME: income, **({RETURNS_OF_ORDER: returns} if returns else {})}


def _has_income(order: Payload) -> bool:
    return order.get("order_status") not in NO_INCOME


def _was_paid(order: Payload) -> bool:
    """Check whether an order was paid before it was cancelled."""
    return order.get("order_status") == "CANCELLED" and bool(order.get("pay_time"))


def _is_refunded(row: Payload) -> bool:
    return RETURN_WORDS.get(str(row.get("status"))) == "refunded"


def _read(
    name: str, rows: list[Payload], make: Callable[[str, Payload, ZoneInfo], Read], zone: ZoneInfo
) -> tuple[Pulled, ...]:
    return tuple(
        _pulled(row, read_short(f"{name}[{index}]", row, make, zone))
        for index, row in enumerate(rows)
    )


def _pulled(payload: Payload, read: Iterable[IncomingRecord | RowError]) -> Pulled:
    results = tuple(read)
    return Pulled(
        raw=dumps(payload),
        records=tuple(result for result in results if isinstance(result, IncomingRecord)),
        errors=tuple(result for result in results if isinstance(result, RowError)),
    )


def _absent(number: str, zone: ZoneInfo) -> Pulled:
    error = replace(not_in_source("order", number), message=_NOT_SHOWN)
    cell = Cell("order_sn", number)
    raw = RawRecord(cell, {"number": cell, "order_id": cell}, ())
    read = read_record(ORDER, raw, zone, [error])
    if isinstance(read, IncomingRecord):
        return Pulled(raw=dumps({"order_sn": number}), missing=(read,))
    return Pulled(raw=dumps({"order_sn": number}), errors=read)


def _returns(shop: Shop, position: _Cursor, zone: ZoneInfo) -> _Listed | NoPage:
    number = int(position.token or "0")
    query = {
        "page_no": str(number),
        "page_size": str(AT_ONCE),
        "update_time_from": str(position.since),
        "update_time_to": str(position.until),
    }
    answer = shop.get(RETURNS, query)
    if isinstance(answer, NoPage):
        return answer
    listed = _objects(answer, "return")
    if listed is None:
        return NoPage(words="Shopee answered with something that is not a list of returns.")
    more = answer.get("more") is True and bool(listed)
    settled = _with_incomes(shop, listed, _is_refunded)
    if isinstance(settled, NoPage):
        return settled
    return _Listed(_read("return", settled, refund_of, zone), str(number + 1), more)


def _next_cursor(position: _Cursor, now: int, payouts_too: bool) -> tuple[_Cursor, bool]:
    """Return the next window, the next list, or the start of the next pull."""
    if position.until < now:
        next_end = position.until + 2 * max(1, position.until - position.since)
        return replace(position, since=position.until, until=next_end, token=""), True
    if position.at == 0:
        return replace(
            position, since=position.began, until=0, at=1, token="", read=position.until
        ), True
    if payouts_too:
        return replace(position, at=_PAYOUTS, token=""), True
    return position.over(), False


SOURCE: Source = Shopee()
