"""Samples that shops publish, and a public trading database, read where they are: each becomes a
record or a refusal in words; none raises.
"""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.registry import read_file, sources, targets
from connectors.transport.http import HttpAnswer
from tests.connectors import marketplaces, shopify, woocommerce
from tests.connectors.simulator_processes import SAMPLES
from tests.support.zones import SHOP_ZONE

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
SHOPS = {"lazada": 9, "shopee": 15, "shopify": 20, "woocommerce": 4}
"""How many samples there are of each shop, without their licences."""
ANSWERS, TABLES, ORDERS = 12, 7, 300
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


def skipped(count: int, what: str) -> pytest.MarkDecorator:
    reason = f"NO SHARED DATA: {count} {what} were not read"
    return pytest.mark.skipif(not SHARED.is_dir(), reason=reason)


def samples(folder: str) -> list[Path]:
    found = sorted((SHARED / "payloads" / folder).iterdir())
    return [one for one in found if not one.name.startswith("LICENSE")]


def judged(answer: Accepted | SourceRefusal) -> str:
    """What became of a delivery, in one word; whatever it is, a person can read why."""
    if isinstance(answer, SourceRefusal):
        assert 400 <= answer.status < 500
        assert answer.message.endswith(".")
        assert answer.code
        return "refused"
    for error in answer.problems:
        assert error.where
        assert error.message.endswith(".")
        assert error.hint
    for record in answer.records:
        assert record.number
        assert record.external_id
        assert json.dumps(record.body)
    if answer.records:
        return "record"
    if answer.problems:
        return "errors"
    return "told" if answer.changed or answer.withdrawn or answer.ping else "beside"


def delivered(shop: str, raw: bytes) -> Accepted | SourceRefusal:
    """As a webhook of that shop, signed."""
    match shop:
        case "woocommerce":
            return woocommerce.accept(raw)
        case "shopify":
            told: Accepted | SourceRefusal = shopify.accept(raw)
            return told
        case _:
            return marketplaces.accept(shop, raw)


@pytest.mark.parametrize(
    "shop", [pytest.param(shop, marks=skipped(count, shop)) for shop, count in SHOPS.items()]
)
def test_every_published_sample_is_a_record_or_a_clear_refusal(shop: str) -> None:
    found = samples(shop)
    assert len(found) == SHOPS[shop]
    ends = {}
    for path in found:
        raw = path.read_bytes()
        told = judged(sources()[shop].read(path.name, raw, SHOP_ZONE))
        assert judged(read_file(f"a.{shop}.json", raw, SHOP_ZONE)) == told
        ends[path.stem] = (judged(delivered(shop, raw)), told)
    expected = {one.stem: (REFUSED, REFUSED) for one in found} | ENDS[shop]
    assert ends == expected


REFUSED, BESIDE, TOLD, ERRORS, RECORD = "refused", "beside", "told", "errors", "record"
_PUSH = "push-type"
ENDS: dict[str, dict[str, tuple[str, str]]] = {
    "lazada": {
        **{f"{_PUSH}{kind}": (BESIDE, REFUSED) for kind in ("5", "7", "8", "21")},
        **{f"{_PUSH}{kind}": (BESIDE, REFUSED) for kind in ("1-lock", "12-finish", "13-normal")},
        **{f"{_PUSH}{kind}": (TOLD, REFUSED) for kind in ("0-unpaid", "14-delivered")},
    },
    "shopee": {
        "order.get_order_detail": (REFUSED, RECORD),
        "order.get_order_list": (REFUSED, RECORD),
        "order.get_shipment_list": (REFUSED, RECORD),
    },
    "shopify": {
        "activepieces-new_order": (RECORD, RECORD),
        "fulfillment": (REFUSED, RECORD),
        "order": (REFUSED, RECORD),
        "orders": (REFUSED, RECORD),
        "payouts": (REFUSED, RECORD),
        "refund": (REFUSED, RECORD),
        "refund_calculate": (REFUSED, ERRORS),
    },
    "woocommerce": {"order": (RECORD, RECORD)},
}
"""What becomes of a sample as a webhook, and as a file; of what is not named here, nothing.

Beside: webhooks of other matters, such as goods, videos, keys. A marketplace stops to send where
such a one is refused, so it is taken and nothing comes of it. Told: the order is asked for.
Errors: it looks like a record and lacks what makes one. The orders of the two lists of Shopee have
no lines; Shopify's payouts come without their transactions, its refunds without amounts of lines.
"""


