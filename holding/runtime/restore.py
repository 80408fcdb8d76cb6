"""A copy of the database is put back, here or in another place, and sends nothing automatically.

Here: the file or the dump back into an empty place, every target paused before anybody can work
there, and the schema of this program. Not here: making a copy (backup.py), resuming a target
(holding/connections/setup.py).

A restore forgets what came after the copy, and the targets do not. And whoever tries a copy in
another place has two installations that would send the same. So a person resumes each target.
"""

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import bindparam, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError

from holding.audit.events import Fact, record_events
from holding.refusal import Refusal
from holding.runtime import backup, migrate
from holding.runtime.schema_version import VERSION
from holding.store.database import Database
from holding.tables import Connection
from holding.tables.columns import Moment

REASON: Final = "Restored from a backup. Resume it when nothing else sends for this company."
_PAUSE: Final = text(
    "UPDATE connection SET paused_at = :now, paused_by_id = NULL, pause_reason = :reason,"
    " lock = lock + 1 WHERE side = 'target' AND paused_at IS NULL"
).bindparams(bindparam("now", type_=Moment()))
_UNTIL: Final = text("UPDATE connection SET pause_until = NULL")  # no pause ends automatically
"""Both by columns that every version of the schema has: the schema is brought up after them."""
_AT: Final = "INSERT INTO alembic_version (version_num) VALUES (:version)"
_VERSION_ROW: Final = re.compile(r"^(\d{4})$", re.MULTILINE)
_LOGS: Final = ("-wal", "-journal")
"""What SQLite would play into a file of that name, also into the copy that is not theirs."""
_OF_VERSION: Final = "TABLE DATA public alembic_version"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: the version of the copy's schema, and how many targets are paused."""

    version: str
    paused: int


def restore(url: str, file: Path, now: datetime) -> Restored | Refusal:
    """Put a copy back into the empty place behind a URL, and pause every target.

    Refused, with nothing changed: a place that has a database already (409), a file that is no copy
    of ours (422), a newer schema than this program's (409), a server out of reach (503).
    """
    put = _put_file if make_url(url).get_backend_name() == "sqlite" else _put_dump
    try:
        version = put(url, file, now)
    except (sqlite3.DatabaseError, DBAPIError, OSError) as error:
        told = str(getattr(error, "orig", None) or error).strip()
        return Refusal("DBS06", f"The copy could not be restored: {told}", "", 503)
    if isinstance(version, Refusal):
        return version
    return Restored(version, _tell(url, now))


def _put_file(url: str, file: Path, now: datetime) -> str | Refusal:
    """A file becomes the database by one change of its name, when everything is done to it."""
    place = Path(make_url(url).database or "")
    for one in (place, *(place.with_name(f"{place.name}{rest}") for rest in _LOGS)):
        if one.exists() and one.stat().st_size:
            return _occupied(str(one))
    new = place.with_name(f"{place.name}.restoring")
    new.unlink(missing_ok=True)
    problem = backup.copy_file(f"sqlite:///{file}", new) if file.is_file() else "no such file"
    if problem:
        new.unlink(missing_ok=True)
        return _no_copy(file, problem)
    found = _prepare_file(new, file, now)
    if isinstance(found, Refusal):
        new.unlink(missing_ok=True)
        return found
    new.replace(place)
    return found


def _prepare_file(new: Path, file: Path, now: datetime) -> str | Refusal:
    with closing(sqlite3.connect(new)) as copy:
        try:
            (sound,) = copy.execute("PRAGMA quick_check").fetchone()
            (version,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.DatabaseError as error:
            return _no_copy(file, str(error))
    if sound != "ok":
        return _no_copy(file, sound)
    if version > VERSION:
        return _newer(version)
    url = f"sqlite:///{new}"
    _pause(url, now)
    migrate.upgrade(url)
    return str(version)


def _put_dump(url: str, file: Path, now: datetime) -> str | Refusal:
    """A dump without the row that says which schema it has: until that stands, no worker that
    already runs on this database claims anything, and it is written together with the pauses.
    """
    program = shutil.which("pg_restore")
    if program is None:
        hint = "Install the PostgreSQL client programs."
        return Refusal("DBS06", "pg_restore is not on the path.", hint, 503)
    database = Database(url)
    try:
        if inspect(database.engine).get_table_names():
            return _occupied(make_url(url).database or "")
    finally:
        database.close()
    listed, wrong = _run([program, "--list", str(file)])
    if wrong:
        return _no_copy(file, wrong)
    row, _ = _run([program, "--data-only", "--table=alembic_version", "--file=-", str(file)])
    found = _VERSION_ROW.search(row)
    if found is None:
        return _no_copy(file, "it does not say which schema it has")
    if found[1] > VERSION:
        return _newer(found[1])
    with TemporaryDirectory() as folder:
        order = Path(folder) / "order"
        lines = [line for line in listed.splitlines() if _OF_VERSION not in line]
        order.write_text("\n".join(lines), "utf-8")
        how = ["--no-owner", "--no-privileges", "--single-transaction", f"--use-list={order}"]
        words, environment = backup.server_of(url)
        _, wrong = _run([program, *how, f"--dbname={words}", str(file)], environment)
    if wrong:
        return Refusal("DBS06", f"The copy could not be restored: {wrong}", "", 503)
    _pause(url, now, found[1])
    migrate.upgrade(url)
    return found[1]


def _pause(url: str, now: datetime, version: str = "") -> None:
    """Pause every target; with a version, what says the schema is written in the same moment."""
    database = Database(url)
    try:
        with database.write() as session:
            session.execute(_PAUSE, {"now": now, "reason": REASON})
            session.execute(_UNTIL)
            if version:
                session.execute(text(_AT), {"version": version})
    finally:
        database.close()


def _tell(url: str, now: datetime) -> int:
    """Each company is told in its trail; how many targets are paused."""
    database = Database(url)
    try:
        with database.write() as session:
            targets = select(Connection).where(Connection.side == "target")
            rows = session.scalars(targets.where(Connection.pause_reason == REASON)).all()
            record_events(
                session,
                [
                    Fact(
                        company_id=row.company_id,
                        at=now,
                        act="connection.paused",
                        body={"say": f"{row.name} was paused: {REASON}"},
                        object=f"connection:{row.id}",
                    )
                    for row in rows
                ],
            )
            return len(rows)
    finally:
        database.close()


def _run(words: list[str], environment: dict[str, str] | None = None) -> tuple[str, str]:
    """What a program printed, and what went wrong."""
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    return ran.stdout, (ran.stderr.strip() or "it ended early") if ran.returncode else ""


def _occupied(place: str) -> Refusal:
    hint = (
        "Move it away, with the files of the same name that end in -wal, -shm and -journal,"
        " or name an empty place with CLEARPOST_HOME or DATABASE_URL."
    )
    return Refusal(
        "DBS07", f"There is a database already: {place}. Nothing was changed.", hint, 409
    )


def _no_copy(file: Path, problem: str) -> Refusal:
    words = f"{file} is no backup of Clearpost: {problem}."
    return Refusal("DBS06", words, "`clearpost backup FILE` makes one.", 422)


def _newer(version: str) -> Refusal:
    words = f"The backup has the schema {version}, this program knows {VERSION}."
    return Refusal("DBS02", words, "Use the newer program that made it.", 409)
