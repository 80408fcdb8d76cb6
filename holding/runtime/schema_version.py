"""Whether a database has the schema that this program was written for.

Here: the version needed, and the check that every command begins with. It asks the database alone:
loading alembic would be a fifth of a command's start. Not here: how a schema is made or changed
(migrate.py).
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, ProgrammingError

from holding.refusal import Refusal
from holding.store.database import Database

VERSION: Final = "0095"  # the newest of migrations/versions
UNFIT: Final = "DBS02"  # the code where it has another schema, or none


def check(url: str) -> Refusal | None:
    """Why this program may not work with the database, or None when it may."""
    try:
        database = Database(url)
    except (ArgumentError, ModuleNotFoundError) as error:
        words = f"The database cannot be used: {error}"
        return Refusal("DBS03", words, "Is DATABASE_URL right?", 503)
    try:
        return unfit(database)
    finally:
        database.close()


def unfit(database: Database) -> Refusal | None:
    """The same of a database that is open already, whatever became of it since."""
    try:
        found = version_of(database)
    except DBAPIError as error:
        words = f"The database cannot be reached: {error.orig}"
        return Refusal("DBS01", words, "Is DATABASE_URL right?", 503)
    if found == VERSION:
        return None
    words = f"Database schema version is {found or 'none'}; version {VERSION} is required."
    newer = found is not None and found > VERSION
    hint = "Use the newer program that migrated it." if newer else "Run `clearpost migrate`."
    return Refusal(UNFIT, words, hint, 503)


def version_of(database: Database) -> str | None:
    """The version a database is at; None for one that was never migrated."""
    with database.engine.connect() as connection:
        try:
            found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (OperationalError, ProgrammingError) as error:
            if "alembic_version" not in str(error.orig):
                raise
            return None
    return None if found is None else str(found)
