"""What the checker says of a slip shows the way out, with the names that stand there."""

import pytest

from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from rules.checker.all_checks import check
from tests.rules.kedai import TEXT

OLD = "require  ordered_on >= today - 31d"
SLIPS = [
    ("lines.qty > 0", "TYP10", "sum(lines.qty)"),
    ("sum(line.qty * line.price) > 0", "TYP10", "then sum(lines.amount)"),
    ("not lines.qty = 1", "TYP10", "each line"),
    ("qty > 0", "NAM01", "line.qty"),
    ('debtor = "300-C077"', "NAM01", "debtor("),
    ("is_tin(tin) = true", "NAM01", "yes"),
    ("total in (subtotal, tax_total)", "NAM01", "total = subtotal or total = tax_total"),
    ("customer in (cod, card)", "NAM01", '"cod"'),
    ("customer = 77", "TYP01", '"77"'),
    ("ordered_on >= 21", "TYP01", "today - 21d"),
    ('ordered_on >= "2026-11-01"', "TYP01", "without quotes: '2026-11-01'"),
    ("round(total, 2) > 0", "TYP06", "round(total, 0.01)"),
    ("round(total) > 0", "TYP07", "round(x, 0.01)"),
    ('tin = ""', "LOG01", "tin is missing"),
    ('tin <> ""', "LOG01", "tin is known"),
    ('not (" " = tin)', "LOG01", "tin is missing"),
]


def problems(text: str) -> list[Problem]:
    ruleset, broken = parse({"kedai.rules": text})
    assert broken == ()
    return list(check(ruleset))


@pytest.mark.parametrize(("wrote", "code", "hint"), SLIPS)
def test_a_slip_of_the_first_day_shows_the_way_out(wrote: str, code: str, hint: str) -> None:
    assert TEXT.count(OLD) == 1
    text = TEXT.replace(OLD, f"require  {wrote}")
    line = TEXT[: TEXT.index(OLD)].count("\n") + 1
    found = [p for p in problems(text) if p.code == code and p.span.line == line]
    assert found, problems(text)
    assert hint in found[0].hint, found[0]


def test_what_may_be_meant_is_left_alone() -> None:
    for right in ("round(total, 0.05) > 0", "round(total, 5) > 0", "round(total, 1) > 0",
                  "sum(lines.qty) > 0", 'tin = "C1"'):  # fmt: skip
        told = {p.code for p in problems(TEXT.replace(OLD, f"require  {right}"))}
        assert not told & {"TYP10", "TYP06", "LOG01"}, (right, told)


def test_a_check_that_stands_twice_is_told_once_with_the_way_out() -> None:
    one = TEXT[TEXT.index("check owed") :].split("\n\n")[0]
    found = [p for p in problems(f"{TEXT}\n{one}\n") if p.span.line > TEXT.count("\n")]
    assert [p.code for p in found] == ["NAM20"]
    assert "another name" in found[0].hint
