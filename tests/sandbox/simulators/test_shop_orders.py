"""What the stand-ins of shops do with one order: faults planned for its number, and its stock."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.contract.pulls import NoPage, Page
from sandbox.simulators.base.server import Ledger, Request
from sandbox.simulators.base.shop import Life, Shop, life_of, shop_options
from sandbox.simulators.netshop.api import NetShop, NetShopBooks
from tests.sandbox.simulators import test_marketplaces, test_shopify, test_woocommerce
from tests.support.clock import SetClock

OTHERS = {"woocommerce": "2", "shopify": "1002", "shopee": "2611000002CP", "netshop": "NS-2"}
OTHERS["lazada"] = "9007199254740995"
"""What each shop itself calls its second order."""
Open = Callable[[str], Shop]


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """A shop by its name; opened again it goes on from its ledger. What it posts is taken."""

    class Taken:
        status = 202

        def __enter__(self) -> "Taken":
            return self

        def __exit__(self, *_: object) -> None:
            """It is over."""

    def opened(name: str) -> Shop:
        life = Life(stock=50)
        if name == "woocommerce":
            made: Shop = test_woocommerce.shop_of(tmp_path, "http://x.invalid/hooks", life)
        elif name == "shopify":
            made = test_shopify.shop_of(tmp_path, life, monkeypatch).shop
        elif name == "netshop":
            books, ledger = NetShopBooks(withhold=0, seed=0), Ledger(tmp_path / "ns.jsonl")
            to = "http://x.invalid/hooks"
            made = NetShop(books, ledger, SetClock(), to=to, life=life, secret="s")
        else:
            made = test_marketplaces.shop_of(tmp_path, name, life, monkeypatch).shop
        monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Taken())
        return made

    return opened


def control(shop: Shop, deed: str, **given: Any) -> Any:
    raw = json.dumps(given).encode()
    method, path = ("POST" if given else "GET"), f"/_sim/{deed}"
    reply = shop.handle(Request(method=method, path=path, query={}, headers={}, body=raw))
    assert reply.status == 200, reply.encoded()
    return json.loads(reply.encoded())


def effects(shop: Shop) -> list[tuple[int, str]]:
    return [(one["id"], one["effect"]) for one in shop.ledger.lines() if one["call"] == "webhook"]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("own", [True, False])
def test_a_webhook_goes_wrong_for_the_order_that_was_named(
    open_shop: Open, name: str, own: bool
) -> None:
    """By the id here or by what the shop calls it; whatever is sent before it."""
    shop = open_shop(name)
    number = OTHERS[name] if own else "2"
    control(shop, "faults", number=number, plan=["drop", "forged"])
    for _ in range(3):
        control(shop, "act", act="create")
    assert effects(shop) == [(1, "sent"), (2, "dropped"), (3, "sent")]
    assert control(shop, "faults")["by_number"] == {number: ["forged"]}
    again = open_shop(name)
    assert control(again, "faults")["by_number"] == {number: ["forged"]}, "it goes on"
    control(again, "act", act="cancel", id=3)
    control(again, "act", act="cancel", id=2)
    assert effects(again)[3:] == [(3, "sent"), (2, "forged"), (2, "sent")]
    assert control(again, "faults")["by_number"] == {}


def test_what_is_planned_for_an_order_goes_before_what_comes_next(open_shop: Open) -> None:
    shop = open_shop("woocommerce")
    control(shop, "faults", plan=["drop"])
    control(shop, "faults", number="1", plan=["twice", "drop"])
    for _ in range(2):
        control(shop, "act", act="create")
    assert effects(shop) == [(1, "sent"), (1, "sent"), (2, "dropped")]
    assert control(shop, "faults")["planned"] == []
    assert control(shop, "faults")["by_number"] == {"1": ["drop"]}
    shop = open_shop("woocommerce")
    shop._planned[0], shop._steps = "late", [("create", 0)]  # the life that it plays
    assert shop.act("edit", 1, {}, fault="late")["id"] == 1
    assert effects(shop)[3:] == [(1, "dropped")]


def test_one_fault_of_an_order_is_used_up_at_a_time(open_shop: Open) -> None:
    """What was planned for whatever comes next is left, and so is what answers meet."""
    shop = open_shop("shopify")
    control(shop, "faults", plan=["drop"])
    control(shop, "faults", number="#1001", plan=["rest_cut", "drop"])
    control(shop, "act", act="create")
    assert effects(shop) == [(1, "dropped")]
    told = control(shop, "faults")
    assert (told["planned"], told["by_number"]) == (["drop"], {"#1001": ["rest_cut"]})


def test_an_order_that_was_cancelled_and_thrown_away_is_in_stock(open_shop: Open) -> None:
    shop = open_shop("woocommerce")
    control(shop, "act", act="create", **SOLD["woocommerce"])
    for act in ("cancel", "delete"):
        control(shop, "act", act=act, id=1)
        assert control(shop, "stock") == {"stock": {"CUP": 50}}


def test_an_answer_goes_wrong_that_tells_the_order_that_was_named(open_shop: Open) -> None:
    shop = open_shop("woocommerce")
    assert isinstance(shop, test_woocommerce.WooCommerce)
    for _ in range(2):
        control(shop, "act", act="create")
    control(shop, "faults", number="2", plan=["rest_error", "drop", "rest_cut"])
    one, two = (f"{test_woocommerce.ORDERS}/{number}" for number in (1, 2))
    assert test_woocommerce.ask(shop, one).status == 200
    assert (
        test_woocommerce.ask(shop, test_woocommerce.ORDERS, per_page="1", order="asc").status == 200
    )
    assert test_woocommerce.ask(shop, two).status == 500
    cut = test_woocommerce.ask(shop, test_woocommerce.ORDERS)
    assert (cut.status, cut.cut) == (200, "middle")
    assert test_woocommerce.ask(shop, two).cut == ""
    assert [one["status"] for one in shop.ledger.lines() if one["effect"] == "spoiled"] == [
        500,
        200,
    ]
    assert control(shop, "faults")["by_number"] == {"2": ["drop"]}, "that is of its webhook"


def test_shopify_answers_wrongly_where_it_tells_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = test_shopify.shop_of(tmp_path, Life(orders=2), monkeypatch)
    sent.shop.play()
    control(sent.shop, "faults", number="1002", plan=["rest_forbidden"])
    cursor = test_shopify.source().begin(sent.clock.now())
    page = test_shopify.source().page(
        cursor,
        test_shopify.SETTINGS,
        test_shopify.SECRET,
        test_shopify.SHOP_ZONE,
        sent,  # type: ignore[arg-type]
    )
    assert isinstance(page, NoPage)
    (page,) = sent.read(cursor)
    assert isinstance(page, Page)


def numbers(sent: test_marketplaces.Sent) -> set[str]:
    """The orders that are read of a marketplace."""
    told = [record for page in sent.read() for one in page.found for record in one.records]
    return {str(one.number) for one in told if one.kind == "order"}


@pytest.mark.parametrize("name", ["shopee", "lazada"])
def test_the_order_that_was_named_is_the_one_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sent = test_marketplaces.shop_of(tmp_path, name, Life(orders=3), monkeypatch)
    sent.shop.play()
    sent.renew()
    control(sent.shop, "faults", number=OTHERS[name], plan=["rest_missing"])
    control(sent.shop, "faults", number="3", plan=["rest_error"])
    sent.none()
    first = numbers(sent)
    is_held = name == "lazada"  # the order is told without its pieces, so it is held
    assert len(first) == 2 + is_held
    assert (OTHERS[name] in first) == is_held
    assert sent.shop.books.by_number == {OTHERS[name]: [], "3": []}
    assert numbers(sent) == first | {OTHERS[name]}


SOLD = {
    "woocommerce": {"lines": [{"sku": "CUP", "quantity": 5}]},
    "shopify": {"items": [{"sku": "CUP", "quantity": 5}]},
    "shopee": {"items": [{"sku": "CUP-GLASS-20", "quantity": 5}]},
    "lazada": {"items": [{"sku": "CUP", "quantity": 5}]},
    "netshop": {"items": [{"sku": "CUP", "qty": 5}]},
}
AFTER: list[tuple[str, dict[str, Any], int]] = [
    ("woocommerce", {"act": "refund"}, 45),
    ("woocommerce", {"act": "refund", "amount": "1", "restock": True}, 50),
    (
        "woocommerce",
        {"act": "refund", "amount": "1", "restock": True, "lines": [{"sku": "CUP", "quantity": 2}]},
        47,
    ),
    ("woocommerce", {"act": "complete"}, 45),
    ("woocommerce", {"act": "delete"}, 45),
    ("shopify", {"act": "refund", "pieces": 2}, 47),
    ("shopify", {"act": "refund", "pieces": 2, "restock": "cancel"}, 47),
    ("shopify", {"act": "refund", "pieces": 2, "restock": "no_restock"}, 45),
    ("shopify", {"act": "refund", "pieces": 2, "restock": "legacy_restock"}, 45),
    ("shopee", {"act": "refund", "pieces": 2}, 45),
    ("shopee", {"act": "refund", "pieces": 2, "came_back": True}, 47),
    ("shopee", {"act": "edit", "remove": 1}, 46),
    ("shopee", {"act": "delete"}, 45),
    ("lazada", {"act": "refund", "pieces": 2}, 47),
    ("lazada", {"act": "refund", "pieces": 2, "status": "lost_by_3pl"}, 45),
    ("lazada", {"act": "refund", "pieces": 2, "status": "shipped_back"}, 45),
    ("lazada", {"act": "edit", "pieces": 1}, 46),
    ("netshop", {"act": "refund", "amount": "1"}, 45),
    ("netshop", {"act": "refund", "amount": "1", "returned": True}, 50),
    (
        "netshop",
        {"act": "refund", "amount": "1", "returned": True, "words": "refunded + items returned"},
        45,
    ),
    *((name, {"act": "cancel"}, 50) for name in SOLD),
]


@pytest.mark.parametrize(("name", "deed", "left"), AFTER)
def test_stock_goes_back_only_where_the_shop_says_that_goods_came_back(
    open_shop: Open, name: str, deed: dict[str, Any], left: int
) -> None:
    shop, sku = open_shop(name), "CUP-GLASS-20" if name == "shopee" else "CUP"
    assert control(shop, "stock") == {"stock": {}}
    control(shop, "act", act="create", **SOLD[name])
    assert control(shop, "stock") == {"stock": {sku: 45}}
    control(shop, "act", id=1, **deed)
    assert control(shop, "stock") == {"stock": {sku: left}}
    assert control(open_shop(name), "stock") == {"stock": {sku: left}}, "from its ledger"
    if (name, deed.get("restock")) == ("woocommerce", True) and left == 47:
        control(shop, "act", id=1, **deed)
        assert control(shop, "stock") == {"stock": {sku: 49}}
    control(shop, "act", act="create", **SOLD[name])
    assert control(shop, "stock")["stock"][sku] < left
    control(shop, "reset", sure=True)
    assert control(shop, "stock") == {"stock": {}}


@pytest.mark.parametrize("name", ["woocommerce", "shopee"])
def test_whether_goods_came_back_is_told_to_nobody(open_shop: Open, name: str) -> None:
    shop = open_shop(name)
    control(shop, "act", act="create", **SOLD[name])
    control(shop, "act", act="refund", id=1, restock=True, came_back=True, amount="1")
    for hook in shop.webhooks("refund", shop.books.orders[1]):
        assert b"restock" not in hook.raw
        assert b"came_back" not in hook.raw


def test_how_much_there_is_at_first_is_an_option() -> None:
    parser = shop_options("shop", port=1)
    assert life_of(parser.parse_args(["--ledger", "x"])).stock == 100
    assert life_of(parser.parse_args(["--ledger", "x", "--stock", "7"])).stock == 7
