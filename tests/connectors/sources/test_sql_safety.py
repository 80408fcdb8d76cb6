"""A shop's database is never written to, its limits hold, and no error tells a secret."""

import re
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from connectors.contract.pulls import NoPage, Page
from connectors.registry import sources
from connectors.sources.sql import database
from tests.connectors.shop_database import PASSWORD, SYSTEMS, shop_database
from tests.connectors.sources.test_sql import NOW, begin, order

WRITES = {
    "postgresql": (
        "CREATE SEQUENCE counted",
        "GRANT USAGE ON SEQUENCE counted TO PUBLIC",
        "SELECT nextval('counted') AS n, o.* FROM orders o",
    ),
    "mariadb": (
        (
            "CREATE FUNCTION counted() RETURNS INT MODIFIES SQL DATA BEGIN"
            " INSERT INTO order_items VALUES (99, 99, 1, 'x', NULL, 1, 1, NULL, NULL);"
            " RETURN 1; END"
        ),
        "GRANT EXECUTE ON {name}.* TO '{user}'@'%'",
        "SELECT counted() AS n, o.* FROM orders o",
    ),
}
SLOW = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
    " SELECT x AS id, x AS order_no FROM n",
    "postgresql": "SELECT o.*, pg_sleep(20)::text AS z FROM orders o",
    "mariadb": "SELECT o.* FROM orders o WHERE (SELECT COUNT(*) FROM seq_1_to_100000000 s,"
    " seq_1_to_100000000 t) > 0",
}


