"""One time for all who share a database."""

from datetime import UTC, datetime, timedelta

from connectors.transport.http import MachineClock
from holding.db.database import Database
from holding.platform.settings import DatabaseClock


def test_it_is_aware_and_close_to_the_machines(database: Database) -> None:
    clock = DatabaseClock(database, MachineClock(None))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.monotonic() <= clock.monotonic()
