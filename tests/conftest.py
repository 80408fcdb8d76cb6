"""Fixtures that tests of several floors share: databases, a company, a clock."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from holding.db.database import Database
from holding.db.models import Company
from tests.support import shuffled
from tests.support.clock import SetClock
from tests.support.databases import (
    empty_postgresql,
    opened,
    postgresql_database,
    postgresql_server,
    sqlite_copy,
    sqlite_template,
)
from tests.support.factories import kept_company
from tests.support.kept import kept, stands_empty
from tests.support.passwords import hash_cheaply
from tests.support.shop import Shop

gc.set_threshold(100_000, 50, 50)  # thousands of small tests: looking for cycles costs a tenth
gc.disable()  # while the tests are collected everything stays
hash_cheaply()
if shuffled.ON:
    shuffled.shuffle()


def pytest_collection_finish() -> None:
    """What was loaded and collected is not looked through again by any test."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """What thousands of tests leave is not looked through once more: that takes two seconds."""
    gc.freeze()


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_url(worker_name: str) -> Iterator[str | None]:
    with postgresql_server() as server:
        if server is None:
            yield None
            return
        with postgresql_database(server, f"clearpost_test_{worker_name}_{os.getpid()}") as url:
            yield url


@pytest.fixture(scope="session")
def worker_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture
def sqlite_url(sqlite_file: Path) -> str:
    return sqlite_copy(sqlite_file)


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.sqlite),
        pytest.param("postgresql", marks=pytest.mark.postgresql),
    ]
)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database; child processes of a test may open it too."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    url = request.getfixturevalue("postgresql_url")
    if url is None:
        pytest.skip("NO POSTGRESQL: the PostgreSQL half of this test did not run")
    empty_postgresql(url)
    return str(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with opened(database_url) as found:
        stands_empty(found)
        yield found


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def company(database: Database) -> Company:
    """Kedai Contoh with its source `netshop` and its target `aiaccount`."""
    return kept_company(database)


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """The company with the toy rules of tests/support/fake_rules.py in force."""
    made = Shop(database, clock, company)
    kept(database, ("toy rules", company.id, clock.now()), made.publish)
    return made


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement that the database is asked from now on."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    for engine in database.engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in database.engines:
        event.remove(engine, "before_cursor_execute", note)
