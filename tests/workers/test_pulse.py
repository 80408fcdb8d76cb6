"""A worker says that it works, and stops saying so when it does not."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select

from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Company, Heartbeat
from holding.operations.stuck_work import drain
from holding.platform import processes
from holding.platform.processes import Workers
from holding.platform.settings import Settings
from tests.support.clock import SetClock
from tests.support.house import House
from tests.support.postings import NOW
from workers import jobs
from workers.loop import EVERY, Pulse, Stop, Sweeper, Worker

PATIENCE = EVERY + 60 + 40 + 3 * 5  # a lease, an answer, three sweeps: the defaults


def bench_of(database: Database, clock: SetClock, owner: str = "worker-1") -> Any:
    return SimpleNamespace(
        database=database, clock=clock, owner=owner, settings=Settings.from_env({})
    )


def seen(database: Database, clock: SetClock) -> Workers:
    with database.read() as session:
        return processes.count_workers(session, clock.now())


def test_T28_silence_is_told_only_when_it_lasts(database: Database, clock: SetClock) -> None:
    assert seen(database, clock) == Workers(0, None)
    pulse, begun = Pulse(bench_of(database, clock)), clock.now()
    pulse.beat()
    clock.advance(PATIENCE - 1)
    assert seen(database, clock) == Workers(1, begun)
    clock.advance(1)
    assert seen(database, clock) == Workers(0, begun)
    pulse.beat()
    assert seen(database, clock) == Workers(1, clock.now())


def test_T28_one_of_two_that_died_is_named(database: Database, clock: SetClock) -> None:
    died, lives = (Pulse(bench_of(database, clock, owner)) for owner in ("a:1", "b:2"))
    died.beat()
    begun = clock.now()
    clock.advance(PATIENCE)
    lives.beat()
    with database.read() as session:
        assert [
            (one.owner, one.seen_at) for one in processes.silent_workers(session, clock.now())
        ] == [("a:1", begun)]
    assert seen(database, clock).running == 1


def test_T28_who_ends_in_order_is_neither_running_nor_silent(
    database: Database, clock: SetClock
) -> None:
    pulse = Pulse(bench_of(database, clock))
    pulse.beat()
    clock.advance(60)
    pulse.end()
    assert seen(database, clock) == Workers(0, clock.now())
    with database.read() as session:
        assert processes.silent_workers(session, clock.now() + timedelta(minutes=10)) == ()


def test_T28_who_comes_again_under_its_name_runs(database: Database, clock: SetClock) -> None:
    first = Pulse(bench_of(database, clock))
    first.beat()
    first.end()
    Pulse(bench_of(database, clock)).beat()
    assert seen(database, clock).running == 1


def test_T28_a_clock_that_was_set_back_makes_nobody_alive(
    database: Database, clock: SetClock
) -> None:
    Pulse(bench_of(database, clock)).beat()
    clock.advance(timedelta(hours=-1))
    assert seen(database, clock) == Workers(0, clock.now())
    with database.read() as session:
        assert len(processes.silent_workers(session, clock.now())) == 1


def test_T28_a_sign_is_written_no_more_often_than_needed(
    database: Database, clock: SetClock
) -> None:
    pulse, begun = Pulse(bench_of(database, clock)), clock.now()
    pulse.beat()
    clock.advance(EVERY - 1)
    pulse.beat()
    assert seen(database, clock).seen_at == begun
    clock.advance(1)
    pulse.beat()
    assert seen(database, clock).seen_at == clock.now()


def test_T28_a_worker_beats_between_two_works(
    database: Database, company: Company, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many companies are served in one turn: that is no silence."""
    stop = Stop()
    worker = Worker(cast(Any, bench_of(database, clock)), stop, url=None)
    work = [("evaluate", company.id), ("push", company.id)]
    monkeypatch.setattr(worker, "_due", lambda: work)
    alive: list[int] = []

    def long(_company_id: int) -> int:
        clock.advance(PATIENCE - 1)
        alive.append(seen(database, clock).running)
        return 1

    monkeypatch.setattr(jobs, "evaluate", long)
    monkeypatch.setattr(jobs, "push", long)
    worker._pulse.beat()
    worker._work()
    assert alive == [1, 1]


