"""Fixtures of the cases: a database with the settings of its process, stand-ins, and companies."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holding.access.actors import load_keys
from holding.db.database import Database
from holding.platform.settings import Settings
from tests.cases.company import CaseCompany, Plan, make_company
from tests.connectors.simulator_processes import Simulator
from tests.portal.seed import environment
from tests.support.applications import keep_compiled
from tests.support.databases import opened, sqlite_copy

keep_compiled()
Make = Callable[..., CaseCompany]


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Simulator]]:
    """Return a function that starts the stand-in of a target, or empties the running one."""
    running: dict[str, Simulator] = {}

    def start(name: str) -> Simulator:
        if name not in running:
            folder = tmp_path_factory.mktemp(name)
            more = ("--calls-a-minute", "1000") if name == "autocount" else ()
            running[name] = Simulator(name, folder / "ledger.jsonl", *more)
        running[name].control("reset")
        return running[name]

    yield start
    for one in running.values():
        one.kill()


@pytest.fixture
def case_database(
    sqlite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """Return an empty, migrated database, with the environment of a process that uses it."""
    url = sqlite_copy(sqlite_file)
    for name, value in environment(tmp_path, url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REDIS_URL", raising=False)
    load_keys(Settings.from_env({"CLEARPOST_ENV": "test", "CLEARPOST_HOME": str(tmp_path)}))
    with opened(url) as found:
        yield found


@pytest.fixture
def make(case_database: Database, stand_ins: Callable[[str], Simulator]) -> Make:
    """Return a function that makes a company: `make(Plan(...), "autocount", debtors=["300-S001"])`.

    The further words are what the books of the target have beside their own (control act `book` of
    AutoCount, `company` of QuickBooks and AiAccount).
    """

    def made(plan: Plan, target: str, **books: Any) -> CaseCompany:
        simulator = stand_ins(target)
        if books:
            simulator.control("book" if target == "autocount" else "company", **books)
        return make_company(case_database, simulator, plan)

    return made
