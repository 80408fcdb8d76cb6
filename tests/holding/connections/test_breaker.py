"""The breaker opens and closes by what is stored, and one worker at a time asks."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.connections import breaker
from holding.db.database import Database
from holding.db.models import Company, Connection, Event, Throttle
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


def away(session: Session, target: int, at: datetime = NOW) -> None:
    """It is found to be away."""
    for _ in range(breaker.FAILURES):
        breaker.failed(session, target, at, 1.0)


def asked(session: Session, target: int, now: datetime) -> None:
    """One worker asks, and it answers the question."""
    assert breaker.turn(session, target, now)
    breaker.passed(session, target, now)


def test_who_answers_the_question_is_back_only_when_it_answers_a_call(
    database: Database, target: int
) -> None:
    """A short question is easily answered: what follows is a trial, and a failure ends it at once,
    with the pause of one that has been away since the beginning.
    """
    with database.write() as session:
        away(session, target)
        now = NOW
        for _ in range(3):
            now += timedelta(minutes=12)
            asked(session, target, now)
            assert breaker.closed(session, target), "calls may be made"
            assert acts(session) == ["connection.away"], "nothing new is told"
            breaker.failed(session, target, now, 1.0)
            assert not breaker.closed(session, target)
            found = row(session, target)
            assert found.opened_at == NOW
            assert found.open_until == now + (now - NOW) / breaker.SHARE
            breaker.failed(session, target, now, 1.0)  # others were under way, too
            assert row(session, target).open_until == found.open_until
        assert acts(session) == ["connection.away"]
        now += breaker.LONGEST
        asked(session, target, now)
        breaker.answered(session, target, now)
        found = row(session, target)
        assert (found.opened_at, found.open_until, found.failures) == (None, None, 0)
        assert acts(session) == ["connection.away", "connection.back"]
        breaker.failed(session, target, now, 1.0)
        assert breaker.closed(session, target), "one failure of a target that was back is one"


def test_a_trial_ends_where_nothing_is_left_to_call(database: Database, target: int) -> None:
    with database.write() as session:
        away(session, target)
        now = NOW + timedelta(minutes=1)
        asked(session, target, now)
        breaker.passed(session, target, now + timedelta(minutes=1))
        assert acts(session) == ["connection.away"], "asked again, and not called yet"
        breaker.passed(session, target, now + breaker.LONGEST)
        assert acts(session) == ["connection.away", "connection.back"]
        assert row(session, target).opened_at is None


@pytest.mark.parametrize("days", [2, -2])
def test_a_trial_of_another_time_does_not_count(database: Database, target: int, days: int) -> None:
    """Nobody called, or a clock jumped: what fails then is counted as ever."""
    with database.write() as session:
        away(session, target)
        asked(session, target, NOW + timedelta(minutes=1))
        later = NOW + timedelta(days=days)
        away(session, target, later)
        found = row(session, target)
        assert (found.opened_at, found.open_until) == (later, later + breaker.SHORTEST)
        assert acts(session) == ["connection.away"] * 2


def test_a_person_who_tests_it_or_gives_a_key_ends_the_trial(
    database: Database, target: int
) -> None:
    with database.write() as session:
        away(session, target)
        asked(session, target, NOW + timedelta(minutes=1))
        breaker.close(session, target, NOW + timedelta(minutes=1))
        assert acts(session) == ["connection.away", "connection.back"]


def test_who_asked_for_too_long_undoes_nothing(database: Database, target: int) -> None:
    with database.write() as session:
        away(session, target)
        now = NOW + breaker.SHORTEST
        assert breaker.turn(session, target, now)
        breaker.failed(session, target, now, 1.0)  # another one asked meanwhile
        breaker.passed(session, target, now)
        assert not breaker.closed(session, target)


def test_a_key_that_is_refused_on_trial_is_refused(database: Database, target: int) -> None:
    with database.write() as session:
        away(session, target)
        now = NOW + timedelta(minutes=1)
        asked(session, target, now)
        key_id = session.get_one(Connection, target).key_id
        assert breaker.shut(session, target, now, key_id)
        found = row(session, target)
        assert (found.opened_at, found.open_until) == (now, None)
        breaker.passed(session, target, now)  # the key is accepted after all
        assert breaker.closed(session, target)
        assert row(session, target).opened_at is None


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
