"""Who makes the e-Invoice of a sale is stated by its source, and no sale gets two."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.depot import day
from tests.acceptance.parts import hold_links, read
from tests.acceptance.product import Product, free_environment
from tests.acceptance.quiet import BASE, rows
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
TEAMS = ("accounts", "finance_manager", "tax_desk", "it_support")
HOLDS = """SELECT h.code FROM hold h JOIN record r ON r.id = h.record_id
    WHERE r.number = ? AND h.closed_at IS NULL"""
BY_NIGHT = "    daily    at 02:00 by settled_on\n"
SALES = ("2611-01", "2611-02", "2611-03")


def statement(number: str) -> dict[str, Any]:
    """A statement of three sales of 100.00, of each of which 10.00 was kept back."""
    line = {"tax": "NONE", "gross": "100.00", "fee": "-10.00", "net": "90.00"}
    lines = [{"pos": at, "order_number": one, **line} for at, one in enumerate(SALES, 1)]
    return {
        "kind": "settlement",
        "id": number,
        "number": number,
        "status": "approved",
        "updated_at": f"{day(1)}T11:00:00+08:00",
        "supplier": "SHOPEE",
        "channel": "shopee",
        "settled_on": day(int(number[-1])),
        "gross": "300.00",
        "fees": "-30.00",
        "refunds": "0.00",
        "net": "270.00",
        "version": 1,
        "approved_version": 1,
        "lines": lines,
    }


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    """The company under the template for statements of marketplaces, which go at once."""
    product = Product(command, tmp_path_factory.mktemp("issuers"), free_environment())
    product.run("init", "rules", "--template", "settlements-aiaccount")
    rules = product.folder / "rules"
    posting = rules / "posting.rules"
    text = posting.read_text("utf-8")
    assert BY_NIGHT in text
    posting.write_text(text.replace(BY_NIGHT, "    immediately\n"), "utf-8")
    for told in rules.glob("*_test.rules"):
        told.unlink()  # they wait for the night
    with opened_trader(product, rules, "aiaccount", teams=TEAMS) as found:
        found.books["aiaccount"].control("company", accounts=["12090", "40010", "61010"])
        found.product.run(
            "connection", "test", "aiaccount", "--company", "kedai", "--as", "admin@kedai.example"
        )
        yield found


def answer(trader: Trader, value: str) -> None:
    """An administrator answers the question on the settings page of the source."""
    admin, path = trader.person("admin"), f"{BASE}/connections/intake/settings"
    page = admin.get(path)
    fields = {**read(page).one("form", id="settingsform").fields(), "e_invoice_issuer": value}
    done = admin.post(path, page, **fields)
    assert done.status_code == 200, read(done.text).text[:800]
    for _ in range(3):
        trader.work()
        trader.move(minutes=1)


def held(trader: Trader, number: str) -> set[str]:
    return {code for (code,) in rows(trader, HOLDS, number)}


def test_R24_a_statement_makes_e_invoices_only_once_somebody_said_that_they_are_ours(
    trader: Trader,
) -> None:
    made = trader.books["aiaccount"].made
    trader.take(statement("W-2"))
    assert held(trader, "W-2") == {"SRC02"}
    assert made() == ["FB-W-2"]
    finance = trader.person("finance")
    shown = read(finance.get(hold_links(trader.page("settlement", "W-2"))[0]))
    assert any("/help/SRC02?" in a.attributes.get("href", "") for a in shown.all("a"))
    assert "an administrator sets on the page of intake" in shown.text.lower()
    assert finance.post(f"{BASE}/connections/intake/settings", finance.get(BASE)).status_code == 403
    answer(trader, "platform")
    assert held(trader, "W-2") == {"SRC03"}
    trader.take(statement("W-3"))
    assert held(trader, "W-3") == {"SRC03"}
    assert made() == ["FB-W-2", "FB-W-3"], "none of the three sales has an e-Invoice"

    answer(trader, "us")
    assert held(trader, "W-2") == held(trader, "W-3") == set()
    assert sorted(made()) == ["FB-W-2", "FB-W-3", "W-2", "W-3"]