@skipped(ANSWERS, "answers of QuickBooks")
def test_answers_in_another_form_are_never_a_yes() -> None:
    """They are XML, as QuickBooks writes where nobody asks for JSON."""
    target, sample = targets()["quickbooks"], SAMPLES["quickbooks"]
    settings = {**sample.settings, "base_url": "https://recorded.example"}
    payload = target.build([sample.make()], settings, batch=False, batch_name="")
    found = samples("qbo")
    assert len(found) == ANSWERS
    for path in found:
        for status in (200, 400, 401, 429, 500):
            line: Any = Line(status, path.read_bytes())
            (answer,) = target.send(payload, settings, sample.secret, "cp-1", line).answers
            assert answer.kind != "accepted", (path.name, status)
            assert answer.words
            seen = target.look_up(sample.make(), settings, sample.secret, "cp-1", line)
            assert seen.kind == "unknown", (path.name, status)


class Line:
    """Answers every call with the same."""

    def __init__(self, status: int, raw: bytes) -> None:
        headers = {"content-type": "text/xml"}
        self.answer = HttpAnswer(status=status, headers=headers, body=raw, seconds=0.1, at=NOW)

    def now(self) -> datetime:
        return NOW

    def request(self, *_: object, **__: object) -> HttpAnswer:
        return self.answer


@skipped(TABLES, "tables of northwind")
def test_a_table_that_is_no_list_of_orders_is_refused_in_words() -> None:
    found = sorted((SHARED / "northwind").glob("*.csv"))
    assert len(found) == TABLES
    for path in found:
        assert judged(read_file(path.name, path.read_bytes(), SHOP_ZONE)) in ("refused", "errors")


def northwind() -> Iterator[dict[str, object]]:
    """Its orders as a system without a connector of its own would send them."""
    folder = SHARED / "northwind"

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    goods = {row["ProductID"]: row["ProductName"] for row in rows("products")}
    details: dict[str, list[dict[str, str]]] = {}
    for row in rows("order_details"):
        details.setdefault(row["OrderID"], []).append(row)
    for order in rows("orders"):
        lines = [
            {
                "pos": at,
                "sku": row["ProductID"],
                "name": goods[row["ProductID"]],
                "qty": row["Quantity"],
                "price": row["UnitPrice"],
                "discount": format(
                    Decimal(row["UnitPrice"]) * Decimal(row["Quantity"]) * Decimal(row["Discount"]),
                    "f",
                ),
            }
            for at, row in enumerate(details[order["OrderID"]], start=1)
        ]
        yield {
            "kind": "order",
            "id": order["OrderID"],
            "number": order["OrderID"],
            "status": "shipped" if order["ShippedDate"] else "open",
            "ordered_on": order["OrderDate"][:10],
            "customer": order["CustomerID"],
            "customer_name": order["ShipName"],
            "address": order["ShipAddress"],
            "currency": "USD",
            "lines": lines,
        }


@skipped(ORDERS, "orders of northwind")
def test_every_order_of_northwind_is_a_record_with_its_lines() -> None:
    orders = list(northwind())
    assert len(orders) == ORDERS
    raw = json.dumps({"records": orders}).encode()
    answer = read_file("northwind.records.json", raw, SHOP_ZONE)
    assert isinstance(answer, Accepted), answer
    assert len(answer.records) + len({one.where.split(".")[0] for one in answer.problems}) == ORDERS
    assert judged(answer) == "record"
    taken = {one.number: one.body for one in answer.records}
    assert len(taken) >= ORDERS - 5
    for order in orders:
        if order["number"] in taken:
            body, lines = taken[str(order["number"])], order["lines"]
            assert isinstance(lines, list)
            told = body["lines"]
            assert isinstance(told, list)
            assert [one["sku"] for one in told] == [one["sku"] for one in lines]
            assert [Decimal(one["qty"]) for one in told] == [Decimal(one["qty"]) for one in lines]
