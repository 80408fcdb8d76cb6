"""The shop whose documents go to AutoCount desktop, as fixtures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holding.db.database import Database
from holding.db.models import Company
from tests.connectors.simulator_processes import Simulator
from tests.holding.reconciliation.desktop import Desktop, open_desktop
from tests.support.clock import SetClock


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    sim = Simulator("autocount_excel", tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield sim
    sim.kill()


@pytest.fixture
def desk(
    running: Simulator,
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desktop:
    return open_desktop(running, database, company, clock, tmp_path, monkeypatch)
