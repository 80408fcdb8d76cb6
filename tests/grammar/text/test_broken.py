"""Findings that only repeat a syntax mistake are left out; the others stay."""

from grammar.parsing.parser import parse
from grammar.text.problem import Problem, Span, believable_errors

TEXT = """\
role accounts
record order from netshop
    number  text  key
    totl    = = 1
check big on order
    require  total > 0
    else     warn
    say      "…"
    clears   never
"""


def finding(message: str, severity: str = "error") -> Problem:
    return Problem("NAM01", message, "", Span("a", 5, 1, 5, 2), severity)


def kept(message: str, severity: str = "error") -> bool:
    _, syntax = parse({"a": TEXT})
    assert len(syntax) == 2
    return bool(believable_errors([finding(message, severity)], syntax, {"a": TEXT}))


def test_what_a_broken_declaration_would_have_named_is_not_missed() -> None:
    assert not kept("no role 'accounts' is declared")
    assert not kept("order has no field 'totl'")
    assert not kept('"order" is no record')


def test_other_mistakes_stay() -> None:
    assert kept("no role 'acounts' is declared")
    assert kept("no map 'debtor' is declared")


def test_warnings_wait_until_everything_can_be_read() -> None:
    assert not kept("map 'x' is never used", "warning")


def test_a_test_that_names_a_check_which_was_not_read_is_left_alone() -> None:
    whole = TEXT.replace("check big on", "check big total on")
    _, syntax = parse({"a": whole})
    told = Problem(
        "TST04", "'big_total' is no rule that could be the reason", "", Span("b", 5, 1, 5, 2)
    )
    assert not believable_errors([told], syntax, {"a": whole})
    _, of_records = parse({"a": TEXT})
    assert believable_errors([told], of_records, {"a": TEXT})
