"""A project with NetShop rehearsed offline: its stand-in sends, each change is taken once."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from tests.support.simulator import ledger_lines

pytestmark = pytest.mark.slow
RULES = Path(__file__).parents[2] / "portal" / "starters" / "netshop-aiaccount"
RECORDS = f"/c/{CURRENT_COMPANY}/records/netshop"
STANDS = "SELECT r.number, r.status, count(v.id) FROM record r JOIN version v ON v.record_id = r.id"


@dataclass
class Shop:
    """NetShop's stand-in, whose webhooks may be lost, and which may be asked."""

    house: House
    url: str
    ledger: Path
    seconds: float = field(default=0.0)

    def ask(self, deed: str, **given: Any) -> None:
        answer = requests.post(f"{self.url}/_sim/{deed}", json=given, timeout=20)
        assert answer.ok, answer.text

    def act(self, act: str, number: int, *, lost: bool = False, **given: Any) -> None:
        if lost:
            self.ask("faults", fault="drop")
        self.ask("act", act=act, id=number, **given)

    def sell(self, number: int, *, lost: bool = False) -> None:
        """So many glasses, which the company has in its books."""
        bought = [{"sku": "CUP-GLASS-20", "qty": number, "price": "10.00"}]
        who = {"id": "C-102", "name": "Boon & Co", "tin": "C20990050040", "address": "Ipoh"}
        self.act("create", number, lost=lost, items=bought, fields={"customer": who})

    def later(self, minutes: float) -> None:
        self.seconds += minutes * 60
        self.house.product.shift_clock(self.seconds)
        work(self.house)

    def lines(self, call: str) -> list[dict[str, Any]]:
        return [one for one in ledger_lines(self.ledger) if one["call"] == call]

    def state(self, number: int, kind: str = "order") -> tuple[str, int]:
        """The status of a record, and how many versions it has."""
        ((status, versions),) = rows(
            self.house,
            "SELECT r.status, count(v.id) FROM record r JOIN version v ON v.record_id = r.id"
            " WHERE r.number = ? GROUP BY r.id, r.status",
            f"{'NS' if kind == 'order' else 'RF'}-{number}",
        )
        return str(status), int(versions)


@contextmanager
def opened_shop(command: Path, folder: Path) -> Iterator[Shop]:
    """The stand-in beside a company that waits for its webhooks."""
    product = Product(command, folder, free_environment())
    with quiet(product, RULES) as house:
        to = f"{house.address}/hooks/{CURRENT_COMPANY}/netshop"
        ledger = folder / "shop.jsonl"
        where = ("--port", "0", "--ledger", str(ledger), "--home", str(product.home))
        spoken = ("simulate", "netshop", *where, "--to", to, "--secret", house.secret)
        with product.started(*spoken) as child:
            assert child.stdout
            yield Shop(house, json.loads(child.stdout.readline())["url"], ledger)


def test_what_the_stand_in_of_netshop_sends_is_taken_once_and_what_is_forged_never(
    command: Path, tmp_path: Path
) -> None:
    with opened_shop(command, tmp_path) as shop:
        shop.ask("faults", plan=["twice", "forged", "late"])
        shop.act("create", 1)  # twice
        shop.act("create", 2)  # forged first
        shop.act("edit", 2)  # late: after the cancel that follows
        shop.act("cancel", 2)
        shop.act("create", 3)
        shop.act("refund", 3, returned=True)
        sent = shop.lines("webhook")
        assert [(one["effect"], one["status"]) for one in sent] == [
            ("sent", 202), ("sent", 200), ("forged", 401), ("sent", 202), ("kept_back", -1),
            ("sent", 202), ("late", 202), ("sent", 202), ("sent", 202),
        ]  # fmt: skip
        work(shop.house)
        found = rows(shop.house, f"{STANDS} GROUP BY r.id, r.number, r.status ORDER BY r.number")
        assert [(number, status) for number, status, _ in found if number.startswith("NS")] == [
            ("NS-1", "paid"), ("NS-2", "cancelled"), ("NS-3", "returned"),
        ]  # fmt: skip
        assert [number for number, *_ in found if not number.startswith("NS")] == ["RF-3"]
        assert found[0][2] == 1


def test_a_refund_is_never_invoiced_and_what_a_webhook_missed_is_asked_for(
    command: Path, tmp_path: Path
) -> None:
    with opened_shop(command, tmp_path) as shop:
        house = shop.house
        by_admin = ("--company", CURRENT_COMPANY, "--as", ADMIN)
        house.product.run(
            "connection", "set", "netshop", *by_admin, "--set", f"base_url={shop.url}"
        )
        tested = house.product.run(
            "connection", "test", "netshop", "--company", CURRENT_COMPANY, "--as", ADMIN
        ).stdout
        assert "NetShop knows the key." in tested
        work(house)
        for number in (1, 2, 3, 4, 5, 6):
            shop.sell(number, lost=number in (2, 6))
        shop.act("refund", 3)  # all of it, before it was invoiced
        shop.act("refund", 4, amount="5.00")
        shop.act("refund", 5, words="refunded", lost=True)  # no text that is known
        work(house)
        # What a webhook brought; the others are not known before the shop is asked.
        assert Counter(house.created()) == Counter({"NS-1": 1, "NS-5": 1})
        assert shop.state(3) == ("refunded", 2)
        assert shop.state(4) == ("refunded_partly", 2)
        finance = house.visitor(FINANCE)
        told = "Refunded in part: release NS-4 to post its invoice of all that was sold"
        assert told in words(finance.get(f"{RECORDS}/order/4"))
        whole = "Payment refunded: NS-3 was refunded before it was invoiced. Reject it if"
        assert whole in words(finance.get(f"{RECORDS}/order/3"))
        assert "For reference" in words(finance.get(f"{RECORDS}/refund/RF-4"))

        shop.later(15)
        assert Counter(house.created()) == Counter({"NS-1": 1, "NS-2": 1, "NS-5": 1, "NS-6": 1})
        assert "Unknown refund: refunded" in words(finance.get(f"{RECORDS}/order/5"))
        assert [shop.state(number, "refund")[1] for number in (3, 4, 5)] == [1, 1, 1]
        page = words(finance.get(f"/c/{CURRENT_COMPANY}/connections/netshop"))
        came = "order NS-2, order NS-6, order NS-5, refund RF-5"
        assert f"Reading NetShop brought 4 records: {came}." in page

        # Nothing comes twice, and the place goes on.
        questions = [one["query"] for one in shop.lines("asked")]
        assert "since" in questions[0]
        shop.later(15)
        assert "after" in shop.lines("asked")[-1]["query"]
        assert Counter(house.created()) == Counter({"NS-1": 1, "NS-2": 1, "NS-5": 1, "NS-6": 1})

        # The night finds what the day's question missed: nothing here, and it is asked by moment.
        before = len(shop.lines("asked"))
        shop.later(24 * 60)
        nights = [one["query"] for one in shop.lines("asked")[before:]]
        assert any("since" in one for one in nights)
        assert sum(Counter(house.created()).values()) == 4
