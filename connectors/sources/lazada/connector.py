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
    gives="Orders, returned pieces and payouts, read from Lazada; a signed webhook triggers "
    "an immediate read",
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
        """Return the source for one connection; the address is not signed."""
        return Lazada(settings)

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,  # noqa: ARG002 - a webhook that comes late still says that something changed
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """Verify a webhook; it contains no record and only triggers a read."""
        signature = {name.lower(): value for name, value in headers.items()}.get(
            SIGNATURE, ""
        ).lower()
        if refused := too_large(raw) or self._signature_refusal(signature, raw, secrets):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        if not isinstance(value, Mapping) or not _is_whole_number(value.get("message_type")):
            words = "The body is not a webhook of Lazada's."
            return SourceRefusal(
                422, "no_webhook", words, "Let Lazada's webhook come to this address."
            )
        changed = _names_order(value.get("data"))
        return Accepted(delivery_id=signature, signature=signature, records=(), changed=changed)

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Read a JSON file with orders or statements.

        An order has its pieces in `order_items`, a statement its `transactions`.
        """
        if refused := too_large(raw):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        entries = list(_listed(value))
        if not entries:
            words = "The file holds no order and no statement."
            hint = 'Use {"orders": […]}, each order with its pieces in order_items.'
            return SourceRefusal(422, "no_order", words, hint)
        if refused := too_many([content for _, content in entries]):
            return refused
        read = [record for place, order in entries for record in _records(place, order, zone)]
        return accepted_delivery(read, "file-" + hashlib.sha256(raw).hexdigest(), "")

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """Return a webhook about a paid order, signed as Lazada does."""
        moment = int(now.timestamp())
        data = {
            "order_status": "pending",
            "trade_order_id": event_id,
            "status_update_time": moment,
        }
        event = {"seller_id": "1234567", "message_type": 0, "data": data}
        raw = json.dumps({**event, "timestamp": moment * 1000, "site": "lazada_my"}).encode()
        signed = self._sign(secret_in(secret), raw)
        headers = {"Content-Type": "application/json", "Authorization": signed}
        words = (
            "The signature is HMAC-SHA256 with the app secret, in hexadecimal, over the app key and"
            " the body, with nothing between them."
        )
        return ExampleCall(headers=headers, body=raw, signed=words)

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:  # noqa: ARG002
        """Return the record kinds for which a pull lists every change since its start time."""
        return ("order",)

    def begin(self, since: datetime) -> str:
        """Return the cursor from which every change at or after this moment shows."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Return the changed orders with their pieces, then the payouts if they are enabled."""
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

    def _sign(self, secret: str, raw: bytes) -> str:
        text = str(self.settings.get("app_key") or "").strip().encode() + raw
        return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()

    def _signature_refusal(
        self, signature: str, raw: bytes, secrets: Sequence[str]
    ) -> SourceRefusal | None:
        if not signature:
            words = "The header Authorization is missing."
            return SourceRefusal(401, "not_signed", words, "Let Lazada send the webhook.")
        signature_bytes = signature.encode("utf-8", "replace")
        keys = [key for secret in secrets if (key := secret_in(secret))]
        matches = [
            hmac.compare_digest(self._sign(key, raw).encode(), signature_bytes) for key in keys
        ]
        if any(matches):
            return None
        words = "The signature does not match the app key and the body."
        hint = "Give this connection the app key and the app secret of the app that sends webhooks."
        return SourceRefusal(401, "bad_signature", words, hint)


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _names_order(data: object) -> bool:
    return isinstance(data, Mapping) and any(data.get(name) for name in SPEAKS_OF)


def _listed(value: object) -> Iterator[tuple[str, OrderPayload]]:
    """Yield place and content of each order and statement in a file.

    The file is an answer, its data, a list, or one order.
    """
    content = value if isinstance(value, Mapping) else {"orders": value}
    inner = content.get("data")
    content = inner if isinstance(inner, Mapping) else content
    if "order_items" in content:
        yield "order", content
    for name in ("orders", "statements"):
        rows = content.get(name)
        for index, row in enumerate(rows if isinstance(rows, list) else ()):
            yield f"{name}[{index}]", row if isinstance(row, Mapping) else {}


