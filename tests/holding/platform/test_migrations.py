"""Migrations build the schema of the models, once, and refuse a schema that they do not know."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, make_url, text

from holding.db.database import Database
from holding.db.models import Base
from holding.db.refusal import Refusal
from holding.platform import backup
from holding.platform.backup import (
    MIGRATIONS_FOLDER,
    OLDEST,
    TOO_OLD,
    VERSION,
    before_migration,
    check_version,
    migrate,
)
from tests.support.clock import SetClock
from tests.support.databases import empty_postgresql, new_postgresql_database, opened
from tests.support.kept import stands_empty

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "head"


def upgrade():
    op.add_column("backup", sa.Column("place", sa.Text(), server_default="safe", nullable=False))


def downgrade():
    op.drop_column("backup", "place")
"""

CLOCK_ROW = "INSERT INTO clock_mark (id, back_seconds) VALUES (1, 77)"

TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger"
    " WHERE NOT tgisinternal ORDER BY tgname",
}

OBJECTS = {
    "sqlite": "SELECT type, name, rootpage, sql FROM sqlite_master ORDER BY type, name",
    "postgresql": "SELECT relname, oid, relfilenode FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
}


@pytest.fixture
def new_url(database_url: str, worker_name: str, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database without tables, on each kind of database."""
    if make_url(database_url).get_backend_name() == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.sqlite3'}"
    else:
        name = f"clearpost_migrations_{worker_name}"
        with new_postgresql_database(database_url, name) as url:
            yield url


def rows(url: str, query: str) -> list[Any]:
    database = Database(url)
    with database.engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    database.close()
    return found


def objects(url: str) -> list[Any]:
    """Return the schema objects with their places: an object that is created anew differs."""
    return rows(url, OBJECTS[make_url(url).get_backend_name()])


def columns(url: str, table: str) -> set[str]:
    database = Database(url)
    names = {column["name"] for column in inspect(database.engine).get_columns(table)}
    database.close()
    return names


def execute(url: str, statement: str, **values: Any) -> None:
    database = Database(url)
    with database.write() as session:
        session.execute(text(statement), values)
    database.close()


def set_version(url: str, version: str) -> None:
    execute(url, "UPDATE alembic_version SET version_num = :version", version=version)


def assert_models(url: str) -> None:
    database = Database(url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_an_empty_database_gets_the_schema_of_the_models(new_url: str) -> None:
    refusal = check_version(new_url)
    assert refusal is not None
    assert (refusal.code, refusal.hint) == ("DBS02", "Run `clearpost migrate`.")
    assert migrate(new_url) is None
    assert check_version(new_url) is None
    assert_models(new_url)
    tables = [table.name for table in Base.metadata.sorted_tables]
    filled = [name for name in tables if rows(new_url, f"SELECT 1 FROM {name}")]
    assert filled == []


def test_a_second_migration_does_nothing(new_url: str) -> None:
    assert migrate(new_url) is None
    execute(new_url, CLOCK_ROW)
    before = objects(new_url)
    assert migrate(new_url) is None
    assert objects(new_url) == before
    assert rows(new_url, "SELECT back_seconds FROM clock_mark") == [(77,)]


def test_the_program_knows_the_first_and_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    scripts = ScriptDirectory.from_config(config)
    assert (scripts.get_bases(), scripts.get_heads()) == ([OLDEST], [VERSION])


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("0001", TOO_OLD),
        ("0094", TOO_OLD),
        ("9999", "Use the newer program that migrated it."),
        ("nosuch", "Use the newer program that migrated it."),
    ],
)
def test_a_schema_without_a_migration_is_refused(
    database_url: str, tmp_path: Path, clock: SetClock, version: str, hint: str
) -> None:
    words = f"Database schema version is {version}; version {VERSION} is required."
    refusal = Refusal("DBS02", words, hint, 503)
    before = objects(database_url)
    set_version(database_url, version)
    try:
        assert check_version(database_url) == refusal
        assert migrate(database_url) == refusal
        assert migrate(database_url, "base") == refusal
        copied = before_migration(database_url, tmp_path, clock.now())
        assert rows(database_url, "SELECT version_num FROM alembic_version") == [(version,)]
    finally:
        set_version(database_url, VERSION)
    assert copied == (refusal if hint == TOO_OLD else None)
    assert not (tmp_path / "backups").exists()
    assert objects(database_url) == before


STEPS_TO_BASELINE = int(VERSION) - int(OLDEST)


@pytest.mark.parametrize("to", ["base", f"-{STEPS_TO_BASELINE + 1}", "0094", "0001"])
def test_nothing_goes_below_the_baseline(database_url: str, to: str) -> None:
    before = objects(database_url)
    refusal = migrate(database_url, to)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == ("DBS04", 400)
    assert refusal.message.startswith(f"Schema version {OLDEST} is the oldest; ")
    assert objects(database_url) == before
    assert check_version(database_url) is None


def test_the_next_migration_goes_up_and_down(
    new_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database at today's version gets only the next migration, and keeps its rows."""
    assert migrate(new_url) is None
    execute(new_url, CLOCK_ROW)
    following = f"{int(VERSION) + 1:04}"
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS_FOLDER, folder)
    script = NEXT.replace("next", following).replace("head", VERSION)
    (folder / "versions" / f"{following}_place.py").write_text(script, "utf-8")
    monkeypatch.setattr(backup, "MIGRATIONS_FOLDER", folder)
    monkeypatch.setattr(backup, "VERSION", following)
    refusal = check_version(new_url)
    assert refusal is not None
    assert refusal.hint == "Run `clearpost migrate`."
    assert migrate(new_url) is None
    assert check_version(new_url) is None
    assert "place" in columns(new_url, "backup")
    assert migrate(new_url, VERSION) is None
    assert "place" not in columns(new_url, "backup")
    assert rows(new_url, "SELECT back_seconds FROM clock_mark") == [(77,)]
    assert_models(new_url)


def test_every_migration_goes_down_and_up_again(new_url: str) -> None:
    triggers = TRIGGERS[make_url(new_url).get_backend_name()]
    assert migrate(new_url) is None
    before = rows(new_url, triggers)
    assert migrate(new_url, OLDEST) is None
    assert "edition" in columns(new_url, "ruleset_version")
    assert migrate(new_url) is None
    assert rows(new_url, triggers) == before
    assert_models(new_url)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql+psycopg://postgres@127.0.0.1:1/none", "DBS01"),
        ("nosuch://x", "DBS03"),
        ("mysql://x", "DBS03"),
        ("no address", "DBS03"),
    ],
)
def test_a_database_that_is_none_is_told(url: str, code: str) -> None:
    refusal = check_version(url)
    assert refusal is not None
    assert (refusal.code, refusal.status) == (code, 503)


def test_a_schema_that_a_test_left_behind_does_not_fail_the_next(
    postgresql_url: str | None,
) -> None:
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL")
    set_version(postgresql_url, "0085")
    empty_postgresql(postgresql_url)
    assert check_version(postgresql_url) is None
    with opened(postgresql_url) as database:
        stands_empty(database)


def test_an_unreachable_database_is_a_refusal() -> None:
    refusal = check_version("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    assert refusal is not None
    assert refusal.code == "DBS01"
