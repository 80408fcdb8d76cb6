"""The tests that stand in kedai.rules, one by one, and what the runner says when they fail."""

import pytest

from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.testing.runner import TestResult, run_tests
from tests.rules.kedai import TEXT, program_of


def run(text: str) -> dict[str, TestResult]:
    program = program_of(text)
    return {r.title: r for r in run_tests(program.ruleset, program).results}


RESULTS = run(TEXT)


@pytest.mark.parametrize("title", RESULTS)
def test_the_example_passes(title: str) -> None:
    assert RESULTS[title].message == ""
    assert RESULTS[title].passed


def test_the_example_is_clean() -> None:
    assert check(parse({"a": TEXT})[0]) == ()


def changed(old: str, new: str) -> dict[str, str]:
    """The titles that fail, with their message, once a piece of the rules is another."""
    assert old in TEXT
    return {t: r.message for t, r in run(TEXT.replace(old, new, 1)).items() if not r.passed}


def test_a_finding_that_nobody_expected_fails_the_test() -> None:
    failed = changed("and      subtotal + tax_total", "and      subtotal - tax_total")
    assert failed["nights that were missed are made up"].startswith("expected ready, but hold")
    assert "because total_adds" in failed["nights that were missed are made up"]


def test_a_document_row_that_differs_is_named() -> None:
    failed = changed('1 CTN of "TEA-1"   = 40 PCS', '1 CTN of "TEA-1"   = 48 PCS')
    message = failed["cartons become pieces, and the line is worth the same"]
    assert message == "line 1 Quantity is 96, expected 80"


def test_lines_once_named_are_all_lines() -> None:
    old = '        line 2  Quantity = 3, UnitPrice = 12.50, LineTotal = 37.50, TaxCode = "NT"\n'
    failed = changed(old, "")
    assert list(failed.values()) == ["the document has 2 lines: name all of them"]


def test_an_unexpected_second_finding_is_told() -> None:
    failed = changed("    expect   aiaccount.sales_invoice approve by accounts\n", "")
    (message,) = failed.values()
    assert message.startswith("not expected: approve by accounts because approve by accounts")


def test_breaking_a_gate_row_turns_a_test_red() -> None:
    assert "cancelled in time" in changed("    cancel   cancelled\n    ignore   draft\n",
                                          "    ignore   draft, cancelled\n")  # fmt: skip
