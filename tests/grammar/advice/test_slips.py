# ruff: noqa: E501 - a slip is a row
"""Slips of a first day: the hint of each says the way out, with the names that stand there."""

import pytest

from tests.grammar.kit import SHOP, only

NAMED = "check whole_pieces on order each line\n"
REQUIRED = "    require  is_whole(line.pieces)\n"
OTHERWISE = "    else     reject\n"
SAID = '    say      "The order is old."\n'
CLEARS = "    clears   never\n"

SLIPS = [
    # title, what stands there, what somebody wrote, code, where it points, words of its hint
    ("a name of two words", NAMED, "check whole pieces on order each line\n", "SYN01", "pieces", "whole_pieces"),
    ("a name with a dash", NAMED, "check whole-pieces on order each line\n", "SYN01", "-", "whole_pieces"),
    ("a name in quotes", NAMED, 'check "Whole pieces" on order each line\n', "SYN01", "whole", "whole_pieces"),
    ("a name with capitals", NAMED, "check WholePieces on order each line\n", "SYN01", "WholePieces", "whole_pieces"),
    ("no name", NAMED, "check on order each line\n", "SYN01", "order", "check NAME on RECORD"),
    ("no record", NAMED, "check whole_pieces\n", "SYN02", "", "on which record"),
    ("a colon behind the head", NAMED, "check whole_pieces on order each line:\n", "SYN01", ":", "without the colon"),
    ("a bracket behind the head", NAMED, "check whole_pieces on order each line {\n", "SYN01", "{", "indented"),
    ("lines of a record", NAMED, "check whole_pieces on order each lines\n", "SYN08", "lines", "'line'"),
    ("a colon behind a clause", REQUIRED, "    require: is_whole(line.pieces)\n", "SYN01", ":", "without the colon"),
    ("a value is set", REQUIRED, "    require  total := 5\n", "SYN01", ":", "without the colon"),
    ("a field in curly brackets", REQUIRED, "    require  {total} > 5\n", "SYN01", "{", "say"),
    ("a field of two words", REQUIRED, "    require  ordered on >= today\n", "SYN01", "on", "ordered_on"),
    ("a field with a dash", REQUIRED, "    require  ordered-on >= today\n", "SYN07", "on", "ordered_on"),
    ("two facts", REQUIRED, REQUIRED + "    require  total > 0\n", "SYN01", "require", "behind and"),
    ("a fact with or", REQUIRED, REQUIRED + "    or       total > 0\n", "SYN22", "or", "in one line"),
    ("a closing bracket too many", REQUIRED, "    require  total > 5)\n", "SYN01", ")", "one bracket too many"),
    ("a fact that is called", REQUIRED, "    require  ordered_on < today()\n", "SYN01", ")", "without brackets"),
    ("if and then", REQUIRED, "    require  if total > 5 then tin is known\n", "SYN01", "total", "no if"),
    ("if as a clause", REQUIRED, "    if       total > 5\n" + REQUIRED, "SYN09", "if", "behind when"),
    ("a description", REQUIRED, '    description "x"\n' + REQUIRED, "SYN09", "description", "behind say"),
    ("a percentage of nothing", REQUIRED, "    require  total = 6% total\n", "SYN01", "total", "6% * total"),
    ("a number beside a field", REQUIRED, "    require  total > 2 total\n", "SYN01", "total", "2 * total"),
    ("and misspelt", REQUIRED, "    require  total > 2 adn total < 5\n", "SYN01", "adn", "'and'"),
    ("or misspelt", REQUIRED, "    require  status = paid orr status = packed\n", "SYN08", "orr", "'or'"),
    ("an action of another language", OTHERWISE, "    else     stop\n", "SYN01", "stop", "hold for ROLE, reject or warn"),
    ("an approval as an action", OTHERWISE, "    else     approve\n", "SYN01", "approve", "a declaration of its own"),
    ("two owners", OTHERWISE, "    else     hold for accounts, tax_desk\n", "SYN01", ",", "one role"),
    ("a quote inside a text", SAID, '    say      "The "old" order."\n', "SYN01", "old", "ends the text"),
    ("it clears somehow", CLEARS, "    clears   automatically\n", "SYN01", "automatically", "clears when it passes"),
    ("it clears by nobody", CLEARS, "    clears   accounts\n", "SYN01", "accounts", "clears by ROLE"),
    ("days in words", "today - 31d", "today - 31 days", "SYN14", "31 days", "31d"),
    ("hours apart", "today - 31d", "today - 72 h", "SYN14", "72 h", "72h"),
    ("thousands as a letter", "= 5000.00", "= 5k", "SYN14", "5k", "5000.00"),
    ("a currency behind", "= 5000.00", "= 5000.00 MYR", "SYN16", "5000.00 MYR", "number alone"),
    ("a date in words", "from 2026-01-01 = 5", "from 1 Jan 2026 = 5", "SYN15", "1 Jan 2026", "2026-11-20"),
    ("a date as Americans say it", "from 2026-01-01 = 5", "from January 1, 2026 = 5", "SYN15", "January 1, 2026", "2026-11-20"),
    ("an end", CLEARS, CLEARS + "end\n", "SYN04", "end", "delete it"),
    ("a closing bracket", CLEARS, CLEARS + "}\n", "SYN04", "}", "delete it"),
    ("a type that is none", "    qty       quantity", "    qty       number", "SYN01", "number", "decimal, money, quantity"),
    ("a status in the spelling of the source", "one of draft,", 'one of draft, "Picked up",', "SYN01", "Picked up", 'picked_up as "Picked up"'),
    ("a column without quotes", 'from "customer" to "debtor"', "from customer to debtor", "SYN01", "customer", 'from "customer"'),
    ("statuses joined by and", "    ready   paid, packed", "    ready   paid and packed", "SYN01", "and", "joined by commas"),
    ("a number without quotes", 'as "{number}"', "as {number}", "SYN01", "{", 'as "{number}"'),
    ("a number of two parts without quotes", 'as "{number}"', "as IV-{number}", "SYN01", "IV", 'as "IV-{number}"'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("right", "wrong", "code", "points", "hint"),
    [slip[1:] for slip in SLIPS],
    ids=[slip[0] for slip in SLIPS],
)
def test_a_slip_is_told_with_the_way_out(
    right: str, wrong: str, code: str, points: str, hint: str
) -> None:
    assert right in SHOP
    text = SHOP.replace(right, wrong, 1)
    found = only(text)
    line = text.split("\n")[found.span.line - 1]
    assert line[found.span.column - 1 :].strip('"').lower().startswith(points.lower())
    assert (found.code, hint in found.hint) == (code, True), found
