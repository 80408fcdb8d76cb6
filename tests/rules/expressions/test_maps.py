"""Look-ups: how keys match, what a miss says, which near keys it names."""

from decimal import Decimal

import pytest

from rules.facts import Table, literal_value
from rules.values.cause_keys import spelling_differences
from tests.rules.kedai import decision, entries, findings, judge, line, only, order, world


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("ABC-01 ", "spaces"),
        ("abc-01", "case"),
        ("ABC–01", "special characters"),
        ("abc 01", "case, spaces and special characters"),
    ],
)
def test_a_near_miss_is_named(key: str, named: str) -> None:
    found = only(order(lines=[line(sku=key, uom="PCS")], subtotal="192.00", total="211.20"))
    assert found.code == "MAP01"
    assert found.error_class == "mapping_missing"
    assert found.rule == "item"
    assert str(found.cause_key) == f"mapping:item:{key}"
    said = '"ABC-01 "' if key == "ABC-01 " else key
    assert found.cause_label == f"SKU {said} is not an item."
    assert found.message.endswith(f'"ABC-01" is known: it differs by {named}.')
    assert found.would_pass == f'"{key}" is mapped, or the source writes "ABC-01"'


@pytest.mark.parametrize(
    ("key", "shown", "named"),
    [
        ("ABC-01\u200b", "ABC-01[U+200B]", "an invisible character (U+200B)"),
        ("\ufeffabc-01", "[U+FEFF]abc-01", "an invisible character (U+FEFF) and case"),
        ("A\u200fB\u2060C-01", "A[U+200F]B[U+2060]C-01", "invisible characters (U+200F, U+2060)"),
    ],
)
def test_T16a_an_invisible_character_in_a_key_holds_and_is_named_and_shown(
    key: str, shown: str, named: str
) -> None:
    found = only(order(lines=[line(sku=key, uom="PCS")], subtotal="192.00", total="211.20"))
    assert found.code == "MAP01"
    assert found.cause_label == f'SKU "{shown}" is not an item.'
    assert found.message.endswith(f' "ABC-01" is known: it differs by {named}.')
    assert found.would_pass == f'"{shown}" is mapped, or the source writes "ABC-01"'
    assert str(found.cause_key) == f"mapping:item:{key}"


def test_T16b_a_far_key_shows_what_nobody_sees_too() -> None:
    found = only(order(lines=[line(sku="XY\u200bZ", uom="PCS")], subtotal="192.00", total="211.20"))
    assert found.message == (
        'SKU "XY[U+200B]Z" is not an item. It holds an invisible character (U+200B).'
    )
    assert found.would_pass == '"XY[U+200B]Z" is mapped, or the source writes "XYZ"'
    unit = findings(order(lines=[line(uom="CT\u200bN")]))[0]
    assert unit.code == "UOM01"
    assert unit.message.startswith("Nobody said how many pieces a CT[U+200B]N of TEA-1 has.")
    assert unit.message.endswith("It holds an invisible character (U+200B).")


@pytest.mark.parametrize("pair", [("\ufb01", "fi"), ("\u017f", "s"), ("a\u00adb", "ab")])
def test_T16c_two_near_keys_always_differ_by_something(pair: tuple[str, str]) -> None:
    assert spelling_differences(*pair)
    assert Table(entries({pair[1]: "1"})).near(pair[0]) == (pair[1],)
    assert spelling_differences("A\u200b", "a\u200b") == ("case",)
    assert spelling_differences("A\u200bB\u200b", "AB") == ("an invisible character (U+200B)",)
    found = only(
        order(lines=[line(sku=pair[0], uom="PCS")], subtotal="192.00", total="211.20"),
        world=world(maps={"item": entries({pair[1]: "1"})}),
    )
    assert found.code == "MAP01"


@pytest.mark.parametrize(
    ("key", "shown", "signs"),
    [("ABC-O1", "ABC-O1", "O for 0"), ("\u0410BC-01", "\u0410BC-01", "\u0410 (U+0410) for A")],
)
def test_a_key_that_only_looks_like_a_known_one_is_held_with_what_was_mistaken(
    key: str, shown: str, signs: str
) -> None:
    found = only(order(lines=[line(sku=key, uom="PCS")], subtotal="192.00", total="211.20"))
    assert found.code == "MAP01"
    assert found.message == (
        f'SKU {shown} is not an item. "ABC-01" is known: it looks the same ({signs}).'
    )
    assert found.would_pass == f'"{shown}" is mapped, or the source writes "ABC-01"'


def test_what_is_not_near_is_not_named() -> None:
    found = only(order(lines=[line(sku="XYZ", uom="PCS")], subtotal="192.00", total="211.20"))
    assert found.message == "SKU XYZ is not an item."
    assert found.would_pass == '"XYZ" is mapped'


def test_differences_may_be_several() -> None:
    assert spelling_differences("ABC-01", "ABC-01") == ()
    assert spelling_differences("ABC\u00a001", "ABC01") == ("spaces",)


def test_trimmed_and_any_case() -> None:
    assert decision(judge(order(customer="  c-77 "))).state == "ready"
    table = Table(entries({"ß": "1", "SS": "1", "a ": "2"}))
    assert table.find("ss", frozenset({"trimmed", "any_case"})) == ("SS", "ß")
    assert table.find("A", frozenset({"trimmed"})) == ()
    assert table.find("a", frozenset({"trimmed"})) == ("a ",)


def test_two_entries_that_mean_one_key_hold() -> None:
    both = world(maps={"debtor": entries({"C-77": "300-A", "c-77": "300-B"})})
    found = only(order(customer="C-77"), world=both)
    assert (found.code, found.error_class) == ("MAP02", "mapping_missing")
    same = world(maps={"debtor": entries({"C-77": "300-A", "c-77": "300-A"})})
    assert findings(order(), world=same) == []


def test_a_value_of_another_kind_holds() -> None:
    broken = world(maps={"tax_rate": entries({"SST": "ten", "NONE": "0%"})})
    assert {f.code for f in findings(order(), world=broken)} == {"MAP03"}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("10%", "percent", Decimal("0.1")),
        ("0.1", "percent", Decimal("0.1")),
        ("7", "number", Decimal(7)),
        ("NaN", "number", None),
        ("1e9", "number", None),
        ("yes", "yes_no", True),
        (" x ", "text", " x "),
        ("2026-13-01", "date", None),
    ],
)
def test_a_stored_text_is_read_as_the_literals_of_its_map(
    text: str, kind: str, value: object
) -> None:
    assert literal_value(text, kind) == value


def test_used_entries_are_listed_once_and_by_field() -> None:
    outcome = judge(order())
    assert [(u.table, u.key) for u in outcome.used] == [
        ("debtor", "C-77"),
        ("item", "CUP-4"),
        ("item", "TEA-1"),
        ("tax_code", "NONE"),
        ("tax_code", "SST"),
        ("tax_rate", "NONE"),
        ("tax_rate", "SST"),
        ("units", "CTN|TEA-1"),
    ]
    tax = next(e for e in outcome.lineage if e.field == "TaxAmount" and e.line == 1)
    assert [(u.table, u.entry_id) for u in tax.used] == [("tax_rate", 400)]
    customer = next(e for e in outcome.lineage if e.field == "Customer")
    assert customer.source == "debtor(customer) = 300-C077; customer = C-77"
    assert customer.value == "300-C077"
