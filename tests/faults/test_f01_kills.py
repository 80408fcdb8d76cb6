"""F1 to F4 and F10: kill -9 at every point and moment, sleep, deploy, a database that dies."""

import os
import signal
import time
from collections.abc import Callable
from random import Random

import pytest
from sqlalchemy import Engine, create_engine, func, select, text

from holding.db.models import Posting, Record
from tests.faults.amounts import Done, amount
from tests.faults.yard import (
    APPROVAL,
    APPROVED,
    BATCH,
    REACHED_BY,
    all_ended,
    hire_approver,
    killed_at,
    nothing_wrong,
    stopped_at,
    until_stopped,
)
from tests.support.databases import opened
from tests.support.house import DAILY, House

KILLS = amount(1, 5, 100)
CUT_OFF = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""  # and waits until they are gone
RANDOM_KILLS = amount(2, 5, 125)  # of both workers, in each of the four runs
RANDOM_ORDERS = amount(20, 500, 2000)
STOPS = amount(1, 2, 70)  # at each of four points, on each database
DEPLOYS, CUTS = amount(1, 20, 200), amount(1, 8, 50)
PROFILES = ("number+customer", "nothing")
PLAIN = [point for point, who in REACHED_BY.items() if who not in (APPROVAL, BATCH)]


@pytest.mark.parametrize("dedupe", PROFILES)
def test_f01_killed_at_each_point(house_of: Callable[..., House], done: Done, dedupe: str) -> None:
    """Where a double can be seen, as often on each database; where the target sees to it that there
    is none, the two databases share the rounds.
    """
    house = house_of("--dedupe", dedupe)
    sent: list[str] = []
    half = KILLS // 2 if house.database.dialect == "postgresql" else KILLS - KILLS // 2
    for no in range(KILLS if dedupe == "nothing" else half):
        for point in PLAIN:
            sent += killed_at(house, point, no)
            done.faults += 1
    all_ended(house, sent, done, seconds=300)
    nothing_wrong(house, sent, done)


def test_f01_killed_while_approving(house_of: Callable[..., House], done: Done) -> None:
    house = house_of("--dedupe", "nothing", rules=APPROVED)
    hire_approver(house)
    sent: list[str] = []
    for no in range(KILLS):
        for point in [key for key, who in REACHED_BY.items() if who == APPROVAL]:
            sent += killed_at(house, point, no)
            done.faults += 1
    house.drain({"posted": len(sent)}, seconds=60)
    nothing_wrong(house, sent, done)


def test_f01_killed_with_a_file(house_of: Callable[..., House], done: Done) -> None:
    house = house_of("--dedupe", "nothing", timing=DAILY)
    sent: list[str] = []
    for no in range(KILLS):
        for point in [key for key, who in REACHED_BY.items() if who == BATCH]:
            sent += killed_at(house, point, no)
            done.faults += 1
            house.drain({"posted": len(sent)}, seconds=60)
    nothing_wrong(house, sent, done)


@pytest.mark.parametrize("dedupe", PROFILES)
def test_f02_killed_at_any_moment(house_of: Callable[..., House], done: Done, dedupe: str) -> None:
    house, chance = house_of("--dedupe", dedupe), Random(2)
    sent = house.orders(RANDOM_ORDERS)
    for _ in range(RANDOM_KILLS):
        workers = [house.worker("--no-redis") for _ in range(2)]
        time.sleep(0.2 + chance.uniform(0, 0.4))  # the moment is the fault
        for worker in workers:
            worker.kill()
            worker.join()
            assert worker.exitcode == -signal.SIGKILL  # it was at work until then
            done.faults += 1
    all_ended(house, sent, done, seconds=400)
    nothing_wrong(house, sent, done)


@pytest.mark.parametrize(
    ("point", "dedupe"),
    [
        ("push.after_intent", "nothing"),
        ("push.after_answer", "nothing"),
        ("eval.each", "nothing"),
        ("push.after_connect", "number+customer"),
    ],
)
def test_f03_asleep_for_longer_than_the_lease(
    house_of: Callable[..., House], done: Done, point: str, dedupe: str
) -> None:
    """The last of them wakes up after the last look at the clock, and sends what another one has
    sent meanwhile: only a target that compares can tell.
    """
    house = house_of("--dedupe", dedupe)
    sent: list[str] = []
    for _ in range(STOPS):
        sent += house.orders(2)
        sleeper = house.worker("--no-redis", CLEARPOST_FAULTS=f"{point}=stop@1")
        until_stopped(sleeper.pid or 0)
        house.drain({"posted": len(sent)}, seconds=60)
        os.kill(sleeper.pid or 0, signal.SIGCONT)
        done.faults += 1
        sleeper.terminate()
        sleeper.join(15)
        assert sleeper.exitcode is not None, "it went on and ended"
    nothing_wrong(house, sent, done)


def test_f04_a_deploy_while_busy(house: House, done: Done) -> None:
    sent: list[str] = []
    for _ in range(DEPLOYS):
        sent += house.orders(10)
        before = len(sent) - 10
        with house.working("--no-redis"):
            house.wait_until(lambda states, most=before: states.get("posted", 0) > most)  # type: ignore[misc]
        done.faults += 1
        assert _leases(house) == 0
    house.drain({"posted": len(sent)}, seconds=60)
    nothing_wrong(house, sent, done)


def test_f10_the_database_goes_away(house: House, done: Done) -> None:
    """PostgreSQL cuts everybody off; SQLite dies with its process, which F1 does."""
    if house.database.dialect == "sqlite":
        pytest.skip("SQLite lives in the worker: killed with it in F1")
    sent = house.orders(1)
    engine = create_engine(house.database.url)
    with house.working("--no-redis"):
        house.wait_for({"posted": 1}, seconds=60)  # one that only begins says so and ends
        for _ in range(CUTS):
            sent += house.orders(5)
            time.sleep(0.1)  # somewhere in the middle of them
            _cut_off(house, engine)
            done.faults += 1
        house.wait_for({"posted": len(sent)}, seconds=60)
    engine.dispose()
    nothing_wrong(house, sent, done)


def test_f10_the_database_goes_away_at_each_point(house: House, done: Done) -> None:
    """Somebody stops at a point, loses their connections there, and goes on."""
    if house.database.dialect == "sqlite":
        pytest.skip("SQLite lives in the worker: killed with it in F1")
    sent: list[str] = []
    engine = create_engine(house.database.url)
    for point in PLAIN:
        sent += stopped_at(house, point, lambda: _cut_off(house, engine))
        done.faults += 1
    engine.dispose()
    house.drain({"posted": len(sent)}, seconds=300)
    nothing_wrong(house, sent, done)


def _cut_off(house: House, engine: Engine) -> None:
    """Everybody but this connection; the test has none of its own at that moment."""
    house.database.close()
    with opened(house.database.url) as emptied:  # who empties it for the next test
        emptied.close()
    with engine.begin() as connection:
        connection.execute(text(CUT_OFF))


def _leases(house: House) -> int:
    with house.database.read() as session:
        return sum(
            session.scalar(select(func.count(table.id)).where(table.lease_until.is_not(None))) or 0
            for table in (Record, Posting)
        )
