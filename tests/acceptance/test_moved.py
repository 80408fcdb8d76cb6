"""A company that moves from one accounting system to another at a date."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.product import ADMIN, Product, free_environment
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
RULES = Path(__file__).with_name("moved.rules")
TARGETS = ("autocount", "aiaccount")
PREFLIGHT = ("connection", "preflight", *COMPANY, "--as", ADMIN, "--json")
DAYS = ("2026-04-30", "2026-05-16", "2026-05-17", "2026-05-18", "2026-06-30")


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    product = Product(command, tmp_path_factory.mktemp("moved"), free_environment())
    folder = product.folder / "rules"
    folder.mkdir()
    (folder / "moved.rules").write_text(RULES.read_text("utf-8"), "utf-8")
    teams = ("accounts", "sales_admin")
    with opened_trader(product, folder, *TARGETS, teams=teams) as found:
        yield found


def publish(trader: Trader, no: int, old: str, new: str) -> None:
    """The rules with another condition come into force."""
    text = RULES.read_text("utf-8")
    assert text.count(old) == 1
    folder = trader.product.folder / f"rules-{no}"
    folder.mkdir()
    (folder / "moved.rules").write_text(text.replace(old, new), "utf-8")
    told = ("rules", "push", str(folder), *COMPANY, "--as", "consultant@kedai.example")
    trader.product.run(*told)
    trader.product.run("publish", str(no), *COMPANY, "--as", "publisher@kedai.example")


def test_E32_what_it_says(trader: Trader) -> None:
    trader.books["aiaccount"].control("lock", through=None)
    trader.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
    calls = sum(len(trader.books[name].lines()) for name in TARGETS)
    told = trader.product.json(*PREFLIGHT)
    assert told["findings"] == []
    assert [(one["days"], one["targets"]) for one in told["moves"]] == [
        ("below 2026-05-17", ["autocount"]),
        ("2026-05-17", ["aiaccount"]),
        ("above 2026-05-17", ["aiaccount"]),
    ]
    for no, old, new, code, days in (
        (2, ">= switch_day", "> switch_day", "rules.days_without_target", "2026-05-17"),
        (3, "< switch_day", "<= 2026-05-31", "rules.days_with_two_targets", "2026-05-31"),
    ):
        publish(trader, no, old, new)
        found = trader.product.json(*PREFLIGHT, code=1)["findings"]
        assert {one["code"] for one in found} == {code}
        assert any(days in one["words"] for one in found)
    publish(trader, 4, "Web shop", "Web shop, Ipoh")
    assert trader.product.json(*PREFLIGHT)["findings"] == []
    assert sum(len(trader.books[name].lines()) for name in TARGETS) == calls, "nobody was called"

    line = {"pos": 1, "name": "Tea", "uom": "PCS", "qty": "2", "price": "5.00"}
    orders = [
        {
            "kind": "order",
            "number": f"NS-{at}",
            "status": "paid",
            "ordered_on": day,
            "currency": "MYR",
            "customer": f"Buyer {at}",
            "total": "10.00",
            "lines": [line],
        }
        for at, day in enumerate(DAYS)
    ]
    trader.take(*orders)
    made = {name: sorted(trader.books[name].made()) for name in TARGETS}
    assert made == {
        "autocount": ["IV-NS-0", "IV-NS-1"],
        "aiaccount": ["IV-NS-2", "IV-NS-3", "IV-NS-4"],
    }
