"""Shopee: orders, returns and payouts, by asking; a signed webhook has them asked for at once.

Here: who may send webhooks, and what one or a file holds. Not here: the asking (pages.py), what an
order is made of (orders.py).

A webhook names an order and its status, never its lines or amounts. So nothing of it becomes a
record: it only lets the shop be asked (docs/decisions/0082-a-webhook-that-is-a-hint.md).
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from connectors.contract import (
    Accepted,
    ConnectionForm,
    ConnectionReport,
    ExampleCall,
    IncomingRecord,
    KeyField,
    Setting,
    Settings,
    Source,
    SourceRefusal,
)
from connectors.contract import declared_settings as declared
from connectors.contract.pulls import NoPage, Page
from connectors.contract.targets import Renewed
from connectors.kit.delivery_counts import too_long_lists, too_many
from connectors.kit.keys import lasting_keys
from connectors.kit.shops.delivery_reading import Read, parsed, taken
from connectors.kit.signed_webhooks import too_large
from connectors.sources.shopee import calls, pages, payout_pages, probe
from connectors.sources.shopee.kinds import KINDS, NAME, RETURN_WORDS, STATUS_WORDS
from connectors.sources.shopee.orders import Given, order_of, refund_of
from connectors.sources.shopee.payouts import payouts_of
from connectors.transport.http import Http

SIGNATURE: Final = "authorization"
TEST: Final = 0
"""The code of the webhook that tries a new address."""
SPEAKS_OF: Final = ("ordersn", "order_sn", "return_sn")

FORM = ConnectionForm(
    title="Shopee",
    gives="Orders, returns and payouts, by asking the shop; a signed webhook has it asked at once",
    needs="An app of your own at open.shopee.com that the shop has authorized",
    settings=(
        declared.address(
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
            name=payout_pages.SETTING,
            label="Payouts",
            hint="Whether what Shopee released is asked for as well, and of how many days one "
            "payout is: those of one transfer to your bank. Blank: no.",
            kind="choice",
            choices={**payout_pages.WAYS, "no": "No"},
            unset="Not set: no",
        ),
        Setting(
            name=payout_pages.FROM,
            label="Payouts from this day on",
            hint="Change from days to weeks, or back, only together with the day after your last "
            "payout here: else the same money comes twice. Blank: from the first whole day.",
            example="2026-11-16",
            kind="day",
        ),
        Setting(
            name=payout_pages.CURRENCY,
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
        steps=(
            "At open.shopee.com open your app and copy its partner key.",
            "Authorize the app for the shop, and exchange the code for a refresh token.",
            "Store PARTNER_KEY:REFRESH_TOKEN here before webhooks are switched on.",
            "In the app open Push Mechanism and enter the address of this connection, exactly.",
            "Switch on order_status_push and those of returns.",
            "For payouts, let the app read payments (module Payment), and set “Payouts” above.",
        ),
    ),
)


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
        value = parsed(raw)
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
        value = parsed(raw)
        if isinstance(value, SourceRefusal):
            return value
        found = list(_listed(value))
        if not found:
            words = "The file holds no order, no return and no payout."
            return SourceRefusal(422, "no_order", words, "Use an answer of get_order_detail.")
        if refused := too_many([one for _, _, one in found]):
            return refused
        read = (told for one in found for told in _records(*one, zone))
        return taken(read, "file-" + hashlib.sha256(raw).hexdigest(), "")

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """A webhook that says that an order is paid, signed as Shopee does."""
        moment = int(now.timestamp())
        data = {"ordersn": event_id, "status": "READY_TO_SHIP", "update_time": moment}
        shop = str(self.settings.get("shop_id") or "88")
        told = {"code": 3, "shop_id": int(shop) if shop.isdecimal() else shop, "timestamp": moment}
        raw = json.dumps({**told, "data": data}).encode()
        signed = _sign(lasting_keys.secret_in(secret), self.address, raw)
        headers = {"Content-Type": "application/json", "Authorization": signed}
        words = (
            "The signature is HMAC-SHA256 with the partner key, in hexadecimal, over the whole"
            " address above, a bar (|) and the body."
        )
        return ExampleCall(headers=headers, body=raw, signed=words)

    def begin(self, since: datetime) -> str:
        """The cursor from which everything shows that changed at this moment or later."""
        return pages.begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Orders, then returns, that changed after a cursor; then payouts where they are wanted."""
        return pages.page(cursor, settings, secret, zone, http)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Whether the shop can be asked, a step a line."""
        return probe.report(settings, secret, http)

    def is_due(self, secret: str, now: datetime) -> bool:
        """Whether the access token has to be exchanged before the next call."""
        return lasting_keys.is_due(secret, now)

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Whether a refused token may only have ended early."""
        return lasting_keys.may_be_over(secret, now, calls.LASTS)

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Exchange the refresh token for the next pair."""
        return calls.renewed(settings, secret, http)

    def _own_shop(self, webhook: Given) -> bool:
        """An app has one address for the webhooks of all shops that authorized it."""
        own = str(self.settings.get("shop_id") or "").strip()
        return not own or str(webhook.get("shop_id")) == own

    def _unproved(self, given: str, raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
        if not given:
            words = "The header Authorization is missing."
            return SourceRefusal(401, "not_signed", words, "Let Shopee send the webhook.")
        said = given.encode("utf-8", "replace")
        keys = [key for one in secrets if (key := lasting_keys.secret_in(one))]
        good = [hmac.compare_digest(_sign(key, self.address, raw).encode(), said) for key in keys]
        if any(good):
            return None
        words = "The signature does not match the address and the body."
        hint = (
            "Give this connection the partner key of the app, and enter its address in the app "
            "exactly as the page of the connection shows it."
        )
        return SourceRefusal(401, "bad_signature", words, hint)


_MAKE: Final = {"order": order_of, "refund": refund_of}
_LISTS: Final = {"order_list": "order", "return": "refund", "payouts": "payout"}
_MARKS: Final = {"order_sn": "order", "return_sn": "refund"}


def _records(place: str, kind: str, given: Given, zone: ZoneInfo) -> Iterator[Read]:
    if long := too_long_lists(place, given):
        yield long
    elif kind != "payout":
        yield _MAKE[kind](place, given, zone)
    else:
        for one in payouts_of(place, given, zone):
            yield one if isinstance(one, IncomingRecord) else (one,)


def _sign(secret: str, address: str, raw: bytes) -> str:
    text = address.encode() + b"|" + raw
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def _speaks_of_an_order(data: object) -> bool:
    return isinstance(data, Mapping) and any(data.get(name) for name in SPEAKS_OF)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(value: object) -> Iterator[tuple[str, str, Given]]:
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


SOURCE: Source = Shopee()
