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
    STATUS_WORDS,
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
    gives="Orders, returns and payouts, by asking the shop; a signed webhook has it asked at once",
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
    """The source `shopee`. A webhook signs the address that it goes to, `address`."""

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
        """The source as one connection has it."""
        return Shopee(settings, address)

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,  # noqa: ARG002 - a webhook that comes late still says that something changed
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """A webhook: nothing of it is a record."""
        given = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE, "")
        if refused := too_large(raw) or self._unproved(given, raw, secrets):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        if not isinstance(value, Mapping) or not _whole(value.get("code")):
            words = "The body is not a webhook of Shopee's."
            return SourceRefusal(
                422, "no_webhook", words, "Let Shopee's webhook come to this address."
            )
        if value["code"] == TEST:
            return Accepted(delivery_id="ping", records=(), ping=True)
        changed = self._own_shop(value) and _speaks_of_an_order(value.get("data"))
        return Accepted(delivery_id=given, signature=given, records=(), changed=changed)

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """A JSON file with an answer of get_order_detail or of get_return_list, or payouts with
        what was released and the incomes behind it.
        """
        if refused := too_large(raw):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        found = list(_listed(value))
        if not found:
            words = "The file holds no order, no return and no payout."
            return SourceRefusal(422, "no_order", words, "Use an answer of get_order_detail.")
        if refused := too_many([one for _, _, one in found]):
            return refused
        read = (told for one in found for told in _records(*one, zone))
        return accepted_delivery(read, "file-" + hashlib.sha256(raw).hexdigest(), "")

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """A webhook that says that an order is paid, signed as Shopee does."""
        moment = int(now.timestamp())
        data = {"ordersn": event_id, "status": "READY_TO_SHIP", "update_time": moment}
        shop = str(self.settings.get("shop_id") or "88")
        told = {"code": 3, "shop_id": int(shop) if shop.isdecimal() else shop, "timestamp": moment}
        raw = json.dumps({**told, "data": data}).encode()
        signed = _sign(secret_in(secret), self.address, raw)
        headers = {"Content-Type": "application/json", "Authorization": signed}
        words = (
            "The signature is HMAC-SHA256 with the partner key, in hexadecimal, over the whole"
            " address above, a bar (|) and the body."
        )
        return ExampleCall(headers=headers, body=raw, signed=words)

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:  # noqa: ARG002
        """Return the kinds of records whose every change since a moment is listed by a pull."""
        return ("order", "refund")

    def begin(self, since: datetime) -> str:
        """The cursor from which everything shows that changed at this moment or later."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Orders, then returns, that changed after a cursor; then payouts where they are wanted."""
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

    def is_due(self, secret: str, now: datetime) -> bool:
        """Whether the access token has to be exchanged before the next call."""
        return token_is_due(secret, now)

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Whether a refused token may only have ended early."""
        return token_may_be_over(secret, now, calls.LASTS)

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Exchange the refresh token for the next pair."""
        return calls.renewed(settings, secret, http)

    def _own_shop(self, webhook: OrderPayload) -> bool:
        """An app has one address for the webhooks of all shops that authorized it."""
        own = str(self.settings.get("shop_id") or "").strip()
        return not own or str(webhook.get("shop_id")) == own

    def _unproved(self, given: str, raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
        if not given:
            words = "The header Authorization is missing."
            return SourceRefusal(401, "not_signed", words, "Let Shopee send the webhook.")
        said = given.encode("utf-8", "replace")
        keys = [key for one in secrets if (key := secret_in(one))]
        good = [hmac.compare_digest(_sign(key, self.address, raw).encode(), said) for key in keys]
        if any(good):
            return None
        words = "The signature does not match the address and the body."
        hint = (
            "Give this connection the partner key of the app, and enter its address in the app "
            "exactly as the page of the connection shows it."
        )
        return SourceRefusal(401, "bad_signature", words, hint)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _speaks_of_an_order(data: object) -> bool:
    return isinstance(data, Mapping) and any(data.get(name) for name in SPEAKS_OF)


def _listed(value: object) -> Iterator[tuple[str, str, OrderPayload]]:
    """Place, kind and content of each order and return in a file; a return names its order, too."""
    given = value if isinstance(value, Mapping) else {}
    inner = given.get("response")
    given = inner if isinstance(inner, Mapping) else given
    for name, kind in _LISTS.items():
        many = given.get(name)
        for at, one in enumerate(many if isinstance(many, list) else ()):
            yield f"{name}[{at}]", kind, one if isinstance(one, Mapping) else {}
    alone = next((kind for mark, kind in reversed(_MARKS.items()) if mark in given), "")
    if alone and ("item_list" in given or "item" in given):
        yield alone, alone, given


def _records(place: str, kind: str, given: OrderPayload, zone: ZoneInfo) -> Iterator[Read]:
    make = payouts_of if kind == "payout" else _MAKE[kind]
    for one in read_short(place, given, make, zone):
        yield one if isinstance(one, IncomingRecord) else (one,)


def _sign(secret: str, address: str, raw: bytes) -> str:
    text = address.encode() + b"|" + raw
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there. A key that was never exchanged asks with
    no token: so it is seen whether the way is open.
    """
    grant = grant_of(secret)
    if grant is None:
        return payouts.unusable_key_report("The key does not say how to ask Shopee.", calls.FORM)
    now = int(http.now().timestamp())
    asked = {
        "time_range_field": "update_time",
        "time_from": str(now - _HOUR),
        "time_to": str(now),
        "page_size": "1",
    }
    answer = calls.Shop(settings, grant, http).answer("GET", LIST, asked)
    return payouts.shop_report(_TITLE, settings, answer, lambda told: _fault(settings, told))


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = calls.content(answer.body)
    wrong, why = str(told.get("error") or "").lower(), calls.reason(told)
    said = quote_answer(_TITLE, answer.status, why)
    if "error" not in told:
        hint = "Enter https://partner.shopeemobile.com, or the address of Shopee's test shops."
        return payouts.no_shop_step(_TITLE, settings, hint)
    if calls.is_of_shop(told):
        shop = str(settings.get("shop_id") or "").strip()
        words = f"The app reaches no shop {shop}. {said}"
        return Step.failed(payouts.SHOP, words, calls.SHOP_HINT, "company.unknown")
    if _RIGHT in wrong:
        words = f"The app may not read orders. {said}"
        hint = "At open.shopee.com open the app and have the module Order allowed, then test again."
        return Step.failed(payouts.RIGHTS, words, hint, "key.permission")
    if answer.status in KEY_REFUSED or any(word in wrong for word in _KEY_WORDS):
        words = f"Shopee does not accept the key. {said}"
        return Step.failed(payouts.KEY, words, calls.KEY_HINT, "key.refused")
    if wrong or answer.status != HTTPStatus.OK:
        return payouts.unclear_step(_TITLE, answer, why)
    return None


def begin(since: datetime) -> str:
    """The cursor from which everything shows that changed at this moment or later."""
    start = int(since.timestamp()) - BACK
    return _Cursor(start, start, paid=start + BACK).text()


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where this reading began; which list it is at, and the window of it (0: as far as may be);
    Shopee's cursor in a window of one second; how far the list before was read; the second behind
    the days of the last payout (0: none was wanted yet), and why the next could not be read.
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
        """Why payouts could not be read, for who reads orders meanwhile."""
        return NoPage(words=self.unpaid) if self.unpaid else None

    def over(self) -> "_Cursor":
        """Where the next reading begins, a little before the end of this one."""
        start = max(self.began, min(self.read, self.until) - BACK)
        return _Cursor(start, start, paid=self.paid)


def page(cursor: str, settings: Settings, key: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """What follows a cursor."""
    shop = shop_of(settings, key, http)
    if isinstance(shop, NoPage):
        return shop
    at, now = _Cursor(*json.loads(cursor)), int(http.now().timestamp())
    if at.at == _PAYOUTS:
        return _payouts(shop, at, zone)
    if not calls.asked_for(settings) or not at.paid:
        at = replace(at, paid=now, unpaid="")  # from when they are wanted
    until = max(at.since, min(at.until or now, at.since + LONGEST, now))
    at = replace(at, until=until)
    listed = (_orders, _returns)[at.at](shop, at, zone)
    if isinstance(listed, NoPage):
        return listed
    if listed.more and until > at.since + 1 and not at.token:
        half = at.since + (until - at.since) // 2
        after = replace(at, until=half)
        return Page(found=(), after=after.text(), more=True, wrong=at.wrong)
    if listed.more:
        after = replace(at, token=listed.token)
        return Page(found=listed.found, after=after.text(), more=True, wrong=at.wrong)
    after, more = _after(at, now, calls.asked_for(settings))
    return Page(found=listed.found, after=after.text(), more=more, wrong=at.wrong)


def _payouts(shop: Shop, at: _Cursor, zone: ZoneInfo) -> Page | NoPage:
    """The next payout; once there is none, or none that can be read, this reading is over."""
    days = calls.due(at.paid, shop.settings, zone, shop.http.now())
    if days is None:
        return Page(found=(), after=at.over().text(), more=False)
    told = calls.released(shop, days)
    if isinstance(told, NoPage):
        wrong = payouts_left(told)
        after = replace(at.over(), unpaid=wrong.words)
        return Page(found=(), after=after.text(), more=False, wrong=wrong)
    return Page(found=told, after=replace(at, paid=days.end).text(), more=True, wrong=at.wrong)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page of one list: what is in it, and Shopee's cursor to go on from."""

    found: tuple[Pulled, ...]
    token: str
    more: bool


def _orders(shop: Shop, at: _Cursor, zone: ZoneInfo) -> _Listed | NoPage:
    asked = {
        "time_range_field": "update_time",
        "time_from": str(at.since),
        "time_to": str(at.until),
        "page_size": str(AT_ONCE),
        **({"cursor": at.token} if at.token else {}),
    }
    told = shop.get(LIST, asked)
    if isinstance(told, NoPage):
        return told
    listed = _objects(told, "order_list")
    if listed is None:
        return NoPage(words="Shopee answered with something that is not a list of orders.")
    numbers = list(dict.fromkeys(str(one.get("order_sn") or "") for one in listed))
    more = told.get("more") is True
    if more and at.until > at.since + 1 and not at.token:
        return _Listed((), "", more=True)  # a shorter window is asked for
    found = _shown(shop, numbers, zone)
    token = str(told.get("next_cursor") or "")
    return found if isinstance(found, NoPage) else _Listed(found, token, more and bool(token))


def _objects(told: Payload, name: str) -> list[Payload] | None:
    """The list of that name; None where it is none."""
    found = told.get(name, [])
    good = isinstance(found, list) and all(isinstance(one, Mapping) for one in found)
    return found if isinstance(found, list) and good else None


def _shown(shop: Shop, numbers: list[str], zone: ZoneInfo) -> tuple[Pulled, ...] | NoPage:
    """The orders of these numbers, whole; one that is not shown is told."""
    if not numbers:
        return ()
    asked = {"order_sn_list": ",".join(numbers), "response_optional_fields": FIELDS}
    told = shop.get(DETAIL, asked)
    if isinstance(told, NoPage):
        return told
    orders = _objects(told, "order_list")
    if orders is None:
        return NoPage(words="Shopee answered with something that is not a list of orders.")
    shown = {str(one.get("order_sn")) for one in orders}
    missing = [number for number in numbers if number not in shown]
    priced = _with_incomes(shop, orders)
    if isinstance(priced, NoPage):
        return priced
    return (*_read("order_list", priced, order_of, zone), *(_absent(one, zone) for one in missing))


def _with_incomes(shop: Shop, orders: list[Payload]) -> list[Payload] | NoPage:
    """Return the orders, each that is paid or sent with its income."""
    numbers = [
        str(one.get("order_sn")) for one in orders if one.get("order_status") not in NO_INCOME
    ]
    incomes = calls.incomes_shown(shop, numbers)
    if isinstance(incomes, NoPage):
        return incomes
    return [
        {**one, INCOME: income} if (income := incomes.get(str(one.get("order_sn")))) else one
        for one in orders
    ]


def _read(
    name: str, many: list[Payload], make: Callable[[str, Payload, ZoneInfo], Read], zone: ZoneInfo
) -> tuple[Pulled, ...]:
    return tuple(
        _pulled(one, read_short(f"{name}[{at}]", one, make, zone)) for at, one in enumerate(many)
    )


def _pulled(given: Payload, read: Iterable[IncomingRecord | RowError]) -> Pulled:
    each = tuple(read)
    return Pulled(
        raw=dumps(given),
        records=tuple(one for one in each if isinstance(one, IncomingRecord)),
        errors=tuple(one for one in each if isinstance(one, RowError)),
    )


def _absent(number: str, zone: ZoneInfo) -> Pulled:
    error = replace(not_in_source("order", number), message=_NOT_SHOWN)
    told = Cell("order_sn", number)
    raw = RawRecord(told, {"number": told, "order_id": told}, ())
    read = read_record(ORDER, raw, zone, [error])
    if isinstance(read, IncomingRecord):
        return Pulled(raw=dumps({"order_sn": number}), missing=(read,))
    return Pulled(raw=dumps({"order_sn": number}), errors=read)


def _returns(shop: Shop, at: _Cursor, zone: ZoneInfo) -> _Listed | NoPage:
    number = int(at.token or "0")
    asked = {
        "page_no": str(number),
        "page_size": str(AT_ONCE),
        "update_time_from": str(at.since),
        "update_time_to": str(at.until),
    }
    told = shop.get(RETURNS, asked)
    if isinstance(told, NoPage):
        return told
    listed = _objects(told, "return")
    if listed is None:
        return NoPage(words="Shopee answered with something that is not a list of returns.")
    more = told.get("more") is True and bool(listed)
    return _Listed(_read("return", listed, refund_of, zone), str(number + 1), more)


def _after(at: _Cursor, now: int, payouts_too: bool) -> tuple[_Cursor, bool]:
    """Where to go on: the next window, the next list, or the next reading."""
    if at.until < now:
        wider = at.until + 2 * max(1, at.until - at.since)
        return replace(at, since=at.until, until=wider, token=""), True
    if at.at == 0:
        return replace(at, since=at.began, until=0, at=1, token="", read=at.until), True
    if payouts_too:
        return replace(at, at=_PAYOUTS, token=""), True
    return at.over(), False


SOURCE: Source = Shopee()
