"""Engines and sessions; the one place that knows which two databases exist.

Here: opening SQLite and PostgreSQL with what each needs for durable, snapshot-true work, and which
of its loaded rows a session keeps. Not here: the schema (holding/tables,
holding/platform/backup.py).
"""

import os
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from holding.store import kept_plans
from holding.store.write_turns import BUSY_SECONDS, PRIVATE, WriteTurns

R = TypeVar("R")
DatabaseSession = Session
"""A session by the name that the floors above know it by: they import no sqlalchemy."""


def remember(session: Session) -> None:
    """Keep what was loaded as long as the session lives, so that asking again by id asks nobody."""
    kept = session.info.setdefault("kept", [])
    event.listen(session, "loaded_as_persistent", lambda _session, row: kept.append(row))


ROWS_OF_A_TURN = 125
"""So many records in one transaction of a batch: then a webhook may write."""
OTHERS = 0o077
UNAVAILABLE = OperationalError  # locked for too long, or out of reach
_PLANS = {
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
}
_BY_INDEXES = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', true)" for name, value in _PLANS.items()
)


def default_url(home: Path) -> str:
    """The embedded database inside a home folder."""
    return f"sqlite:///{home / 'clearpost.sqlite3'}"


class Database:
    """One database: its engine, and sessions that commit when their block ends well.

    `durable=False` is for throw-away databases of tests only: SQLite then leaves flushing to the
    machine.
    """

    def __init__(self, url: str, *, durable: bool = True) -> None:
        self.url = url
        self.dialect = make_url(url).get_backend_name()
        if self.dialect == "sqlite":
            self.engine = self._reading = self._of_pages = _sqlite_engine(url, durable=durable)
            turns = WriteTurns(self.engine.url.database)
            self._writing = _same_pool(self.engine, turns.begin)
            self._writing_much = _same_pool(self.engine, turns.begin_behind)
        else:
            self.engine = self._writing = self._writing_much = _postgresql_engine(url)
            self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ")
            self._of_pages = kept_plans.keep(_postgresql_engine(url, **kept_plans.POOL))

    @contextmanager
    def read(self, *, many: bool = False, page: bool = False) -> Iterator[Session]:
        """A session that sees one snapshot and leaves nothing behind; `many`: see `write`. `page`:
        the same is asked again and again, so plans are kept (kept_plans.py).
        """
        engine = self._of_pages if page else self._reading
        with Session(engine, expire_on_commit=False) as session:
            self._plan(session, anew=many)
            yield session

    @contextmanager
    def write(self, *, many: bool = False) -> Iterator[Session]:
        """One write transaction: committed at the end of the block, rolled back when it raises.

        `many`: its statements are about many rows at once, whose ids or keys are given. PostgreSQL
        is told to plan each for the tables as they are, not as they were when they were empty, and
        to go by indexes: reading a whole table for 500 of its rows, or comparing each with all
        others, looks cheap to it until the table is large, or while it has not counted them. On
        SQLite it writes behind those who wait already: nobody waits for one of many rows.
        """
        engine = self._writing_much if many else self._writing
        with Session(engine, expire_on_commit=False) as session, session.begin():
            self._plan(session, anew=many)
            yield session

    session = write

    def turns(self, rows: Sequence[R]) -> Iterator[Sequence[R]]:
        """Rows that may be written in several transactions, in as many as should be. Whoever writes
        a whole batch to SQLite at once keeps all others waiting.
        """
        most = ROWS_OF_A_TURN if self.dialect == "sqlite" else len(rows)
        for first in range(0, len(rows), max(most, 1)):
            yield rows[first : first + most]

    def _plan(self, session: Session, *, anew: bool) -> None:
        if anew and self.dialect == "postgresql":
            session.execute(text(_BY_INDEXES))

    def watch(self, asked: Callable[..., None], answered: Callable[..., None]) -> None:
        """Call these before and after each statement, once however often it is said."""
        told = {"before_cursor_execute": asked, "after_cursor_execute": answered}
        for engine in self.engines:
            for moment, call in told.items():
                if not event.contains(engine, moment, call):
                    event.listen(engine, moment, call)

    @contextmanager
    def overheard(self) -> Iterator[list[str]]:
        """What this process tells the driver from now on: the text of each statement, and COMMIT;
        in the end nobody listens any more.
        """
        said: list[str] = []

        def asked(_connection: Any, _cursor: Any, words: str, *_rest: Any) -> None:
            said.append(words)

        def committed(_connection: Any) -> None:
            said.append("COMMIT")

        heard: dict[str, Callable[..., None]] = {
            "before_cursor_execute": asked,
            "commit": committed,
        }
        places = [(engine, name) for engine in self.engines for name in heard]
        for engine, name in places:
            event.listen(engine, name, heard[name])
        try:
            yield said
        finally:
            for engine, name in places:
                event.remove(engine, name, heard[name])

    @property
    def engines(self) -> set[Engine]:
        """The engines of its transactions: SQLite has two more, for those that write, PostgreSQL
        one, for pages.
        """
        return {self.engine, self._writing, self._writing_much, self._of_pages}

    def close(self) -> None:
        """Give all connections back."""
        self._of_pages.dispose()
        self.engine.dispose()
        self._writing.pool = self._writing_much.pool = self.engine.pool


