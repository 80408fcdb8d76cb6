"""A lookup that the target refuses, and a target that fails on a single document."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.contract import Found
from connectors.targets.aiaccount.connector import AiAccount
from holding.connections import breaker
from holding.db.models import Attempt, Event, Hold, Posting, Push
from holding.operations import failures
from tests.holding.life import Life
from tests.holding.pushing import Lane

SAID = "The look-up was answered 400: Property PaymentRefNum is not queryable"


def answer_lookups(patch: pytest.MonkeyPatch, answers: dict[str, Found]) -> None:
    """Answer the lookups of these numbers so; all others are really made."""
    real = AiAccount.look_up

    def look_up(self: AiAccount, document: Any, *access: Any, **how: Any) -> Found:
        answer = answers.get(document.number)
        return answer if answer is not None else real(self, document, *access, **how)

    patch.setattr(AiAccount, "look_up", look_up)


def unclear(status: int, *, key_refused: bool = False) -> Found:
    return Found(kind="unknown", words=SAID, status=status, key_refused=key_refused)


@pytest.mark.parametrize(
    ("status", "refused"),
    [(400, True), (404, True), (422, True), (408, False), (425, False), (429, False), (500, False)],
)
def test_only_a_final_4xx_is_a_refused_lookup(status: int, refused: bool) -> None:
    assert unclear(status).lookup_refused is refused
    assert not replace(unclear(status), target_ref="ticket").lookup_refused
    assert not unclear(403, key_refused=True).lookup_refused


@pytest.fixture
def careful(lane: Lane) -> Lane:
    """A connection whose documents are looked up before they are sent first."""
    with lane.database.write() as session:
        connection = lane.connection(session)
        connection.settings = {**connection.settings, "look_first": "yes"}
    return lane


def is_failing(lane: Lane) -> bool:
    with lane.database.read() as session:
        return breaker.failing(session, lane.connection(session).id)


def hold_of(lane: Lane, posting_id: int) -> Hold:
    holds: list[Hold] = [one for one in lane.rows(Hold) if one.posting_id == posting_id]
    [hold] = holds
    return hold


def test_a_lookup_refused_before_sending_holds_its_document_alone(
    careful: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_lookups(monkeypatch, {"IV-2": unclear(400)})
    keys = careful.ready("IV-1", "IV-2", "IV-3")
    careful.settle(minutes=5)
    assert careful.states(keys) == ["posted", "held", "posted"]
    hold = hold_of(careful, keys[1])
    assert (hold.code, hold.rule, hold.state) == ("TGT11", "target.lookup_refused", "open")
    assert SAID in hold.message
    assert not is_failing(careful)
    assert len(careful.sends()) == 2


def test_a_clear_answer_that_decides_nothing_yet_is_no_failed_call(
    careful: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        answer_lookups(patch, {"IV-1": Found(kind="unknown", words="Processing.", answered=True)})
        [key] = careful.ready("IV-1")
        for _ in range(breaker.FAILURES + 1):
            careful.work()
            careful.clock.advance(careful.desk.lease.total_seconds())
        assert not is_failing(careful)
        assert careful.state(key) == "ready"
    careful.settle(minutes=2)
    assert careful.state(key) == "posted"


def test_a_key_refused_at_the_lookup_before_sending_is_no_rejected_document(
    careful: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The push history shows what was sent, and nothing was."""
    with monkeypatch.context() as patch:
        answer_lookups(patch, {"IV-1": unclear(401, key_refused=True)})
        keys = careful.ready("IV-1", "IV-2")
        careful.work()
        careful.work()
    assert careful.states(keys) == ["held", "ready"]
    assert (careful.rows(Push), careful.rows(Attempt), careful.sends()) == ([], [], [])
    hold = hold_of(careful, keys[0])
    assert (hold.code, hold.error_class) == ("TGT01", "authorization_failed")
    assert "nothing was sent" in hold.message
    assert SAID in hold.message
    acts = [event.act for event in careful.rows(Event) if event.posting_id == keys[0]]
    assert "posting.stopped" in acts
    assert "posting.refused" not in acts
    with careful.database.read() as session:
        assert breaker.refused(session, careful.connection(session).id)


def test_a_lookup_refused_after_sending_holds_its_document_and_is_made_again(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.target.control("faults", fault="timeout_after")
    [key] = lane.ready("IV-1")
    lane.work()
    assert lane.state(key) == "uncertain"
    with monkeypatch.context() as patch:
        answer_lookups(patch, {"IV-1": unclear(400)})
        lane.clock.advance(60)
        lane.work()
    assert lane.state(key) == "uncertain"
    hold = hold_of(lane, key)
    assert (hold.code, hold.state) == ("TGT03", "open")
    assert SAID in hold.message
    lane.settle()
    assert lane.state(key) == "posted"
    assert lane.open_holds() == []
    assert len(lane.target.writes()) == 1


def test_a_document_on_which_alone_the_target_fails_is_held_after_the_second_time(
    lane: Lane,
) -> None:
    lane.target.control("faults", fault="html_502", count=9, number="IV-2")
    keys = lane.ready("IV-1", "IV-2")
    lane.work()
    others = lane.ready("IV-3")
    lane.settle(minutes=20)
    assert lane.states([*keys, *others]) == ["posted", "failed", "posted"]
    hold = hold_of(lane, keys[1])
    assert (hold.code, hold.rule) == ("TGT12", "target.fails_on_it")
    sends = [one for one in lane.sends() if "IV-2" in (one.rows or {}).values()]
    assert len(sends) == 2
    assert not is_failing(lane)
    with lane.database.read() as session:
        posting = session.get_one(Posting, keys[1])
        found = failures.of_record(session, posting.company_id, posting.record_id, lane.clock.now())
    assert found is not None
    assert "502" in found.message, "a look-up that found nothing is no failure"


def test_a_target_that_is_down_for_all_holds_no_document(lane: Lane) -> None:
    lane.target.control("faults", fault="html_502", count=40)
    lane.ready("IV-1", "IV-2")
    lane.settle(minutes=5)
    assert "TGT12" not in lane.open_holds()
    assert {one.state for one in lane.rows(Posting)} <= {"ready", "uncertain"}


def test_a_lookup_on_which_alone_the_target_fails_holds_its_document(
    careful: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_lookups(monkeypatch, {"IV-2": unclear(500)})
    keys = careful.ready("IV-2")
    careful.work()
    assert careful.open_holds() == []
    careful.ready("IV-1")
    careful.settle(minutes=5)
    assert careful.state(keys[0]) == "held"
    assert hold_of(careful, keys[0]).code == "TGT12"


def test_a_lookup_that_is_refused_inside_a_send_holds_its_document_as_not_sent(life: Life) -> None:
    """QuickBooks' connector reads what a payment pays, and what an update changes."""
    life.books.moods += ["unread"]
    life.arrive("A-1")
    assert (life.held("A-1"), life.books.effects) == (["TGT11"], [])
    assert life.told("posting.refused") == ["A-1-1 was not sent: Not readable."]


def test_a_reading_among_too_many_documents_is_made_again_the_next_day(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Too many documents."
    too_many = Found(kind="unknown", words=words, answered=True, by_person=True)
    [posting_id] = lane.ready("IV-1")
    lane.work()
    lane.clock.advance(120)
    with monkeypatch.context() as busy:
        busy.setattr(AiAccount, "read", lambda *_: (too_many,))
        lane.work()
    assert lane.one(posting_id).read_due_at == lane.clock.now() + timedelta(days=1)
    lane.clock.advance(24 * 3600)
    lane.work()
    assert lane.one(posting_id).read_at == lane.clock.now()
