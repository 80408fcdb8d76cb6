"""An earlier schema, as far as the program of now can read it: where a test goes back to one and
has this program act as that one did.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from holding.store.database import Database

READ_SINCE = (("company", "ages_from", "TIMESTAMP"),)
"""Columns that came after the schemas that tests go back to, of rows that are read whole."""


@contextmanager
def read_by_this_program(database: Database) -> Iterator[None]:
    """While the block lasts the columns are there that this program reads."""
    _say(database, [f"ALTER TABLE {t} ADD COLUMN {name} {kind}" for t, name, kind in READ_SINCE])
    yield
    _say(database, [f"ALTER TABLE {table} DROP COLUMN {name}" for table, name, _ in READ_SINCE])


def _say(database: Database, statements: list[str]) -> None:
    with database.write() as session:
        session.execute(text("SELECT 1 FROM company"))  # else SQLite alters what it remembers
        for statement in statements:
            session.execute(text(statement))