@pytest.mark.parametrize(("lasts", "running"), [("0", 0), ("60", 1)])
def test_T28_listeners_that_end_at_once_are_no_worker(
    database: Database, clock: SetClock, lasts: str, running: int
) -> None:
    stop = Stop()
    worker = Worker(cast(Any, bench_of(database, clock)), stop, url=None)
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({lasts})"])
    if lasts == "0":
        child.wait(20)
    worker._children = [child]
    stop.set()  # so that nobody waits
    worker._turn()
    assert seen(database, clock).running == running


def test_T28_a_worker_that_is_told_to_stop_says_so(database: Database, clock: SetClock) -> None:
    stop = Stop()
    worker = Worker(cast(Any, bench_of(database, clock)), stop, url=None)
    worker._pulse.beat()
    stop.set()
    worker.run()
    with database.read() as session:
        assert session.scalars(select(Heartbeat.left_at)).all() == [clock.now()]


@pytest.mark.parametrize("asked", [True, False])
def test_a_worker_that_a_person_asks_to_stop_finishes_its_work_and_ends(
    database: Database,
    company: Company,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
    asked: bool,
) -> None:
    stop, done = Stop(), []
    worker = Worker(cast(Any, bench_of(database, clock)), stop, url=None)
    Pulse(bench_of(database, clock, "worker-2")).beat()
    worker._beat()

    def evaluate(_company_id: int) -> int:
        """The first is in hand when it is asked; more is always due."""
        done.append(1)
        if len(done) == 1 and asked:
            actor = Actor(None, "Olga", "", company.id, frozenset({"operator"}))
            with database.write() as session:
                assert drain(session, actor, "worker-1", "More memory", clock.now()) is None
        clock.advance(EVERY)
        if len(done) == 3:
            stop.set()
        return 1

    monkeypatch.setattr(jobs, "evaluate", evaluate)
    monkeypatch.setattr(worker, "_due", lambda: [("evaluate", company.id)])
    worker.run()
    assert len(done) == (1 if asked else 3)
    with database.read() as session:
        query = select(Heartbeat.owner).where(Heartbeat.left_at.is_not(None))
        assert session.scalars(query).all() == ["worker-1"]


def test_T28_old_signs_are_forgotten_but_the_newest(database: Database, clock: SetClock) -> None:
    for owner in ("a:1", "b:2"):
        Pulse(bench_of(database, clock, owner)).beat()
        clock.advance(60)
    clock.advance(timedelta(days=3))
    assert Sweeper(bench_of(database, clock, "c:3")).sweep()
    with database.read() as session:
        assert session.scalars(select(Heartbeat.owner)).all() == ["b:2"]
    assert seen(database, clock).seen_at == NOW + timedelta(seconds=60)


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_T28_a_worker_that_is_killed_is_missed(house_of: Callable[..., House]) -> None:
    """A real process; what it promised is as short as its settings."""
    house = house_of()
    short = {"CLEARPOST_LEASE_SECONDS": "1", "CLEARPOST_ANSWER_SECONDS": "1"}
    with house.working("--no-redis", **short) as process:
        _wait(lambda: _running(house) == 1, 60)
        process.kill()
        process.join(20)
        assert process.exitcode == -signal.SIGKILL
        assert _running(house) == 1
        _wait(lambda: _running(house) == 0, 60)
        with house.database.read() as session:
            assert session.scalars(select(Heartbeat.left_at)).all() == [None]


def _running(house: House) -> int:
    with house.database.read() as session:
        return processes.count_workers(session, datetime.now(UTC)).running


def _wait(until: Callable[[], bool], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < limit
        time.sleep(0.2)
