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
    network_cause,
    unanswered,
    unreached,
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
    """A position in the rows: all rows after this row, by its stored moment and then its id."""

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
        """Return lower-case column -> "naive" or "aware" if it holds moments, else blank."""
        result = self.run(_select_all(_subquery(query)).limit(0))
        kinds = _MOMENTS.get(self.system, {})
        return {
            str(description[0]).lower(): kinds.get(description[1], "")
            for description in result.cursor.description
        }

    def floats(self, query: str) -> frozenset[str]:
        """Return the columns with binary numbers, in lower case.

        SQLite does not report the type of a query's column. A column counts if any table of the
        database declares it so.
        """
        described = self.run(_select_all(_subquery(query)).limit(0)).cursor.description
        names = {str(description[0]).lower(): description[1] for description in described}
        if self.system == "sqlite":
            tables = self.fetch_all("SELECT sql FROM sqlite_master WHERE type = 'table'")
            declared = {
                str(match[1]).lower()
                for (table,) in tables
                for match in _FLOAT_COLUMN.finditer(str(table))
            }
            return frozenset(names.keys() & declared)
        kinds = _FLOATS.get(self.system, frozenset())
        return frozenset(name for name, kind in names.items() if kind in kinds)

    def latest(self, query: KindQuery, most: int) -> list[Row]:
        """Return the rows that changed last."""
        source = _subquery(query.text, query.cursor)
        statement = _select_all(source).order_by(source.c[query.cursor].desc()).limit(most)
        return list(self.rows(statement))

    def page(
        self, query: KindQuery, at: Place | Start, most: int, names: Sequence[str] = ()
    ) -> Iterator[Row]:
        """Yield the rows after a place that have an id, oldest change first.

        `names`: only these columns.
        """
        source = _subquery(query.text, query.cursor, query.id, *names)
        moved, key = source.c[query.cursor], source.c[query.id]
        if isinstance(at, Start):
            begin = bindparam("since", self._bound(query, at), type_=_ANY)
            condition, parameters = moved >= begin, {}
        else:
            since, behind = (bindparam(name, type_=_ANY) for name in ("since", "behind"))
            condition = (moved >= since) & ((moved > since) | (key > behind))
            parameters = {"since": self._param(at.moved), "behind": at.key}
        columns = [source.c[name] for name in dict.fromkeys(names)]
        statement = (select(*columns) if columns else _select_all(source)).where(
            condition, key.is_not(None)
        )
        yield from self.rows(statement.order_by(moved, key).limit(most), parameters)

    def lines(self, query: LineQuery, keys: Sequence[object], most: int) -> list[Row]:
        """Return the lines of these orders."""
        source = _subquery(query.text, query.order, query.id)
        among = source.c[query.order].in_(bindparam("orders", expanding=True, type_=_ANY))
        statement = _select_all(source).where(among)
        statement = statement.order_by(source.c[query.order], source.c[query.id]).limit(most)
        return list(self.rows(statement, {"orders": list(keys)}))

    def blank(self, query: KindQuery, name: str, most: int) -> list[Row]:
        """Return rows whose value in this column is NULL."""
        source = _subquery(query.text, name)
        return list(
            self.rows(
                select(literal_column("*"))
                .select_from(source)
                .where(source.c[name].is_(None))
                .limit(most)
            )
        )

    def newest(self, query: KindQuery) -> object:
        """Return the latest moment of the cursor as the database has it; None without rows."""
        source = _subquery(query.text, query.cursor)
        return self.run(select(func.max(source.c[query.cursor], type_=_ANY))).scalar()

    def oldest(self, query: KindQuery) -> object:
        """Return the earliest moment of the cursor as the database has it; None without rows."""
        source = _subquery(query.text, query.cursor)
        return self.run(select(func.min(source.c[query.cursor], type_=_ANY))).scalar()

    def count(self, query: KindQuery) -> int:
        """Return how many rows there are."""
        source = _subquery(query.text, query.cursor)
        return int(self.run(select(func.count()).select_from(source)).scalar() or 0)

    def repeated(self, query: KindQuery) -> object:
        """Return an id that two rows share, or None."""
        source = _subquery(query.text, query.id)
        key = source.c[query.id]
        is_repeated = func.count() > literal_column("1")
        return self.run(select(key).group_by(key).having(is_repeated).limit(1)).scalar()

    def repeated_among(self, query: KindQuery, keys: Sequence[object]) -> list[object]:
        """Return each id of `keys` that more than one row of the query has."""
        source = _subquery(query.text, query.id)
        key = source.c[query.id]
        among = key.in_(bindparam("keys", expanding=True, type_=_ANY))
        is_repeated = func.count() > literal_column("1")
        result = self.run(
            select(key).where(among).group_by(key).having(is_repeated), {"keys": list(keys)}
        )
        with _translated_errors():
            return list(result.scalars())

    def rows(
        self, statement: Select[Any], parameters: Mapping[str, object] | None = None
    ) -> Iterator[Row]:
        """Yield the rows of a statement by lower-case column, fetched in batches.

        Raise TooLongError if the rows are too long.
        """
        at_once = self._at_once(statement, parameters)
        result = self.run(statement, parameters, at_once=at_once)
        names = [str(name).lower() for name in result.keys()]  # noqa: SIM118 - a result is no mapping
        utc = [
            self.system in ("mariadb", "mysql") and description[1] == _TIMESTAMP
            for description in result.cursor.description
        ]
        with _translated_errors(), result:
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
        parameters: Mapping[str, object] | None = None,
        *,
        at_once: int = _FEW,
    ) -> CursorResult[Any]:
        """Execute a statement of this module; its rows are fetched in batches of `at_once`."""
        options = {"stream_results": True, "max_row_buffer": at_once}
        with _translated_errors():
            return self.connection.execute(
                statement, dict(parameters or {}), execution_options=options
            )

    def _at_once(self, statement: Select[Any], parameters: Mapping[str, object] | None) -> int:
        """Return how many of these rows may be fetched at once.

        PostgreSQL's driver holds a whole row in memory before it can be refused, so the longest
        row's length is queried first. MariaDB's rows are bounded where they are read
        (`_read_bounded`), and SQLite creates no longer values.
        """
        if self.system != "postgresql":
            return _FEW
        rows = statement.subquery("weighed")
        length = func.octet_length(cast(literal_column("weighed"), Text))
        longest = self.run(select(func.max(length)).select_from(rows), parameters).scalar() or 0
        if longest > LONGEST_VALUE:
            raise TooLongError
        return max(1, min(_MANY, MOST_BYTES // max(1, longest)))

    def fetch_all(self, plain: str) -> list[tuple[object, ...]]:
        """Return all rows of a plain statement of our own."""
        with _translated_errors():
            return [tuple(row) for row in self.connection.exec_driver_sql(plain)]

    def execute(self, plain: str) -> None:
        """Execute a statement that changes a setting of this transaction."""
        with _translated_errors():
            self.connection.exec_driver_sql(plain)

    def explained(self, keyword: str, query: KindQuery) -> list[dict[str, object]]:
        """Return the database's plan for reading a page from a late moment on, row by row."""
        source = _subquery(query.text, query.cursor, query.id)
        moved = source.c[query.cursor]
        late: ColumnElement[Any] = literal_column("'2999-01-01 00:00:00'")
        statement = _select_all(source).where(moved >= late)
        statement = statement.order_by(moved, source.c[query.id]).limit(1)
        plain = statement.compile(self.connection, compile_kwargs={"literal_binds": True})
        with _translated_errors():
            result = self.connection.exec_driver_sql(f"{keyword} {plain}")
            return [dict(row) for row in result.mappings()]

    def _bound(self, query: KindQuery, at: Start) -> object:
        """Return a moment in the type of the cursor column."""
        if self.system == "sqlite":
            return format_like(at.sample, at.moment, self.zone)
        if self.system == "mssql":
            return at.moment.astimezone(self.zone).replace(tzinfo=None)
        kind = self.columns(query.text).get(query.cursor.lower())
        if not kind:
            words = (
                f"The column {query.cursor} is not there, or holds something that is not a moment."
            )
            hint = "Name a column with date and time (timestamp or datetime) as the cursor."
            raise UnansweredError("name", words, hint)
        local_moment = (
            at.moment if kind == "aware" else at.moment.astimezone(self.zone).replace(tzinfo=None)
        )
        return self._param(local_moment)

    def _param(self, value: object) -> object:
        if isinstance(value, datetime) and value.tzinfo and self.system in ("mariadb", "mysql"):
            return value.astimezone(UTC).replace(tzinfo=None)
        return value


def _select_all(source: Subquery) -> Select[Any]:
    """Select every column of these rows."""
    return select(literal_column("*")).select_from(source)


def _subquery(query: str, *names: str) -> Subquery:
    """Return a query as a subquery in which these columns can be named."""
    plain = text(query.replace(":", "\\:") + "\n")
    return plain.columns(*(column(name) for name in dict.fromkeys(names))).subquery("shop_rows")


@contextmanager
def _translated_errors(*, connecting: bool = False) -> Iterator[None]:
    """Raise the database's errors in our words, without the statement and its values."""
    try:
        yield
    except DBAPIError as error:
        raise unanswered(error.orig or error, connecting=connecting) from None
    except GARBLED:
        raise UnansweredError("other") from None


@contextmanager
def open_reader(address: DatabaseAddress, password: str, zone: ZoneInfo) -> Iterator[Reader]:
    """Open a read-only transaction and undo it at the end; raise UnansweredError if that fails."""
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
        creator=lambda: _open_connection(login, driver),
    )
    with _translated_errors(connecting=True):
        connection = engine.connect()
    with watched(connection.connection.dbapi_connection) as watch:
        try:
            with _translated_errors():
                _begin(connection, address.system, place)
            yield Reader(connection, address.system, zone)
        except UnansweredError as error:
            connection.invalidate()  # its end undoes all; perhaps it cannot be spoken to any more
            raise UnansweredError("time") if watch.over else error from None
        finally:
            connection.close()
            engine.dispose()


@dataclass(frozen=True, slots=True)
class Server:
    """An address to connect to.

    `certificates` names a file of trusted certificates (blank: the machine's own) and makes
    encryption mandatory; None leaves encryption to the server.
    """

    to: Destination
    certificates: str | None


@dataclass(frozen=True, slots=True)
class Login:
    """Address, password and place of a login, with the time zone of moments without one."""

    address: DatabaseAddress
    password: str
    place: Server | Path
    zone: ZoneInfo


def _open_connection(login: Login, driver: Any) -> Any:
    where = login.address
    try:
        return connect(login, driver)
    except driver.Error as error:
        failure = unanswered(error, connecting=True)
        if failure.cause not in WAYS:
            raise failure from None
        raise unreached(failure.cause, where.title, where.host, where.port) from None
    except OSError as error:
        raise unreached(network_cause(error), where.title, where.host, where.port) from error
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
    """Return a new connection of the driver."""
    if isinstance(login.place, Path):
        return _sqlite(login.place)
    makers: Mapping[str, Callable[[Login, Server, ModuleType], Any]] = {
        "postgresql": _postgresql,
        "mssql": _sqlserver,
    }
    return makers.get(login.address.system, _mariadb)(login, login.place, driver)


def _sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, timeout=CONNECT_SECONDS, check_same_thread=False
    )
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _postgresql(login: Login, server: Server, driver: ModuleType) -> Any:
    encrypted = server.certificates is not None
    milliseconds = STATEMENT_SECONDS * 1000
    session_options = {
        "default_transaction_read_only": "on",
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds * 6,
        "TimeZone": login.zone.key,
    }
    connection = driver.connect(
        host=login.address.host,
        hostaddr=server.to.address,
        port=server.to.port,
        user=login.address.user,
        password=login.password,
        dbname=login.address.database,
        connect_timeout=CONNECT_SECONDS,
        options=" ".join(f"-c {name}={value}" for name, value in session_options.items()),
        sslmode="verify-full" if encrypted else "prefer",
        sslrootcert=(server.certificates or "system") if encrypted else os.devnull,
        passfile=os.devnull,
        gssencmode="disable",
        application_name="clearpost",
    )
    _keep_odd_moments(connection)
    return connection


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
    connection = driver.connect(
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
    connection._read_bytes = partial(_read_bounded, connection, connection._read_bytes)
    if encrypted is not None:
        connection.host = login.address.host  # what its certificate has to name
    _connect_to_address(connection, server)
    with connection.cursor() as cursor:
        limit = f"max_execution_time={STATEMENT_SECONDS * 1000}"
        if "mariadb" in str(connection.get_server_info()).lower():
            limit = f"max_statement_time={STATEMENT_SECONDS}"
        cursor.execute(f"SET SESSION {limit}, time_zone='+00:00', lock_wait_timeout=10")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
    return connection


class _NeverPlain:
    """Replaces a login method that sends the password unencrypted: the server may be an
    impostor.
    """

    def __init__(self, connection: object) -> None:
        """Accept the driver's argument; nothing of the connection is needed."""

    def authenticate(self, _request: object) -> Any:
        """Stop before credentials are sent, because the connection is not encrypted."""
        raise UnansweredError("plain")


def _read_bounded(connection: Any, read: Callable[[int], bytes], size: int) -> bytes:
    """Read this many bytes of an answer; raise TooLongError for a row that is too long.

    The connection is unusable after that.
    """
    if size >= _FULL_PACKET:
        if connection._result is not None:
            connection._result.unbuffered_active = False  # nothing more is read of it
        raise TooLongError
    return read(size)


def _connect_to_address(connection: Any, server: Server) -> None:
    """Connect to exactly the address that was judged, whatever its name means by now."""
    connection.connect(
        socket.create_connection((server.to.address, server.to.port), CONNECT_SECONDS)
    )


def only_reading(connection: sqlite3.Connection) -> None:
    """Allow only reading statements on this connection from now on."""
    connection.set_authorizer(_allowed)
    end = monotonic() + STATEMENT_SECONDS
    connection.set_progress_handler(lambda: int(monotonic() > end), _STEPS)


def _allowed(act: int, _first_argument: str | None, name: str | None, *_: object) -> int:
    good = act in _MAY and (
        act != sqlite3.SQLITE_FUNCTION or (name or "").lower() not in _FUNCTIONS
    )
    return sqlite3.SQLITE_OK if good else sqlite3.SQLITE_DENY


class Watch:
    """A time limit for a connection; `over` is set once the time has passed."""

    def __init__(self, connection: Any) -> None:
        self.over = False
        self._connection = connection
        handle = _handle(connection)
        # one of our own: theirs may be somebody else's by the time that we end it
        self._wire = None if handle is None else socket.socket(fileno=os.dup(handle))

    def end(self) -> None:
        """Cut the connection; a waiting call gets an error of the driver."""
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
    """Return the file descriptor of a connection to a server, if its driver shows it."""
    socket_owner = (
        connection if hasattr(connection, "fileno") else getattr(connection, "_sock", None)
    )
    return None if socket_owner is None else int(socket_owner.fileno())


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


def parse_place(fields: dict[str, str]) -> Place | Start:
    """Parse the JSON form of a place."""
    if "start" in fields:
        return Start(datetime.fromisoformat(fields["start"]), fields.get("sample", ""))
    moved = fields["moved"] if fields["as"] == "text" else datetime.fromisoformat(fields["moved"])
    key: Key = fields["key"]
    if fields["key_as"] != "text":
        key = int(fields["key"]) if fields["key_as"] == "whole" else Decimal(fields["key"])
    return Place(moved, key)


def place_to_json(place: Place | Start) -> dict[str, str]:
    """Return a place as JSON that `parse_place` reads back unchanged."""
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
    """Return the moment of a cursor value, in the source's zone if it names none; None if it is
    none.
    """
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


def format_like(sample: str, moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment in the format of a sample, so that texts compare as moments do.

    To the minute, because a text may have no seconds.
    """
    shape = _SAMPLE.fullmatch(sample)
    separator, offset = (shape[1], shape[2]) if shape else (" ", None)
    target_zone = datetime.fromisoformat(sample).tzinfo if offset else zone
    return moment.astimezone(target_zone).strftime(f"%Y-%m-%d{separator}%H:%M")


def resolve_destination(address: DatabaseAddress) -> Server | Path | Blocked:
    """Return the server or the file, or why it is blocked."""
    if address.is_file:
        return _file(address.database)
    own_hosts = {
        host.strip().lower() for host in os.environ.get("CLEARPOST_SQL_HOSTS", "").split(",")
    }
    destination = resolve_host(address.host, address.port, own_hosts - {""})
    if isinstance(destination, Blocked):
        return destination
    trusted = os.environ.get("CLEARPOST_SQL_CA", "")
    return Server(destination, trusted if destination.scheme == "tls" else None)


def _file(path: str) -> Path | Blocked:
    folder = os.environ.get("CLEARPOST_SQL_FOLDER", "")
    if not folder:
        return Blocked(
            "No file of this machine is read, because CLEARPOST_SQL_FOLDER is not set. Who runs"
            " Clearpost's server can set it."
        )
    inside = Path(folder).resolve()
    file = (inside / path).resolve()
    if not file.is_relative_to(inside):
        return Blocked("The file is outside the folder that CLEARPOST_SQL_FOLDER names.")
    if not file.is_file():
        return Blocked("There is no such file in the folder of databases.", temporary=True)
    return file
