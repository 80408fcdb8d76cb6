"""A retry is offered when it can work; an entry that was created in the target is looked for."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.contract import Answer
from holding.db.models import Event, Hold
from holding.db.refusal import Refusal
from holding.holds.holds import Done
from holding.holds.retries import (
    LONGEST_PAUSE,
    look_for_entry,
    look_refusal,
    retry,
    retry_offer,
)
from holding.operations import failures
from tests.holding.life import Life
from tests.support.books import Books

pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)
NO_DEBTOR = Answer(
    kind="refused",
    words="Debtor 300-C077 not found.",
    error_class="mapping_missing",
    number="A-1-1",
)


@pytest.fixture
def lacking(life: Life, monkeypatch: pytest.MonkeyPatch) -> Life:
    """The books have no such debtor until the mood `there` is set."""
    real = Books._do

    def answer(books: Books, action: str, mood: str, *given: str) -> Answer:
        return real(books, action, mood, *given) if "there" in books.moods else NO_DEBTOR

    monkeypatch.setattr(Books, "_do", answer)
    life.arrive("A-1")
    assert life.held("A-1") == ["TGT01"]
    return life


def open_hold(life: Life) -> Hold:
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "A-1")
        return hold


def act(life: Life, service: Any, who: str = "tan") -> Done | Refusal:
    wanted = open_hold(life).id
    with life.shop.database.write() as session:
        made: Done | Refusal = service(session, life.shop.actor(who), wanted, life.shop.now)
    life.work()
    return made


def offered(life: Life, who: str = "tan") -> Any:
    wanted = open_hold(life).id
    with life.shop.database.read() as session:
        return retry_offer(session, life.shop.actor(who), wanted, life.shop.now)


def test_the_offer_is_what_a_retry_would_answer(lacking: Life) -> None:
    offer = offered(lacking)
    refused = act(lacking, retry)
    assert isinstance(refused, Refusal)
    assert offer.refusal is not None
    assert (offer.refusal.code, offer.at) == (refused.code, "") == ("retry.unchanged", "")


def test_a_temporary_error_names_the_time(lacking: Life) -> None:
    with lacking.shop.database.write() as session:
        session.execute(update(Hold).values(error_class="temporary"))
    until = open_hold(lacking).opened_at + LONGEST_PAUSE + timedelta(hours=8)
    offer = offered(lacking)
    assert offer.refusal is not None
    assert (offer.refusal.code, offer.at) == ("retry.early", f"{until:%H:%M}")
    lacking.shop.clock.advance(LONGEST_PAUSE.total_seconds())
    assert offered(lacking).refusal is None


def test_a_created_entry_is_found_by_a_look(lacking: Life) -> None:
    assert isinstance(act(lacking, look_for_entry), Done)
    assert (lacking.held("A-1"), lacking.books.effects) == (["TGT01"], []), "it is not there yet"
    lacking.books.moods = ["there", "there"]
    assert isinstance(act(lacking, look_for_entry), Done)
    assert lacking.books.effects == [("create", "A-1-1")]
    assert lacking.shop.states() == {"A-1": "posted"}
    with lacking.shop.database.read() as session:
        acts = session.scalars(select(Event.act).where(Event.act == "hold.looked_again")).all()
    assert len(acts) == 2


@pytest.mark.parametrize(("who", "code"), [("tan", ""), ("farah", "retry.team")])
def test_a_look_is_offered_to_who_may_look(lacking: Life, who: str, code: str) -> None:
    wanted = open_hold(lacking).id
    with lacking.shop.database.read() as session:
        refusal = look_refusal(session, lacking.shop.actor(who), wanted)
    answer = act(lacking, look_for_entry, who)
    assert (refusal.code if refusal else "") == code
    assert (answer.code if isinstance(answer, Refusal) else "") == code


def test_what_lacks_no_entry_is_not_looked_for(life: Life) -> None:
    life.books.moods = ["refuse"]
    life.arrive("A-1")
    refused = act(life, look_for_entry)
    assert isinstance(refused, Refusal)
    assert refused.code == "hold.no_look"


def test_a_packet_quotes_the_failure_that_led_to_the_hold(life: Life) -> None:
    """An earlier outage is no reason of a change after posting."""
    life.books.moods = ["away"]
    life.arrive("A-1")
    for _ in range(4):
        life.shop.clock.advance(600)
        life.work()
    assert life.shop.states() == {"A-1": "posted"}
    life.arrive("A-1", status="pending")
    hold = open_hold(life)
    assert hold.code == "STL01"
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        found = failures.of_record(session, life.shop.company.id, record.id, life.shop.now)
    assert found is not None
    assert (found.message, found.failed_at) == (hold.message, hold.opened_at)


def test_a_packet_quotes_the_refusal(lacking: Life) -> None:
    with lacking.shop.database.read() as session:
        record = lacking.shop.record(session, "A-1")
        found = failures.of_record(session, lacking.shop.company.id, record.id, lacking.shop.now)
    assert found is not None
    assert found.message == NO_DEBTOR.words
