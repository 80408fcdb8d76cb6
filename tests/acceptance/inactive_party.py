"""A customer that somebody made inactive in QuickBooks, before the shop's order is invoiced.

Here: the company under the shipped template, what the pages say, and both ways out. Not here: a
customer that is unknown, ambiguous or known (test_checks.py).
"""

from tests.acceptance.paid_by_hand import ORDER
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import Product
from tests.acceptance.quiet import BASE, rows, send
from tests.acceptance.trader import Trader, opened_trader

HOLDS = "SELECT id, code, rule, message FROM hold WHERE state = 'open'"
INACTIVE = "Customer 58 is inactive in quickbooks, so it was not sent."


def held_and_freed(product: Product) -> None:
    """It is held before anything is sent, and goes when the customer is in use again."""
    rules = product.folder / "rules"
    product.run("init", str(rules), "--template", "orders-quickbooks")
    teams = ("accounts", "sales_admin", "tax_desk")
    with opened_trader(product, rules, "quickbooks", teams=teams) as trader:
        books = trader.books["quickbooks"]
        books.control("company", inactive={"Customer": ["58"]})
        trader.take(ORDER)
        ((hold, *told),) = rows(trader, HOLDS)
        assert told == ["TGT06", "target.party_inactive", INACTIVE]
        _nothing_was_sent(trader)
        shown = trader.page("order", "NS-1")
        assert state(shown) == "Held"
        party = shown.one("ul", id="strip").all("li")[1].text
        assert party.startswith("failed")
        assert "Customer matches one party" in party
        assert INACTIVE in party

        assert "customer 58 is made active there" in _pane(trader, hold).text
        _retry(trader, hold)
        ((hold, *again),) = rows(trader, HOLDS)
        assert again == told, "it was asked, and is inactive still"
        _nothing_was_sent(trader)

        books.control("company", active={"Customer": ["58"]})
        _retry(trader, hold, by="approver")
        assert state(trader.page("order", "NS-1")) == "Posted"
        assert rows(trader, HOLDS) == []
        assert books.made() == ["NS-1-1"]


def _retry(trader: Trader, hold: int, *, by: str = "finance") -> None:
    """Somebody has it tried again, and a worker comes."""
    person = trader.person(by)
    form = next(
        one
        for one in read(person.get(f"{BASE}/holding/{hold}")).all("form", cls="act")
        if one.attributes["action"].endswith("/retry")
    )
    send(person, form, form.fields())
    trader.move(minutes=10)
    trader.work()


def _pane(trader: Trader, hold: int) -> Part:
    return read(trader.person("finance").get(f"{BASE}/holding/{hold}"))


def _nothing_was_sent(trader: Trader) -> None:
    """Its own ledger has reads alone."""
    books = trader.books["quickbooks"]
    assert books.made() == []
    assert not [
        one for one in books.lines() if one.get("number") == "NS-1-1" and one["call"] != "lookup"
    ]
