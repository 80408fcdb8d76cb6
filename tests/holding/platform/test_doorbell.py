"""The doorbell: rung once while nobody answers, and never in the way when Redis is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holding.platform import processes


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = processes.start_redis(tmp_path_factory.mktemp("redis"))
    if server is None:
        pytest.skip("no redis-server here")
    yield server.url
    server.stop()


@pytest.fixture(autouse=True)
def at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "redis_url" in request.fixturenames:
        url = request.getfixturevalue("redis_url")
        processes.connect(url).flushall()
        monkeypatch.setenv("REDIS_URL", url)


def waiting(url: str) -> list[tuple[str, tuple[object, ...]]]:
    jobs = processes.queue(processes.connect(url)).jobs
    return [(str(job.func_name), tuple(job.args)) for job in jobs]


def test_a_bell_carries_a_company_and_a_kind_and_is_rung_once(redis_url: str) -> None:
    assert all(processes.ring(7, "push") for _ in range(20))
    assert processes.ring(7, "evaluate")
    assert processes.ring(8, "push")
    assert waiting(redis_url) == [
        ("workers.jobs.push", (7,)),
        ("workers.jobs.evaluate", (7,)),
        ("workers.jobs.push", (8,)),
    ]
    assert "pickle" not in str(processes.queue(processes.connect(redis_url)).serializer).lower()


def test_once_answered_it_rings_again(redis_url: str) -> None:
    processes.ring(7, "push")
    processes.clear_bell(7, "push")
    processes.ring(7, "push")
    assert len(waiting(redis_url)) == 2


def test_without_redis_nobody_hears_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert not processes.ring(7, "push")
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    assert not processes.ring(7, "push")
    processes.clear_bell(7, "push")
    assert not processes.is_reachable(f"unix://{tmp_path}/nobody.sock")