def _records(place: str, order: OrderPayload, zone: ZoneInfo) -> Sequence[Read]:
    if "statement_number" in order:
        results = payouts_of(place, order, zone)
    else:
        results = read_short(place, order, records_of, zone)
    return [result if isinstance(result, IncomingRecord) else (result,) for result in results]


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """Return the steps of a read-only test.

    A key that was never exchanged calls without a token, which still shows whether the address
    answers.
    """
    grant = grant_of(secret)
    if grant is None:
        return payouts.unusable_key_report("The key does not say how to ask Lazada.", calls.FORM)
    shop = calls.Shop(settings, grant, http)
    since = (http.now() - _HOUR).isoformat(timespec="seconds")
    answer = shop.answer(LIST, {"update_after": since, "limit": "1", "offset": "0"})
    connection_report = payouts.shop_report(
        _TITLE, settings, answer, lambda http_answer: _find_fault(settings, http_answer)
    )
    return (
        _with_seller(settings, shop, connection_report)
        if connection_report.ok
        else connection_report
    )


def _find_fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    body = calls.content(answer.body)
    code, reason = str(body.get("code") or ""), calls.reason(body)
    quoted = quote_answer(_TITLE, answer.status, reason)
    if not code:
        hint = "Enter the address of Lazada's interface in your country, such as api.lazada.com.my."
        return payouts.no_shop_step(_TITLE, settings, hint)
    if code in _NO_RIGHT:
        words = f"The app may not read orders. {quoted}"
        hint = "At open.lazada.com open the app and apply for the API group of orders."
        return Step.failed(payouts.RIGHTS, words, hint, "key.permission")
    if code in _KEY_CODES or answer.status in KEY_REFUSED:
        words = f"Lazada does not accept the key. {quoted}"
        return Step.failed(payouts.KEY, words, calls.KEY_HINT, "key.refused")
    if code != "0" or answer.status != HTTPStatus.OK:
        return payouts.unclear_step(_TITLE, answer, reason)
    return None


def _with_seller(
    settings: Settings, shop: calls.Shop, connection_report: ConnectionReport
) -> ConnectionReport:
    """Return the report with the seller's name and id, where Lazada shows them."""
    seller = shop.get(SELLER, {})
    key = str(seller.get("seller_id") or "") if isinstance(seller, Mapping) else ""
    if not isinstance(seller, Mapping) or not key:
        return connection_report
    name, expected_id = (
        str(seller.get("name") or ""),
        str(settings.get(SELLER_SETTING) or "").strip(),
    )
    before, after = connection_report.steps[:3], connection_report.steps[4:]
    if expected_id in ("", key):
        seller_step = Step(payouts.SHOP, ok=True, words=f"{name}, ID {key}.")
        return replace(connection_report, steps=(*before, seller_step, *after))
    words = f"The key belongs to another seller: {name}, ID {key}, not {expected_id}."
    hint = "Correct the seller ID, or authorize the app at open.lazada.com as the right seller."
    fault = Step.failed(payouts.SHOP, words, hint, "company.other")
    return ConnectionReport.stopped(payouts.STEPS, *before, fault)


def begin(since: datetime) -> str:
    """Return the cursor from which every change at or after this moment shows."""
    start = int((since - ORDER_OVERLAP).timestamp())
    return _Cursor(start, start, paid_since=since.date().isoformat()).text()


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The position of a pull, in seconds since 1970.

    `began` is its start, `since` how far it came, and `skip` the number of orders of that second
    that were read. `paid_since` is the day from which statements are read (blank: not enabled yet),
    `next` the next statement (None: orders come first), and `unpaid` why statements could not be
    read.
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
        """Why payouts could not be read, for the page that still has orders."""
        return NoPage(words=self.unpaid) if self.unpaid else None


