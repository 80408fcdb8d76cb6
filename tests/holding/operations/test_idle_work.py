"""What waits while no worker runs: each company's own, and all of it together."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from holding.db.database import Database
from holding.db.models import Company, Connection, Posting, Record, RouteStop, Schedule
from holding.operations import idle_work
from holding.operations.idle_work import IdleWork
from holding.platform import processes
from tests.support.clock import SetClock
from tests.support.factories import make_company
from tests.support.postings import NOW, make_ready

DOCUMENTS = "documents wait to be sent"
LATER = NOW + timedelta(minutes=11)


def found(database: Database, company: Company | None = None) -> IdleWork | None:
    with database.read() as session:
        return idle_work.idle_work(session, LATER, company.id if company else None)


def counts(database: Database, company: Company | None = None) -> tuple[int, int, int]:
    told = found(database, company)
    assert told is not None
    return told.records, told.documents, told.runs


@pytest.fixture
def other(database: Database, company: Company) -> Company:
    """A second company with rules, where one record and one document wait; the first has two."""
    with database.write() as session:
        second = make_company(session, "warung")
        for owner, numbers in ((company, ("IV-1", "IV-2")), (second, ("IV-3",))):
            for number in numbers:
                make_ready(session, owner, number)
            session.get_one(Company, owner.id).ruleset_version_id = 1
        session.execute(update(Record).values(due_at=NOW))
    return second


def test_T28_each_company_is_told_what_is_its_own(
    database: Database, company: Company, other: Company
) -> None:
    assert counts(database, company) == (2, 2, 0)
    assert counts(database, other) == (1, 1, 0)
    assert counts(database) == (3, 3, 0)


def test_T28_nothing_is_told_while_a_worker_runs(
    database: Database, company: Company, other: Company
) -> None:
    with database.write() as session:
        processes.beat(
            session, "a:1", started_at=NOW, now=NOW, next_by=LATER + timedelta(seconds=1)
        )
    assert found(database, company) is None
    assert found(database) is None


def test_T28_what_a_dead_worker_had_in_hand_waits_too(
    database: Database, company: Company, other: Company
) -> None:
    held = {"due_at": None, "lease_owner": "a:1"}
    with database.write() as session:
        for model in (Record, Posting):
            mine = update(model).where(model.company_id == company.id)
            session.execute(mine.values(**held, lease_until=LATER - timedelta(seconds=1)))
    assert counts(database, company) == (2, 2, 0)
    with database.write() as session:
        for model in (Record, Posting):
            session.execute(update(model).values(**held, lease_until=LATER + timedelta(seconds=1)))
    assert counts(database, company) == (0, 0, 0)


def test_T28_what_nobody_may_do_yet_does_not_wait_for_a_worker(
    database: Database, company: Company, other: Company
) -> None:
    with database.write() as session:
        targets = update(Connection).where(Connection.company_id == other.id)
        session.execute(targets.values(paused_at=NOW))
        session.get_one(Company, other.id).ruleset_version_id = None
        mine = update(Record).where(Record.company_id == company.id)
        session.execute(mine.values(due_at=LATER + timedelta(days=1)))
        held = update(Posting).where(Posting.company_id == company.id)
        session.execute(held.values(state="held"))
    assert counts(database) == (0, 0, 0)


def test_T28_what_a_stopped_route_keeps_waits_for_a_person(
    database: Database, company: Company, other: Company
) -> None:
    with database.write() as session:
        route = session.scalars(select(Posting.route)).first()
        session.add(RouteStop(company_id=company.id, route=route, revision=1, state="stopped"))
    assert counts(database, company) == (2, 0, 0)
    assert counts(database, other) == (1, 1, 0)


def test_T28_a_daily_run_that_should_have_started_waits(
    database: Database, company: Company
) -> None:
    route = {"company_id": company.id, "at": "02:00", "zone": "Asia/Kuala_Lumpur"}
    with database.write() as session:
        session.add(Schedule(**route, route="a.b", next_at=NOW))
        session.add(Schedule(**route, route="a.c", next_at=LATER + timedelta(hours=1)))
        session.add(Schedule(**route, route="a.d", next_at=NOW, active=False))
    assert counts(database, company) == (0, 0, 1)


def test_T28_more_than_a_page_can_wait_for_is_not_counted(
    database: Database, company: Company, other: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_work, "MOST", 1)
    told = found(database)
    assert told is not None
    assert told.waits == (
        "More than 1 record wait to be checked, more than 1 document wait to be sent."
    )


def test_T28_it_is_looked_for_by_what_is_due_not_among_all_of_a_company(
    database: Database, company: Company, other: Company
) -> None:
    """Every page asks it while no worker runs."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, said: str, given: Any, *_: Any) -> None:
        asked.append((said, given))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        assert counts(database, company) == (2, 2, 0)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    if database.dialect != "sqlite":
        return
    said, given = next(one for one in asked if "UNION ALL" in one[0])
    with database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given).all()
    steps = [row[3] for row in plan if re.match(r"(SEARCH|SCAN) (record|posting)\b", row[3])]
    assert sorted(re.sub(r"^.* INDEX (\S+) .*", r"\1", step) for step in steps) == [
        *("ix_posting_due", "ix_posting_lease", "ix_record_due", "ix_record_lease"),
    ]


@pytest.mark.parametrize(
    ("since", "minutes", "many", "headline", "waits"),
    [
        (None, 0, (0, 0, 0), "No worker has run yet", "Nothing is due now."),
        (NOW, 11, (1, 0, 0), "No worker for 11 min", "1 record waits to be checked."),
        (
            NOW,
            1445,
            (1200, 4, 1),
            "No worker for 1 d",
            f"1,200 records wait to be checked, 4 {DOCUMENTS}, 1 daily run waits to start.",
        ),
    ],
)
def test_T28_it_is_said_with_time_and_work(
    since: object, minutes: int, many: tuple[int, int, int], headline: str, waits: str
) -> None:
    told = IdleWork(since, minutes, *many)  # type: ignore[arg-type]
    assert (told.headline, told.waits) == (headline, waits)


def test_T28_the_minutes_count_from_the_last_sign_of_life(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        processes.beat(session, "a:1", started_at=NOW, now=NOW, next_by=NOW + timedelta(minutes=1))
    told = found(database, company)
    assert told is not None
    assert (told.headline, told.since) == ("No worker for 11 min", NOW)
