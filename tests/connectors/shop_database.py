"""A shop's database of the example's tables, in each system that is tested: made anew, written to
as the shop does, and dropped.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.registry import sources
from connectors.transport.http import Http
from tests.support.clock import SetClock
from tests.support.databases import SERVER

WIRE = Path(__file__).parent / "wire" / "sql"
SYSTEMS = ("sqlite", "postgresql", "mariadb")
ZONE = ZoneInfo("Asia/Kuala_Lumpur")
PASSWORD = "reader-pa55-word"
QUERIES: dict[str, str] = json.loads((WIRE / "settings.json").read_text("utf-8"))
"""What the connection of the example asks."""
POSTGRESQL = os.environ.get("CLEARPOST_TEST_POSTGRESQL") or SERVER
MARIADB = os.environ.get("CLEARPOST_TEST_MARIADB") or "mysql+pymysql://root@127.0.0.1:3306"


@dataclass
class ShopDatabase:
    """The tables of one shop: `engine` is how the shop itself writes there."""

    system: str
    engine: sa.Engine
    settings: dict[str, str]
    name: str

    def run(self, *statements: str) -> None:
        """Write as the shop does, in one transaction."""
        with self.engine.begin() as session:
            for one in statements:
                session.exec_driver_sql(one.replace("%", "%%"))

    def empty(self) -> None:
        """Without orders and settlements, as a new shop is."""
        names = ("orders", "order_items", "blogger_settlements")
        self.run(*(f"DELETE FROM {name}" for name in names))

    def page(self, cursor: str, now: datetime, **settings: str) -> Page | NoPage:
        source: Any = sources()["sql"]
        asked = {**self.settings, **settings}
        return source.page(cursor, asked, PASSWORD, ZONE, Http(SetClock(now)))

    def reading(self, cursor: str, now: datetime, **settings: str) -> tuple[list[Pulled], str]:
        """All pages from a cursor on; what they held, and where the next reading begins."""
        found: list[Pulled] = []
        for _ in range(200):
            told = self.page(cursor, now, **settings)
            assert isinstance(told, Page), told
            found += told.found
            cursor = told.after
            if not told.more:
                return found, cursor
        raise AssertionError("it does not end")

    def tested(self, now: datetime, **settings: str) -> Any:
        source: Any = sources()["sql"]
        asked = {**self.settings, **settings}
        return source.test(asked, PASSWORD, ZONE, Http(SetClock(now)))


def _statements() -> list[str]:
    text = (WIRE / "shop.sql").read_text("utf-8")
    return [one.strip() for one in text.split(";") if one.strip()]


@contextmanager
def shop_database(
    system: str, folder: Path, let_in: Callable[[str, str], None], *, rows: bool = False
) -> Iterator[ShopDatabase]:
    """The database, and the settings of a connection to it."""
    name = f"clearpost_shop_{secrets.token_hex(6)}"
    made = {"sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb}[system](name, folder)
    if system == "sqlite":
        let_in("CLEARPOST_SQL_FOLDER", str(folder))
    else:
        let_in("CLEARPOST_SQL_HOSTS", "127.0.0.1")
    with made as (engine, address):
        shop = ShopDatabase(system, engine, {"base_url": address, **QUERIES}, name)
        kept = [one for one in _statements() if rows or not one.startswith("INSERT")]
        words = {"postgresql": ("DATETIME", "TIMESTAMP")}.get(system, ("DATETIME", "DATETIME(6)"))
        shop.run(*(one if system == "sqlite" else one.replace(*words) for one in kept))
        _let_read(shop)
        yield shop


@contextmanager
def _sqlite(name: str, folder: Path) -> Iterator[tuple[sa.Engine, str]]:
    engine = sa.create_engine(f"sqlite:///{folder / name}.db", poolclass=sa.NullPool)
    yield engine, f"sqlite:///{name}.db"


@contextmanager
def _postgresql(name: str, folder: Path) -> Iterator[tuple[sa.Engine, str]]:
    outside = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        with outside.connect() as session:
            session.exec_driver_sql(f"CREATE DATABASE {name}")
            session.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    except OperationalError:
        pytest.skip("NO POSTGRESQL: no shop of it was read")
    engine = sa.create_engine(sa.make_url(POSTGRESQL).set(database=name), poolclass=sa.NullPool)
    try:
        yield engine, f"postgresql://{name}@127.0.0.1:{engine.url.port}/{name}"
    finally:
        with outside.connect() as session:
            session.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
            session.exec_driver_sql(f"DROP ROLE {name}")


@contextmanager
def _mariadb(name: str, folder: Path) -> Iterator[tuple[sa.Engine, str]]:
    outside = sa.create_engine(MARIADB, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        with outside.connect() as session:
            session.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            user = f"'{name[-20:]}'@'%%'"
            session.exec_driver_sql(f"CREATE USER {user} IDENTIFIED BY '{PASSWORD}'")
    except (OperationalError, ImportError):
        pytest.skip("NO MARIADB: no shop of it was read")
    engine = sa.create_engine(f"{MARIADB}/{name}", poolclass=sa.NullPool)
    try:
        yield engine, f"mariadb://{name[-20:]}@127.0.0.1:{engine.url.port}/{name}"
    finally:
        with outside.connect() as session:
            session.exec_driver_sql(f"DROP DATABASE {name}")
            session.exec_driver_sql(f"DROP USER {user}")


def _let_read(shop: ShopDatabase) -> None:
    """The login of the connection may read these tables and nothing else."""
    if shop.system == "postgresql":
        shop.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {shop.name}")
    elif shop.system == "mariadb":
        shop.run(f"GRANT SELECT ON {shop.name}.* TO '{shop.name[-20:]}'@'%'")
