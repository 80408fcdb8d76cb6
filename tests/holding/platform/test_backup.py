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
from sqlalchemy import create_engine, make_url, text

from holding.db.refusal import Refusal
from holding.platform import backup
from holding.platform.backup import VERSION, Restored, restore
from tests.support.databases import _on_server

NOW = datetime(2026, 11, 22, 4, 5, 6, tzinfo=UTC)
BEFORE = "0020"


@pytest.mark.slow
def test_T39e_a_file_is_copied_before_its_schema_changes_and_only_then(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.sqlite3'}"
    assert backup.before_migration(url, tmp_path, NOW) is None
    backup.upgrade(url)
    assert backup.before_migration(url, tmp_path, NOW) is None
    backup.downgrade(url, BEFORE)
    with closing(sqlite3.connect(tmp_path / "books.sqlite3")) as open_one:
        open_one.execute("INSERT INTO clock_mark (id, back_seconds) VALUES (1, 77)")
        open_one.commit()
        copy = backup.before_migration(url, tmp_path, NOW)
    assert copy == tmp_path / "backups" / f"clearpost-{BEFORE}-20261122T040506.sqlite3"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    backup.upgrade(url)
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT back_seconds FROM clock_mark").fetchall() == [(77,)]
        assert kept.execute("SELECT version_num FROM alembic_version").fetchone() == (BEFORE,)
    assert VERSION != BEFORE


def test_T39e_what_cannot_be_copied_is_not_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'books.sqlite3'}"
    backup.upgrade(url, BEFORE)

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
def test_T39e_a_server_is_dumped_without_its_password_in_the_words_of_a_command(
    postgresql_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if postgresql_url is None or shutil.which("pg_dump") is None:
        pytest.skip("NO POSTGRESQL: the copy of a server's database was not tried")
    name = "clearpost_backup_test"
    _on_server(postgresql_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _on_server(postgresql_url, f"CREATE DATABASE {name}")
    url = make_url(postgresql_url).set(database=name, password="s3cret")
    shown = url.render_as_string(hide_password=False)
    try:
        backup.upgrade(shown, BEFORE)
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
        monkeypatch.setenv("PATH", str(tmp_path))
        refused = backup.before_migration(shown, tmp_path, NOW)
        assert isinstance(refused, Refusal)
        assert "pg_dump is not on the path" in refused.message
        with create_engine(shown).connect() as still:
            version = still.scalar(text("SELECT version_num FROM alembic_version"))
        assert version == BEFORE
    finally:
        _on_server(postgresql_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


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
        (row,) = here.execute("SELECT paused_at IS NOT NULL, pause_until FROM connection")
    assert row == (1, None)
