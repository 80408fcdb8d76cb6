"""A message is opened by a person, as it reads then; only then do they try it again."""

import pytest
from sqlalchemy import update

from holding.db.database import Database
from holding.db.models import Company, Hold, Record
from holding.db.models.columns import HoldState
from holding.db.refusal import Refusal
from holding.holds import assignments, notes, retries
from holding.holds.assignments import Wish
from holding.holds.holds import Done, Each
from tests.holding.held import held_shop, hold_of, refused, says
from tests.holding.shop import Shop, line, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return held_shop(database, company, clock)


def opened(shop: Shop, number: str, who: str) -> Done | Refusal:
    wanted = hold_of(shop, number).id
    with shop.database.write() as session:
        return notes.open_message(session, shop.actor(who), wanted, shop.now)


def tried(shop: Shop, number: str, who: str) -> Done | Refusal:
    wanted = hold_of(shop, number).id
    with shop.database.write() as session:
        return retries.retry(session, shop.actor(who), wanted, shop.now, opened=True)


def test_who_has_not_opened_it_is_refused_whatever_changed(shop: Shop) -> None:
    shop.publish()
    assert refused(tried(shop, "NS-1", "farah"), "retry.unread").status == 409
    assert isinstance(opened(shop, "NS-1", "lim"), Done)
    refused(tried(shop, "NS-1", "farah"), "retry.unread")
    assert isinstance(opened(shop, "NS-1", "farah"), Done)
    assert isinstance(opened(shop, "NS-1", "farah"), Done)
    assert says(shop, notes.OPENED) == [
        "Lim opened the message of NS-1.",
        "Farah opened the message of NS-1.",
    ], "a second look notes nothing"
    refused(tried(shop, "NS-2", "farah"), "retry.unread")
    assert isinstance(tried(shop, "NS-1", "farah"), Done)


def test_a_message_that_changed_is_opened_again(shop: Shop) -> None:
    opened(shop, "NS-1", "farah")
    wanted = hold_of(shop, "NS-1").id
    with shop.database.read() as session:
        found = notes.load_message(session, shop.actor("farah"), wanted)
        assert found is not None
        assert (found.text, found.answered) == (hold_of(shop, "NS-1").message, None)
        assert notes.load_message(session, shop.actor("lim"), wanted) is None
    with shop.database.write() as session:
        session.execute(update(Hold).where(Hold.id == wanted).values(message="It says 191.00."))
    refused(tried(shop, "NS-1", "farah"), "retry.unread")


def test_of_many_with_one_cause_one_opened_message_counts(shop: Shop) -> None:
    shop.receive(order("NS-4", lines=[line(sku="AB-1", uom="PCS")]))
    shop.judge()
    opened(shop, "NS-2", "farah")
    shop.publish()
    answer = many(shop, "NS-2", "NS-4", "NS-3")
    assert [one.number for one in answer.done] == ["NS-2", "NS-4"]
    assert [(one.number, one.refusal.code) for one in answer.left] == [("NS-3", "retry.unread")]


@pytest.mark.parametrize("closed", [False, True])
def test_it_counts_for_those_that_waited_then_without_the_one_that_was_opened(
    shop: Shop, *, closed: bool
) -> None:
    shop.receive(*(order(name, lines=[line(sku="AB-1", uom="PCS")]) for name in ("NS-4", "NS-5")))
    shop.judge()
    shop.publish()
    opened(shop, "NS-2", "lim")
    assert {one.refusal.code for one in many(shop, "NS-4", "NS-5").left} == {"retry.unread"}
    opened(shop, "NS-2", "farah")
    assert len(many(shop, "NS-2").done) == 1
    if closed:
        given = {"state": HoldState.CLEARED, "closed_at": shop.now}
        with shop.database.write() as session:
            wanted = Hold.id == hold_of(shop, "NS-2").id
            session.execute(update(Hold).where(wanted).values(**given))
    refused(tried(shop, "NS-4", "farah"), "retry.unread")
    assert [one.number for one in many(shop, "NS-5", "NS-4").done] == ["NS-5", "NS-4"]
    shop.clock.advance(60)
    shop.receive(*(order(name, lines=[line(sku="AB-1", uom="PCS")]) for name in ("NS-6", "NS-7")))
    shop.judge()
    assert {one.refusal.code for one in many(shop, "NS-6", "NS-7").left} == {"retry.unread"}


def many(shop: Shop, *numbers: str) -> Each:
    ids = [hold_of(shop, number).id for number in numbers]
    with shop.database.write() as session:
        holds = [session.get_one(Hold, hold_id) for hold_id in ids]
        seen = {h.id: (h.lock, session.get_one(Record, h.record_id).version_id or 0) for h in holds}
        wish = Wish(act="retry", seen=seen, opened=True)
        form = "-".join(numbers)
        answer = assignments.apply_to_holds(session, shop.actor("farah"), wish, shop.now, form)
    assert isinstance(answer, Each)
    return answer
