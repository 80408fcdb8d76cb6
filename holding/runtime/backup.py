"""A copy of the database: when somebody asks, and before its schema changes.

Here: the copy, where it lies, and the note that it was made. Not here: the change (migrate.py),
putting a copy back (restore.py).
"""

import os
import platform
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from holding.refusal import Refusal
from holding.runtime.schema_version import VERSION, version_of
from holding.store.database import Database
from holding.store.row_objects import Columns, of
from holding.tables import Backup

FOLDER: Final = "backups"
BY_HAND: Final = "Make a copy by other means, then run `clearpost migrate`, which makes none."


def before_migration(url: str, home: Path, now: datetime) -> Path | Refusal | None:
    """The copy of a database whose schema is older than this program's; None where none is needed:
    nothing is in it yet, or nothing will change. A database that cannot be copied is refused.
    """
    found = _version(url)
    if found is None or found >= VERSION:
        return None
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    sqlite = make_url(url).get_backend_name() == "sqlite"
    ending = "sqlite3" if sqlite else "dump"
    path = folder / f"clearpost-{found}-{now:%Y%m%dT%H%M%S}.{ending}"
    path.touch(mode=0o600)
    problem = copy_file(url, path) if sqlite else _dump(url, path)
    if problem:
        path.unlink()
        words = f"The database could not be copied before its schema changes: {problem}"
        return Refusal("DBS05", words, BY_HAND, 503)
    return path


def take(url: str, path: Path) -> Refusal | None:
    """A copy of the database as of one moment, while everything runs, in a new file that only its
    owner reads; why there is none. A file that is there already is never written over (409).
    """
    if _version(url) is None:
        words = "There is nothing to copy: the database is empty, or out of reach."
        return Refusal("DBS01", words, "Is DATABASE_URL right?", 503)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return Refusal("DBS08", f"{path} is there already.", "Name a new file.", 409)
    except OSError as error:
        words = f"{path} cannot be written: {error.strerror}."
        return Refusal("DBS08", words, "Name a file in a folder of yours.", 409)
    sqlite = make_url(url).get_backend_name() == "sqlite"
    problem = copy_file(url, path) if sqlite else _dump(url, path)
    if problem:
        path.unlink()
        return Refusal("DBS05", f"The database could not be copied: {problem}", "", 503)
    return None


@dataclass(frozen=True, slots=True)
class Noted:
    """The note of a backup: when it was made, on which machine, in which file, what it is."""

    at: datetime
    host: str
    file: str
    sha256: str
    bytes: int

    def is_old(self, now: datetime, hours: float) -> bool:
        """Whether it was made more than so many hours ago."""
        return now - self.at > timedelta(hours=hours)


_NOTED = Columns(
    Noted(
        at=of(Backup.at),
        host=of(Backup.host),
        file=of(Backup.file),
        sha256=of(Backup.sha256),
        bytes=of(Backup.bytes),
    )
)
_NEWEST = _NOTED.select().order_by(Backup.id.desc()).limit(1)


def note(url: str, path: Path, sha256: str, now: datetime) -> bool:
    """Note in the database that this copy of it was made; False where that is not possible, as in
    one whose schema is another.
    """
    if _version(url) != VERSION:
        return False
    database = Database(url)
    row = Backup(
        at=now,
        host=platform.node(),
        file=str(path.resolve()),
        sha256=sha256,
        bytes=path.stat().st_size,
    )
    try:
        with database.write() as session:
            session.add(row)
    except SQLAlchemyError:
        return False
    finally:
        database.close()
    return True


def newest(session: Session) -> Noted | None:
    """The last backup that was noted here."""
    return _NOTED.first(session.execute(_NEWEST))


def _version(url: str) -> str | None:
    """None also where it cannot be asked: the migration says why."""
    try:
        database = Database(url)
        try:
            return version_of(database)
        finally:
            database.close()
    except (SQLAlchemyError, ModuleNotFoundError):
        return None


def copy_file(url: str, path: Path) -> str:
    """What went wrong with the copy of a file; one in use is copied as of one moment."""
    source = make_url(url).database or ""
    try:
        with closing(sqlite3.connect(source)) as ours, closing(sqlite3.connect(path)) as copy:
            ours.backup(copy)
    except (sqlite3.Error, OSError) as error:
        return str(error)
    return ""


def _dump(url: str, path: Path) -> str:
    """What went wrong with the copy; the password is handed on where no other process reads it."""
    program = shutil.which("pg_dump")
    if program is None:
        return "pg_dump is not on the path."
    words, environment = server_of(url)
    ran = subprocess.run(
        [program, "--format=custom", f"--file={path}", f"--dbname={words}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stderr.strip() if ran.returncode else ""


def server_of(url: str) -> tuple[str, dict[str, str]]:
    """How programs of PostgreSQL are told a database: a word of their command, and an environment.

    No password at all is in the word: every user of a machine reads the words of commands.
    """
    given = make_url(url).set(drivername="postgresql")
    password = {"PGPASSWORD": given.password} if given.password else {}
    return given.set(password=None).render_as_string(), {**os.environ, **password}
