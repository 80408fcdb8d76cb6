"""A target that answers the question whether it is back, and no call, is away all that time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.transport.http import Http, HttpAnswer, HttpFailure
from holding.connections import breaker
from holding.connections.channel import to_refresh
from holding.db.models import Connection, Event, Throttle
from tests.connectors.simulator_processes import Simulator
from tests.holding.life import Life
from tests.holding.posting.test_autocount_life import effects, life
from tests.holding.posting.test_autocount_life import running as _running
from tests.holding.shop import order
from tests.support.pills import pill

__all__ = ["life"]  # a fixture

COUNT = 8


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    yield from _running.__wrapped__(tmp_path_factory)  # type: ignore[attr-defined]


class Searchless(Http):
    """Every search takes longer than a call may; the rest is answered."""

    searches, silent = 0, True

    def request(self, method: str, url: str, **given: Any) -> HttpAnswer | HttpFailure:
        if not (self.silent and url.endswith("/listing")):
            return super().request(method, url, **given)
        self.searches += 1
        return HttpFailure(kind="no_answer", words="No answer in time.", seconds=5.0)


def told(life: Life) -> dict[str, int]:
    acts = ("connection.away", "connection.back", "connection.refused")
    query = select(Event.act, func.count()).where(Event.act.in_(acts)).group_by(Event.act)
    with life.shop.database.read() as session:
        return {act.partition(".")[2]: count for act, count in session.execute(query)}


def status(life: Life) -> str:
    with life.shop.database.read() as session:
        made = session.scalars(select(Connection).where(Connection.connector == "autocount")).one()
        return pill(session, life.shop.company.id, made.id, "invoice").text


@pytest.fixture
def way(life: Life) -> Searchless:
    """The shop's way to AutoCount; orders for it have just come."""
    http = Searchless(life.shop.clock)
    life.desk = replace(life.desk, http=http)
    stamp = life.shop.now.isoformat()
    life.shop.receive(*(order(f"A-{no}", updated_at=stamp) for no in range(COUNT)))
    for _ in range(3):  # it takes so many calls a minute
        life.work()
        life.shop.clock.advance(20)
    assert told(life) == {"away": 1}
    return http


@pytest.mark.slow
def test_it_is_told_once_and_asked_ever_less_often(life: Life, way: Searchless) -> None:
    began, first = status(life), way.searches
    assert began.startswith("Out of reach since")
    for _ in range(4 * 60 // 3):
        life.shop.clock.advance(3 * 60)
        life.work()
    assert told(life) == {"away": 1}
    assert status(life) == began
    assert first == breaker.FAILURES
    assert 10 < way.searches - first < 60, "one in each trial, and ever fewer trials"
    way.silent = False
    life.shop.clock.advance(breaker.LONGEST.total_seconds())
    for _ in range(3):
        life.work()
        life.shop.clock.advance(60)
    assert set(life.shop.states().values()) == {"posted"}
    assert len(effects(life)) == COUNT
    assert told(life) == {"away": 1, "back": 1}


def test_one_failure_of_many_at_once_ends_the_trial(life: Life, way: Searchless) -> None:
    before = way.searches
    life.shop.clock.advance(5 * 60)  # all are due again
    for _ in range(2):  # the question takes calls of this minute, too
        life.work()
        life.shop.clock.advance(20)
    assert way.searches == before + 1


def test_while_nothing_is_called_it_does_not_look_away(life: Life, way: Searchless) -> None:
    with life.shop.database.write() as session:
        row = session.scalars(select(Throttle).where(Throttle.opened_at.is_not(None))).one()
        target, now = row.connection_id, life.shop.now + breaker.SHORTEST
        assert breaker.turn(session, target, now)
        breaker.reached(session, target, now)
        assert to_refresh(session, now + timedelta(days=1)) == (target,)
    assert "Out of reach" not in status(life)
    assert way.silent
