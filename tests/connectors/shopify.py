"""What Shopify sends, for tests: the recorded bodies, changed and signed anew."""

import base64
import copy
import hashlib
import hmac
import json
from datetime import UTC, datetime

from connectors.contract import Accepted
from connectors.registry import sources
from tests.connectors.recorded import recorded
from tests.support.zones import SHOP_ZONE

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
SECRET = "hush"


def body(name="order", **changed):
    """The body of a recorded delivery; `changed` replaces top-level values."""
    (call,) = recorded("shopify", name)["deliver"]
    return {**copy.deepcopy(json.loads(call.body)), **changed}


def sent(given, *, topic="orders/updated", event="evt-1", secret=SECRET, **headers):
    """Headers and bytes of a webhook."""
    raw = given if isinstance(given, bytes) else json.dumps(given).encode()
    signed = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    told = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signed,
        "X-Shopify-Event-Id": event,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return told, raw


def accept(given, *, secrets=(SECRET,), **how):
    """What the source makes of a webhook."""
    headers, raw = sent(given, **how)
    return sources()["shopify"].accept(headers, raw, secrets, NOW, SHOP_ZONE)


def record(given, kind="order", **how):
    """The one record of a kind in it."""
    answer = accept(given, **how)
    assert isinstance(answer, Accepted), answer
    assert answer.problems == ()
    (found,) = [one for one in answer.records if one.kind == kind]
    return found


def wrong(given, **how):
    """What is wrong with it, by place."""
    return {
        one.where: one.message
        if one.stated is None
        else f"{one.message} {one.stated} stated, {one.computed} computed."
        for one in accept(given, **how).problems
    }
