"""Read Lazada orders, returned pieces and payouts; a signed webhook triggers a read."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
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
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.contract.targets import Renewed
from connectors.kit.calls import grant_of, quote_answer, secret_in, token_is_due, token_may_be_over
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
from connectors.sources.lazada import calls
from connectors.sources.lazada.calls import ROWS, Shop, payouts_of, period, shop_of
from connectors.sources.lazada.orders import KINDS, NAME, ORDER_WORDS, PIECE_WORDS, Part, records_of
from connectors.sources.lazada.orders import Given as OrderPayload
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer
from connectors.transport.strict_json import dumps

SIGNATURE: Final = "authorization"

SPEAKS_OF: Final = ("trade_order_id", "reverse_order_id")

SELLER_SETTING: Final = "seller_id"

PAYOUT_SETTING: Final = "payouts"

ASKED_FOR: Final = "yes"

FORM = ConnectionForm(
    title="Lazada",
    marketplace=True,
    gives="Orders, returned pieces and payouts, by asking the seller; a signed webhook has it "
    "asked at once",
    needs="An app of your own at open.lazada.com that the seller has authorized",
    settings=(
        schema.address_setting(
            "https://api.lazada.com.my/rest",
            "The address of Lazada's interface in the country of the shop.",
        ),
        Setting(
            name="app_key",
            label="App key",
            hint="The number of your app, on its page at open.lazada.com.",
            example="123456",
            required=True,
        ),
        Setting(
            name="token_url",
            label="Address for tokens",
            hint="Where tokens are exchanged. Blank: https://auth.lazada.com/rest.",
            example="https://auth.lazada.com/rest",
            kind="address",
        ),
        Setting(
            name=SELLER_SETTING,
            label="Seller ID",
            hint="The connection test compares it, so that no other shop's orders come. Blank: the "
            "test tells whose key it is.",
            example="1000165972",
        ),
        Setting(
            name=PAYOUT_SETTING,
            label="Payouts",
            hint="Whether the statements of Lazada are asked for as well, with their transactions. "
            "Blank: no.",
            kind="choice",
            choices={ASKED_FOR: "Yes", "no": "No"},
            unset="Not set: no",
        ),
    ),
    key=KeyField(
        label="App secret and refresh token",
        hint="APP_SECRET:REFRESH_TOKEN. The secret signs; the token is exchanged for another "
        "automatically.",
        parts=(
            KeyPart(name="app_secret", label="App secret", hint="It signs."),
            KeyPart(
                name="refresh_token",
                label="Refresh token",
                hint="It is exchanged for another automatically.",
            ),
        ),
        steps=(
            "At open.lazada.com open your app and copy its app secret.",
            "Authorize the app for the seller, and exchange the code for a refresh token.",
            "Store both here before webhooks are switched on.",
            "In the app open Push Mechanism and enter the address of this connection.",
            "Subscribe to Trade Order and Reverse Order notifications.",
            "For payouts, let the app read the Finance API, and set “Payouts” above to yes.",
        ),
    ),
)

SELLER: Final = "/seller/get"

_TITLE: Final = "Lazada"

_HOUR: Final = timedelta(hours=1)

_NO_RIGHT: Final = frozenset({"InsufficientPermission", "InsufficientIsvPermissions"})

_KEY_CODES: Final = frozenset(
    {
        "IllegalAccessToken",
        "IllegalRefreshToken",
        "InvalidAppKey",
        "AppKeyInvalid",
        "E007",
        "IncompleteSignature",
        "MissingParameter",
    }
)

LIST: Final = "/orders/get"

ITEMS: Final = "/orders/items/get"

AT_ONCE: Final = 50

ORDER_OVERLAP: Final = timedelta(minutes=10)
"""How far the next reading goes back: some changes are stored later than their moment."""

STATEMENTS: Final = "/finance/payout/status/get"

TRANSACTIONS: Final = "/finance/transaction/details/get"

SIZE: Final = 500

AROUND: Final = timedelta(days=8)
"""A statement is of a week at most, unless its transactions say otherwise."""

PAYOUT_OVERLAP: Final = timedelta(days=60)
"""So long a statement that is not paid yet is asked for again."""

_PAGES: Final = 40

Payload = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Lazada:
    """The source `lazada`. A webhook signs the key of the app, too, which is in the settings."""

    settings: Settings = field(default_factory=dict)

    name: ClassVar[str] = NAME
    form: ClassVar[ConnectionForm] = FORM
    kinds: ClassVar = KINDS
    suffixes: ClassVar[tuple[str, ...]] = (".lazada.json",)
    headers: ClassVar[str] = SIGNATURE
    calls_a_minute: ClassVar[int] = 60
    lists_back: ClassVar[None] = None
    words: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "Status of a piece": PIECE_WORDS,
        "Status of an order, by the first that is so": ORDER_WORDS,
    }

    def bound(self, settings: Settings, address: str) -> "Lazada":  # noqa: ARG002
        """The source as one connection has it; nobody signs the address."""
        return Lazada(settings)

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,  # noqa: ARG002 - a webhook that comes late still says that something changed
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """A webhook: nothing of it is a record."""
        given = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE, "").lower()
        if refused := too_large(raw) or self._unproved(given, raw, secrets):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        if not isinstance(value, Mapping) or not _is_whole_number(value.get("message_type")):
            words = "The body is not a webhook of Lazada's."
            return SourceRefusal(
                422, "no_webhook", words, "Let Lazada's webhook come to this address."
            )
        changed = _speaks_of_an_order(value.get("data"))
        return Accepted(delivery_id=given, signature=given, records=(), changed=changed)

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """A JSON file with orders, each with its pieces in `order_items`, or with statements, each
        with its `transactions`.
        """
        if refused := too_large(raw):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        found = list(_listed(value))
        if not found:
            words = "The file holds no order and no statement."
            hint = 'Use {"orders": […]}, each order with its pieces in order_items.'
            return SourceRefusal(422, "no_order", words, hint)
        if refused := too_many([one for _, one in found]):
            return refused
        read = [one for place, order in found for one in _records(place, order, zone)]
        return accepted_delivery(read, "file-" + hashlib.sha256(raw).hexdigest(), "")

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """A webhook that says that an order is paid, signed as Lazada does."""
        moment = int(now.timestamp())
        data = {
            "order_status": "pending",
            "trade_order_id": event_id,
            "status_update_time": moment,
        }
        told = {"seller_id": "1234567", "message_type": 0, "data": data}
        raw = json.dumps({**told, "timestamp": moment * 1000, "site": "lazada_my"}).encode()
        signed = self._sign(secret_in(secret), raw)
        headers = {"Content-Type": "application/json", "Authorization": signed}
        words = (
            "The signature is HMAC-SHA256 with the app secret, in hexadecimal, over the app key and"
            " the body, with nothing between them."
        )
        return ExampleCall(headers=headers, body=raw, signed=words)

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:  # noqa: ARG002
        """Return the kinds of records whose every change since a moment is listed by a pull."""
        return ("order",)

    def begin(self, since: datetime) -> str:
        """The cursor from which everything shows that changed at this moment or later."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Orders with their pieces that changed after a cursor; then payouts where wanted."""
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

    def _sign(self, secret: str, raw: bytes) -> str:
        text = str(self.settings.get("app_key") or "").strip().encode() + raw
        return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()

    def _unproved(self, given: str, raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
        if not given:
            words = "The header Authorization is missing."
            return SourceRefusal(401, "not_signed", words, "Let Lazada send the webhook.")
        said = given.encode("utf-8", "replace")
        keys = [key for one in secrets if (key := secret_in(one))]
        good = [hmac.compare_digest(self._sign(key, raw).encode(), said) for key in keys]
        if any(good):
            return None
        words = "The signature does not match the app key and the body."
        hint = "Give this connection the app key and the app secret of the app that sends webhooks."
        return SourceRefusal(401, "bad_signature", words, hint)


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _speaks_of_an_order(data: object) -> bool:
    return isinstance(data, Mapping) and any(data.get(name) for name in SPEAKS_OF)


def _listed(value: object) -> Iterator[tuple[str, OrderPayload]]:
    """Place and content of each order and statement in a file: an answer, its data, a list, or one
    order.
    """
    given = value if isinstance(value, Mapping) else {"orders": value}
    inner = given.get("data")
    given = inner if isinstance(inner, Mapping) else given
    if "order_items" in given:
        yield "order", given
    for name in ("orders", "statements"):
        many = given.get(name)
        for at, one in enumerate(many if isinstance(many, list) else ()):
            yield f"{name}[{at}]", one if isinstance(one, Mapping) else {}


def _records(place: str, order: OrderPayload, zone: ZoneInfo) -> Sequence[Read]:
    if "statement_number" in order:
        told = payouts_of(place, order, zone)
    else:
        told = read_short(place, order, records_of, zone)
    return [one if isinstance(one, IncomingRecord) else (one,) for one in told]


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there. A key that was never exchanged asks with
    no token: so it is seen whether the way is open.
    """
    grant = grant_of(secret)
    if grant is None:
        return payouts.unusable_key_report("The key does not say how to ask Lazada.", calls.FORM)
    shop = calls.Shop(settings, grant, http)
    since = (http.now() - _HOUR).isoformat(timespec="seconds")
    answer = shop.answer(LIST, {"update_after": since, "limit": "1", "offset": "0"})
    told = payouts.shop_report(_TITLE, settings, answer, lambda one: _fault(settings, one))
    return _of_seller(settings, shop, told) if told.ok else told


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = calls.content(answer.body)
    code, why = str(told.get("code") or ""), calls.reason(told)
    said = quote_answer(_TITLE, answer.status, why)
    if not code:
        hint = "Enter the address of Lazada's interface in your country, such as api.lazada.com.my."
        return payouts.no_shop_step(_TITLE, settings, hint)
    if code in _NO_RIGHT:
        words = f"The app may not read orders. {said}"
        hint = "At open.lazada.com open the app and apply for the API group of orders."
        return Step.failed(payouts.RIGHTS, words, hint, "key.permission")
    if code in _KEY_CODES or answer.status in KEY_REFUSED:
        words = f"Lazada does not accept the key. {said}"
        return Step.failed(payouts.KEY, words, calls.KEY_HINT, "key.refused")
    if code != "0" or answer.status != HTTPStatus.OK:
        return payouts.unclear_step(_TITLE, answer, why)
    return None


def _of_seller(settings: Settings, shop: calls.Shop, told: ConnectionReport) -> ConnectionReport:
    """The report with who the seller is, where Lazada tells that."""
    seller = shop.get(SELLER, {})
    key = str(seller.get("seller_id") or "") if isinstance(seller, Mapping) else ""
    if not isinstance(seller, Mapping) or not key:
        return told
    name, wanted = str(seller.get("name") or ""), str(settings.get(SELLER_SETTING) or "").strip()
    before, after = told.steps[:3], told.steps[4:]
    if wanted in ("", key):
        named = Step(payouts.SHOP, ok=True, words=f"{name}, ID {key}.")
        return replace(told, steps=(*before, named, *after))
    words = f"The key belongs to another seller: {name}, ID {key}, not {wanted}."
    hint = "Correct the seller ID, or authorize the app at open.lazada.com as the right seller."
    fault = Step.failed(payouts.SHOP, words, hint, "company.other")
    return ConnectionReport.stopped(payouts.STEPS, *before, fault)


def begin(since: datetime) -> str:
    """The cursor from which everything shows that changed at this moment or later."""
    start = int((since - ORDER_OVERLAP).timestamp())
    return _Cursor(start, start, paid_since=since.date().isoformat()).text()


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where this reading began, how far it came, and the orders of that second that were read; in
    seconds since 1970. From which day on statements are asked for ("": from when they are wanted),
    which of them is next (none: orders are), and why they could not be read.
    """

    began: int
    since: int
    skip: int = 0
    paid_since: str = ""
    next: int | None = None
    unpaid: str = ""

    def text(self) -> str:
        return json.dumps(astuple(self))

    @property
    def wrong(self) -> NoPage | None:
        """Why payouts could not be read, for who reads orders meanwhile."""
        return NoPage(words=self.unpaid) if self.unpaid else None


def page(cursor: str, settings: Settings, key: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """What follows a cursor."""
    shop = shop_of(settings, key, http)
    if isinstance(shop, NoPage):
        return shop
    at, wanted = _Cursor(*json.loads(cursor)), asked_for(settings)
    if at.next is not None:
        return _payouts(shop, at, zone)
    if not wanted or not at.paid_since:
        at = replace(at, paid_since=http.now().astimezone(zone).date().isoformat(), unpaid="")
    asked = {
        "update_after": datetime.fromtimestamp(at.since - 1, UTC).isoformat(),
        "sort_by": "updated_at",
        "sort_direction": "ASC",
        "limit": str(AT_ONCE),
        "offset": str(at.skip),
    }
    told = shop.get(LIST, asked)
    if isinstance(told, NoPage):
        return told
    listed = _objects(told.get("orders") if isinstance(told, Mapping) else None)
    if listed is None:
        return NoPage(words="Lazada answered with something that is not a list of orders.")
    pieces = _pieces(shop, [str(one.get("order_id")) for one in listed])
    if isinstance(pieces, NoPage):
        return pieces
    found = [
        _pulled(f"orders[{n}]", _with_items(one, pieces), zone) for n, one in enumerate(listed)
    ]
    after, more = _after(at, listed)
    if wanted and not more:
        after, more = replace(after, next=0), True
    return Page(found=found, after=after.text(), more=more, wrong=at.wrong)


def _payouts(shop: Shop, at: _Cursor, zone: ZoneInfo) -> Page | NoPage:
    """The next payout; behind the last, or where it cannot be read, this reading is over."""
    since, number = date.fromisoformat(at.paid_since), at.next or 0
    listed = statements(shop, since)
    if isinstance(listed, NoPage):
        return _left(at, listed)
    if number >= len(listed):
        today = shop.http.now().astimezone(zone).date()
        again = again_from(listed, since, today).isoformat()
        after = replace(at, next=None, unpaid="", paid_since=again)
        return Page(found=(), after=after.text(), more=False)
    told = whole(shop, listed[number], zone)
    if isinstance(told, NoPage):
        return _left(at, told)
    after = replace(at, next=number + 1)
    return Page(found=(told,), after=after.text(), more=True, wrong=at.wrong)


def _left(at: _Cursor, told: NoPage) -> Page:
    """The orders go on; all statements from that day on are asked for behind them."""
    wrong = payouts_left(told)
    after = replace(at, next=None, unpaid=wrong.words)
    return Page(found=(), after=after.text(), more=False, wrong=wrong)


def _objects(found: object) -> list[Payload] | None:
    """A list of objects; None where it is none."""
    good = isinstance(found, list) and all(isinstance(one, Mapping) for one in found)
    return found if isinstance(found, list) and good else None


def _pieces(shop: Shop, ids: list[str]) -> dict[str, list[Payload]] | NoPage:
    """The pieces of several orders, by the id of the order."""
    if not ids:
        return {}
    told = shop.get(ITEMS, {"order_ids": f"[{','.join(ids)}]"})
    if isinstance(told, NoPage):
        return told
    orders = _objects(told)
    lists = [_objects(one.get("order_items")) for one in orders or ()]
    if orders is None or None in lists:
        return NoPage(words="Lazada answered with something that is not a list of pieces.")
    return {
        str(one.get("order_id")): many
        for one, many in zip(orders, lists, strict=True)
        if many is not None
    }


def _pulled(place: str, order: Payload, zone: ZoneInfo) -> Pulled:
    read = read_short(place, order, records_of, zone)
    return Pulled(
        raw=dumps(order),
        records=tuple(one for one in read if isinstance(one, IncomingRecord)),
        errors=tuple(one for one in read if isinstance(one, RowError)),
    )


def _with_items(order: Payload, pieces: Mapping[str, list[Payload]]) -> Payload:
    """An order with its pieces, as a file has it."""
    return {**order, "order_items": pieces.get(str(order.get("order_id")), [])}


def _after(at: _Cursor, listed: list[Payload]) -> tuple[_Cursor, bool]:
    """Where to go on, and whether at once."""
    moments = [found for one in listed if (found := Part("", one).when("updated_at"))]
    newest = max([at.since, *(int(one.timestamp()) for one in moments)])
    if len(listed) >= AT_ONCE:
        skip = 0 if newest > at.since else at.skip + len(listed)
        return replace(at, since=newest, skip=skip), True
    start = max(at.began, newest - int(ORDER_OVERLAP.total_seconds()))
    return replace(at, began=start, since=start, skip=0), False


def asked_for(settings: Settings) -> bool:
    """Whether payouts are wanted."""
    return settings.get(PAYOUT_SETTING) == ASKED_FOR


def statements(shop: Shop, since: date) -> list[Payload] | NoPage:
    """The statements that were made on this day or later, the oldest first."""
    told = shop.get(STATEMENTS, {"created_after": since.isoformat()})
    if isinstance(told, NoPage):
        return told
    listed = _objects(told)
    if listed is None or any(_made(one) is None for one in listed):
        return NoPage(words="Lazada answered with something that is not a list of statements.")
    return sorted(listed, key=lambda one: (str(_made(one)), str(one.get("statement_number"))))


def _made(statement: Payload) -> date | None:
    """The day on which a statement was made, by the clock of the shop."""
    try:
        return date.fromisoformat(str(statement.get("created_at"))[:10])
    except ValueError:
        return None


def again_from(listed: list[Payload], since: date, today: date) -> date:
    """From which day on the next reading asks: the oldest that is not paid, else the newest."""
    made = [(_made(one) or today, str(one.get("paid")) == "1") for one in listed]
    waiting = [day for day, paid in made if not paid]
    newest = max((day for day, _ in made), default=since)
    return max(min([*waiting, newest]), today - PAYOUT_OVERLAP)


def whole(shop: Shop, statement: Payload, zone: ZoneInfo) -> Pulled | NoPage:
    """A statement with its transactions as a payout."""
    made = _made(statement) or date.min
    # Lazada names the statement of a transaction by its days only, so these find its rows.
    rows = _rows(shop, made, made - AROUND)
    days = [found for one in _of(rows, made) if (found := period(one.get("statement")))]
    first = min((day for day, _ in days), default=made)
    if not isinstance(rows, NoPage) and first < made - AROUND:
        rows = _rows(shop, made, first)
    if isinstance(rows, NoPage):
        return rows
    # of a list that goes on, nobody knows which transactions are missing: all of it is too long
    told = {**statement, ROWS: rows if len(rows) >= _PAGES * SIZE else _of(rows, made)}
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for one in payouts_of("statements[0]", told, zone):
        if isinstance(one, RowError):
            errors.append(one)
        else:
            records.append(one)
    return Pulled(raw=dumps(told), records=tuple(records), errors=tuple(errors))


def _rows(shop: Shop, made: date, since: date) -> list[Payload] | NoPage:
    """All transactions of these days, each once: while they are read the list may grow, and show
    the last of a page on the next one, too.
    """
    found: dict[str, Payload] = {}
    for page in range(_PAGES):
        asked = {
            "start_time": since.isoformat(),
            "end_time": made.isoformat(),
            "limit": str(SIZE),
            "offset": str(page * SIZE),
        }
        told = shop.get(TRANSACTIONS, asked)
        if isinstance(told, NoPage):
            return told
        part = _objects(told)
        if part is None:
            return NoPage(
                words="Lazada answered with something that is not a list of transactions."
            )
        found |= {json.dumps(one, sort_keys=True, default=str): one for one in part}
        if len(part) < SIZE:
            return list(found.values())
    return list(found.values())


def _of(rows: list[Payload] | NoPage, made: date) -> list[Payload]:
    """Those whose days end the day before the statement was made."""
    if isinstance(rows, NoPage):
        return []
    ends = [(one, period(one.get("statement"))) for one in rows]
    return [one for one, days in ends if days and days[1] + timedelta(days=1) == made]


SOURCE: Source = Lazada()
