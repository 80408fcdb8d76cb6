"""Numbers that a person types of an import, however long they are."""

import pytest
from flask import Flask

from portal.reconciliation import file_pages
from portal.web import forms


@pytest.mark.parametrize("name", ["new", "update", "error"])
def test_a_count_of_thousands_of_digits_is_beside_its_field(app: Flask, name: str) -> None:
    with app.test_request_context(method="POST", data={name: "9" * 5_000}):
        wish = file_pages._outcome()
    assert isinstance(wish, forms.Problems)
    assert wish.by_field == {name: "Enter a whole number of rows."}


@pytest.mark.parametrize(
    "text", ["1E999999999", "1E-999999999", "NaN", "1000000000000", "1E1000000000000000000"]
)
def test_a_total_that_no_file_has_is_none(text: str) -> None:
    assert file_pages._amount(text) is None
    assert str(file_pages._amount("1,234.00")) == "1234.00"


def test_a_count_as_people_type_it(app: Flask) -> None:
    with app.test_request_context(method="POST", data={"new": " 1000000 "}):
        wish = file_pages._outcome()
    assert not isinstance(wish, forms.Problems)
    assert (wish.new, wish.update, wish.error) == (1_000_000, 0, 0)
