"""Open the database and its sessions.

Only this module depends on whether the database is SQLite or PostgreSQL.
"""

import fcntl
import gc
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from sqlite3 import SQLITE_BUSY
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteError
from time import monotonic, sleep
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from holding.db import kept_plans

R = TypeVar("R")

DatabaseSession = Session
"""A session by the name that the floors above know it by: they import no sqlalchemy."""

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

FIGURES: Final = {
    "attempt": {
        "sqlite_autoindex_attempt_1": "500000 1 1",
        "sqlite_autoindex_attempt_2": "500000 1 1",
    },
    "cause": {
        "ix_cause_class": "20000 20000 2000 500 1",
        "ix_cause_live": "20000 20000 50 1",
        "ix_cause_team": "20000 20000 7000 500 1",
        "sqlite_autoindex_cause_1": "20000 20000 1",
    },
    "delivery": {
        "ix_delivery_due": "500 250 5 1",
        "ix_delivery_lease": "100 100",
        "ix_delivery_sha256": "1000000 500000 1",
        "ix_delivery_source": "1000000 500000 1",
        "ix_delivery_upload": "200000 200",
        "sqlite_autoindex_delivery_1": "1000000 500000 1",
        "uq_delivery_signature": "1000000 500000 1",
    },
    "evaluation": {"sqlite_autoindex_evaluation_1": "1500000 2 1"},
    "event": {
        "ix_event_at": "5000000 5000000 3 1",
        "ix_event_company": "5000000 5000000 1",
        "ix_event_person": "50000 50000 5000 2 1",
        "ix_event_record": "5000000 5 1",
        "ix_event_wide": "50000 50000 500 1",
    },
    "event_link": {
        "sqlite_autoindex_event_link_1": "5000000 5000000 1",
        "sqlite_autoindex_event_link_2": "5000000 1",
    },
    "hold": {
        "ix_hold_age": "100000 100000 5000 1 1 1 1 1",
        "ix_hold_rule": "100000 100000 2000 20 1",
        "ix_hold_answer": "100000 100000 5000",
        "ix_hold_book": "100000 100000 900 1",
        "ix_hold_cause": "100000 50 20 1",
        "ix_hold_closed": "1000000 1000000 10 1",
        "ix_hold_code": "100000 100000 8000 1 1",
        "ix_hold_listed": "100000 50 1",
        "ix_hold_party": "100000 100000 200 20 1",
        "ix_hold_person": "100000 100000 50000 500 1",
        "ix_hold_posting_id": "1000000 1",
        "ix_hold_record": "1000000 1",
        "ix_hold_snoozed": "1000 10",
        "ix_hold_team": "100000 100000 30000 10000 500",
        "ix_hold_waits": "100000 100000 1",
        "uq_hold_open": "100000 1 1 1 1 1",
    },
    "hold_tally": {"sqlite_autoindex_hold_tally_1": "5000 5000 2 1 1"},
    "link_key": {
        "ix_link_key_record_id": "4000000 4",
        "link_key": "4000000 4000000 1300000 2 1",
    },
    "posting": {
        "ix_posting_booked": "800000 800000 800 800 800 800 50 50 50",
        "ix_posting_day": "1000000 1000000 500000 20000 100",
        "ix_posting_due": "5000 2500 5 1",
        "ix_posting_late": "80000 80000 2000 1 1",
        "ix_posting_lease": "500 500",
        "ix_posting_left_out": "40000 40000 1",
        "ix_posting_number": "1000000 1000000 1",
        "ix_posting_open": "130000 130000 65000 65000 65000 80",
        "ix_posting_part": "20000 2 2 1",
        "ix_posting_party": "800000 800000 200 200 200 10 10 2 1",
        "ix_posting_posted": "800000 400000 1 1 1",
        "ix_posting_read": "50000 25000 50 1",
        "ix_posting_ref": "800000 800000 1",
        "ix_posting_reverses": "1000000 1000000",
        "ix_posting_standing": "130000 65000 65000 30000 20000 1000 1000",
        "sqlite_autoindex_posting_1": "1000000 1 1 1",
        "uq_posting_sent": "800000 400000 400000 1",
    },
    "posting_line": {"sqlite_autoindex_posting_line_1": "2500000 3 1"},
    "posting_use": {
        "ix_posting_use_posting_id": "9000000 9",
        "posting_use": "9000000 2000 1",
    },
    "push": {
        "ix_push_newest": "800000 400000 400000 1",
        "sqlite_autoindex_push_1": "800000 400000 1",
        "sqlite_autoindex_push_2": "800000 1 1",
        "uq_push_effect": "800000 1",
        "uq_push_family": "5000 1 1",
    },
    "reading": {"ix_reading_posting": "800000 1 1"},
    "record": {
        "ix_record_crashed": "100 100 10 1",
        "ix_record_day": "1000000 1000000 900 300",
        "ix_record_due": "5000 5000 50 1",
        "ix_record_external": "1000000 1000000 1",
        "ix_record_family": "1000000 1000000 1",
        "ix_record_lease": "5000 500",
        "ix_record_number": "1000000 1000000 1",
        "ix_record_open": "140000 140000 70000 1",
        "ix_record_party": "1000000 1000000 200 2",
        "ix_record_seen": "1000000 1000000 1 1 1",
        "sqlite_autoindex_record_1": "1000000 500000 500000 1",
    },
    "request": {
        "ix_request_connection": "500000 250000 1",
        "ix_request_key": "500000 250000 1",
        "ix_request_parent": "1000 2",
        "ix_request_run": "500000 50",
    },
    "run": {
        "ix_run_at": "20000 20000 2 1",
        "ix_run_company": "20000 20000 1",
        "ix_run_connection_at": "20000 20000 10000 2 1",
        "ix_run_due": "100 100 2 1",
        "ix_run_pill": "20000 10000 5000 1",
        "uq_run_daily": "5000 5000 1 1",
    },
    "tallied_record": {"sqlite_autoindex_tallied_record_1": "400000 4 1"},
    "version": {
        "ix_version_delivery_id": "1200000 2",
        "ix_version_corrects": "1000 1",
        "sqlite_autoindex_version_1": "1200000 1 1",
        "uq_version_stamp": "1200000 1 1 1",
    },
}
"""Table -> index -> its rows, then those of one value of its first column, its first two, …"""

