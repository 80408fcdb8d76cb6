"""Under which names rules look for other records that other rules do not, or mean otherwise."""

import pytest

from grammar.parsing.parser import parse
from rules.comparison.two_sides import newly_needed_names
from rules.program import Program, compile_ruleset
from tests.holding.shop import RULES

LINK = """
link earlier of order
    from     order
    by       customer = customer
    where    ordered_on < order.ordered_on
    at most  100  else hold for accounts
"""
LINKED = RULES + LINK
TOTAL = "    total       money"
COMPUTED = RULES.replace(TOTAL, f"{TOTAL}\n    who         = customer")
COMPUTED = COMPUTED.replace("unique by number in", "unique by who in")


def program(text: str) -> Program:
    ruleset, problems = parse({"a.rules": text})
    assert problems == ()
    return compile_ruleset(ruleset, hash=text)


@pytest.mark.parametrize(
    ("before", "now", "names"),
    [
        (RULES, LINKED, {"link:order.earlier"}),
        (LINKED, RULES, set()),
        (LINKED, LINKED.replace("order.ordered_on", "2026-01-01"), set()),  # of the found ones
        (LINKED, LINKED.replace("customer = customer", "created_by = created_by"),
         {"link:order.earlier"}),
        (LINKED, LINKED.replace("at most  100", "at most  90"), set()),
        (RULES, RULES.replace("unique by number in", "unique by customer in"),
         {"dup:aiaccount.sales_invoice:order.0"}),
        (RULES, RULES.replace('"{number}"', '"INV-{number}"', 1), {"doc:aiaccount.sales_invoice"}),
        (RULES, RULES.replace(TOTAL, f"{TOTAL}\n    memo  text  optional"), set()),
        (COMPUTED, COMPUTED.replace("= customer\n", "= created_by\n", 1),
         {"dup:aiaccount.sales_invoice:order.0"}),
        (COMPUTED, COMPUTED.replace("is above the limit", "is a lot"), set()),
    ],
)  # fmt: skip
def test_a_name_is_new_where_it_means_another_value(before: str, now: str, names: set[str]) -> None:
    assert newly_needed_names(program(before), program(now)) == ({"order": names} if names else {})


def test_without_rules_of_before_all_is_new() -> None:
    assert newly_needed_names(None, program(LINKED)) == {
        "order": {
            "link:order.earlier",
            "dup:aiaccount.sales_invoice:order.0",
            "doc:aiaccount.sales_invoice",
        }
    }
