"""Conversions: exact, by the item's own way, worth the same to the sen."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.nodes import UnitBase
from grammar.text.problem import Span
from rules.facts import Bases, UnitEntry, convert, price_proof, quantity_proof, total_proof
from rules.values.kinds import multiply, round_half_up, scale
from tests.rules.kedai import INVOICE, decision, judge, line, only, order, world

HERE = Span("a", 1, 1, 1, 1)
BASES = Bases([UnitBase("PCS", None, HERE), UnitBase("KG", "RICE-5", HERE)])
ENTRIES = {
    "BOX": UnitEntry(1, 12, 1, "PCS"),
    "CTN": UnitEntry(2, 4, 1, "BOX"),
    "CTN|TEA-1": UnitEntry(3, 40, 1, "PCS"),
    "BAG|RICE-5": UnitEntry(4, 5, 1, "KG"),
    "G": UnitEntry(5, 1, 1000, "KG"),
    "RING": UnitEntry(6, 2, 1, "RING2"),
    "RING2": UnitEntry(7, 2, 1, "RING"),
    "NONE": UnitEntry(8, 0, 1, "PCS"),
}


def factor(unit: str, item: str) -> Fraction | None:
    found = convert(unit, item, BASES, ENTRIES)
    return Fraction(found.num, found.den) if found else None


def test_chains_are_followed_and_the_items_own_row_wins() -> None:
    assert factor("PCS", "CUP") == 1
    assert factor("CTN", "CUP") == 48
    assert factor("CTN", "TEA-1") == 40
    assert factor("BAG", "RICE-5") == 5
    assert factor("G", "RICE-5") == Fraction(1, 1000)


def test_a_missing_factor_is_never_one() -> None:
    assert factor("TIN", "CUP") is None
    assert factor("BOX", "RICE-5") is None
    assert factor("RING", "CUP") is None
    assert factor("NONE", "CUP") is None


def test_five_cartons_at_42_are_60_pieces_at_3_50() -> None:
    by = convert("BOX", "X", BASES, ENTRIES)
    assert by is not None
    pieces, price = scale(Decimal(5), 12, 1), scale(Decimal("42.00"), 1, 12)
    assert quantity_proof(Decimal(5), pieces, by) == "5 BOX × 12 = 60 PCS"
    assert price_proof(Decimal("42.00"), price, by) == "42.00 ÷ 12 = 3.50"
    assert total_proof(multiply(Decimal(5), Decimal("42.00")), multiply(pieces, price)) == (
        "210.00 = 210.00"
    )


@given(
    st.decimals("0.001", 10_000, places=3),
    st.decimals("0.01", 10_000, places=2),
    st.integers(1, 5_000),
    st.integers(1, 5_000),
)
@settings(max_examples=200)
def test_the_line_is_worth_the_same(qty: Decimal, price: Decimal, num: int, den: int) -> None:
    base_qty, base_price = scale(qty, num, den), scale(price, den, num)
    sen = Decimal("0.01")
    assert multiply(base_qty, base_price) == multiply(qty, price)
    assert round_half_up(multiply(base_qty, base_price), sen) == round_half_up(qty * price, sen)


def test_the_proof_stands_in_the_verdict_of_the_line() -> None:
    row = line(sku="ABC-01", uom="BOX", qty="5", price="42.00", tax="NONE")
    body = order(lines=[row], subtotal="210.00", tax_total="0.00", total="210.00")
    outcome = judge(body)
    proof = next(v for v in outcome.verdicts if v.kind == "units" and v.route == INVOICE)
    assert proof.result == "pass"
    assert proof.line == 1
    assert dict(proof.operands) == {
        "conversion": "5 BOX × 12 = 60 PCS",
        "price": "42.00 ÷ 12 = 3.50",
        "line total": "210.00 = 210.00",
    }
    document = decision(outcome).document
    assert document is not None
    assert document.lines[0]["Quantity"] == "60"
    assert document.lines[0]["UnitPrice"] == "3.50"
    assert document.lines[0]["LineTotal"] == "210.00"


def test_a_missing_factor_holds_for_its_owner() -> None:
    sums = {"subtotal": "384.00", "tax_total": "38.40", "total": "422.40"}
    found = only(order(lines=[line(uom="TIN"), line(pos=2, uom="TIN")], **sums))
    assert (found.code, found.error_class, found.rule) == ("UOM01", "mapping_missing", "units")
    assert found.owner == "counter"
    assert str(found.cause_key) == "unit:TIN|TEA-1"
    assert found.message == "Nobody said how many pieces a TIN of TEA-1 has."
    assert found.lines == (1, 2)


def test_a_factor_that_is_a_fraction_stays_exact() -> None:
    thirds = {"SET": UnitEntry(900, 10, 3, "PCS")}
    row = line(sku="ABC-01", uom="SET", qty="3", price="9.99", tax="NONE")
    body = order(lines=[row], subtotal="29.97", tax_total="0.00", total="29.97")
    document = decision(judge(body, world=world(units=thirds))).document
    assert document is not None
    assert document.lines[0]["Quantity"] == "10"
    assert document.lines[0]["UnitPrice"] == "2.997"
