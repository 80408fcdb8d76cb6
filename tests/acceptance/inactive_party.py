"""A customer or a vendor that somebody made inactive in QuickBooks, before its document is made.

Here: the company under the shipped template, what the pages say, and both ways out. Not here: a
customer that is unknown, ambiguous or known (test_checks.py).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.acceptance.depot import day
from tests.acceptance.paid_by_hand import ORDER
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import Product
from tests.acceptance.quiet import BASE, rows, send
from tests.acceptance.template_records import purchase
from tests.acceptance.trader import Trader, opened_trader

HOLDS = "SELECT id, code, rule, message FROM hold WHERE state = 'open'"
PURCHASE = {"kind": "purchase", **purchase(5)["body"], "ordered_on": day(3)}


def held_and_freed(product: Product) -> None:
    """Each is held before anything is sent, and goes when its party is in use again."""
    rules = product.folder / "rules"
    product.run("init", str(rules), "--template", "orders-quickbooks")
    _bills_at_once(rules)
    teams = ("accounts", "sales_admin", "tax_desk", "purchasing")
    with opened_trader(product, rules, "quickbooks", teams=teams) as trader:
        _held_and_freed(trader, ORDER, "Customer", "58", "NS-1-1")
        _held_and_freed(trader, PURCHASE, "Vendor", "77", "B-PO-5")


def _bills_at_once(rules: Path) -> None:
    """Not in the evening, so that the test has no hour of its own."""
    file = rules / "posting.rules"
    text, found = re.subn(r"    daily .*", "    immediately", file.read_text("utf-8"))
    assert found == 1
    file.write_text(text, "utf-8")
    for tests in rules.glob("*_test.rules"):  # they tell of the evening
        tests.unlink()


def _held_and_freed(
    trader: Trader, given: Mapping[str, Any], entity: str, party: str, number: str
) -> None:
    books, inactive = (
        trader.books["quickbooks"],
        f"{entity} {party} was made inactive in quickbooks",
    )
    books.control("company", inactive={entity: [party]})
    trader.take(given)
    ((hold, *told),) = rows(trader, HOLDS)
    assert told == ["TGT06", "target.party_inactive", f"{inactive}, so it was not sent."]
    _nothing_was_sent(trader, number)
    shown = trader.page(given["kind"], given["number"])
    assert state(shown) == "On hold"
    strip = shown.one("ul", id="strip").all("li")[1].text
    assert strip.startswith("failed")
    assert "matches one party" in strip
    assert inactive.replace("quickbooks", "QuickBooks") in strip

    assert f"{entity.lower()} {party} is made active there" in _pane(trader, hold).text
    _retry(trader, hold)
    ((hold, *again),) = rows(trader, HOLDS)
    assert again == told, "it was asked, and is inactive still"
    _nothing_was_sent(trader, number)

    books.control("company", active={entity: [party]})
    _retry(trader, hold, by="approver")
    assert state(trader.page(given["kind"], given["number"])) == "Posted"
    assert rows(trader, HOLDS) == []
    assert books.made().count(number) == 1


def _retry(trader: Trader, hold: int, *, by: str = "finance") -> None:
    """Somebody has it tried again, and a worker comes."""
    person = trader.person(by)
    for word in ("message", "retry"):
        forms = read(person.get(f"{BASE}/holding/{hold}")).all("form", cls="act")
        for form in forms:
            if form.attributes["action"].endswith(f"/{word}"):
                send(person, form, form.fields())
    trader.move(minutes=10)
    trader.work()


def _pane(trader: Trader, hold: int) -> Part:
    return read(trader.person("finance").get(f"{BASE}/holding/{hold}"))


def _nothing_was_sent(trader: Trader, number: str) -> None:
    """Its own ledger has reads alone."""
    books = trader.books["quickbooks"]
    assert number not in books.made()
    assert not [
        one for one in books.lines() if one.get("number") == number and one["call"] != "lookup"
    ]
