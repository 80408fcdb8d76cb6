"""QuickBooks stores another total than was sent: a technical fault, and no change by a person."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from holding.company.diagnosis import Topic, diagnose
from holding.db.models import Hold, Posting, Push, Release
from holding.db.refusal import Refusal
from holding.holds import releases
from holding.holds.holds import Done
from holding.holds.restored_documents import overwrite_edit
from holding.reconciliation.stored_faults import list_faults
from tests.holding.posting.test_quickbooks_cells import House, database_url, house, running
from tests.holding.quickbooks_cells import parent, plain

__all__ = ["database_url", "house", "running"]  # fixtures
pytestmark = pytest.mark.sqlite


def test_another_total_is_named_everywhere(house: House) -> None:
    house.sim.control("company", other_totals=True)
    house.deliver(parent())
    house.shop.clock.advance(120)
    house.work()
    assert house.effects() == [("created", "Q900-1")]
    with house.shop.database.read() as session:
        [posting] = session.scalars(select(Posting))
        assert (posting.state, posting.amount) == ("posted", 7_711_000)
        [hold] = session.scalars(select(Hold).where(Hold.state == "open"))
        assert (hold.code, hold.error_class) == ("TGT16", "uncertain")
        assert "RM 77,111.00; RM 77,110.00 was sent" in hold.message
        [push] = session.scalars(select(Push))
        assert (push.state, push.error) == ("accepted", hold.message)
        [group] = list_faults(session, house.shop.company.id, house.target)
        assert group.message == hold.message
        found = diagnose(session, house.target, house.shop.now)
        assert [(one.topic, one.words) for one in found] == [(Topic.NO_RECORDS, hold.message)]


def test_an_approver_has_it_sent_again(house: House) -> None:
    house.sim.control("company", other_totals=True)
    house.deliver(parent())
    house.shop.clock.advance(120)
    house.work()
    lim, database = house.shop.actor("lim"), house.shop.database
    with database.write() as session:
        [hold] = session.scalars(select(Hold).where(Hold.state == "open"))
        made = overwrite_edit(session, lim, hold.id, "The total was right", house.shop.now)
    assert isinstance(made, Done), made
    house.work()
    house.shop.clock.advance(120)
    house.work()
    assert house.effects() == [("created", "Q900-1"), ("updated", "Q900-1")]
    assert house.holds() == {}
    with database.read() as session:
        assert session.scalars(select(Release)).all() == [], "a later fault is held again"


def accepted_and_cancelled(house: House) -> Hold:
    """An approver accepted another total; later the sale is taken back by a credit memo."""
    house.sim.control("company", other_totals=True)
    house.deliver(plain("Q905", price="305.50"))
    house.shop.clock.advance(120)
    house.work()
    database = house.shop.database
    with database.write() as session:
        [hold] = session.scalars(select(Hold).where(Hold.state == "open"))
        lim = house.shop.actor("lim")
        made = releases.release(session, lim, hold.id, "The books are right", house.shop.now)
        assert isinstance(made, Done), made
        long_ago = house.shop.now - timedelta(hours=73)
        session.execute(update(Posting).values(e_invoice_at=long_ago))
    house.work()
    assert house.holds() == {}
    house.deliver(plain("Q905", price="305.50", status="cancelled"))
    house.sim.control("company", other_totals=False)
    assert house.effects() == [("created", "Q905-1")], house.holds()
    with database.read() as session:
        [hold] = session.scalars(select(Hold).where(Hold.state == "open"))
    return hold


CREDITED = [("created", "Q905-1"), ("created", "CM-Q905-1")]


def test_what_is_stored_otherwise_is_not_credited_with_the_amounts_sent(house: House) -> None:
    """A credit note of the sent amounts would leave a balance in the books."""
    hold = accepted_and_cancelled(house)
    assert house.holds() == {"Q905": [("accounts", "STL03")]}
    assert hold.message == (
        "The accounting system stored Q905-1 otherwise than it was sent: Total 3,470.50 is"
        " 3,471.50 there. A credit note would have the amounts that were sent."
    )
    with house.shop.database.write() as session:
        lim = house.shop.actor("lim")
        kept = releases.release(session, lim, hold.id, "Credit it all the same", house.shop.now)
    assert isinstance(kept, Refusal), kept
    house.was_valid("Q905-1", hours=73)  # an edit there has QuickBooks add the lines up again
    assert house.effects() == CREDITED
    assert house.holds() == {}


def test_it_is_sent_again_and_then_credited(house: House) -> None:
    hold = accepted_and_cancelled(house)
    with house.shop.database.write() as session:
        lim = house.shop.actor("lim")
        made = overwrite_edit(session, lim, hold.id, "The total was right", house.shop.now)
    assert isinstance(made, Done), made
    assert made.say == "Lim had Q905-1 sent again over the edit: The total was right"
    house.work()
    house.shop.clock.advance(120)
    house.work()
    assert house.effects() == [CREDITED[0], ("updated", "Q905-1"), CREDITED[1]]
    assert house.holds() == {}