BUSY_SECONDS = 30

ASKED_AGAIN = 0.002
"""Seconds after which who wants to write asks again: SQLite itself would ask after up to 100
milliseconds, and a short pause of whoever writes much would pass unseen.
"""

PATIENCE = 0.1
"""Seconds for which the turn is left to others; then they leave it, too."""

PRIMARY = 0xFF
"""The part of SQLite's error codes that says what it is; the rest says how it came to it."""

PRIVATE = 0o600

COMPANY_SETTING: Final = "clearpost.company"
"""The setting of a PostgreSQL transaction with the company that its policies compare rows with."""

_LIMIT: Final = text(f"SELECT set_config('{COMPANY_SETTING}', :company, true)")

_company: ContextVar[int | None] = ContextVar("company", default=None)


def remember(session: Session) -> None:
    """Keep loaded objects for the session's life, so that lookups by id need no query."""
    loaded_objects = session.info.setdefault("kept", [])
    event.listen(session, "loaded_as_persistent", lambda _session, row: loaded_objects.append(row))


def limit_transactions(company_id: int | None) -> None:
    """Limit later transactions of this thread to rows of one company; None removes the limit.

    Only PostgreSQL with the policies of deploy/postgresql/grants.sql enforces it.
    """
    _company.set(company_id)


