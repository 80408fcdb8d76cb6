"""What the rules expect of AiAccount is what its stand-in does: sums in both ways, tax numbers.

The two stand on floors that know nothing of each other, so that only a test holds them together.
"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.documents.rounding import sum_columns
from rules.values.cause_keys import GENERAL_TINS, is_tin
from sandbox.simulators.aiaccount.kinds import (
    INVOICES,
    Company,
    Document,
    default_companies,
    totals,
)
from sandbox.simulators.aiaccount.writes import tin_is_valid

SEN = Decimal("0.01")
quantities = st.integers(1, 400).map(Decimal)
prices = st.decimals(Decimal("0.0001"), Decimal(999), places=4)
Line = tuple[Decimal, Decimal, Decimal]


def company(way: str) -> Company:
    known = default_companies(name="A", locked_through=None, quota=None, rounding=way)
    return replace(known["CMP-1042"], tax_codes={"T": Decimal("0.10")})


def invoice(lines: list[Line]) -> Document:
    rows = [
        {"Quantity": quantity, "UnitPrice": price, "DiscountAmount": discount, "TaxCode": "T"}
        for quantity, price, discount in lines
    ]
    numbers = tuple(range(1, len(rows) + 1))
    return Document(kind=INVOICES, header={}, lines=tuple(rows), rows=numbers)


@pytest.mark.parametrize(
    ("theirs", "ours"), [("per_line", "per_line"), ("sum_then_round", "at_the_end")]
)
@given(lines=st.lists(st.tuples(quantities, prices, st.just(Decimal(0)) | prices), max_size=12))
@settings(max_examples=60)
def test_the_sum_in_either_way_is_theirs(theirs: str, ours: str, lines: list[Line]) -> None:
    there = totals(invoice(lines), company(theirs))
    nets = [quantity * price - discount for quantity, price, discount in lines]
    taxes = [net * Decimal("0.10") for net in nets]
    assert sum_columns([nets, taxes], ours, SEN) == there.subtotal + there.tax


@given(st.from_regex(r"(IG|C|CS|D|F|FA|PT|J|LE|X|EI)?[0-9]{1,13}", fullmatch=True))
@settings(max_examples=200)
def test_the_form_of_a_tax_number_is_theirs(text: str) -> None:
    assert is_tin(text) == tin_is_valid(text)


def test_the_general_tax_numbers_are_theirs() -> None:
    assert all(tin_is_valid(text) for text in GENERAL_TINS)
