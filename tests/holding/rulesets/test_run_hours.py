"""Other hours of the daily runs: a draft of the rules, and what waits to be published."""

from datetime import time

import pytest

from holding.db.database import Database
from holding.db.models import Company, Membership
from holding.db.refusal import Refusal
from holding.rulesets import publication
from tests.holding.shop import FILES, Shop, open_shop, start
from tests.support.clock import SetClock

DAILY = {
    **FILES,
    "shop.rules": FILES["shop.rules"].replace("    immediately\n", "    daily    by ordered_on\n"),
}
FOUR = {"sales_invoice": time(4)}


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    found.publish(DAILY)
    return found


def draft(
    shop: Shop, hours: dict[str, time], target: str = "aiaccount"
) -> publication.Draft | Refusal:
    with shop.database.read() as session:
        return publication.draft_hours(session, shop.company.id, target, "aiaccount", hours)


def push(shop: Shop, made: publication.Draft | Refusal) -> int:
    assert isinstance(made, publication.Draft)
    with shop.database.write() as session:
        change = publication.push_change(
            session, shop.company.id, shop.actor("chan"), made.files, made.title, shop.now
        )
        assert isinstance(change, int), change
        return change


def waiting(shop: Shop, target: str = "aiaccount") -> list[tuple[int, str, tuple[str, ...]]]:
    with shop.database.read() as session:
        found = publication.waiting_hours(session, shop.company.id, target)
        return [(one.no, one.author, one.publishers) for one in found]


def test_a_draft_names_the_hour_and_waits_for_a_second_person(shop: Shop) -> None:
    chan = shop.actor("chan").person_id
    with shop.database.write() as session:
        both = Membership(person_id=chan, company_id=shop.company.id, role="publisher")
        both.granted_at = shop.now
        session.add(both)
    made = draft(shop, FOUR)
    assert isinstance(made, publication.Draft)
    assert made.title == "Daily runs of aiaccount: sales invoice at 04:00"
    assert "    daily    at 04:00 by ordered_on\n" in made.files["shop.rules"]
    no = push(shop, made)
    ((found, author, publishers),) = waiting(shop)
    assert (found, author) == (no, shop.actor("chan").name)
    assert shop.actor("pua").name in publishers
    assert author not in publishers
    assert waiting(shop, "ai") == waiting(shop, "autocount") == []


def test_the_same_hours_are_no_draft_and_no_second_one(shop: Shop) -> None:
    same = draft(shop, {"sales_invoice": time(2), "expense_bill": time(5)})
    assert isinstance(same, Refusal)
    assert same.code == "hours.same"
    elsewhere = publication.SAME
    with shop.database.read() as session:
        assert (
            publication.draft_hours(session, shop.company.id, "x", "quickbooks", FOUR) == elsewhere
        )
    no = push(shop, draft(shop, FOUR))
    again = draft(shop, FOUR)
    assert isinstance(again, Refusal)
    assert f"change {no} has them already" in again.message


def test_a_draft_that_others_overtook_waits_no_longer(shop: Shop) -> None:
    push(shop, draft(shop, FOUR))
    shop.publish({**DAILY, "shop.rules": f"{DAILY['shop.rules']}\n# seen\n"})
    assert waiting(shop) == []
    assert isinstance(draft(shop, FOUR), publication.Draft), "it can be submitted anew"