def limit_to_company(session: Session, company_id: int) -> None:
    """Limit the running transaction to rows of one company, see `limit_transactions`."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_LIMIT, {"company": str(company_id)})


def default_url(home: Path) -> str:
    """Return the URL of the embedded database inside a home folder."""
    return f"sqlite:///{home / 'clearpost.sqlite3'}"


class Database:
    """One database with its engines; sessions commit when their block ends without an error.

    `durable=False` is for throw-away test databases only: SQLite then does not flush to disk.
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
        """Open a session on one snapshot; nothing is written.

        `many`: see `write`. `page`: the statements repeat, so their plans are kept
        (holding/db/kept_plans.py).
        """
        engine = self._of_pages if page else self._reading
        with Session(engine, expire_on_commit=False) as session:
            self._prepare(session, many=many)
            yield session
            if page and self.dialect == "postgresql":
                # The driver forgets its prepared statements at a rollback, not at a commit.
                session.expunge_all()
                session.commit()

    @contextmanager
    def write(self, *, many: bool = False) -> Iterator[Session]:
        """Open a write transaction: commit at the end of the block, roll back on an error.

        `many`: the statements handle many rows by given ids or keys. PostgreSQL is then set to use
        indexes, because its estimates are wrong while a table is small or not analyzed. SQLite then
        lets other waiting writers go first.
        """
        engine = self._writing_much if many else self._writing
        with Session(engine, expire_on_commit=False) as session, session.begin():
            self._prepare(session, many=many)
            yield session

    session = write

    def turns(self, rows: Sequence[R]) -> Iterator[Sequence[R]]:
        """Yield the rows in batches for separate transactions.

        A large SQLite transaction would block all other writers.
        """
        most = ROWS_OF_A_TURN if self.dialect == "sqlite" else len(rows)
        for first in range(0, len(rows), max(most, 1)):
            yield rows[first : first + most]

    def _prepare(self, session: Session, *, many: bool) -> None:
        if self.dialect != "postgresql":
            return
        if many:
            session.execute(text(_BY_INDEXES))
        if (company_id := _company.get()) is not None:
            limit_to_company(session, company_id)

    def watch(self, started: Callable[..., None], answered: Callable[..., None]) -> None:
        """Register callbacks before and after each statement; repeated calls register once."""
        listeners = {"before_cursor_execute": started, "after_cursor_execute": answered}
        for engine in self.engines:
            for moment, call in listeners.items():
                if not event.contains(engine, moment, call):
                    event.listen(engine, moment, call)

    @contextmanager
    def overheard(self) -> Iterator[list[str]]:
        """Collect the text of each statement, and COMMIT, until the block ends."""
        statements: list[str] = []

        def asked(_connection: Any, _cursor: Any, words: str, *_arguments: Any) -> None:
            statements.append(words)

        def committed(_connection: Any) -> None:
            statements.append("COMMIT")

        listeners: dict[str, Callable[..., None]] = {
            "before_cursor_execute": asked,
            "commit": committed,
        }
        registrations = [(engine, name) for engine in self.engines for name in listeners]
        for engine, name in registrations:
            event.listen(engine, name, listeners[name])
        try:
            yield statements
        finally:
            for engine, name in registrations:
                event.remove(engine, name, listeners[name])

    @property
    def engines(self) -> set[Engine]:
        """Return all engines that run transactions."""
        return {self.engine, self._writing, self._writing_much, self._of_pages}

    def connection_counts(self) -> dict[str, int]:
        """Return the number of pooled connections by state: "in use" and "idle"."""
        counts = {"in use": 0, "idle": 0}
        for pool in {engine.pool for engine in self.engines}:
            if isinstance(pool, QueuePool):
                counts["in use"] += pool.checkedout()
                counts["idle"] += pool.checkedin()
        return counts

    def close(self) -> None:
        """Close all connections."""
        self._of_pages.dispose()
        self.engine.dispose()
        self._writing.pool = self._writing_much.pool = self.engine.pool


