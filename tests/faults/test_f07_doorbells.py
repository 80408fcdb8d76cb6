"""F5 to F7: Redis emptied, gone, hostile; bells that nobody rang."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from connectors.kit import faults
from holding import doorbell, embedded
from tests.faults.amounts import Done, amount
from tests.faults.yard import nothing_wrong
from tests.support.house import House

FORGED = amount(50, 1000, 10_000)
FLUSHES = amount(1, 3, 200)


@contextmanager
def _redis(folder: Path) -> Iterator[embedded.EmbeddedRedis]:
    (folder / "redis").mkdir()
    server = embedded.start_redis(folder / "redis")
    if server is None:
        pytest.skip("no redis-server on this machine")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with _redis(tmp_path) as server:
        yield server.url


def heard_after_a_failure(url: str) -> int:
    """How often a worker takes up a bell whose work fails each time."""
    before, os.environ["REDIS_URL"] = os.environ.get("REDIS_URL"), url
    doorbell.connect(url).flushall()
    hits: list[str] = []
    try:
        doorbell.ring(1, "evaluate")
        queue = doorbell.queue(Redis.from_url(url))
        logging.getLogger("rq").setLevel(logging.CRITICAL)
        worker = SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer)
        worker.push_exc_handler(lambda *_: hits.append("failed") or True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("workers.jobs.evaluate", _fails)
            worker.work(burst=True, logging_level="CRITICAL")
    finally:
        if before is None:
            del os.environ["REDIS_URL"]
        else:
            os.environ["REDIS_URL"] = before
    return len(hits)


def _fails(company_id: int) -> int:
    raise faults.FaultError("the work fails")


def test_f05_emptied_while_busy(house: House, done: Done, tmp_path: Path) -> None:
    with _redis(tmp_path) as server, house.working(REDIS_URL=server.url, CLEARPOST_WORKERS="1"):
        sent: list[str] = []
        for _ in range(FLUSHES):
            sent += house.orders(5)
            doorbell.connect(server.url).flushall()
            done.faults += 1
            house.wait_for({"posted": len(sent)})
    nothing_wrong(house, sent, done)


@pytest.mark.parametrize("way", ["killed", "paused", "full", "password"])
def test_f06_redis_away(house: House, done: Done, tmp_path: Path, way: str) -> None:
    with _redis(tmp_path) as server, house.working(REDIS_URL=server.url, CLEARPOST_WORKERS="1"):
        sent = house.orders(3)
        house.wait_for({"posted": 3})
        _break(server, way)
        done.faults += 1
        sent += house.orders(5)
        house.wait_for({"posted": 8})
    nothing_wrong(house, sent, done)


def test_f07_forged_bells(house: House, done: Done, tmp_path: Path) -> None:
    """Unknown companies, unknown work, broken bytes: the worker stays, and works."""
    chance = Random(7)
    with _redis(tmp_path) as server, house.working(REDIS_URL=server.url, CLEARPOST_WORKERS="1"):
        redis = Redis.from_url(server.url)
        queue = doorbell.queue(redis)
        for no in range(FORGED):
            if no % 2:
                job = f"forged-{no}"
                redis.hset(f"rq:job:{job}", mapping={"data": chance.randbytes(40), "status": "x"})
                redis.rpush(queue.key, job)
            else:
                given = (chance.choice((-1, 10**9, "x", None)),)
                work = chance.choice(("workers.jobs.push", "os.getpid", "no.such.place"))
                queue.enqueue_call(work, args=given, result_ttl=0, failure_ttl=1)
        done.faults += FORGED
        sent = house.orders(5)
        house.wait_for({"posted": 5}, seconds=90)
    nothing_wrong(house, sent, done)


def _break(server: embedded.EmbeddedRedis, way: str) -> None:
    redis = doorbell.connect(server.url)
    if way == "killed":
        os.kill(server.pid, signal.SIGKILL)
    elif way == "paused":
        redis.execute_command("CLIENT", "PAUSE", "3000")
    elif way == "full":
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", "1")
    else:
        redis.config_set("requirepass", "another")
