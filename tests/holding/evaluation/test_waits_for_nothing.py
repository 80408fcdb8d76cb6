"""A document that comes after one that will not be posted is told to a person: it would wait for
ever. While the one before it may still come, it waits.
"""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import update

from holding.db.models import Company
from holding.holds import releases
from holding.holds.holds import Done
from tests.holding.life import NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.shop import FILES, RULES

REFUNDS = """
record refund from netshop
    number        text   key
    order_number  text   family
    status        one of paid
    refunded_on   date   dated
    customer      text
    total         money
    lines         many refund_line

record refund_line of refund
    pos     whole  key
    amount  money

link orders of refund
    from     order
    by       number = order_number
    at most  1  else hold for accounts

gate refund
    ready   paid

post refund to aiaccount.credit_note as "CN-{number}"
    immediately
    after   aiaccount.sales_invoice
    we own  the rest  else review by accounts
    InvoiceNumber  = document_number
    InvoiceDate    = refunded_on
    Customer       = debtor(customer)
    Currency       = "MYR"
    Total          = total
    Reason         = number_of(aiaccount.sales_invoice)
    each line
        LineNo       = line.pos
        SKU          = "TEA-1"
        Description  = "Given back"
        Quantity     = 1.0
        UOM          = "PCS"
        UnitPrice    = line.amount
        AccountCode  = sales_account
        TaxCode      = "NT"
        LineTotal    = line.amount

duplicates of refund
    unique by number in history
    else     hold for accounts
    say      "{number} is here already."

on edit of refund
    all      = order_number, status, refunded_on, customer, total, lines
    | changed        | do                 |
    | all, not_ready | review by accounts |
"""
WRONG: dict[str, Any] = {"total": "95.00"}
"""Lines and total do not agree: the invoice is on hold."""


def refund(**changes: Any) -> dict[str, Any]:
    given = {
        "number": "RF-1",
        "order_number": "NS-1",
        "status": "paid",
        "refunded_on": "2026-11-19",
        "customer": "C-77",
        "total": "5.00",
        "lines": [{"pos": 1, "amount": "5.00"}],
    }
    return given | changes


def give_back(life: Life, **changes: Any) -> None:
    life.shop.clock.advance(60)
    life.shop.receive_as("refund", refund(**changes), stamp=life.shop.now.isoformat())
    life.work()


def told(life: Life, number: str = "RF-1") -> list[tuple[str, str]]:
    with life.shop.database.read() as session:
        return [(hold.code, hold.message) for hold in life.shop.holds(session, number)]


def reject(life: Life, number: str) -> None:
    """An approver says that it is entered by hand."""
    with life.shop.database.write() as session:
        (hold,) = life.shop.holds(session, number)
        done = releases.reject(
            session, life.shop.actor("lim"), hold.id, "entered by hand", life.shop.now
        )
        assert isinstance(done, Done), done
    life.work()


@pytest.fixture
def life(begun: Begun) -> Life:
    return begun(FILES | {"shop.rules": RULES + REFUNDS})


@pytest.mark.parametrize("refund_first", [True, False])
def test_after_a_rejected_invoice_a_refund_is_held_and_can_be_rejected_too(
    life: Life, refund_first: bool
) -> None:
    life.arrive("NS-1", **WRONG)
    if refund_first:
        give_back(life)
        assert (told(life), life.shop.states()["RF-1"]) == ([], "waiting")
    reject(life, "NS-1")
    if not refund_first:
        give_back(life)
    assert told(life) == [
        ("EVA06", "It comes after NS-1, which is not posted: rejected by Lim: entered by hand.")
    ]
    assert life.shop.states()["RF-1"] == "held"
    reject(life, "RF-1")
    assert (told(life), life.shop.states()["RF-1"]) == ([], "ignored")
    assert life.books.effects == []


def test_it_goes_once_its_order_is_posted_after_all(life: Life) -> None:
    life.arrive("NS-1", **WRONG)
    give_back(life)
    reject(life, "NS-1")
    assert [code for code, _ in told(life)] == ["EVA06"]
    life.arrive("NS-1")
    assert life.books.effects == [("create", "NS-1"), ("create", "CN-RF-1")]
    assert told(life) == []


def test_it_waits_while_its_order_may_still_come(life: Life) -> None:
    give_back(life)
    assert (told(life), life.shop.states()["RF-1"]) == ([], "waiting")
    life.arrive("NS-1", status="pending")
    assert (told(life), life.shop.states()["RF-1"]) == ([], "waiting")
    life.arrive("NS-1", **WRONG)
    assert (told(life), life.shop.states()["RF-1"]) == ([], "waiting")


def test_of_an_order_before_the_cutover_it_is_held(life: Life) -> None:
    with life.shop.database.write() as session:
        mine = Company.id == life.shop.company.id
        session.execute(update(Company).where(mine).values(starts_on=date(2026, 11, 19)))
    life.arrive("NS-1")
    give_back(life)
    assert told(life) == [
        (
            "EVA06",
            (
                "It comes after NS-1, which is not posted: dated 2026-11-18, before the cutover"
                " date 2026-11-19."
            ),
        )
    ]


def test_of_an_order_that_was_cancelled_before_it_was_posted_it_is_held(life: Life) -> None:
    life.arrive("NS-1", status="cancelled")
    give_back(life)
    assert [code for code, _ in told(life)] == ["EVA06"]


def test_of_an_invoice_that_was_made_void_it_is_held(begun: Begun) -> None:
    back = TABLES.partition("\npost order to aiaccount.credit_note")[0]
    voids = back.replace("credit note and new", "review by accounts ").replace(
        "| credit note |", "| void        |"
    )
    cut = NUMBERED.partition("\non edit of order")[0]
    life = begun(FILES | {"shop.rules": cut + voids + REFUNDS})
    life.arrive("NS-1", **SMALL)
    life.arrive("NS-1", **{**SMALL, "status": "cancelled"})
    assert life.books.shelf["NS-1-1"].void
    give_back(life)
    ((code, message),) = told(life)
    assert (code, message.partition(":")[0]) == (
        "EVA06",
        "It comes after NS-1-1, which is not posted",
    )


def test_a_second_document_of_the_same_record_is_held_too(begun: Begun) -> None:
    second = REFUNDS.partition("post refund")[2].partition("\nduplicates")[0]
    second = "\npost order" + second.replace("refunded_on", "ordered_on")
    rest = "on cancel of order"
    rules = RULES.replace(f"\n{rest}", f"{second}\n{rest}", 1).replace(
        "check adds_up on order\n", "check adds_up on order for aiaccount.sales_invoice\n"
    )
    rules = rules.replace("duplicates of order for aiaccount.sales_invoice", "duplicates of order")
    life = begun(FILES | {"shop.rules": rules})
    life.arrive("NS-1", **WRONG)
    assert (life.held("NS-1"), life.open("NS-1")) == (
        ["CHK01"],
        ["waits for aiaccount.sales_invoice"],
    )
    reject(life, "NS-1")
    assert life.held("NS-1") == ["EVA06"]
