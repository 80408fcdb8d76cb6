"""Lazada: orders, returned pieces and payouts, by asking; a signed webhook has them asked for at
once.

Here: who may send webhooks, and what one or a file holds. Not here: the asking (pages.py), what an
order is made of (orders.py).

A webhook names an order and a status, never its pieces or amounts. So nothing of it becomes a
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
from connectors.sources.lazada import calls, pages, payout_pages, probe
from connectors.sources.lazada.kinds import KINDS, NAME, ORDER_WORDS, PIECE_WORDS
from connectors.sources.lazada.orders import Given, records_of
from connectors.sources.lazada.payouts import payouts_of
from connectors.transport.http import Http

SIGNATURE: Final = "authorization"
SPEAKS_OF: Final = ("trade_order_id", "reverse_order_id")

FORM = ConnectionForm(
    title="Lazada",
    gives="Orders, returned pieces and payouts, by asking the seller; a signed webhook has it "
    "asked at once",
    needs="An app of your own at open.lazada.com that the seller has authorized",
    settings=(
        declared.address(
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
            name=probe.SETTING,
            label="Seller ID",
            hint="The connection test compares it, so that no other shop's orders come. Blank: the "
            "test tells whose key it is.",
            example="1000165972",
        ),
        Setting(
            name=payout_pages.SETTING,
            label="Payouts",
            hint="Whether the statements of Lazada are asked for as well, with their transactions. "
            "Blank: no.",
            kind="choice",
            choices={payout_pages.ASKED_FOR: "Yes", "no": "No"},
            unset="Not set: no",
        ),
    ),
    key=KeyField(
        label="App secret and refresh token",
        hint="APP_SECRET:REFRESH_TOKEN. The secret signs; the token is exchanged for another "
        "automatically.",
        steps=(
            "At open.lazada.com open your app and copy its app secret.",
            "Authorize the app for the seller, and exchange the code for a refresh token.",
            "Store APP_SECRET:REFRESH_TOKEN here before webhooks are switched on.",
            "In the app open Push Mechanism and enter the address of this connection.",
            "Subscribe to Trade Order and Reverse Order notifications.",
            "For payouts, let the app read the Finance API, and set “Payouts” above to yes.",
        ),
    ),
)


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
        value = parsed(raw)
        if isinstance(value, SourceRefusal):
            return value
        if not isinstance(value, Mapping) or not _whole(value.get("message_type")):
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
        value = parsed(raw)
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
        return taken(read, "file-" + hashlib.sha256(raw).hexdigest(), "")

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
        signed = self._sign(lasting_keys.secret_in(secret), raw)
        headers = {"Content-Type": "application/json", "Authorization": signed}
        words = (
            "The signature is HMAC-SHA256 with the app secret, in hexadecimal, over the app key and"
            " the body, with nothing between them."
        )
        return ExampleCall(headers=headers, body=raw, signed=words)

    def begin(self, since: datetime) -> str:
        """The cursor from which everything shows that changed at this moment or later."""
        return pages.begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Orders with their pieces that changed after a cursor; then payouts where wanted."""
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

    def _sign(self, secret: str, raw: bytes) -> str:
        text = str(self.settings.get("app_key") or "").strip().encode() + raw
        return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()

    def _unproved(self, given: str, raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
        if not given:
            words = "The header Authorization is missing."
            return SourceRefusal(401, "not_signed", words, "Let Lazada send the webhook.")
        said = given.encode("utf-8", "replace")
        keys = [key for one in secrets if (key := lasting_keys.secret_in(one))]
        good = [hmac.compare_digest(self._sign(key, raw).encode(), said) for key in keys]
        if any(good):
            return None
        words = "The signature does not match the app key and the body."
        hint = "Give this connection the app key and the app secret of the app that sends webhooks."
        return SourceRefusal(401, "bad_signature", words, hint)


def _speaks_of_an_order(data: object) -> bool:
    return isinstance(data, Mapping) and any(data.get(name) for name in SPEAKS_OF)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _records(place: str, order: Given, zone: ZoneInfo) -> Sequence[Read]:
    long = too_long_lists(place, order)
    if long or "statement_number" not in order:
        return [long] if long else records_of(place, order, zone)
    told = payouts_of(place, order, zone)
    return [one if isinstance(one, IncomingRecord) else (one,) for one in told]


def _listed(value: object) -> Iterator[tuple[str, Given]]:
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


SOURCE: Source = Lazada()
