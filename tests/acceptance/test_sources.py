"""A shop that loses webhooks is asked: what it lost comes all the same, once."""

import json
import re
import socket
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.houses import quiet
from tests.acceptance.pages import words
from tests.acceptance.product import (
    ADMIN,
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    free_environment,
)
from tests.acceptance.quiet import rows, work
from tests.installed import ROOT
from tests.support.simulator import ledger_lines

pytestmark = pytest.mark.slow

RULES = ROOT / "portal" / "starters" / "woocommerce-aiaccount"
BY_ADMIN = ("--company", CURRENT_COMPANY, "--as", ADMIN)
MINUTE, HOUR = 60.0, 3600.0


@dataclass
class Shop:
    """The stand-in of a shop, and a list of its own of what was sold there."""

    house: House
    url: str
    ledger: Path
    hours: float = 0.0

    def act(self, **given: Any) -> dict[str, Any]:
        """Somebody buys, or does something in the shop's own pages."""
        answer = requests.post(f"{self.url}/_sim/act", json=given, timeout=30)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()["order"]
        return found

    def sell(self, number: int, *, lost: bool = False) -> None:
        """An order of so many glasses; its webhook arrives, or is lost."""
        if lost:
            self.plan("drop")
        self.act(id=number, lines=[{"sku": "CUP-GLASS-20", "quantity": number}])

    def plan(self, fault: str) -> None:
        answer = requests.post(f"{self.url}/_sim/faults", json={"fault": fault}, timeout=10)
        assert answer.ok, answer.text

    def silently(self, deed: str, **given: Any) -> requests.Response:
        """Somebody changes the shop's database."""
        return requests.post(f"{self.url}/_sim/{deed}", json=given, timeout=10)

    def lines(self, call: str) -> list[dict[str, Any]]:
        """What it wrote itself of webhooks, changes or questions."""
        return [one for one in ledger_lines(self.ledger) if one["call"] == call]

    def asked_since(self) -> list[str]:
        """From which moment it was asked for orders that are not in the trash."""
        asked = [one["query"] for one in self.lines("asked")]
        return [one["modified_after"] for one in asked if one["status"] == "any"]

    def later(self, seconds: float) -> None:
        """The clock of product and shop goes on."""
        self.hours += seconds
        self.house.product.shift_clock(self.hours)


@pytest.fixture(scope="module")
def shop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    product = Product(command, tmp_path_factory.mktemp("shop"), free_environment())
    with quiet(product, RULES) as house:
        to = f"{house.address}/hooks/{CURRENT_COMPANY}/woocommerce"
        ledger = product.folder / "shop.jsonl"
        given = ("--port", "0", "--ledger", str(ledger), "--home", str(product.home), "--to", to)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        started = ("simulate", "woocommerce", *given[2:], "--port", str(port))
        url = f"http://127.0.0.1:{port}"
        pair = ("--set", f"base_url={url}", "--set", "pull_minutes=0")
        product.run("connection", "add", "woocommerce", *BY_ADMIN, "--side", "source", *pair)
        with product.started(*started) as child:
            assert child.stdout
            told: Mapping[str, Any] = json.loads(child.stdout.readline())
            assert told["url"] == url
            product.run("connection", "key", "woocommerce", *BY_ADMIN, stdin=told["key"])
            yield Shop(house, url, ledger)


def unpacked(body: bytes) -> bytes:
    """A delivery as it came in: it is kept compressed where that is shorter."""
    return zlib.decompress(body.removeprefix(b"\0z")) if body[:2] == b"\0z" else body


def invoiced(house: House) -> Counter[str]:
    """The orders that AiAccount has an invoice of, by its own ledger."""
    return Counter(number.removeprefix("WC-") for number in house.created())


