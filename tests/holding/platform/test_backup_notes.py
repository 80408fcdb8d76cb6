"""That a backup was made is noted in the database, and the newest is told."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import text

from holding.db.database import Database
from holding.platform import backup
from holding.platform.backup import VERSION

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
HOURS = 26


def test_the_newest_note_is_told_with_its_age(database: Database, tmp_path: Path) -> None:
    with database.read() as session:
        assert backup.load_newest_backup(session) is None
    for days, name in ((3, "old"), (1, "new")):
        file = tmp_path / f"{name}.sqlite3"
        file.write_bytes(name.encode())
        digest = sha256(name.encode()).hexdigest()
        assert backup.note_backup(database.url, file, digest, NOW - timedelta(days=days))
    with database.read() as session:
        found = backup.load_newest_backup(session)
    assert found is not None
    assert (found.file, found.bytes) == (str(tmp_path / "new.sqlite3"), 3)
    assert found.sha256 == sha256(b"new").hexdigest()
    assert found.host
    assert not found.is_old(NOW, HOURS)
    assert not found.is_old(found.at + timedelta(hours=HOURS), HOURS)
    assert found.is_old(found.at + timedelta(hours=HOURS, seconds=1), HOURS)


def test_a_database_of_another_schema_is_left_as_it_is(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "copy"
    file.touch()
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0085'"))
    try:
        assert not backup.note_backup(database.url, file, "0" * 64, NOW)
    finally:
        with database.write() as session:
            session.execute(text(f"UPDATE alembic_version SET version_num = '{VERSION}'"))
    with database.read() as session:
        assert backup.load_newest_backup(session) is None
