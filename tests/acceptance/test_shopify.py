"""A Shopify shop and the books in QuickBooks: each sale once, each refund as the shop means it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.houses import COMPANY
from tests.acceptance.many import run_all
from tests.acceptance.parts import read
from tests.acceptance.product import ADMIN, CURRENT_COMPANY, Product, free_environment
from tests.acceptance.quiet import BASE, rows
from tests.acceptance.trader import Trader, opened_trader
from tests.support.simulator import ledger_lines

pytestmark = pytest.mark.slow
RULES = Path(__file__).with_name("shopify.rules")
HELD = "SELECT message FROM hold h JOIN record r ON r.id = h.record_id WHERE r.number = ?"


@dataclass
class Shop:
    """The stand-in of the shop, and the company that it sends to."""

    trader: Trader
    url: str
    ledger: Path

    def act(self, act: str, number: int | None = None, **given: Any) -> dict[str, Any]:
        """Somebody buys or changes something; the order then."""
        told = {"act": act, **({} if number is None else {"id": number}), **given}
        answer = requests.post(f"{self.url}/_sim/act", json=told, timeout=20)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()["order"]
        return found

    def plan(self, fault: str) -> None:
        """What becomes of the next webhook."""
        answer = requests.post(f"{self.url}/_sim/faults", json={"fault": fault}, timeout=20)
        assert answer.ok, answer.text

    def hooks(self, number: int) -> list[tuple[str, str, int]]:
        """Topic, what became of it and the answer, of each webhook about an order."""
        lines = [one for one in ledger_lines(self.ledger) if one["call"] == "webhook"]
        return [(x["topic"], x["effect"], x["status"]) for x in lines if x["id"] == number]

    def sold(self) -> dict[str, Any]:
        """The invoices that stand in QuickBooks, by number."""
        return {number: one for number, one in self._made().items() if number.startswith("#")}

    def given_back(self) -> dict[str, Any]:
        """The refund receipts, by number."""
        return {number: one for number, one in self._made().items() if number.startswith("R-")}

    def _made(self) -> dict[str, Any]:
        return {one["DocNumber"]: one for one in self.trader.books["quickbooks"].documents()}


@pytest.fixture(scope="module")
def shop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    product = Product(command, tmp_path_factory.mktemp("shopify"), free_environment())
    rules = product.folder / "rules"
    rules.mkdir()
    (rules / RULES.name).write_text(RULES.read_text("utf-8"), "utf-8")
    with opened_trader(product, rules, "quickbooks", teams=("accounts", "sales")) as trader:
        ledger = product.folder / "shop.jsonl"
        to = f"{trader.address}/hooks/{CURRENT_COMPANY}/shopify"
        where = ("--ledger", str(ledger), "--home", str(product.home), "--to", to)
        with product.started("simulate", "shopify", "--port", "0", *where) as child:
            assert child.stdout
            told = json.loads(child.stdout.readline())
            _connect(product, told)
            trader.work()  # the reading of changes begins
            yield Shop(trader, told["url"], ledger)


def _connect(product: Product, told: dict[str, Any]) -> None:
    by_admin = (*COMPANY, "--as", ADMIN)
    address = ("--set", f"base_url={told['url']}")
    ran = run_all(
        product,
        [
            ("connection", "add", "shopify", *by_admin, "--side", "source", *address),
            ("connection", "key", "shopify", *by_admin),
        ],
        {1: told["key"]},
    )
    assert [one.code in (0, None) for one in ran] == [True, True], ran


def test_sales_and_refunds_of_a_shopify_shop_reach_the_books_once(shop: Shop) -> None:
    trader = shop.trader
    shop.plan("twice")
    first = shop.act("create", 1, customer_id=7, items=[{"sku": "MUG", "quantity": 3}])
    shop.plan("forged")
    shop.act("create", 2, customer_id=7)
    assert shop.hooks(1) == [("orders/create", "sent", 202), ("orders/create", "sent", 200)]
    assert shop.hooks(2) == [("orders/create", "forged", 401), ("orders/create", "sent", 202)]
    shop.act("create", 3, customer_id=7, status="on_the_moon")
    shop.act("create", 4, customer_id=7, test=True)
    trader.work()
    sold = shop.sold()
    assert sold.keys() == {"#1001", "#1002"}
    assert Decimal(str(sold["#1001"]["TotalAmt"])) == Decimal(first["total_price"])
    assert [line["Amount"] for line in sold["#1001"]["Line"]][:2] == [75.0, 8.0]
    [[message]] = rows(trader, HELD, "#1003")
    assert "on_the_moon, nothing sent" in message
    assert rows(trader, "SELECT count(*) FROM record WHERE number = '#1004'") == [(0,)]

    shop.act("refund", 1, restock="return")
    shop.act("refund", 2, restock="legacy_restock")
    assert [status for *_, status in shop.hooks(1)[2:]] == [202, 202]
    trader.work()
    ids = {order: shop_refund(shop, order) for order in (1, 2)}
    back = shop.given_back()
    assert back.keys() == {ids[1]}
    assert back[ids[1]]["TotalAmt"] == 27.5
    assert back[ids[1]]["Line"][0]["SalesItemLineDetail"]["ItemRef"]["value"] == "12"
    [[message]] = rows(trader, HELD, ids[2])
    assert "Nobody knows whether the goods of this refund came back" in message
    assert shop.sold() == sold  # a refund never changes what was sold

    shop.plan("drop")
    shop.act("create", 5, customer_id=7)
    trader.work()
    assert "#1005" not in shop.sold()
    trader.move(minutes=16)
    trader.work()
    trader.work()
    assert "#1005" in shop.sold()
    said = [told for (told,) in rows(trader, "SELECT body FROM event WHERE act = 'pull.records'")]
    assert any("order #1005" in told for told in said)
    effects = trader.books["quickbooks"].made()
    assert sorted(effects) == sorted({*effects})

    page = read(trader.person("finance").get(f"{BASE}/records/shopify/order/{first['id']}"))
    assert "#1001" in page.text
    assert "Posted" in page.text


def shop_refund(shop: Shop, number: int) -> str:
    """The number of the first refund of an order."""
    told = requests.get(f"{shop.url}/_sim/orders", timeout=20).json()["orders"]
    return f"R-{told[number - 1]['refunds'][0]['id']}"
