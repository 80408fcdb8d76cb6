"""A correction ends the intake faults that it settles, and no others."""

from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import IncomingRecord, RowError
from holding.holds.holds import with_value
from holding.intake.open_fields import flatten, settle_faults


def body(**changes: Any) -> dict[str, Any]:
    """Return an order of RM 100.00 whose lines come to RM 99.99, with a customer not read."""
    lines = [{"pos": 1, "qty": "3", "price": "33.33", "discount": "0.00"}]
    told: dict[str, Any] = {"number": "NS-1", "total": "100.00", "lines": lines, **changes}
    record = IncomingRecord(kind="order", external_id="1", number="NS-1", stamp=None, body=told)
    sums = RowError(
        where="order.total",
        value="",
        message="",
        hint="",
        field="total",
        stated=Decimal("100.00"),
        computed=Decimal("99.99"),
    )
    unread = RowError(
        where="order.customer", value="[]", message="This is not text.", hint="", field="customer"
    )
    return record.with_faults([sums, unread]).body


def corrected(path: str, value: str, **changes: Any) -> list[tuple[str, str, str]]:
    before = body(**changes)
    after = settle_faults(with_value(before, path, value), before, path)
    return [
        (one["code"], one.get("stated", ""), one.get("computed", ""))
        for one in after.get("intake_faults", [])
    ]


SUMS, UNREAD = ("SUM01", "100", "99.99"), ("VAL04", "", "")


@pytest.mark.parametrize(
    ("path", "value", "left"),
    [
        ("total", "99.99", [UNREAD]),
        ("total", "99.98", [("SUM01", "99.98", "99.99"), UNREAD]),
        ("lines[0].price", "33.34", [("SUM01", "100", "100.02"), UNREAD]),
        ("lines[0].discount", "-0.01", [UNREAD]),
        ("customer", "C-77", [SUMS]),
        ("channel", "web", [SUMS, UNREAD]),
    ],
)
def test_a_correction_ends_what_it_settles(
    path: str, value: str, left: list[tuple[str, str, str]]
) -> None:
    assert corrected(path, value) == left


def test_the_last_correction_leaves_no_trace_of_faults() -> None:
    before = body()
    after = settle_faults(with_value(before, "total", "99.99"), before, "total")
    last = settle_faults(with_value(after, "customer", "C-77"), after, "customer")
    assert "intake_faults" not in last


def test_a_line_with_an_amount_of_its_own_counts_by_it() -> None:
    lines = [{"pos": 1, "qty": "3", "price": "33.33", "amount": "99.99"}]
    assert corrected("lines[0].amount", "100.00", lines=lines) == [UNREAD]
    assert corrected("lines[0].price", "40.00", lines=lines) == [SUMS, UNREAD]


def test_pages_list_no_faults_among_the_fields() -> None:
    assert not any("intake_faults" in path for path, _ in flatten(body()))


def booked(part: str, amount: str, **changes: Any) -> dict[str, Any]:
    """Return the order with a line that books its difference of a sen."""
    own = {"pos": 2, "part": part, "qty": "1", "price": amount}
    return body(lines=[*body()["lines"], own], **changes)


@pytest.mark.parametrize("part", ["rounding", "adjustment"])
@pytest.mark.parametrize(
    ("path", "value", "left"),
    [("total", "99.99", []), ("total", "100.02", ["0.03"]), ("customer", "C-77", ["0.01"])],
)
def test_the_line_of_a_difference_changes_with_it(
    part: str, path: str, value: str, left: list[str]
) -> None:
    before = booked(part, "0.01")
    after = settle_faults(with_value(before, path, value), before, path)
    assert [line["price"] for line in after["lines"][1:]] == left


def test_cash_rounding_beside_a_difference_stays() -> None:
    """2 sen at the till and a difference of 1 are one line of 3."""
    before = booked("rounding", "0.03", round_off="0.03")
    after = settle_faults(with_value(before, "total", "99.99"), before, "total")
    assert (after["lines"][1]["price"], after["round_off"]) == ("0.02", "0.02")
