"""The error of a binary number is nowhere an amount: in each source it is a fault of its own field.

40101.5 may arrive as 40101.50000000001. It was read as it came, and a line of 0.00000000001 or a
total with eleven decimals followed.
"""

import copy
import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Accepted
from connectors.contract.schema import FieldSchema
from connectors.kit.workbook import kind_and_text
from connectors.registry import sources
from connectors.sources.sql.pages import convert_value
from tests.cases.shop_payloads import (
    SST,
    refunded_line,
    shopify_line,
    shopify_order,
    shopify_payout,
    shopify_refund,
    shopify_shipping,
)
from tests.connectors.marketplaces import source_of
from tests.connectors.recorded import WIRE, recorded
from tests.support.zones import SHOP_ZONE

INCOME = {
    "buyer_total_amount": 101.5,
    "voucher_from_seller": 3.0,
    "voucher_from_shopee": 5.5,
    "coins": 1.0,
    "buyer_paid_shipping_fee": 8.0,
    "seller_return_refund": -52.0,
}
"""An income of Shopee's recorded order."""
BESIDE = {
    "shopify": ("price_set", "amount_set"),  # stated twice: the shop's money counts
    "netshop": ("tax",),  # a word
}
Path_ = tuple[str | int, ...]


def files(name: str) -> list[Any]:
    """Return contents of files that a source reads."""
    if name == "shopify":
        order = shopify_order(
            1,
            [shopify_line(11, "MUG", "30.00", 2, off="7.50", taxes=SST)],
            shipping=[shopify_shipping("6.00", SST)],
        )
        refund = shopify_refund(51, 1, "28.88", [refunded_line(order["line_items"][0])])
        moved = [("charge", "63.80", "2.51", 1), ("refund", "-28.88", "0.00", 1)]
        bare = [
            {key: value for key, value in one.items() if not key.endswith("_set")}
            for one in (order, {**order, "refunds": [refund]})
        ]
        return [*({"orders": [one]} for one in bare), {"payouts": [shopify_payout(7, *moved)]}]
    if name in ("netshop", "intake"):
        kinds = ("records",) if name == "intake" else ("order", "refund", "payout", "settlement")
        steps = [step for kind in kinds for step in recorded(name, kind).values()]
        return [json.loads(step[0].asked[3]) for step in steps if step[0].asked[3]]
    told = [json.loads(path.read_text("utf-8")) for path in sorted((WIRE / name).glob("*.json"))]
    if name == "woocommerce":
        return [one for one in told if "line_items" in one]
    for one in copy.deepcopy(told) if name == "shopee" else ():
        for row in (one.get("response") or {}).get("order_list") or ():
            told.append({"response": {"order_list": [{**row, "order_income": INCOME}]}})
    return told


def read(name: str, content: Any) -> Accepted:
    source: Any = source_of(name) if name in ("shopee", "lazada") else sources()[name]
    ending = "records" if name == "intake" else name
    answer = source.read(f"a.{ending}.json", json.dumps(content).encode(), SHOP_ZONE)
    assert isinstance(answer, Accepted), answer
    return answer


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Yield each simple value with its path."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def changed(content: Any, path: Path_, value: object) -> Any:
    found = copy.deepcopy(content)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return found


def inexact(value: float, more: int) -> float:
    """Return the number above one that is `more` greater, which no person typed."""
    found = math.nextafter(value + more or 1.0, math.inf)
    while len(repr(found).replace(".", "").lstrip("-0")) <= 15:
        found = math.nextafter(found, math.inf)
    return found


def is_amount(value: object) -> bool:
    return isinstance(value, float) or (
        isinstance(value, str) and "." in value and value.replace(".", "", 1).lstrip("-").isdigit()
    )


def long_numbers(body: Any) -> list[tuple[Path_, Any]]:
    """Return the numbers of a record that have more than six decimals."""
    return [
        (path, value)
        for path, value in leaves(body)
        if path[0] != "intake_faults"
        and path[-1] != "tax"
        and is_amount(value)
        and len(str(value).partition(".")[2]) > 6
    ]


def is_held(body: Any) -> bool:
    return "VAL04" in {fault["code"] for fault in body.get("intake_faults", ())}


@pytest.mark.parametrize("more", [0, 40_000, 3_000_000])
@pytest.mark.parametrize(
    "name", ["shopee", "lazada", "shopify", "woocommerce", "netshop", "intake"]
)
def test_the_error_of_a_binary_number_is_a_fault_of_its_field(name: str, more: int) -> None:
    tried = 0
    for content in files(name):
        whole = {(one.kind, one.external_id): one.body for one in read(name, content).records}
        for path, value in leaves(content):
            if not is_amount(value) or {*path} & {*BESIDE.get(name, ())}:
                continue
            number = inexact(float(value), more)
            broken = changed(content, path, repr(number) if isinstance(value, str) else number)
            records = read(name, broken).records
            assert {(one.kind, one.external_id) for one in records} == whole.keys(), path
            assert [long_numbers(one.body) for one in records if long_numbers(one.body)] == [], path
            differ = [one for one in records if one.body != whole[one.kind, one.external_id]]
            assert not differ or any(is_held(one.body) for one in differ), path
            for one in differ:
                before = dict(leaves(whole[one.kind, one.external_id]))
                others = [at for at, now in leaves(one.body) if before.get(at) != now]
                assert is_held(one.body) or not others, (path, others)
            tried += bool(differ)
    assert tried > 5


@pytest.mark.parametrize("more", [0, 40_000, 3_000_000])
def test_a_cell_of_a_workbook_is_what_was_typed(more: int) -> None:
    """Excel keeps 15 digits and shows 40101.5."""
    for typed in ("10.1", "101.55", "0.07", "99.95"):
        number = float(typed) + more
        told = kind_and_text(inexact(number, 0))
        assert told is not None
        assert Decimal(told[1]) == Decimal(format(number, ".15g"))


@pytest.mark.parametrize("more", [0, 40_000, 3_000_000])
def test_a_binary_column_of_a_database_is_not_read_as_an_amount(more: int) -> None:
    field = FieldSchema(name="total", type="money")
    for exact in (10.1, 101.55, 0.07, 99.95):
        value = inexact(exact, more)
        assert not isinstance(convert_value(value, field, SHOP_ZONE), Decimal)
        assert convert_value(exact, field, SHOP_ZONE) == Decimal(repr(exact))