def page(cursor: str, settings: Settings, key: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """Return the page that follows a cursor."""
    shop = shop_of(settings, key, http)
    if isinstance(shop, NoPage):
        return shop
    position, with_payouts = _Cursor(*json.loads(cursor)), are_payouts_enabled(settings)
    if position.next is not None:
        return _payout_page(shop, position, zone)
    if not with_payouts or not position.paid_since:
        position = replace(
            position, paid_since=http.now().astimezone(zone).date().isoformat(), unpaid=""
        )
    parameters = {
        "update_after": datetime.fromtimestamp(position.since - 1, UTC).isoformat(),
        "sort_by": "updated_at",
        "sort_direction": "ASC",
        "limit": str(AT_ONCE),
        "offset": str(position.skip),
    }
    answer = shop.get(LIST, parameters)
    if isinstance(answer, NoPage):
        return answer
    listed = _objects(answer.get("orders") if isinstance(answer, Mapping) else None)
    if listed is None:
        return NoPage(words="Lazada answered with something that is not a list of orders.")
    pieces = _pieces(shop, [str(order.get("order_id")) for order in listed])
    if isinstance(pieces, NoPage):
        return pieces
    pulled = [
        _pulled(f"orders[{index}]", _with_items(order, pieces), zone)
        for index, order in enumerate(listed)
    ]
    after, more = _next_cursor(position, listed)
    if with_payouts and not more:
        after, more = replace(after, next=0), True
    return Page(found=pulled, after=after.text(), more=more, wrong=position.wrong)


def _payout_page(shop: Shop, position: _Cursor, zone: ZoneInfo) -> Page | NoPage:
    """Return the next payout; after the last, or if it cannot be read, this pull ends."""
    since, number = date.fromisoformat(position.paid_since), position.next or 0
    listed = statements(shop, since)
    if isinstance(listed, NoPage):
        return _page_without_payouts(position, listed)
    if number >= len(listed):
        today = shop.http.now().astimezone(zone).date()
        start = next_start(listed, since, today).isoformat()
        after = replace(position, next=None, unpaid="", paid_since=start)
        return Page(found=(), after=after.text(), more=False)
    payout = complete_statement(shop, listed[number], zone)
    if isinstance(payout, NoPage):
        return _page_without_payouts(position, payout)
    after = replace(position, next=number + 1)
    return Page(found=(payout,), after=after.text(), more=True, wrong=position.wrong)


def _page_without_payouts(position: _Cursor, failure: NoPage) -> Page:
    """Return a page that ends this pull; all statements from that day on are read with the next
    pull.
    """
    wrong = payouts_left(failure)
    after = replace(position, next=None, unpaid=wrong.words)
    return Page(found=(), after=after.text(), more=False, wrong=wrong)


def _objects(rows: object) -> list[Payload] | None:
    """Return the value if it is a list of objects, else None."""
    good = isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows)
    return rows if isinstance(rows, list) and good else None


def _pieces(shop: Shop, ids: list[str]) -> dict[str, list[Payload]] | NoPage:
    """Return order id -> pieces for several orders."""
    if not ids:
        return {}
    answer = shop.get(ITEMS, {"order_ids": f"[{','.join(ids)}]"})
    if isinstance(answer, NoPage):
        return answer
    orders = _objects(answer)
    lists = [_objects(order.get("order_items")) for order in orders or ()]
    if orders is None or None in lists:
        return NoPage(words="Lazada answered with something that is not a list of pieces.")
    return {
        str(order.get("order_id")): pieces
        for order, pieces in zip(orders, lists, strict=True)
        if pieces is not None
    }


def _pulled(place: str, order: Payload, zone: ZoneInfo) -> Pulled:
    read = read_short(place, order, records_of, zone)
    return Pulled(
        raw=dumps(order),
        records=tuple(result for result in read if isinstance(result, IncomingRecord)),
        errors=tuple(result for result in read if isinstance(result, RowError)),
    )


def _with_items(order: Payload, pieces: Mapping[str, list[Payload]]) -> Payload:
    """Return an order with its pieces, as a file has it."""
    return {**order, "order_items": pieces.get(str(order.get("order_id")), [])}


def _next_cursor(position: _Cursor, listed: list[Payload]) -> tuple[_Cursor, bool]:
    """Return the next cursor, and whether to continue at once."""
    moments = [moment for order in listed if (moment := Part("", order).when("updated_at"))]
    newest = max([position.since, *(int(moment.timestamp()) for moment in moments)])
    if len(listed) >= AT_ONCE:
        skip = 0 if newest > position.since else position.skip + len(listed)
        return replace(position, since=newest, skip=skip), True
    start = max(position.began, newest - int(ORDER_OVERLAP.total_seconds()))
    return replace(position, began=start, since=start, skip=0), False


