"""What rules say of amounts: thousands apart, in the currency of the record."""

from tests.rules.kedai import findings, order


def test_an_amount_has_the_currency_of_its_source() -> None:
    told = [f for f in findings(order(total="4000.00")) if f.rule == "approve by accounts"]
    assert [f.message for f in told] == ["RM 4,000.00 is above 3,000.00."]
