"""What nobody rings for comes back by the sweep."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from holding import assignments
from holding.database import Database
from holding.desk import Done
from holding.models import Company, Hold
from holding.settings import Settings
from tests.holding.shop import open_shop, order
from tests.support.clock import SetClock
from workers.sweep import Sweeper


def test_a_hold_that_rested_long_enough_is_back(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("NS-1", total="1.00"))
    shop.judge()
    until = shop.now + timedelta(days=1)
    with database.write() as session:
        hold_id = shop.holds(session, "NS-1")[0].id
        done = assignments.snooze(session, shop.actor("farah"), hold_id, until, shop.now)
        assert isinstance(done, Done)
    bench = SimpleNamespace(
        database=database, clock=clock, owner="worker-1", settings=Settings.from_env()
    )
    sweeper = Sweeper(cast(Any, bench))
    for seconds, rests in ((86_399, True), (2, False)):
        clock.advance(seconds)
        assert sweeper.sweep()
        with database.read() as session:
            assert (session.get_one(Hold, hold_id).snoozed_until is not None) is rests
