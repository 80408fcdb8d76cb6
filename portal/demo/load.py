"""Sends the sample month: signed webhooks to a running portal, and the stall's workbook.

Here: what NetShop, or another sending system, would do; what happens in a target. Not here:
what is sent (generator.py, depot.py), or what becomes of it.
"""

import csv
import hashlib
import hmac
import http.client
import io
import json
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from portal.demo.generator import Delivery
from portal.demo.order import Order

ORDER_COLUMNS = (
    "id",
    "number",
    "status",
    "ordered_on",
    "paid_at",
    "updated_at",
    "channel",
    "currency",
    "customer",
    "customer_name",
    "tin",
    "address",
    "subtotal",
    "tax_total",
    "round_off",
    "total",
    "created_by",
    "approved_by",
    "approved_version",
    "version",
)
ITEM_COLUMNS = (
    "pos",
    "sku",
    "name",
    "uom",
    "qty",
    "price",
    "discount",
    "tax",
    "delivered_qty",
    "returned_qty",
)


@dataclass(frozen=True, slots=True)
class Hook:
    """The address of a webhook, the secret that both sides know, and how its headers begin."""

    address: str
    path: str
    secret: str
    headers: str = "X-NS16"

    def send(self, deliveries: Iterable[Delivery], now: datetime) -> int:
        """Call once for each delivery, in order; how many calls were made."""
        return self.post(((each.event_id, body_of(each)) for each in deliveries), now)

    def post(self, calls: Iterable[tuple[str, bytes]], now: datetime) -> int:
        """Call once for each event id with its bytes, in order; how many calls were made."""
        line = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        made = 0
        try:
            for event_id, raw in calls:
                line.request("POST", self.path, raw, self._signed(event_id, raw, now))
                answer = line.getresponse()
                said = answer.read()
                if answer.status not in (200, 202):
                    message = f"{event_id}: {answer.status} {said[:300]!r}"
                    raise RuntimeError(message)
                made += 1
        finally:
            line.close()
        return made

    def _signed(self, event_id: str, raw: bytes, now: datetime) -> dict[str, str]:
        stamp = str(int(now.timestamp()))
        content = f"{stamp}.{event_id}.".encode() + raw
        digest = hmac.new(self.secret.encode(), content, hashlib.sha256)
        return {
            "Content-Type": "application/json",
            f"{self.headers}-Timestamp": stamp,
            f"{self.headers}-Signature": f"sha256={digest.hexdigest()}",
            f"{self.headers}-Event-Id": event_id,
        }


def there(target: str, act: str, **given: object) -> None:
    """What somebody does in a target itself, or bad luck: its stand-in is told."""
    asked = urllib.request.Request(f"{target}/_sim/{act}", json.dumps(given).encode())  # noqa: S310
    with urllib.request.urlopen(asked, timeout=10):  # noqa: S310 - on this machine
        return


def body_of(delivery: Delivery) -> bytes:
    """What is sent for a delivery; equal deliveries give equal bytes."""
    orders = [order.wire() for order in delivery.orders]
    content: dict[str, object] = {"event": delivery.event}
    if len(orders) == 1:
        content["order"] = orders[0]
    else:
        content["orders"] = orders
    return json.dumps(content, ensure_ascii=False).encode()


def stall_sheet(orders: Iterable[Order]) -> bytes:
    """The stall's CSV file: one row a line, each with its order's values."""
    out = io.StringIO()
    sheet = csv.DictWriter(out, [*ORDER_COLUMNS, *ITEM_COLUMNS], lineterminator="\n")
    sheet.writeheader()
    for order in orders:
        head = order.sheet_row()
        for line in order.lines:
            cells = {**head, **line.wire()}
            sheet.writerow({name: cells.get(name) for name in sheet.fieldnames})
    return out.getvalue().encode()
