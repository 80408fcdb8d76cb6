"""A target that has enough calls when it is only asked is left alone, by every worker, for as long
as it says.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.transport.http import Http, HttpAnswer, HttpFailure
from holding.db.models import Posting, Throttle
from tests.connectors.simulator_processes import Simulator
from tests.holding.life import Life
from tests.holding.posting.test_autocount_life import control, effects, life
from tests.holding.posting.test_autocount_life import running as _running
from tests.holding.shop import order

__all__ = ["life"]  # a fixture

PAUSE = 40


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    yield from _running.__wrapped__(tmp_path_factory)  # type: ignore[attr-defined]


class Counted(Http):
    """Lets so many calls through; whatever comes then is too many, for a while."""

    def request(self, *told: Any, **given: Any) -> HttpAnswer | HttpFailure:
        self.calls += 1
        if self.left > 0 or self._clock.now() >= self.until:
            self.left -= 1
            return super().request(*told, **given)
        ends = {"x-rate-limit-reset": self.until.isoformat()}
        return HttpAnswer(status=429, headers=ends, body=b"", seconds=0.0, at=self._clock.now())

    def full_after(self, calls: int) -> None:
        self.calls, self.left = 0, calls
        self.until = self._clock.now() + timedelta(seconds=PAUSE)


@pytest.fixture
def way_out(life: Life) -> Counted:
    """The shop's only way to AutoCount, which has room."""
    http = Counted(life.shop.clock)
    life.desk = replace(life.desk, http=http)
    http.full_after(1_000)
    return http


def arrive(life: Life, *numbers: str) -> None:
    stamp = life.shop.now.isoformat()
    life.shop.receive(*(order(number, updated_at=stamp) for number in numbers))


def is_left_alone(life: Life, way_out: Counted, states: set[str]) -> None:
    """Until its time has come, and then all goes on."""
    asked = way_out.calls
    with life.desk.database.read() as session:
        (row,) = session.scalars(select(Throttle).where(Throttle.filled_at.is_not(None)))
        assert row.filled_at == way_out.until
    life.shop.clock.advance(PAUSE - 1)
    life.work()
    assert (way_out.calls, set(life.shop.states().values())) == (asked, states)
    for _ in range(4):  # AutoCount takes so many calls a minute
        life.shop.clock.advance(60)
        life.work()
    assert set(life.shop.states().values()) == {"posted"}
    done = effects(life)
    assert len(done) == len(set(done)) == len(life.shop.states())


@pytest.mark.parametrize("room", [0, 1], ids=["looking first", "searching"])
def test_before_the_first_send(life: Life, way_out: Counted, room: int) -> None:
    """One call too many, and the others of the claim are not asked about."""
    arrive(life, "A-1", "A-2", "A-3", "A-4")
    way_out.full_after(room)
    life.work()
    assert way_out.calls == room + 1
    assert effects(life) == []
    is_left_alone(life, way_out, {"ready"})


def test_after_a_doubt(life: Life, way_out: Counted) -> None:
    control(life, "faults", fault="timeout_after", count=3)
    arrive(life, "A-1", "A-2", "A-3")
    life.work()
    assert set(life.shop.states().values()) == {"uncertain"}
    life.shop.clock.advance(60)
    way_out.full_after(0)
    life.work()
    assert way_out.calls == 1
    is_left_alone(life, way_out, {"uncertain"})


def test_reading_back(life: Life, way_out: Counted) -> None:
    arrive(life, "A-1", "A-2", "A-3")
    life.work()
    life.shop.clock.advance(60)
    with life.desk.database.write() as session:
        for posting in session.scalars(select(Posting)):
            posting.read_due_at = life.shop.now
    way_out.full_after(0)
    life.work()
    assert way_out.calls == 2  # the listing, and what it did not tell
    is_left_alone(life, way_out, {"posted"})
