"""The suite of sources over every source of webhooks that we have."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Accepted, IncomingRecord
from connectors.contract.pulls import Page
from connectors.kit.delivery import sign
from connectors.registry import read_file, sources
from sandbox.conformance.source_suite import Scheme, SourceSuite, StatesSuite
from tests.connectors import marketplaces, shopify, woocommerce
from tests.connectors.recorded import recorded
from tests.connectors.shop_database import shop_database
from tests.connectors.sources.test_sql import order as db_order
from tests.support.zones import SHOP_ZONE

NOW = marketplaces.NOW


def _netshop(raw: bytes, secret: str) -> dict[str, str]:
    stamp = str(int(NOW.timestamp()))
    names = ("X-NS16-Timestamp", "X-NS16-Event-Id", "X-NS16-Signature")
    return dict(zip(names, (stamp, "evt-1", sign(secret, stamp, "evt-1", raw)), strict=True))


def _shopee_state(status: str, moment: str, total: str) -> dict[str, Any]:
    order = {**marketplaces.recorded_order("shopee"), "order_status": status}
    order |= {"update_time": int(datetime.fromisoformat(moment).timestamp())}
    return {"response": {"order_list": [{**order, "total_amount": float(total)}]}}


def _lazada_state(status: str, moment: str, total: str) -> dict[str, Any]:
    order, at = marketplaces.recorded_order("lazada"), moment.replace("T", " ")[:19] + " +0800"
    shown = {"status": status, "updated_at": at, "shipping_amount": 0.0}
    pieces = [{**order["order_items"][0], **shown, "item_price": float(total)}]
    pieces[0] |= {"paid_price": float(total), "voucher_amount": 0.0}
    told: dict[str, Any] = {
        "updated_at": at,
        "statuses": [status],
        "price": total,
        "shipping_fee": 0.0,
    }
    told["items_count"] = 1
    return {"orders": [{**order, **told, "order_items": pieces}]}


def _of_marketplace(name: str) -> Scheme:
    """Their deliveries say only that something changed: an order is what the answers tell."""
    state, states = {
        "shopee": (_shopee_state, ("READY_TO_SHIP", "CANCELLED", "TO_RETURN")),
        "lazada": (_lazada_state, ("pending", "canceled", "returned")),
    }[name]
    return Scheme(
        state=state,
        states=states,
        told=lambda content: marketplaces.records(name, content),
        source=lambda: marketplaces.source_of(name),
        sign=lambda raw, secret: marketplaces.signed(name, raw, secret),
        body=marketplaces.webhook(name),
        signature="Authorization",
    )


_NETSHOP = json.loads(recorded("netshop", "order")["deliver"][0].body)


def _netshop_state(status: str, moment: str, total: str) -> dict[str, Any]:
    order = {**_NETSHOP["order"], "status": status, "updated_at": moment, "total": total}
    return {**_NETSHOP, "order": order}


def _woocommerce_state(status: str, moment: str, total: str) -> dict[str, Any]:
    utc = datetime.fromisoformat(moment).astimezone(UTC).isoformat()[:19]
    return woocommerce.order(status=status, date_modified_gmt=utc, total=total)


def _shopify_state(status: str, moment: str, total: str) -> dict[str, Any]:
    gone = {"cancelled_at": moment} if status == "cancelled" else {"financial_status": status}
    tip = Decimal(total) - Decimal("133.10")
    totals = {"total_price": total, "current_total_price": total, "total_tip_received": str(tip)}
    return shopify.body(updated_at=moment, **gone, **totals)


_INTAKE = {
    "kind": "order",
    "id": 7,
    "number": "SO-7",
    "status": "paid",
    "total": "99.00",
    "lines": [{"pos": 1, "sku": "TEE", "qty": "2", "price": "49.50"}],
}


def _intake(raw: bytes, secret: str) -> dict[str, str]:
    stamp = str(int(NOW.timestamp()))
    names = ("X-Clearpost-Timestamp", "X-Clearpost-Event-Id", "X-Clearpost-Signature")
    return dict(zip(names, (stamp, "evt-1", sign(secret, stamp, "evt-1", raw)), strict=True))


def _intake_state(status: str, moment: str, total: str) -> dict[str, Any]:
    return {"records": [{**_INTAKE, "status": status, "updated_at": moment, "total": total}]}


SCHEMES = {
    "netshop": Scheme(
        source=lambda: sources()["netshop"],
        sign=_netshop,
        body=_NETSHOP,
        signature="X-NS16-Signature",
        state=_netshop_state,
    ),
    "shopify": Scheme(
        source=lambda: sources()["shopify"],
        sign=lambda raw, secret: shopify.sent(raw, secret=secret)[0],
        body=shopify.body(),
        signature="X-Shopify-Hmac-Sha256",
        state=_shopify_state,
        totals=("138.10", "148.10"),
    ),
    "woocommerce": Scheme(
        source=lambda: sources()["woocommerce"],
        sign=woocommerce.signed,
        body=woocommerce.order(),
        signature="X-WC-Webhook-Signature",
        state=_woocommerce_state,
        states=("completed", "cancelled", "refunded"),
    ),
    "shopee": _of_marketplace("shopee"),
    "lazada": _of_marketplace("lazada"),
    "intake": Scheme(
        source=lambda: sources()["intake"],
        sign=_intake,
        body={"records": [_INTAKE]},
        signature="X-Clearpost-Signature",
        state=_intake_state,
    ),
}


@pytest.fixture(params=SCHEMES.values(), ids=list(SCHEMES))
def scheme(request: pytest.FixtureRequest) -> Scheme:
    found: Scheme = request.param
    return found


class TestEverySource(SourceSuite):
    """Each scheme."""


def _csv_state(status: str, moment: str, total: str) -> dict[str, Any]:
    return {"status": status, "updated_at": moment, "total": total}


def _of_a_file(content: Mapping[str, Any]) -> Sequence[IncomingRecord]:
    """A row of a CSV with this state."""
    row = {"number": "SO-7", **content, "pos": "1", "sku": "TEE", "qty": "2"}
    raw = "\n".join((",".join(row), ",".join(f'"{one}"' for one in row.values()))).encode()
    told = read_file("orders.csv", raw, SHOP_ZONE)
    assert isinstance(told, Accepted), told
    assert told.problems == ()
    return told.records


def _of_a_database(content: Mapping[str, Any]) -> Sequence[IncomingRecord]:
    """A row of a table with this state, read from before it changed."""
    with (
        pytest.MonkeyPatch.context() as patched,
        tempfile.TemporaryDirectory() as folder,
        shop_database("sqlite", Path(folder), patched.setenv) as shop,
    ):
        at = datetime.fromisoformat(content["updated_at"])
        shop.run(*db_order(7, at, status=content["status"], total=content["total"]))
        page = shop.page(sources()["sql"].begin(at - timedelta(days=1)), NOW)
        assert isinstance(page, Page), page
        return [record for one in page.found for record in one.records]


def _unsigned(name: str, told: Callable[[Mapping[str, Any]], Sequence[IncomingRecord]]) -> Scheme:
    return Scheme(
        source=lambda: sources()[name],
        sign=lambda raw, secret: {},
        body={},
        signature="",
        state=_csv_state,
        told=told,
    )


UNSIGNED = {"workbook": _of_a_file, "sql": _of_a_database}


class TestEveryOther(StatesSuite):
    """Those that send no webhooks: their orders in every state."""

    @pytest.fixture(params=UNSIGNED)
    def scheme(self, request: pytest.FixtureRequest) -> Scheme:
        return _unsigned(request.param, UNSIGNED[request.param])


def test_every_source_is_tried() -> None:
    hooked = {name for name, source in sources().items() if source.headers}
    assert hooked == SCHEMES.keys()
    assert sources().keys() - hooked == UNSIGNED.keys()


def test_the_orders_of_each_are_tried_with_their_states() -> None:
    assert [name for name, one in SCHEMES.items() if one.state is None] == []
    asked = {name for name, one in SCHEMES.items() if one.told is not None}
    assert asked == {"shopee", "lazada"}, "the others bring them"
