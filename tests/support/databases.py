"""Databases for tests: fresh for every test, and fast.

SQLite: one migrated file a test process, copied for each test. PostgreSQL: one migrated database a
test process, emptied before each test; the server is the one of CLEARPOST_TEST_POSTGRESQL, else one
that runs on 127.0.0.1:5432, else a throw-away cluster made as the postgres user. Each URL has one
engine for the whole process, which keeps the statements it has compiled: that was a quarter of all.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from holding.db.database import Database
from holding.db.models import Base
from holding.platform.backup import VERSION, upgrade
from holding.programs import world
from tests.support.kept import count_commits

SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"

EMPTY = """
DO $$ DECLARE name text; found boolean; BEGIN
  SET LOCAL session_replication_role = replica;
  FOREACH name IN ARRAY ARRAY[{names}] LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', name) INTO found;
    IF found THEN EXECUTE format('DELETE FROM %I', name); END IF;
  END LOOP;
END $$
"""
CUT_OFF = """
SELECT count(pg_terminate_backend(pid)), (SELECT version_num FROM alembic_version)
FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL(:ours)
"""
_ours: set[int] = set()  # the server's processes that serve this one


def sqlite_template(folder: Path) -> Path:
    """A migrated SQLite file to copy from."""
    path = folder / "template.sqlite3"
    upgrade(f"sqlite:///{path}")
    return path


def sqlite_copy(template: Path) -> str:
    """The URL of a fresh copy, which takes the place of the one before."""
    path = template.with_name("test.sqlite3")
    for old in template.parent.glob(f"{path.name}*"):
        old.unlink()
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


def upgrade_by_copy(template: Path) -> Callable[[str], None]:
    """What `upgrade` leaves where no SQLite file is yet: the file that it left before."""

    def upgraded(url: str) -> None:
        file = make_url(url).database
        if url.startswith("sqlite") and file and not Path(file).exists():
            shutil.copyfile(template, file)
        else:
            upgrade(url)

    return upgraded


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The database behind a URL, whose engine outlives the block.

    A SQLite file is let go of, for another takes its place. A PostgreSQL server has read its
    catalogue and planned our statements for a connection: it is kept as well.
    """
    database = _database(url)
    world.forget()  # of the database that stood at this URL before
    yield database
    pool = database.engine.pool
    if database.dialect == "sqlite" or (isinstance(pool, QueuePool) and pool.checkedout()):
        database.close()


@cache
def _database(url: str) -> Database:
    database = Database(url, durable=False)
    if database.dialect == "postgresql":
        for engine in database.engines:
            event.listen(engine, "connect", lambda made, _: _ours.add(made.info.backend_pid))
    count_commits(database)
    return database


@contextmanager
def postgresql_server() -> Iterator[str | None]:
    """The URL of a server where databases may be made, or None where there is none."""
    given = os.environ.get("CLEARPOST_TEST_POSTGRESQL")
    if given:
        yield given
    elif _answers(5432):
        yield SERVER
    else:
        with cluster() as found:
            yield found.url if found else None


@contextmanager
def postgresql_database(server: str, name: str) -> Iterator[str]:
    """A migrated database of its own on the server, dropped at the end."""
    with new_postgresql_database(server, name) as url:
        upgrade(url)
        yield url


@contextmanager
def new_postgresql_database(server: str, name: str) -> Iterator[str]:
    """Create a database without tables, yield its URL and drop it at the end."""
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    _on_server(
        server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"'
    )
    _on_server(server, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    yield url
    _on_server(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def empty_postgresql(url: str) -> None:
    """Cut everybody off and take all rows out.

    A test that failed may leave another schema version behind. The schema is then created anew, so
    that the tests that follow do not fail, too.
    """
    names = ", ".join(f"'{table.name}'" for table in Base.metadata.sorted_tables)
    with opened(url) as database:
        with database.engine.begin() as connection:
            _, found = connection.execute(text(CUT_OFF), {"ours": sorted(_ours)}).one()
            if found == VERSION:
                connection.execute(text(EMPTY.format(names=names)))
                return
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        database.close()
        upgrade(url)


def _on_server(server: str, *statements: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL server of our own; the programs refuse root, so it runs as postgres."""

    programs: Path
    folder: Path
    port: int
    user: pwd.struct_passwd | None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-o", options, "-l", f"{self.folder}/log", "-w", "start")

    def stop_at_once(self) -> None:
        """Without a word to anybody who is connected; it recovers when it starts."""
        self.run("pg_ctl", "-m", "immediate", "stop")

    def run(self, program: str, *arguments: str) -> None:
        user, group = (self.user.pw_uid, self.user.pw_gid) if self.user else (None, None)
        command = [str(self.programs / program), "-D", f"{self.folder}/data", *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/", user=user, group=group)


@contextmanager
def cluster() -> Iterator[Cluster | None]:
    """A throw-away server in a temporary folder, or None where its programs are missing."""
    programs = _programs()
    user = _postgres_user()
    if programs is None or (os.geteuid() == 0 and user is None):
        yield None
        return
    made = Cluster(programs, Path(tempfile.mkdtemp(prefix="clearpost-pg-")), _free_port(), user)
    if user is not None:
        os.chown(made.folder, user.pw_uid, user.pw_gid)
    made.run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    made.start()
    try:
        yield made
    finally:
        made.stop_at_once()
        shutil.rmtree(made.folder, ignore_errors=True)


def _postgres_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unlock(session: Session) -> None:
    """Take the triggers away that keep history as it is, in this database of a test."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
        return
    names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
    for name in names:
        session.execute(text(f'DROP TRIGGER "{name}"'))
    session.execute(text("PRAGMA defer_foreign_keys = ON"))


@contextmanager
def any_move(session: Session) -> Iterator[None]:
    """In the block every state may follow every other, as no program may have it; then no more."""
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
        yield
        session.flush()
        session.execute(text("SET LOCAL session_replication_role = origin"))
        return
    guards = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_moves'"
    known = session.execute(text(guards)).all()
    for name, _ in known:
        session.execute(text(f'DROP TRIGGER "{name}"'))
    yield
    session.flush()
    for _, made in known:
        session.connection().exec_driver_sql(made)
