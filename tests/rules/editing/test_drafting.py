"""Drafts: the files change where the field is asked, the rest stays as it was."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from holding.rulesets.admission import RulesRefusal, examine
from rules.editing.daily_hours import add_map_entries, loosen_match, soften_check

ROOT = Path(__file__).parents[3] / "portal" / "starters" / "netshop-aiaccount"
FILES = {str(p.relative_to(ROOT)): p.read_text("utf-8") for p in ROOT.rglob("*") if p.is_file()}
NOTE = "By hand 14 times."


def ruleset(files: Mapping[str, str] = FILES) -> Ruleset:
    return parse({path: text for path, text in files.items() if path.endswith(".rules")})[0]


@pytest.mark.parametrize(
    ("path", "asks"),
    [
        ("customer", "debtor(customer_meant)"),
        ("lines.sku", "item(line.sku_meant)"),
        ("lines.tax", "tax_code(line.tax_meant)"),
    ],
)
def test_a_map_stands_between_a_field_and_all_that_asks_it(path: str, asks: str) -> None:
    draft = add_map_entries(ruleset(), FILES, "order", path, {"a b \\": "B", 'x "': "y"}, NOTE)
    assert draft is not None
    assert asks in draft["posting.rules"]
    assert not isinstance(examine(draft), RulesRefusal)
    assert draft["changes.rules"] == FILES["changes.rules"]
    assert draft["orders_test.rules"] == FILES["orders_test.rules"]


def test_another_time_the_map_gets_more_rows() -> None:
    once = add_map_entries(ruleset(), FILES, "order", "customer", {"C101": "C-101"}, NOTE)
    assert once is not None
    twice = add_map_entries(
        ruleset(once), once, "order", "customer", {"C101": "X", "C102": "C-102"}, NOTE
    )
    assert twice is not None
    [table] = [m for m in ruleset(twice).maps if m.name == "meant_customer"]
    assert [(row.key, row.value.value) for row in table.rows] == [
        ("C101", "C-101"),
        ("C102", "C-102"),
    ]
    assert not isinstance(examine(twice), RulesRefusal)


@pytest.mark.parametrize("path", ["total", "status", "nothing", "lines.nothing", "pieces"])
def test_what_is_no_text_of_the_record_has_no_draft(path: str) -> None:
    assert add_map_entries(ruleset(), FILES, "order", path, {"a": "b"}, NOTE) is None


def test_a_map_takes_more_spellings() -> None:
    draft = loosen_match(ruleset(), FILES, "item", ("trimmed", "any_case"), NOTE)
    assert draft is not None
    [table] = [m for m in ruleset(draft).maps if m.name == "item"]
    assert table.match == ("trimmed", "any_case")
    assert loosen_match(ruleset(), FILES, "debtor", ("trimmed",), NOTE) is None
    assert loosen_match(ruleset(), FILES, "nothing", ("trimmed",), NOTE) is None


def test_a_check_warns_instead_of_holding() -> None:
    draft = soften_check(ruleset(), FILES, "home_currency", NOTE)
    assert draft is not None
    [check] = [c for c in ruleset(draft).checks if c.name == "home_currency"]
    assert check.action.kind == "warn"
    assert soften_check(ruleset(), FILES, "back_dated", NOTE) is None
    assert soften_check(ruleset(), FILES, "nothing", NOTE) is None
