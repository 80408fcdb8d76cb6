"""What is read and not judged yet: each construct is refused once, and nothing is left out."""

import re
from pathlib import Path

import pytest

from grammar import parse
from rules.analyse import check
from tests.rules.kedai import TEXT

TABLE = "    | period | do    |\n    | -      | block |\n"
PAGE = (Path(__file__).parents[2] / "docs" / "findings" / "SYN40.md").read_text("utf-8")
LATER = {
    "on edit": f"\non edit of order\n    all = total\n{TABLE}",
    "on edit, narrowed": "\non edit of order for aiaccount.sales_invoice\n    all = total\n"
    + TABLE,
    "on cancel": f"\non cancel of order\n{TABLE}",
    "retry": "\nretry aiaccount\n    | error | do |\n    | - | look up first |\n",
    "reversing": "\npost order to aiaccount.credit_note reversing aiaccount.sales_invoice"
    ' as "CN-{reversed}"\n',
    "then": '\ntest "later"\n    given tea\n    then  status = cancelled\n'
    "    expect aiaccount.sales_invoice credit note\n",
    "an outcome": '\ntest "later"\n    given tea\n    expect aiaccount.sales_invoice void\n',
    "trying again": '\ntest "later"\n    given tea\n'
    "    expect aiaccount.sales_invoice try 5 times from 30s then hold for accounts\n",
}


def errors(text: str) -> list[str]:
    ruleset, broken = parse({"kedai.rules": text})
    assert broken == ()
    return [p.code for p in check(ruleset) if p.code in {"SYN40", "OWN02"}]


@pytest.mark.parametrize("title", LATER)
def test_a_construct_of_a_later_version_is_refused_once(title: str) -> None:
    assert errors(TEXT) == []
    assert errors(TEXT + LATER[title]) == ["SYN40"]


def test_billing_in_parts_is_refused_once() -> None:
    billed = "    bill     total of total  else wait\n    they own"
    assert errors(TEXT.replace("    they own", billed, 1)) == ["SYN40"]


def test_each_step_and_each_table_is_named_in_its_line() -> None:
    text = TEXT + LATER["then"].replace("    expect", "    then at 2026-12-01 10:00\n    expect")
    ruleset, _ = parse({"kedai.rules": text + LATER["on cancel"]})
    found = [p for p in check(ruleset) if p.code == "SYN40"]
    lines = (text + LATER["on cancel"]).split("\n")
    starts = [lines[p.span.line - 1].split()[:2] for p in found]
    assert starts == [["then", "status"], ["then", "at"], ["on", "cancel"]]
    assert all(p.hint and "not part of this version" in p.message for p in found)


def test_an_action_of_a_table_cannot_stand_elsewhere() -> None:
    for action in ("update", "void", "new document", "credit note and new", "look up first"):
        text = TEXT.replace("    else     hold for accounts\n", f"    else     {action}\n", 1)
        assert text != TEXT
        assert errors(text) == ["OWN02"]


def test_the_page_of_the_finding_shows_it() -> None:
    wrong, right = re.findall(r"```rules(?: wrong)?\n(.*?)```", PAGE, re.DOTALL)
    assert "SYN40" in errors(wrong)
    assert "SYN40" not in errors(right)
