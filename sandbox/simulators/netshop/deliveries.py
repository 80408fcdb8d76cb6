"""Build signed sample deliveries as NetShop sends them.

It imports nothing of the product, so that the connector never reads what its own code wrote.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

_SEN: Final = Decimal("0.01")
_TAX: Final = Decimal("0.08")


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
    """Return the signed delivery of one or several orders or settlements."""
    plural = {"delivery": "deliveries"}.get(kind, f"{kind}s")
    payload = {kind: records[0]} if len(records) == 1 else {plural: list(records)}
    event = {"event": f"{kind}.updated", **payload}
    raw = json.dumps(event, ensure_ascii=False, default=str).encode()
    return signed(raw, event_id=event_id, secret=secret, now=now)


def signed(raw: bytes, *, event_id: str, secret: str, now: datetime) -> Delivery:
    """Return the signed delivery of any body."""
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
    """Return a plain paid order of two lines; `changed` replaces top-level fields."""
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
    """Return a blogger's approved weekly commission; `changed` replaces fields."""
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


def sample_delivery(number: str = "DO-7001", **changed: Any) -> dict[str, Any]:
    """Return a complete delivery of an order's goods; `changed` replaces fields."""
    return {
        "id": number,
        "number": number,
        "status": "delivered",
        "order": "NS-10231",
        "delivered_at": "2026-11-20T10:15:00+08:00",
        "updated_at": "2026-11-20T10:15:01+08:00",
        "customer": {"id": "C-88", "name": "Aisyah Rahman", "tin": "IG24680135790"},
        "registration": "202001234567",
        "branch": "KL",
        "warehouse": "W1",
        "created_by": "Mei",
        "approved_by": "Ravi",
        "approved_version": 1,
        "version": 1,
        "company_code": "kedai",
        "items": [
            {
                "pos": 1,
                "sku": "TEE-BLK-M",
                "name": "Tee, black, M",
                "uom": "PCS",
                "qty": 2,
                "order_line": 1,
            }
        ],
        **changed,
    }


def sample_purchase(number: str = "PR-301", **changed: Any) -> dict[str, Any]:
    """Return an approved purchase request; `changed` replaces fields."""
    return {
        "id": number,
        "number": number,
        "status": "approved",
        "ordered_at": "2026-11-18T09:00:00+08:00",
        "updated_at": "2026-11-18T11:30:00+08:00",
        "supplier": {"id": "S-40", "name": "Kilang Tekstil Sdn Bhd", "tin": "C20880050010"},
        "registration": "198801005678",
        "branch": "KL",
        "warehouse": "W1",
        "created_by": "Mei",
        "approved_by": "Ravi",
        "approved_version": 2,
        "version": 2,
        "company_code": "kedai",
        "items": [
            {
                "pos": 1,
                "sku": "TEE-BLK-M",
                "name": "Tee, black, M",
                "uom": "CTN",
                "qty": 5,
                "price": "960.00",
                "tax": "NONE",
            }
        ],
        "tax_total": "0.00",
        "total": "4800.00",
        **changed,
    }


def sample_payout(number: str = "PO-2026-47", **changed: Any) -> dict[str, Any]:
    """Return a paid payout of one order less a fee and its tax; `changed` replaces fields."""
    order = {"order": 10231, "number": "NS-10231"}
    lines = (
        ("sale", "Order NS-10231", "118.80"),
        ("fee", "Payment gateway", "-3.56"),
        ("fee_tax", "Service tax", "-0.28"),
    )
    return {
        "id": number,
        "status": "paid",
        "currency": "MYR",
        "deposited_on": "2026-11-20",
        "bank_ref": "IBG-5512",
        "updated_at": "2026-11-20T09:30:00+08:00",
        "gross": "118.80",
        "refunds": "0.00",
        "fees": "3.56",
        "fee_tax": "0.28",
        "adjustments": "0.00",
        "net": "114.96",
        "deposit": "114.96",
        "lines": [
            {"id": f"{number}-{at}", "kind": kind, **order, "name": name, "amount": amount}
            for at, (kind, name, amount) in enumerate(lines, 1)
        ],
        **changed,
    }


def payout_of(
    number: str,
    orders: Sequence[Mapping[str, Any]],
    *,
    fee: Decimal = Decimal("0.03"),
    **changed: Any,
) -> dict[str, Any]:
    """Return a payout of these orders: their totals, less a fee of this share and 8% tax on it.

    `changed` replaces fields, such as a deposit that is a sen short.
    """
    sums = {"sale": Decimal(0), "fee": Decimal(0), "fee_tax": Decimal(0)}
    lines: list[dict[str, Any]] = []
    for order in orders:
        total = Decimal(str(order["total"]))
        cost = (total * fee).quantize(_SEN)
        amounts = {"sale": total, "fee": -cost, "fee_tax": -(cost * _TAX).quantize(_SEN)}
        for kind, amount in amounts.items():
            sums[kind] += amount
            about = {"order": order["id"], "number": order["number"], "amount": str(amount)}
            lines.append({"id": f"{number}-{len(lines) + 1}", "kind": kind, **about})
    net = str(sum(sums.values()))
    totals = {
        "gross": str(sums["sale"]),
        "refunds": "0.00",
        "fees": str(-sums["fee"]),
        "fee_tax": str(-sums["fee_tax"]),
        "adjustments": "0.00",
    }
    fields = {**totals, "net": net, "deposit": net, "lines": lines, **changed}
    return sample_payout(number, **fields)
