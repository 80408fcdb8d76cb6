"""What many tests start from: made once a test process, put back for the tests that follow.

The first test makes its start with the calls of the product. The rows they left are kept, and every
further test with the same start finds just these. Only starts are kept, never what a test proves.

A start counts where the database stands as it stood before: nothing was committed since it was
empty, or since the start before. Everything else is made anew.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.pool import QueuePool

from holding.db.database import Database
from holding.db.models import Base
from holding.programs import world

T = TypeVar("T")

KEPT = 12
"""Starts of one database; of more the oldest goes."""
COPY = """
DO $$ BEGIN
  SET LOCAL session_replication_role = replica;
  {statements}
END $$
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a database: its file, or a schema beside it with its tables."""

    file: bytes = b""
    schema: str = ""
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stand:
    """What is in a database for as long as nothing more is committed."""

    key: Hashable
    commits: int
    tables: tuple[str, ...]


_commits: dict[str, int] = {}
_stands: dict[str, Stand] = {}
_starts: dict[str, OrderedDict[Hashable, tuple[Rows, Any]]] = {}
_schemas = 0


def count_commits(database: Database) -> None:
    """From now on, of all its engines."""
    _commits[database.url] = 0
    for engine in database.engines:
        _count(engine, database.url)


def _count(engine: Engine, url: str) -> None:
    commit = engine.dialect.do_commit

    def counted(connection: Any) -> None:
        _commits[url] += 1
        commit(connection)

    engine.dialect.do_commit = counted  # type: ignore[assignment, method-assign]


def stands_empty(database: Database) -> None:
    """It was just migrated or emptied."""
    _stands[database.url] = Stand("empty", _commits[database.url], ())


def kept(database: Database, name: Hashable, make: Callable[[], T]) -> T:
    """What `make` answers, and in the database what it leaves there; perhaps from before."""
    stand = _stands.get(database.url)
    if stand is None or stand.commits != _commits[database.url] or _in_use(database):
        return make()
    key = (stand.key, name, _environment())
    starts = _starts.setdefault(database.url, OrderedDict())
    if key in starts:
        rows, told = starts[key]
        _put_back(database, rows, instead_of=stand.tables)
    else:
        told = make()
        if _in_use(database):
            return told
        rows = _stored(database)
        starts[key] = (rows, told)
        if len(starts) > KEPT:
            _forget(database, starts.popitem(last=False)[1][0])
    _stands[database.url] = Stand(key, _commits[database.url], rows.tables)
    return told  # type: ignore[no-any-return]


def _environment() -> tuple[tuple[str, str], ...]:
    """What the product is told beside its arguments."""
    return tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith("CLEARPOST_")))


def _in_use(database: Database) -> bool:
    pool = database.engine.pool
    return isinstance(pool, QueuePool) and pool.checkedout() > 0


def _stored(database: Database) -> Rows:
    if database.dialect == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return Rows(file=_file(database).read_bytes())
    return _in_schema(database)


def _in_schema(database: Database) -> Rows:
    global _schemas
    _schemas += 1
    schema = f"kept_{_schemas}"
    with database.engine.begin() as connection:
        names = [table.name for table in Base.metadata.sorted_tables]
        filled = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names
        )
        tables = tuple(connection.scalars(text(filled)))
        connection.execute(text(f"CREATE SCHEMA {schema}"))
        for name in tables:
            made = f"CREATE UNLOGGED TABLE {schema}.{name} AS SELECT * FROM {name}"
            connection.execute(text(made))
    return Rows(schema=schema, tables=tables)


def _put_back(database: Database, rows: Rows, *, instead_of: tuple[str, ...]) -> None:
    world.forget()
    if database.dialect == "sqlite":
        database.close()
        file = _file(database)
        for old in file.parent.glob(f"{file.name}-*"):
            old.unlink()
        file.write_bytes(rows.file)
        return
    statements = [f"DELETE FROM {name};" for name in instead_of]
    statements += [
        f"INSERT INTO {name} SELECT * FROM {rows.schema}.{name};" for name in rows.tables
    ]
    # A schema that was made anew counts from 1; what comes next has a higher id than what is there.
    statements += [
        f"PERFORM setval(s, greatest(nextval(s), (SELECT max(id) FROM {name})))"
        f" FROM pg_get_serial_sequence('{name}', 'id') AS s WHERE s IS NOT NULL;"
        for name in rows.tables
        if "id" in Base.metadata.tables[name].columns
    ]
    with database.engine.begin() as connection:
        connection.execute(text(COPY.format(statements="\n  ".join(statements))))


def _forget(database: Database, rows: Rows) -> None:
    if rows.schema:
        with database.engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {rows.schema} CASCADE"))


def _file(database: Database) -> Path:
    return Path(str(database.engine.url.database))
