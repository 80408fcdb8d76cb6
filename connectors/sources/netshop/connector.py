"""NetShop: orders with their refunds, deliveries, purchases, settlements and payouts, by signed
webhook, from a JSON file, or by asking for what changed.

Here: what is asked of who connects it, and what it can do. Not here: what a delivery holds
(contents.py), who may deliver (kit/signed_webhooks.py), the asking (changes.py).
"""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.contract import (
    ConnectionForm,
    ConnectionReport,
    IncomingRecord,
    RowError,
    Settings,
    Source,
    SourceRefusal,
)
from connectors.contract import declared_settings as declared
from connectors.contract.pulls import NoPage, Page
from connectors.kit.signed_webhooks import Placed, SignedJson
from connectors.sources.netshop import changes, contents
from connectors.sources.netshop.kinds import KINDS, NAME
from connectors.transport.http import Http

FORM = ConnectionForm(
    title="NetShop",
    gives="Orders with their refunds, deliveries, purchases, settlements and payouts, by signed"
    " webhook, from a JSON file, or by asking for what changed",
    needs="Access to the settings of NetShop",
    settings=(
        declared.address(
            "https://netshop.example",
            "The address at which NetShop lists what changed, so that Clearpost can ask for what"
            " webhooks missed. Blank: it only waits for webhooks.",
            required=False,
        ),
    ),
    key=declared.made_key(
        "In NetShop go to Settings > Notifications > Add: order paid, changed, refunded.",
        "Paste the address and the secret, and switch on signing.",
    ),
)


class NetShop(SignedJson):
    """The source `netshop`."""

    name = NAME
    form = FORM
    kinds = KINDS
    suffixes = (".json",)
    headers = "x-ns16"
    calls_a_minute = 60

    def sample(self, now: datetime) -> Mapping[str, object]:
        """One paid order of RM 60.00."""
        moment = now.isoformat(timespec="seconds")
        return {
            "order": {
                "id": "TEST-1",
                "number": "NS-TEST-1",
                "status": "paid",
                "currency": "MYR",
                "ordered_at": moment,
                "paid_at": moment,
                "customer": {"id": "C-102", "name": "Boon & Co"},
                "items": [{"pos": 1, "sku": "CUP-30", "name": "Cup", "qty": 4, "price": "15.00"}],
                "total": "60.00",
            }
        }

    def found(self, value: object) -> list[Placed] | SourceRefusal:
        """What a delivery holds: one or many of each kind."""
        return contents.found(value)

    def record(
        self, place: str, given: object, zone: ZoneInfo
    ) -> tuple[IncomingRecord | RowError, ...]:
        """What stands at a place, as records."""
        return contents.read(place, given, zone)

    def begin(self, since: datetime) -> str:
        """The cursor of a moment."""
        return changes.begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """What follows a cursor."""
        return changes.page(cursor, settings, secret, zone, http)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Whether NetShop can be asked, a step a line."""
        return changes.tested(settings, secret, http)


SOURCE: Source = NetShop()
