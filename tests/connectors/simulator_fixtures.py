"""Fixtures for connectors and stand-ins: simulator processes and a session that may call them."""

import pytest

from connectors.registry import targets
from connectors.transport.http import Http
from tests.connectors.simulator_processes import Simulator


@pytest.fixture(autouse=True)
def loopback_allowed(monkeypatch):
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")


@pytest.fixture
def http():
    return Http(read_seconds=20)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The simulators by name, each started when it is first asked for."""
    started = {}

    def of(name):
        if name not in started:
            started[name] = Simulator(name, tmp_path_factory.mktemp("sim") / "ledger.jsonl")
        return started[name]

    yield of
    for one in started.values():
        one.kill()


@pytest.fixture
def emptied(running):
    """A simulator by name, empty."""

    def of(name):
        running(name).control("reset")
        return running(name)

    return of


@pytest.fixture
def sim(emptied):
    """The AiAccount simulator, empty."""
    return emptied("aiaccount")


@pytest.fixture
def aiaccount():
    return targets()["aiaccount"]


@pytest.fixture
def autocount_sim(emptied):
    """The AutoCount simulator, empty."""
    return emptied("autocount")


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
