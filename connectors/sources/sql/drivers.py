"""Opening a connection to each system, by the address that was judged and for reading only.

Here: what each driver is told: address, encryption, time limits, read-only. Not here: what is asked
then (database.py). SQLAlchemy finds the driver; one that is not installed is an ImportError.

The database is told to write nothing wherever it can be: PostgreSQL by every transaction's default,
MariaDB by the session, SQLite by the way the file is opened and by what a statement may do there.
SQL Server cannot be told so: there only the login keeps it from writing, and none of it is tested.
"""

import os
import socket
import sqlite3
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.contract.database_settings import DatabaseAddress
from connectors.kit.delivery_limits import MEGABYTE
from connectors.sources.sql.destination import Server
from connectors.sources.sql.failures import UnansweredError

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


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks, where, with the zone of moments that name none."""

    address: DatabaseAddress
    password: str
    place: Server | Path
    zone: ZoneInfo


def connect(login: Login, driver: ModuleType) -> Any:
    """A new connection of the driver."""
    if isinstance(login.place, Path):
        return _sqlite(login.place)
    makers: Mapping[str, Callable[[Login, Server, ModuleType], Any]] = {
        "postgresql": _postgresql,
        "mssql": _sqlserver,
    }
    return makers.get(login.address.system, _mariadb)(login, login.place, driver)


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
    return driver.connect(
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


_PLAIN: Final = (b"mysql_clear_password", b"dialog")
"""Ways to log in by which a server asks for the password as it is."""


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
        raise UnansweredError("long")
    return read(size)


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


def _reach(made: Any, server: Server) -> None:
    """Connect to exactly the address that was judged, whatever its name means by now."""
    made.connect(socket.create_connection((server.to.address, server.to.port), CONNECT_SECONDS))
