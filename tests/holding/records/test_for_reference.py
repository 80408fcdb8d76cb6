"""A record of a kind that no rule posts is for reference: it waits for nothing."""

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Record
from holding.records import trace
from tests.holding.shop import FILES, RULES, Shop, open_shop
from tests.support.clock import SetClock

DELIVERY = """
record delivery from netshop
    number     text   key
    status     one of delivered
    delivered_on date dated
"""


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def test_its_timeline_says_so(shop: Shop) -> None:
    shop.publish(FILES | {"shop.rules": RULES + DELIVERY})
    body = {"number": "S-1", "status": "delivered", "delivered_on": "2026-11-18"}
    shop.receive_as("delivery", body, stamp="2026-11-19T00:00:00Z")
    shop.judge()
    with shop.database.read() as session:
        record = session.scalars(select(Record)).one()
        told = [step.say for step in trace.timeline(session, record.id)]
    said = "no rule posts records of this kind, so it is for reference."
    assert f"Version 1 checked: {said}" in told
    assert not [say for say in told if "it waits" in say or "no posting rule applies" in say]
