"""A customer that AutoCount's account book lacks: asked about, or created there under its code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.parts import state
from tests.acceptance.product import ADMIN, Product, free_environment
from tests.acceptance.quiet import rows
from tests.acceptance.test_drafts import approved
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
RULES = Path(__file__).with_name("drafts.rules")
HELD = "SELECT class FROM hold WHERE number = ? AND state = 'open'"
LISTED = "SELECT code, name FROM listed_code WHERE kind = 'customer' ORDER BY code"


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    """The mapping of C-78 leads to a code that nobody entered in AutoCount."""
    product = Product(command, tmp_path_factory.mktemp("new"), free_environment())
    rules = product.folder / "rules"
    rules.mkdir()
    text = RULES.read_text("utf-8")
    more = '    "C-78"  -> "300-C078"\n    "C-79"  -> "300-C079"\n'
    shop = text.replace('    "C-78"  -> "300-C078"\n', more)
    assert shop.count("300-C079") == 1
    (rules / "shop.rules").write_text(shop, "utf-8")
    with opened_trader(product, rules, "autocount", teams=("accounts", "sales")) as found:
        yield found


def test_a_missing_customer_is_asked_about_or_created_where_that_is_set(trader: Trader) -> None:
    books = trader.books["autocount"]
    trader.take(approved("NS-1", customer="C-78"))
    assert rows(trader, HELD, "IV-NS-1-1") == [("mapping_missing",)]
    assert (_created(trader), books.made()) == ([], [])

    _wish(trader)
    trader.take(approved("NS-2", customer="C-78"), approved("NS-3", customer="C-78"))
    trader.work_on(2)
    assert _created(trader) == ["300-C078"], "once, for both"
    assert sorted(books.made()) == ["IV-NS-2-1", "IV-NS-3-1"]
    told = trader.page("order", "NS-2", "trace").text + trader.page("order", "NS-3", "trace").text
    assert told.count("300-C078 (C-78) was created there first.") == 1

    _its_answer_is_lost(trader)
    _the_list_of_the_night_has_it(trader)


def _wish(trader: Trader) -> None:
    by_admin = (*COMPANY, "--as", ADMIN)
    wish = ("--set", "create_parties=customer")
    trader.product.run("connection", "set", "autocount", *by_admin, *wish)
    trader.product.run("connection", "test", "autocount", *by_admin)
    trader.move(minutes=2)


def _its_answer_is_lost(trader: Trader) -> None:
    """Its document is in no doubt: it waits, and both go again; there is no second customer."""
    books = trader.books["autocount"]
    books.control("faults", plan=["slow", "timeout_after"])
    trader.take(approved("NS-4", customer="C-79"))
    trader.move(minutes=10)
    trader.work()
    page = trader.page("order", "NS-4", "trace")
    assert state(page) == "Posted"
    assert "Whether 300-C079 (C-79) was created there is not known." in page.text
    assert "300-C079 (C-79) was created there first." not in page.text, "it was there by then"
    assert books.made().count("IV-NS-4-1") == 1
    assert _created(trader) == ["300-C078", "300-C079"]
    doubts = "SELECT count(*) FROM attempt WHERE state = 'uncertain'"
    assert rows(trader, doubts) == [(0,)]


def _the_list_of_the_night_has_it(trader: Trader) -> None:
    trader.move(hours=26)
    for _ in range(4):
        trader.work()
        trader.move(minutes=2)
    listed = rows(trader, LISTED)
    assert ("300-C079", "C-79") in listed
    assert ("300-W001", "300-W001") in listed


def _created(trader: Trader) -> list[str]:
    """Who was created there, by the stand-in's own ledger."""
    lines = trader.books["autocount"].lines()
    return [one["number"] for one in lines if one.get("effect") == "party_made"]
