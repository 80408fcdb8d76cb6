"""The stand-in of WooCommerce: what it plays, what becomes of its webhooks, what it answers."""

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.base.shop import Life
from sandbox.simulators.woocommerce.api import ENOUGH, ORDERS, Keys, WooBooks, WooCommerce
from tests.support.clock import SetClock

KEYS = Keys(hook="hush", consumer="ck_1", secret="cs_1")
BASIC = "Basic " + base64.b64encode(b"ck_1:cs_1").decode()


@dataclass
class Ear:
    """Whoever is called; says this status."""

    status: int = 202
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""


@contextmanager
def listening() -> Iterator[Ear]:
    ear = Ear()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            ear.heard.append(({n.lower(): v for n, v in self.headers.items()}, raw))
            self.send_response(ear.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    ear.address = f"http://127.0.0.1:{server.server_address[1]}/hooks"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    with listening() as found:
        yield found


def shop_of(folder: Path, to: str, life: Life, *, a_minute: int = 0) -> WooCommerce:
    books, ledger = WooBooks(withhold=0, seed=0), Ledger(folder / "ledger.jsonl")
    return WooCommerce(books, ledger, SetClock(), to=to, life=life, keys=KEYS, a_minute=a_minute)


def ask(shop: WooCommerce, path: str = ORDERS, *, basic: str = BASIC, **query: str) -> Reply:
    told = {"dates_are_gmt": "true", **query}
    headers = {"authorization": basic}
    return shop.handle(Request(method="GET", path=path, query=told, headers=headers, body=b""))


def rows(reply: Reply) -> list[dict[str, Any]]:
    found = json.loads(reply.encoded())
    assert isinstance(found, list), found
    return found


def control(shop: WooCommerce, deed: str, **given: Any) -> Any:
    raw = json.dumps(given).encode()
    request = Request(method="POST", path=f"/_sim/{deed}", query={}, headers={}, body=raw)
    reply = shop.handle(request)
    assert reply.status == 200, reply.encoded()
    return json.loads(reply.encoded())


def hooks(shop: WooCommerce) -> list[dict[str, Any]]:
    return [one for one in shop.ledger.lines() if one["call"] == "webhook"]


def test_of_fifty_orders_so_many_webhooks_meet_a_fault(tmp_path: Path, ear: Ear) -> None:
    faults = {"drop": 3, "twice": 2, "late": 4, "forged": 1}
    shop = shop_of(tmp_path, ear.address, Life(orders=50, seed=7, faults=faults))
    shop.play()
    told = Counter(one["effect"] for one in hooks(shop))
    assert told == {
        "ping": 1, "dropped": 3, "kept_back": 4, "late": 4, "forged": 1, "sent": 43 + 2,
    }  # fmt: skip
    assert len(shop.books.orders) == 50
    assert len(ear.heard) == 1 + 50 - 3 + 2 + 1
    ids = [json.loads(raw)["id"] for _, raw in ear.heard[1:]]
    assert len(set(ids)) == 47
    dropped = {one["id"] for one in hooks(shop) if one["effect"] == "dropped"}
    assert dropped == set(range(1, 51)) - set(ids)


def test_each_webhook_is_signed_over_its_bytes_and_the_ping_is_not(
    tmp_path: Path, ear: Ear
) -> None:
    shop = shop_of(tmp_path, ear.address, Life(orders=2, faults={"forged": 1}))
    shop.play()
    (ping, body), *others = ear.heard
    assert (body, ping.get("x-wc-webhook-signature")) == (b"webhook_id=12", None)
    good = []
    for headers, raw in others:
        digest = hmac.new(b"hush", raw, hashlib.sha256).digest()
        fits = headers["x-wc-webhook-signature"] == base64.b64encode(digest).decode()
        good.append(fits)
        assert headers["x-wc-webhook-topic"] == "order.created"
    assert Counter(good) == {True: 2, False: 1}


def test_a_life_is_equal_for_equal_seeds_and_goes_on_after_a_restart(
    tmp_path: Path, ear: Ear
) -> None:
    life = Life(orders=12, mixed=True, seed=3)
    whole = shop_of(tmp_path / "a", ear.address, life)
    whole.play()
    acts = [(one["act"], one["id"]) for one in whole.ledger.lines() if one["call"] == "change"]
    assert {act for act, _ in acts} > {"create", "edit", "complete", "cancel"}
    torn = tmp_path / "b"
    torn.mkdir()
    lines = (tmp_path / "a" / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (torn / "ledger.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
    again = shop_of(torn, ear.address, life)
    again.play()
    after = [(one["act"], one["id"]) for one in again.ledger.lines() if one["call"] == "change"]
    assert after == acts


@pytest.mark.parametrize("seed", range(4))
def test_the_sums_of_an_order_add_up(tmp_path: Path, seed: int) -> None:
    shop = shop_of(tmp_path, "", Life(orders=12, mixed=True, seed=seed))
    shop.play()
    for order in shop.books.orders.values():
        lines = (*order["line_items"], *order["shipping_lines"], *order["fee_lines"])
        net = sum(Decimal(one["total"]) for one in lines)
        assert net + Decimal(order["total_tax"]) == Decimal(order["total"])
        assert sum(Decimal(one["total_tax"]) for one in lines) == Decimal(order["total_tax"])


def test_it_is_asked_by_page_and_moment(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "", Life())
    clock = shop._clock
    assert isinstance(clock, SetClock)
    for number in range(1, 8):
        control(shop, "act", id=number)
        clock.advance(timedelta(seconds=10))
    control(shop, "act", act="edit", id=2)
    control(shop, "act", act="delete", id=3)
    first = ask(shop, per_page="3", order="asc", orderby="modified")
    assert [one["id"] for one in rows(first)] == [1, 4, 5]
    assert first.headers["X-WP-Total"] == "6"
    assert first.headers["X-WP-TotalPages"] == "2"
    second = ask(shop, per_page="3", page="2", order="asc", orderby="modified")
    assert [one["id"] for one in rows(second)] == [6, 7, 2]
    moment = rows(second)[1]["date_modified_gmt"]
    assert [one["id"] for one in rows(ask(shop, modified_after=moment))] == [2]
    assert [one["id"] for one in rows(ask(shop, status="trash"))] == [3]
    assert not any(name.startswith("_") for one in rows(first) for name in one)


@pytest.mark.parametrize(
    ("query", "status"),
    [({"per_page": "101"}, 400), ({"page": "0"}, 400), ({"modified_after": "now"}, 400)],
)
def test_what_cannot_be_asked_is_refused(
    tmp_path: Path, query: dict[str, str], status: int
) -> None:
    shop = shop_of(tmp_path, "", Life())
    assert ask(shop, **query).status == status
    assert ask(shop, basic="Basic x").status == 401
    assert ask(shop, f"{ORDERS}/77").status == 404


def test_a_list_without_dates_needs_no_word_about_them(tmp_path: Path) -> None:
    """As of WooCommerce itself, and as the test of a connection asks."""
    shop = shop_of(tmp_path, "", Life())
    assert ask(shop, per_page="1", dates_are_gmt="").status == 200
    assert ask(shop, modified_after="2026-11-01T00:00:00", dates_are_gmt="").status == 400


def test_answers_fail_as_planned_and_too_many_are_told_to_wait(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "", Life(), a_minute=4)
    control(shop, "faults", plan=["rest_error", "rest_html", "rest_cut"])
    answers = [ask(shop) for _ in range(5)]
    assert [(one.status, one.cut) for one in answers] == [
        (500, ""), (502, ""), (200, "middle"), (200, ""), (200, ""),
    ]  # fmt: skip
    assert ask(shop).status == 200
    late = ask(shop)
    assert (late.status, late.headers["Retry-After"]) == (429, "20")


def test_after_five_failures_it_sends_nothing_any_more(tmp_path: Path, ear: Ear) -> None:
    ear.status = 500
    shop = shop_of(tmp_path, ear.address, Life())
    for _ in range(ENOUGH + 2):
        control(shop, "act")
    assert [one["effect"] for one in hooks(shop)] == ["sent"] * ENOUGH + ["silent"] * 2
    ear.status = 202
    control(shop, "enable")
    control(shop, "act")
    assert hooks(shop)[-1]["effect"] == "sent"
