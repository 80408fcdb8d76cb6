"""What people change in QuickBooks is found by one call for many documents."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.product import Product, free_environment
from tests.acceptance.quiet import rows
from tests.acceptance.template_records import begin, sold
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
MANY = 35
"""More than one query reads."""


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    product = Product(command, tmp_path_factory.mktemp("trader"), free_environment())
    rules, teams = begin(product, "orders-quickbooks"), ("accounts", "sales_admin")
    with opened_trader(product, rules, "quickbooks", teams=teams) as found:
        yield found


def test_an_invoice_that_somebody_edits_is_found_by_one_call_for_all(trader: Trader) -> None:
    who = {"customer": "C-77", "customer_name": "Kedai Maju Sdn Bhd"}
    trader.take(*(sold(at, f"NS-{at}", **who) for at in range(1, MANY + 1)))
    books = trader.books["quickbooks"]
    for _ in range(4):
        trader.move(minutes=2)
        trader.work()
    assert len(books.made()) == MANY
    seen = "SELECT count(*) FROM posting WHERE read_at IS NOT NULL AND reading_id IS NOT NULL"
    assert rows(trader, seen) == [(MANY,)]
    trader.move(days=1)  # what was made minutes before it was read counts as changed once
    for _ in range(3):
        trader.work()
        trader.move(minutes=2)
    before = len(books.lines())

    books.control("clock", offset_seconds=int(trader.offset()))
    books.control("by_hand", number="NS-7-1", fields={"TxnDate": "2026-11-17"})
    trader.move(days=1)
    for _ in range(3):
        trader.work()
        trader.move(minutes=2)
    calls = [one for one in books.lines()[before:] if one["call"] == "lookup"]
    asked = [one for one in calls if one["path"].endswith("/cdc")]
    queries = [one["number"] for one in calls if "Invoice where DocNumber" in one["number"]]
    assert len(asked) == 1
    assert [query.count("NS-") for query in queries] == [1], queries
    assert "'NS-7-1'" in queries[0]
    held = "SELECT record.number, hold.code FROM hold JOIN record ON record.id = hold.record_id"
    assert rows(trader, f"{held} WHERE hold.state = 'open'") == [("NS-7", "STL03")]
