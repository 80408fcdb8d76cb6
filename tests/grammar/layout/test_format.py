"""One layout: what lines up, what is broken, what stays where somebody put it."""

import pytest

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from tests.grammar.kit import SHOP, WAREHOUSE

UNTIDY = """\
# first
language   1
role a "A"
role   longer   "B"   # the second
check c on order,settlement
 when paid_at is known
 # why
   require   sum( lines.amount )=total-( -1 )
 and x in("A" ,"B")


 else hold for a
 say "{total}  is  wrong."
 clears when it passes


# about the post
post order to t.doc as "{number}"
  immediately
  we own the rest else block
  A=b
  each line
     LongName=line . x
"""

TIDY = """\
# first
language 1

role a       "A"
role longer  "B"  # the second

check c on order, settlement
    when     paid_at is known
    # why
    require  sum(lines.amount) = total - (-1)
    and      x in ("A", "B")

    else     hold for a
    say      "{total}  is  wrong."
    clears   when it passes


# about the post
post order to t.doc as "{number}"
    immediately
    we own   the rest  else block
    A             = b
    each line
        LongName  = line.x
"""


def test_an_untidy_text_gets_the_one_layout() -> None:
    assert format_text(UNTIDY, "a") == TIDY
    assert format_text(TIDY, "a") == TIDY


@pytest.mark.parametrize("text", [SHOP, WAREHOUSE], ids=["shop", "warehouse"])
def test_a_file_keeps_its_meaning_and_its_comments(text: str) -> None:
    tidy = format_text(text, "a")
    assert parse({"a": tidy}) == parse({"a": text})
    assert format_text(tidy, "a") == tidy
    for line in text.split("\n"):
        _, sign, comment = line.partition("#")
        assert sign + comment.rstrip() in tidy


def test_a_text_with_a_problem_is_left_alone() -> None:
    for text in ("role a\n", "   role   a   'x'", "rol a", "on edit of order\n", "|a|do|"):
        assert format_text(text, "a") == text


def test_a_long_list_goes_on_behind_a_comma() -> None:
    states = ", ".join(f"state_number_{n}" for n in range(20))
    tidy = format_text(f"record r from s\n  status one of {states}\n", "a")
    assert max(len(line) for line in tidy.split("\n")) <= 120
    assert tidy.split("\n")[2].startswith("            state_number_")
    assert parse({"a": tidy}) == parse({"a": f"record r from s\n  status one of {states}\n"})


def test_a_comment_inside_a_list_stays_behind_its_comma() -> None:
    text = "gate g\n    ready  a, # first\n      b\n"
    assert format_text(text, "a") == "gate g\n    ready    a,  # first\n             b\n"


def test_a_minus_before_a_minus_is_no_comment() -> None:
    text = "record a from b\n    x = - -y - 1\n"
    assert format_text(text, "a") == "record a from b\n    x  = - -y - 1\n"


def test_an_empty_text() -> None:
    assert format_text("", "a") == ""
    assert format_text("\n\n# only this\n\n", "a") == "# only this\n"


def test_windows_lines_become_plain() -> None:
    assert format_text('role a "A"\r\n', "a") == 'role a  "A"\n'


TABLE = """\
on edit of order for t.doc
 a=x,y
 rest = z # all else
 |changed|  period|do|
 # first
 |a,  # one
   rest|<=-5 | credit  note and   new| # last
 | - | > 5 | hold for a |
link l of o
 from p
 by a=b
 where c = d
 at most 5 else warn
post o to t.doc as "1"
 immediately
 bill line.a of line.b else wait
 we own the rest else block
 A = 1
"""

TABLE_TIDY = """\
on edit of order for t.doc
    a        = x, y
    rest     = z  # all else
    | changed | period | do                  |
    # first
    | a,  # one
      rest    | <= -5  | credit note and new |  # last
    | -       | > 5    | hold for a          |

link l of o
    from     p
    by       a = b
    where    c = d
    at most  5  else warn

post o to t.doc as "1"
    immediately
    bill     line.a of line.b  else wait
    we own   the rest  else block
    A  = 1
"""


def test_tables_line_up() -> None:
    assert format_text(TABLE, "a") == TABLE_TIDY
    assert format_text(TABLE_TIDY, "a") == TABLE_TIDY


def test_a_long_list_in_a_cell_goes_on_below_its_column() -> None:
    names = [f"error_class_{n}" for n in range(12)]
    row = f"    | - | {', '.join(names)} | block |\n"
    text = f"on cancel of a\n    | b | error | do |\n{row}"
    tidy = format_text(text, "a")
    assert max(len(line) for line in tidy.split("\n")) <= 80
    assert tidy.split("\n")[3].startswith("          error_class_")
    assert parse({"a": tidy}) == parse({"a": text})
    assert format_text(tidy, "a") == tidy


def test_steps_line_up_with_the_other_clauses() -> None:
    text = 'test "t"\n given a\n then at 2026-01-01 10:00 with b=c\n and d=e\n expect void\n'
    assert format_text(text, "a") == (
        'test "t"\n    given    a\n    then     at 2026-01-01 10:00 with b = c\n'
        "    and      d = e\n    expect   void\n"
    )
