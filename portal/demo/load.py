"""Sends the sample month: signed webhooks to a running portal, and the stall's workbook.

Here: what NetShop would do. Not here: what it sends (generator.py), or what becomes of it.
"""

import csv
import hashlib
import hmac
import http.client
import io
import json
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
    """The address of a webhook, and the secret that both sides know."""

    address: str
    path: str
    secret: str

    def send(self, deliveries: Iterable[Delivery], now: datetime) -> int:
        """Call once for each delivery, in order; how many calls were made."""
        line = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        made = 0
        try:
            for delivery in deliveries:
                raw = body_of(delivery)
                line.request("POST", self.path, raw, self._headers(delivery.event_id, raw, now))
                answer = line.getresponse()
                said = answer.read()
                if answer.status not in (200, 202):
                    message = f"{delivery.event_id}: {answer.status} {said[:300]!r}"
                    raise RuntimeError(message)
                made += 1
        finally:
            line.close()
        return made

    def _headers(self, event_id: str, raw: bytes, now: datetime) -> dict[str, str]:
        stamp = str(int(now.timestamp()))
        digest = hmac.new(self.secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256)
        return {
            "Content-Type": "application/json",
            "X-NS16-Timestamp": stamp,
            "X-NS16-Signature": f"sha256={digest.hexdigest()}",
            "X-NS16-Event-Id": event_id,
        }


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
