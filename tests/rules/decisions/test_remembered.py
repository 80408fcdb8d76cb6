"""A world remembers what its maps and units answered: what is decided, and by which entries, is the
same for the first record that asks as for the next.
"""

from typing import Any

import pytest

from rules.facts import Facts, Subject, TargetState, World, load_seeds
from rules.outcomes import Document, Outcome, Use
from rules.program import Program
from tests.rules import kedai, shop
from tests.rules.one_meaning import same_decision

NEXT = 3
"""So many records ask the same world; the first of them finds nothing remembered."""
MISC = {"item(line.sku)": 'item(line.sku) otherwise "MISC"'}
FALLS_BACK = "in_base(line.qty, line.uom, line.sku)"


def decided(program: Program, body: dict[str, Any], world: World, facts: Facts) -> list[Outcome]:
    """One record after the other, in one world."""
    asked = Subject("order", program.routes[0].source, body, 1), facts, world, kedai.NOW
    found = [program.decision(*asked) for _ in range(NEXT)]
    whole = program.evaluate(*asked)
    for one in found:
        same_decision(whole, one)
    return found


def of_shop(program: Program, *lines: dict[str, Any], **changes: Any) -> list[Outcome]:
    """The same in the small shop."""
    world = load_seeds(program.ruleset, {}).world(1, {"books": TargetState(known=True)})
    return decided(program, shop.order(*lines, **changes), world, Facts(shop.NOW))


def document_of(outcome: Outcome) -> Document:
    """The only document of what goes."""
    (only,) = outcome.decisions
    assert (only.state, only.findings) == ("ready", ())
    assert only.document is not None
    return only.document


def column(outcome: Outcome, name: str) -> list[str]:
    """A field of each line of the document that goes."""
    return [row[name] for row in document_of(outcome).lines]


def tables(outcome: Outcome) -> set[tuple[str, str]]:
    """The entries by which an outcome was decided."""
    return {(use.table, use.key) for use in outcome.used}


# ---- another value stands in for what is missing -------------------------------------------------


def test_a_record_whose_missing_entry_is_stood_in_for_goes_each_time() -> None:
    found = of_shop(shop.program(MISC), shop.line(sku="NEW"), total="11.04")
    assert [column(one, "ItemCode") for one in found] == [["MISC"]] * NEXT
    assert [one.used for one in found] == [()] * NEXT


def test_what_is_there_is_told_beside_what_is_missing() -> None:
    found = of_shop(shop.program(MISC), shop.line(sku="NEW"), shop.line(pos=2), total="22.08")
    assert [column(one, "ItemCode") for one in found] == [["MISC", "TEA"]] * NEXT
    assert [tables(one) for one in found] == [{("item", "T-1")}] * NEXT


def test_a_missing_entry_behind_a_computed_field_is_stood_in_for() -> None:
    code = '    code     = item(line.sku) otherwise "MISC"\n'
    program = shop.program(
        {
            "    ItemCode   = item(line.sku)": "    ItemCode   = line.code",
            "    tax_due  =": f"{code}    tax_due  =",
        }
    )
    found = of_shop(program, shop.line(sku="NEW"), shop.line(pos=2), total="22.08")
    assert [column(one, "ItemCode") for one in found] == [["MISC", "TEA"]] * NEXT
    assert [tables(one) for one in found] == [{("item", "T-1")}] * NEXT


def test_a_missing_factor_is_stood_in_for() -> None:
    program = shop.program({f"= {FALLS_BACK}": f"= {FALLS_BACK} otherwise line.qty"})
    found = of_shop(program, shop.line(uom="TIN"), shop.line(pos=2, uom="CTN"), total="22.08")
    assert [tables(one) for one in found] == [{("item", "T-1"), ("units", "CTN")}] * NEXT
    assert [column(one, "Quantity") for one in found] == [["1", "12"]] * NEXT


def test_a_missing_factor_of_the_header_is_stood_in_for() -> None:
    one = 'in_base(1, "TIN", "T-1") otherwise in_base(2, "CTN", "T-1")'
    program = shop.program({"    Total      =": f"    Pieces     = {one}\n    Total      ="})
    found = of_shop(program, shop.line(), total="11.04")
    assert [tables(one) for one in found] == [{("item", "T-1"), ("units", "CTN")}] * NEXT
    assert [document_of(one).fields["Pieces"] for one in found] == ["24"] * NEXT


# ---- which entries it was decided by -------------------------------------------------------------

APPROVED = frozenset({(kedai.INVOICE, "approve by accounts")})


@pytest.mark.parametrize(
    ("changes", "releases"),
    [
        ({}, frozenset()),
        ({"tin": "IG115002000"}, frozenset()),
        ({"tin": "IG115002000"}, APPROVED),
        ({"tin": "IG115002000", "total": "1.00"}, frozenset()),
        ({"customer": "C-404", "tin": "IG115002000"}, frozenset()),
        ({"status": "pending", "tin": "IG115002000"}, frozenset()),
    ],
    ids=["clean", "checked by an entry", "released", "held", "not mapped", "waits"],
)
def test_the_same_entries_are_told_of_the_first_record_and_of_the_next(
    changes: dict[str, Any], releases: frozenset[tuple[str, str]]
) -> None:
    facts = Facts(kedai.NOW, releases=releases)
    body = kedai.order(**changes)
    first, *others = decided(kedai.program_of(), body, kedai.world(), facts)
    assert [one.used for one in others] == [first.used] * len(others)


def test_a_document_that_somebody_released_names_the_entries_behind_its_computed_fields() -> None:
    facts = Facts(kedai.NOW, releases=APPROVED)
    found = decided(kedai.program_of(), kedai.order(), kedai.world(), facts)
    for one in found:
        assert tables(one) >= {("tax_rate", "SST"), ("tax_rate", "NONE")}


def test_an_entry_that_only_a_check_asks_is_told_of_every_record() -> None:
    found = decided(
        kedai.program_of(), kedai.order(tin="IG115002000"), kedai.world(), Facts(kedai.NOW)
    )
    for one in found:
        assert Use("debtor_of_tin", "IG115002000", 100, "300-C077") in one.used
