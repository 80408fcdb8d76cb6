"""Duplicates that were not posted: those on hold as the holding area counts them, and those that
ended so.
"""

from datetime import timedelta

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.holds import releases
from holding.holds.holds import Done
from holding.worklist import dashboard, filters
from holding.worklist.dashboard import Kept
from holding.worklist.filters import Filter
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    text = RULES.replace("unique by number in history", "unique by customer, total in history")
    found.publish(FILES | {"shop.rules": text})
    for name in ("A", "A-again", "A-thrice"):
        found.receive(order(name, total="192.00", lines=[line(qty="2")]))
        found.judge()
    return found


def kept(shop: Shop, days: int = 30) -> Kept:
    with shop.database.read() as session:
        held = filters.load_held(session, shop.company.id, None)
        since = shop.now - timedelta(days=days)
        return dashboard.count_kept_out(session, shop.company.id, held, since, "MYR")


def test_each_is_counted_once_whether_it_is_on_hold_or_ended(shop: Shop) -> None:
    with shop.database.read() as session:
        totals = filters.load_totals(session, shop.company.id, Filter(classes=("duplicate",)))
    before = kept(shop)
    assert (before.records, before.money) == (totals.records, totals.money)
    assert before.records == 3
    with shop.database.write() as session:
        hold = shop.holds(session, "A-again")[0].id
        lim = shop.actor("lim")
        assert isinstance(releases.reject(session, lim, hold, "twice", shop.now), Done)
    shop.judge()
    assert shop.states()["A-again"] == "ignored"
    after = Kept(2, {"": 2 * 19200})
    assert kept(shop) == after, "one ended without a posting, one is on hold, and A may go"
    shop.clock.advance(timedelta(days=31))
    assert kept(shop) == Kept(1, {"": 19200}), "the first is longer ago"
