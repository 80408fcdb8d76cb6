"""Stored entries that other rules leave as they are are named before these come into force."""

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.rulesets import change_list
from holding.rulesets.change_list import Kept
from holding.rulesets.recorded_backtests import Published
from holding.rulesets.start_time import go_back
from tests.holding.shop import FILES, ITEMS, RULES, Shop, line, open_shop, order
from tests.support.clock import SetClock

CARTON = '1 CTN    of "TEA-1"  = 40 PCS'
OTHER = {**FILES, "shop.rules": RULES.replace(CARTON, '1 CTN    of "TEA-1"  = 20 PCS')}
TINS = {**FILES, "shop.rules": RULES.replace(CARTON, f'{CARTON}\n    1 TIN    of "TEA-1"  = 5 PCS')}


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    found.publish()
    return found


def kept(shop: Shop, before: dict[str, str], after: dict[str, str]) -> tuple[Kept, ...]:
    with shop.database.read() as session:
        return change_list.list_kept_entries(session, shop.company.id, before, after)


def test_a_conversion_that_is_stored_is_not_changed_by_other_rules(shop: Shop) -> None:
    assert kept(shop, FILES, FILES) == ()
    told = kept(shop, FILES, OTHER)
    assert told == (Kept("units", "CTN|TEA-1", "40 PCS", "20 PCS"),)
    done = shop.publish(OTHER)
    assert [(one.stored, one.declared) for one in done.seeded.differences] == [
        (one.stored, one.declared) for one in told
    ]
    shop.receive(order("SO-1", lines=[line()]))
    shop.judge()
    with shop.database.read() as session:
        assert "80" in str(shop.posting(session, "SO-1").content)


def test_going_back_leaves_what_the_later_rules_brought(shop: Shop) -> None:
    assert kept(shop, FILES, TINS) == ()  # it is new, so it comes in
    shop.publish(TINS)
    assert kept(shop, TINS, FILES) == (Kept("units", "TIN|TEA-1", "5 PCS", ""),)
    with shop.database.write() as session:
        done = go_back(session, 1, shop.actor("pua"), shop.now, from_no=2, reason="")
    assert isinstance(done, Published), done
    shop.receive(order("SO-2", lines=[line(uom="TIN")]))
    shop.judge()
    assert shop.states()["SO-2"] == "ready"


def test_another_spelling_and_rows_of_files_are_compared_as_their_map_does(shop: Shop) -> None:
    debtors = FILES["maps/debtors.csv"]
    spelt = {**FILES, "maps/debtors.csv": debtors.replace("C-77,", "c-77 ,")}
    assert kept(shop, FILES, spelt) == ()
    renamed = {**FILES, "maps/debtors.csv": debtors.replace("C-77,Aisyah Rahman", "c-77,Other")}
    assert kept(shop, FILES, renamed) == (Kept("debtor", "C-77", "Aisyah Rahman", "Other"),)
    fewer = {**FILES, "maps/items.csv": ITEMS.replace("CUP-4,CUP-4\n", "")}
    assert kept(shop, FILES, fewer) == (Kept("item", "CUP-4", "CUP-4", ""),)


def test_a_table_that_the_rules_give_up_is_no_list_of_its_entries(shop: Shop) -> None:
    start = RULES.index("map discount")
    without = RULES[:start] + RULES[RULES.index("units\n") :]
    assert kept(shop, FILES, {**FILES, "shop.rules": without}) == ()
