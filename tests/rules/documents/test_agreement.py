"""What comes in and what goes out in base units; source, units table, set-up and mapping agree."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rules.facts import (
    Clash,
    Conversion,
    ItemUnits,
    TargetState,
    find_unit_clash,
    identity_conversion,
)
from rules.outcomes import Outcome
from rules.testing.runner import run_tests
from tests.rules.shop import NO_TOTAL, found, judged, line, order, program

ROW = "    1 CTN    = 12 PCS\n"
CARTON = line(uom="CTN", qty="5", price="42.00")


def told(base: str = "PCS", **rates: int) -> TargetState:
    items = {"TEA": ItemUnits(base, {unit: (num, 1) for unit, num in rates.items()})}
    return TargetState(known=True, items=items)


def outcome(changes: dict[str, str] | None = None, *, state: TargetState | None = None) -> Outcome:
    return judged(program({**NO_TOTAL, **(changes or {})}), order(CARTON), state=state)


def agreement(of: Outcome) -> Any:
    (only,) = [v for v in of.verdicts if v.rule == "uom_mismatch"]
    return only


def test_base_quantity_and_rate_stand_in_the_trace_before_and_after() -> None:
    of = outcome()
    assert found(of) == []
    assert agreement(of).operands == (
        ("before", "5 CTN × 12 = 60 PCS"), ("after", "60 PCS × 1 = 60 PCS"))  # fmt: skip
    conversion = next(v for v in of.verdicts if v.rule == "units")
    assert ("conversion", "5 CTN × 12 = 60 PCS") in conversion.operands


def test_a_missing_factor_is_never_one() -> None:
    of = outcome({ROW: ""})
    assert [f.code for f in found(of)] == ["UOM01"]
    assert of.decisions[0].document is None
    assert [v for v in of.verdicts if v.rule == "uom_mismatch"] == []


def test_the_targets_own_factor_is_another_and_all_four_are_shown() -> None:
    of = outcome(state=told(CTN=24))
    (finding,) = found(of)
    assert (finding.code, finding.rule, finding.severity) == ("UOM08", "uom_mismatch", "hold")
    assert finding.lines == (1,)
    assert str(finding.cause_key) == "unit:CTN|T-1"
    assert finding.message == (
        "T-1: 1 CTN = 12 PCS in the rules, but 1 CTN = 24 PCS in books (source CTN of T-1; "
        "units 1 CTN = 12 PCS; item set-up 1 CTN = 24 PCS; mapping TEA in PCS)."
    )
    assert of.decisions[0].state == "held"


def test_where_the_target_agrees_its_set_up_is_in_the_trace() -> None:
    of = outcome(state=told(CTN=12))
    assert found(of) == []
    assert ("item set-up", "1 CTN = 12 PCS") in agreement(of).operands


def test_a_unit_that_is_not_posted_need_not_be_known_there() -> None:
    assert found(outcome(state=told())) == []
    assert found(outcome(state=TargetState(known=True, items={"OTHER": ItemUnits("KG")}))) == []
    unknown = TargetState(known=False, items=told(CTN=24).items)
    assert found(outcome(state=unknown)) == []


def test_the_posted_unit_must_be_known_there() -> None:
    (finding,) = found(outcome(state=told("KG", BAG=5)))
    assert "but no PCS, only KG, BAG in books" in finding.message


UNIT = "UOM        = base_unit(line.sku)"


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ('UOM        = "CTN"', "5 CTN × 12 = 60 PCS come in, but 60 CTN × 12 = 720 PCS go out"),
        ('UOM        = "BOX"', "T-1 is posted in BOX, for which no factor is known"),
    ],
)
def test_what_goes_out_is_worth_what_came_in(unit: str, words: str) -> None:
    (finding,) = found(outcome({UNIT: unit}))
    assert finding.code == "UOM08"
    assert words in finding.message
    assert "mapping TEA in" in finding.message


@pytest.mark.parametrize(
    ("changes", "state", "differ", "counts"),
    [
        ({}, told(CTN=24), ("item_set_up", "units_table"), (60, 120)),
        ({}, told("KG", CTN=24), ("item_set_up", "document"), (60, None)),
        ({UNIT: 'UOM        = "CTN"'}, None, ("record", "document"), (60, None)),
        ({UNIT: 'UOM        = "BOX"'}, told(CTN=12), ("units_table", "document"), (60, 60)),
    ],
)
def test_which_two_differ_is_a_value(
    changes: dict[str, str], state: TargetState | None, differ: Any, counts: Any
) -> None:
    units = agreement(outcome(changes, state=state)).units
    assert (units.unit, units.item, units.quantity, units.base) == ("CTN", "T-1", "5", "PCS")
    assert (units.differ, (units.here, units.there)) == (differ, counts)
    assert agreement(outcome(state=told(CTN=12))).units is None


def test_what_is_no_whole_number_of_pieces_is_no_count() -> None:
    state = TargetState(known=True, items={"TEA": ItemUnits("PCS", {"CTN": (7, 3)})})
    units = agreement(outcome(state=state)).units
    assert (units.here, units.there) == (60, None)


def test_posted_in_the_sources_own_unit_the_factors_are_compared_all_the_same() -> None:
    as_it_is = {UNIT: "UOM        = line.uom", "= line.pieces": "= line.qty"}
    assert found(outcome(as_it_is)) == []
    assert found(outcome(as_it_is, state=told(CTN=12))) == []
    (finding,) = found(outcome(as_it_is, state=told(CTN=24)))
    assert "1 CTN = 12 PCS in the rules, but 1 CTN = 24 PCS in books" in finding.message


THEIR_WORDS = {
    UNIT: "UOM        = unit_word(base_unit(line.sku))",
    "units\n    base": """\
