"""The stand-in of NetShop: what it plays, how it signs, and that its reader takes all of it."""

import hashlib
import hmac
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import sources
from sandbox.simulators.base.server import Ledger, Request
from sandbox.simulators.base.shop import Life
from sandbox.simulators.netshop.api import NetShop, NetShopBooks
from tests.sandbox.simulators.test_woocommerce import listening
from tests.support.clock import SetClock
from tests.support.zones import SHOP_ZONE


def shop_of(folder: Path, to: str, life: Life) -> NetShop:
    books, ledger = NetShopBooks(withhold=0, seed=0), Ledger(folder / "ledger.jsonl")
    return NetShop(books, ledger, SetClock(), to=to, life=life, secret="hush")


def asked(shop: NetShop, method: str, path: str, **given: Any) -> tuple[int, Any]:
    raw = json.dumps(given).encode()
    reply = shop.handle(Request(method=method, path=path, query={}, headers={}, body=raw))
    return reply.status, json.loads(reply.encoded())


def act(shop: NetShop, **given: Any) -> dict[str, Any]:
    status, told = asked(shop, "POST", "/_sim/act", **given)
    assert status == 200, told
    order: dict[str, Any] = told["order"]
    return order


def test_a_mixed_month_is_signed_told_in_any_order_and_read_whole(tmp_path: Path) -> None:
    faults = {"drop": 3, "twice": 2, "late": 4, "forged": 2}
    with listening() as ear:
        shop = shop_of(tmp_path, ear.address, Life(orders=40, mixed=True, seed=7, faults=faults))
        shop.play()
    told = Counter(one["effect"] for one in shop.ledger.lines() if one["call"] == "webhook")
    assert [told[name] for name in ("dropped", "kept_back", "late", "forged")] == [3, 4, 4, 2]
    read, refunded, states, ids = 0, 0, Counter[str](), []
    for headers, raw in ear.heard:
        signature, accepted = _proved(headers, raw), _accepted(shop, headers, raw)
        assert accepted is signature
        read += accepted
        order = json.loads(raw)["order"]
        states[order["status"]] += 1
        refunded += "refund" in order
        ids += [headers["x-ns16-event-id"]]
    assert read == told["sent"] + told["late"]
    assert set(states) == {"paid", "Completed", "cancelled"}
    assert refunded
    assert len(ids) - len(set(ids)) == faults["twice"] + faults["forged"]


def _proved(headers: dict[str, str], raw: bytes) -> bool:
    signed = f"{headers['x-ns16-timestamp']}.{headers['x-ns16-event-id']}.".encode() + raw
    right = "sha256=" + hmac.new(b"hush", signed, hashlib.sha256).hexdigest()
    return headers["x-ns16-signature"] == right


def _accepted(shop: NetShop, headers: dict[str, str], raw: bytes) -> bool:
    answer = sources()["netshop"].accept(headers, raw, ["hush"], shop.now(), SHOP_ZONE)
    if not hasattr(answer, "records"):
        return False
    assert answer.errors == ()
    back = ["refund"] if "refund" in json.loads(raw)["order"] else []
    assert [one.kind for one in answer.records] == ["order", *back]
    return True


def test_what_comes_back_is_said_only_where_it_does(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "", Life())
    items = [{"sku": "CUP-30", "qty": 2}, {"sku": "NEW-1", "price": "3.33"}]
    bought = act(shop, act="create", items=items)
    assert (bought["id"], bought["version"], bought["subtotal"]) == (1, 1, "33.33")
    assert (bought["tax_total"], bought["total"]) == ("3.33", "36.66")
    money = act(shop, act="refund", id=1, amount="6.66")
    assert (money["status"], money["version"]) == ("paid", 2)
    assert money["refund"] == {"id": "RF-1", "status": "Refunded", "amount": "6.66", "items": []}
    assert money["updated_at"] > bought["updated_at"]
    assert asked(shop, "POST", "/_sim/act", act="refund", id=1, amount="30.01")[0] == 400
    rest = act(shop, act="refund", id=1, words="Refunded by hand")
    assert [one["id"] for one in rest["refunds"]] == ["RF-1", "RF-1-2"]
    assert (rest["refunds"][1]["status"], rest["refunds"][1]["amount"]) == (
        "Refunded by hand",
        "30.00",
    )
    assert "refund" not in rest
    assert asked(shop, "POST", "/_sim/act", act="refund", id=1)[0] == 400
    act(shop, act="create", id=2)
    goods = act(shop, act="refund", id=2, returned=True)
    assert goods["status"] == "paid"
    assert goods["refund"]["status"] == "Refunded + Items Returned"
    assert goods["refund"]["amount"] == goods["total"]
    assert goods["refund"]["items"] == [
        {"sku": one["sku"], "qty": one["qty"]} for one in goods["items"]
    ]
    assert asked(shop, "POST", "/_sim/act", act="restore", id=2)[0] == 400
    assert act(shop, act="create", id=3, fields={"status": "pending"})["status"] == "pending"


@pytest.mark.parametrize("seed", range(3))
def test_the_sums_of_an_order_add_up(tmp_path: Path, seed: int) -> None:
    shop = shop_of(tmp_path, "", Life(orders=12, mixed=True, seed=seed))
    shop.play()
    for order in shop.books.orders.values():
        net = sum(Decimal(one["price"]) * one["qty"] for one in order["items"])
        assert net == Decimal(order["subtotal"])
        assert net + Decimal(order["tax_total"]) == Decimal(order["total"])


def test_it_has_no_other_page_and_a_restart_goes_on(tmp_path: Path) -> None:
    life = Life(orders=6, mixed=True, seed=2)
    with listening() as ear:
        shop = shop_of(tmp_path, ear.address, life)
        shop.play()
        status, told = asked(shop, "GET", "/orders")
        assert (status, told["error"]) == (404, "No such page")
        heard = len(ear.heard)
        again = shop_of(tmp_path, ear.address, life)
        again.play()
        assert len(ear.heard) == heard
    assert again.books.orders == shop.books.orders
