"""Drafts that are posted early, and what their approval changes: checked, and in a company."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.checking import TEA, checked, early, errors, line_of, ran, without
from tests.acceptance.depot import Body, day
from tests.acceptance.houses import COMPANY
from tests.acceptance.parts import state
from tests.acceptance.product import Product, free_environment
from tests.acceptance.quiet import rows
from tests.acceptance.trader import DONE, Trader, opened_trader

DRAFTS = Path(__file__).with_name("drafts.rules").read_text("utf-8")
STORY = """
test "a draft went first, and its approval changed the quantity"
    given    tea with status = draft, approved_version = 1
    then     line 1.qty = 3, total = 288.00, version = 2, approved_version = 2, status = approved
    expect   review by accounts because amounts
    expect   review by sales_admin because approval

test "a draft went first, and was approved as it was"
    given    tea with status = draft, approved_version = 1
    then     approved_version = 2, version = 2, status = approved
    expect   review by sales_admin because approval
"""
HOLDS = """
SELECT record.number, hold.code, team.name FROM hold JOIN record ON record.id = hold.record_id
LEFT JOIN team ON team.id = hold.team_id WHERE hold.state = 'open'
"""


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    """A company that lets its drafts go to AutoCount."""
    product = Product(command, tmp_path_factory.mktemp("drafts"), free_environment())
    rules = product.folder / "rules"
    rules.mkdir()
    (rules / "shop.rules").write_text(DRAFTS, "utf-8")
    with opened_trader(product, rules, "autocount", teams=("accounts", "sales")) as found:
        found.books["autocount"].control("book", debtors=["300-C078"])
        yield found


def draft(number: str, qty: int = 1, **changes: Any) -> Body:
    """An order of so many cartons of tea, RM 96.00 each."""
    tea = {"pos": 1, "sku": "TEA-01", "name": "Tea", "qty": str(qty), "price": "96.00"}
    return {
        "kind": "order",
        "number": number,
        "status": "draft",
        "ordered_on": day(4),
        "customer": "C-77",
        "total": f"{96 * qty}.00",
        "approved_version": 1,
        "lines": [tea],
        **changes,
    }


def approved(number: str, qty: int = 1, **changes: Any) -> Body:
    """The same, approved as it is now."""
    return draft(number, qty, status="approved", approved_version=2, **changes)


def in_the_books(trader: Trader) -> dict[str, list[tuple[str, str]]]:
    """What was done in AutoCount, by the order that it was done for."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in trader.books["autocount"].lines():
        if line.get("effect") in DONE:
            number = line["number"]
            order = number.removeprefix("CN-").removeprefix("IV-").rpartition("-")[0]
            found.setdefault(order, []).append((line["effect"], number))
    return found


def drafts_wait(trader: Trader) -> None:
    """Other rules come into force: a draft waits from now on."""
    rules = trader.product.folder / "rules"
    text = re.sub(r"    early +draft\n", "    wait     draft\n", DRAFTS)
    text = text[: text.index("sample tea")]
    (rules / "shop.rules").write_text(text, "utf-8")
    push = ("rules", "push", str(rules), *COMPANY, "--as", "consultant@kedai.example")
    trader.product.run(*push)
    trader.product.run("publish", "2", *COMPANY, "--as", "publisher@kedai.example")


def test_B11_a_draft_that_went_first_has_its_own_answer_to_its_approval(
    product: Product, trader: Trader
) -> None:
    drafts = early(TEA, "early    draft")
    told = drafts + STORY
    shared = told.replace("party     = customer, tin, ordered_on", "party     = customer, tin, "
                          "ordered_on, approved_version")  # fmt: skip
    shared = shared.replace("    approval  = approved_version\n", "")
    shared = re.sub(r"    \| approval +\| - .*\n", "", shared).replace(" because approval", "")
    joined = told.replace(
        "| approval                  | -      | review by sales_admin |\n    ", ""
    )
    joined = joined.replace("| rest                      |", "| approval, rest            |")
    blind = without(without(told, "on edit of order"), 'test "another price')
    whole, *broken = checked(product, [told, drafts, shared, joined, blind], "--json")
    assert (whole.code, errors(whole)) == (0, [])
    assert [one.code for one in broken] == [1, 1, 1, 1]
    assert errors(broken[0]) == [("TST06", line_of(drafts, "early    draft"))]
    assert ("EDT09", line_of(shared, "on edit of order")) in errors(broken[1])
    assert ("EDT09", line_of(joined, "| changed")) in errors(broken[2])
    assert "EDT08" in dict(errors(broken[3]))

    (ran_,) = ran(product, "test", [told], "--json")
    results = {each["test"]: each["passed"] for each in ran_.json["results"]}
    assert all(results.values())
    assert sum("draft went first" in title for title in results) == 2
    row = "    | approval                  | -      | review by sales_admin |\n"
    assert row in told
    other = told.replace(row, "    | approval | - | ignore |\n")
    (changed,) = ran(product, "test", [other], "--json")
    red = {each["test"] for each in changed.json["results"] if not each["passed"]}
    assert "a draft went first, and was approved as it was" in red
    _the_draft_of_older_rules_gets_the_stated_effect_and_no_other(trader)


def _the_draft_of_older_rules_gets_the_stated_effect_and_no_other(trader: Trader) -> None:
    """It went under rules that let it; under those in force drafts wait, and still it is changed,
    not made again.
    """
    numbers = ("NS-1", "NS-2", "NS-3", "NS-4")
    trader.take(*(draft(number) for number in numbers))
    trader.work_on(0)
    went = {number: [("created", f"IV-{number}-1")] for number in numbers}
    assert in_the_books(trader) == went
    drafts_wait(trader)
    trader.take(draft("NS-5"))
    assert state(trader.page("order", "NS-5")) == "Waiting"
    assert in_the_books(trader) == went, "nothing is done to what went before"

    trader.take(
        approved("NS-1", qty=3),
        approved("NS-2"),
        approved("NS-3", qty=10),
        approved("NS-4", customer="C-78"),
    )
    trader.work_on(3)
    trader.work_on(0)
    assert in_the_books(trader) == {
        "NS-1": [*went["NS-1"], ("updated", "IV-NS-1-1")],
        "NS-2": went["NS-2"],
        "NS-3": [*went["NS-3"], ("created", "CN-IV-NS-3-1"), ("created", "IV-NS-3-2")],
        "NS-4": went["NS-4"],
    }
    assert [(row["qty"], row["subTotal"]) for row in trader.document("IV-NS-1-1")["details"]] == [
        ("3.0000", "288.00")
    ]
    assert trader.document("IV-NS-4-1")["master"]["debtorCode"] == "300-C077"
    assert rows(trader, HOLDS) == [("NS-4", "STL01", "accounts")]
    assert state(trader.page("order", "NS-1")) == state(trader.page("order", "NS-2")) == "Posted"
