"""Back up and restore the database, and upgrade its schema.

A backup is taken on request and before each schema change.
"""

import os
import platform
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, bindparam, inspect, make_url, or_, select, text, update
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.orm import Session

from grammar.version import __version__
from holding.db import bulk
from holding.db import database as table_sizes
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.kept_plans import KEPT
from holding.db.models import Backup, Company, Connection, ProgramVersion
from holding.db.models.columns import Moment
from holding.db.refusal import Refusal
from holding.platform.events import Fact, link_due_events, record_events

BACKUP_FOLDER: Final = "backups"

BY_HAND: Final = "Make a copy by other means, then run `clearpost migrate`, which makes none."


@dataclass(frozen=True, slots=True)
class BackupNote:
    """The stored note of a backup: its time, machine, file and hash."""

    at: datetime
    host: str
    file: str
    sha256: str
    bytes: int

    def is_old(self, now: datetime, hours: float) -> bool:
        """Check whether the backup is older than this number of hours."""
        return now - self.at > timedelta(hours=hours)


_NOTED = Columns(
    BackupNote(
        at=of(Backup.at),
        host=of(Backup.host),
        file=of(Backup.file),
        sha256=of(Backup.sha256),
        bytes=of(Backup.bytes),
    )
)

_NEWEST = _NOTED.select().order_by(Backup.id.desc()).limit(1)

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

ONLY: Final = 1

CHANGED: Final = "program.changed"

HERE = Path(__file__).resolve().parents[1]

MIGRATIONS_FOLDER = next(
    p for p in (HERE / "_migrations", HERE.parent / "migrations") if p.is_dir()
)

VERSION: Final = "0107"  # the newest of migrations/versions

OLDEST: Final = "0095"  # the first of migrations/versions, the baseline

TOO_OLD: Final = (
    f"Migrate it to version {OLDEST} with an earlier Clearpost release,"
    " or start with an empty database."
)

UNFIT: Final = "DBS02"  # the code where it has another schema, or none


def before_migration(url: str, home: Path, now: datetime) -> Path | Refusal | None:
    """Copy a database whose schema is older than this program's, and return the copy's path. None
    if the database is empty or its schema is current. Refuse a database that cannot be copied, or
    is older than the baseline.
    """
    schema_version = _version(url)
    if schema_version is None or schema_version >= VERSION:
        return None
    if schema_version < OLDEST:
        return _other_schema(schema_version)
    folder = home / BACKUP_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    sqlite = make_url(url).get_backend_name() == "sqlite"
    ending = "sqlite3" if sqlite else "dump"
    path = folder / f"clearpost-{schema_version}-{now:%Y%m%dT%H%M%S}.{ending}"
    path.touch(mode=0o600)
    problem = copy_file(url, path) if sqlite else _dump(url, path)
    if problem:
        path.unlink()
        words = f"The database could not be copied before its schema changes: {problem}"
        return Refusal("DBS05", words, BY_HAND, 503)
    return path


def _version(url: str) -> str | None:
    """Return the schema version of the database. None if it is unreachable, which the migration
    then reports.
    """
    try:
        database = Database(url)
        try:
            return version_of(database)
        finally:
            database.close()
    except (SQLAlchemyError, ModuleNotFoundError):
        return None


