"""Exact numbers: laws of rounding and of arithmetic that never rounds by itself."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.values import canonical
from rules.values.canonical import NumberTexts, dumps, number_text
from rules.values.kinds import (
    add,
    divide,
    multiply,
    rescale_and_round,
    round_all,
    round_half_up,
    scale,
    show,
    simplify,
    subtract,
)

amounts = st.decimals(-(10**9), 10**9, places=4, allow_nan=False)
wholes = st.integers(1, 10**6)
SEN = Decimal("0.01")


def _short(value: Decimal) -> bool:
    return len(value.as_tuple().digits) < 30


@pytest.mark.parametrize(
    ("value", "step", "rounded"),
    [
        ("2.345", "0.01", "2.35"),
        ("-2.345", "0.01", "-2.35"),
        ("2.344999", "0.01", "2.34"),
        ("0.005", "0.01", "0.01"),
        ("12.34", "0.05", "12.35"),
        ("12.32", "0.05", "12.30"),
        ("7", "0.0001", "7.0000"),
    ],
)
def test_halves_go_away_from_zero(value: str, step: str, rounded: str) -> None:
    assert str(round_half_up(Decimal(value), Decimal(step))) == rounded
    assert str(round_half_up(Fraction(value), Decimal(step))) == rounded


@given(amounts, wholes)
@settings(max_examples=200)
def test_rounding_is_never_further_than_half_a_sen(value: Decimal, by: int) -> None:
    exact = Fraction(value) / by
    rounded = round_half_up(divide(value, Decimal(by)), SEN)
    assert abs(Fraction(rounded) - exact) <= Fraction(1, 200)
    assert round_half_up(rounded, SEN) == rounded


@given(
    st.one_of(
        amounts, st.decimals(allow_nan=False, allow_infinity=False, places=20).filter(_short)
    ),
    wholes,
    wholes,
    st.sampled_from(["0.01", "0.0001", "1", "0.05", "10"]),
)
@example(Decimal(-1), 1, 15_625, "0.0001")
@example(Decimal("-0"), 1, 2, "0.01")
@settings(max_examples=300)
def test_rescaled_is_scaled_and_then_rounded(value: Decimal, num: int, den: int, step: str) -> None:
    for each in (value, Fraction(value) / 7):
        wanted = round_half_up(scale(each, num, den), Decimal(step))
        assert str(rescale_and_round(each, num, den, Decimal(step))) == str(wanted)
        (rounded,) = round_all([scale(each, num, den)], Decimal(step))
        assert str(rounded) == str(wanted)


@given(amounts, amounts)
@settings(max_examples=200)
def test_arithmetic_is_exact(a: Decimal, b: Decimal) -> None:
    assert Fraction(add(a, b)) == Fraction(a) + Fraction(b)
    assert Fraction(subtract(a, b)) == Fraction(a) - Fraction(b)
    assert Fraction(multiply(a, b)) == Fraction(a) * Fraction(b)
    if b:
        assert Fraction(divide(a, b)) == Fraction(a) / Fraction(b)
        assert multiply(divide(a, b), b) == a


@given(amounts, wholes, wholes)
@settings(max_examples=200)
def test_scaling_there_and_back_is_nothing(value: Decimal, num: int, den: int) -> None:
    assert scale(scale(value, num, den), den, num) == value


@pytest.mark.slow
@given(st.fractions())
@settings(max_examples=200)
def test_tidying_keeps_the_number(value: Fraction) -> None:
    assert simplify(value) == value


def test_nothing_is_rounded_silently() -> None:
    long = Decimal("9" * 38)
    with pytest.raises(ArithmeticError):
        multiply(long, long)
    with pytest.raises(ArithmeticError):
        multiply(Decimal("1E+998"), Decimal("1E+998"))
    with pytest.raises(ArithmeticError):
        divide(Decimal(1), Decimal(0))


def test_the_text_of_a_number_has_no_exponent() -> None:
    assert [number_text(Decimal(t)) for t in ("1E+3", "3.5000", "-0.00", "0.10")] == [
        "1000", "3.5", "0", "0.1"]  # fmt: skip
    assert number_text(Decimal("3.5"), 2) == "3.50"
    assert show(Fraction(5, 3)) == "5/3"


@given(st.decimals(allow_nan=False, allow_infinity=False), st.sampled_from((0, 2)))
def test_a_text_that_is_kept_is_that_of_the_number(value: Decimal, places: int) -> None:
    texts = NumberTexts(places)
    asked = [texts[str(value)], texts[str(value)]]
    assert asked == [number_text(value, places)] * 2


def test_texts_are_kept_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "MOST_TEXTS", 2)
    texts = NumberTexts(2)
    assert [texts[str(Decimal(n))] for n in range(4)] == ["0.00", "1.00", "2.00", "3.00"]
    assert dict(texts) == {"0": "0.00", "1": "1.00"}


def test_a_float_never_enters() -> None:
    with pytest.raises(TypeError):
        dumps({"a": 1.5})
