"""A draft went first, and its approval changed it: one document, one stated effect, no other."""

import pytest

from tests.holding.life import LARGE, SMALL, TABLES, Begun, Life
from tests.holding.shop import FILES, RULES, line

MORE = {"total": "192.00", "lines": [line(qty="2")]}
DOCUMENT = "sales_invoice"
STORY = """
sample tea of order at 2026-11-18 10:00
    number            = "NS-1"
    status            = draft
    ordered_on        = 2026-11-18
    customer          = "C-77"
    total             = 96.00
    approved_version  = 1
    line  pos = 1, sku = "TEA-1", name = "Tea", uom = "CTN", qty = 1, price = 96.00
    with  period = open, debtor("C-77") = "Aisyah Rahman", item("TEA-1") = "TEA-1"

test "a draft went first, and was approved as it was"
    given    tea
    then     approved_version = 2, status = paid
    expect   ignore because approval
"""


def rules(gate: str, given: str = "draft") -> dict[str, str]:
    """The shop, with orders that are drafts first; its table has a group for what approves."""
    text = RULES.replace("one of paid,", "one of draft, paid,")
    text = text.replace('as "{number}"', 'as "{number}-{posting}"') + TABLES
    text = text.replace("    created_by  text     optional\n", "    created_by  text     optional\n"
                        "    approved_version  whole  optional\n")  # fmt: skip
    text = text.replace("    ready   paid\n", f"    ready   paid\n    {gate}   draft\n")
    approval = "    other  = status, created_by\n    approval  = approved_version\n"
    text = text.replace("    other  = status, created_by\n", approval)
    text = text.replace(
        "rest    = status, created_by\n", "rest    = status, created_by, approved_version\n"
    )
    text = text.replace(
        "    | other     | -         | ignore              |\n",
        "    | approval  | -         | ignore              |\n"
        "    | other     | -         | ignore              |\n",
    )
    return FILES | {"shop.rules": text + STORY.replace("= draft", f"= {given}")}


@pytest.fixture
def life(begun: Begun) -> Life:
    """A draft that went early and stands in the target."""
    life = begun(rules("early"))
    life.arrive("NS-1", status="draft", approved_version=1, **SMALL)
    assert life.postings("NS-1") == [(DOCUMENT, 1, "posted", "NS-1-1")]
    return life


def approved(life: Life, **changes: object) -> None:
    life.arrive("NS-1", status="paid", approved_version=2, **changes)


def test_an_approval_of_another_quantity_has_the_effect_of_its_amounts(life: Life) -> None:
    approved(life, **MORE)
    assert life.postings("NS-1") == [(DOCUMENT, 1, "posted", "NS-1-1")]
    assert life.books.effects == [("create", "NS-1-1"), ("update", "NS-1-1")]


def test_an_approval_of_what_it_was_does_nothing(life: Life) -> None:
    approved(life, **SMALL)
    assert life.held("NS-1") == []
    assert life.books.effects == [("create", "NS-1-1")]


def test_a_draft_of_an_older_rule_set_is_taken_back_by_its_approval_and_never_doubled(
    life: Life,
) -> None:
    """Drafts wait by now; the one that went before is changed by its approval all the same."""
    life.shop.publish(rules("wait", given="paid"))
    life.arrive("NS-2", status="draft", **SMALL)
    assert life.postings("NS-2")[0][2] == "waiting"
    approved(life, **LARGE)
    assert life.books.effects == [
        ("create", "NS-1-1"),
        ("create", "CN-NS-1-1"),
        ("create", "NS-1-2"),
    ]


def test_a_draft_that_is_cancelled_is_void(life: Life) -> None:
    life.arrive("NS-1", status="cancelled", approved_version=1, **SMALL)
    assert life.books.effects == [("create", "NS-1-1"), ("void", "NS-1-1")]
