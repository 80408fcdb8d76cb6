"""The total that is sent against what the target makes of the lines, in either way of rounding."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract.schema import DocumentSchema
from rules.documents.rounding import is_rounding, sum_columns
from rules.outcomes import Outcome
from rules.program import compile_ruleset
from rules.testing.runner import run_tests
from rules.types.symbol_table import Schemas
from rules.values.cause_keys import ITSELF
from rules.values.kinds import round_half_up
from tests.rules.shop import found, judged, line, order, program, verdict

PER_LINE = "rounding   per line then sum to 0.01"
AT_THE_END = "rounding   sum then round to 0.01"
NO_TOLERANCE = "tolerance  0.00  else hold for accounts"
SEN = Decimal("0.01")
THREE = [line(pos=pos) for pos in (1, 2, 3)]  # 3 x 10.04 at 10 %: 33.12, or 33.13 at the end


def outcome(total: str, changes: dict[str, str] | None = None, **more: Any) -> Outcome:
    return judged(program(changes), order(*THREE, total=total), **more)


def summary(of: Outcome) -> tuple[str, list[tuple[str, str, str]]]:
    (decision,) = of.decisions
    return decision.state, [(f.code, f.rule, f.severity) for f in decision.findings]


@pytest.mark.parametrize(("way", "total"), [(PER_LINE, "33.12"), (AT_THE_END, "33.13")])
def test_the_total_in_the_targets_own_way_passes(way: str, total: str) -> None:
    of = outcome(total, {PER_LINE: way})
    assert summary(of) == ("ready", [])
    said = verdict(of, "rounding")
    assert said.result == "pass"
    assert said.operands[0] == ("Total", total)
    assert said.operands[1] == (way.removeprefix("rounding   ").removesuffix(" to 0.01"), total)


@pytest.mark.parametrize(("way", "total"), [(PER_LINE, "33.13"), (AT_THE_END, "33.12")])
def test_the_other_ways_total_is_named_as_rounding_with_both_sums(way: str, total: str) -> None:
    of = outcome(total, {PER_LINE: way})
    assert summary(of) == ("held", [("RND01", "rounding", "hold")])
    (finding,) = found(of)
    assert "33.12" in finding.message
    assert "33.13" in finding.message
    assert finding.message.endswith("which is rounding.")
    assert finding.owner == "accounts"
    mine = "33.12" if way == PER_LINE else "33.13"
    assert finding.would_pass == f"total = {mine}"
    assert verdict(of, "rounding").text == finding.message


def test_five_sen_are_no_rounding() -> None:
    of = outcome("33.17")
    assert summary(of) == ("held", [("RND02", "tolerance", "hold")])
    assert found(of)[0].message.endswith("0.05 more, which is no rounding.")


def test_what_is_tolerated_is_accepted_and_told() -> None:
    cent = {NO_TOLERANCE: "tolerance  0.01  else hold for accounts"}
    of = outcome("33.13", cent)
    assert summary(of) == ("ready", [])
    assert verdict(of, "rounding").text.endswith("0.01 more, which is rounding.")
    assert summary(outcome("33.17", cent))[0] == "held"


def test_the_rule_may_warn() -> None:
    of = outcome("33.13", {NO_TOLERANCE: "tolerance  0.00  else warn"})
    assert summary(of) == ("ready", [("RND01", "rounding", "warn")])


def test_a_person_may_release_it() -> None:
    of = outcome("33.13", releases=frozenset({("books.invoice", "rounding")}))
    assert summary(of) == ("ready", [])
    assert verdict(of, "rounding").released


def test_a_rounding_line_is_counted_in_as_long_as_it_is_rounding() -> None:
    rounding_line = {
        "    Total      = total\n": "    Total      = total\n"
        "    RoundingAdjustment = total - sum(lines.amount) - sum(lines.tax_due)\n"
    }
    of = outcome("33.13", rounding_line)
    assert summary(of) == ("ready", [])
    unnamed = {**rounding_line, "    Total      = total\n    Round": "    Round"}
    (document,) = [d.document for d in outcome("33.13", unnamed).decisions if d.document]
    assert document.amount == Decimal("33.13")
    assert ("RoundingAdjustment", "0.01") in verdict(of, "rounding").operands
    assert summary(outcome("33.17", rounding_line))[1] == [("RND02", "tolerance", "hold")]
    assert summary(outcome("33.12", rounding_line)) == ("ready", [])


ADDS = """\
check adds on order
    require  sum(lines.amount) + sum(lines.tax_due) = total
    else     hold for accounts
    say      "{total} is not the sum."
    clears   by accounts
