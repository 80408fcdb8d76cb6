"""Shopee and Lazada from the webhook to the books: each sale once, whatever the webhook did."""

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
RULES = Path(__file__).with_name("marketplace.rules")
MESSAGES = "SELECT message FROM hold h JOIN record r ON r.id = h.record_id WHERE r.number = ?"
TEE = {"sku": "TEE-BLK-M", "quantity": 2}


@dataclass
class Market:
    """The stand-in of the marketplace, and the company that it tells."""

    name: str
    trader: Trader
    told: dict[str, Any]
    ledger: Path

    def act(self, act: str, number: int, **given: Any) -> dict[str, Any]:
        """Somebody buys or changes something; the order then."""
        told = {"act": act, "id": number, **given}
        answer = requests.post(f"{self.told['url']}/_sim/act", json=told, timeout=20)
        assert answer.ok, answer.text
        self.trader.move(seconds=2)  # two changes of one second are dated a second apart
        found: dict[str, Any] = answer.json()["order"]
        return found

    def sells(self, number: int, fault: str = "", **given: Any) -> str:
        """Two tees are bought; the number of the order. Its webhook meets this fault."""
        if fault:
            plan = requests.post(
                f"{self.told['url']}/_sim/faults", json={"fault": fault}, timeout=20
            )
            assert plan.ok, plan.text
        return self.number_of(self.act("create", number, items=[TEE], **given))

    def number_of(self, order: dict[str, Any]) -> str:
        return str(order["order_sn" if self.name == "shopee" else "order_number"])

    def webhooks(self, number: int) -> list[tuple[str, int]]:
        """What became of each webhook about an order, and the answer."""
        lines = [one for one in ledger_lines(self.ledger) if one["call"] == "webhook"]
        return [(one["effect"], one["status"]) for one in lines if one["id"] == number]

    def exchanges(self) -> int:
        """How many times the tokens were exchanged."""
        return sum(one["call"] == "token" for one in ledger_lines(self.ledger))

    def invoices(self) -> dict[str, Any]:
        """What stands in AiAccount, by number."""
        found = self.trader.books["aiaccount"].documents()
        return {one["number"]: one for one in found}

    def statuses(self, number: str) -> list[str]:
        """The status of each version of an order that counted, the oldest first."""
        query = (
            "SELECT v.body FROM version v JOIN record r ON r.id = v.record_id"
            " WHERE r.number = ? AND NOT v.stale ORDER BY v.no"
        )
        return [json.loads(body)["status"] for (body,) in rows(self.trader, query, number)]


@pytest.fixture(scope="module", params=["shopee", "lazada"])
def market(
    request: pytest.FixtureRequest, command: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Market]:
    name: str = request.param
    product = Product(command, tmp_path_factory.mktemp(name), free_environment())
    rules = product.folder / "rules"
    rules.mkdir()
    (rules / RULES.name).write_text(RULES.read_text("utf-8").replace("shopee", name), "utf-8")
    with opened_trader(product, rules, "aiaccount", teams=("accounts", "sales")) as trader:
        ledger = product.folder / "market.jsonl"
        to = f"{trader.address}/hooks/{CURRENT_COMPANY}/{name}"
        words = ("--ledger", str(ledger), "--home", str(product.home), "--to", to)
        more = ("--port", "0", "--token-minutes", "240")
        with product.started("simulate", name, *more, *words) as child:
            assert child.stdout
            told = json.loads(child.stdout.readline())
            _connect(product, name, told)
            yield Market(name, trader, told, ledger)


def _connect(product: Product, name: str, told: dict[str, Any]) -> None:
    by_admin = (*COMPANY, "--as", ADMIN)
    settings = {"base_url": told["url"], "e_invoice_issuer": "us"}
    settings |= {word: told[word] for word in ("partner_id", "shop_id", "app_key") if word in told}
    settings |= {"token_url": told["url"]} if name == "lazada" else {}
    pairs = [word for one in settings.items() for word in ("--set", "=".join(one))]
    ran = run_all(
        product,
        [
            ("connection", "add", name, *by_admin, "--side", "source", *pairs),
            ("connection", "key", name, *by_admin),
        ],
        {1: told["key"]},
    )
    assert [one.code in (0, None) for one in ran] == [True, True], ran


def test_sales_of_a_marketplace_reach_the_books_once_whatever_became_of_a_webhook(
    market: Market,
) -> None:
    trader = market.trader
    first = market.sells(1, "twice")
    second = market.sells(2, "forged")
    assert market.webhooks(1) == [("sent", 202), ("sent", 200)]
    assert market.webhooks(2) == [("forged", 401), ("sent", 202)]
    assert rows(trader, "SELECT count(*) FROM record") == [(0,)]  # a webhook is no record
    trader.work()
    made = market.invoices()
    assert made.keys() == {first, second}
    assert [Decimal(str(one["total"])) for one in made.values()] == [Decimal(107)] * 2
    assert market.exchanges() == 1

    third = market.sells(3, "late", status="ON_THE_MOON")
    fourth = market.sells(4, status={"shopee": "UNPAID", "lazada": "unpaid"}[market.name])
    trader.work()
    assert market.statuses(fourth) == ["unpaid"]
    [[message]] = rows(trader, MESSAGES, third)
    assert "ON_THE_MOON" in message
    market.act("cancel", 4)
    market.act("complete", 1)
    trader.work()
    assert market.statuses(fourth) == ["unpaid", "cancelled"]
    assert market.statuses(first) == ["paid", "delivered"]
    assert market.invoices() == made

    lost = market.sells(5, "drop")
    trader.work()
    assert lost not in market.invoices()
    trader.move(minutes=16)
    trader.work()
    assert market.invoices().keys() == {first, second, lost}


def test_what_is_given_back_or_changed_later_never_moves_what_was_sold(market: Market) -> None:
    trader = market.trader
    number = market.sells(11)
    trader.work()
    made = market.invoices()
    assert number in made
    market.act("refund", 11)
    trader.work()
    [[kind, body]] = rows(
        trader,
        "SELECT r.type, v.body FROM record r JOIN version v ON v.record_id = r.id"
        " WHERE r.type = 'refund' AND v.body LIKE ?",
        f"%{number}%",
    )
    told = json.loads(body)
    assert (kind, told["status"], told["total"]) == ("refund", "refunded", "49.50")
    assert told["restock"] == {"shopee": "unknown", "lazada": "returned"}[market.name]
    assert market.invoices() == made

    edited = market.sells(12)
    trader.work()
    market.act("edit", 12)  # one of the two pieces cannot be sent
    trader.work()
    assert market.invoices()[edited]["total"] == made[number]["total"]
    assert len(market.statuses(edited)) == 2
    assert rows(trader, MESSAGES, edited)  # a person looks at it


def test_a_token_that_ended_is_exchanged_and_the_page_tells_what_was_refused(
    market: Market,
) -> None:
    trader = market.trader
    before = market.exchanges()
    trader.move(hours=5)
    number = market.sells(21)
    trader.work()
    assert market.exchanges() == before + 1
    assert number in market.invoices()
    market.sells(22, "forged")
    page = read(trader.person("admin").get(f"{BASE}/connections/{market.name}"))
    assert "The signature does not match" in page.text
    kept = rows(trader, "SELECT code, times FROM hook_call WHERE outcome = 'rejected'")
    assert {code for code, _ in kept} == {"bad_signature"}
    keys = rows(trader, "SELECT secret FROM connection_key")
    assert not any("refresh-" in str(secret) or "access-" in str(secret) for (secret,) in keys)
    numbers = trader.books["aiaccount"].made()
    assert sorted(numbers) == sorted({*numbers})
