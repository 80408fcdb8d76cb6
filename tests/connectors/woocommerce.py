"""Deliveries of WooCommerce, written by hand: nothing of them is made by its stand-in."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.contract import Accepted, SourceRefusal
from connectors.registry import sources
from tests.support.zones import SHOP_ZONE

SECRET = "hush"
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
WIRE = Path(__file__).parent / "wire" / "woocommerce"


def sample(name: str = "order") -> dict[str, Any]:
    """One of the samples that stand in `wire/woocommerce`."""
    found: dict[str, Any] = json.loads((WIRE / f"{name}.json").read_text("utf-8"))
    return found


def order(**changed: Any) -> dict[str, Any]:
    """The sample order, with other fields at its top."""
    return {**sample(), **changed}


def signed(raw: bytes, secret: str = SECRET, **headers: str) -> dict[str, str]:
    """The headers of a delivery."""
    digest = hmac.new(secret.encode(), raw, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-WC-Webhook-Topic": "order.updated",
        "X-WC-Webhook-Resource": "order",
        "X-WC-Webhook-Event": "updated",
        "X-WC-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-WC-Webhook-ID": "12",
        "X-WC-Webhook-Delivery-ID": "9c0e2d8bcbd18a6ec94e81a0db7a1a27",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }


def accept(content: object, *, secrets: tuple[str, ...] = (SECRET,)) -> Accepted | SourceRefusal:
    """What the source says to a signed delivery of this content."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return sources()["woocommerce"].accept(signed(raw), raw, secrets, NOW, SHOP_ZONE)


def body(content: object) -> dict[str, Any]:
    """The canonical order of a delivery."""
    answer = accept(content)
    assert isinstance(answer, Accepted), answer
    assert answer.problems == (), answer.problems
    return answer.records[0].body
