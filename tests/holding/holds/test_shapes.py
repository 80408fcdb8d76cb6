"""How the open holds of a record look, as one text, and what the record adds to the tally."""

from typing import Any

from holding.holds.shapes import Waits, counted, shape


def _waits(cause: int, book: int | None = 5, **other: Any) -> Waits:
    usual: dict[str, Any] = {
        "error_class": "bad_value",
        "team_id": 1,
        "person_id": None,
        "snoozed": False,
        "asks": False,
    }
    return Waits(cause_id=cause, book=book, **{**usual, **other})


def test_records_alike_have_one_shape_whichever_causes_they_have() -> None:
    one = counted([_waits(7), _waits(9, snoozed=True)], "MYR", 5)
    other = counted([_waits(4, snoozed=True), _waits(8)], "MYR", 5)
    assert one == other
    assert len({look.cause for look in shape(one.shape).looks}) == 2
    same = counted([_waits(7), _waits(7, snoozed=True)], "MYR", 5)
    assert len({look.cause for look in shape(same.shape).looks}) == 1


def test_money_is_that_of_the_books_else_of_the_record() -> None:
    assert counted([_waits(1)], "SGD", 9).currency == ""
    assert counted([_waits(1)], "SGD", 9).minor == 5
    assert (foreign := counted([_waits(1, None)], "SGD", 9)).currency == "SGD"
    assert foreign.minor == 9
    assert counted([_waits(1, None)], "", None).minor is None
    apart = shape(counted([_waits(1, None), _waits(2, 8)], "SGD", 9).shape)
    assert apart.own == ("SGD", 9)
    assert sorted(look.book or 0 for look in apart.looks) == [0, 8]
