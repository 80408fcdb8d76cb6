"""An earlier schema, as far as the program of now can read it: where a test goes back to one and
has this program act as that one did.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.schema import CreateTable

from holding.db.database import Database
from holding.db.models.columns import Base

READ_SINCE = (
    ("company", "ages_from", "TIMESTAMP"),
    ("company", "needs_second_factor", "BOOLEAN DEFAULT FALSE NOT NULL"),
    ("throttle", "clock_ahead", "BIGINT"),
    ("throttle", "clock_at", "TIMESTAMP"),
    ("heartbeat", "stop_asked_at", "TIMESTAMP"),
    ("posting", "withdrawn", "BOOLEAN DEFAULT FALSE NOT NULL"),
)
"""Columns that came after the schemas that tests go back to, of rows that are read whole."""
ASKED_SINCE = ("wake_mark",)
"""Tables that came after them, and that each send and each judging asks."""


@contextmanager
def read_by_this_program(database: Database) -> Iterator[None]:
    """While the block lasts the columns are there that this program reads, and empty tables."""
    tables = [Base.metadata.tables[name] for name in ASKED_SINCE]
    _say(database, [f"ALTER TABLE {t} ADD COLUMN {name} {kind}" for t, name, kind in READ_SINCE])
    _say(database, [str(CreateTable(one).compile(database.engine)) for one in tables])
    try:
        yield
    finally:
        _say(database, [f"DROP TABLE {name}" for name in ASKED_SINCE])
        _say(database, [f"ALTER TABLE {table} DROP COLUMN {n}" for table, n, _ in READ_SINCE])


def _say(database: Database, statements: list[str]) -> None:
    with database.write() as session:
        session.execute(text("SELECT 1 FROM company"))  # else SQLite alters what it remembers
        for statement in statements:
            session.execute(text(statement))
