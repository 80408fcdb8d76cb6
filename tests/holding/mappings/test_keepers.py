"""`kept by TEAM`: only its people change the entries of a table, on every way in."""

import pytest

from holding.access.people import add_to_team
from holding.db.database import Database
from holding.db.models import Company
from holding.db.refusal import Refusal
from holding.mappings.fixes import Fixed, Seeded
from tests.holding.fixing import fix
from tests.holding.shop import FILES, ITEMS, RULES, Shop, open_shop
from tests.support.clock import SetClock

MISSING = """    missing  hold for sales_admin  say "SKU {key} is not an item."
"""
KEPT = RULES.replace(MISSING, f"    kept     by accounts\n{MISSING}")


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    shop = open_shop(database, company, clock)
    with shop.database.write() as session:
        for team, who in (("accounts", "adam"), ("sales_admin", "farah")):
            person = shop.actor(who).person_id or 0
            add_to_team(session, company_id=shop.company.id, name=team, person_id=person)
    return shop


def publish(shop: Shop, rules: str = KEPT, items: str = ITEMS) -> Seeded:
    return shop.publish({**FILES, "shop.rules": rules, "maps/items.csv": items}).seeded


def test_T21b_a_fix_of_a_kept_table_is_for_its_team_alone(shop: Shop) -> None:
    assert publish(shop).added == 9
    refusal = fix(shop, "item", "AB-1", "TEA-1", who="farah")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == ("mapping.kept", 403)
    assert ", because accounts keeps its entries" in refusal.message.lower().replace(" team", "")
    assert refusal.hint == "Adam can."
    assert isinstance(fix(shop, "item", "AB-1", "TEA-1", who="adam"), Fixed)
    assert isinstance(fix(shop, "debtor", "C-9", "Aisyah Rahman", who="farah"), Fixed)


def test_T21b_a_table_that_nobody_keeps_is_for_all_who_may_change_entries(shop: Shop) -> None:
    publish(shop, RULES)
    assert isinstance(fix(shop, "item", "AB-1", "TEA-1", who="farah"), Fixed)


def test_T21b_the_permission_is_needed_besides_the_team(shop: Shop) -> None:
    publish(shop)
    with shop.database.write() as session:
        person = shop.actor("vera").person_id or 0
        add_to_team(session, company_id=shop.company.id, name="accounts", person_id=person)
    refusal = fix(shop, "item", "AB-1", "TEA-1", who="vera")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "forbidden"


def test_T21b_a_file_brings_new_keys_into_a_kept_table_at_first_only(shop: Shop) -> None:
    assert publish(shop).added == 9
    later = publish(shop, items=f"{ITEMS}POT-1,POT-1\n")
    assert later.added == 0
    (left,) = later.differences
    assert (left.table, left.key, left.stored) == ("item", "POT-1", "")
    assert "keeps the entries of item" in left.said
    with shop.database.write() as session:
        person = shop.actor("pua").person_id or 0
        add_to_team(session, company_id=shop.company.id, name="accounts", person_id=person)
    assert publish(shop, items=f"{ITEMS}POT-1,POT-1\n").added == 1


def test_T21b_units_are_kept_likewise(shop: Shop) -> None:
    at = RULES.index("    missing", RULES.index("\nunits\n"))
    publish(shop, f"{RULES[:at]}    kept     by accounts\n{RULES[at:]}")
    refusal = fix(shop, "units", "TIN", "6 PCS", who="farah")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "mapping.kept"
    assert isinstance(fix(shop, "units", "TIN", "6 PCS", who="adam"), Fixed)
