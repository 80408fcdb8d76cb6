"""An order's lines come to its total: with cash rounding, and with prices that include tax."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.canonical_record import Cell, RawRecord
from connectors.kit.order_sums import complete_order, line_amount, settle_sums

SEN = Decimal("0.01")
AMOUNTS = st.lists(st.integers(1, 99999).map(lambda sen: sen * SEN), min_size=1, max_size=4)
ROUNDING = st.integers(-4, 4).map(lambda sen: sen * SEN)


def order(prices: Sequence[Decimal], **head: object) -> RawRecord:
    """Return an order of one piece at each of these prices."""
    lines = [
        {"pos": Cell("", at), "qty": Cell("", "1"), "price": Cell("", str(price))}
        for at, price in enumerate(prices, 1)
    ]
    return RawRecord(Cell("", "1"), {name: Cell("", one) for name, one in head.items()}, lines)


def flag(raw: RawRecord) -> object:
    cell = raw.head.get("prices_include_tax")
    return cell.value if cell is not None else None


@given(AMOUNTS, ROUNDING, st.integers(0, 500).map(lambda sen: sen * SEN), st.booleans())
def test_lines_and_tax_come_to_the_total_in_the_reading_that_is_stated(
    prices: list[Decimal], rounding: Decimal, tax: Decimal, inclusive: bool
) -> None:
    goods = sum(prices, Decimal(0))
    total = goods + rounding + (0 if inclusive else tax)
    raw = order(prices, total=str(total), tax_total=str(tax), round_off=str(rounding))
    whole = complete_order(raw)
    amounts = [line_amount(line) for line in whole.lines]
    assert sum(one for one in amounts if one is not None) + (0 if inclusive else tax) == total
    assert flag(whole) == ("yes" if inclusive and tax else None)
    assert [line["pos"].value for line in whole.lines] == list(range(1, len(whole.lines) + 1))
    assert complete_order(whole) == whole


@pytest.mark.parametrize("stated", ["no", False, "yes", True])
def test_what_an_order_states_of_its_prices_stays(stated: object) -> None:
    raw = order([Decimal("10.60")], total="10.60", tax_total="0.60", prices_include_tax=stated)
    assert flag(complete_order(raw)) == stated


@pytest.mark.parametrize("price", ["", "RM 5", None])
def test_nothing_is_concluded_of_amounts_that_cannot_be_read(price: object) -> None:
    raw = order([Decimal("10.60")], total="10.60", tax_total="0.60")
    raw.lines[0]["price"] = Cell("", price)  # type: ignore[index]
    assert complete_order(raw) == raw


@pytest.mark.parametrize("total", ["30.299999999999997", "1e-13", "1e999999999", "NaN", "0e999"])
def test_an_amount_that_no_record_stores_makes_no_line(total: str) -> None:
    raw = order([Decimal("30.30")], total=total, tax_total="0.00")
    settled, errors = settle_sums(complete_order(raw))
    shown = [str(error.stated) for error in errors]
    assert (len(settled.lines), shown) == ((2, ["0"]) if total == "0e999" else (1, []))


def test_a_rounding_line_of_the_source_is_the_only_one() -> None:
    raw = order([Decimal("10.00"), Decimal("0.02")], total="10.02", round_off="0.02")
    raw.lines[1]["part"] = Cell("", "rounding")  # type: ignore[index]
    assert complete_order(raw) == raw


@pytest.mark.parametrize("value", ["0.00", "", None, "NaN", "two sen"])
def test_no_rounding_is_no_line(value: object) -> None:
    raw = order([Decimal("10.00")], total="10.00", round_off=value)
    assert complete_order(raw) == raw


@pytest.mark.parametrize(
    ("total", "flag", "held"),
    [
        ("11.68", None, False),
        ("11.68", "no", False),
        ("10.62", None, False),  # prices that hold their tax
        ("10.62", "yes", False),
        ("10.62", "no", True),
        ("11.68", "yes", True),
        ("11.69", None, True),
        ("0.00", None, True),
        ("", None, False),
        ("ten", None, False),
    ],
)
def test_sums_that_differ_are_booked_and_reported(total: str, flag: object, held: bool) -> None:
    raw = order(
        [Decimal("10.62")], total=total, tax_total="1.06", round_off=None, prices_include_tax=flag
    )
    settled, errors = settle_sums(complete_order(raw))
    assert bool(errors) is held
    if not held:
        assert settled == complete_order(raw)
        return
    (error,) = errors
    assert (error.stated, error.field) == (Decimal(total), "total")
    assert error.stated is not None
    assert error.computed is not None
    booked = line_amount(settled.lines[-1])
    assert booked == error.stated - error.computed
    assert settled.lines[-1]["part"].value == "rounding"
    assert settled.head["round_off"].value == str(booked)
    assert settle_sums(settled) == (settled, ())


def test_a_difference_adds_to_the_cash_rounding() -> None:
    raw = order([Decimal("10.00")], total="10.05", tax_total="0.00", round_off="0.02")
    settled, (error,) = settle_sums(complete_order(raw))
    assert (error.stated, error.computed) == (Decimal("10.05"), Decimal("10.02"))
    assert settled.head["round_off"].value == "0.05"
    assert [line["price"].value for line in settled.lines] == ["10.00", "0.02", "0.03"]


@pytest.mark.parametrize("missing", ["total", "tax_total"])
def test_nothing_is_compared_with_a_figure_that_is_missing(missing: str) -> None:
    raw = order([Decimal("10.00")], **({"total": "12.00", "tax_total": "0.00"} | {missing: ""}))
    assert settle_sums(raw) == (raw, ())


@pytest.mark.parametrize("price", ["", "RM 5", None])
def test_nothing_is_compared_with_lines_that_cannot_be_read(price: object) -> None:
    raw = order([Decimal("10.60")], total="12.60", tax_total="0.60")
    raw.lines[0]["price"] = Cell("", price)  # type: ignore[index]
    assert settle_sums(raw) == (raw, ())


def test_amounts_with_tax_need_no_tax_beside_them() -> None:
    raw = order([Decimal("10.62")], total="10.62")
    assert settle_sums(raw, amounts_hold_tax=True) == (raw, ())
    off = order([Decimal("10.62")], total="10.60")
    settled, (error,) = settle_sums(off, amounts_hold_tax=True)
    assert error.computed == Decimal("10.62")
    assert line_amount(settled.lines[-1]) == Decimal("-0.02")


@pytest.mark.parametrize(("tax_word", "differences"), [("none", 1), (None, 0), ("", 0), ("SR", 0)])
def test_only_lines_that_state_that_they_are_untaxed_need_no_total_tax(
    tax_word: str | None, differences: int
) -> None:
    raw = order([Decimal("10.00")], total="11.00")
    raw.lines[0]["tax"] = Cell("", tax_word)  # type: ignore[index]
    settled, errors = settle_sums(raw)
    assert len(errors) == differences
    assert len(settled.lines) == 1 + differences