def _dump(url: str, path: Path) -> str:
    """Copy a PostgreSQL database with pg_dump and return the error, else blank. The password is
    passed in the environment, so that other processes cannot read it.
    """
    program = shutil.which("pg_dump")
    if program is None:
        return "pg_dump is not on the path."
    words, environment = server_of(url)
    ran = subprocess.run(
        # Policies by company show a connection without a company all rows (grants.sql).
        [
            program,
            "--format=custom",
            "--enable-row-security",
            f"--file={path}",
            f"--dbname={words}",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stderr.strip() if ran.returncode else ""


def back_up(url: str, path: Path) -> Refusal | None:
    """Copy the database as of one moment, while everything runs, to a new file that only its owner
    can read. Return a refusal if that fails. An existing file is never overwritten (409).
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


def note_backup(url: str, path: Path, sha256: str, now: datetime) -> bool:
    """Record this copy in the database. False if that is not possible, for example in a database
    with another schema.
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


def load_newest_backup(session: Session) -> BackupNote | None:
    """Return the last recorded backup."""
    return _NOTED.first(session.execute(_NEWEST, execution_options=KEPT))


def copy_file(url: str, path: Path) -> str:
    """Copy an SQLite file and return the error, else blank. A file in use is copied as of one
    moment.
    """
    source = make_url(url).database or ""
    try:
        with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(path)) as copy:
            original.backup(copy)
    except (sqlite3.Error, OSError) as error:
        return str(error)
    return ""


def server_of(url: str) -> tuple[str, dict[str, str]]:
    """Return the connection string and the environment for PostgreSQL's command-line programs.

    The string contains no password, because every user of a machine can read the arguments of
    commands.
    """
    full = make_url(url)
    password = {"PGPASSWORD": full.password} if full.password else {}
    shown = URL.create(  # URL.set(password=None) keeps the password, which is rendered as ***
        "postgresql", full.username, None, full.host, full.port, full.database, full.query
    )
    return shown.render_as_string(), {**os.environ, **password}


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore: the schema version of the copy, and the number of paused targets."""

    version: str
    paused: int


def restore(url: str, file: Path, now: datetime) -> Restored | Refusal:
    """Put a copy back into the empty place behind a URL, and pause every target.

    Refused, with nothing changed: a place that has a database already (409), a file that is no copy
    of ours (422), a schema that this program cannot migrate (409), a server out of reach (503).
    """
    put = _put_file if make_url(url).get_backend_name() == "sqlite" else _put_dump
    try:
        return put(url, file, now)
    except (sqlite3.DatabaseError, DBAPIError, OSError) as error:
        detail = str(getattr(error, "orig", None) or error).strip()
        return Refusal("DBS06", f"The copy could not be restored: {detail}", "", 503)


def _put_file(url: str, file: Path, now: datetime) -> Restored | Refusal:
    """Restore an SQLite file: prepare a copy completely, then rename it to the database's name."""
    place = Path(make_url(url).database or "")
    for path in (place, *(place.with_name(f"{place.name}{suffix}") for suffix in _LOGS)):
        if path.exists() and path.stat().st_size:
            return _occupied(str(path))
    new = place.with_name(f"{place.name}.restoring")
    new.unlink(missing_ok=True)
    problem = copy_file(f"sqlite:///{file}", new) if file.is_file() else "no such file"
    if problem:
        new.unlink(missing_ok=True)
        return _no_copy(file, problem)
    answer = _prepare_file(new, file, now)
    if isinstance(answer, Refusal):
        new.unlink(missing_ok=True)
        return answer
    new.replace(place)
    return answer


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


def _prepare_file(new: Path, file: Path, now: datetime) -> Restored | Refusal:
    with closing(sqlite3.connect(new)) as copy:
        try:
            (sound,) = copy.execute("PRAGMA quick_check").fetchone()
            (version,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.DatabaseError as error:
            return _no_copy(file, str(error))
    if sound != "ok":
        return _no_copy(file, sound)
    if refusal := _other_backup(version):
        return refusal
    url = f"sqlite:///{new}"
    _pause(url, now)
    upgrade(url)
    return Restored(str(version), _mark_targets(url, now))


def _other_backup(version: str) -> Refusal | None:
    """Return why a backup with this schema version cannot be restored, or None if it can."""
    if OLDEST <= version <= VERSION:
        return None
    words = f"The backup has the schema {version}, this program knows {VERSION}."
    hint = TOO_OLD if version < OLDEST else "Use the newer program that made it."
    return Refusal("DBS02", words, hint, 409)


def _pause(url: str, now: datetime, version: str = "") -> None:
    """Pause every target; with a version, also write the schema version in that transaction."""
    database = Database(url)
    try:
        with database.write() as session:
            session.execute(_PAUSE, {"now": now, "reason": REASON})
            session.execute(_UNTIL)
            if version:
                session.execute(text(_AT), {"version": version})
    finally:
        database.close()


def _put_dump(url: str, file: Path, now: datetime) -> Restored | Refusal:
    """Restore a PostgreSQL dump without the row of its schema version. That row is written together
    with the pauses of all targets. Until then, no running worker claims work.
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
    version_match = _VERSION_ROW.search(row)
    if version_match is None:
        return _no_copy(file, "it does not say which schema it has")
    if refusal := _other_backup(version_match[1]):
        return refusal
    with TemporaryDirectory() as folder:
        order = Path(folder) / "order"
        lines = [line for line in listed.splitlines() if _OF_VERSION not in line]
        order.write_text("\n".join(lines), "utf-8")
        how = ["--no-owner", "--no-privileges", "--single-transaction", f"--use-list={order}"]
        words, environment = server_of(url)
        _, wrong = _run([program, *how, f"--dbname={words}", str(file)], environment)
    if wrong:
        return Refusal("DBS06", f"The copy could not be restored: {wrong}", "", 503)
    _pause(url, now, version_match[1])
    upgrade(url)
    return Restored(version_match[1], _mark_targets(url, now))


def _run(words: list[str], environment: dict[str, str] | None = None) -> tuple[str, str]:
    """Run a program and return its output and its error message; blank if it succeeded."""
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    return ran.stdout, (ran.stderr.strip() or "it ended early") if ran.returncode else ""


def _mark_targets(url: str, now: datetime) -> int:
    """Mark every target as restored, and log and link its pause; return how many were paused."""
    database = Database(url)
    try:
        with database.write() as session:
            targets = select(Connection).where(Connection.side == "target")
            session.execute(
                update(Connection).where(Connection.side == "target").values(restored_at=now)
            )
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
        link_due_events(database, now=now, all_events=True)
        return len(rows)
    finally:
        database.close()


def note_version(
    database: Database, now: datetime, *, version: str = __version__, schema: str = VERSION
) -> bool:
    """Record that this version runs, and return whether another version ran before. Among processes
    that start at once, only one logs the change.
    """
    with database.read() as session:
        if _known(session) == (version, schema):
            return False
    with database.write() as session:
        first = {"id": ONLY, "version": version, "schema": schema}
        bulk.insert_rows(session, ProgramVersion, [first], ignore=True)
        before = _known(session, lock=True)
        if before is None or before == (version, schema):
            return False
        session.execute(
            update(ProgramVersion)
            .where(ProgramVersion.id == ONLY)
            .where(or_(ProgramVersion.version != version, ProgramVersion.schema != schema))
            .values(version=version, schema=schema)
        )
        _log_upgrade(session, now, before, (version, schema))
    return True


def _known(session: Session, *, lock: bool = False) -> tuple[str, str] | None:
    """Return the version and schema that were recorded last, or None."""
    query = select(ProgramVersion.version, ProgramVersion.schema).where(ProgramVersion.id == ONLY)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    return (row.version, row.schema) if row else None


def _log_upgrade(
    session: Session, now: datetime, before: tuple[str, str], after: tuple[str, str]
) -> None:
    """Log the upgrade as an event of each company."""
    earlier = f"version {before[0]}" if before[0] else "an earlier version"
    body = {
        "say": f"Clearpost was changed from {earlier} (schema {before[1]})"
        f" to version {after[0]} (schema {after[1]}).",
        "from": list(before),
        "to": list(after),
    }
    companies = session.scalars(select(Company.id).order_by(Company.id)).all()
    record_events(
        session,
        [
            Fact(
                company_id=company_id,
                at=now,
                act=CHANGED,
                object=f"company:{company_id}",
                body=body,
            )
            for company_id in companies
        ],
    )


def upgrade(url: str) -> None:
    """Migrate the database behind a URL to the newest version."""
    command.upgrade(_config(url), "head")
    at = make_url(url)
    if at.get_backend_name() == "sqlite" and at.database:
        table_sizes.tell(at.database)


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER).replace("%", "%%"))
    config.attributes["url"] = url
    return config


def downgrade(url: str, to: str) -> None:
    """Migrate it down to a version. Raise CommandError for a version below the baseline."""
    if to.isdecimal() and to < OLDEST:
        raise CommandError(f"Schema version {OLDEST} is the oldest; there is no version {to}")
    command.downgrade(_config(url), to)


def migrate(url: str, to: str | None = None) -> Refusal | None:
    """Migrate the database to this program's version, or down to `to`. Return a refusal if that
    fails.

    An unknown version has the status 400. An unreachable database, or a schema that this program
    cannot migrate, has 503.
    """
    try:
        if to is None:
            upgrade(url)
        else:
            downgrade(url, to)
    except CommandError as error:
        schema_version = _version(url)
        if schema_version is not None and not OLDEST <= schema_version <= VERSION:
            return _other_schema(schema_version)
        return Refusal("DBS04", f"{error}.", "`clearpost migrate` brings it to the newest.", 400)
    except (SQLAlchemyError, ModuleNotFoundError, OSError) as error:
        detail = str(getattr(error, "orig", None) or error).strip()
        words = f"The database cannot be reached: {detail}"
        return Refusal("DBS01", words, "Is DATABASE_URL right?", 503)
    return None


def check_version(url: str) -> Refusal | None:
    """Return why this program cannot use the database, or None if it can."""
    try:
        database = Database(url)
    except (ArgumentError, ModuleNotFoundError) as error:
        words = f"The database cannot be used: {error}"
        return Refusal("DBS03", words, "Is DATABASE_URL right?", 503)
    try:
        return version_refusal(database)
    finally:
        database.close()


def version_refusal(database: Database) -> Refusal | None:
    """Return why this program cannot use an open database, or None if it can."""
    try:
        schema_version = version_of(database)
    except DBAPIError as error:
        words = f"The database cannot be reached: {error.orig}"
        return Refusal("DBS01", words, "Is DATABASE_URL right?", 503)
    return None if schema_version == VERSION else _other_schema(schema_version)


def has_newer_schema(database: Database) -> bool:
    """Check whether a newer program migrated the database; False also while it is away."""
    try:
        schema_version = version_of(database)
    except DBAPIError:
        return False
    return schema_version is not None and schema_version > VERSION


def is_empty(url: str) -> bool:
    """Check whether a database can be reached and was never migrated."""
    try:
        database = Database(url)
    except (ArgumentError, ModuleNotFoundError):
        return False
    try:
        return version_of(database) is None
    except DBAPIError:
        return False
    finally:
        database.close()


def _other_schema(schema_version: str | None) -> Refusal:
    """Return the refusal of a database with another schema version, with what to do about it."""
    words = f"Database schema version is {schema_version or 'none'}; version {VERSION} is required."
    hint = "Run `clearpost migrate`."
    if schema_version is not None and schema_version > VERSION:
        hint = "Use the newer program that migrated it."
    elif schema_version is not None and schema_version < OLDEST:
        hint = TOO_OLD
    return Refusal(UNFIT, words, hint, 503)


def version_of(database: Database) -> str | None:
    """Return the schema version of a database; None if it was never migrated."""
    with database.engine.connect() as connection:
        try:
            schema_version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (OperationalError, ProgrammingError) as error:
            if "alembic_version" not in str(error.orig):
                raise
            return None
    return None if schema_version is None else str(schema_version)
