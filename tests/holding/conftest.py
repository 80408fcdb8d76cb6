"""A target of AiAccount to push to, and the tools of a worker."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections.channel import Desk
from holding.connections.connections import set_key
from holding.db.database import Database
from holding.db.models import Company
from tests.holding.desks import KEYS, make_desk
from tests.holding.life import NUMBERED, TABLES, Begun, Life, begin
from tests.holding.pushing import Lane
from tests.holding.shop import FILES, open_shop
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.kept import kept
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

    def connect() -> None:
        with database.write() as session:
            connection = connection_named(session, company, "aiaccount")
            connection.settings = {**connection.settings, "base_url": target.url}
            set_key(session, SYSTEM, connection.id, DEMO_KEY, now=NOW, keys=KEYS)

    kept(database, ("connected", company.id, target.url), connect)
    http = Http(clock, connect_seconds=2, read_seconds=2)
    return make_desk(database, clock, tmp_path, http, owner="worker-1")


@pytest.fixture
def begun(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Begun:
    return lambda files: begin(open_shop(database, company, clock), tmp_path, monkeypatch, files)


@pytest.fixture
def life(begun: Begun) -> Life:
    """Under rules that number the documents of an order, and answer its edits."""
    return begun(FILES | {"shop.rules": NUMBERED + TABLES})


@pytest.fixture
def lane(desk: Desk, company: Company, target: Simulator, clock: SetClock) -> Lane:
    return Lane(desk, company, target, clock)


@pytest.fixture
def patient(lane: Lane) -> Lane:
    """For large files: a busy machine takes long to read them."""
    return replace(lane, desk=replace(lane.desk, http=Http(lane.clock, read_seconds=120)))
