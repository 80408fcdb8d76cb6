"""A copy of the database before its schema changes."""

import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from holding.db.database import Database
from holding.db.refusal import Refusal
from holding.platform import backup
from holding.platform.backup import TOO_OLD, VERSION, Restored, restore
from tests.support.databases import new_postgresql_database

NOW = datetime(2026, 11, 22, 4, 5, 6, tzinfo=UTC)
NEXT = f"{int(VERSION) + 1:04}"


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the program one version newer than every database that was migrated."""
    monkeypatch.setattr(backup, "VERSION", NEXT)


def test_T39e_a_file_is_copied_before_its_schema_changes_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'books.sqlite3'}"
    assert backup.before_migration(url, tmp_path, NOW) is None
    backup.upgrade(url)
    assert backup.before_migration(url, tmp_path, NOW) is None
    monkeypatch.setattr(backup, "VERSION", NEXT)
    with closing(sqlite3.connect(tmp_path / "books.sqlite3")) as open_one:
        open_one.execute("INSERT INTO clock_mark (id, back_seconds) VALUES (1, 77)")
        open_one.commit()
        copy = backup.before_migration(url, tmp_path, NOW)
    assert copy == tmp_path / "backups" / f"clearpost-{VERSION}-20261122T040506.sqlite3"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT back_seconds FROM clock_mark").fetchall() == [(77,)]
        assert kept.execute("SELECT version_num FROM alembic_version").fetchone() == (VERSION,)


@pytest.mark.usefixtures("next_version")
def test_T39e_what_cannot_be_copied_is_not_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'books.sqlite3'}"
    backup.upgrade(url)

    def full(*_: object) -> str:
        return "database or disk is full"

    monkeypatch.setattr(backup, "copy_file", full)
    found = backup.before_migration(url, tmp_path, NOW)
    assert isinstance(found, Refusal)
    assert (found.code, found.status) == ("DBS05", 503)
    assert "disk is full" in found.message
    assert "clearpost migrate" in found.hint
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.postgresql
@pytest.mark.usefixtures("next_version")
def test_T39e_a_server_is_dumped_without_its_password_in_the_words_of_a_command(
    postgresql_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if postgresql_url is None or shutil.which("pg_dump") is None:
        pytest.skip("NO POSTGRESQL: the copy of a server's database was not tried")
    with new_postgresql_database(postgresql_url, "clearpost_backup_test") as database:
        url = make_url(database).set(password="s3cret")
        shown = url.render_as_string(hide_password=False)
        backup.upgrade(shown)
        told: list[list[str]] = []
        run = subprocess.run

        def heard(words: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
            told.append(words)
            return run(words, check=False, **{k: v for k, v in how.items() if k != "check"})

        monkeypatch.setattr(subprocess, "run", heard)
        copy = backup.before_migration(shown, tmp_path, NOW)
        assert isinstance(copy, Path)
        assert copy.read_bytes()[:5] == b"PGDMP"
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert "s3cret" not in " ".join(told[0])
        assert "***" not in " ".join(told[0]), "it would be sent as the password"
        monkeypatch.setenv("PATH", str(tmp_path))
        refused = backup.before_migration(shown, tmp_path, NOW)
        assert isinstance(refused, Refusal)
        assert "pg_dump is not on the path" in refused.message
        with create_engine(shown).connect() as still:
            version = still.scalar(text("SELECT version_num FROM alembic_version"))
        assert version == VERSION


@pytest.mark.parametrize(
    ("url", "words", "password"),
    [
        (
            "postgresql+psycopg://me:s%40cret@db.example.com:5433/books?sslmode=verify-full",
            "postgresql://me@db.example.com:5433/books?sslmode=verify-full",
            "s@cret",
        ),
        ("postgresql+psycopg://me@/books?host=/run", "postgresql://me@/books?host=%2Frun", None),
    ],
)
def test_the_password_is_handed_over_apart_from_the_words_of_a_command(
    monkeypatch: pytest.MonkeyPatch, url: str, words: str, password: str | None
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    shown, environment = backup.server_of(url)
    assert (shown, environment.get("PGPASSWORD")) == (words, password)


@pytest.mark.parametrize(
    ("version", "hint"),
    [("0094", TOO_OLD), ("9999", "Use the newer program that made it.")],
)
def test_a_copy_of_a_schema_without_a_migration_is_not_restored(
    database_url: str, worker_name: str, tmp_path: Path, version: str, hint: str
) -> None:
    words = f"The backup has the schema {version}, this program knows {VERSION}."
    copy = tmp_path / "copy"
    set_version(database_url, version)
    try:
        assert backup.back_up(database_url, copy) is None
    finally:
        set_version(database_url, VERSION)
    if database_url.startswith("sqlite"):
        place = tmp_path / "books.sqlite3"
        assert restore(f"sqlite:///{place}", copy, NOW) == Refusal("DBS02", words, hint, 409)
        assert set(tmp_path.iterdir()) == {copy}
        return
    with new_postgresql_database(database_url, f"clearpost_restore_{worker_name}") as url:
        assert restore(url, copy, NOW) == Refusal("DBS02", words, hint, 409)
        with create_engine(url).connect() as connection:
            assert inspect(connection).get_table_names() == []


def set_version(url: str, version: str) -> None:
    database = Database(url)
    with database.write() as session:
        session.execute(
            text("UPDATE alembic_version SET version_num = :version"), {"version": version}
        )
    database.close()


@pytest.mark.parametrize("rest", ["-wal", "-journal"])
def test_a_log_that_was_left_behind_is_not_played_into_the_copy(
    sqlite_file: Path, tmp_path: Path, rest: str
) -> None:
    url = f"sqlite:///{tmp_path / 'books.sqlite3'}"
    left = tmp_path / f"books.sqlite3{rest}"
    left.write_bytes(b"pages of the database that was moved away")
    found = restore(url, sqlite_file, NOW)
    assert isinstance(found, Refusal)
    assert (found.code, found.status) == ("DBS07", 409)
    assert str(left) in found.message
    assert "-wal, -shm and -journal" in found.hint
    assert list(tmp_path.iterdir()) == [left]
    assert left.stat().st_size
    left.unlink()
    assert isinstance(restore(url, sqlite_file, NOW), Restored)


def test_a_restored_pause_has_no_end(sqlite_file: Path, tmp_path: Path) -> None:
    """Else a target that was paused in the copy until a day would send by itself."""
    copy, url = tmp_path / "copy.sqlite3", f"sqlite:///{tmp_path / 'books.sqlite3'}"
    shutil.copy(sqlite_file, copy)
    with closing(sqlite3.connect(copy)) as there:
        there.execute(
            "INSERT INTO company (id, code, name, zone, currency, revision, rules_revision,"
            " settings, lock) VALUES (1, 'kedai', 'Kedai', 'UTC', 'MYR', 0, 0, '{}', 0)"
        )
        there.execute(
            "INSERT INTO connection (company_id, name, side, connector, settings, lock, paused_at,"
            " pause_until) VALUES (1, 'books', 'target', 'autocount', '{}', 0,"
            " '2026-11-20T00:00:00.000000Z', '2026-11-21T00:00:00.000000Z')"
        )
        there.commit()
    assert isinstance(restore(url, copy, NOW), Restored)
    with closing(sqlite3.connect(tmp_path / "books.sqlite3")) as here:
        (row,) = here.execute(
            "SELECT paused_at IS NOT NULL, pause_until, restored_at FROM connection"
        )
    assert row == (1, None, "2026-11-22T04:05:06.000000Z")


def test_the_event_of_a_restored_pause_is_linked(sqlite_file: Path, tmp_path: Path) -> None:
    """Else `verify` would call the chain whole without the pause, until a worker runs."""
    copy, url = tmp_path / "copy.sqlite3", f"sqlite:///{tmp_path / 'books.sqlite3'}"
    shutil.copy(sqlite_file, copy)
    with closing(sqlite3.connect(copy)) as there:
        there.execute(
            "INSERT INTO company (id, code, name, zone, currency, revision, rules_revision,"
            " settings, lock) VALUES (1, 'kedai', 'Kedai', 'UTC', 'MYR', 0, 0, '{}', 0)"
        )
        there.execute(
            "INSERT INTO connection (company_id, name, side, connector, settings, lock)"
            " VALUES (1, 'books', 'target', 'autocount', '{}', 0)"
        )
        there.commit()
    restored = restore(url, copy, NOW)
    assert isinstance(restored, Restored)
    assert restored.paused == 1
    with closing(sqlite3.connect(tmp_path / "books.sqlite3")) as here:
        linked = here.execute("SELECT act FROM event JOIN event_link ON event_id = event.id")
        assert linked.fetchall() == [("connection.paused",)]
