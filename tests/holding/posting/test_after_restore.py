"""After a restore each document is looked up before its first send, or a person decides."""

from sqlalchemy import select, update

from holding.db.models import Connection, Hold, Request
from holding.db.models.columns import HoldState
from tests.holding.posting.test_not_shown import refund
from tests.holding.pushing import Lane
from tests.support.postings import invoice


def restore(lane: Lane) -> None:
    with lane.database.write() as session:
        session.execute(update(Connection).values(restored_at=lane.clock.now()))


def test_a_number_is_looked_up_that_the_target_would_take_twice(lane: Lane) -> None:
    restore(lane)
    lane.put_there("IV-1")
    [there] = lane.ready("order-2", document=invoice("IV-1"))
    [fresh] = lane.ready("IV-2")
    lane.work()
    assert lane.states((there, fresh)) == ["posted", "posted"]
    assert [line["number"] for line in lane.target.writes()] == ["IV-1", "IV-2"]
    assert [row.kind for row in lane.rows(Request)] == ["lookup", "lookup", "push"]


def test_a_type_that_the_target_does_not_list_waits_for_a_person(lane: Lane) -> None:
    restore(lane)
    lane.put_there("IV-1")
    [key] = lane.ready("RF-1", document=refund())
    lane.settle(minutes=2)
    assert lane.state(key) == "held"
    with lane.database.read() as session:
        (hold,) = session.scalars(select(Hold).filter_by(state=HoldState.OPEN))
    assert (hold.code, hold.error_class) == ("PSH09", "duplicate")
