"""The nightly sweep finds what a shop deleted or changed without a sign."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.db.models import Record
from holding.intake.sweeps import describe_comparison
from sandbox.simulators.base.market import App
from sandbox.simulators.base.server import Ledger
from sandbox.simulators.base.shop import Life, Shop
from sandbox.simulators.lazada.api import Lazada
from sandbox.simulators.lazada.finance import LazadaBooks
from sandbox.simulators.netshop.api import NetShop, NetShopBooks
from sandbox.simulators.shopee.api import Shopee, ShopeeBooks
from sandbox.simulators.shopify.api import Keys as ShopifyKeys
from sandbox.simulators.shopify.api import Shopify, ShopifyBooks
from sandbox.simulators.woocommerce.api import Keys, WooBooks, WooCommerce
from tests.cases.company import NOW, SECRET, CaseCompany, Plan
from tests.cases.conftest import Make
from tests.cases.shop_line import act, read_and_post
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
COMMON: Mapping[str, Any] = {"to": "", "life": Life()}


def shopify(ledger: Ledger, clock: SetClock) -> Shop:
    keys, books = ShopifyKeys(secret=SECRET, token="shpat_1"), ShopifyBooks(withhold=0, seed=0)
    return Shopify(books, ledger, clock, keys=keys, bucket=10_000, **COMMON)


def woocommerce(ledger: Ledger, clock: SetClock) -> Shop:
    keys = Keys(hook=SECRET, consumer="ck_1", secret="cs_1")
    return WooCommerce(WooBooks(withhold=0, seed=0), ledger, clock, keys=keys, a_minute=0, **COMMON)


def netshop(ledger: Ledger, clock: SetClock) -> Shop:
    return NetShop(NetShopBooks(withhold=0, seed=0), ledger, clock, secret=SECRET, **COMMON)


def shopee(ledger: Ledger, clock: SetClock) -> Shop:
    app = App(number="2001234", secret=SECRET, lasts=timedelta(hours=4))
    books = ShopeeBooks(withhold=0, seed=0)
    return Shopee(books, ledger, clock, app=app, per_minute=9_000, **COMMON)


def lazada(ledger: Ledger, clock: SetClock) -> Shop:
    app = App(number="123456", secret=SECRET, lasts=timedelta(days=7))
    books = LazadaBooks(withhold=0, seed=0)
    return Lazada(books, ledger, clock, app=app, per_minute=9_000, **COMMON)


MARKET = {"base_url": "https://market.example"}
TOKENS = {"token_url": "https://market.example"}
SHOPS: Mapping[str, tuple[Callable[[Ledger, SetClock], Shop], str, Mapping[str, Any], str]] = {
    "shopify": (shopify, "autocount", {"base_url": "https://x.myshopify.com"}, "shpat_1"),
    "woocommerce": (woocommerce, "quickbooks", {"base_url": "https://shop.example"}, "ck_1:cs_1"),
    "netshop": (netshop, "autocount", {"base_url": "https://netshop.example"}, ""),
    "shopee": (
        shopee,
        "autocount",
        MARKET | {"partner_id": "2001234", "shop_id": "88"},
        "refresh-0",
    ),
    "lazada": (
        lazada,
        "autocount",
        MARKET | TOKENS | {"app_key": "123456"},
        "refresh-0",
    ),
}
"""What plays a shop, the target of its template, its settings, and what its key has behind the
secret.
"""
CHANGED: Mapping[str, Mapping[str, Any]] = {
    "shopify": {"total_price": "999.00", "current_total_price": "999.00"},
    "woocommerce": {"total": "999.00"},
    "netshop": {"total": "999.00"},
    "shopee": {"total_amount": 999},
    "lazada": {"customer_first_name": "Another"},
}
"""What is changed in the shop's database. Lazada states no total: it is that of the pieces."""


@pytest.mark.parametrize("name", sorted(SHOPS))
def test_a_deleted_order_is_held_and_a_changed_one_is_a_version(
    make: Make, tmp_path: Path, name: str
) -> None:
    play, target, settings, key = SHOPS[name]
    clock = SetClock(NOW)
    shop = play(Ledger(tmp_path / "shop.jsonl"), clock)
    company = make(
        Plan(
            template=f"{name}-{target}",
            settings={**settings, "pull_from": "2026-11-20"},
            key=":".join(filter(None, (SECRET, key))),
        ),
        target,
    )
    for number in (1, 2, 3):
        act(shop, act="create", id=number)
        clock.advance(60)
    read_and_post(company, shop)
    numbers = orders_of(company)
    assert len(numbers) == 3
    for each in (company.clock, clock):
        each.advance(timedelta(hours=2))  # beyond what the next reading reads once more
    act(shop, act="create", id=4)
    read_and_post(company, shop)
    act(shop, path="hide", id=1)
    act(shop, path="rewrite", id=2, fields=dict(CHANGED[name]))
    for each in (company.clock, clock):
        each.advance(timedelta(days=1, hours=1))
    company.test_target()
    read_and_post(company, shop)
    words = {number: sentence(company, number) for number in numbers}
    ends = sorted(text.rpartition(": ")[2] for text in words.values())
    assert ends == sorted(
        [f"{name} no longer shows it.", "a new version came from there.", "the same there."]
    )
    (gone,) = [number for number, text in words.items() if "no longer" in text]
    assert {"SRC01"} <= {hold.code for hold in company.holds(gone)}


def orders_of(company: CaseCompany) -> list[str]:
    """Return the numbers of the orders."""
    with company.database.read() as session:
        query = select(Record.number).where(Record.type == "order").order_by(Record.id)
        return list(session.scalars(query))


def sentence(company: CaseCompany, number: str) -> str:
    """Return what the trace of an order says about the last comparison."""
    with company.database.read() as session:
        query = select(Record.id).where(Record.type == "order", Record.number == number)
        return describe_comparison(session, session.scalars(query).one())
