"""A wait that is over is told by the finding, and is nothing that went wrong."""

from datetime import timedelta

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.records.checklist_and_finding import TraceFinding, Verdict, trace_finding
from tests.holding.shop import Shop, open_shop, order
from tests.support.clock import SetClock

PENDING = "Version 1 checked: NS-1 waits while status is pending"


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("NS-1", status="pending"))
    shop.judge()
    return shop


def found(shop: Shop) -> TraceFinding:
    with shop.database.read() as session:
        return trace_finding(session, shop.record(session, "NS-1").id, shop.now)


def test_what_waits_now_keeps_it_from_the_books(shop: Shop) -> None:
    told = found(shop)
    assert told.verdict is Verdict.WORKFLOW
    assert [(one.say.startswith("Waiting: "), one.over) for one in told.reasons] == [(True, False)]


def test_a_wait_that_is_over_is_told_though_nothing_went_wrong(shop: Shop) -> None:
    shop.clock.advance(timedelta(hours=1))
    shop.receive(order("NS-1", status="paid", updated_at="2026-11-19T00:12:00Z"))
    shop.judge()
    told = found(shop)
    assert told.verdict is Verdict.NOTHING
    assert [(one.say, one.over) for one in told.reasons] == [(f"It waited. {PENDING}.", True)]
    assert told.reasons[0].proof.kind == "event"
