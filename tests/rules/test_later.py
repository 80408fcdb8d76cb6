"""What is judged and not carried out yet: each is refused once before rules come into force."""

import re
from pathlib import Path

import pytest

from grammar import Problem, parse
from rules.analyse import check
from tests.rules.kedai import TEXT

PAGE = (Path(__file__).parents[2] / "docs" / "findings" / "SYN40.md").read_text("utf-8")
TABLE = "    | period | do    |\n    | -      | ACTION |\n"
LATER = ("update", "new document", "credit note and new")
BACK = ("void", "credit note")
NOW = ("review by accounts", "block", "ignore")


def found(text: str, **given: bool) -> list[Problem]:
    ruleset, broken = parse({"kedai.rules": text})
    assert broken == ()
    return [p for p in check(ruleset, **given) if p.code in {"SYN40", "OWN02"}]


def errors(text: str) -> list[str]:
    return [p.code for p in found(text)]


def table(head: str, action: str) -> str:
    return f"{TEXT}\n{head}\n{TABLE.replace('ACTION', action)}"


@pytest.mark.parametrize("action", LATER)
@pytest.mark.parametrize("route", ["", " for aiaccount.sales_invoice"])
def test_an_answer_that_changes_what_is_posted_is_refused(action: str, route: str) -> None:
    text = table(f"on edit of order{route}\n    all = total", action)
    (problem,) = found(text)
    assert (problem.code, problem.span.line) == ("SYN40", len(text.splitlines()))
    assert action in problem.message
    assert problem.hint
    assert found(text, in_force=False) == []


@pytest.mark.parametrize("action", BACK)
def test_so_is_taking_it_back(action: str) -> None:
    assert errors(table("on cancel of order", action)) == ["SYN40"]
    note = (
        '\npost order to aiaccount.credit_note reversing aiaccount.sales_invoice as "CN-{number}"\n'
    )
    assert errors(TEXT + note) == ["SYN40"]
    assert found(TEXT + note, in_force=False) == []


def test_so_is_billing_in_parts() -> None:
    billed = "    bill     total of total  else wait\n    they own"
    assert errors(TEXT.replace("    they own", billed, 1)) == ["SYN40"]


@pytest.mark.parametrize("action", NOW)
def test_an_answer_that_leaves_it_as_it_is_may_come_into_force(action: str) -> None:
    assert errors(TEXT) == []
    assert errors(table("on edit of order\n    all = total", action)) == []


def test_further_steps_of_a_test_may_come_into_force() -> None:
    story = '\ntest "later"\n    given tea\n    then  status = cancelled\n'
    assert errors(TEXT + story + "    expect aiaccount.sales_invoice posted\n") == []


def test_what_nothing_reads_yet_is_refused() -> None:
    retry = "\nretry aiaccount\n    | error | do |\n    | - | hold for accounts |\n"
    assert errors(TEXT + retry) == ["SYN40"]
    assert found(TEXT + retry, in_force=False) == []
    link = "\nlink others of order\n    from order\n    by number = number\n"
    link += "    at most 3  else hold for accounts\n"
    assert errors(TEXT + link) == ["SYN40"]
    assert found(TEXT + link, in_force=False) == []


def test_an_action_of_a_table_cannot_stand_elsewhere() -> None:
    for action in ("update", "void", "new document", "credit note and new", "look up first"):
        text = TEXT.replace("    else     hold for accounts\n", f"    else     {action}\n", 1)
        assert text != TEXT
        assert errors(text) == ["OWN02"]


def test_the_page_of_the_finding_shows_it() -> None:
    wrong, right = re.findall(r"```rules(?: wrong)?\n(.*?)```", PAGE, re.DOTALL)
    assert "SYN40" in errors(wrong)
    assert "SYN40" not in errors(right)
