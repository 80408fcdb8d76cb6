"""Look-ups: how keys match, what a miss says, which near keys it names."""

from decimal import Decimal

import pytest

from rules.facts.seeds import literal_value
from rules.facts.world import Table, differences
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


def test_what_is_not_near_is_not_named() -> None:
    found = only(order(lines=[line(sku="XYZ", uom="PCS")], subtotal="192.00", total="211.20"))
    assert found.message == "SKU XYZ is not an item."
    assert found.would_pass == '"XYZ" is mapped'


def test_differences_may_be_several() -> None:
    assert differences("ABC-01", "ABC-01") == ()
    assert differences("ABC\u00a001", "ABC01") == ("spaces",)


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
