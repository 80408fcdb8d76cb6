"""Amounts in sentences: thousands apart, behind what their currency is called."""

from decimal import Decimal

import pytest

from grammar.text.characters import (
    MINUS,
    SPACE,
    continue_with_amount,
    grouped,
    in_currency,
    separated,
)


@pytest.mark.parametrize(
    ("said", "text", "currency", "told"),
    [
        ("It is ", "3194.71", "MYR", "It is RM 3,194.71"),
        ("It is ", "3194.71", "", "It is 3,194.71"),
        ("It is ", "-12.00", "SGD", f"It is {MINUS}SGD 12.00"),
        ("It is ", "1000000.00", "GBP", "It is £1,000,000.00"),
        ("It is ", "1234.5678", "MYR", "It is RM 1,234.5678"),
        ("", "12.00", "MYR", "RM 12.00"),
        ("Approve MYR ", "3194.71", "MYR", "Approve RM 3,194.71"),
        ("Above RM ", "10000.00", "", "Above RM 10,000.00"),  # a number of the rules
        ("the limit is MYR ", "3000.00", "", "the limit is RM 3,000.00"),
        ("the limit is SGD ", "3000.00", "", "the limit is SGD 3,000.00"),
        ("RM ", "1301.74", "SGD", "SGD 1,301.74"),  # the file says RM, the record SGD
        ("(RM ", "1301.74", "MYR", "(RM 1,301.74"),
        ("ARM ", "5.00", "MYR", "ARM RM 5.00"),  # no currency
        ("SST ", "5.00", "MYR", "SST RM 5.00"),
        ("RM ", "(missing)", "MYR", "RM (missing)"),
        ("Level ", "3", "", "Level 3"),
        ("No. ", "20261120", "", "No. 20261120"),
        ("rate ", "0.10", "", "rate 0.10"),
    ],
)
def test_a_sentence_goes_on_with_an_amount(said: str, text: str, currency: str, told: str) -> None:
    assert continue_with_amount(said, text, currency, others=("SGD",)) == told


def test_only_what_is_written_as_an_amount_is_grouped() -> None:
    assert [grouped(text) for text in ("1234.00", "1234.0", "1234", "-1234.50", "NS-1234.00")] == [
        *("1,234.00", "1234.0", "1234", "-1,234.50", "NS-1234.00")
    ]
    text = "Total was 1234.00, is -9999999.99; v2.1234.00, x1234.00, 1234.001, 1,234.00."
    assert separated(text) == (
        "Total was 1,234.00, is -9,999,999.99; v2.1234.00, x1234.00, 1234.001, 1,234.00."
    )


def test_an_amount_without_a_currency_is_a_number() -> None:
    assert in_currency(Decimal("1234.5"), "") == "1,234.50"
    assert in_currency(Decimal("1234.5"), "MYR") == "RM 1,234.50"
    assert in_currency(Decimal("-0"), "MYR") == "RM 0.00"
    assert SPACE not in in_currency(Decimal(1), "MYR")
