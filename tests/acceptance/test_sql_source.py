"""A shop with nothing but a database, from its tables to the books: each sale once."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.product import ADMIN, Product, free_environment
from tests.acceptance.quiet import rows
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
RULES = Path(__file__).with_name("database.rules")
TABLES = Path(__file__).parents[1] / "connectors" / "wire" / "sql" / "shop.sql"
QUERIES = {
    "order_query": "SELECT id, order_no, status, updated_at, created_at, currency, total,"
    " customer_name FROM orders",
    "order_columns": "order_no = number, created_at = ordered_on, customer_name = customer",
    "line_query": "SELECT * FROM order_items",
    "line_columns": "unit_price = price",
    "page_rows": "3",
}


@dataclass
class Stall:
    """The shop's own side: its tables, written to beside the product."""

    file: Path
    trader: Trader

    def write(self, *statements: str) -> None:
        shop = sqlite3.connect(self.file)
        with shop:
            for one in statements:
                shop.execute(one)
        shop.close()

    def sells(self, number: int, status: str = "paid", *, ago: timedelta = timedelta(0)) -> str:
        """An order of two tees at 49.50."""
        moment = here(ago)
        self.write(
            f"INSERT INTO orders VALUES ({number}, 'DB-{number}', '{status}', '{moment}', NULL,"
            f" '{moment}', 'FPX', 'MYR', '88', 'Aisyah Rahman', NULL, 99.00)",
            f"INSERT INTO order_items VALUES ({number}, {number}, 1, 'TEE-BLK-M', 'Tee', 2, 49.50,"
            " 0, NULL)",
        )
        return f"DB-{number}"

    def changes(self, number: int, what: str) -> None:
        self.write(f"UPDATE orders SET {what}, updated_at = '{here()}' WHERE id = {number}")

    def reads(self) -> None:
        """The next reading is due, and its records are posted."""
        self.trader.move(minutes=16)
        self.trader.work()

    def statuses(self, number: str) -> list[str]:
        query = (
            "SELECT json_extract(v.body, '$.status') FROM version v"
            " JOIN record r ON r.id = v.record_id WHERE r.number = ? ORDER BY v.no"
        )
        return [status for (status,) in rows(self.trader, query, number)]


def here(ago: timedelta = timedelta(0)) -> str:
    """A moment by the clock of the shop."""
    moment = datetime.now(UTC) + timedelta(hours=8) - ago
    return moment.replace(tzinfo=None).isoformat(" ", "milliseconds")


@pytest.fixture(scope="module")
def stall(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    folder = tmp_path_factory.mktemp("sql")
    shops = folder / "shops"
    shops.mkdir()
    shop = sqlite3.connect(shops / "shop.db")
    shop.executescript(TABLES.read_text("utf-8").partition("INSERT")[0])
    shop.close()
    env = {**free_environment(), "CLEARPOST_SQL_FOLDER": str(shops)}
    product = Product(command, folder, env)
    rules = folder / "rules"
    rules.mkdir()
    (rules / RULES.name).write_text(RULES.read_text("utf-8"), "utf-8")
    with opened_trader(product, rules, "aiaccount", teams=("accounts", "sales")) as trader:
        start = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
        settings = {"base_url": "sqlite:///shop.db", "pull_from": start, **QUERIES}
        pairs = [word for one in settings.items() for word in ("--set", "=".join(one))]
        by_admin = (*COMPANY, "--as", ADMIN)
        product.run("connection", "add", "sql", *by_admin, "--side", "source", *pairs)
        yield Stall(shops / "shop.db", trader)


def test_sales_of_a_database_reach_the_books_once_whatever_the_shop_writes_meanwhile(
    stall: Stall,
) -> None:
    told = stall.trader.product.run("connection", "test", "sql", *COMPANY, "--as", ADMIN)
    assert "BAD" not in told.stdout
    assert "The file is opened for reading, and nothing else." in told.stdout

    moment = here()
    sold = [stall.sells(number) for number in range(1, 9)]
    stall.write(f"UPDATE orders SET updated_at = '{moment}'")  # eight of one moment, pages of three
    stall.trader.work()
    books = stall.trader.books["aiaccount"]
    assert sorted(books.made()) == sold
    totals = {Decimal(str(one["total"])) for one in books.documents()}
    assert totals == {Decimal("99.00")}

    waits = stall.sells(9, "pending")
    late = stall.sells(10, ago=timedelta(minutes=5))  # committed after its moment
    stall.reads()
    assert stall.statuses(waits) == ["pending"]
    assert sorted(books.made()) == sorted([*sold, late])

    stall.changes(9, "status = 'paid'")
    stall.changes(1, "status = 'delivered'")
    stall.reads()
    assert stall.statuses(waits) == ["pending", "paid"]
    assert stall.statuses("DB-1") == ["paid", "delivered"]
    assert sorted(books.made()) == sorted([*sold, late, waits])

    stall.changes(2, "status = 'cancelled'")
    stall.write("UPDATE order_items SET qty = 1 WHERE order_id = 3")
    stall.changes(3, "total = 49.50")
    stall.reads()
    assert stall.statuses("DB-2") == ["paid", "cancelled"]
    assert len(stall.statuses("DB-3")) == 2
    held = {number for (number,) in rows(stall.trader, HELD)}
    assert {"DB-2", "DB-3"} <= held  # a person looks at both; nothing is posted twice
    assert sorted(books.made()) == sorted({*books.made()})


HELD = "SELECT r.number FROM hold h JOIN record r ON r.id = h.record_id WHERE h.closed_at IS NULL"
