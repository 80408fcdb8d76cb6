"""What follows from the numbers and durations that the rules have written."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rules.values.kinds import (
    Type,
    alternative_type,
    find_fruitless,
    negated_type,
    operation_type,
    written_type,
)

ONE, TWO, MONEY = Decimal(1), Decimal(2), Type("money")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def number(*values: Decimal) -> Type:
    return written_type("number", values)


@pytest.mark.parametrize(
    ("op", "left", "right", "comes"),
    [
        ("+", (ONE,), (TWO,), {3}),
        ("-", (ONE, TWO), (ONE,), {0, 1}),
        ("*", (ONE, TWO), (TWO, Decimal(3)), {2, 3, 4, 6}),
        ("/", (ONE,), (TWO,), {Decimal("0.5")}),
        ("/", (ONE,), (Decimal(0),), set()),
        ("+", (Decimal(10) ** 37,), (Decimal("0.1"),), set()),
        ("+", tuple(map(Decimal, range(11))), tuple(map(Decimal, range(11))), set()),
    ],
)
def test_written_numbers_are_followed(
    op: str, left: tuple[Decimal, ...], right: tuple[Decimal, ...], comes: set[Decimal]
) -> None:
    found = operation_type(op, number(*left), number(*right))
    assert found is not None
    assert set(found.written) == comes


def test_what_a_record_says_is_not_written() -> None:
    found = operation_type("*", MONEY, number(ONE))
    assert found is not None
    assert found.written == ()
    assert alternative_type(MONEY, number(ONE)).written == (ONE,)
    assert set(negated_type(number(ONE, TWO)).written) == {-ONE, -TWO}


def test_a_duration_is_exact_where_it_is_whole_days() -> None:
    assert written_type("duration", [DAY, 24 * HOUR]).level == "exact"
    assert written_type("duration", [DAY, HOUR]).level == "fraction"
    both = (
        operation_type("-", Type("date"), Type("date")),
        operation_type("-", Type("moment"), Type("moment")),
    )
    assert [kind.level if kind else "" for kind in both] == ["exact", "fraction"]
    more = operation_type("+", written_type("duration", [HOUR]), written_type("duration", [DAY]))
    assert more is not None
    assert more.level == "fraction"


@pytest.mark.parametrize(
    ("values", "word"), [((Decimal(0),), "is zero"), ((ONE, Decimal(0)), "can be zero")]
)
def test_a_divisor_that_is_zero_says_how_sure_it_is(values: tuple[Decimal, ...], word: str) -> None:
    wrong = find_fruitless("/", MONEY, number(*values), "parts")
    assert wrong is not None
    assert word in wrong.message
    assert find_fruitless("*", MONEY, number(*values), "parts") is None
