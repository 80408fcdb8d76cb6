"""The sample month: the same on every day, with everything in it that the tour shows."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest

from sandbox.demo import shop
from sandbox.demo.generator import SEED, Month, encode_body, generate_month
from sandbox.demo.shop import Order

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def november() -> Month:
    return generate_month(TODAY)


def _last(of: Month) -> dict[str, Order]:
    """Every order as it was sent last."""
    found = {order.number: order for order in of.workbook}
    for delivery in (*of.first, *of.later):
        found.update({order.number: order for order in delivery.orders})
    return found


def test_between_600_and_1000_orders_of_about_fifteen_customers(november: Month) -> None:
    orders = _last(november)
    assert 600 <= len(orders) <= 1000
    assert {str(order.id) for order in orders.values()} == set(november.ids())
    codes = {order.customer.code for order in orders.values()}
    assert 15 <= len(codes) <= 18


def test_the_same_seed_gives_the_same_bytes(november: Month) -> None:
    again = generate_month(TODAY, seed=SEED)
    assert [encode_body(each) for each in again.first] == [
        encode_body(each) for each in november.first
    ]
    assert again == november
    assert generate_month(TODAY, seed=SEED + 1) != november


@pytest.mark.parametrize("today", [date(2024, 3, 1), date(2026, 1, 1), date(2027, 12, 31)])
def test_counts_do_not_move_with_the_day(november: Month, today: date) -> None:
    other = generate_month(today)
    assert _shape(other) == _shape(november)


def _shape(of: Month) -> list[tuple[object, ...]]:
    return [
        (order.number, order.status, order.customer.code, order.total, order.version)
        for delivery in (*of.first, *of.later)
        for order in delivery.orders
    ]


def test_orders_lie_in_the_thirty_days_before_today(november: Month) -> None:
    days = Counter((TODAY - order.day).days for order in _last(november).values())
    odd = {day: count for day, count in days.items() if not 1 <= day <= 30}
    assert sum(odd.values()) == 2, "one order is long past, one is still to come"
    assert november.locked_through == TODAY - timedelta(days=29)
    assert days[30] == days[29] == 12


def test_only_the_planted_duplicate_looks_like_one(november: Month) -> None:
    alike = Counter(
        (order.customer.code, order.customer.name, order.day, order.total)
        for order in _last(november).values()
    )
    assert sum(count - 1 for count in alike.values()) == 1


def test_the_new_cup_blocks_thirty_seven_orders_and_one_has_another_cause(
    november: Month,
) -> None:
    blocked = [
        order
        for order in _last(november).values()
        if any(line.sku == shop.NEW_ITEM.sku for line in order.lines)
    ]
    assert len(blocked) == 37
    assert [o.customer.code for o in blocked].count(shop.NEW_CUSTOMER.code) == 1
    assert all(order.total < 3000 for order in blocked)


def test_spellings_that_are_nearly_right(november: Month) -> None:
    skus = Counter(line.sku for order in _last(november).values() for line in order.lines)
    assert (skus["TEA-OOLONG-50 "], skus["TEA–OOLONG-50"], skus["tea-oolong-50"]) == (3, 2, 1)


def test_large_orders_and_one_without_a_tin(november: Month) -> None:
    large = [order for order in _last(november).values() if order.total > 3000]
    huge = [order for order in large if order.total > 10000]
    assert (len(large), len(huge)) == (10, 2)
    assert [order.customer.tin is None for order in huge].count(True) == 1
    assert [order.created_by for order in large].count(shop.APPROVER) == 1


def test_sums_follow_from_the_lines_but_where_one_sen_is_off(november: Month) -> None:
    off = [
        order
        for order in _last(november).values()
        if sum((line.tax_due for line in order.lines), Decimal(0)) != order.tax_total
    ]
    assert len(off) == 3
    assert {order.tax_total for order in off} == {Decimal("3.02")}


def test_units_and_tax_words_vary(november: Month) -> None:
    lines = [line for order in _last(november).values() for line in order.lines]
    assert {"PCS", "BOX", "CTN", "TIN"} == {line.uom for line in lines}
    assert {"SST", "NONE", "ZERO", "SR-6"} == {line.tax for line in lines}


def test_some_calls_are_made_three_times(november: Month) -> None:
    calls = Counter(each.event_id for each in november.first)
    assert Counter(calls.values())[3] == 5
    assert set(calls.values()) == {1, 3}
