"""Payouts of shops under the shipped rules: AutoCount comes to what the bank received, to the sen,
or the payout is on hold with the difference. Of Shopify first, then of Shopee and Lazada.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.desk import send
from tests.acceptance.houses import COMPANY
from tests.acceptance.many import run_all
from tests.acceptance.parts import hold_links, read, state
from tests.acceptance.product import ADMIN, CURRENT_COMPANY, Product, free_environment
from tests.acceptance.quiet import BASE, rows
from tests.acceptance.trader import Trader, opened_trader
from tests.support.zones import SHOP_ZONE

pytestmark = pytest.mark.slow
TEAMS = ("accounts", "sales_admin", "tax_desk", "it_support")
HELD = """SELECT h.message FROM hold h JOIN record r ON r.id = h.record_id
    WHERE r.number = ? AND h.closed_at IS NULL"""


class Shop:
    """The stand-in of the shop, and the company whose books it fills."""

    def __init__(self, trader: Trader, url: str, source: str = "shopify") -> None:
        self.trader, self.url, self.source = trader, url, source

    def do(self, deed: str, **given: Any) -> dict[str, Any]:
        """Somebody buys, or the shop pays out."""
        answer = requests.post(f"{self.url}/_sim/{deed}", json=given, timeout=20)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def paid_out(self, **given: Any) -> dict[str, Any]:
        """A payout, as the shop has it, once it was asked for and judged."""
        found: dict[str, Any] = self.do("payout", **given)["payout"]
        self.read()
        return found

    def read(self) -> None:
        """The next reading of the shop, and what follows of it."""
        self.trader.move(minutes=16)
        for _ in range(4):
            self.trader.work()

    def orders(self) -> list[dict[str, Any]]:
        """All that were bought."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/_sim/orders", timeout=20).json()[
            "orders"
        ]
        return found

    def held(self, number: object) -> set[str]:
        """What holds a payout."""
        return {words for (words,) in rows(self.trader, HELD, str(number))}

    def page(self, number: object) -> Any:
        """The page of a payout; who looks signs in anew, for hours went by."""
        finance = self.trader.visitor("finance@kedai.example")
        return finance, finance.get(f"{BASE}/records/{self.source}/payout/{number}")

    def tell(self, number: object, deposit: Decimal) -> None:
        """The accounts team tells what the bank received."""
        finance, page = self.page(number)
        hold = finance.get(hold_links(read(page))[0])
        wish = {"path": "deposit", "value": str(deposit), "reason": "as on the bank statement"}
        answer = send(finance, hold, "correct", **wish)
        assert answer.ok, read(answer.text).text[:800]
        for _ in range(4):
            self.trader.work()
            self.trader.move(minutes=1)

    def booked(self, number: object) -> dict[str, Decimal]:
        """What stands in AutoCount of a payout, by number."""
        found = {}
        for one in self.trader.books["autocount"].documents():
            there = str(one["master"]["docNo"])
            if there.endswith(str(number)):
                paid = one.get("paymentDetails") or [{"paymentAmt": one["master"]["finalTotal"]}]
                found[there] = sum((Decimal(str(x["paymentAmt"])) for x in paid), Decimal(0))
        return found


@contextmanager
def opened(command: Path, folder: Path, source: str, party: str, **settings: str) -> Iterator[Shop]:
    """A shop that is asked for its payouts, with the template that is made for it."""
    product = Product(command, folder, free_environment())
    product.run("init", "rules", "--template", f"{source}-autocount")
    with opened_trader(product, product.folder / "rules", "autocount", teams=TEAMS) as trader:
        trader.books["autocount"].control(
            "book",
            debtors=[f"300-{party}"],
            creditors=[f"400-{party}"],
            products=dict.fromkeys(("MUG", "SHIPPING", "VOUCHER"), "PCS"),
        )
        to = f"{trader.address}/hooks/{CURRENT_COMPANY}/{source}"
        where = ("--ledger", str(product.folder / "shop.jsonl"), "--home", str(product.home))
        with product.started("simulate", source, "--port", "0", *where, "--to", to) as child:
            assert child.stdout
            told = json.loads(child.stdout.readline())
            _connect(product, source, told, settings)
            trader.work()  # the reading of changes begins
            yield Shop(trader, told["url"], source)


def _connect(
    product: Product, source: str, told: dict[str, Any], settings: Mapping[str, str]
) -> None:
    by_admin = (*COMPANY, "--as", ADMIN)
    given = {"base_url": told["url"], "e_invoice_issuer": "us", **settings}
    if source == "lazada":  # tokens are exchanged elsewhere
        given["token_url"] = told["url"]
    pairs = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    ran = run_all(
        product,
        [
            ("connection", "add", source, *by_admin, "--side", "source", *pairs),
            ("connection", "key", source, *by_admin),
        ],
        {1: told["key"]},
    )
    assert [one.code in (0, None) for one in ran] == [True, True], ran


