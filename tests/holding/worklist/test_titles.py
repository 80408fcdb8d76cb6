"""Titles of groups: in words, and no two of different groups alike."""

import pytest

from holding.db.database import Database
from holding.db.models import Cause, Company
from holding.worklist import filters
from holding.worklist.filters import Filter
from holding.worklist.groups import Group, list_groups
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order
from tests.support.clock import SetClock

SAME = """
check not_dear on order
    require  total <= 900.00
    else     hold for accounts
    say      "{total} is too much."
    clears   by accounts

check not_many on order
    require  count(lines) < 2
    else     hold for accounts
    say      "{total} is too much."
    clears   by accounts
"""


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def listed(shop: Shop, **how: object) -> list[Group]:
    with shop.database.read() as session:
        held = filters.load_held(session, shop.company.id, None)
        return list(list_groups(session, shop.company.id, Filter(**how), held))  # type: ignore[arg-type]


def titles(shop: Shop) -> list[str]:
    return sorted(group.label for group in listed(shop))


def test_T27b_a_title_is_said_of_all_its_records(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("A", total="190.00"), order("B", customer="C-99"))
    shop.judge()
    assert titles(shop) == [
        "Customer C-99 is no debtor.",
        "The lines of the number do not add up to the total.",
    ]


def test_T27b_two_groups_with_one_message_have_their_rules_beside_it(shop: Shop) -> None:
    same = SAME.replace("{total} is too much.", "Too much: {total}.")
    shop.publish(
        FILES | {"shop.rules": RULES.replace("duplicates of", f"{same}\nduplicates of", 1)}
    )
    dear = order("A", total="950.00", lines=[line(price="475.00")])
    several = order("B", lines=[line(), line(pos=2)], total="384.00")
    shop.receive(dear, several)
    shop.judge()
    assert titles(shop) == [
        "Too much (not dear)",
        "Too much (not many)",
    ]


def test_T27b_a_rule_without_a_title_is_called_by_what_it_is(shop: Shop) -> None:
    """Names in the place of values make no sentence: `The line SKU costs line price in the`…"""
    adds_up = "{number} costs {total} for {customer} today."
    limit = "{total} of {customer} is above what {created_by} may."
    text = RULES.replace("The lines of {number} do not add up to {total}.", adds_up)
    text = text.replace("RM {total} is above the limit.", limit)
    assert text.count("{customer}") == 2
    shop.publish(FILES | {"shop.rules": text})
    wrong, dear = (
        order("A", total="190.00"),
        order("B", total="1200.00", lines=[line(qty="1", price="1200.00")]),
    )
    shop.receive(wrong, dear)
    shop.judge()
    assert titles(shop) == [
        "The check “adds up” did not pass",
        "The total of the customer is above what created by may.",
    ]


def test_T27b_a_group_on_another_page_has_another_title_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_T27b_two_groups_with_one_message_have_their_rules_beside_it(shop)
    first, *_ = listed(shop)
    with shop.database.read() as session:
        after = (first.book, first.id)
        held = filters.load_held(session, shop.company.id, None)
        (last,) = list_groups(session, shop.company.id, Filter(), held, after)
    assert last.label != first.label
    assert last.label.startswith("Too much (not ")


def test_T27b_a_title_that_was_stored_before_is_told_in_words(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("A", total="190.00"))
    shop.judge()
    with shop.database.write() as session:
        (group,) = listed(shop)
        session.get_one(Cause, group.id).label = "The lines of ‹number› are not ‹total›."
    assert titles(shop) == ["The lines of the number are not total."]


def test_T27b_duplicates_of_two_values_are_two_titles(shop: Shop) -> None:
    text = RULES.replace("unique by number in history", "unique by customer, total in history")
    shop.publish(FILES | {"shop.rules": text})
    for name, total in (("A", "192.00"), ("C", "96.00")):
        qty = "2" if name == "A" else "1"
        lines = [line(qty=qty)]
        shop.receive(order(name, total=total, lines=lines))
        shop.judge()
        shop.receive(order(f"{name}-again", total=total, lines=lines))
        shop.judge()
    found = titles(shop)
    assert len(found) == len(set(found)) == 2
    assert all(title.startswith("The number is here already (") for title in found)
