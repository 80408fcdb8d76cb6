"""The tests that stand in roaster.rules, and what turns them red."""

import pytest

from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.testing.runner import TestResult, run_tests
from tests.rules.roaster import TEXT, program_of


def run(text: str) -> dict[str, TestResult]:
    program = program_of(text)
    return {r.title: r for r in run_tests(program.ruleset, program).results}


def test_the_roaster_passes() -> None:
    results = run(TEXT)
    assert {title: result.message for title, result in results.items() if result.message} == {}
    assert [title for title, result in results.items() if not result.passed] == []
    assert len(results) == len(parse({"a": TEXT})[0].tests)


def test_nothing_is_wrong_but_what_no_holding_carries_out_yet() -> None:
    assert {p.code for p in check(parse({"a": TEXT})[0])} <= {"SYN40"}


@pytest.mark.parametrize(
    ("old", "new"),
    [("e_invoice_age = 5h", "e_invoice_age = 5"), ("tries = 1\n", "tries = often\n")],
)
def test_a_fact_of_the_wrong_kind_is_found(old: str, new: str) -> None:
    ruleset, _ = parse({"a": TEXT.replace(old, new)})
    assert "TST02" in {p.code for p in check(ruleset)}
    assert run_tests(ruleset, program_of(TEXT.replace(old, new))).results


def broken(old: str, new: str) -> dict[str, str]:
    """The titles that fail, with their message, once a piece of the rules is another."""
    assert old in TEXT
    return {t: r.message for t, r in run(TEXT.replace(old, new, 1)).items() if not r.passed}


PIECES = [
    ("worth, overbilled | open   | credit note and new", "worth, overbilled | open   | update"),
    ("| open   | update             ", "| open   | ignore             "),
    ("worth, overbilled | locked | block", "worth, overbilled | locked | ignore"),
    ("| not_ready         | -      | review by sales", "| not_ready         | -      | ignore"),
    ("| other             | -      | ignore ", "| other             | -      | review by books "),
    ("| -        | block ", "| -        | void "),
    ("| <= take_back  | no       | void", "| <= take_back  | no       | credit note"),
    ("| > take_back   | no       | credit note", "| > take_back   | no       | void"),
    ("from 2026-01-01 = 72h", "from 2026-01-01 = 71h"),
    ("| yes      | review by books", "| yes      | void"),
    ("branch, ordered_on", "ordered_on"),
    ("worth    = lines, shipping, total", "worth    = shipping"),
    ("try 3 times", "try 4 times"),
    ("look up first", "hold for books"),
    ("bill     line.gone of", "bill     line.wanted of"),
    ("of line.wanted  else wait", "of line.wanted  else drop"),
    ("they own Agent, Remark", "they own Remark"),
    ("due_of(shipping)", "shipping"),
    ("due_of(line.amount)", "line.amount"),
    ('as "IV-{number}-{posting}"', 'as "IV-{number}"'),
    ('as "CN-{reversed}"', 'as "CN-{number}"'),
    ("DocDate  = today", "DocDate  = ordered_on"),
    ("    after    autocount.delivery_order\n", ""),
    ("they own Agent, Remark\n    we own   the rest  else review by books",
     "they own Agent, Remark\n    we own   the rest  else ignore"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), PIECES, ids=lambda text: text.strip()[:40])
def test_what_is_broken_turns_a_test_red(old: str, new: str) -> None:
    assert broken(old, new)


def test_a_step_that_nobody_expected_is_told() -> None:
    old = '    expect   update because address\n        DocNo = "IV-C-1-1", Location = "JB"\n'
    failed = broken(
        old + "        line 1  Qty = 12\n        line 2  Qty = 1, SubTotal = 3.34\n", ""
    )
    (message,) = failed.values()
    assert message.startswith("not expected: update because address: IV-C-1-1 is posted, but")


def test_what_came_instead_is_told_in_words() -> None:
    failed = broken("    expect   void because cancel\n", "    expect   credit note\n")
    assert failed["cancelled in time, nothing gone"] == (
        "expected credit note, but void because cancel: "
        "IV-C-1-1 is posted, but the record is cancelled now."
    )
    failed = broken("error = temporary, tries = 3\n    expect   hold for systems",
                    "error = temporary, tries = 2\n    expect   hold for systems")  # fmt: skip
    assert failed["AutoCount was busy three times"] == (
        "expected hold for systems, but try again after 1min"
    )


@pytest.mark.parametrize("said", ["review by books", "hold for books because cancel"])
def test_a_block_is_no_review_and_no_hold(said: str) -> None:
    then = "    then     status = cancelled, period = locked\n    expect   "
    assert list(broken(then + "block\n", f"{then}{said}\n")) == ["cancelled in a locked period"]
