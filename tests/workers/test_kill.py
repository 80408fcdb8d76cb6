"""kill -9 at every point of a push, with real processes: nothing is lost, nothing is doubled."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as NoAnswer
from redis.retry import Retry

from holding.platform import processes
from tests.support.house import House

POINTS = (
    "push.claimed",
    "push.before_intent",
    "push.after_intent",
    "push.after_connect",
    "push.after_send",
    "push.after_answer",
    "push.before_answer_commit",
    "push.after_answer_commit",
    "lookup.before",
    "lookup.after",
    "lookup.before_commit",
    "doorbell.after_commit",
)
ORDERS_A_POINT = 2
NO_LOOK_UP = "3"  # of tests/faults/mutants.py

pytestmark = pytest.mark.slow


def kill_at(house: House, point: str, **more: str) -> None:
    """A worker that ends itself at this point, proved by its signal and by the fault log."""
    log = house.home / f"faults-{point}.jsonl"
    code = house.run_worker(
        "--no-redis", CLEARPOST_FAULTS=f"{point}=kill", CLEARPOST_FAULT_LOG=str(log), **more
    )
    assert code == -signal.SIGKILL, (point, code)
    assert [json.loads(line)["point"] for line in log.read_text().splitlines()] == [point]


def kill_everywhere(house: House, points: tuple[str, ...] = POINTS, **more: str) -> list[str]:
    """New orders before each kill; what was in doubt then is still there at the next."""
    sent = []
    for point in points:
        if point.startswith("lookup"):
            house.target.control("faults", fault="timeout_after")
        sent += house.orders(ORDERS_A_POINT)
        kill_at(house, point, **more)
    return sent


def test_killed_at_every_point_nothing_is_lost_or_doubled(house_of: Callable[..., House]) -> None:
    """At the harder target, which takes the same document twice."""
    house = house_of("--dedupe", "nothing")
    sent = kill_everywhere(house)
    house.drain({"posted": len(sent)})
    found = house.compared(sent)
    assert (found.lost, found.doubled) == (0, 0), found.details
    assert len(house.target.lines("created")) == len(sent)


def test_without_the_look_up_the_same_kills_double(house_of: Callable[..., House]) -> None:
    house = house_of("--dedupe", "nothing")
    after_the_effect = ("push.after_answer", "push.before_answer_commit")
    sent = kill_everywhere(house, after_the_effect, CLEARPOST_MUTANT=NO_LOOK_UP)
    with house.working("--no-redis", CLEARPOST_MUTANT=NO_LOOK_UP):
        ends = ("posted", "held")  # two documents of one number are told, after the fact
        house.wait_until(lambda states: sum(states.get(one, 0) for one in ends) == len(sent))
    assert house.compared(sent).doubled >= len(after_the_effect)


def test_the_planted_bug_sleeps_outside_tests(house: House) -> None:
    house.target.control("faults", fault="timeout_after")
    sent = house.orders(1)
    house.drain(
        {"posted": 1}, CLEARPOST_MUTANT=NO_LOOK_UP, CLEARPOST_ENV="demo", CLEARPOST_FAULTS=""
    )
    assert house.compared(sent).doubled == 0
    assert len(house.target.writes()) == 1


def test_redis_killed_and_emptied_in_between(house: House) -> None:
    """The queue carries no work: what is due stands in the tables."""
    server = processes.start_redis(house.home)
    if server is None:
        pytest.skip("no redis-server on this machine")
    try:
        with house.working(REDIS_URL=server.url, CLEARPOST_WORKERS="1"):
            sent = house.orders(3)
            house.wait_for({"posted": 3})
            sent += house.orders(3)
            os.kill(server.pid, signal.SIGKILL)
            sent += house.orders(3)
            house.wait_for({"posted": 9})
            sent += house.orders(3)
            again = processes.connect(server.url)
            again.set_retry(Retry(ConstantBackoff(0.1), 100, supported_errors=(NoAnswer,)))
            again.flushall()  # as soon as its keeper has started it again
            house.wait_for({"posted": 12})
    finally:
        server.stop()
    found = house.compared(sent)
    assert (found.lost, found.doubled) == (0, 0), found.details


def test_a_worker_ends_in_time_when_told_to(house: House) -> None:
    house.orders(1)
    with house.working("--no-redis"):
        house.wait_for({"posted": 1})


def test_a_worker_ends_with_its_parent(house: House) -> None:
    command = [sys.executable, "-m", "workers", "--no-redis", "--watch-parent"]
    child = subprocess.Popen(command, env=house.environment, stdin=subprocess.PIPE)
    house.orders(1)
    house.wait_for({"posted": 1})
    assert child.stdin is not None
    child.stdin.close()  # as when the parent was killed
    assert child.wait(10) == 0
