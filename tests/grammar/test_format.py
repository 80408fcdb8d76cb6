"""One layout: what lines up, what is broken, what stays where somebody put it."""

from grammar import format_text, parse
from tests.grammar.kit import SHOP

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


def test_the_shop_keeps_its_meaning_and_its_comments() -> None:
    tidy = format_text(SHOP, "a")
    assert parse({"a": tidy}) == parse({"a": SHOP})
    assert format_text(tidy, "a") == tidy
    for line in SHOP.split("\n"):
        _, sign, comment = line.partition("#")
        assert sign + comment.rstrip() in tidy


def test_a_text_with_a_problem_is_left_alone() -> None:
    for text in ("role a\n", "   role   a   'x'", "rol a", "on edit of order\n"):
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
