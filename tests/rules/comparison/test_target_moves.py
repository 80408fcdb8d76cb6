"""Which target takes which days, when a company moves from one to another."""

from pathlib import Path

import pytest

from grammar.nodes import Post, Ruleset
from grammar.parsing.parser import parse
from rules.comparison.difference import Stranded, days_apart, landings, stranded

RULES = (Path(__file__).parents[2] / "acceptance" / "moved.rules").read_text("utf-8")
OLD, NEW = "ordered_on < switch_day", "ordered_on >= switch_day"


def days(first: str = OLD, second: str = NEW) -> dict[str, tuple[str, ...]]:
    text = RULES.replace(OLD, first).replace(NEW, second)
    ruleset, broken = parse({"moved.rules": text})
    assert broken == ()
    return {one.days: one.targets for one in landings(ruleset)}


def test_each_day_has_its_target() -> None:
    assert days() == {
        "below 2026-05-17": ("autocount",),
        "2026-05-17": ("aiaccount",),
        "above 2026-05-17": ("aiaccount",),
    }


@pytest.mark.parametrize(
    ("first", "second", "day", "targets"),
    [
        (OLD, "ordered_on > switch_day", "2026-05-17", ()),
        ("ordered_on <= switch_day", NEW, "2026-05-17", ("autocount", "aiaccount")),
        ("not ordered_on >= switch_day", NEW, "2026-05-17", ("aiaccount",)),
        (
            "ordered_on < 2026-05-01",
            "ordered_on >= 2026-06-01",
            "between 2026-05-01 and 2026-06-01",
            (),
        ),
        (OLD, 'ordered_on >= switch_day and customer = "A"', "2026-05-17", ("aiaccount",)),
    ],
)
def test_a_gap_and_an_overlap_are_named(
    first: str, second: str, day: str, targets: tuple[str, ...]
) -> None:
    assert days(first, second)[day] == targets


def test_what_asks_for_no_day_goes_to_several_on_purpose() -> None:
    assert days('customer = "A"', NEW) == {}
    assert days('customer = "A"', 'customer = "B"') == {}


RECEIPT = """
post order to aiaccount.sales_receipt as "RC-{number}"
    when     ordered_on < 2026-05-10
    immediately
    they own Notes
    we own   the rest  else review by accounts
    ReceiptNumber       = document_number
"""


def test_all_routes_to_a_target_count_together_and_one_that_never_goes_takes_no_day() -> None:
    ruleset, broken = parse({"moved.rules": RULES + RECEIPT})
    assert broken == ()
    found = {one.days: one.targets for one in landings(ruleset)}
    assert found["below 2026-05-10"] == ("autocount", "aiaccount")
    assert found["above 2026-05-17"] == ("aiaccount",)
    never = days(second="ordered_on > switch_day and ordered_on < switch_day")
    assert (never["below 2026-05-17"], never["above 2026-05-17"]) == (("autocount",), ())


def ruleset_of(text: str) -> Ruleset:
    ruleset, broken = parse({"moved.rules": text})
    assert broken == ()
    return ruleset


def invoice(post: Post) -> str:
    return "01" if "invoice" in post.route.document else ""


def test_an_invoice_that_asks_for_no_day_is_meant_for_all_of_them() -> None:
    """The usual slip of who moves: the new route is added, and the old one ends on no day."""
    text = RULES.replace(f"    when     {OLD}\n", "")
    found = {one.days: one.targets for one in landings(ruleset_of(text), invoice)}
    assert found == {
        "below 2026-05-17": ("autocount",),
        "2026-05-17": ("autocount", "aiaccount"),
        "above 2026-05-17": ("autocount", "aiaccount"),
    }
    assert landings(ruleset_of(text)) == ()
    assert landings(ruleset_of(text), lambda post: post.route.target) == ()


def test_which_routes_never_share_a_day() -> None:
    both = frozenset({"autocount.invoice", "aiaccount.sales_invoice"})
    assert days_apart(ruleset_of(RULES)) == {both}
    assert days_apart(ruleset_of(RULES.replace(OLD, "ordered_on <= switch_day"))) == frozenset()
    assert days_apart(ruleset_of(RULES.replace(OLD, 'customer = "A"'))) == frozenset()


FOLLOWS = RECEIPT.replace(
    "    immediately", "    immediately\n    after    aiaccount.sales_invoice"
)


def test_a_receipt_of_days_on_which_its_invoice_goes_elsewhere_waits_for_ever() -> None:
    """It asks for the day of the payment, or for none, and its invoice for that of the order."""
    assert stranded(ruleset_of(RULES)) == ()
    late = FOLLOWS.replace("ordered_on < 2026-05-10", NEW)
    assert stranded(ruleset_of(RULES + late)) == ()
    for when in ("    when     ordered_on < 2026-05-18\n", '    when     customer = "A"\n', ""):
        text = RULES + FOLLOWS.replace("    when     ordered_on < 2026-05-10\n", when)
        (found,) = stranded(ruleset_of(text))
        assert found == Stranded(
            "aiaccount.sales_receipt", "aiaccount.sales_invoice", "ordered_on", found.days
        )
        assert "below 2026-05-17" in found.days