@pytest.fixture(scope="module", params=SYSTEMS)
def shop(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("shops")
        with shop_database(request.param, folder, patched.setenv) as made:
            made.run(*order(1, NOW - timedelta(hours=1)))
            yield made


@pytest.fixture(scope="module")
def file_shop(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("shops")
        with shop_database("sqlite", folder, patched.setenv) as made:
            made.run(*order(1, NOW - timedelta(hours=1)))
            yield made


def refused(told):
    assert isinstance(told, NoPage), told
    assert PASSWORD not in f"{told.words} {told.hint}"
    assert "SELECT *" not in f"{told.words} {told.hint}"
    assert told.words.endswith(".")
    assert told.hint.endswith(".")
    return told.words


def test_a_query_that_writes_by_a_function_is_refused_by_the_database_itself(shop):
    if shop.system == "sqlite":
        return  # the next test
    *made, query = WRITES[shop.system]
    shop.run(*(one.format(name=shop.name, user=shop.name[-20:]) for one in made))
    words = refused(shop.page(begin(), NOW, order_query=query))
    assert words == "The database does not take the query as one that only reads."
    assert isinstance(shop.page(begin(), NOW), Page)


def test_a_file_is_opened_for_reading_and_lets_nothing_else_through(file_shop):
    path = Path(file_shop.engine.url.database)
    opened = database._sqlite(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        opened.execute("DELETE FROM orders")
    opened.execute("PRAGMA query_only = OFF")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        opened.execute("DELETE FROM orders")
    database.only_reading(opened)
    for statement in (
        "PRAGMA query_only = OFF",
        "ATTACH ':memory:' AS other",
        "DELETE FROM orders",
    ):
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            opened.execute(statement)
    with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited"):
        opened.execute("SELECT load_extension('x')")
    assert opened.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    opened.close()


def test_a_query_that_is_no_select_is_not_even_sent(shop):
    for query in ("DELETE FROM orders", "SELECT 1; SELECT 2", "SELECT 1) AS q"):
        for name in ("order_query", "line_query"):
            words = refused(shop.page(begin(), NOW, **{name: query}))
            assert not words.startswith("The database")


def test_a_query_that_takes_too_long_is_broken_off(shop, monkeypatch):
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 1)
    words = refused(
        shop.page(begin(), NOW, order_query=SLOW[shop.system], order_cursor="id", line_query="")
        if shop.system == "sqlite"
        else shop.page(begin(), NOW, order_query=SLOW[shop.system])
    )
    assert words == "The query took longer than it may."


def test_a_page_is_broken_off_in_all_though_each_statement_may_go_on(shop, monkeypatch):
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 8)
    monkeypatch.setattr(database, "PAGE_SECONDS", 0.5)
    more = {"order_cursor": "id", "line_query": ""} if shop.system == "sqlite" else {}
    begun = monotonic()
    words = refused(shop.page(begin(), NOW, order_query=SLOW[shop.system], **more))
    assert words == "The query took longer than it may."
    assert monotonic() - begun < 4
    monkeypatch.setattr(database, "PAGE_SECONDS", 40)
    assert isinstance(shop.page(begin(), NOW), Page)


def test_each_failure_says_what_happened_in_words(shop):
    told = refused(shop.page(begin(), NOW, order_query="SELECT * FROM ordders"))
    assert re.fullmatch(r"The database knows no \S*ordders\.", told)
    told = refused(shop.page(begin(), NOW, order_id="order_nr"))
    assert re.fullmatch(r"The database knows no \S*order_nr\.", told)
    told = refused(shop.page(begin(), NOW, order_query="SELECT FROM WHERE orders x y z"))
    assert told == "The database does not take the query as one that only reads."
    refused(shop.page(begin(), NOW, order_cursor="order_no"))
    refused(shop.page(begin(), NOW, order_query="", settlement_query=""))


def test_a_wrong_login_a_wrong_database_and_nobody_there_are_told_apart(shop):
    if shop.system == "sqlite":
        return
    source, address = sources()["sql"], shop.settings["base_url"]
    head, _, name = address.rpartition("/")
    stranger = address.replace("://", "://no")
    assert refused(shop.page(begin(), NOW, base_url=stranger)) == (
        "The database does not accept the login."
    )
    away = re.sub(r":\d+/", ":18349/", address)
    told = shop.page(begin(), NOW, base_url=away)
    assert refused(told) == "127.0.0.1 refused the connection on port 18349."
    assert not told.key_refused
    wrong = refused(shop.page(begin(), NOW, base_url=f"{head}/no{name}"))
    assert wrong in (
        "There is no such database there.",
        "There is no such database there, or the login may not open it.",
    )
    assert source.form.key.optional


def test_a_driver_that_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("CLEARPOST_SQL_HOSTS", "127.0.0.1")
    monkeypatch.setitem(sys.modules, "pymysql", None)
    settings = {"base_url": "mysql://r@127.0.0.1/shop", "order_query": "SELECT 1"}
    source = sources()["sql"]
    told = source.test(settings, PASSWORD, NOW.tzinfo, _Http())
    assert [(step.name, step.ok) for step in told.steps][:3] == [
        ("Settings", True),
        ("Driver", False),
        ("Reach", None),
    ]
    assert not told.reached


def test_only_files_of_the_folder_and_hosts_that_may_be_asked(file_shop, monkeypatch, tmp_path):
    outside = tmp_path / "other.db"
    outside.write_bytes(Path(file_shop.engine.url.database).read_bytes())
    link = Path(file_shop.engine.url.database).with_name("link.db")
    link.symlink_to(outside)
    for path in (f"/{outside}", "../x/other.db", "link.db"):
        words = refused(file_shop.page(begin(), NOW, base_url=f"sqlite:///{path}"))
        assert words == "The file is outside the folder that CLEARPOST_SQL_FOLDER names."
    assert refused(file_shop.page(begin(), NOW, base_url="sqlite:///none.db")) == (
        "There is no such file in the folder of databases."
    )
    monkeypatch.delenv("CLEARPOST_SQL_FOLDER")
    words = refused(file_shop.page(begin(), NOW))
    assert words.startswith("No file of this machine is read")
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "0")
    monkeypatch.delenv("CLEARPOST_SQL_HOSTS", raising=False)
    for host in ("127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]"):
        address = f"postgresql://r@{host}:18348/shop"
        words = refused(file_shop.page(begin(), NOW, base_url=address))
        assert "is not called" in words or "are not called" in words, words
    monkeypatch.setenv("CLEARPOST_SQL_HOSTS", "127.0.0.1, 169.254.169.254")
    there = refused(file_shop.page(begin(), NOW, base_url="postgresql://r@127.0.0.1:18348/shop"))
    assert there == "127.0.0.1 refused the connection on port 18348."
    words = refused(file_shop.page(begin(), NOW, base_url="postgresql://r@169.254.169.254/shop"))
    assert "no server of yours" in words


class _Http:
    def now(self) -> datetime:
        return datetime(2025, 11, 20, 6, 0, tzinfo=UTC)


ENORMOUS = {
    "postgresql": "SELECT o.*, repeat('x', 20000000) AS z FROM orders o",
    "mariadb": "SELECT o.*, REPEAT('x', 9000000) AS y, REPEAT('x', 9000000) AS z FROM orders o",
}


def test_a_row_that_would_fill_the_memory_is_not_even_read(shop):
    """SQLite makes none (test_sql_garbled.py); a server would send it."""
    if shop.system == "sqlite":
        return
    told = shop.page(begin(), NOW, order_query=ENORMOUS[shop.system])
    assert isinstance(told, Page)
    (held,) = [record for one in told.found for record in one.records]
    assert held.body["total"]
    assert "The order is longer than may be read at once." in [f["message"] for f in held.faults]
    less = ENORMOUS[shop.system].replace("20000000", "900").replace("9000000", "900")
    for query in (less, "SELECT * FROM orders"):
        assert isinstance(shop.page(begin(), NOW, order_query=query), Page)
