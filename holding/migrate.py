"""The schema's versions: the only use of alembic.

Here: upgrade, downgrade, and the check that a database fits this program. Not here: the steps
(migrations/versions).
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from holding.database import Database
from holding.refusal import Refusal

HERE = Path(__file__).resolve().parent
FOLDER = next(p for p in (HERE / "_migrations", HERE.parent / "migrations") if p.is_dir())


def upgrade(url: str, to: str = "head") -> None:
    """Bring the database behind a URL up to a version."""
    command.upgrade(_config(url), to)


def downgrade(url: str, to: str = "base") -> None:
    """Bring it down to one."""
    command.downgrade(_config(url), to)


def bring(url: str, to: str | None = None) -> Refusal | None:
    """Bring the database to this program's version, or down to `to`; why not, where it cannot be.

    A version that is none has the status 400, a database out of reach 503.
    """
    try:
        if to is None:
            upgrade(url)
        else:
            downgrade(url, to)
    except CommandError as error:
        return Refusal("DBS04", f"{error}.", "`clearpost migrate` brings it to the newest.", 400)
    except (SQLAlchemyError, ModuleNotFoundError, OSError) as error:
        told = str(getattr(error, "orig", None) or error).strip()
        words = f"The database cannot be reached: {told}"
        return Refusal("DBS01", words, "Is DATABASE_URL right?", 503)
    return None


def head() -> str:
    """The version this program was written for."""
    return str(ScriptDirectory.from_config(_config("")).get_current_head())


def check(url: str) -> Refusal | None:
    """Why this program may not work with the database, or None when it may."""
    try:
        database = Database(url)
    except (ArgumentError, ModuleNotFoundError) as error:
        words = f"The database cannot be used: {error}"
        return Refusal("DBS03", words, "Is DATABASE_URL right?", 503)
    try:
        with database.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        return Refusal(
            "DBS01", f"The database cannot be reached: {error.orig}", "Is DATABASE_URL right?", 503
        )
    finally:
        database.close()
    if found == head():
        return None
    return Refusal(
        "DBS02",
        f"The database's schema is at {found or 'nothing'}, this program needs {head()}.",
        "Run `clearpost migrate`.",
        503,
    )


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["url"] = url
    return config
