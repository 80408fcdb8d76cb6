"""The breaker opens and closes by what is stored, and one worker at a time asks."""

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.database import Database
from holding.models import Company, Connection, Event, Throttle
from holding.pushing import breaker
from tests.support.factories import connection_named
from tests.support.postings import NOW


@pytest.fixture
def target(database: Database, company: Company) -> int:
    with database.read() as session:
        return connection_named(session, company, "aiaccount").id


def row(session: Session, target: int) -> Throttle:
    session.flush()
    return session.get_one(Throttle, target, populate_existing=True)


def acts(session: Session) -> list[str]:
    return list(session.scalars(select(Event.act).order_by(Event.id)))


def test_the_fifth_failure_in_a_row_opens_it_and_says_so_once(
    database: Database, target: int
) -> None:
    with database.write() as session:
        for _ in range(4):
            breaker.failed(session, target, NOW, 1.0)
        breaker.answered(session, target, NOW)
        for _ in range(4):
            breaker.failed(session, target, NOW, 1.0)
        assert breaker.closed(session, target)
        for _ in range(3):
            breaker.failed(session, target, NOW, 1.0)
        assert not breaker.closed(session, target)
        assert row(session, target).open_until == NOW + breaker.SHORTEST
        assert acts(session) == ["connection.away"]


def test_more_than_half_of_the_last_twenty_open_it(database: Database, target: int) -> None:
    with database.write() as session:
        for at in range(breaker.WINDOW):
            assert breaker.closed(session, target), at
            if at % 5 in (1, 3):
                breaker.answered(session, target, NOW)
            else:
                breaker.failed(session, target, NOW, 1.0)
        assert not breaker.closed(session, target)


def test_an_answer_now_and_then_is_forgotten_again(database: Database, target: int) -> None:
    with database.write() as session:
        breaker.answered(session, target, NOW)
        assert session.get(Throttle, target) is None  # nothing to write
        breaker.failed(session, target, NOW, 1.0)
        for _ in range(breaker.WINDOW):
            breaker.answered(session, target, NOW)
        assert (row(session, target).recent, row(session, target).failures) == ("", 0)


def test_it_is_asked_ever_less_often_but_soon_after_ten_minutes(
    database: Database, target: int
) -> None:
    """A target that is back is noticed within a minute after ten of absence."""
    asked = []
    with database.write() as session:
        for _ in range(breaker.FAILURES):
            breaker.failed(session, target, NOW, 1.0)
        now = NOW
        while now < NOW + timedelta(hours=5):
            now += timedelta(seconds=10 if now < NOW + timedelta(minutes=12) else 120)
            if breaker.turn(session, target, now):
                assert not breaker.turn(session, target, now)  # one asks
                asked.append(now)
                breaker.failed(session, target, now, 1.0)
    pauses = [later - at for at, later in pairwise(asked)]
    soon = [
        pause for pause, at in zip(pauses, asked, strict=False) if at < NOW + timedelta(minutes=10)
    ]
    assert min(pauses) >= breaker.SHORTEST
    assert max(soon) <= timedelta(seconds=60)
    assert pauses[-2] >= timedelta(minutes=14)
    assert max(pauses) <= breaker.LONGEST + timedelta(seconds=120)


def test_who_asks_and_is_killed_leaves_the_turn_to_another(database: Database, target: int) -> None:
    with database.write() as session:
        for _ in range(breaker.FAILURES):
            breaker.failed(session, target, NOW, 1.0)
        later = NOW + breaker.SHORTEST
        assert breaker.turn(session, target, later)
        assert not breaker.turn(session, target, later + timedelta(seconds=29))
        assert breaker.turn(session, target, later + breaker.SHORTEST)


def test_a_clock_that_jumped_back_keeps_nobody_waiting(database: Database, target: int) -> None:
    with database.write() as session:
        for _ in range(breaker.FAILURES):
            breaker.failed(session, target, NOW, 1.0)
        assert breaker.turn(session, target, NOW - timedelta(hours=1))


def test_a_refused_key_stays_refused_whatever_comes_late(database: Database, target: int) -> None:
    with database.write() as session:
        key_id = session.get_one(Connection, target).key_id
        assert breaker.shut(session, target, NOW, key_id)
        assert not breaker.shut(session, target, NOW, key_id)
        breaker.answered(session, target, NOW)  # a call that began before
        breaker.failed(session, target, NOW, 1.0)
        assert not breaker.turn(session, target, NOW + timedelta(days=1))
        assert not breaker.closed(session, target)
        breaker.close(session, target, NOW)
        assert breaker.closed(session, target)
        assert acts(session) == ["connection.refused", "connection.back"]
