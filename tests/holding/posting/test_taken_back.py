"""Taking a document back: on a day that a person gave, and what follows it meanwhile."""

from typing import Any

import pytest

from connectors import registry
from holding.access import people
from holding.holds import locked_periods
from holding.holds.holds import Done
from tests.holding.life import NUMBERED, TABLES, Begun, Life
from tests.holding.posting.test_billing import NetShopWithParcels
from tests.holding.shop import FILES, line, order

LARGE: dict[str, Any] = {"total": "960.00", "lines": [line(qty="10")]}
PAID = """
record parcel from netshop
    number    text  key
    order_no  text  family
    status    one of packing, left, lost
    left_on   date  dated
    lines     many parcel_line

record parcel_line of parcel
    pos      whole     key
    of_line  whole
    qty      quantity

gate parcel
    ready  left
    wait   packing
    cancel lost

link orders of parcel
    from     order
    by       number = order_no
    at most  1  else hold for accounts

duplicates of parcel
    unique by number in history
    else     hold for accounts
    say      "{number} is here already."

post parcel to aiaccount.credit_note as "RC-{number}"
    immediately
    after   aiaccount.sales_invoice
    we own  the rest  else review by accounts
    InvoiceNumber  = document_number
    InvoiceDate    = left_on
    Customer       = debtor(latest(orders.customer))
    Currency       = "MYR"
    Reference      = number_of(aiaccount.sales_invoice)
    Total          = 1.00
    each line
        LineNo       = line.pos
        SKU          = "PAID"
        Description  = "Paid"
        Quantity     = line.qty
        UOM          = "PCS"
        UnitPrice    = 1.00
        AccountCode  = sales_account
        TaxCode      = "NT"
        LineTotal    = 1.00

on edit of parcel
    all      = order_no, status, left_on, lines
    | changed        | do                 |
    | all, not_ready | review by accounts |

on cancel of parcel
    | period | do                 |
    | -      | review by accounts |
"""
"""What is received for an order: a document that follows its invoice."""


def test_a_credit_note_of_a_closed_month_goes_on_the_day_that_a_person_gives_it(
    begun: Begun,
) -> None:
    life = begun(FILES | {"shop.rules": (NUMBERED + TABLES).replace("= today", "= ordered_on")})
    with life.shop.database.write() as session:
        farah = life.shop.actor("farah").person_id or 0
        people.add_to_team(
            session, company_id=life.shop.company.id, name="accounts", person_id=farah
        )
    life.arrive("A-1", **LARGE)
    life.books.moods = ["locked"]
    life.arrive("A-1", status="cancelled", **LARGE)
    assert life.held("A-1") == ["TGT01"]
    with life.shop.database.write() as session:
        (hold,) = life.shop.holds(session, "A-1")
        farah_ = life.shop.actor("farah")
        done = locked_periods.change_date(session, farah_, hold.id, None, "agreed", life.shop.now)
        assert isinstance(done, Done), done
    life.work()
    assert life.held("A-1") == []
    assert '"InvoiceDate":"2026-11-19"' in life.books.shelf["CN-A-1-1"].content
    assert ("sales_invoice", 1, "reversed", "A-1-1") in life.postings("A-1")


@pytest.fixture
def paying(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> Life:
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    return begun(FILES | {"shop.rules": NUMBERED + TABLES + PAID})


def pay(life: Life) -> None:
    lines = [{"pos": 1, "of_line": 1, "qty": "1"}]
    body = {"number": "P-1", "order_no": "A-1", "status": "left", "left_on": "2026-11-19"}
    life.shop.receive_as("parcel", body | {"lines": lines}, stamp=life.shop.now.isoformat())
    life.shop.judge()


def cancel(life: Life, **given: Any) -> None:
    life.shop.clock.advance(60)
    stamp = life.shop.now.isoformat()
    life.shop.receive(order("A-1", updated_at=stamp, status="cancelled", **given))
    life.shop.judge()


@pytest.mark.parametrize("given", [{}, LARGE], ids=["void", "credit note"])
@pytest.mark.parametrize("first", ["cancelled", "paid"])
def test_nothing_follows_what_is_about_to_be_taken_back(
    paying: Life, first: str, given: dict[str, Any]
) -> None:
    """Whichever comes first: who was ready to go waits, too, once its invoice is to be void."""
    paying.arrive("A-1", **given)
    for act in (first, {"cancelled": "paid", "paid": "cancelled"}[first]):
        if act == "cancelled":
            cancel(paying, **given)
        else:
            pay(paying)
    assert paying.open("P-1") == [
        "waits while aiaccount.sales_invoice A-1-1 is about to be taken back"
    ]
    paying.work()
    assert "RC-P-1" not in paying.books.shelf


def test_what_followed_and_stands_again_goes(paying: Life) -> None:
    paying.arrive("A-1")
    cancel(paying)
    pay(paying)
    paying.arrive("A-1")
    assert paying.books.effects == [("create", "A-1-1"), ("create", "RC-P-1")]


def test_what_comes_while_a_person_decides_about_its_invoice_waits(paying: Life) -> None:
    paying.arrive("A-1")
    paying.arrive("A-1", status="pending")
    assert paying.held("A-1") == ["STL01"]
    pay(paying)
    told = "waits while aiaccount.sales_invoice A-1-1 is held for accounts (not_ready)"
    assert paying.open("P-1") == [told]
    paying.work()
    assert "RC-P-1" not in paying.books.shelf
