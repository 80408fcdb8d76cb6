"""Documents whose number another document of ours has are held while they are judged."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from holding.db.models import Hold, Posting, Record
from holding.platform.changes import wake_records
from holding.platform.states import NUMBER_USED
from rules.values.canonical import PostingState
from tests.support.shop import Shop, incoming, order


def holds(shop: Shop) -> list[Hold]:
    with shop.database.read() as session:
        query = select(Hold).where(Hold.state == "open", Hold.code == NUMBER_USED)
        return list(session.scalars(query.order_by(Hold.id)))


def states(shop: Shop) -> list[str]:
    with shop.database.read() as session:
        return [str(one) for one in session.scalars(select(Posting.state).order_by(Posting.id))]


def second(shop: Shop, number: str = "7", **changes: Any) -> None:
    """Another record whose document gets the number."""
    shop.deliver(incoming(order(number, "A", **changes), external_id="x-second"))


def first_posted(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("7", "A"))
    shop.judge()
    moment = shop.clock.now()
    with shop.database.write() as session:
        session.execute(update(Posting).values(state=PostingState.SENDING, sent_at=moment))
        session.execute(update(Posting).values(state=PostingState.POSTED, posted_at=moment))
    shop.clock.advance(60)


def test_a_number_of_a_posted_document_is_held_with_its_record_and_day(shop: Shop) -> None:
    first_posted(shop)
    second(shop)
    shop.judge()
    [hold] = holds(shop)
    assert (hold.number, hold.error_class, hold.rule) == ("INV-7", "duplicate", "used_numbers")
    assert "INV-7" in hold.message
    assert "posted 7 of netshop to" in hold.message
    assert states(shop) == ["posted", "held"]


def test_of_two_that_are_ready_the_later_one_is_held(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("7", "A"))
    second(shop)
    shop.judge()
    [hold] = holds(shop)
    assert "7 of netshop is ready to post" in hold.message
    assert states(shop) == ["ready", "held"]


def test_one_that_is_ready_already_keeps_its_number_from_an_earlier_record(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("7", "B"))  # waits for its item
    second(shop)
    shop.judge()
    assert states(shop) == ["held", "ready"]
    shop.map("B")
    shop.judge()
    [hold] = holds(shop)
    with shop.database.read() as session:
        assert session.get_one(Record, hold.record_id).external_id == "x-7"
    assert states(shop) == ["held", "ready"]


def test_a_newer_version_is_not_held_for_its_own_number(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("7", "A"))
    shop.judge()
    shop.clock.advance(60)
    shop.arrive(order("7", "A", "A"))
    shop.judge()
    assert holds(shop) == []
    assert states(shop) == ["ready"]


def test_the_number_of_a_cancelled_record_is_free_again(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("7", "A"))
    second(shop)
    shop.judge()
    assert len(holds(shop)) == 1
    shop.clock.advance(60)
    shop.arrive(order("7", "A", status="cancelled"))
    shop.judge()
    assert holds(shop) == []
    assert states(shop) == ["dropped", "ready"]


def test_another_number_ends_the_hold_of_the_other_record(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("7", "A"))
    second(shop)
    shop.judge()
    shop.clock.advance(60)
    shop.deliver(incoming(order("8", "A"), external_id="x-7"))
    shop.judge()
    assert holds(shop) == []


def test_an_own_duplicate_rule_names_the_copy_alone(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("7", "A", reference="R-1"))
    second(shop, reference="R-1")
    shop.judge()
    assert holds(shop) == []
    with shop.database.read() as session:
        assert session.scalars(select(Hold.code)).all() == ["DUP01"]


def test_a_document_that_is_taken_back_keeps_its_number(shop: Shop) -> None:
    first_posted(shop)
    with shop.database.write() as session:
        session.execute(update(Posting).values(state=PostingState.REVERSED))
    second(shop)
    shop.judge()
    [hold] = holds(shop)
    assert "took it back" in hold.message


def test_judging_again_keeps_the_same_hold(shop: Shop) -> None:
    first_posted(shop)
    second(shop)
    shop.judge()
    [before] = holds(shop)
    shop.clock.advance(timedelta(hours=1).total_seconds())
    with shop.database.write() as session:
        wake_records(session, [before.record_id], shop.clock.now())
    shop.judge()
    [after] = holds(shop)
    assert after.id == before.id
