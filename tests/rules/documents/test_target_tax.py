"""The tax that a target works out itself, against the record's own, line by line and in all."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Outcome
from rules.program import compile_interpreted
from rules.values.cause_keys import ITSELF
from tests.rules.books import (
    AIACCOUNT_POST,
    AUTOCOUNT_POST,
    KNOWN,
    QUICKBOOKS_POST,
    line,
    order,
    rules,
)
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import NOW, found

TAX = "        TaxAmount       = line.tax_due\n"
AT_TEN = {TAX: f"{TAX}        TaxRate         = 10%\n"}
AT_EIGHT = {TAX: f"{TAX}        TaxRate         = 8%\n"}
QUICKBOOKS_TAX = "        TaxAmount   = line.tax_due\n"
SUM_FIRST = {
    "per line then sum": "sum then round",
    QUICKBOOKS_TAX: f"{QUICKBOOKS_TAX}        TaxRate     = 10%\n",
}
AIACCOUNT_TAX = "        TaxAmount    = line.tax_due\n"


def outcome(
    post: str,
    changes: Mapping[str, str],
    body: dict[str, Any],
    rates: Mapping[str, str] | None = None,
) -> Outcome:
    """What both engines say of an order, where the target lists these rates of its codes."""
    program, _ = rules(post, changes)
    target = post.split(" to ")[1].split(".")[0]
    listed = {code: Decimal(rate) for code, rate in (rates or {}).items()}
    state = replace(TargetState(known=True), tax_rates=listed)
    world = load_seeds(program.ruleset, {}).world(1, {target: state})
    asked = (Subject("order", "shop", body, 1), Facts(NOW), world, NOW)
    slow = compile_interpreted(program.ruleset, hash="x", schemas=KNOWN)
    of = in_every_way(program, *asked)
    assert slow.evaluate(*asked) == of
    return of


def codes_of(of: Outcome) -> list[str]:
    """The codes of all findings."""
    return [finding.code for finding in found(of)]


def test_the_rate_of_the_code_that_gives_the_records_tax_lets_it_go() -> None:
    of = outcome(AUTOCOUNT_POST, AT_TEN, order())
    assert (codes_of(of), of.decisions[0].state) == ([], "ready")
    (verdict,) = [v for v in of.verdicts if v.rule == "target_tax"]
    assert dict(verdict.operands)["S-10"] == "10%"


@pytest.mark.parametrize("rates", [{}, {"S-10": "0.08"}])
def test_another_rate_is_held_with_both_figures_and_nobody_can_release_it(
    rates: dict[str, str],
) -> None:
    of = outcome(AUTOCOUNT_POST, AT_TEN if rates else AT_EIGHT, order(), rates)
    (finding,) = found(of)
    assert (finding.code, finding.rule, finding.lines) == ("RND06", "target_tax", (1,))
    assert (finding.owner, finding.clears) == ("accounts", ITSELF)
    for words in ("RM 9.60", "RM 12.00", "RM 2.40 less", "S-10 is 8%", "RM 129.60"):
        assert words in finding.message


def test_what_the_target_lists_counts_before_the_rules() -> None:
    of = outcome(AUTOCOUNT_POST, AT_EIGHT, order(), {"S-10": "0.1"})
    assert codes_of(of) == []


def test_without_a_rate_nothing_is_said() -> None:
    assert codes_of(outcome(AUTOCOUNT_POST, {}, order())) == []
    assert codes_of(outcome(AUTOCOUNT_POST, {}, order(), {"S-10": "0.08"})) == ["RND06"]


@pytest.mark.parametrize(("due", "codes"), [("12.01", []), ("11.99", []), ("12.02", ["RND06"])])
def test_autocount_moves_the_tax_of_a_line_by_a_sen_and_no_more(due: str, codes: list[str]) -> None:
    changes = {TAX: f"        TaxAmount       = {due}\n        TaxRate         = 10%\n"}
    total = str(Decimal("120.00") + Decimal(due))
    of = outcome(AUTOCOUNT_POST, changes, order(total=total, tax_total=due))
    assert codes_of(of) == codes


@pytest.mark.parametrize(("due", "codes"), [("10.91", []), ("10.92", ["RND06"])])
def test_an_amount_that_holds_its_tax_is_taken_apart(due: str, codes: list[str]) -> None:
    changes = {
        "    InclusiveTax     = no\n": "    InclusiveTax     = yes\n",
        TAX: f"        TaxAmount       = {due}\n        TaxRate         = 10%\n",
    }
    of = outcome(AUTOCOUNT_POST, changes, order(total="120.00", tax_total=due))
    assert codes_of(of) == codes


def test_quickbooks_rounds_the_tax_of_a_code_once() -> None:
    lines = [line(qty="1", price="10.04"), line(pos=2, qty="1", price="10.04")]
    of = outcome(QUICKBOOKS_POST, SUM_FIRST, order(*lines, total="22.09", tax_total="2.01"))
    assert codes_of(of) == []
    of = outcome(QUICKBOOKS_POST, SUM_FIRST, order(*lines, total="22.08", tax_total="2.00"))
    assert codes_of(of) == ["RND01"]


def test_aiaccount_works_the_tax_out_of_quantity_and_price() -> None:
    changes = {AIACCOUNT_TAX: f"{AIACCOUNT_TAX}        TaxRate      = 6%\n"}
    (finding,) = found(outcome(AIACCOUNT_POST, changes, order()))
    assert finding.code == "RND06"
    assert "RM 7.20" in finding.message