def are_payouts_enabled(settings: Settings) -> bool:
    """Check whether the settings include payouts."""
    return settings.get(PAYOUT_SETTING) == ASKED_FOR


def statements(shop: Shop, since: date) -> list[Payload] | NoPage:
    """Return the statements created on or after this day, oldest first."""
    answer = shop.get(STATEMENTS, {"created_after": since.isoformat()})
    if isinstance(answer, NoPage):
        return answer
    listed = _objects(answer)
    if listed is None or any(_created_on(statement) is None for statement in listed):
        return NoPage(words="Lazada answered with something that is not a list of statements.")
    return sorted(
        listed,
        key=lambda statement: (str(_created_on(statement)), str(statement.get("statement_number"))),
    )


def _created_on(statement: Payload) -> date | None:
    """Return the day on which a statement was created, by the shop's clock."""
    try:
        return date.fromisoformat(str(statement.get("created_at"))[:10])
    except ValueError:
        return None


def next_start(listed: list[Payload], since: date, today: date) -> date:
    """Return the day from which the next pull reads: the oldest unpaid statement, or the newest."""
    created = [
        (_created_on(statement) or today, str(statement.get("paid")) == "1") for statement in listed
    ]
    waiting = [day for day, paid in created if not paid]
    newest = max((day for day, _ in created), default=since)
    return max(min([*waiting, newest]), today - PAYOUT_OVERLAP)


def complete_statement(shop: Shop, statement: Payload, zone: ZoneInfo) -> Pulled | NoPage:
    """Return a statement with its transactions as a payout."""
    created_on = _created_on(statement) or date.min
    # Lazada names the statement of a transaction by its days only, so these find its rows.
    rows = _read_transactions(shop, created_on, created_on - AROUND)
    days = [
        days_of_row
        for row in _rows_of_statement(rows, created_on)
        if (days_of_row := period(row.get("statement")))
    ]
    first = min((day for day, _ in days), default=created_on)
    if not isinstance(rows, NoPage) and first < created_on - AROUND:
        rows = _read_transactions(shop, created_on, first)
    if isinstance(rows, NoPage):
        return rows
    # a list that goes on may lack any transaction: the whole statement is too long
    content = {
        **statement,
        ROWS: rows if len(rows) >= _PAGES * SIZE else _rows_of_statement(rows, created_on),
    }
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for row in payouts_of("statements[0]", content, zone):
        if isinstance(row, RowError):
            errors.append(row)
        else:
            records.append(row)
    return Pulled(raw=dumps(content), records=tuple(records), errors=tuple(errors))


def _read_transactions(shop: Shop, created_on: date, since: date) -> list[Payload] | NoPage:
    """Return all transactions of these days once.

    The list may grow while it is read and repeat a row on the next page.
    """
    rows: dict[str, Payload] = {}
    for page in range(_PAGES):
        parameters = {
            "start_time": since.isoformat(),
            "end_time": created_on.isoformat(),
            "limit": str(SIZE),
            "offset": str(page * SIZE),
        }
        answer = shop.get(TRANSACTIONS, parameters)
        if isinstance(answer, NoPage):
            return answer
        page_rows = _objects(answer)
        if page_rows is None:
            return NoPage(
                words="Lazada answered with something that is not a list of transactions."
            )
        rows |= {json.dumps(row, sort_keys=True, default=str): row for row in page_rows}
        if len(page_rows) < SIZE:
            return list(rows.values())
    return list(rows.values())


def _rows_of_statement(rows: list[Payload] | NoPage, created_on: date) -> list[Payload]:
    """Return the rows whose days end the day before the statement was created."""
    if isinstance(rows, NoPage):
        return []
    ends = [(row, period(row.get("statement"))) for row in rows]
    return [row for row, days in ends if days and days[1] + timedelta(days=1) == created_on]


SOURCE: Source = Lazada()