def _sqlite_engine(url: str, *, durable: bool) -> Engine:
    connect_args = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    on_disk = make_url(url).database not in (None, "", ":memory:")
    # The connection used last has the schema and its prepared statements in memory.
    pool_options = {"pool_use_lifo": True} if on_disk else {}
    engine = create_engine(url, connect_args=connect_args, hide_parameters=True, **pool_options)
    event.listen(engine, "do_connect", lambda *_: _keep_private(engine.url.database))

    @event.listens_for(engine, "connect")
    def prepare(connection: SqliteConnection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # After a power failure the stored intent must still exist for every call that was made.
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return _beginning(engine, _begin_to_read)


def _keep_private(file: str | None) -> None:
    """Make the database file private to the current user, because SQLite itself would not.

    SQLite gives its log and index the file's mode. If this fails, opening the database reports why.
    """
    if not file or file == ":memory:":
        return
    with suppress(OSError):  # only a new one is opened: to close it would end SQLite's own locks
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    for path in (file, f"{file}-wal", f"{file}-shm"):
        with suppress(OSError):
            if Path(path).stat().st_mode & OTHERS:
                Path(path).chmod(PRIVATE)


def _beginning(engine: Engine, begin: Callable[[Any], None]) -> Engine:
    """Set how the engine's transactions begin.

    An event listener would slow down every statement.
    """
    engine.dialect.do_begin = begin  # type: ignore[assignment, method-assign]
    return engine


def _begin_to_read(connection: Any) -> None:
    connection.execute("BEGIN")


def _same_pool(engine: Engine, begin: Callable[[Any], None]) -> Engine:
    """Return an engine with the given engine's connections whose transactions begin differently."""
    return _beginning(create_engine(engine.url, pool=engine.pool, hide_parameters=True), begin)


def _postgresql_engine(url: str, **options: Any) -> Engine:
    engine = create_engine(
        url, pool_size=5, max_overflow=20, pool_pre_ping=True, hide_parameters=True, **options
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # Its compiler needs longer for our statements than they run, and comes with large tables;
        # so do further processes for one statement, for which it takes rows that are not there.
        connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
        connection.commit()

    return engine


def open_database(url: str) -> Database:
    """Open the database behind a URL such as `sqlite:///FILE` or `postgresql+psycopg://…`."""
    return Database(url)


def tell(file: str) -> None:
    """Store the index statistics in a SQLite file; new connections plan their queries by them."""
    rows = [
        (table, *index_figure)
        for table, figures_by_index in FIGURES.items()
        for index_figure in figures_by_index.items()
    ]
    with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
        connection.execute("ANALYZE sqlite_schema")  # makes the table of figures
        # Not ANALYZE: counts of a young company make plans that scan tables, and connections keep
        # them while the tables grow.
        connection.execute("DELETE FROM sqlite_stat1")
        connection.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", rows)


class WriteTurns:
    """The write lock queue of one database file; an in-memory database needs none."""

    def __init__(self, file: str | None) -> None:
        self._waiting = f"{file}-waiting" if file and file != ":memory:" else None

    def begin(self, connection: Any) -> None:
        """Start to write as soon as possible, or raise the error of a locked database."""
        self._begin(connection, patience=0.0)

    def begin_behind(self, connection: Any) -> None:
        """Start to write after the transactions that wait already."""
        self._begin(connection, patience=PATIENCE)

    def _begin(self, connection: Any, patience: float) -> None:
        began, is_locked = monotonic(), False
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            with ExitStack() as until_begun:
                while True:
                    waited = monotonic() - began
                    behind = waited < patience and self._somebody_waits()
                    if not behind and _is_begun(connection, last=waited >= BUSY_SECONDS):
                        return
                    if waited >= patience and not is_locked:
                        is_locked = self._locked(fcntl.LOCK_SH, until_begun)
                    sleep(ASKED_AGAIN)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def _somebody_waits(self) -> bool:
        with ExitStack() as until_seen:
            return not self._locked(fcntl.LOCK_EX, until_seen)

    def _locked(self, kind: int, until: ExitStack) -> bool:
        """Take the waiting lock if it is free, until `until` closes; return whether that worked."""
        if self._waiting is None:
            return True
        place = os.open(self._waiting, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        try:
            fcntl.flock(place, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(place)
            return False
        until.callback(os.close, place)
        return True


def _is_begun(connection: Any, *, last: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except SqliteError as error:
        if last or error.sqlite_errorcode & PRIMARY != SQLITE_BUSY:
            raise
        return False
    return True


@contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """Disable the garbage collector while a batch is built and stored.

    Its objects live until the end, so searching them for cycles finds nothing. Build the batch in a
    function of its own, so that it is freed before the collector runs again.
    """
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()
