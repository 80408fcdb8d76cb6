"""F17: clocks that jump, and workers whose clock is wrong."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select, text

from connectors.transport import http
from holding.db.database import Database
from holding.db.models import Record
from holding.evaluation.batch import claim
from holding.platform import settings
from holding.platform.settings import DatabaseClock
from tests.faults.amounts import Done, amount
from tests.faults.course import end, for_a_while, run
from tests.faults.history import Chances, History
from tests.faults.town import ANSWER, LEASE, SETTLE, town
from tests.support.databases import empty_postgresql
from tests.support.factories import make_company
from tests.support.postings import make_ready

WAITED = 2 * (LEASE + ANSWER + SETTLE)  # and nobody needs longer when no clock is touched
JUMPING = amount(3, 30, 1000)
JUMPS = (3_600, -3_600, 86_400, -86_400)


def leases_of_a_wrong_clock(url: str, ahead: int) -> timedelta:
    """How long a lease lasts by the database's clock, taken by a worker so many seconds ahead."""
    empty_postgresql(url)
    database = Database(url, durable=False)
    with database.write() as session:
        company = make_company(session)
        make_ready(session, company, "IV-1")
        session.execute(text("UPDATE record SET due_at = now()"))
        company_id = company.id
    with pytest.MonkeyPatch.context() as patch:
        wrong = type("_Wrong", (_Ahead,), {"by": timedelta(seconds=ahead)})
        patch.setattr(http, "datetime", wrong)
        patch.setattr(settings, "datetime", wrong)
        now = DatabaseClock(database, http.MachineClock()).now()
    taken = claim(database, company_id=company_id, owner="fast", now=now, limit=1, lease_seconds=60)
    assert taken
    with database.read() as session:
        until = session.scalars(select(Record.lease_until)).one()
        there = session.scalar(text("SELECT clock_timestamp()"))
    database.close()
    assert until is not None
    return until - there  # type: ignore[no-any-return]


class _Ahead(datetime):
    by = timedelta()

    @classmethod
    def now(cls, tz=None):  # type: ignore[no-untyped-def]
        return datetime.now(tz or UTC) + cls.by


@pytest.mark.postgresql
@pytest.mark.parametrize("ahead", JUMPS)
def test_f17_a_worker_with_a_wrong_clock_takes_a_usual_lease(
    postgresql_url: str | None, ahead: int
) -> None:
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL: clocks of two machines need a server")
    lasts = leases_of_a_wrong_clock(postgresql_url, ahead)
    assert timedelta() < lasts < timedelta(minutes=2), lasts


@pytest.mark.parametrize("back", [3_600, 86_400])
def test_f17_nothing_waits_for_a_clock_that_was_set_back(done: Done, back: int) -> None:
    """Doubts, pauses, leases of the dead and bells of before go on as if nobody had set it."""
    with town(dedupe="nothing") as place:
        history = History(place, Random(17), Chances())
        for _ in range(2):
            history.hire()
        place.wire.fates[:] = ["later", "silent", "reset", "broken", "lost"]
        for _ in range(6):
            history.arrive(20)
        for_a_while(history, 8)
        place.clock.jump(-back)
        for _ in range(3):
            history.arrive(20)
        for_a_while(history, WAITED)
        left = place.open_work()
        ending = end(history, 17)
    done.faults += 1
    done.records += ending.records
    assert left == []
    assert not ending.wrong
    assert ending.posted == 9


def test_f17_the_clock_jumps(done: Done) -> None:
    for seed in range(JUMPING):
        ending, history = run(seed, Chances(kill=3, jump=30))
        done.histories += 1
        done.faults += 1
        done.records += ending.records
        assert not ending.wrong, (seed, ending.wrong, history.trace[-100:])
