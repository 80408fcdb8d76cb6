"""F5 to F7: Redis emptied, gone, hostile; bells that nobody rang."""

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from connectors.transport import strict_json
from holding.platform import processes
from holding.platform.settings import Settings
from tests.faults.amounts import Done, amount
from tests.faults.web import portal_of, signed_in, webhook
from tests.faults.yard import nothing_wrong
from tests.support.house import House

FORGED = amount(50, 1000, 10_000)
FLUSHES = amount(1, 10, 200)
RESUMED = 2.0  # seconds after a sweep
PAGES = ("/healthz", "/c/kedai/", "/c/kedai/holding", "/c/kedai/runs", "/c/kedai/connections")
PAUSED, ABSENT = amount(1, 10, 10), amount(1, 60, 60)  # seconds


@contextmanager
def _redis(folder: Path) -> Iterator[processes.EmbeddedRedis]:
    (folder / "redis").mkdir()
    server = processes.start_redis(folder / "redis")
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
    processes.connect(url).flushall()
    hits: list[str] = []
    logs = [logging.getLogger(name) for name in ("rq.worker", "rq.job")]
    levels = [log.level for log in logs]

    def note(*_: object) -> bool:
        hits.append("failed")
        return True

    try:
        processes.ring(1, "evaluate")
        queue = processes.queue(Redis.from_url(url))
        worker = SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer)
        worker.push_exc_handler(note)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("workers.jobs.evaluate", _fails)
            worker.work(burst=True, logging_level="CRITICAL")
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)  # rq sets it and leaves it so
        if before is None:
            del os.environ["REDIS_URL"]
        else:
            os.environ["REDIS_URL"] = before
    return len(hits)


def _fails(company_id: int) -> int:
    raise strict_json.FaultError("the work fails")


def test_f05_emptied_while_busy(
    house: House, done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders come in and ring; their bells are lost. One sweep later the work goes on."""
    sweep = Settings.from_env(house.environment).sweep_seconds
    with _redis(tmp_path) as server, house.working(REDIS_URL=server.url, CLEARPOST_WORKERS="1"):
        app, sent = portal_of(house, monkeypatch, REDIS_URL=server.url), house.orders(1)
        house.wait_for({"posted": 1})  # by then it listens
        for no in range(FLUSHES):
            for which in (f"{no}-{one}" for one in range(5)):
                assert webhook(app, which).status_code == 202
                sent.append(f"w-{which}")
            processes.connect(server.url).flushall()
            began = time.monotonic()
            done.faults += 1
            house.wait_for({"posted": len(sent)})
            assert time.monotonic() - began <= sweep + RESUMED
    nothing_wrong(house, sent, done)


@pytest.mark.parametrize("way", ["started empty", "absent", "paused", "full", "password"])
def test_f06_redis_away(
    house: House, done: Done, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "absent" and house.database.dialect != "sqlite":
        pytest.skip("a minute is waited for on SQLite")
    with _redis(tmp_path) as server, house.working(REDIS_URL=server.url, CLEARPOST_WORKERS="1"):
        sent = house.orders(3)
        house.wait_for({"posted": 3})
        app = portal_of(house, monkeypatch, REDIS_URL=server.url)
        client = signed_in(app, house, "farah@example.test", "finance")
        for page in PAGES:
            assert client.get(page).status_code == 200  # what is loaded once is loaded
        with _broken(server, way):
            done.faults += 1
            sent += house.orders(5)
            assert _slowest_page(app, client) < 1
            house.wait_until(lambda states: states.get("posted", 0) >= 8, seconds=90)
        sent += house.orders(2)
        house.wait_until(lambda states: set(states) <= {"posted", "held", "failed"}, seconds=60)
    nothing_wrong(house, sent, done)


def _slowest_page(app: Flask, client: FlaskClient) -> float:
    """Pages and a webhook, none of which fails; how long the slowest takes."""
    took = [0.0]
    for no in range(3):
        asks = [partial(client.get, page) for page in PAGES]
        for ask in (*asks, partial(webhook, app, str(no))):
            began = time.monotonic()
            answer = ask()
            took.append(time.monotonic() - began)
            assert answer.status_code < 400, answer.get_data(as_text=True)
    return max(took)


def test_f07_the_queue_tries_nothing_again(done: Done, redis_url: str) -> None:
    """Whether and when something is tried again stands in the database alone."""
    assert heard_after_a_failure(redis_url) == 1
    done.faults += 1


def test_f07_forged_bells(house: House, done: Done, tmp_path: Path) -> None:
    """Unknown companies, unknown work, broken bytes: the worker stays, and works."""
    chance = Random(7)
    with _redis(tmp_path) as server, house.working(REDIS_URL=server.url, CLEARPOST_WORKERS="1"):
        redis = Redis.from_url(server.url)
        queue = processes.queue(redis)
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


@contextmanager
def _broken(server: processes.EmbeddedRedis, way: str) -> Iterator[None]:
    """Redis is like that for as long as the block, and longer where nothing mends it."""
    redis = processes.connect(server.url)
    if way == "started empty":
        os.kill(server.pid, signal.SIGKILL)  # its guard starts another one
        yield
    elif way == "absent":
        server.guard.send_signal(signal.SIGSTOP)
        os.kill(server.pid, signal.SIGKILL)
        until = time.monotonic() + ABSENT
        yield
        time.sleep(max(0.0, until - time.monotonic()))  # for so long there is none
        server.guard.send_signal(signal.SIGCONT)
    elif way == "paused":
        redis.execute_command("CLIENT", "PAUSE", str(PAUSED * 1000))
        yield
    elif way == "full":
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", "1")
        yield
    else:
        redis.config_set("requirepass", "another")
        yield
