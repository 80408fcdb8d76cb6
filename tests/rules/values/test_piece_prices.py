"""The price of a piece: what the target makes of it is the shop's amount and tax."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.values.piece_prices import piece_discount, piece_price

SEN, FINE, NONE = Decimal("0.01"), Decimal("0.0001"), Decimal("0.00")
RATES = [Decimal(text) for text in ("0", "0.06", "0.08", "0.1")]


def sen(amount: Decimal) -> Decimal:
    """Round to the sen."""
    return amount.quantize(SEN, ROUND_HALF_UP)


def booked(
    pieces: int, price: Decimal, discount: Decimal, rate: Decimal
) -> tuple[Decimal, Decimal]:
    """Return amount and tax as the target computes them."""
    net = pieces * price - discount
    return sen(net), sen(net * rate)


@given(
    cents=st.integers(1, 30_000),
    pieces=st.integers(1, 3_000),
    share=st.integers(0, 90),
    rate=st.sampled_from(RATES),
    inside=st.booleans(),
)
def test_amount_and_tax_are_the_shops(
    cents: int, pieces: int, share: int, rate: Decimal, *, inside: bool
) -> None:
    """Only for whole hundreds of pieces four decimals may be too few: their price stays."""
    listed = Decimal(cents) / 100
    gross = listed * pieces
    paid = gross - sen(gross * share / 100)
    tax = sen(paid * rate / (1 + rate) if inside else paid * rate)
    amount = paid - tax if inside else paid
    before = Fraction(sen(gross / (1 + rate))) / pieces if inside else listed
    line = (before, Decimal(pieces), amount, tax, rate, FINE)
    price, discount = piece_price(*line), piece_discount(*line)
    assert discount >= 0
    assert price == price.quantize(FINE)
    if pieces % 100:
        assert booked(pieces, price, discount, rate) == (amount, tax)


@pytest.mark.parametrize("step", [FINE, SEN])
def test_a_price_that_fits_stays(step: Decimal) -> None:
    line = (Decimal("10.05"), Decimal(3), Decimal("28.15"), Decimal("2.82"), Decimal("0.1"), step)
    assert (piece_price(*line), piece_discount(*line)) == (Decimal("10.05"), Decimal("2.00"))


def test_a_line_that_comes_to_more_than_its_price_keeps_the_price() -> None:
    line = (Decimal("10.00"), Decimal(1), Decimal("12.00"), Decimal("1.20"), Decimal("0.1"), FINE)
    assert (piece_price(*line), piece_discount(*line)) == (Decimal("10.00"), NONE)


def test_a_tax_of_another_rate_keeps_the_price() -> None:
    line = (Decimal("15.00"), Decimal(4), Decimal("54.00"), Decimal("5.42"), Decimal("0.1"), FINE)
    assert (piece_price(*line), piece_discount(*line)) == (Decimal("15.00"), Decimal("6.00"))


def test_what_is_given_back_has_a_price_below_zero() -> None:
    line = (Decimal("-14.55"), Decimal(1), Decimal("-14.55"), Decimal("-1.45"), RATES[3], FINE)
    price, discount = piece_price(*line), piece_discount(*line)
    assert booked(1, price, discount, RATES[3]) == (Decimal("-14.55"), Decimal("-1.45"))


@pytest.mark.parametrize(("pieces", "rate"), [("0", "0.1"), ("-2", "0.1"), ("1", "-1")])
def test_what_cannot_be_divided_keeps_the_price(pieces: str, rate: str) -> None:
    line = (Decimal("1.00"), Decimal(pieces), Decimal("1.00"), NONE, Decimal(rate), SEN)
    assert (piece_price(*line), piece_discount(*line)) == (Decimal("1.00"), NONE)
