"""Two documents of one record, of which one comes after the other: who is taken back first."""

from dataclasses import replace
from typing import Any

import pytest

from holding.access import people
from holding.holds import releases
from holding.holds.holds import Done
from tests.holding import life as life_of
from tests.holding.life import NUMBERED, TABLES, Begun, Life
from tests.holding.shop import FILES, line
from tests.support.books import CREDIT_NOTE, INVOICE, Books

LARGE: dict[str, Any] = {"total": "960.00", "lines": [line(qty="10")]}
RECEIPT = replace(CREDIT_NOTE, name="receipt", title="Receipt", actions=("void",))
PAID = """
post order to aiaccount.receipt as "RC-{number}-{posting}"
    immediately
    after   aiaccount.sales_invoice
    we own  the rest  else review by accounts
    InvoiceNumber  = document_number
    InvoiceDate    = ordered_on
    Customer       = debtor(customer)
    Currency       = "MYR"
    Reference      = number_of(aiaccount.sales_invoice)
    Total          = total
    each line
        LineNo       = line.pos
        SKU          = item(line.sku)
        Description  = line.name
        Quantity     = line.pieces
        UOM          = base_unit(line.sku)
        UnitPrice    = round(price_in_base(line.price, line.uom, line.sku), 0.0001)
        AccountCode  = sales_account
        TaxCode      = "NT"
        LineTotal    = line.amount
"""
VOID = """
on cancel of order for aiaccount.receipt
    | period | do   |
    | -      | void |
"""
"""The receipt of an order, which comes after its invoice."""


@pytest.fixture
def paid(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> Life:
    """Both are made void when the order is cancelled."""
    return with_receipts(begun, monkeypatch, VOID)


@pytest.fixture
def asked(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> Life:
    """A person is asked about the receipt."""
    return with_receipts(begun, monkeypatch, "")


def with_receipts(begun: Begun, monkeypatch: pytest.MonkeyPatch, more: str) -> Life:
    """A shop of which each order has an invoice and a receipt; Lim decides."""
    documents = (INVOICE, CREDIT_NOTE, RECEIPT)
    monkeypatch.setattr(life_of, "Books", lambda: Books(documents=documents))
    life = begun(FILES | {"shop.rules": NUMBERED + TABLES + PAID + more})
    with life.shop.database.write() as session:
        lim = life.shop.actor("lim").person_id or 0
        for team in ("accounts", "sales_admin"):
            people.add_to_team(session, company_id=life.shop.company.id, name=team, person_id=lim)
    return life


def decide(life: Life, verb: str) -> None:
    """Lim decides about the only hold of A-1."""
    with life.shop.database.write() as session:
        (hold,) = life.shop.holds(session, "A-1")
        act = releases.release if verb == "release" else releases.reject
        done = act(session, life.shop.actor("lim"), hold.id, "as on paper", life.shop.now)
        assert isinstance(done, Done), done
    life.work()


def test_what_comes_after_is_made_void_first(paid: Life) -> None:
    paid.arrive("A-1")
    assert paid.books.effects == [("create", "A-1-1"), ("create", "RC-A-1-1")]
    paid.arrive("A-1", status="cancelled")
    assert paid.books.effects[2:] == [("void", "RC-A-1-1"), ("void", "A-1-1")]
    assert paid.shop.states()["A-1"] == "reversed"


def test_an_invoice_is_credited_when_its_receipt_is_void(paid: Life) -> None:
    paid.arrive("A-1", **LARGE)
    paid.arrive("A-1", status="cancelled", **LARGE)
    assert paid.books.effects[2:] == [("void", "RC-A-1-1"), ("create", "CN-A-1-1")]
    assert paid.shop.states()["A-1"] == "reversed"


@pytest.mark.parametrize("given", [{}, LARGE], ids=["void", "credit note"])
def test_an_invoice_stands_while_a_person_decides_about_its_receipt(
    asked: Life, given: dict[str, Any]
) -> None:
    asked.arrive("A-1", **given)
    asked.arrive("A-1", status="cancelled", **given)
    assert (asked.held("A-1"), len(asked.books.effects)) == (["STL01"], 2)
    decide(asked, "release")
    taken = [("void", "A-1-1")] if not given else [("create", "CN-A-1-1")]
    assert (asked.held("A-1"), asked.books.effects[2:]) == ([], taken)


def test_an_invoice_stands_while_the_books_refuse_to_make_its_receipt_void(paid: Life) -> None:
    paid.arrive("A-1")
    paid.books.moods = ["refuse"]
    paid.arrive("A-1", status="cancelled")
    assert (paid.held("A-1"), len(paid.books.effects)) == (["TGT01"], 2)
    paid.arrive("A-1")
    assert (paid.held("A-1"), len(paid.books.effects)) == ([], 2), "both stand as they were"


def test_a_receipt_that_is_not_sent_yet_follows_the_invoice_that_comes_instead(paid: Life) -> None:
    """It would name an invoice that is about to be credited."""
    paid.books.moods = ["", "later"]
    paid.arrive("A-1", **LARGE)
    assert paid.books.effects == [("create", "A-1-1")]
    changed = {"total": "864.00", "lines": [line(qty="9")]}
    paid.arrive("A-1", **changed)
    paid.shop.clock.advance(3600)
    paid.work()
    made = [("create", "CN-A-1-1"), ("create", "A-1-2"), ("create", "RC-A-1-1")]
    assert paid.books.effects[1:] == made
    assert '"Reference":"A-1-2"' in paid.books.shelf["RC-A-1-1"].content
    assert paid.shop.states()["A-1"] == "posted"
