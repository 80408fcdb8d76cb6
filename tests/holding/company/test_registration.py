"""Registration numbers: those of SSM by their parts, others by their signs."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holding.company.first_company import registration_fault
from holding.db.refusal import Refusal

TODAY = date(2026, 11, 29)


def fault(number: str, currency: str = "MYR") -> str:
    refusal = registration_fault(number, currency, TODAY)
    assert refusal is None or (refusal.code, refusal.status) == ("company.registration", 422)
    return refusal.hint if isinstance(refusal, Refusal) else ""


@pytest.mark.parametrize(
    "number",
    [
        "202001012345",
        "202601999999",
        " 201901000005 (1312525-A) ",
        "201901000005(1312525-A)",
        "1368665-X",
        "1368665-x",
        "1368665X",
        "003156789-A",
        "SA0123456-X",
        "LLP0001234-LGN",
    ],
)
def test_the_new_and_the_old_forms_of_ssm_are_taken(number: str) -> None:
    assert fault(number) == ""


@pytest.mark.parametrize(
    "number",
    ["", "no", "20200101234", "2020010123456", "1368665-", "1368665-XY", "LLP1234", "201912345K1"],
)
def test_other_forms_are_refused_for_books_in_ringgit(number: str) -> None:
    assert "202001012345" in fault(number)


def test_a_year_to_come_and_an_unknown_kind_are_refused_by_name() -> None:
    assert "2027" in fault("202701012345")
    assert "1800" in fault("180001012345")
    assert "07" in fault("202007012345")
    assert fault("202001012345 (13)")


def test_books_in_another_currency_take_the_number_of_their_register() -> None:
    assert fault("201912345K", "SGD") == ""
    assert fault("!", "SGD")


@given(
    year=st.integers(1897, TODAY.year), kind=st.integers(1, 6), running=st.integers(0, 10**6 - 1)
)
def test_each_number_that_ssm_can_give_is_taken(year: int, kind: int, running: int) -> None:
    assert fault(f"{year}{kind:02}{running:06}") == ""
