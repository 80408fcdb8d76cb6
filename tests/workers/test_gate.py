"""A worker pauses while its database is away or has another schema, and goes on by itself."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import make_url, text, update
from sqlalchemy.exc import OperationalError

from holding.db.database import Database
from holding.db.models import Company, Record
from holding.platform.backup import TOO_OLD, VERSION
from holding.platform.settings import Settings
from holding.programs import world
from tests.support.clock import SetClock
from tests.support.postings import NOW, make_ready
from workers import __main__ as program
from workers import jobs
from workers.loop import Stop, Worker

PAUSED = "Paused, nothing is claimed"


class Played(Stop):
    """One thing happens at each wait; the last of them ends the worker."""

    def __init__(self, steps: Iterator[None]) -> None:
        super().__init__()
        self._steps = steps

    def wait(self, seconds: float) -> bool:
        if next(self._steps, self) is self:
            self.set()
        return super().wait(0 * seconds)


@pytest.fixture
def worked(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], None]], list[int]]:
    """A record that is always due; lets the first batch of it break something."""
    with database.write() as session:
        make_ready(session, company, "IV-1", due=None)
        session.get_one(Company, company.id).ruleset_version_id = 1
        session.execute(update(Record).values(due_at=NOW))

    def breaking(trouble: Callable[[], None]) -> list[int]:
        batches: list[int] = []

        def evaluate(company_id: int) -> int:
            batches.append(company_id)
            if len(batches) == 1:
                trouble()
                return 1
            return 0  # so that the worker waits

        monkeypatch.setattr(jobs, "evaluate", evaluate)
        return batches

    return breaking


def test_it_waits_for_the_tables_of_an_empty_database(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'new.sqlite3'}")
    problem = program._find_problem()
    assert "is none" in problem

    def migrated() -> Iterator[None]:
        monkeypatch.setenv("DATABASE_URL", database.url)
        yield

    assert program._await_schema(Played(migrated()), problem) == ""


def test_an_outage_in_the_middle_of_work_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))

    assert jobs.safely(broken) == 0
    (line,) = caplog.records
    assert line.levelname == "WARNING"
    assert "server closed the connection" in line.getMessage()
    assert "Traceback" not in caplog.text


def worker_of(database: Database, clock: SetClock, stop: Stop) -> Worker:
    settings = Settings.from_env({})
    bench = SimpleNamespace(
        database=database,
        clock=clock,
        owner="worker-1",
        settings=settings,
        desk=SimpleNamespace(forget=lambda: None),
    )
    return Worker(cast(Any, bench), stop, url=None)


def work(database: Database, clock: SetClock, steps: Iterator[None]) -> None:
    worker_of(database, clock, Played(steps)).run()


def schema_becomes(database: Database, found: str) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": found})


@pytest.mark.parametrize(
    ("version", "told"), [("0003", TOO_OLD), ("9999", "Use the newer program")]
)
def test_another_schema_pauses_it_until_it_fits(
    database: Database,
    clock: SetClock,
    worked: Callable[..., list[int]],
    caplog: pytest.LogCaptureFixture,
    version: str,
    told: str,
) -> None:
    def steps() -> Iterator[None]:
        for _ in range(4):
            clock.advance(6)
            assert len(batches) == 1
            yield
        schema_becomes(database, VERSION)
        clock.advance(6)
        yield
        assert len(batches) == 2

    batches = worked(lambda: schema_becomes(database, version))
    work(database, clock, steps())
    assert caplog.text.count(PAUSED) == 1
    assert f"is {version}; version {VERSION} is required. {told}" in caplog.text
    assert caplog.text.count("going on") == 1


def test_what_was_read_before_a_pause_is_read_again(
    database: Database, clock: SetClock, worked: Callable[..., list[int]]
) -> None:
    """What comes back may be a database that was restored, or brought to and fro."""
    forgotten: list[int] = []

    def steps() -> Iterator[None]:
        world._worlds["of before"] = cast(Any, "a world")
        clock.advance(6)
        yield
        assert (len(batches), forgotten) == (1, []), "nothing is read while it is away"
        schema_becomes(database, VERSION)
        clock.advance(6)
        yield
        assert len(batches) == 2

    batches = worked(lambda: schema_becomes(database, "0003"))
    worker = worker_of(database, clock, Played(steps()))
    worker._bench.desk.forget = lambda: forgotten.append(len(batches))  # type: ignore[misc]
    worker.run()
    assert "of before" not in world._worlds
    assert forgotten == [1], "before anything is judged again"


def test_who_listens_for_it_ends_meanwhile(database: Database, clock: SetClock) -> None:
    """A listener would answer bells that others ring."""
    stop = Stop()
    worker = worker_of(database, clock, stop)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    worker._children = [child]
    schema_becomes(database, "0003")
    stop.set()  # so that nobody waits
    worker._turn()
    schema_becomes(database, VERSION)
    assert child.poll() is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_goes_away_is_waited_for(
    database: Database,
    clock: SetClock,
    worked: Callable[..., list[int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = Path(str(make_url(database.url).database))
    aside = file.with_suffix(".aside")

    def away() -> None:
        database.close()
        file.rename(aside)
        file.mkdir()  # so that nobody makes an empty one

    def steps() -> Iterator[None]:
        for _ in range(4):
            clock.advance(6)
            assert len(batches) == 1
            yield
        file.rmdir()
        aside.rename(file)
        clock.advance(6)
        yield
        assert len(batches) == 2

    batches = worked(away)
    work(database, clock, steps())
    assert caplog.text.count(PAUSED) == 1
    assert "The database cannot be reached" in caplog.text
    assert "failed" not in caplog.text
    assert caplog.text.count("going on") == 1
