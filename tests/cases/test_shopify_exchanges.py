"""Exchanges of a Shopify shop, from the shop's own act to the books of each target."""

from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox.simulators.base.server import Ledger
from sandbox.simulators.base.shop import Life
from sandbox.simulators.shopify.api import DOMAIN, Keys, Shopify, ShopifyBooks
from tests.cases.company import NOW, SECRET, CaseCompany, Plan
from tests.cases.conftest import Make
from tests.cases.shop_line import act, read_and_post
from tests.cases.test_marketplace_cases import debtor_balance, tell_deposit
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
GOODS = ("MUG", "TEE-BLK-M", "CUP-GLASS-20")
KINDS = ("SHIPPING", "ROUNDING", "ADJUSTMENT", "FEE")
CODES = (*GOODS, *KINDS)
ITEMS = {
    "autocount": [f"{code},{code},PCS" for code in CODES],
    "quickbooks": [f"{code},12,PCS" for code in CODES],
    "aiaccount": [f"{code},{code},PCS" for code in CODES],
}
DEBTORS = {"autocount": "300-S001", "quickbooks": "58", "aiaccount": "Online buyers"}
BOOKS: dict[str, dict[str, Any]] = {
    "autocount": {
        "debtors": ["300-S001"],
        "creditors": ["400-S001"],
        "accounts": ["430-0000", "431-0000", "432-0000", "501-0000", "906-0000"],
        "products": dict.fromkeys(CODES, "PCS"),
    },
    "quickbooks": {},
    "aiaccount": {},
}


@pytest.fixture
def shop(tmp_path: Path) -> Shopify:
    """Return the stand-in with order 1: two tees and shipping, RM 116.90, sent."""
    keys = Keys(secret=SECRET, token="shpat_1")
    books, ledger = ShopifyBooks(withhold=0, seed=0), Ledger(tmp_path / "shop.jsonl")
    made = Shopify(books, ledger, SetClock(NOW), to="", life=Life(), keys=keys, bucket=10_000)
    act(made, act="create", id=1, items=[{"sku": "TEE-BLK-M", "quantity": 2}])
    act(made, act="complete", id=1)
    return made


def company_of(make: Make, target: str) -> CaseCompany:
    """Return a company under the template of the target that reads the shop."""
    settings = {"base_url": f"https://{DOMAIN}", "pull_from": "2026-11-20", "payouts": "yes"}
    plan = Plan(
        template=f"shopify-{target}",
        maps={"items": ITEMS[target], "debtors": [f"web,{DEBTORS[target]}"]},
        settings=settings if target == "autocount" else settings | {"payouts": "no"},
        key=f"{SECRET}:shpat_1",
    )
    return make(plan, target, **BOOKS[target])


def later(shop: Shopify) -> None:
    """Let an hour pass in the shop."""
    cast(SetClock, shop._clock).advance(3_600)


def totals(company: CaseCompany) -> dict[str, Decimal]:
    """Return the total of each document of sales by its number."""
    found = {}
    for number, one in company.documents().items():
        if number.startswith(("#", "R-")):
            master = one.get("master", one)
            total = master.get("finalTotal", master.get("TotalAmt", master.get("total")))
            found[number] = Decimal(str(total))
    return found


@pytest.mark.parametrize("target", ["autocount", "quickbooks", "aiaccount"])
def test_a_played_exchange_comes_to_the_money_that_moved(
    make: Make, shop: Shopify, target: str
) -> None:
    company = company_of(make, target)
    read_and_post(company, shop)
    assert totals(company) == {"#1001": Decimal("116.90")}
    later(shop)
    act(shop, act="exchange", id=1, add={"sku": "MUG", "quantity": 1})
    read_and_post(company, shop)
    assert company.holds() == []
    refund = f"R-{shop.books.orders[1]['refunds'][0]['id']}"
    assert totals(company) == {
        "#1001": Decimal("116.90"),
        "#1001-A": Decimal("27.50"),
        refund: Decimal("54.45"),
    }
    later(shop)
    again = {"line": 2, "add": {"sku": "TEE-BLK-M", "quantity": 1}, "paid": False}
    act(shop, act="exchange", id=1, **again)
    read_and_post(company, shop)
    assert "#1001-B" not in totals(company), "it waits for the balance"
    later(shop)
    act(shop, act="pay", id=1)
    read_and_post(company, shop)
    assert company.holds() == []
    found = totals(company)
    assert found["#1001-B"] == Decimal("54.45")
    sold = sum((total for number, total in found.items() if number.startswith("#")), Decimal(0))
    back = sum((total for number, total in found.items() if number.startswith("R-")), Decimal(0))
    assert sold - back == Decimal(shop.books.orders[1]["current_total_price"])


@pytest.mark.parametrize("payouts", [1, 2])
def test_the_payments_of_an_exchange_settle_the_debtor(
    make: Make, shop: Shopify, payouts: int
) -> None:
    """The buyer's balance of an exchange is in a payout under the id of the first order."""
    company = company_of(make, "autocount")
    read_and_post(company, shop)
    if payouts == 2:
        pay_out(company, shop)
        assert debtor_balance(company) == 0
    act(shop, act="exchange", id=1, add={"sku": "MUG", "quantity": 1})
    later(shop)
    act(shop, act="exchange", id=1, line=2, add={"sku": "TEE-BLK-M", "quantity": 1})
    read_and_post(company, shop)
    assert company.holds() == []
    for clock in (company.clock, cast(SetClock, shop._clock)):
        clock.advance(86_400)
    company.test_target()
    moved = pay_out(company, shop)
    assert moved == (["26.95", "-26.95"] if payouts == 2 else ["116.90", "26.95", "-26.95"])
    assert company.holds() == []
    assert debtor_balance(company) == 0


def pay_out(company: CaseCompany, shop: Shopify) -> list[str]:
    """Pay out what moved, and enter the bank's deposit; return what moved."""
    payout = act(shop, path="payout", orders=[1], rest=True)["payout"]
    read_and_post(company, shop)
    tell_deposit(company, str(payout["id"]), payout["amount"])
    return [one["amount"] for one in payout["transactions"] if one["type"] != "payout"]


def test_goods_of_two_invoices_in_one_refund_are_held_in_aiaccount(
    make: Make, shop: Shopify
) -> None:
    """AiAccount takes back what one invoice has; the second tee and the mug are on two."""
    company = company_of(make, "aiaccount")
    act(shop, act="exchange", id=1, add={"sku": "MUG", "quantity": 1})
    read_and_post(company, shop)
    order = shop.books.orders[1]
    (first,) = order["refunds"]
    tee, mug = order["line_items"]
    lines = [
        {**first["refund_line_items"][0], "id": at, "line_item_id": item["id"], "line_item": item,
         "subtotal": item["price"], "total_tax": tax}
        for at, (item, tax) in enumerate(((tee, "4.95"), (mug, "2.50")), 1)
    ]  # fmt: skip
    move = {"id": 7, "kind": "refund", "status": "success", "currency": "MYR", "amount": "81.95"}
    both = {**first, "id": 424242, "refund_line_items": lines, "transactions": [move]}
    later(shop)
    fields = {"refunds": [first, both], "updated_at": shop.now().isoformat(timespec="seconds")}
    shop.books.orders[1] = order | fields
    read_and_post(company, shop)
    rules = {(hold.number, hold.rule, hold.owner) for hold in company.holds()}
    assert rules == {("R-424242", "sold_item", "accounts")}
