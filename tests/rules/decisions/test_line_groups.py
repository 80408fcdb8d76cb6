"""Groups of edits name fields of lines: what moves in a line is answered by what it is."""

from typing import Any

import pytest

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.comparison.difference import difference
from rules.editing.mentions import Symbol, suggest
from rules.editing.symbols import mentions
from rules.outcomes import Outcome
from rules.rulebook.book import build_book
from rules.testing.runner import all_parts
from rules.types.symbol_table import Index, Schemas
from tests.rules.roaster import (
    GONE,
    INVOICE,
    TEXT,
    actions,
    changed,
    invoice,
    judge,
    line,
    order,
    program_of,
)

GROUPS = """    worth    = lines, shipping, total
"""
APART = """    prices   = line.price, total
    worth    = lines, line.qty, shipping
"""
ROWS = """    | address           | open   | update              |
    | worth, overbilled | locked | block               |
    | address           | locked | review by books     |
"""
OWN_ROWS = """    | address, prices   | open   | update              |
    | worth, overbilled | locked | block               |
    | address, prices   | locked | review by books     |
"""
SPLIT = TEXT.replace(GROUPS, APART).replace(ROWS, OWN_ROWS)
REBOOKED = [("credit_note", "autocount.credit_note", 1), ("create", "autocount.invoice", 2)]
UPDATED = [("update", "autocount.invoice", 1)]


def after(*lines: dict[str, Any], text: str = SPLIT) -> Outcome:
    return judge(order(lines=list(lines)), GONE, program=program_of(text), **changed())


def done(outcome: Outcome) -> list[tuple[str, str, int]]:
    return actions(invoice(outcome))


def told(outcome: Outcome) -> list[str]:
    return [v.text for v in outcome.verdicts if v.kind == "change" and v.route == INVOICE]


def found(text: str) -> list[tuple[str, str]]:
    ruleset, problems = parse({"roaster.rules": text})
    assert problems == ()
    known = {p.code for p in check(parse({"roaster.rules": TEXT})[0])}
    return [(p.code, p.message) for p in check(ruleset) if p.code not in known]


def test_T21c_a_price_is_answered_by_its_own_group_and_a_quantity_by_another() -> None:
    price = after(line(price="3.50"))
    assert done(price) == UPDATED
    assert told(price) == ["IV-C-1-1 is posted, but prices changed: line price."]
    assert done(after(line(price="3.50"), text=TEXT)) == REBOOKED
    assert done(after(line(qty="2"))) == REBOOKED


def test_T21c_both_at_once_are_two_groups_and_the_strictest_answers() -> None:
    both = after(line(price="3.50", qty="2"))
    assert done(both) == REBOOKED
    assert len(told(both)) == 2


@pytest.mark.parametrize(
    "lines",
    [
        [line(sku="DECAF")],  # a field that no group names goes with its lines
        [line(), line(pos=2)],
    ],
)
def test_T21c_what_no_group_names_of_a_line_goes_with_the_lines(lines: list[Any]) -> None:
    assert told(after(*lines)) == ["IV-C-1-1 is posted, but worth changed: lines."]


def test_T21c_a_line_that_comes_or_goes_is_no_change_of_the_others_price() -> None:
    outcome = after(line(pos=2, price="9.00"), line(price="3.50"))
    assert sorted(told(outcome)) == [
        "IV-C-1-1 is posted, but prices changed: line price.",
        "IV-C-1-1 is posted, but worth changed: lines.",
    ]


def test_T21c_names_in_groups_are_resolved() -> None:
    assert found(SPLIT) == []
    assert found(SPLIT.replace(APART, APART.replace("price,", "prise,")))[0] == (
        "EDT04",
        "order has no 'line.prise': only stored fields are in groups",
    )
    assert found(SPLIT.replace(APART, APART.replace("price,", "wanted,")))[0][0] == "EDT04"
    assert [code for code, _ in found(SPLIT.replace(APART, APART.replace("price,", "pos,")))] == [
        "EDT03"
    ]
    assert found(SPLIT.replace(APART, APART.replace("line.qty", "line.price")))[0] == (
        "EDT02",
        "'line.price' is in the group 'prices' already",
    )
    assert found(SPLIT.replace("lines, line.qty", "line.qty"))[0][1] == (
        "1 field is in no group: lines"
    )


def test_T21c_the_layout_the_names_and_the_words_follow() -> None:
    assert format_text(SPLIT) == SPLIT
    ruleset, _ = parse({"r": SPLIT})
    index = Index(ruleset)
    price = Symbol("field", "price", "order_line")
    places = [m.span for m in mentions(index, {"r": SPLIT}) if m.symbol == price]
    at = SPLIT.split("\n")
    assert any(at[s.line - 1].startswith("    prices   = line.price") for s in places)
    assert all(at[s.line - 1][s.column - 1 : s.end_column - 1] == "price" for s in places)
    typed = f"{SPLIT}\non edit of order for autocount.invoice\n    prices = "
    known = Schemas((), ())
    assert {"line.price", "total"} <= {one.label for one in suggest(typed, index, known)}
    assert "price" in {one.label for one in suggest(f"{typed}line.", index, known)}
    said = [entry.text for section in build_book(ruleset).sections for entry in section.entries]
    assert any("its prices (line price or total)" in text for text in said), said


def test_T21c_two_rulesets_differ_where_a_field_changes_its_group() -> None:
    moved = SPLIT.replace("line.qty, ", "").replace(
        "line.price, total", "line.price, line.qty, total"
    )
    one, other = parse({"r": SPLIT})[0], parse({"r": moved})[0]
    assert any(
        "prices = line.price, line.qty, total" in text
        for change in difference(one, other)
        for text in change.details
    )


def test_T21c_what_the_tests_prove_counts_each_field_of_the_lines() -> None:
    ruleset = parse({"r": SPLIT})[0]
    found = {one.name: one for one in all_parts(ruleset) if one.kind == "fields of lines in groups"}
    assert list(found) == [
        "on edit of order: prices with line.price",
        "on edit of order: worth with line.qty",
    ]
    (way,) = found["on edit of order: prices with line.price"].mutants
    assert [word.name for word in way.groups[0].fields] == ["total"]
