"""The schema's way up and down: the only use of alembic.

Here: upgrade and downgrade. Not here: the steps (migrations/versions), or whether a database fits
this program (schema_version.py).
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from holding.refusal import Refusal
from holding.store import table_sizes

HERE = Path(__file__).resolve().parents[1]
FOLDER = next(p for p in (HERE / "_migrations", HERE.parent / "migrations") if p.is_dir())


def upgrade(url: str, to: str = "head") -> None:
    """Bring the database behind a URL up to a version."""
    command.upgrade(_config(url), to)
    at = make_url(url)
    if at.get_backend_name() == "sqlite" and at.database:
        table_sizes.tell(at.database)


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


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["url"] = url
    return config
