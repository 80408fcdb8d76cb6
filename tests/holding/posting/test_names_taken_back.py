"""A receipt whose invoice is taken back after it was posted: who is told, and what ends it."""

from typing import Any

import pytest

from connectors import registry
from holding.access import people
from holding.holds import releases
from holding.holds.holds import Done
from tests.holding.life import LARGE, NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.posting.test_billing import NetShopWithParcels
from tests.holding.posting.test_taken_back import PAID
from tests.holding.shop import FILES, line

LESS: dict[str, Any] = {"total": "672.00", "lines": [line(qty="7")]}
LEAST: dict[str, Any] = {"total": "576.00", "lines": [line(qty="6")]}


@pytest.fixture
def paid(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> Life:
    """Each order has an invoice, and what is received for it a receipt that names it; Lim decides
    for accounts.
    """
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    life = begun(FILES | {"shop.rules": NUMBERED + TABLES + PAID})
    with life.shop.database.write() as session:
        lim = life.shop.actor("lim").person_id or 0
        people.add_to_team(session, company_id=life.shop.company.id, name="accounts", person_id=lim)
    return life


def pay(life: Life) -> None:
    """What is received for A-1, once its invoice is posted."""
    life.shop.clock.advance(60)
    lines = [{"pos": 1, "of_line": 1, "qty": "1"}]
    body = {"number": "P-1", "order_no": "A-1", "status": "left", "left_on": "2026-11-19"}
    life.shop.receive_as("parcel", body | {"lines": lines}, stamp=life.shop.now.isoformat())
    life.work()


def says(life: Life) -> list[tuple[str, str]]:
    with life.shop.database.read() as session:
        return [(hold.code, hold.message) for hold in life.shop.holds(session, "P-1")]


def confirm(life: Life) -> None:
    """Lim says that the receipt was assigned to another invoice there."""
    life.shop.clock.advance(60)
    with life.shop.database.write() as session:
        (hold,) = life.shop.holds(session, "P-1")
        done = releases.release(session, life.shop.actor("lim"), hold.id, "moved", life.shop.now)
        assert isinstance(done, Done), done
    life.work()


def test_a_receipt_of_an_invoice_that_was_credited_and_made_anew_is_held(paid: Life) -> None:
    paid.arrive("A-1", **LARGE)
    pay(paid)
    assert says(paid) == []
    paid.arrive("A-1", **LESS)
    assert paid.books.effects[2:] == [("create", "CN-A-1-1"), ("create", "A-1-2")]
    ((code, message),) = says(paid)
    assert code == "STL04"
    assert message == (
        "RC-P-1 is posted, but A-1-1, which it names, was taken back; A-1-2 is posted instead."
        " The posted document stays until a person decides."
    )
    assert paid.shop.states()["P-1"] == "held"


def test_a_receipt_of_an_invoice_that_was_made_void_is_held(paid: Life) -> None:
    paid.arrive("A-1", **SMALL)
    pay(paid)
    paid.arrive("A-1", status="cancelled", **SMALL)
    assert paid.books.effects[2:] == [("void", "A-1-1")]
    assert [code for code, _ in says(paid)] == ["STL04"]
    assert "was taken back. The posted" in says(paid)[0][1]


def test_who_assigned_it_confirms_it_and_is_asked_again_when_more_is_taken_back(
    paid: Life,
) -> None:
    paid.arrive("A-1", **LARGE)
    pay(paid)
    paid.arrive("A-1", **LESS)
    confirm(paid)
    assert (says(paid), paid.shop.states()["P-1"]) == ([], "posted")
    paid.arrive("A-1", created_by="siti", **LESS)
    assert says(paid) == [], "nothing was taken back since"
    paid.arrive("A-1", **LEAST)
    assert [code for code, _ in says(paid)] == ["STL04"]
    assert "A-1-3 is posted instead" in says(paid)[0][1]


def test_a_void_of_the_one_that_it_was_assigned_to_asks_again(paid: Life) -> None:
    paid.arrive("A-1", **LARGE)
    pay(paid)
    paid.arrive("A-1", **LESS)
    confirm(paid)
    paid.arrive("A-1", **SMALL)
    assert says(paid) == [], "it is changed, and stands"
    paid.arrive("A-1", status="cancelled", **SMALL)
    assert paid.books.effects[-1] == ("void", "A-1-2")
    assert [code for code, _ in says(paid)] == ["STL04"]


def test_a_receipt_that_came_after_names_the_new_one(paid: Life) -> None:
    paid.arrive("A-1", **LARGE)
    paid.arrive("A-1", **LESS)
    pay(paid)
    assert says(paid) == []
    assert '"Reference":"A-1-2"' in paid.books.shelf["RC-P-1"].content
