"""A refund looks at its invoice before it is sent, which a person may have voided since."""

import pytest
from sqlalchemy import update

from holding.access.actors import Actor
from holding.db.models import Hold, Posting
from holding.holds import retries
from holding.holds.holds import Done
from tests.holding.posting.test_not_shown import refund, refunds
from tests.holding.pushing import Lane
from tests.support.factories import make_person


@pytest.fixture
def invoiced(lane: Lane) -> Lane:
    """IV-1 is posted and was read back; RF-1, of the same family, is not ready yet."""
    lane.ready("IV-1")
    lane.work()
    lane.settle(minutes=2)
    return lane


def refund_of(lane: Lane, invoice_id: int) -> int:
    """The posting of RF-1, which refunds a part of IV-1."""
    [refund_id] = lane.ready("RF-1", document=refund())
    with lane.database.write() as session:
        family = session.get_one(Posting, invoice_id).family
        session.get_one(Posting, refund_id).family = family
    return refund_id


def invoice_id(lane: Lane) -> int:
    [invoice] = lane.rows(Posting)
    assert invoice.read_at is not None
    return int(invoice.id)


def test_a_refund_of_an_invoice_that_is_there_goes_at_once(invoiced: Lane) -> None:
    refund_of(invoiced, invoice_id(invoiced))
    invoiced.work()
    assert refunds(invoiced) == ["RF-1"]


def test_a_refund_of_a_void_invoice_is_held_until_it_is_valid_again(invoiced: Lane) -> None:
    invoiced.target.control("void", number="IV-1")
    refund_id = refund_of(invoiced, invoice_id(invoiced))
    invoiced.settle(minutes=3)
    assert (refunds(invoiced), invoiced.open_holds()) == ([], ["TGT17"])
    [hold] = invoiced.rows(Hold)
    assert (hold.posting_id, hold.rule) == (refund_id, "target.credited_changed")
    assert "it credits IV-1" in hold.message
    assert "made void" in hold.message
    invoiced.target.control("void", number="IV-1", void=False)
    with invoiced.database.write() as session:
        tan = make_person(session, invoiced.company, "tan@example.test", "finance").id
        actor = Actor(tan, "Tan", "", invoiced.company.id, frozenset({"finance"}))
        done = retries.retry(session, actor, hold.id, invoiced.clock.now())
        judged_again = {"state": "ready", "due_at": invoiced.clock.now()}
        session.execute(update(Posting).where(Posting.id == refund_id).values(judged_again))
    assert isinstance(done, Done), done
    invoiced.settle(minutes=2)
    assert (refunds(invoiced), invoiced.open_holds()) == (["RF-1"], [])


def test_a_refund_waits_while_its_invoice_cannot_be_read(invoiced: Lane) -> None:
    refund_id = refund_of(invoiced, invoice_id(invoiced))
    invoiced.target.control("reads", status=503)
    invoiced.work()
    assert (refunds(invoiced), invoiced.state(refund_id)) == ([], "ready")
    invoiced.target.control("reads", status=0)
    invoiced.settle(minutes=20)
    assert refunds(invoiced) == ["RF-1"]
