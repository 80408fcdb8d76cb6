"""F8, F9 and F11: a database that is locked, full, or cut off from its power (SQLite)."""

import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from holding.db.database import open_database
from tests.faults.amounts import SUITE, SUITES, Done, amount
from tests.faults.yard import killed_at, nothing_wrong
from tests.support.house import House

LOCKED: tuple[tuple[float, ...], ...] = ((1.0,), (5.0,) * 4 + (45.0,), (5.0,) * 90 + (45.0,) * 10)
LOCKS = LOCKED[SUITES.index(SUITE)]
COPIES = amount(20, 200, 5000)
PAGE = 512


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """These are about SQLite; a PostgreSQL server has its own disk."""
    return sqlite_url


def synchronous_of(path: Path) -> int:
    """How the product's own connection waits for the disk: 2 is FULL."""
    database = open_database(f"sqlite:///{path}")
    with database.engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    database.close()
    return int(found)


def test_f08_locked_by_somebody_else(house: House, done: Done) -> None:
    """For 45 seconds is longer than anybody waits for a lock (holding/db/database.py)."""
    sent: list[str] = []
    with house.working("--no-redis"):
        for seconds in LOCKS:
            before = len(sent)
            sent += house.orders(6)
            house.wait_until(lambda states, most=before: states.get("posted", 0) > most)  # type: ignore[misc]
            with _locked(_file(house)):
                time.sleep(seconds)  # for so long nobody can write
            done.faults += 1
            house.wait_for({"posted": len(sent)}, seconds=120)
    nothing_wrong(house, sent, done)


@pytest.mark.parametrize("point", ["push.before_intent", "eval.before_commit", "push.claimed"])
def test_f09_the_disk_is_full(house: House, done: Done, point: str) -> None:
    """No intent can be committed, so nothing is sent; with space again it goes on by itself."""
    sent = house.orders(3)
    full = {"CLEARPOST_FAULTS": f"{point}=error:full"}
    with house.working("--no-redis", **full):
        time.sleep(1.5)  # it tries again and again
    done.faults += 1
    assert house.target.lines("created") == []
    house.drain({"posted": len(sent)}, seconds=60)
    assert _whole(_file(house))
    nothing_wrong(house, sent, done)


def test_f09_files_cannot_grow(house: House, done: Done) -> None:
    sent = house.orders(3)
    size = _file(house).stat().st_size + Path(f"{_file(house)}-wal").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    worker = house.worker("--no-redis")
    resource.prlimit(worker.pid or 0, resource.RLIMIT_FSIZE, (size // 4096 * 4096, before[1]))
    time.sleep(2)  # it meets the limit wherever it writes
    resource.prlimit(worker.pid or 0, resource.RLIMIT_FSIZE, before)
    done.faults += 1
    house.wait_for({"posted": len(sent)}, seconds=60)
    worker.terminate()
    worker.join(10)
    assert _whole(_file(house))
    nothing_wrong(house, sent, done)


def test_f11_the_power_goes(house: House, done: Done, tmp_path: Path) -> None:
    """Every prefix of what was being written after a document existed there still knows of it."""
    sent = house.orders(1)
    file, wal = _file(house), Path(f"{_file(house)}-wal")
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")  # what is written while somebody reads is written behind, not over it
    reader.execute("SELECT count(*) FROM push").fetchone()
    sent += killed_at(house, "push.after_answer", 0)
    known = wal.stat().st_size
    base = tmp_path / "cut.sqlite3"
    # by another process: SQLite's locks are gone when this one closes the file
    subprocess.run(["cp", str(file), str(base)], check=True)
    created = [line["number"] for line in house.target.lines("created")]
    assert created
    house.run_worker("--no-redis", CLEARPOST_FAULTS="lookup.before_commit=kill")
    written = wal.read_bytes()
    reader.close()
    assert len(written) > known
    ends = range(known, len(written), max(PAGE, (len(written) - known) // COPIES // PAGE * PAGE))
    for end in ends:
        torn = tmp_path / f"torn-{end}.sqlite3"
        shutil.copyfile(base, torn)
        Path(f"{torn}-wal").write_bytes(written[:end])
        assert _whole(torn), end
        assert set(created) <= _pushed(torn), end
        torn.unlink()
        done.faults += 1
    assert synchronous_of(_file(house)) == 2
    house.drain({"posted": len(sent)}, seconds=60)
    nothing_wrong(house, sent, done)


def _file(house: House) -> Path:
    return Path(make_url(house.database.url).database or "")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    other = sqlite3.connect(file, isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def _whole(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


def _pushed(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {str(row[0]) for row in connection.execute("SELECT number FROM push")}