def test_A15_what_it_says(shop: Shop) -> None:
    """Dropped: 3 of 50 webhooks; then one more, and an edit, for the pull."""
    house, lost = shop.house, {7, 23, 41}
    help_ = house.product.run("simulate", "woocommerce", "--help").stdout
    assert "for so many, the webhook is never sent" in help_
    work(house)
    assert shop.lines("asked") == []  # only the night asks, by the setting
    for number in range(1, 51):
        shop.sell(number, lost=number in lost)
    hooks = Counter(one["effect"] for one in shop.lines("webhook") if one["topic"] != "ping")
    assert hooks == {"sent": 47, "dropped": 3}
    assert {one["status"] for one in shop.lines("webhook") if one["effect"] == "sent"} == {202}
    work(house)
    arrived = Counter(str(n) for n in range(1, 51) if n not in lost)
    assert invoiced(house) == arrived

    # The night: the sweep brings exactly those three.
    shop.later(24 * HOUR)
    work(house)
    assert invoiced(house) == Counter(str(n) for n in range(1, 51))
    brought = rows(house, "SELECT body FROM delivery WHERE kind = 'sweep' ORDER BY id")
    swept = [json.loads(unpacked(bytes(body))) for (body,) in brought]
    assert [one["id"] for page in swept for one in page] == sorted(lost)
    finance = house.visitor(FINANCE)
    page = words(finance.get(f"/c/{CURRENT_COMPANY}/connections/woocommerce"))
    found = "The nightly sweep of WooCommerce found 3 records that had not arrived:"
    assert f"{found} order 7, order 23, order 41." in page
    record = words(finance.get(f"/c/{CURRENT_COMPANY}/records/woocommerce/order/7?tab=versions"))
    assert "sweep" in record
    nights = len(shop.lines("asked"))
    work(house)
    assert len(shop.lines("asked")) == nights  # it is over until the next night

    # By day, every fifteen minutes, by a cursor that each process finds where the last one left it.
    house.product.run("connection", "set", "woocommerce", *BY_ADMIN, "--set", "pull_minutes=15")
    work(house)
    began = shop.asked_since()[-1]
    shop.later(2 * HOUR)
    shop.sell(51, lost=True)
    work(house)
    assert invoiced(house)["51"] == 1
    shop.plan("drop")
    edited = shop.act(act="edit", id=51)
    shop.later(14 * MINUTE)
    asked = len(shop.lines("asked"))
    work(house)
    assert len(shop.lines("asked")) == asked
    shop.later(MINUTE)
    work(house)
    assert shop.asked_since()[-1] > began
    finance = house.visitor(FINANCE)
    record = words(finance.get(f"/c/{CURRENT_COMPANY}/records/woocommerce/order/51?tab=versions"))
    assert "version 2" in record
    cursors = rows(house, "SELECT cursor FROM pull WHERE kind = 'pull'")
    moment = re.findall(r"[\d-]+T[\d:]+", cursors[0][0])[0]
    assert moment > began
    assert moment < edited["date_modified_gmt"]  # a little back, for what is stored late
    assert invoiced(house) == Counter(str(n) for n in range(1, 52))


def test_A20_what_was_deleted_or_changed_without_a_sign_is_found_by_the_sweep(shop: Shop) -> None:
    house = shop.house
    for number in (61, 62, 63):
        shop.sell(number)
    work(house)
    assert {"61", "62", "63"} <= invoiced(house).keys()
    assert shop.silently("hide", id=61).ok
    assert shop.silently("rewrite", id=62, fields={"total": "999.00"}).ok
    for _ in range(2):
        shop.later(24 * HOUR)
        work(house)
    finance = house.visitor(FINANCE)
    of_order = f"/c/{CURRENT_COMPANY}/records/woocommerce/order"
    gone = words(finance.get(f"{of_order}/61?tab=trace"))
    assert "WooCommerce no longer shows order 61." in gone
    assert re.search(r"compared it with WooCommerce on [\d-]+ [\d:]+: WooCommerce no longer", gone)
    held = "SELECT h.code FROM hold h JOIN record r ON r.id = h.record_id WHERE r.number = ?"
    assert [code for (code,) in rows(house, held, "61")] == ["SRC01"]
    versions = (
        "SELECT count(*) FROM version v JOIN record r ON r.id = v.record_id WHERE r.number = ?"
    )
    counts = [rows(house, versions, str(number))[0][0] for number in (61, 62, 63)]
    assert counts == [2, 2, 1]
    same = words(finance.get(f"{of_order}/63?tab=trace"))
    assert re.search(r"compared it with WooCommerce on [\d-]+ [\d:]+: the same there", same)
    page = words(finance.get(f"/c/{CURRENT_COMPANY}/connections/woocommerce"))
    assert page.count("no longer shows 1 record: order 61.") == 1
