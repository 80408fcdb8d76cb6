"""Connect to a shop's database with a read-only transaction, and run its queries."""

import os
import re
import socket
import sqlite3
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    NullPool,
    Select,
    Subquery,
    Text,
    bindparam,
    cast,
    column,
    create_engine,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.types import NullType

from connectors.contract.errors import DatabaseAddress
from connectors.kit.delivery_limits import MEGABYTE
from connectors.sources.sql.connector import KindQuery, LineQuery
from connectors.sources.sql.failures import (
    WAYS,
    TooLongError,
    UnansweredError,
    unanswered,
    unreached,
    way_of,
)
from connectors.transport.strict_json import Blocked, Destination, resolve_host

Row = Mapping[str, object]

MOST_BYTES: Final = 64 * MEGABYTE

_TIMESTAMP: Final = 7  # MariaDB's column that is a moment; a DATETIME is one of some clock

_MOMENTS: Final[Mapping[str, Mapping[object, str]]] = {
    "postgresql": {1114: "naive", 1184: "aware"},
    "mariadb": {12: "naive", _TIMESTAMP: "aware"},
    "mysql": {12: "naive", _TIMESTAMP: "aware"},
}

_FLOATS: Final[Mapping[str, frozenset[object]]] = {
    "postgresql": frozenset({700, 701}),
    "mariadb": frozenset({4, 5}),
    "mysql": frozenset({4, 5}),
}
"""Type codes of binary numbers: float4 and float8 of PostgreSQL, FLOAT and DOUBLE of MariaDB."""

_FLOAT_COLUMN: Final = re.compile(r"[\"`\[]?(\w+)[\"`\]]?\s+(?:REAL|FLOAT|DOUBLE)\b", re.IGNORECASE)

_FEW: Final = 4  # rows of the greatest length that may be in memory

_MANY: Final = 50

GARBLED: Final = (struct.error, LookupError, ValueError, AssertionError, EOFError)
"""What a driver stumbles over where a server does not speak as its kind does."""

_ANY: Final = NullType()  # as the driver has it: a cast would compare in another type

CONNECT_SECONDS: Final = 5

STATEMENT_SECONDS: Final = 10

DIALECTS: Final[Mapping[str, str]] = {
    "postgresql": "postgresql+psycopg",
    "mariadb": "mysql+pymysql",
    "mysql": "mysql+pymysql",
    "sqlite": "sqlite+pysqlite",
    "mssql": "mssql+pymssql",
}

LONGEST_VALUE: Final = 16 * MEGABYTE  # of SQLite, which makes it in our own memory

_FULL_PACKET: Final = 0xFFFFFF
"""How a MariaDB server begins a row that is as long or longer: it goes on in the next packet."""

_STEPS: Final = 10_000  # of SQLite between two looks at the clock

_MAY: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)

_FUNCTIONS: Final = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})

_PLAIN: Final = (b"mysql_clear_password", b"dialog")
"""Ways to log in by which a server asks for the password as it is."""

PAGE_SECONDS: Final = 40
"""Of one page or one part of a test, from the login to the last row."""

_SAMPLE: Final = re.compile(
    r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)

Key = int | str | Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """All that follows this row: its moment as it is kept, then its id."""

    moved: datetime | str
    key: Key


@dataclass(frozen=True, slots=True)
class Start:
    """All that changed at this moment or later. `sample` is a moment as the column writes it, where
    it is a text.
    """

    moment: datetime
    sample: str = ""