@pytest.fixture(scope="module")
def shop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("payouts")
    with opened(command, folder, "shopify", "S001", payouts="yes") as found:
        yield found


@pytest.fixture(scope="module")
def shopee(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    told = {"partner_id": "2001234", "shop_id": "88", "payouts": "day", "payout_currency": "MYR"}
    with opened(command, tmp_path_factory.mktemp("shopee"), "shopee", "S002", **told) as found:
        yield found


def test_a_payout_is_booked_once_and_comes_to_the_bank_deposit_to_the_sen(shop: Shop) -> None:
    mugs = [{"sku": "MUG", "quantity": 3}]
    for number in (1, 2):
        shop.do("act", act="create", id=number, items=mugs)
    shop.trader.work_on(2)
    shop.do("act", act="refund", id=2, pieces=1)
    shop.trader.work_on(1)
    payout = shop.paid_out(orders=[1, 2])
    net = Decimal(payout["amount"])
    [blank] = shop.held(payout["id"])
    assert "or the bank: deposit." in blank
    assert shop.booked(payout["id"]) == {}

    shop.tell(payout["id"], net + Decimal("0.01"))
    [less] = shop.held(payout["id"])
    assert "is RM 0.01 less than the deposit" in less
    assert shop.booked(payout["id"]) == {}

    shop.tell(payout["id"], net)
    assert shop.held(payout["id"]) == set()
    booked = shop.booked(payout["id"])
    key = payout["id"]
    assert booked.keys() == {f"RC-{key}", f"FB-{key}", f"FP-{key}"}
    assert booked[f"FB-{key}"] == booked[f"FP-{key}"]
    assert booked[f"RC-{key}"] - booked[f"FP-{key}"] == net
    _, page = shop.page(key)
    assert state(read(page)) == "Posted"
    well = read(page).one("section", id="payout")
    assert "Equal to the bank deposit." in well.text
    assert {a.text for a in well.all("a")} == {str(o["id"]) for o in shop.orders()}

    shop.read()  # the same payout is shown again
    shop.read()
    made = shop.trader.books["autocount"].made()
    assert len(made) == len(set(made))
    assert shop.booked(payout["id"]) == booked

    shop.paid_out(id=key, fee="0.05")  # a fee is changed later: a person decides
    assert shop.booked(payout["id"]) == booked
    assert shop.held(payout["id"])


def test_a_payout_below_zero_takes_from_the_bank_what_is_booked(shop: Shop) -> None:
    """More was kept back than was sold: the deposit is an amount with a minus."""
    shop.do("act", act="create", id=5, items=[{"sku": "MUG", "quantity": 1}])
    shop.trader.work_on(1)
    payout = shop.paid_out(orders=[5], fee="1.25")
    key, net = payout["id"], Decimal(payout["amount"])
    assert net < 0
    assert shop.booked(key) == {}
    _, page = shop.page(key)
    well = read(page).one("section", id="payout")
    assert "enter it with a minus" in well.text

    shop.tell(key, -net)  # whoever forgets the minus is told the difference
    [less] = shop.held(key)
    assert f"is RM {-2 * net} less than the deposit of RM {-net}" in less
    assert shop.booked(key) == {}

    shop.tell(key, net)
    assert shop.held(key) == set()
    booked = shop.booked(key)
    assert booked.keys() == {f"RC-{key}", f"FB-{key}", f"FP-{key}"}
    assert booked[f"RC-{key}"] - booked[f"FP-{key}"] == net
    _, page = shop.page(key)
    assert state(read(page)) == "Posted"
    assert "Equal to the bank deposit." in read(page).one("section", id="payout").text


def test_an_adjustment_below_the_sales_of_a_payout_is_for_a_person(shop: Shop) -> None:
    """Nobody knows what it is for: nothing of the payout is booked."""
    shop.do("act", act="create", id=6, items=[{"sku": "MUG", "quantity": 1}])
    shop.trader.work_on(1)
    payout = shop.paid_out(orders=[6], adjust="-500.00")
    shop.tell(payout["id"], Decimal(payout["amount"]))
    [held] = shop.held(payout["id"])
    assert "has adjustments of −RM 500.00: enter them manually" in held
    assert shop.booked(payout["id"]) == {}


def test_an_order_that_is_not_here_holds_its_payout_by_its_number(shop: Shop) -> None:
    shop.do("act", act="create", id=11, items=[{"sku": "MUG", "quantity": 1}])
    shop.trader.work_on(1)
    payout = shop.paid_out(orders=[11, 77])
    strange = payout["transactions"][1]["source_order_id"]
    shop.tell(payout["id"], Decimal(payout["amount"]))
    held = shop.held(payout["id"])
    assert len(held) == 1
    assert f"order {strange} of payout {payout['id']} was not received" in held.pop()
    assert shop.booked(payout["id"]) == {}


@pytest.fixture(scope="module")
def lazada(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    told = {"app_key": "123456", "payouts": "yes"}
    with opened(command, tmp_path_factory.mktemp("lazada"), "lazada", "L001", **told) as found:
        yield found


def next_day(shop: Shop) -> str:
    """The day there until now, once it is over and was read."""
    told = datetime.fromtimestamp(
        shop.do("release")["escrows"][0]["listed"]["escrow_release_time"], SHOP_ZONE
    )
    shop.trader.move(days=1, hours=3)
    for _ in range(6):
        shop.trader.work()
        shop.trader.move(minutes=16)
    return told.date().isoformat()


def test_what_shopee_released_of_a_day_is_booked_once_and_comes_to_the_bank_deposit(
    shopee: Shop,
) -> None:
    shopee.trader.move(days=1)  # the first whole day
    for _ in range(4):
        shopee.trader.work()
    for number in (1, 2):
        given = {"items": [{"sku": "MUG", "quantity": 3}], "voucher": "5.50", "buyer": number}
        shopee.do("act", act="create", id=number, **given)
        shopee.do("act", act="complete", id=number)
    shopee.do("act", act="refund", id=2, pieces=1)
    shopee.read()
    invoices = [one for one in shopee.trader.books["autocount"].made() if one.endswith("CP")]
    assert sorted(invoices) == ["2611000001CP", "2611000002CP"]
    released = requests.get(f"{shopee.url}/_sim/escrows", timeout=20).json()["escrows"]
    assert released == []

    day = next_day(shopee)
    [blank] = shopee.held(day)
    assert "or the bank: deposit." in blank
    assert shopee.booked(day) == {}
    released = requests.get(f"{shopee.url}/_sim/escrows", timeout=20).json()["escrows"]
    net = sum((Decimal(str(x["listed"]["payout_amount"])) for x in released), Decimal(0))

    shopee.tell(day, net - Decimal("0.01"))
    [more] = shopee.held(day)
    assert "is RM 0.01 more than the deposit" in more
    assert shopee.booked(day) == {}

    shopee.tell(day, net)
    assert shopee.held(day) == set()
    booked = shopee.booked(day)
    assert booked.keys() == {f"RC-{day}", f"FB-{day}", f"FP-{day}"}
    assert booked[f"RC-{day}"] - booked[f"FP-{day}"] == net
    assert booked[f"FB-{day}"] == booked[f"FP-{day}"]
    _, page = shopee.page(day)
    assert state(read(page)) == "Posted"
    well = read(page).one("section", id="payout")
    assert "Equal to the bank deposit." in well.text
    assert {a.text for a in well.all("a")} >= {"2611000001CP", "2611000002CP"}
    made = shopee.trader.books["autocount"].made()
    assert len(made) == len(set(made))


def test_what_shopee_does_not_tell_apart_holds_its_payout(shopee: Shop) -> None:
    shopee.do("act", act="create", id=11, items=[{"sku": "MUG", "quantity": 1}])
    shopee.do("act", act="complete", id=11)
    shopee.do("release", orders=[11], off="-0.40")
    shopee.do("act", act="create", id=12, items=[{"sku": "MUG", "quantity": 1}], buyer=12)
    day = next_day(shopee)
    held = shopee.held(day)
    assert any(f"Payout {day} has adjustments of −RM 0.40" in words for words in held), held
    assert shopee.booked(day) == {}


def test_a_statement_of_lazada_is_booked_once_it_is_paid_and_comes_to_the_bank_deposit(
    lazada: Shop,
) -> None:
    for number in (1, 2):
        lazada.do("act", act="create", id=number, items=[{"sku": "MUG", "quantity": 2}])
        lazada.do("act", act="complete", id=number)
    lazada.do("act", act="refund", id=2, pieces=1)
    lazada.read()
    told = lazada.do("statement", paid=False)["statement"]
    key, last = told["shown"]["statement_number"], told["last"]
    net = Decimal(told["shown"]["payout"].removesuffix(" MYR"))
    lazada.read()
    [blank] = lazada.held(key)
    assert "or the bank: deposit." in blank
    lazada.tell(key, net)
    assert lazada.held(key) == set(), "it waits until Lazada has paid it"
    assert lazada.booked(last) == {}

    lazada.do("statement", number=key)
    lazada.read()
    [blank] = lazada.held(key)
    assert "or the bank: deposit." in blank, "what was told was of another state of it"
    lazada.tell(key, net + Decimal("0.01"))
    [less] = lazada.held(key)
    assert "is RM 0.01 less than the deposit" in less
    assert lazada.booked(last) == {}

    lazada.tell(key, net)
    assert lazada.held(key) == set()
    booked = lazada.booked(last)
    assert booked.keys() == {f"RC-{last}", f"FB-{last}", f"FP-{last}"}
    assert booked[f"RC-{last}"] - booked[f"FP-{last}"] == net
    _, page = lazada.page(key)
    assert state(read(page)) == "Posted"
    lazada.read()
    made = lazada.trader.books["autocount"].made()
    assert len(made) == len(set(made))
    assert lazada.booked(last) == booked
