"""WooCommerce: orders and refunds by signed webhook, from a JSON file, or by asking the shop.

Here: who may deliver, and what a delivery holds. Not here: what an order becomes (orders.py), the
asking (order_pages.py).

Only the body is signed. So neither the topic nor the id of a delivery proves anything; the id is
even the same for all deliveries of one second. A delivery is known by its signature.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
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
)
from connectors.contract import declared_settings as declared
from connectors.contract.pulls import NoPage, Page
from connectors.contract.sources import Withdrawn
from connectors.kit.delivery_counts import too_long_lists, too_many
from connectors.kit.shops.delivery_reading import parsed
from connectors.kit.signed_webhooks import body_signed, too_large
from connectors.sources.woocommerce import order_pages, probe
from connectors.sources.woocommerce.kinds import KINDS, NAME
from connectors.sources.woocommerce.orders import TRASH, Given, records_of
from connectors.transport.http import Http

SIGNATURE: Final = "x-wc-webhook-signature"
TOPIC: Final = "x-wc-webhook-topic"
_ORDERS: Final = "order."
_PING: Final = b"webhook_id="
_LONGEST_PING: Final = 64
_MARKS: Final = {"line_items", "status"}
_HINT: Final = "Let webhooks of the topics Order created, updated, deleted and restored come here."

FORM = ConnectionForm(
    title="WooCommerce",
    gives="Orders and refunds, by signed webhook, from a JSON file, or by asking the shop",
    needs="An administrator of the shop, for its webhooks and for a REST API key",
    settings=(
        declared.address(
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


class WooCommerce:
    """The source `woocommerce`."""

    name = NAME
    form = FORM
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
        return _of_something_else(raw, topic) or _read(
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
        return _read(raw, "file-" + hashlib.sha256(raw).hexdigest(), "", zone, signed=False)

    def begin(self, since: datetime) -> str:
        """The cursor of a moment."""
        return order_pages.begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """What follows a cursor."""
        return order_pages.page(cursor, settings, secret, zone, http)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Whether the shop can be asked, a step a line."""
        return probe.report(settings, secret, http)


def _is_ping(lower: Mapping[str, str], raw: bytes) -> bool:
    """What nobody signs, and what says nothing but that a webhook was made."""
    short = raw.startswith(_PING) and len(raw) <= _LONGEST_PING
    return short and raw.removeprefix(_PING).isdigit() and SIGNATURE not in lower


def _of_something_else(raw: bytes, topic: str) -> SourceRefusal | None:
    """Why a deletion is not taken: its body is an id alone, which a customer may have, too. The
    topic is not signed; it can only keep a deletion out.
    """
    value = parsed(raw)
    if not topic or topic.startswith(_ORDERS) or not isinstance(value, Mapping):
        return None
    if not _is_gone(value):
        return None
    words = f"The delivery says that something else was deleted ({topic[:50]}), and no order."
    return SourceRefusal(422, "no_order", words, _HINT)


def _unproved(given: str, raw: bytes, secrets: Sequence[str]) -> SourceRefusal | None:
    if not given:
        words = "The header X-WC-Webhook-Signature is missing."
        return SourceRefusal(401, "not_signed", words, "Let WooCommerce send the webhook.")
    if body_signed(raw, given, [order_pages.hook_secret(one) for one in secrets]):
        return None
    words = "The signature does not match the body."
    hint = "Give the webhook in WooCommerce the secret that the key of this connection begins with."
    return SourceRefusal(401, "bad_signature", words, hint)


def _read(
    raw: bytes, delivery_id: str, signature: str, zone: ZoneInfo, *, signed: bool
) -> Accepted | SourceRefusal:
    value = parsed(raw)
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


def _records(
    place: str, order: Given, zone: ZoneInfo
) -> tuple[Sequence[IncomingRecord], Sequence[RowError]]:
    long = too_long_lists(place, order)
    return ((), long) if long else records_of(place, order, zone)


def _is_gone(value: Given) -> bool:
    """The webhook of a deleted order has nothing but its id."""
    key = value.get("id")
    return value.keys() == {"id"} and isinstance(key, int) and not isinstance(key, bool)


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


SOURCE: Source = WooCommerce()
