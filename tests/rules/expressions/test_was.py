"""What a field said before: at the last posting, or when the record first came."""

from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.program import compile_interpreted, compile_ruleset
from rules.testing.runner import run_tests
from tests.rules.shop import TEXT

CHANGED = """
const price_limit
    from 2026-01-01 = 5%

check changed_price on order
    require  abs(total - was(total)) <= was(total) * price_limit
    else     hold for accounts
    say      "{number} was {was(total)} and is {total} now."
    clears   by accounts
"""
STORIES = """
sample big of order at 2026-11-20 10:00
    number  = "1"
    status  = open
    day     = 2026-11-18
    total   = 550.00
    line  pos = 1, sku = "T-1", uom = "PCS", qty = 100, price = 5.00
    with  period = open

test "it is what it was"
    given    big with status = paid
    expect   ready

test "four sen in ten ringgit are little"
    given    big
    then     status = paid, total = 547.80, line 1.price = 4.98
    expect   ready

test "a tenth is much, and stays so"
    given    big
    then     total = 495.00, line 1.price = 4.50
    then     status = paid, total = 493.90, line 1.price = 4.49
    expect   hold for accounts because changed_price
"""


def test_a_limit_of_change_is_measured_from_what_first_came() -> None:
    ruleset, problems = parse({"a.rules": TEXT + CHANGED, "a_test.rules": "language 1\n" + STORIES})
    assert problems == ()
    for program in (compile_ruleset(ruleset, hash=""), compile_interpreted(ruleset, hash="")):
        told = run_tests(ruleset, program)
        assert [one.message for one in told.results] == ["", "", ""]


def test_only_a_stored_field_of_the_record_was_something() -> None:
    for wrong in ("was(line.amount)", "was(lines)", "was(total, total)"):
        text = TEXT + CHANGED.replace("abs(total - was(total))", wrong)
        ruleset, _ = parse({"a.rules": text})
        assert "TYP08" in {problem.code for problem in check(ruleset)}, wrong