map unit_word
    match    exact
    "PCS" -> "UNIT"
    "CTN" -> "CASE"
    missing  hold for accounts  say "{key} has no word there."

units
    base""",
}


def test_a_target_may_have_its_own_words_for_units() -> None:
    assert found(outcome(THEIR_WORDS)) == []
    assert found(outcome(THEIR_WORDS, state=told("UNIT", CASE=12))) == []
    (finding,) = found(outcome(THEIR_WORDS, state=told("UNIT", CASE=24)))
    assert "1 CTN = 12 PCS in the rules, but 1 CTN = 24 PCS in books" in finding.message
    (finding,) = found(outcome(THEIR_WORDS, state=told("KG")))
    assert "but no PCS, only KG in books" in finding.message


def test_rules_without_units_are_held_against_the_set_up_too() -> None:
    plain = {
        UNIT: "UOM        = line.uom",
        "= line.pieces": "= line.qty",
        "    pieces   = in_base(line.qty, line.uom, line.sku)\n": "",
    }
    assert found(outcome(plain, state=told(CTN=24))) == []
    (finding,) = found(outcome(plain, state=told(BOX=6)))
    assert "but no CTN, only PCS, BOX in books" in finding.message


def test_a_test_tells_how_the_target_counts_an_item() -> None:
    of = program(
        NO_TOTAL,
        more="""\
sample tea of order at 2026-11-20 10:00
    number = "A-1"
    status = paid
    day    = 2026-11-19
    total  = 210.00
    line   pos = 1, sku = "T-1", uom = "CTN", qty = 5, price = 42.00
    with   period = open, 1 CTN of "TEA" = 12 PCS in books

test "all four agree"
    given    tea
    expect   ready
        line 1  ItemCode = "TEA", Quantity = 60, UOM = "PCS"

test "the target says otherwise"
    given    tea with 2 CTN of "TEA" = 48 PCS in books
    expect   hold for accounts because uom_mismatch

test "the target counts it in something else"
    given    tea with 1 BAG of "TEA" = 5 KG in books
    expect   hold for accounts because uom_mismatch
""",
    )
    assert [r.message for r in run_tests(of.ruleset, of).results] == ["", "", ""]


counts = st.integers(1, 500)
quantities = st.decimals(Decimal("0.001"), Decimal(9999), places=3)
prices = st.decimals(Decimal("0.01"), Decimal(9999), places=2)


@pytest.mark.slow
@given(counts, counts, quantities, prices)
@settings(max_examples=40)
def test_base_quantity_is_equal_on_both_sides_and_the_line_to_the_sen(
    pieces: int, of: int, quantity: Decimal, price: Decimal
) -> None:
    row = f"    {of} CTN    = {pieces} PCS\n"
    base = Fraction(quantity) * Fraction(pieces, of)
    body = order(line(uom="CTN", qty=str(quantity), price=str(price)))
    outcome = judged(program({**NO_TOTAL, ROW: row}), body)
    (conversion,) = [v for v in outcome.verdicts if v.rule == "units"]
    said = dict(conversion.operands)["conversion"]
    assert Fraction(said.split(" = ")[1].removesuffix(" PCS")) == base
    document = outcome.decisions[0].document
    if document is None:  # no decimal says that many pieces: it is held, not cut
        assert [f.code for f in found(outcome)] == ["NUM01"]
        return
    assert Fraction(document.lines[0]["Quantity"]) == base
    before, after = (dict(agreement(outcome).operands)[name] for name in ("before", "after"))
    assert before.split(" = ")[1] == after.split(" = ")[1] == said.split(" = ")[1]
    total = Fraction(document.lines[0]["LineTotal"])
    assert abs(total - Fraction(quantity) * Fraction(price)) <= Fraction(1, 200)


@given(counts, counts, counts, counts)
@settings(max_examples=100)
def test_set_up_and_rules_clash_exactly_where_the_factors_differ(
    ours: int, theirs: int, of_ours: int, of_theirs: int
) -> None:
    assume(ours % of_ours == 0)
    by = Conversion("CTN", "PCS", ours // of_ours, 1, ())
    set_up = ItemUnits("PCS", {"CTN": (theirs, of_theirs)})
    differs = Fraction(theirs, of_theirs) != ours // of_ours
    assert bool(find_unit_clash(by, identity_conversion("PCS"), set_up)) == differs
    assert bool(find_unit_clash(by, by, set_up)) == differs


def test_a_kilo_of_another_base_is_compared_through_what_both_know() -> None:
    by = Conversion("CTN", "PCS", 12, 1, ())
    dozens = ItemUnits("DOZ", {"PCS": (1, 12), "CTN": (1, 1)})
    assert find_unit_clash(by, identity_conversion("PCS"), dozens) is None
    twice = ItemUnits("DOZ", {"PCS": (1, 12), "CTN": (2, 1)})
    assert find_unit_clash(by, identity_conversion("PCS"), twice) == Clash(
        "CTN", has_unit=True, text="1 CTN = 24 PCS"
    )
