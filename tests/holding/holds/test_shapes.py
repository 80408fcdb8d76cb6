"""How the open holds of a record look, as one text, and what the record adds to the tally."""

from typing import Any

from holding.holds.shapes import Waits, count_record, parse_shape


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
    one = count_record([_waits(7), _waits(9, snoozed=True)], "MYR", 5)
    other = count_record([_waits(4, snoozed=True), _waits(8)], "MYR", 5)
    assert one == other
    assert len({look.cause for look in parse_shape(one.shape).looks}) == 2
    same = count_record([_waits(7), _waits(7, snoozed=True)], "MYR", 5)
    assert len({look.cause for look in parse_shape(same.shape).looks}) == 1


def test_money_is_that_of_the_books_else_of_the_record() -> None:
    assert count_record([_waits(1)], "SGD", 9).currency == ""
    assert count_record([_waits(1)], "SGD", 9).minor == 5
    assert (foreign := count_record([_waits(1, None)], "SGD", 9)).currency == "SGD"
    assert foreign.minor == 9
    assert count_record([_waits(1, None)], "", None).minor is None
    apart = parse_shape(count_record([_waits(1, None), _waits(2, 8)], "SGD", 9).shape)
    assert apart.own == ("SGD", 9)
    assert sorted(look.book or 0 for look in apart.looks) == [0, 8]