"""


def test_what_a_check_has_found_is_not_found_twice() -> None:
    of = judged(program(more=ADDS), order(*THREE, total="33.13"))
    assert [f.rule for f in found(of)] == ["adds"]
    assert verdict(of, "rounding").result == "hit"
    free = frozenset({("books.invoice", "adds")})
    assert summary(judged(program(more=ADDS), order(*THREE, total="33.13"), releases=free)) == (
        "ready", [])  # fmt: skip
    by_parts = ADDS.replace("    else", "    and      sum(lines.tax_due) = 2.00\n    else", 1)
    by_parts = by_parts.replace("= total", "<= total")
    of = judged(program(more=by_parts), order(*THREE, total="33.13"))
    assert [f.rule for f in found(of)] == ["adds"]  # it looks at the total, too
    only_warned = program(more=ADDS.replace("hold for accounts", "warn"))
    rules = [f.rule for f in found(judged(only_warned, order(*THREE, total="33.13")))]
    assert rules == ["rounding", "adds"]


@pytest.mark.parametrize(
    "changes",
    [
        {"        TaxAmount  = line.tax_due\n": ""},  # nobody knows the tax
        {"    Total      = total\n": "    Total      = total\n    Shipping   = abs(total)\n"},
        {"    Total      = total\n": "    Shipping   = total\n"},
        {"        LineTotal  = line.amount\n": ""},
    ],
)
def test_a_document_that_does_not_show_how_its_total_is_made_is_not_judged(
    changes: dict[str, str],
) -> None:
    of = outcome("50.00", changes)
    assert [v for v in of.verdicts if v.kind == "rounding"] == []


def test_a_line_amount_that_holds_the_tax_is_counted_once() -> None:
    with_tax = {"LineTotal  = line.amount": "LineTotal  = line.amount + line.tax_due"}
    assert summary(outcome("33.12", with_tax)) == ("ready", [])
    assert summary(outcome("33.13", {PER_LINE: AT_THE_END, **with_tax})) == ("ready", [])


INSIDE = "    Total      = total\n    InclusiveTax = {}\n"


@pytest.mark.parametrize(("said", "total"), [("no", "33.12"), ("yes", "30.12")])
def test_a_header_says_whether_the_amounts_hold_their_tax(said: str, total: str) -> None:
    with_word = {"    Total      = total\n": INSIDE.format(said)}
    assert summary(outcome(total, with_word)) == ("ready", [])
    assert summary(outcome("40.00", with_word))[0] == "held"
    alone = {**with_word, "        TaxAmount  = line.tax_due\n": ""}
    judged_ = [v for v in outcome(total, alone).verdicts if v.kind == "rounding"]
    assert bool(judged_) == (said == "yes")


def test_where_the_record_says_it_nobody_knows_before() -> None:
    by_record = {"    Total      = total\n": INSIDE.format("(total > 9.00)")}
    assert [v for v in outcome("99.00", by_record).verdicts if v.kind == "rounding"] == []


def test_a_line_without_an_amount_leaves_the_sum_unknown() -> None:
    body = order(line(), line(pos=2, price=None), total="33.12")
    of = judged(program(), body)
    assert verdict(of, "rounding").result == "unknown"
    assert [f.code for f in found(of)] == ["MIS01"]


amounts = st.decimals(Decimal("-9999"), Decimal(9999), places=4)


@given(st.lists(st.tuples(amounts, amounts), max_size=30))
@settings(max_examples=100)
def test_both_ways_differ_by_half_a_sen_an_amount_at_most(rows: list[tuple[Decimal, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    per_line, at_the_end = (sum_columns(columns, w, SEN) for w in ("per_line", "at_the_end"))
    zero = Decimal(0)
    assert per_line == sum((round_half_up(v, SEN) for c in columns for v in c), zero)
    assert at_the_end == sum((round_half_up(sum(c, zero), SEN) for c in columns), zero)
    assert abs(per_line - at_the_end) <= SEN * (len(rows) + 1)


def test_at_the_end_net_and_tax_are_rounded_each_for_itself() -> None:
    columns = [[Decimal("30.124")], [Decimal("3.0124")]]
    assert sum_columns(columns, "at_the_end", SEN) == Decimal("33.13")


@given(amounts, amounts, amounts)
@settings(max_examples=100)
def test_a_difference_is_rounding_by_one_sen_or_by_the_other_sum(
    total: Decimal, expected: Decimal, other: Decimal
) -> None:
    named = is_rounding(total, expected=expected, others=[other], places=SEN)
    assert named == (total == other or abs(total - expected) <= SEN)


def test_a_test_of_the_rules_may_expect_it_by_name() -> None:
    of = program(
        more="""\
