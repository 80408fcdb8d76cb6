"""How the open holds of a record look, as one text, and what the record adds to the tally."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holding.holds.shapes import Money, Waits, count_record, counted_money, parse_shape


def _waits(cause: int, money: Money = ("", 5), **other: Any) -> Waits:
    usual: dict[str, Any] = {
        "error_class": "bad_value",
        "team_id": 1,
        "person_id": None,
        "snoozed": False,
        "asks": False,
    }
    return Waits(cause_id=cause, money=money, **{**usual, **other})


def test_records_alike_have_one_shape_whichever_causes_they_have() -> None:
    one = count_record([_waits(7), _waits(9, snoozed=True)])
    other = count_record([_waits(4, snoozed=True), _waits(8)])
    assert one == other
    assert len({look.cause for look in parse_shape(one.shape).looks}) == 2
    same = count_record([_waits(7), _waits(7, snoozed=True)])
    assert len({look.cause for look in parse_shape(same.shape).looks}) == 1


def test_money_is_that_of_the_books_else_of_another_currency() -> None:
    home = count_record([_waits(1)])
    assert (home.currency, home.minor) == ("", 5)
    foreign = count_record([_waits(1, ("SGD", 9))])
    assert (foreign.currency, foreign.minor) == ("SGD", 9)
    assert count_record([_waits(1, ("", None))]).minor is None
    both = count_record([_waits(1, ("SGD", 9)), _waits(2, ("", 8)), _waits(3, ("SGD", 7))])
    assert (both.currency, both.minor) == ("", 8)
    shape = parse_shape(both.shape)
    assert shape.differs
    assert {look.money for look in shape.looks} == {("SGD", 9), ("", 8), ("SGD", 7)}


AMOUNTS = st.tuples(st.sampled_from(["", "SGD", "USD"]), st.none() | st.integers(-9, 9))


@given(st.lists(AMOUNTS, min_size=1, max_size=5))
def test_the_counted_amount_is_one_of_them_and_known_if_any_is(amounts: list[Money]) -> None:
    currency, minor = counted_money(amounts)
    assert (currency, minor) in amounts
    assert (minor is None) == all(one[1] is None for one in amounts)
    if ("", minor) in amounts and minor is not None and currency == "":
        assert minor == max(one[1] for one in amounts if one[0] == "" and one[1] is not None)
