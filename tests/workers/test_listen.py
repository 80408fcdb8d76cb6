"""What a listener does with bells that are not ours: nothing, and it stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from holding.platform import processes
from workers.jobs import Listener, listen


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    server = processes.start_redis(tmp_path_factory.mktemp("redis"))
    if server is None:
        pytest.skip("no redis-server on this machine")
    yield processes.queue(Redis.from_url(server.url))
    server.stop()


def heard(queue: Queue, patch: pytest.MonkeyPatch) -> list[object]:
    """What our own job was called with, when all bells were answered."""
    calls: list[object] = []
    patch.setattr("workers.jobs.push", calls.append)
    worker = Listener([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="CRITICAL")
    return calls


def test_only_our_own_work_is_done(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = tmp_path / "made-by-a-stranger"
    for work, given in (
        ("os.mkdir", [str(made)]),
        ("workers.jobs.call", [1, "push"]),
        ("workers.jobs.push", ["1"]),
        ("workers.jobs.push", [7]),
    ):
        queue.enqueue_call(work, args=given, result_ttl=0)
    assert heard(queue, monkeypatch) == [7]
    assert not made.exists()
    assert queue.count == 0


def test_it_is_silent_when_no_bell_waits_and_none_is_being_answered(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", _url(queue))
    assert processes.is_queue_empty()
    queue.enqueue_call("workers.jobs.push", args=[7], result_ttl=0)
    assert not processes.is_queue_empty()
    told: list[bool] = []
    monkeypatch.setattr("workers.jobs.push", lambda _: told.append(processes.is_queue_empty()))
    worker = Listener([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="CRITICAL")
    assert told == [False]
    assert processes.is_queue_empty()


def test_a_broken_bell_ends_one_listener_and_no_other(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.connection.hset("rq:job:broken", mapping={"data": b"\x00", "status": "no status"})
    queue.connection.rpush(queue.key, "broken")
    listen(_url(queue))
    assert queue.count == 0
    assert queue.connection.llen(queue.intermediate_queue_key) == 0
    queue.enqueue_call("workers.jobs.push", args=[8], result_ttl=0)
    assert heard(queue, monkeypatch) == [8]


def _url(queue: Queue) -> str:
    return f"unix://{queue.connection.connection_pool.connection_kwargs['path']}"
