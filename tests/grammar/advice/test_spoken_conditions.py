# ruff: noqa: E501 - a condition is a row
"""A condition that is written as people say it: the finding shows how the language writes it."""

import pytest

from grammar.parsing.parser import parse
from tests.grammar.kit import SHOP, WAREHOUSE, only, problems

REQUIRED = "    require  is_whole(line.pieces)\n"

SAID = [
    # what somebody wrote, where the finding points, words of its message, the code that its hint shows
    ('channel not in ("COD", "CARD")', "not in", "'not in'", 'not channel in ("COD", "CARD")'),
    ("status not in (paid, packed)", "not in", "'not in'", "not status in (paid, packed)"),
    ('channel is not in ("COD")', "is not in", "not in front", 'not channel in ("COD")'),
    ("status is none of paid, packed", "is none of", "not in front", "not status in (paid, packed)"),
    ("channel in (COD, CARD)", "COD", "in quotes", 'channel in ("COD", "CARD")'),
    ('channel in ("COD", CARD)', "CARD", "in quotes", 'channel in ("COD", "CARD")'),
    ('channel in "COD", "CARD"', '"COD"', "round brackets", 'channel in ("COD", "CARD")'),
    ('channel in ["COD", "CARD"]', "[", "round brackets", 'channel in ("COD", "CARD")'),
    ("status in {paid, packed}", "{", "round brackets", "status in (paid, packed)"),
    ("channel in good_channels", "good_channels", "not by a name", "channel = good_channels"),
    ('channel is in ("COD")', "is in", "'is in'", 'channel in ("COD")'),
    ("status is one of paid, packed", "is one of", "'is one of'", "status in (paid, packed)"),
    ('line.sku contains "TEA"', "contains", "part of a text", 'line.sku = "TEA"'),
    ('not channel contains "COD"', "contains", "part of a text", 'channel = "COD"'),
    ('channel does not contain "COD"', "does not contain", "part of a text", 'channel = "COD"'),
    ('channel starts with "CO"', "starts with", "part of a text", 'channel = "CO"'),
    ('channel like "CO%"', "like", "part of a text", "use a map"),
    ('channel is not "COD"', "is not", "'is not'", 'channel <> "COD"'),
    ("status not paid", "not", "'not'", "status <> paid"),
    ("total is not equal to 5", "is not equal to", "'<>'", "total <> 5"),
    ('channel is "COD"', "is", "'is'", 'channel = "COD"'),
    ("status is paid", "is", "'is'", "status = paid"),
    ("channel equals COD", "equals", "'='", 'channel = "COD"'),
    ("total is equal to 5.00", "is equal to", "'='", "total = 5.00"),
    ("total is greater than 5", "is greater than", "'>'", "total > 5"),
    ("total more than approval_limit", "more than", "'>'", "total > approval_limit"),
    ("total exceeds approval_limit", "exceeds", "'>'", "total > approval_limit"),
    ("sum(lines.qty) less than or equal to 5", "less than or equal to", "'<='", "sum(lines.qty) <= 5"),
    ("total at least 5", "at least", "'>='", "total >= 5"),
    ("total is no more than 5", "is no more than", "'<='", "total <= 5"),
    ("ordered_on before today", "before", "'<'", "ordered_on < today"),
    ("total between 5 and 10.00", "between", "two comparisons", "total >= 5 and total <= 10.00"),
    ("5 < total < 9", "<", "not three", "5 < total and total < 9"),
    ("tin is empty", "is empty", "'is empty'", "tin is missing"),
    ("tin is not given", "is not given", "'is not given'", "tin is missing"),
    ("tin is not empty", "is not empty", "'is not empty'", "tin is known"),
    ("tin is not missing", "is not missing", "'is not missing'", "tin is known"),
    ("tin exists", "exists", "'exists'", "tin is known"),
    ("total > 10% of total", "of", "'*'", "total * 10%"),
]  # fmt: skip


@pytest.mark.parametrize(("wrote", "points", "message", "shown"), SAID, ids=[s[0] for s in SAID])
def test_what_is_said_is_shown_as_it_is_written(
    wrote: str, points: str, message: str, shown: str
) -> None:
    assert SHOP.count(REQUIRED) == 1
    text = SHOP.replace(REQUIRED, f"    require  {wrote}\n")
    found = only(text)
    assert found.code == "SYN13"
    assert message in found.message
    assert "expected" not in found.message
    assert f"'{shown}'" in found.hint or shown in found.hint.split(", or ")
    line = text.split("\n")[found.span.line - 1]
    assert line.split() == ["require", *wrote.split()]
    place = line[found.span.column - 1 : found.span.end_column - 1]
    assert place == points


@pytest.mark.parametrize("shown", sorted({one[3] for one in SAID} - {"use a map"}))
def test_what_is_shown_can_be_written(shown: str) -> None:
    if shown != "total * 10%":
        assert problems(SHOP.replace(REQUIRED, f"    require  {shown}\n")) == ()


def test_a_form_is_told_wherever_a_condition_stands() -> None:
    for whole, right, wrong in (
        (SHOP, "tin is missing\n", "tin is empty\n"),
        (SHOP, "count(lines where qty <= 0", "count(lines where qty at most 0"),
        (SHOP, "paid_at is known", "paid_at exists"),
        (WAREHOUSE, "status = done ", "status is not done "),
    ):
        assert right in whole, right
        assert only(whole.replace(right, wrong, 1)).code == "SYN13", wrong


def test_no_form_is_found_outside_conditions() -> None:
    clause = "    else     hold over accounts\n"
    text = SHOP.replace("    else     hold for accounts\n", clause, 1)
    assert only(text).code == "SYN01"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("from 2026-01-01 = 5000.00", "from 2026-01-01 = 10 %"),
        ('"SST"  -> 10%', '"SST"  -> 10 %'),
        (REQUIRED, "    require  total > total * 10 %\n"),
        (REQUIRED, "    require  total > total * 10 percent\n"),
        (REQUIRED, "    require  total > 2.5  % of total\n"),
    ],
)
def test_a_percentage_and_its_sign_stand_together(right: str, wrong: str) -> None:
    found = only(_with(right, wrong))
    assert found.code == "SYN14"
    assert "percentage" in found.message
    assert "10%" in found.hint


def test_a_remainder_is_no_percentage() -> None:
    found = only(_with(REQUIRED, "    require  total % 5 = 0\n"))
    assert found.code == "SYN01"
    assert "remainder" in found.hint


def _with(right: str, wrong: str) -> str:
    assert right in SHOP, right
    return SHOP.replace(right, wrong, 1)


def test_a_reserved_word_behind_a_sign_is_asked_for() -> None:
    found = only(_with(REQUIRED, "    require  tin = missing\n"))
    assert (found.code, "'tin is missing'" in found.hint) == ("SYN07", True)
    found = only(_with(REQUIRED, "    require  tin <> missing\n"))
    assert (found.code, "'tin is known'" in found.hint) == ("SYN07", True)


def test_right_rules_are_searched_for_no_form() -> None:
    assert parse({"a": SHOP, "b": WAREHOUSE})[1] == ()
