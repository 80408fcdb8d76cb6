"""A clock that was set back is noticed, told once, and what waits is moved back with it."""

from datetime import datetime, timedelta

from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Event, Operation, Record
from holding.platform import settings
from tests.support.clock import SetClock
from tests.support.factories import make_person
from tests.support.postings import make_ready


def _noticed(database: Database, clock: SetClock) -> int:
    with database.write() as session:
        return settings.notice_clock_step(session, clock)


def _waiting(database: Database, company: Company, due: datetime) -> None:
    with database.write() as session:
        make_ready(session, company, "IV-1")
    with database.write() as session:
        record = session.scalars(select(Record)).one()
        record.due_at = due
        person = make_person(session, company, "lim@kedai.my", "approver").id
        session.add(Operation(id="form-1", person_id=person, at=due, undo_until=due))


def test_what_waits_waits_no_longer(database: Database, company: Company, clock: SetClock) -> None:
    assert _noticed(database, clock) == 0
    before = clock.now()
    _waiting(database, company, before + timedelta(seconds=90, microseconds=123))
    clock.set(before - timedelta(days=1, hours=1))
    assert _noticed(database, clock) == 90_000
    assert _noticed(database, clock) == 0
    with database.read() as session:
        due = session.scalars(select(Record.due_at)).one()
        undo = session.scalars(select(Operation.undo_until)).one()
        told = session.scalars(select(Event.body).where(Event.act == "clock.set_back")).all()
        step = settings.last_clock_step(session)
    assert due == clock.now() + timedelta(seconds=90, microseconds=123)
    assert undo == due, "what can still be undone is not sent"
    assert [one["say"].partition(". ")[0] for one in told] == [
        "The clock was set back by 1 day 1 hour"
    ]
    assert step.startswith("set back by 1 day 1 hour, found at ")


def test_a_clock_that_is_kept_right_moves_nothing(
    database: Database, company: Company, clock: SetClock
) -> None:
    _noticed(database, clock)
    due = clock.now() + timedelta(seconds=90)
    _waiting(database, company, due)
    clock.set(clock.now() - timedelta(seconds=2))
    assert _noticed(database, clock) == 0
    with database.read() as session:
        assert session.scalars(select(Record.due_at)).one() == due
        assert settings.last_clock_step(session) == ""


def test_lengths_are_told_in_words() -> None:
    told = [settings.length_text(seconds) for seconds in (7, 3_595, 5_400, 86_395)]
    assert told == ["7 seconds", "1 hour", "1 hour 30 minutes", "1 day"]
