"""Fixtures for connectors: simulator processes and a session that may call them."""

import pytest

from connectors.kit.http import Http
from connectors.registry import targets
from tests.connectors.simulators import Simulator


@pytest.fixture(autouse=True)
def _loopback(monkeypatch):
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")


@pytest.fixture
def http():
    return Http(read_seconds=20)


@pytest.fixture(scope="module")
def _running(tmp_path_factory):
    started = Simulator("aiaccount", tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield started
    started.kill()


@pytest.fixture
def sim(_running):
    """The AiAccount simulator, empty."""
    _running.control("reset")
    return _running


@pytest.fixture
def aiaccount():
    return targets()["aiaccount"]


@pytest.fixture(scope="module")
def _running_autocount(tmp_path_factory):
    started = Simulator("autocount", tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield started
    started.kill()


@pytest.fixture
def autocount_sim(_running_autocount):
    """The AutoCount simulator, empty."""
    _running_autocount.control("reset")
    return _running_autocount


@pytest.fixture
def autocount():
    return targets()["autocount"]


@pytest.fixture
def start(tmp_path):
    """Start a simulator of one's own: start("--dedupe", "none")."""
    started = []

    def begin(*options: str, target: str = "aiaccount", home=None) -> Simulator:
        ledger = tmp_path / f"ledger-{len(started)}.jsonl"
        started.append(Simulator(target, ledger, *options, home=home))
        return started[-1]

    yield begin
    for one in started:
        one.kill()
