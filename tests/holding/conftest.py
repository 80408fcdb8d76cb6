"""A target of AiAccount to push to, and the tools of a worker."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from connectors.kit.http import Http
from holding.connections import set_key
from holding.database import Database
from holding.models import Company
from holding.pushing.desk import Desk
from holding.roles import SYSTEM
from holding.settings import Settings
from tests.holding.pushing import KEYS
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.postings import NOW
from tests.support.simulator import DEMO_KEY, Simulator, simulator


@pytest.fixture(scope="session")
def shared_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("aiaccount")) as running:
        yield running


@pytest.fixture
def target(shared_target: Simulator) -> Simulator:
    shared_target.control("reset")
    return shared_target


@pytest.fixture
def desk(
    database: Database,
    clock: SetClock,
    company: Company,
    target: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")
    with database.write() as session:
        connection = connection_named(session, company, "aiaccount")
        connection.settings = {**connection.settings, "base_url": target.url}
        set_key(session, SYSTEM, connection, DEMO_KEY, now=NOW, keys=KEYS)
    settings = Settings.from_env({"CLEARPOST_ENV": "test", "CLEARPOST_HOME": str(tmp_path)})
    return Desk(
        database=database,
        clock=clock,
        settings=settings,
        keys=KEYS,
        owner="worker-1",
        chance=Random(7),
        http=Http(clock, connect_seconds=2, read_seconds=2),
        trace=lambda _session, evaluation_id: f"story of {evaluation_id}".encode(),
    )
