"""An order or a payout of too many lines is held with its number and amount, however it comes."""

import json
from typing import Any

import pytest

from connectors.contract import Accepted
from connectors.kit.canonical_record import Cell, RawRecord, orders_of, read_record
from connectors.registry import sources
from tests.connectors.marketplaces import recorded_order
from tests.connectors.shopify import body as shopify_order
from tests.support.zones import SHOP_ZONE

TOO_MANY = "A record has at most 5,000 lines; this one has 5,001."


def read(name: str, content: object) -> list[Any]:
    raw = json.dumps(content, default=str).encode()
    told = sources()[name].read(f"file.{name}.json", raw, SHOP_ZONE)
    assert isinstance(told, Accepted), told
    assert told.errors == ()
    return list(told.records)


def shopify() -> tuple[object, str, str]:
    good = shopify_order()
    long = {**good, "id": 99, "name": "#99", "total_price": "500.10"}
    long |= {"line_items": [good["line_items"][0]] * 5_001, "refunds": [], "fulfillments": []}
    return {"orders": [long, good]}, "#99", "500.10"


def shopee() -> tuple[object, str, str]:
    good = recorded_order("shopee")
    long = {**good, "order_sn": "99", "total_amount": 500, "item_list": good["item_list"] * 5_001}
    return {"order_list": [long, good]}, "99", "500.00"


def lazada() -> tuple[object, str, str]:
    good = recorded_order("lazada")
    long = {**good, "order_id": 99, "order_number": 99, "price": "500.10"}
    long["order_items"] = (good["order_items"] * 5_001)[:5_001]
    return {"orders": [long, good]}, "99", "500.10"


@pytest.mark.parametrize("make", [shopify, shopee, lazada])
def test_an_order_of_too_many_lines_is_held_and_its_neighbour_passes(make: Any) -> None:
    content, number, total = make()
    orders = [one for one in read(make.__name__, content) if one.kind == "order"]
    held, good = orders
    assert (held.number, held.body["total"]) == (number, total)
    assert len(held.body["lines"]) <= 2  # shipping and a tip have fields of their own
    assert TOO_MANY in [one["message"] for one in held.faults]
    assert good.faults == []


def test_a_payout_of_too_many_transactions_is_held_with_its_amount() -> None:
    moved = {"id": 1, "type": "charge", "amount": "1.00", "fee": "0.00", "net": "1.00"}
    payout = {"id": 7, "status": "paid", "date": "2026-11-20", "currency": "MYR"}
    payout |= {"amount": "5001.00", "transactions": [moved] * 5_001}
    (held,) = read("shopify", {"payout": payout})
    assert (held.kind, held.number, held.body["net"]) == ("payout", "7", "5001.00")
    assert TOO_MANY in [one["message"] for one in held.faults]


@pytest.mark.parametrize("external_id", ["7" * 100_000, "7" * 201, int("7" * 201)])
def test_an_id_that_is_too_long_is_called_so(external_id: object) -> None:
    schema = orders_of("shop")
    raw = RawRecord(Cell("order.id", external_id), {"number": Cell("order.number", "N-1")}, ())
    errors = read_record(schema, raw, SHOP_ZONE)
    assert isinstance(errors, tuple)
    assert errors[0].message == "The id of the order is longer than 200 characters."
    assert errors[0].value == "7" * 200
