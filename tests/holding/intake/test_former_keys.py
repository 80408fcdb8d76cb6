"""Rules that come into force later find what a record was before, as if they had been there."""

import pytest
from sqlalchemy import delete, select, update

from holding.db.database import Database
from holding.db.models import Company, LinkKey, Record
from tests.holding.shop import FILES, RULES, Shop, open_shop, order
from tests.support.clock import SetClock

BY_CUSTOMER = {**FILES, "shop.rules": RULES.replace("unique by number", "unique by customer")}


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def keys(shop: Shop) -> set[tuple[str, str, str]]:
    """What duplicate rules compare: by number of the record."""
    with shop.database.read() as session:
        query = select(Record.number, LinkKey.name, LinkKey.value).join(
            Record, Record.id == LinkKey.record_id
        )
        rows = [row for row in session.execute(query) if not row.name.startswith(LinkKey.OF_LINKS)]
        return {(row.number, row.name, row.value) for row in rows}


def changes_its_customer(shop: Shop, customer: str = "C-77") -> None:
    shop.receive(order("NS-1", customer=customer))
    shop.judge()
    shop.receive(order("NS-1", customer="C-78", updated_at="2026-11-18T07:30:00Z"))
    shop.judge()


def held(shop: Shop, number: str) -> list[str]:
    with shop.database.read() as session:
        return [hold.code for hold in shop.holds(session, number)]


@pytest.mark.parametrize("customer", ["C-77", "C-77\u200b"], ids=["plain", "invisible"])
def test_a_former_customer_is_compared_by_rules_that_came_later(shop: Shop, customer: str) -> None:
    shop.publish()
    changes_its_customer(shop, customer)
    shop.publish(BY_CUSTOMER)
    shop.receive(order("NS-2"))
    shop.judge()
    assert held(shop, "NS-2") == ["DUP01"]


def test_what_they_keep_is_what_they_would_have_kept_from_the_start(shop: Shop) -> None:
    shop.publish(BY_CUSTOMER)
    changes_its_customer(shop)
    before = keys(shop)
    assert sorted(value for _, _, value in before) == [
        "NS-1",
        '{"customer":"c-77"}',
        '{"customer":"c-78"}',
    ]
    with shop.database.write() as session:
        session.execute(delete(LinkKey))
        session.execute(update(Company).values(linked_version_id=None))
    shop.receive(order("NS-3", customer="C-79"))
    shop.judge()
    assert {one for one in keys(shop) if one[0] == "NS-1"} == before
