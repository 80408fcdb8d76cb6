"""A payment that somebody typed in QuickBooks, before the shop told of it; a customer and an item.

Here: the company under the shipped template, its order, what is typed, the receipt, the link. Not
here: what a test says of documents of other targets (test_watch.py).
"""

from typing import Any

from tests.acceptance.depot import day
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import Product
from tests.acceptance.quiet import BASE, fix_mapping, rows, send
from tests.acceptance.trader import Trader, opened_trader

CUPS = {"pos": 1, "sku": "CUP-4", "name": "Cup", "uom": "PCS", "qty": "2", "price": "5.00"}
ORDER: dict[str, Any] = {
    "kind": "order",
    "number": "NS-1",
    "status": "paid",
    "version": 1,
    "ordered_on": day(3),
    "branch": "KL",
    "customer": "C-77",
    "customer_name": "Kedai Maju Sdn Bhd",
    "price_level": "TRADE",
    "currency": "MYR",
    "subtotal": "10.00",
    "tax_total": "1.00",
    "total": "11.00",
    "lines": [{**CUPS, "tax": "SST"}],
}
RECEIPT: dict[str, Any] = {
    "kind": "receipt",
    "number": "T-1",
    "order_number": "NS-1",
    "status": "captured",
    "received_on": day(2),
    "customer": "C-77",
    "method": "CARD",
    "amount": "11.00",
}
HOLDS = "SELECT id, rule, message FROM hold WHERE state = 'open'"


def found_and_linked(product: Product) -> None:
    """It is found before ours is made, held with its number, and linked; there is no second one."""
    rules = product.folder / "rules"
    product.run("init", str(rules), "--template", "orders-quickbooks")
    teams = ("accounts", "sales_admin", "tax_desk")
    with opened_trader(product, rules, "quickbooks", teams=teams) as trader:
        books = trader.books["quickbooks"]
        trader.take(ORDER)
        (invoice,) = books.documents()
        assert invoice["DocNumber"] == "NS-1-1"
        paid = {"Amount": 11.0, "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]}
        body = {
            "CustomerRef": invoice["CustomerRef"],
            "TxnDate": day(2),
            "TotalAmt": 11.0,
            "PaymentRefNum": "TT-77",
            "PaymentMethodRef": {"value": "4"},
            "DepositToAccountRef": {"value": "36"},
            "Line": [paid],
        }
        books.control("typed", entity="Payment", body=body)
        trader.take(RECEIPT)
        ((hold, rule, words),) = rows(trader, HOLDS)
        assert rule == "possible_manual_entry"
        assert words.startswith("quickbooks already has TT-77 for 58 over RM 11.00")
        _nothing_was_made(trader, "RC-T-1")

        approver = trader.person("approver")
        acts = _acts(read(approver.get(f"{BASE}/holding/{hold}")))
        reason = "Typed by Mei Ling when the customer telephoned"
        send(approver, acts["link"], {**acts["link"].fields(), "reason": reason})
        trader.move(hours=25)
        trader.work()
        shown = trader.page("receipt", "T-1")
        assert state(shown) == "Posted"
        assert "TT-77" in shown.text
        assert rows(trader, HOLDS) == []
        _nothing_was_made(trader, "RC-T-1")
        _customer_and_item(trader)
        told = trader.product.json("invariants", "--json")
        assert [one["breaches"] for one in told.values()] == [[]]


def _acts(page: Part) -> dict[str, Part]:
    """The forms of a hold, by what they do."""
    forms = page.all("form", cls="act")
    return {one.attributes["action"].rpartition("/")[2]: one for one in forms}


def _customer_and_item(trader: Trader) -> None:
    """Both are unknown to us, and in the books already: what waits for them is linked to those by
    their mappings, and no second one is made.
    """
    books, finance = trader.books["quickbooks"], trader.person("finance")
    books.control("company", lists={"Customer": {"90": "Kedai Baru"}, "Item": {"14": "Mug"}})
    mugs = {**CUPS, "sku": "MUG-1", "name": "Mug", "tax": "SST"}
    new = {"number": "NS-2", "customer": "C-88", "customer_name": "Kedai Baru", "lines": [mugs]}
    before = len(books.lines())
    trader.take({**ORDER, **new})
    assert books.lines()[before:] == [], "nothing was asked, for nothing can go"
    for key, value in (("Kedai Baru", "90"), ("MUG-1", "14"), ("90", "TRADE")):
        assert state(trader.page("order", "NS-2")) == "On hold"
        told = fix_mapping(finance, key, value, "Mei Ling made it in QuickBooks")
        assert f"“{key}” is now {value}" in told
        trader.work()
    ((hold, rule, _),) = rows(trader, HOLDS)
    assert rule == "more_than_a_name", "somebody confirms that it is this customer"
    approver = trader.visitor("approver@kedai.example")  # a day later, signed in anew
    acts = _acts(read(approver.get(f"{BASE}/holding/{hold}")))
    release = acts["release"]
    send(approver, release, {**release.fields(), "reason": "It is the one that Mei Ling made"})
    trader.move(minutes=2)
    trader.work()
    assert state(trader.page("order", "NS-2")) == "Posted"
    (invoice,) = (one for one in books.documents() if one.get("DocNumber") == "NS-2-1")
    assert invoice["CustomerRef"]["value"] == "90"
    assert invoice["Line"][0]["SalesItemLineDetail"]["ItemRef"]["value"] == "14"
    writes = [one["entity"] for one in books.lines()[before:] if one["effect"] == "created"]
    assert writes == ["Invoice"], "neither a customer nor an item was made"


def _nothing_was_made(trader: Trader, number: str) -> None:
    """There is one payment in the books, the typed one; ours was never sent."""
    books = trader.books["quickbooks"]
    numbers = [one["PaymentRefNum"] for one in books.documents() if "PaymentRefNum" in one]
    assert numbers == ["TT-77"]
    assert books.made() == ["NS-1-1", "TT-77"]
    assert not [
        one for one in books.lines() if one.get("number") == number and one["call"] != "lookup"
    ]
