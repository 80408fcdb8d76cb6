"""Asking a shop's database: a read-only transaction, and what is read in it.

Here: the statements around a query of the settings. Not here: opening the connection (drivers.py),
what a row means (rows.py), where reading goes on (pages.py).

This is the one module outside holding that speaks SQLAlchemy
(docs/decisions/0099-a-database-as-a-source.md). A query stands in brackets of its own, so that
nothing of it can be a statement; all of a page is read in one transaction that sees one state.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
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

from connectors.contract.database_settings import DatabaseAddress
from connectors.kit.delivery_limits import MEGABYTE
from connectors.sources.sql.destination import place_of
from connectors.sources.sql.drivers import DIALECTS, LONGEST_VALUE, Login, connect, only_reading
from connectors.sources.sql.failures import (
    WAYS,
    UnansweredError,
    unanswered,
    unreached,
    way_of,
)
from connectors.sources.sql.places import Place, Start, like
from connectors.sources.sql.queries import KindQuery, LineQuery
from connectors.sources.sql.time_limit import watched
from connectors.transport.addresses import Blocked

Row = Mapping[str, object]
MOST_BYTES: Final = 64 * MEGABYTE
_TIMESTAMP: Final = 7  # MariaDB's column that is a moment; a DATETIME is one of some clock
_MOMENTS: Final[Mapping[str, Mapping[object, str]]] = {
    "postgresql": {1114: "naive", 1184: "aware"},
    "mariadb": {12: "naive", _TIMESTAMP: "aware"},
    "mysql": {12: "naive", _TIMESTAMP: "aware"},
}
_FEW: Final = 4  # rows of the greatest length that may be in memory
_MANY: Final = 50
GARBLED: Final = (struct.error, LookupError, ValueError, AssertionError, EOFError)
"""What a driver stumbles over where a server does not speak as its kind does."""
_ANY: Final = NullType()  # as the driver has it: a cast would compare in another type


class Reader:
    """One read-only transaction."""

    def __init__(self, connection: Connection, system: str, zone: ZoneInfo) -> None:
        self.connection, self.system, self.zone = connection, system, zone

    def columns(self, query: str) -> dict[str, str]:
        """Column in small letters -> "naive" or "aware" where it holds moments, else blank."""
        result = self.run(_all(_of(query)).limit(0))
        kinds = _MOMENTS.get(self.system, {})
        return {str(one[0]).lower(): kinds.get(one[1], "") for one in result.cursor.description}

    def page(self, query: KindQuery, at: Place | Start, most: int) -> Iterator[Row]:
        """The rows behind a place, the oldest change first."""
        made = _of(query.text, query.cursor, query.id)
        moved, key = made.c[query.cursor], made.c[query.id]
        if isinstance(at, Start):
            begin = bindparam("since", self._bound(query, at), type_=_ANY)
            asked, given = moved >= begin, {}
        else:
            since, behind = (bindparam(name, type_=_ANY) for name in ("since", "behind"))
            asked = (moved >= since) & ((moved > since) | (key > behind))
            given = {"since": self._param(at.moved), "behind": at.key}
        whole = _all(made).where(asked)
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
                    raise UnansweredError(
                        "value", words, "Set fewer rows at once, or name columns."
                    )
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
            raise UnansweredError("long")
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


@contextmanager
def opened(address: DatabaseAddress, password: str, zone: ZoneInfo) -> Iterator[Reader]:
    """A transaction that reads, and is undone at its end; raises UnansweredError without one."""
    place = place_of(address)
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


def _begin(connection: Connection, system: str, place: object) -> None:
    if system == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    elif system in ("mariadb", "mysql"):
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    elif isinstance(place, Path):
        connection.exec_driver_sql("BEGIN")
        only_reading(connection.connection.dbapi_connection)  # type: ignore[arg-type]


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


@contextmanager
def _told(*, connecting: bool = False) -> Iterator[None]:
    """Errors of the database in our words, without the statement and its values."""
    try:
        yield
    except DBAPIError as error:
        raise unanswered(error.orig or error, connecting=connecting) from None
    except GARBLED:
        raise UnansweredError("other") from None


def _of(query: str, *names: str) -> Subquery:
    """The rows of a query, in brackets; these of its columns are spoken of."""
    plain = text(query.replace(":", "\\:") + "\n")
    return plain.columns(*(column(name) for name in dict.fromkeys(names))).subquery("shop_rows")


def _all(made: Subquery) -> Select[Any]:
    """Every column of these rows."""
    return select(literal_column("*")).select_from(made)
