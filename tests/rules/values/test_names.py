"""Names of rule files in sentences."""

import pytest

from rules.values.wording import with_article


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("order", "an order"),
        ("refund", "a refund"),
        ("aiaccount.sales_invoice", "an aiaccount.sales_invoice"),
        ("unit", "a unit"),
        ("user_note", "a user_note"),
        ("usage", "a usage"),
        ("upload", "an upload"),
        ("one_off", "a one_off"),
    ],
)
def test_a_thing_has_its_article(name: str, said: str) -> None:
    assert with_article(name) == said
