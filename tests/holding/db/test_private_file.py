"""The database file is for its owner alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from holding.db.database import Database
from holding.platform.backup import check_version, upgrade

pytestmark = pytest.mark.sqlite


@pytest.fixture
def lax() -> Iterator[None]:
    """A machine where new files can be read by everybody."""
    before = os.umask(0o000)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in sorted(folder.iterdir())}


def written(file: Path) -> Database:
    """An open database with something in its log."""
    database = Database(f"sqlite:///{file}")
    with database.write() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS a (b INTEGER)"))
    return database


@pytest.mark.usefixtures("lax")
def test_T32c_a_new_database_is_private_with_its_log(tmp_path: Path) -> None:
    database = written(tmp_path / "c.sqlite3")
    names = ("c.sqlite3", "c.sqlite3-shm", "c.sqlite3-wal")
    assert modes(tmp_path) == dict.fromkeys(names, "0o600")
    database.close()


@pytest.mark.usefixtures("lax")
def test_T32c_an_old_database_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    first = written(tmp_path / "c.sqlite3")
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    second = written(tmp_path / "c.sqlite3")
    assert set(modes(tmp_path).values()) == {"0o600"}
    first.close()
    second.close()


@pytest.mark.usefixtures("lax")
def test_T32c_so_is_what_migrate_makes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.sqlite3'}"
    upgrade(url)
    assert set(modes(tmp_path).values()) == {"0o600"}


def test_T32c_a_file_that_cannot_be_made_is_told_as_before(tmp_path: Path) -> None:
    refusal = check_version(f"sqlite:///{tmp_path}/no/such/folder/c.sqlite3")
    assert refusal is not None
    assert (refusal.code, "unable to open" in refusal.message) == ("DBS01", True)


def test_T32c_a_further_connection_ends_no_lock_of_this_process(tmp_path: Path) -> None:
    """To close a file ends every lock of the process on it: who goes last would take the log away
    from under those that are still there, and what they write is seen by nobody.
    """
    file = tmp_path / "c.sqlite3"
    first, second = written(file), Database(f"sqlite:///{file}")
    with second.read() as session:
        assert session.execute(text("SELECT count(*) FROM a")).scalar_one() == 0
    read = f"import sqlite3; sqlite3.connect({str(file)!r}).execute('SELECT * FROM a').fetchall()"
    subprocess.run([sys.executable, "-c", read], check=True)
    assert (tmp_path / "c.sqlite3-wal").exists()
    first.close()
    second.close()
