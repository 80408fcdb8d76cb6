"""What the doctor says of the workers of an installation."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from holding.db.database import Database
from holding.db.models import Posting, Record
from holding.platform import processes
from holding.platform.settings import Settings
from portal.cli.records import CheckOutcome, examine_installation

pytestmark = pytest.mark.sqlite


def looked(database: Database) -> CheckOutcome:
    return next(one for one in examine_installation(Settings.from_env()) if one.name == "worker")


def seen(database: Database, owner: str, minutes: int, *, patience: int = 2) -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes, seconds=30)
    with database.write() as session:
        until = at + timedelta(minutes=patience)
        processes.beat(session, owner, started_at=at, now=at, next_by=until)


@pytest.mark.slow
def test_T28_nobody_works_and_work_waits(database: Database) -> None:
    seen(database, "host:7", 11)
    with database.write() as session:
        session.execute(update(Record).values(due_at=datetime(2026, 1, 1, tzinfo=UTC)))
    told = looked(database)
    assert not told.ok
    assert told.words.startswith("No worker for 11 min. ")
    assert "records wait to be checked" in told.words
    assert "`clearpost worker`" in told.words
    assert told.words.endswith("host:7 not seen for 11 min")


def test_T28_one_of_two_is_gone(database: Database) -> None:
    seen(database, "host:7", 11)
    seen(database, "host:8", 0)
    assert looked(database) == CheckOutcome(
        "worker", ok=True, words="1 worker runs; host:7 not seen for 11 min"
    )


@pytest.mark.parametrize("waits", [True, False])
def test_T28_before_the_first_start_only_waiting_work_is_wrong(
    database: Database, waits: bool
) -> None:
    with database.write() as session:
        session.execute(update(Posting).values(due_at=None, lease_until=None))
        long_ago = datetime(2026, 1, 1, tzinfo=UTC)
        due = long_ago if waits else None
        session.execute(update(Record).values(due_at=due, lease_until=None))
    told = looked(database)
    assert told.ok is not waits
    assert ("No worker has run yet." in told.words) is waits