class Reader:
    """One read-only transaction."""

    def __init__(self, connection: Connection, system: str, zone: ZoneInfo) -> None:
        self.connection, self.system, self.zone = connection, system, zone

    def columns(self, query: str) -> dict[str, str]:
        """Column in small letters -> "naive" or "aware" where it holds moments, else blank."""
        result = self.run(_all(_of(query)).limit(0))
        kinds = _MOMENTS.get(self.system, {})
        return {str(one[0]).lower(): kinds.get(one[1], "") for one in result.cursor.description}

    def floats(self, query: str) -> frozenset[str]:
        """Return the columns that hold binary numbers, in small letters.

        SQLite does not say the type of a query's column: a column counts that any of its tables
        declares so.
        """
        described = self.run(_all(_of(query)).limit(0)).cursor.description
        names = {str(one[0]).lower(): one[1] for one in described}
        if self.system == "sqlite":
            tables = self.told("SELECT sql FROM sqlite_master WHERE type = 'table'")
            declared = {
                str(found[1]).lower()
                for (table,) in tables
                for found in _FLOAT_COLUMN.finditer(str(table))
            }
            return frozenset(names.keys() & declared)
        kinds = _FLOATS.get(self.system, frozenset())
        return frozenset(name for name, kind in names.items() if kind in kinds)

    def latest(self, query: KindQuery, most: int) -> list[Row]:
        """Return the rows that changed last."""
        made = _of(query.text, query.cursor)
        whole = _all(made).order_by(made.c[query.cursor].desc()).limit(most)
        return list(self.rows(whole))

    def page(
        self, query: KindQuery, at: Place | Start, most: int, names: Sequence[str] = ()
    ) -> Iterator[Row]:
        """Return the rows behind a place that have an id, the oldest change first. `names`: only
        these of their columns.
        """
        made = _of(query.text, query.cursor, query.id, *names)
        moved, key = made.c[query.cursor], made.c[query.id]
        if isinstance(at, Start):
            begin = bindparam("since", self._bound(query, at), type_=_ANY)
            asked, given = moved >= begin, {}
        else:
            since, behind = (bindparam(name, type_=_ANY) for name in ("since", "behind"))
            asked = (moved >= since) & ((moved > since) | (key > behind))
            given = {"since": self._param(at.moved), "behind": at.key}
        columns = [made.c[name] for name in dict.fromkeys(names)]
        whole = (select(*columns) if columns else _all(made)).where(asked, key.is_not(None))
        yield from self.rows(whole.order_by(moved, key).limit(most), given)

    def lines(self, query: LineQuery, keys: Sequence[object], most: int) -> list[Row]:
        """The lines of these orders."""
        made = _of(query.text, query.order, query.id)
        among = made.c[query.order].in_(bindparam("orders", expanding=True, type_=_ANY))
        whole = _all(made).where(among)
        whole = whole.order_by(made.c[query.order], made.c[query.id]).limit(most)
        return list(self.rows(whole, {"orders": list(keys)}))

    def blank(self, query: KindQuery, name: str, most: int) -> list[Row]:
        """Rows that have nothing in this column."""
        made = _of(query.text, name)
        return list(
            self.rows(
                select(literal_column("*"))
                .select_from(made)
                .where(made.c[name].is_(None))
                .limit(most)
            )
        )

    def newest(self, query: KindQuery) -> object:
        """The latest moment of the cursor as the database has it; None without rows."""
        made = _of(query.text, query.cursor)
        return self.run(select(func.max(made.c[query.cursor], type_=_ANY))).scalar()

    def oldest(self, query: KindQuery) -> object:
        """The earliest moment of the cursor as the database has it; None without rows."""
        made = _of(query.text, query.cursor)
        return self.run(select(func.min(made.c[query.cursor], type_=_ANY))).scalar()

    def count(self, query: KindQuery) -> int:
        """How many rows there are."""
        made = _of(query.text, query.cursor)
        return int(self.run(select(func.count()).select_from(made)).scalar() or 0)

    def repeated(self, query: KindQuery) -> object:
        """An id that two rows have; None where each has its own."""
        made = _of(query.text, query.id)
        key = made.c[query.id]
        more = func.count() > literal_column("1")
        return self.run(select(key).group_by(key).having(more).limit(1)).scalar()

    def repeated_among(self, query: KindQuery, keys: Sequence[object]) -> list[object]:
        """Return each id of `keys` that more than one row of the query has."""
        made = _of(query.text, query.id)
        key = made.c[query.id]
        among = key.in_(bindparam("keys", expanding=True, type_=_ANY))
        more = func.count() > literal_column("1")
        result = self.run(select(key).where(among).group_by(key).having(more), {"keys": list(keys)})
        with _told():
            return list(result.scalars())

    def rows(
        self, statement: Select[Any], given: Mapping[str, object] | None = None
    ) -> Iterator[Row]:
        """The rows of a statement by column, in small letters; not all are fetched at once, and
        none where one of them is too long.
        """
        at_once = self._at_once(statement, given)
        result = self.run(statement, given, at_once=at_once)
        names = [str(name).lower() for name in result.keys()]  # noqa: SIM118 - a result is no mapping
        utc = [
            self.system in ("mariadb", "mysql") and one[1] == _TIMESTAMP
            for one in result.cursor.description
        ]
        with _told(), result:
            size = 0
            for row in result:
                size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
                if size > MOST_BYTES:
                    words = "The rows of one page are longer than may be read at once."
                    raise TooLongError(words, "Set fewer rows at once, or name columns.")
                yield {
                    name: value.replace(tzinfo=UTC) if at and isinstance(value, datetime) else value
                    for name, value, at in zip(names, row, utc, strict=True)
                }

    def run(
        self,
        statement: Select[Any],
        given: Mapping[str, object] | None = None,
        *,
        at_once: int = _FEW,
    ) -> CursorResult[Any]:
        """The answer to a statement of this module; its rows come as they are asked for, so many at
        once.
        """
        how = {"stream_results": True, "max_row_buffer": at_once}
        with _told():
            return self.connection.execute(statement, dict(given or {}), execution_options=how)

    def _at_once(self, statement: Select[Any], given: Mapping[str, object] | None) -> int:
        """How many of these rows may be fetched at once.

        PostgreSQL's driver has a row in memory before anybody can say no, so the server is asked
        first how long the longest is. MariaDB's is bounded where it reads (drivers.py), and SQLite
        makes none that is longer.
        """
        if self.system != "postgresql":
            return _FEW
        rows = statement.subquery("weighed")
        length = func.octet_length(cast(literal_column("weighed"), Text))
        longest = self.run(select(func.max(length)).select_from(rows), given).scalar() or 0
        if longest > LONGEST_VALUE:
            raise TooLongError
        return max(1, min(_MANY, MOST_BYTES // max(1, longest)))

    def told(self, plain: str) -> list[tuple[object, ...]]:
        """The answer to a plain statement of our own."""
        with _told():
            return [tuple(row) for row in self.connection.exec_driver_sql(plain)]

    def says(self, plain: str) -> None:
        """Set something of this transaction."""
        with _told():
            self.connection.exec_driver_sql(plain)

    def explained(self, how: str, query: KindQuery) -> list[dict[str, object]]:
        """How the database would read a page from a late moment on, row by row of its answer."""
        made = _of(query.text, query.cursor, query.id)
        moved = made.c[query.cursor]
        late: ColumnElement[Any] = literal_column("'2999-01-01 00:00:00'")
        whole = _all(made).where(moved >= late)
        whole = whole.order_by(moved, made.c[query.id]).limit(1)
        plain = whole.compile(self.connection, compile_kwargs={"literal_binds": True})
        with _told():
            found = self.connection.exec_driver_sql(f"{how} {plain}")
            return [dict(row) for row in found.mappings()]

    def _bound(self, query: KindQuery, at: Start) -> object:
        """A moment in the type of the cursor column."""
        if self.system == "sqlite":
            return like(at.sample, at.moment, self.zone)
        if self.system == "mssql":
            return at.moment.astimezone(self.zone).replace(tzinfo=None)
        kind = self.columns(query.text).get(query.cursor.lower())
        if not kind:
            words = (
                f"The column {query.cursor} is not there, or holds something that is not a moment."
            )
            hint = "Name a column with date and time (timestamp or datetime) as the cursor."
            raise UnansweredError("name", words, hint)
        here = (
            at.moment if kind == "aware" else at.moment.astimezone(self.zone).replace(tzinfo=None)
        )
        return self._param(here)

    def _param(self, value: object) -> object:
        if isinstance(value, datetime) and value.tzinfo and self.system in ("mariadb", "mysql"):
            return value.astimezone(UTC).replace(tzinfo=None)
        return value


def _all(made: Subquery) -> Select[Any]:
    """Every column of these rows."""
    return select(literal_column("*")).select_from(made)


def _of(query: str, *names: str) -> Subquery:
    """The rows of a query, in brackets; these of its columns are spoken of."""
    plain = text(query.replace(":", "\\:") + "\n")
    return plain.columns(*(column(name) for name in dict.fromkeys(names))).subquery("shop_rows")


@contextmanager
def _told(*, connecting: bool = False) -> Iterator[None]:
    """Errors of the database in our words, without the statement and its values."""
    try:
        yield
    except DBAPIError as error:
        raise unanswered(error.orig or error, connecting=connecting) from None
    except GARBLED:
        raise UnansweredError("other") from None


@contextmanager
def opened(address: DatabaseAddress, password: str, zone: ZoneInfo) -> Iterator[Reader]:
    """A transaction that reads, and is undone at its end; raises UnansweredError without one."""
    place = resolve_destination(address)
    if isinstance(place, Blocked):
        if place.temporary and not address.is_file:
            raise unreached("host", address.title, address.host, address.port)
        raise UnansweredError("away" if place.temporary else "blocked", place.words)
    try:
        engine = create_engine(f"{DIALECTS[address.system]}://", poolclass=NullPool)
        driver = engine.dialect.loaded_dbapi
    except (ImportError, NoSuchModuleError) as missing:
        raise UnansweredError("driver") from missing
    login = Login(address, password, place, zone)
    engine = create_engine(
        f"{DIALECTS[address.system]}://",
        poolclass=NullPool,
        creator=lambda: _connected(login, driver),
    )
    with _told(connecting=True):
        connection = engine.connect()
    with watched(connection.connection.dbapi_connection) as watch:
        try:
            with _told():
                _begin(connection, address.system, place)
            yield Reader(connection, address.system, zone)
        except UnansweredError as why:
            connection.invalidate()  # its end undoes all; perhaps it cannot be spoken to any more
            raise UnansweredError("time") if watch.over else why from None
        finally:
            connection.close()
            engine.dispose()


@dataclass(frozen=True, slots=True)
class Server:
    """One address to connect to; with `certificates` ("" are those of the machine) nothing is said
    that is not encrypted, None leaves it to the server.
    """

    to: Destination
    certificates: str | None


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks, where, with the zone of moments that name none."""

    address: DatabaseAddress
    password: str
    place: Server | Path
    zone: ZoneInfo


def _connected(login: Login, driver: Any) -> Any:
    where = login.address
    try:
        return connect(login, driver)
    except driver.Error as error:
        told = unanswered(error, connecting=True)
        if told.cause not in WAYS:
            raise told from None
        raise unreached(told.cause, where.title, where.host, where.port) from None
    except OSError as error:
        raise unreached(way_of(error), where.title, where.host, where.port) from error
    except GARBLED as error:
        raise unreached("stranger", where.title, where.host, where.port) from error


def _begin(connection: Connection, system: str, place: object) -> None:
    if system == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    elif system in ("mariadb", "mysql"):
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    elif isinstance(place, Path):
        connection.exec_driver_sql("BEGIN")
        only_reading(connection.connection.dbapi_connection)  # type: ignore[arg-type]


def connect(login: Login, driver: ModuleType) -> Any:
    """A new connection of the driver."""
    if isinstance(login.place, Path):
        return _sqlite(login.place)
    makers: Mapping[str, Callable[[Login, Server, ModuleType], Any]] = {
        "postgresql": _postgresql,
        "mssql": _sqlserver,
    }
    return makers.get(login.address.system, _mariadb)(login, login.place, driver)


def _sqlite(path: Path) -> sqlite3.Connection:
    made = sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, timeout=CONNECT_SECONDS, check_same_thread=False
    )
    made.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    made.execute("PRAGMA query_only = ON")
    made.execute("PRAGMA trusted_schema = OFF")
    return made


def _postgresql(login: Login, server: Server, driver: ModuleType) -> Any:
    encrypted = server.certificates is not None
    milliseconds = STATEMENT_SECONDS * 1000
    told = {
        "default_transaction_read_only": "on",
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds * 6,
        "TimeZone": login.zone.key,
    }
    made = driver.connect(
        host=login.address.host,
        hostaddr=server.to.address,
        port=server.to.port,
        user=login.address.user,
        password=login.password,
        dbname=login.address.database,
        connect_timeout=CONNECT_SECONDS,
        options=" ".join(f"-c {name}={value}" for name, value in told.items()),
        sslmode="verify-full" if encrypted else "prefer",
        sslrootcert=(server.certificates or "system") if encrypted else os.devnull,
        passfile=os.devnull,
        gssencmode="disable",
        application_name="clearpost",
    )
    _keep_odd_moments(made)
    return made


def _keep_odd_moments(connection: Any) -> None:
    """Read moments that Python cannot hold, such as infinity, as text: else the driver fails the
    whole page for one row.
    """
    from psycopg import DataError  # noqa: PLC0415 - only where the driver is used
    from psycopg.types import datetime as loaders  # noqa: PLC0415

    def lenient(base: Any) -> Any:
        class Lenient(base):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode("utf-8", "replace")

        return Lenient

    for name, base in (
        ("date", loaders.DateLoader),
        ("timestamp", loaders.TimestampLoader),
        ("timestamptz", loaders.TimestamptzLoader),
    ):
        connection.adapters.register_loader(name, lenient(base))


def _sqlserver(login: Login, server: Server, driver: ModuleType) -> Any:
    return driver.connect(
        server=server.to.address,
        port=str(server.to.port),
        user=login.address.user,
        password=login.password,
        database=login.address.database,
        login_timeout=CONNECT_SECONDS,
        timeout=STATEMENT_SECONDS,
        appname="clearpost",
        encryption="require" if server.certificates is not None else "request",
    )


def _mariadb(login: Login, server: Server, driver: ModuleType) -> Any:
    encrypted = None
    if server.certificates is not None:
        encrypted = ssl.create_default_context(cafile=server.certificates or None)
    made = driver.connect(
        host=server.to.address,
        port=server.to.port,
        user=login.address.user,
        password=login.password,
        database=login.address.database,
        charset="utf8mb4",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=STATEMENT_SECONDS + CONNECT_SECONDS,
        ssl=encrypted,
        ssl_disabled=encrypted is None,
        local_infile=False,
        program_name="clearpost",
        auth_plugin_map=dict.fromkeys(_PLAIN, _NeverPlain),
        defer_connect=True,
    )
    made._read_bytes = partial(_bounded, made, made._read_bytes)
    if encrypted is not None:
        made.host = login.address.host  # what its certificate has to name
    _reach(made, server)
    with made.cursor() as cursor:
        limit = f"max_execution_time={STATEMENT_SECONDS * 1000}"
        if "mariadb" in str(made.get_server_info()).lower():
            limit = f"max_statement_time={STATEMENT_SECONDS}"
        cursor.execute(f"SET SESSION {limit}, time_zone='+00:00', lock_wait_timeout=10")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
    return made


class _NeverPlain:
    """In the place of such a way: whoever answers may be anybody, and would have the password."""

    def __init__(self, connection: object) -> None:
        """As the driver makes it; nothing of the connection is needed."""

    def authenticate(self, _asked: object) -> Any:
        """Break off before anything is said."""
        raise UnansweredError("plain")


def _bounded(made: Any, read: Callable[[int], bytes], size: int) -> bytes:
    """Read so many bytes of an answer, unless a row is longer than may be kept: then none of it,
    and the connection is of no more use.
    """
    if size >= _FULL_PACKET:
        if made._result is not None:
            made._result.unbuffered_active = False  # nothing more is read of it
        raise TooLongError
    return read(size)


def _reach(made: Any, server: Server) -> None:
    """Connect to exactly the address that was judged, whatever its name means by now."""
    made.connect(socket.create_connection((server.to.address, server.to.port), CONNECT_SECONDS))


def only_reading(connection: sqlite3.Connection) -> None:
    """From now on let a statement do nothing but read, whatever it says."""
    connection.set_authorizer(_allowed)
    end = monotonic() + STATEMENT_SECONDS
    connection.set_progress_handler(lambda: int(monotonic() > end), _STEPS)


def _allowed(act: int, _one: str | None, name: str | None, *_: object) -> int:
    good = act in _MAY and (
        act != sqlite3.SQLITE_FUNCTION or (name or "").lower() not in _FUNCTIONS
    )
    return sqlite3.SQLITE_OK if good else sqlite3.SQLITE_DENY


class Watch:
    """Whether the time is over."""

    def __init__(self, connection: Any) -> None:
        self.over = False
        self._connection = connection
        handle = _handle(connection)
        # one of our own: theirs may be somebody else's by the time that we end it
        self._wire = None if handle is None else socket.socket(fileno=os.dup(handle))

    def end(self) -> None:
        """Break off; whoever waits for an answer gets an error of the driver."""
        self.over = True
        if isinstance(self._connection, sqlite3.Connection):
            self._connection.interrupt()
        elif self._wire is not None:
            with suppress(OSError):  # it has ended
                self._wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Watch no longer."""
        if self._wire is not None:
            self._wire.close()


def _handle(connection: Any) -> int | None:
    """The file descriptor of a connection to a server, where its driver tells it."""
    found = connection if hasattr(connection, "fileno") else getattr(connection, "_sock", None)
    return None if found is None else int(found.fileno())


@contextmanager
def watched(connection: Any) -> Iterator[Watch]:
    """Watch a driver's connection for as long as the block."""
    watch = Watch(connection)
    timer = threading.Timer(PAGE_SECONDS, watch.end)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        watch.close()


def parse_place(told: dict[str, str]) -> Place | Start:
    """A place out of its text."""
    if "start" in told:
        return Start(datetime.fromisoformat(told["start"]), told.get("sample", ""))
    moved = told["moved"] if told["as"] == "text" else datetime.fromisoformat(told["moved"])
    key: Key = told["key"]
    if told["key_as"] != "text":
        key = int(told["key"]) if told["key_as"] == "whole" else Decimal(told["key"])
    return Place(moved, key)


def told(place: Place | Start) -> dict[str, str]:
    """A place as text, so that the same row is found again."""
    if isinstance(place, Start):
        return {"start": place.moment.isoformat(), "sample": place.sample}
    moved, key = place.moved, place.key
    words = {int: "whole", Decimal: "decimal"}
    return {
        "moved": moved if isinstance(moved, str) else moved.isoformat(),
        "as": "text" if isinstance(moved, str) else "moment",
        "key": str(key),
        "key_as": words.get(type(key), "text"),
    }


def moment_of(value: object, zone: ZoneInfo) -> datetime | None:
    """The moment of a cursor; one that names no zone is of the source's. None: it is none."""
    if isinstance(value, str):
        if not _SAMPLE.fullmatch(value):
            return None
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None


def like(sample: str, moment: datetime, zone: ZoneInfo) -> str:
    """A moment written as a sample is, so that texts compare as moments do; to the minute, for
    a text may have less than seconds.
    """
    shape = _SAMPLE.fullmatch(sample)
    between, offset = (shape[1], shape[2]) if shape else (" ", None)
    here = datetime.fromisoformat(sample).tzinfo if offset else zone
    return moment.astimezone(here).strftime(f"%Y-%m-%d{between}%H:%M")


def resolve_destination(address: DatabaseAddress) -> Server | Path | Blocked:
    """The server or the file, or why it is not asked."""
    if address.is_file:
        return _file(address.database)
    own = {one.strip().lower() for one in os.environ.get("CLEARPOST_SQL_HOSTS", "").split(",")}
    to = resolve_host(address.host, address.port, own - {""})
    if isinstance(to, Blocked):
        return to
    trusted = os.environ.get("CLEARPOST_SQL_CA", "")
    return Server(to, trusted if to.scheme == "tls" else None)


def _file(path: str) -> Path | Blocked:
    folder = os.environ.get("CLEARPOST_SQL_FOLDER", "")
    if not folder:
        return Blocked(
            "No file of this machine is read, because CLEARPOST_SQL_FOLDER is not set. Who runs"
            " Clearpost's server can set it."
        )
    inside = Path(folder).resolve()
    found = (inside / path).resolve()
    if not found.is_relative_to(inside):
        return Blocked("The file is outside the folder that CLEARPOST_SQL_FOLDER names.")
    if not found.is_file():
        return Blocked("There is no such file in the folder of databases.", temporary=True)
    return found
