"""Who fills in what a source left blank: the named team, else nobody; older rules as they were."""

from typing import Any

import pytest

from holding.access.people import add_to_team
from holding.db.database import Database
from holding.db.models import Company, Hold
from holding.holds.holds import Done
from holding.intake.open_fields import fields_for_actor, fields_of
from tests.holding.held import hold_of, refused, set_right
from tests.holding.shop import FILES, RULES, Shop, open_shop, order
from tests.support.clock import SetClock

TOTAL = "    total       money\n"
NAMED = RULES.replace(TOTAL, "    total       money     completed by accounts\n")


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Lim approves and is in accounts; Farah corrects and is in the team that has the holds."""
    shop = open_shop(database, company, clock)
    with shop.database.write() as session:
        for team, who in (("accounts", "lim"), ("sales_admin", "farah")):
            person = shop.actor(who).person_id or 0
            add_to_team(session, company_id=shop.company.id, name=team, person_id=person)
    return shop


def held(shop: Shop, rules: str, **blank: Any) -> Hold:
    shop.publish({**FILES, "shop.rules": rules})
    shop.receive(order("NS-1", **blank))
    shop.judge()
    return hold_of(shop, "NS-1")


def offered(shop: Shop, hold: Hold, who: str) -> list[str]:
    with shop.database.read() as session:
        return [
            one.path
            for one in fields_for_actor(session, shop.actor(who), fields_of(session, hold.id))
        ]


def told(shop: Shop, hold: Hold) -> list[str]:
    with shop.database.read() as session:
        return [one.who for one in fields_of(session, hold.id)]


def test_T21a_a_blank_amount_is_nobodys_by_default(shop: Shop) -> None:
    hold = held(shop, RULES, total=None)
    assert offered(shop, hold, "farah") == []
    refusal = refused(set_right(shop, "NS-1", "total", "192.00"), "correction.forbidden")
    assert refusal.status == 403
    (who,) = told(shop, hold)
    assert who in refusal.hint
    assert who.startswith("It cannot be filled in here: ")
    assert "has it corrected in netshop, which then sends a new version." in who


def test_T21a_a_named_team_fills_it_in_and_who_has_the_hold_does_not(shop: Shop) -> None:
    hold = held(shop, NAMED, total=None)
    assert offered(shop, hold, "farah") == []
    refusal = refused(set_right(shop, "NS-1", "total", "192.00"), "correction.team")
    assert refusal.status == 403
    assert refusal.hint == "Accounts team may set it: no member of it can yet."
    with shop.database.write() as session:
        farah = shop.actor("farah").person_id or 0
        add_to_team(session, company_id=shop.company.id, name="accounts", person_id=farah)
    assert offered(shop, hold, "farah") == ["total"]
    assert isinstance(set_right(shop, "NS-1", "total", "192.00"), Done)
    shop.judge()
    assert shop.states()["NS-1"] == "ready"


def test_T21a_the_role_is_asked_besides_the_team(shop: Shop) -> None:
    hold = held(shop, NAMED, total=None)
    assert offered(shop, hold, "lim") == [], "Lim is in accounts, and has no role that corrects"
    refused(set_right(shop, "NS-1", "total", "192.00", who="lim"), "forbidden")


def test_T21a_an_unreadable_amount_is_no_more_anybodys_than_a_blank_one(shop: Shop) -> None:
    hold = held(shop, RULES, total="19Z.00")
    assert offered(shop, hold, "farah") == []
    refused(set_right(shop, "NS-1", "total", "192.00"), "correction.forbidden")


STRICT = NAMED.replace("    clears   by accounts\n", "    clears   when it passes\n", 1)


def test_what_a_person_filled_in_wrongly_is_filled_in_again(shop: Shop) -> None:
    """Else only a new version from the source would end the hold: there it is blank for good."""
    with shop.database.write() as session:
        farah = shop.actor("farah").person_id or 0
        add_to_team(session, company_id=shop.company.id, name="accounts", person_id=farah)
    held(shop, STRICT, total=None)
    assert isinstance(set_right(shop, "NS-1", "total", "19.20"), Done)
    shop.judge()
    hold = hold_of(shop, "NS-1")
    assert hold.rule == "adds_up"
    assert offered(shop, hold, "farah") == ["total"]
    assert offered(shop, hold, "lim") == []
    assert isinstance(set_right(shop, "NS-1", "total", "1.92", seen=2), Done)
    shop.judge()
    assert offered(shop, hold_of(shop, "NS-1"), "farah") == ["total"]
    assert isinstance(set_right(shop, "NS-1", "total", "192.00", seen=3), Done)
    shop.judge()
    assert shop.states()["NS-1"] == "ready"


def test_what_the_source_said_wrongly_is_not_filled_in_here(shop: Shop) -> None:
    hold = held(shop, STRICT, total="19.20")
    assert hold.rule == "adds_up"
    assert offered(shop, hold, "farah") == []
    refused(set_right(shop, "NS-1", "total", "192.00"), "correction.forbidden")
