"""Signed sample deliveries, as NetShop would send them.

Here: an order and a settlement in NetShop's own form, and the headers that prove it. Not here:
reading one (connector.py); nothing of it is imported, so what it reads is not what it wrote itself.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery, ready to be posted."""

    headers: Mapping[str, str]
    raw: bytes


def delivery(
    records: Sequence[Mapping[str, Any]],
    *,
    event_id: str,
    secret: str,
    now: datetime,
    kind: str = "order",
) -> Delivery:
    """One order (or settlement), or several at once, signed at a moment."""
    told = {kind: records[0]} if len(records) == 1 else {f"{kind}s": list(records)}
    event = {"event": f"{kind}.updated", **told}
    raw = json.dumps(event, ensure_ascii=False, default=str).encode()
    return signed(raw, event_id=event_id, secret=secret, now=now)


def signed(raw: bytes, *, event_id: str, secret: str, now: datetime) -> Delivery:
    """Any body, signed at a moment."""
    timestamp = str(int(now.timestamp()))
    content = f"{timestamp}.{event_id}.".encode() + raw
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return Delivery(
        {
            "Content-Type": "application/json",
            "X-NS16-Timestamp": timestamp,
            "X-NS16-Signature": f"sha256={digest}",
            "X-NS16-Event-Id": event_id,
        },
        raw,
    )


def sample_order(order_id: int = 10231, **changed: Any) -> dict[str, Any]:
    """A plain paid order of two lines; `changed` replaces top-level fields."""
    return {
        "id": order_id,
        "number": f"NS-{order_id}",
        "status": "paid",
        "ordered_at": "2026-11-19T13:55:02+08:00",
        "paid_at": "2026-11-19T14:03:11+08:00",
        "updated_at": "2026-11-19T14:03:12+08:00",
        "currency": "MYR",
        "channel": "FPX",
        "customer": {
            "id": "C-88",
            "name": "Aisyah Rahman",
            "tin": "IG24680135790",
            "address": "12 Jalan Ampang, 50450 Kuala Lumpur",
        },
        "items": [
            {
                "pos": 1,
                "sku": "TEE-BLK-M",
                "name": "Tee, black, M",
                "uom": "PCS",
                "qty": 2,
                "price": "49.50",
                "tax": "SST",
            },
            {
                "pos": 2,
                "sku": "SHIP",
                "name": "Shipping",
                "uom": "PCS",
                "qty": 1,
                "price": "9.90",
                "tax": "NONE",
            },
        ],
        "subtotal": "108.90",
        "tax_total": "9.90",
        "round_off": "0.00",
        "total": "118.80",
        "version": 1,
        **changed,
    }


def sample_settlement(number: str = "ST-88", **changed: Any) -> dict[str, Any]:
    """A week's commission of a blogger, approved; `changed` replaces fields."""
    return {
        "id": number,
        "blogger": "B-12",
        "period": "2026-11-10/2026-11-16",
        "amount": "250.00",
        "currency": "MYR",
        "status": "approved",
        "paid_at": None,
        **changed,
    }
