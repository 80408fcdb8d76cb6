"""What Shopee and Lazada send and answer, for tests: recorded, changed and signed anew."""

import copy
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.contract import Accepted, IncomingRecord, RowError, Source, SourceRefusal
from connectors.registry import sources
from tests.support.zones import SHOP_ZONE

NOW = datetime(2026, 11, 20, 2, 0, 6, tzinfo=UTC)
SECRET = "hush"
KEY = f"{SECRET}:ref:tok:4102444800"
ADDRESS = "https://clearpost.example/hooks/kedai/{}"
SETTINGS: dict[str, dict[str, str]] = {
    "shopee": {"base_url": "https://recorded.example", "partner_id": "2001234", "shop_id": "88"},
    "lazada": {
        "base_url": "https://recorded.example",
        "token_url": "https://recorded.example",
        "app_key": "123456",
    },
}
WIRE = Path(__file__).parent / "wire"
WEBHOOKS: dict[str, dict[str, Any]] = {
    "shopee": {
        "code": 3,
        "shop_id": 88,
        "timestamp": 1763600000,
        "data": {"ordersn": "2511190001", "status": "SHIPPED", "update_time": 1763600000},
    },
    "lazada": {
        "seller_id": "1234567",
        "message_type": 0,
        "data": {"order_status": "shipped", "trade_order_id": "300", "status_update_time": 1},
        "timestamp": 1763600000530,
        "site": "lazada_my",
    },
}


def source_of(name: str, **settings: str) -> Source:
    """The source as a connection has it."""
    found: Any = sources()[name]
    bound: Source = found.bound({**SETTINGS[name], **settings}, ADDRESS.format(name))
    return bound


def webhook(name: str, **changed: Any) -> dict[str, Any]:
    """A webhook about an order, with other fields at its top."""
    return {**copy.deepcopy(WEBHOOKS[name]), **changed}


def signed(name: str, raw: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a webhook, signed as the contract sheet says."""
    text = {"shopee": f"{ADDRESS.format(name)}|", "lazada": "123456"}[name].encode() + raw
    digest = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Authorization": digest}


def accept(
    name: str, given: object, *, secrets: tuple[str, ...] = (KEY,), secret: str = SECRET
) -> Accepted | SourceRefusal:
    """What the source makes of a webhook."""
    raw = given if isinstance(given, bytes) else json.dumps(given).encode()
    return source_of(name).accept(signed(name, raw, secret), raw, secrets, NOW, SHOP_ZONE)


def recorded_order(name: str) -> dict[str, Any]:
    """The order of the recorded file."""
    told = json.loads((WIRE / name / f"order.{name}.json").read_text("utf-8"))
    inner = told.get("response", {}).get("order_list") or told["orders"]
    order: dict[str, Any] = inner[0]
    return order


def recorded_return() -> dict[str, Any]:
    """The return of Shopee's recorded file."""
    told = json.loads((WIRE / "shopee" / "refund.shopee.json").read_text("utf-8"))
    back: dict[str, Any] = told["response"]["return"][0]
    return back


def read(name: str, content: object) -> Accepted | SourceRefusal:
    """What the source makes of a file."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return source_of(name).read(f"a.{name}.json", raw, SHOP_ZONE)


def records(name: str, content: object) -> list[IncomingRecord]:
    """The records of a file without errors."""
    told = read(name, content)
    assert isinstance(told, Accepted), told
    assert told.problems == (), told.problems
    return list(told.records)


def errors(name: str, content: object) -> dict[str, str]:
    """What is wrong with a file, by place."""
    told = read(name, content)
    assert isinstance(told, Accepted), told
    found: tuple[RowError, ...] = told.problems
    return {one.where: one.message for one in found}
