"""A quantity in the base unit, and back as a target counts the item."""

from fractions import Fraction

import pytest

from holding.programs.world import TargetQuantity, _target_quantities, _to_base, quantity_of
from rules.facts import Entry, ItemUnits, TargetState, UnitEntry, World

UNITS = {
    "CTN": UnitEntry(1, 12, 1, "BOX"),
    "CTN|TEA-1": UnitEntry(2, 24, 1, "PCS"),
    "BOX": UnitEntry(3, 10, 1, "PCS"),
    "G": UnitEntry(4, 1, 3, "PCS"),
}


def _there(base: str, rates: dict[str, tuple[int, int]], *, known: bool = True) -> World:
    state = TargetState(known=known, items={"T1": ItemUnits(base, rates)})
    return World.build(1, {"item": {"TEA-1": Entry(1, "T1")}}, UNITS, {"autocount": state})


@pytest.mark.parametrize(
    ("unit", "item", "factor", "base"),
    [("CTN", "TEA-1", "24", "PCS"), ("CTN", "CUP-4", "120", "PCS"), ("G", "", "1/3", "PCS"),
     ("PCS", "TEA-1", "1", "PCS")],
)  # fmt: skip
def test_a_unit_leads_to_its_base(unit: str, item: str, factor: str, base: str) -> None:
    found = _to_base(unit, item, UNITS)
    assert found is not None
    assert (found.factor, found.base) == (factor, base)


def test_a_unit_that_no_entry_names_has_no_factor_and_is_never_one() -> None:
    assert _to_base("DRUM", "TEA-1", UNITS) is None


def test_entries_that_lead_in_a_circle_end() -> None:
    assert _to_base("A", "", {"A": UnitEntry(1, 2, 1, "B"), "B": UnitEntry(2, 2, 1, "A")})


def _back(world: World, quantity: int) -> list[TargetQuantity]:
    found = _to_base("CTN", "TEA-1", UNITS)
    assert found is not None
    return list(_target_quantities(world, found, Fraction(quantity), "TEA-1"))


def test_what_a_target_counts_otherwise_is_not_what_was_ordered() -> None:
    [same] = _back(_there("PCS", {"CTN": (24, 1)}), 5)
    assert (same.rate, same.quantity, same.same) == ("24", "5", True)
    [other] = _back(_there("PCS", {"CTN": (12, 1)}), 5)
    assert (other.target, other.rate, other.quantity, other.same) == (
        "autocount",
        "12",
        "10",
        False,
    )
    [kept] = _back(_there("CTN", {"PCS": (1, 24)}), 5)
    assert (kept.rate, kept.same) == ("24", True)
    [none] = _back(_there("PCS", {"BOX": (6, 1)}), 5)
    assert (none.units, none.rate) == ("PCS, BOX", "")
    assert _back(_there("PCS", {"CTN": (12, 1)}, known=False), 5) == [], "nobody knows it today"


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "NaN", "Infinity", "1e30"])
def test_what_is_no_quantity_is_none(text: str) -> None:
    assert quantity_of(text) is None


def test_a_quantity_is_exact() -> None:
    assert quantity_of("1,000.1") == Fraction(10001, 10)