def open_database(url: str) -> Database:
    """The database behind a URL such as `sqlite:///FILE` or `postgresql+psycopg://…`."""
    return Database(url)


def _postgresql_engine(url: str, **beside: Any) -> Engine:
    engine = create_engine(
        url, pool_size=5, max_overflow=20, pool_pre_ping=True, hide_parameters=True, **beside
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # Its compiler needs longer for our statements than they run, and comes with large tables;
        # so do further processes for one statement, for which it takes rows that are not there.
        connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
        connection.commit()

    return engine


def _sqlite_engine(url: str, *, durable: bool) -> Engine:
    given = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    on_disk = make_url(url).database not in (None, "", ":memory:")
    last = {"pool_use_lifo": True} if on_disk else {}  # it has read, and has the views, of before
    engine = create_engine(url, connect_args=given, hide_parameters=True, **last)
    event.listen(engine, "do_connect", lambda *_: _keep_private(engine.url.database))

    @event.listens_for(engine, "connect")
    def prepare(connection: SqliteConnection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.create_function("from_base64", 1, _from_base64, deterministic=True)
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return _beginning(engine, _begin_to_read)


def _begin_to_read(connection: Any) -> None:
    connection.execute("BEGIN")


def _from_base64(text: str | None) -> bytes | None:
    """Bytes that travelled as text (holding/store/joint_writes.py)."""
    return None if text is None else b64decode(text)


def _keep_private(file: str | None) -> None:
    """Nobody else on this machine reads the database: SQLite itself would let everybody.

    Its log and its index get the mode of the file when SQLite makes them. Where this cannot be
    done, opening the database says why.
    """
    if not file or file == ":memory:":
        return
    with suppress(OSError):  # only a new one is opened: to close it would end SQLite's own locks
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    for path in (file, f"{file}-wal", f"{file}-shm"):
        with suppress(OSError):
            if Path(path).stat().st_mode & OTHERS:
                Path(path).chmod(PRIVATE)


def _same_pool(engine: Engine, begin: Callable[[Any], None]) -> Engine:
    """An engine with the same connections, whose transactions begin otherwise."""
    return _beginning(create_engine(engine.url, pool=engine.pool, hide_parameters=True), begin)


def _beginning(engine: Engine, begin: Callable[[Any], None]) -> Engine:
    """The engine's transactions begin so. A listener for it would cost each statement its time:
    SQLAlchemy then asks before and after every one whether somebody listens.
    """
    engine.dialect.do_begin = begin  # type: ignore[assignment, method-assign]
    return engine