sample tea of order at 2026-11-20 10:00
    number = "A-1"
    status = paid
    day    = 2026-11-19
    total  = 11.05
    line   pos = 1, sku = "T-1", uom = "PCS", qty = 1, price = 10.04
    with   period = open

test "a sen off is rounding"
    given    tea
    expect   hold for accounts because rounding

test "five are not"
    given    tea with total = 11.09
    expect   hold for accounts because tolerance
"""
    )
    assert [r.message for r in run_tests(of.ruleset, of).results] == ["", ""]


def test_the_lines_of_a_journal_entry_are_no_parts_of_a_total() -> None:
    sides = {'        TaxCode    = "S"\n': '        PostingType = "Debit"\n'}
    assert [v for v in outcome("50.00", sides).verdicts if v.kind == "rounding"] == []


# ---- a target that works each line out anew -----------------------------------------------------

ANEW = DocumentSchema(
    target="books", name="invoice", title="Invoice", header=(), lines=(), number_field="DocNo",
    number_max=50, date_field="DocDate", party_field="", total_field="Total", reckons=True,
)  # fmt: skip
PRICED = {
    "        UOM        = base_unit(line.sku)\n": "        UOM        = base_unit(line.sku)\n"
    "        UnitPrice  = round(price_in_base(line.price, line.uom, line.sku), 0.0001)\n"
}


@pytest.mark.parametrize(
    ("qty", "price", "total", "state"),
    [
        ("5", "42.00", "231.00", "ready"),
        ("1", "10.00", "11.00", "ready"),
        ("13", "10.00", "143.00", "held"),
    ],
)  # fmt: skip
def test_quantity_times_price_is_what_such_a_target_makes(
    qty: str, price: str, total: str, state: str
) -> None:
    ruleset = program(PRICED).ruleset
    anew = compile_ruleset(ruleset, hash="x", schemas=Schemas((ANEW,), ()))
    of = judged(anew, order(line(uom="CTN", qty=qty, price=price), total=total))
    assert summary(of)[0] == state
    if state == "held":  # 156 pieces at 0.8333 are 129.99
        assert summary(of)[1] == [("RND01", "rounding", "hold")]


def test_a_released_check_of_the_sums_covers_rounding_and_nothing_else() -> None:
    """The target adds the lines up itself: what is more than rounding would be in the books."""
    free = frozenset({("books.invoice", "adds"), ("books.invoice", "tolerance")})
    of = judged(program(more=ADDS), order(*THREE, total="33.17"), releases=free)
    assert summary(of) == ("held", [("RND02", "tolerance", "hold")])
    (finding,) = found(of)
    assert finding.clears == ITSELF
    assert "RM 0.05 more" in finding.message
