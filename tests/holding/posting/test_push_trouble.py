"""Pushes without an answer, refused, or to a target that is silent or paused: one visible end."""

import dataclasses
import random
import string
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from connectors.contract import Answer, Sent
from connectors.targets.aiaccount.connector import AiAccount
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.approvals.consent import posting_hash
from holding.connections import breaker
from holding.connections.channel import Desk
from holding.connections.connections import set_key
from holding.db.models import (
    Attempt,
    Event,
    Hold,
    Posting,
    Push,
    Record,
    Release,
    Request,
    Run,
    Throttle,
    Version,
)
from holding.db.models.columns import HoldState, RecordState
from holding.posting import send as calls
from holding.posting import store_results
from holding.posting.claims import release_expired_claims
from holding.posting.push import Flight
from holding.records import trace
from rules.values.canonical import PostingState
from tests.holding.desks import KEYS
from tests.holding.pushing import Lane, answer_whole_files
from tests.support.clock import SetClock
from tests.support.factories import make_connection
from tests.support.pills import pill
from tests.support.postings import NOW, invoice, make_ready
from tests.support.simulator import DEMO_KEY

NEW_KEY = "aia_live_new_5Xc8"


def test_a_record_about_to_be_judged_waits(lane: Lane) -> None:
    [key] = lane.ready("IV-1")
    with lane.database.write() as session:
        record = session.get_one(Record, lane.one(key).record_id)
        record.due_at = lane.clock.now()
    assert lane.work() == 0
    with lane.database.write() as session:
        session.get_one(Record, lane.one(key).record_id).due_at = None
    assert lane.work() == 1
    assert lane.state(key) == "posted"


@pytest.mark.parametrize(("apart", "states"), [(True, "posted"), (False, "ready")])
def test_a_record_of_another_source_with_its_number_is_not_waited_for(
    lane: Lane, apart: bool, states: str
) -> None:
    [key] = lane.ready("IV-1")
    [other] = lane.ready("IV-2", due=None)
    with lane.database.write() as session:
        mine, theirs = (session.get_one(Record, lane.one(one).record_id) for one in (key, other))
        theirs.number, theirs.due_at = mine.number, lane.clock.now()
        if apart:
            theirs.source_id = make_connection(session, lane.company, "shopify", side="source").id
    lane.work()
    assert lane.state(key) == states


@pytest.mark.parametrize(
    ("there", "doc_type", "settings", "day", "state"),
    [
        ("autocount", "invoice", {}, 19, "held"),
        ("autocount", "invoice", {"e_invoices": "none"}, 19, "posted"),
        ("autocount", "credit_note", {}, 19, "posted"),
        ("autocount", "invoice", {}, 18, "posted"),
        ("quickbooks", "invoice", {}, 19, "posted"),
        ("quickbooks", "invoice", {"e_invoice_field": "e-Invoice"}, 19, "held"),
    ],
)
def test_two_systems_do_not_make_an_e_invoice_each_of_one_sale(
    lane: Lane, there: str, doc_type: str, settings: dict[str, str], day: int, state: str
) -> None:
    with lane.database.write() as session:
        other = make_connection(session, lane.company, there, side="target")
        other.settings = {**other.settings, **settings}
        sent = make_ready(session, lane.company, "IV-0", due=None, document=invoice("IV-1"))
        sent.connection_id, sent.doc_type, sent.sent_at = other.id, doc_type, NOW
        sent.doc_date = date(2026, 11, day)
    [key] = lane.ready("IV-1")
    lane.work()
    assert lane.state(key) == state
    holds = [one for one in lane.rows(Hold) if one.posting_id == key]
    assert [one.code for one in holds] == ["PSH06"] * (state == "held")
    assert len(lane.sends()) == (state == "posted")
    for one in holds:
        assert one.message.startswith(f"It went to {there} already, and an e-Invoice is made of it")
        assert "(DV302, MyInvois SDK, duplicate document validator)" in one.message
    with lane.database.write() as session:  # a person who may decide lets it pass
        for one in holds:
            what = {key: getattr(one, key) for key in ("record_id", "route", "seq", "code", "rule")}
            of_record = select(Version.sha256).where(Version.record_id == one.record_id)
            why = {"reason": "QuickBooks makes none", "at": NOW, "cause_id": one.cause_id}
            session.add(Release(**what, **why, content_sha256=session.scalars(of_record).one()))
            session.get_one(Hold, one.id).state = HoldState.RELEASED
            session.get_one(Posting, key).state = PostingState.READY
            session.get_one(Posting, key).due_at = NOW
            session.get_one(Record, one.record_id).state = RecordState.READY
    lane.work()
    assert lane.state(key) == "posted"


def test_an_answer_that_never_came_is_looked_up_and_not_sent_again(lane: Lane) -> None:
    lane.target.control("faults", fault="timeout_after")
    [key] = lane.ready("IV-1")
    lane.work()
    assert lane.state(key) == "uncertain"
    [push] = lane.rows(Push)
    assert push.state == "uncertain"
    lane.clock.advance(6)
    lane.work()
    assert lane.state(key) == "posted"
    assert len(lane.target.writes()) == 1
    sent, looked = lane.rows(Attempt)
    assert (sent.state, looked.state) == ("uncertain", "equal")
    assert "IV-1" in (looked.proof or "")
    [run] = lane.rows(Run)
    assert run.counts == {"posted": 1}


def test_what_is_proved_absent_twice_after_settling_goes_out_again_as_it_was(lane: Lane) -> None:
    lane.target.control("faults", fault="timeout_before")
    [key] = lane.ready("IV-1")
    lane.work()
    lane.clock.advance(6)
    lane.work()
    assert lane.state(key) == "uncertain"  # absent, but not settled
    assert lane.target.lines("created") == []
    lane.settle()
    assert lane.state(key) == "posted"
    [push] = lane.rows(Push)
    sends = lane.sends()
    assert len(sends) == 2
    assert sends[0].key == sends[1].key == push.key
    assert sends[0].body == sends[1].body
    assert sends[1].parent_id == sends[0].id
    states = [a.state for a in lane.rows(Attempt)]
    assert states[0] == "uncertain"
    assert states[-1] == "accepted"
    assert states.count("absent") >= 2


def test_another_content_under_our_number_is_a_conflict_for_a_person(lane: Lane) -> None:
    lane.put_there("IV-1")
    [key] = lane.ready("order-2", document=invoice("IV-1", price="11.00"))
    lane.work()
    assert lane.state(key) == "failed"
    [hold] = lane.rows(Hold)
    assert (hold.code, hold.error_class) == ("TGT02", "stale_version")
    assert len(lane.target.lines("created")) == 1


def test_a_refusal_fails_one_posting_with_owner_and_cause(lane: Lane) -> None:
    lane.target.control("lock", through="2026-10-31")
    [good] = lane.ready("IV-1", due=NOW)
    with lane.database.write() as session:
        day = NOW.date().replace(month=10)
        posting = make_ready(session, lane.company, "IV-2", document=invoice("IV-2", day=day))
        session.get_one(Record, posting.record_id).book = 2000
        late = posting.id
    lane.work()
    assert (lane.state(good), lane.state(late)) == ("posted", "failed")
    [hold] = lane.rows(Hold)
    assert (hold.code, hold.error_class, hold.team_id is not None) == (
        "TGT01",
        "period_locked",
        True,
    )
    with lane.database.read() as session:
        cause = session.execute(text("SELECT key, records, book FROM cause")).one()
        assert tuple(cause) == ("period:aiaccount:2026-10", 1, 2000)
        run = session.scalars(select(Run)).one()
        assert run.counts == {"failed": 1, "posted": 1}
        text_ = pill(session, lane.company.id, run.connection_id or 0, "sales_invoice").text
        assert text_ == "Last sync 11/20 09:00 · 1 document, 1 on hold"


def test_a_refused_key_stops_everything_until_a_new_one_comes(lane: Lane) -> None:
    lane.target.control("pause", key=DEMO_KEY, status="disabled")
    keys = lane.ready("IV-1")
    lane.work()
    keys += lane.ready("IV-2")
    assert lane.work() == 0
    assert lane.states(keys) == ["failed", "ready"]
    with lane.database.write() as session:
        connection = lane.connection(session)
        shown = pill(session, lane.company.id, connection.id, "sales_invoice")
        assert (shown.text, bool(shown.detail)) == (
            "API key rejected 11/20 09:00 · 1 waiting",
            True,
        )
        lane.target.control("pause", key=DEMO_KEY, status="active")
        set_key(session, SYSTEM, connection.id, DEMO_KEY, now=lane.clock.now(), keys=KEYS)
    with lane.database.read() as session:
        record = session.get_one(Record, lane.one(keys[0]).record_id)
        assert record.due_at == lane.clock.now()
    lane.work()
    assert lane.state(keys[1]) == "posted"


def test_that_an_old_key_was_refused_says_nothing_of_the_new_one(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered_late(desk: Desk, going: Flight) -> Sent:
        sent = call(desk, going)
        lane.clock.advance(60)  # a pass keeps its key; the next one has the new key
        lane.target.control("issue", key=NEW_KEY)
        with lane.database.write() as session:
            connection = lane.connection(session)
            set_key(session, SYSTEM, connection.id, NEW_KEY, now=lane.clock.now(), keys=KEYS)
        return sent

    call = calls.make_call
    monkeypatch.setattr(calls, "make_call", answered_late)
    lane.target.control("pause", key=DEMO_KEY, status="disabled")
    [key] = lane.ready("IV-1")
    lane.work()
    monkeypatch.setattr(calls, "make_call", call)
    lane.work()
    assert (lane.state(key), [hold.message for hold in lane.rows(Hold)]) == ("posted", [])


def test_one_refused_key_is_one_exception_and_the_queue_waits(lane: Lane) -> None:
    lane.target.control("pause", key=DEMO_KEY, status="disabled")
    keys = lane.ready(*(f"IV-{n}" for n in range(1, 8)))
    lane.work()
    lane.work()
    assert sorted(lane.states(keys)) == ["failed", *["ready"] * 6]
    assert len(lane.target.writes()) == len(lane.rows(Hold)) == 1
    in_a_file = lane.ready(*(f"IV-{n}" for n in range(11, 14)), due=None)
    with lane.database.write() as session:  # another worker began before the key was refused
        session.execute(update(Throttle).values(breaker="closed"))
        session.execute(update(Posting).where(Posting.due_at.is_not(None)).values(due_at=None))
    lane.start_sync()
    lane.work()
    assert len(lane.target.writes()) == 2
    states = lane.states(in_a_file)
    assert states.count("ready") >= 2
    assert {lane.one(key).tries for key in [*keys, *in_a_file]} == {0}
    with lane.database.read() as session:
        connection = lane.connection(session)
        shown = pill(session, lane.company.id, connection.id, "sales_invoice")
        assert shown.text == "API key rejected 11/20 09:00 · 8 waiting"
        assert shown.tone == "bad"
    lane.target.control("pause", key=DEMO_KEY, status="active")
    with lane.database.write() as session:
        connection = lane.connection(session)
        set_key(session, SYSTEM, connection.id, DEMO_KEY, now=lane.clock.now(), keys=KEYS)
        session.execute(update(Record).values(due_at=None))
    lane.work()
    assert set(lane.states(in_a_file)) <= {"posted", "failed"}


@pytest.mark.slow
def test_five_silent_calls_open_the_breaker_and_a_look_up_closes_it(lane: Lane) -> None:
    lane.target.control("faults", fault="timeout_before", count=5)
    keys = lane.ready(*(f"IV-{n}" for n in range(1, 8)))
    lane.work()
    states = lane.states(keys)
    assert (states.count("uncertain"), states.count("ready")) == (5, 2)
    with lane.database.read() as session:
        throttle = session.scalars(select(Throttle)).one()
        assert (throttle.failures, throttle.breaker) == (5, "open")
    assert len(lane.target.writes()) == 5
    lane.settle()
    assert set(lane.states(keys)) == {"posted"}
    assert len(lane.target.lines("created")) == 7


def test_a_paused_target_gets_nothing(lane: Lane) -> None:
    [key] = lane.ready("IV-1")
    with lane.database.write() as session:
        lane.connection(session).paused_at = NOW
    assert lane.work() == 0
    with lane.database.read() as session:
        connection = lane.connection(session)
        shown = pill(session, lane.company.id, connection.id, "sales_invoice")
    assert shown.text == "Paused 11/20 09:00 · 1 waiting"
    assert lane.state(key) == "ready"


def test_a_key_paused_there_parks_the_push_until_it_runs(lane: Lane) -> None:
    lane.target.control("pause", key=DEMO_KEY)
    [key] = lane.ready("IV-1")
    lane.work()
    assert lane.state(key) == "awaiting"
    for _ in range(8):
        lane.clock.advance(timedelta(minutes=1))
        lane.work()
        assert lane.state(key) == "awaiting"
    with lane.database.read() as session:
        assert not breaker.failing(session, lane.connection(session).id), "the target answers"
        steps = trace.timeline(session, lane.one(key).record_id)
    assert not [event for event in lane.rows(Event) if event.act == "connection.away"]
    attempts = [step.say.partition(" ")[0] for step in steps if step.kind == "attempt"]
    assert attempts == ["Sent", *["Looked"] * (len(attempts) - 1)]
    assert len(attempts) > 2
    lane.target.control("pause", key=DEMO_KEY, status="active")
    lane.settle(minutes=2)
    assert lane.state(key) == "posted"
    assert len(lane.target.lines("created")) == 1


def test_a_worker_that_lost_its_lease_writes_nothing(lane: Lane) -> None:
    [key] = lane.ready("IV-1")
    other = dataclasses.replace(lane.desk, owner="worker-2")

    class Slow(Http):
        def request(self, *given: object, **named: object) -> object:  # type: ignore[override]
            answer = super().request(*given, **named)  # type: ignore[arg-type]
            if named.get("push"):
                lane.clock.advance(timedelta(hours=1))
                with lane.database.write() as session:
                    release_expired_claims(session, lane.clock.now())
                lane.work(other)
            return answer

    slow = dataclasses.replace(lane.desk, http=Slow(lane.clock, connect_seconds=2, read_seconds=2))
    lane.work(slow)
    posting = lane.one(key)
    assert posting.state == "posted"
    assert [a.state for a in lane.rows(Attempt)] == ["uncertain", "equal"]
    assert len([e for e in lane.rows(Event) if e.act == "posting.posted"]) == 1


def test_after_sleeping_too_long_the_call_is_not_made(lane: Lane) -> None:
    [key] = lane.ready("IV-1")

    class Sleepy(SetClock):
        """Its monotonic clock jumps after the intent was written."""

        asked = 0

        def now(self):  # type: ignore[no-untyped-def]
            return lane.clock.now()

        def monotonic(self) -> float:
            self.asked += 1
            return lane.clock.monotonic() + (1000 if database_has_intent() else 0)

    def database_has_intent() -> bool:
        with lane.database.read() as session:
            return session.scalar(select(Push.id).limit(1)) is not None

    lane.work(dataclasses.replace(lane.desk, clock=Sleepy()))
    assert lane.state(key) == "uncertain"
    assert lane.target.writes() == []


def test_where_the_target_takes_doubles_we_look_before_the_first_send(lane: Lane) -> None:
    lane.put_there("IV-1")
    with lane.database.write() as session:
        connection = lane.connection(session)
        connection.settings = {**connection.settings, "look_first": "yes"}
    [there] = lane.ready("order-2", document=invoice("IV-1"))
    [fresh] = lane.ready("IV-2")
    lane.work()
    assert lane.states((there, fresh)) == ["posted", "posted"]
    assert [line["number"] for line in lane.target.writes()] == ["IV-1", "IV-2"]
    kinds = [r.kind for r in lane.rows(Request)]
    assert kinds == ["lookup", "lookup", "push"]


@pytest.mark.parametrize("told", [{}, {"look_first": "no"}, {"look_first": ""}])
def test_a_target_that_refuses_doubles_is_looked_into_first_only_where_somebody_wants_it(
    lane: Lane, told: dict[str, str]
) -> None:
    with lane.database.write() as session:
        connection = lane.connection(session)
        connection.settings = {**connection.settings, **told}
    lane.ready("IV-1")
    lane.work()
    assert [r.kind for r in lane.rows(Request)] == ["push"]


@pytest.mark.slow
def test_no_target_waits_for_the_whole_queue_of_another(lane: Lane) -> None:
    lane.ready(*(f"IV-{n}" for n in range(25)))
    [key] = lane.ready("OTHER-1")
    with lane.database.write() as session:
        given = {**lane.connection(session).settings}
        other = make_connection(
            session, lane.company, "branch", side="target", connector="aiaccount", settings=given
        )
        set_key(session, SYSTEM, other.id, DEMO_KEY, now=NOW, keys=KEYS)
        posting = session.get_one(Posting, key)
        posting.connection_id = other.id
        posting.hash = posting_hash(other.id, "CMP-1042", invoice("OTHER-1"), "create")
    lane.work()
    numbers = [line["number"] for line in lane.target.lines("created")]
    assert len(numbers) == 26
    assert numbers.index("OTHER-1") <= 10  # after one turn of the other


def test_a_document_counts_as_sent_while_it_is_there_or_may_be(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What surely is not there frees its number for others; what met another content keeps it."""
    answers = {
        "IV-1": Answer(kind="temporary", error_class="temporary", words="Not now."),
        "IV-2": Answer(kind="refused", error_class="bad_value", code="bad", words="No."),
        "IV-3": Answer(
            kind="refused",
            error_class="duplicate",
            words="Another content.",
            existing=True,
            same_content=False,
        ),
    }

    def send(_self: AiAccount, payload: Any, *_: Any) -> Sent:
        told = tuple(answers[number] for number in payload.numbers)
        return Sent(answers=told, status=200, headers={}, body=b"", seconds=0.0)

    monkeypatch.setattr(AiAccount, "send", send)
    keys = lane.ready(*answers)
    lane.work()
    rows = [lane.one(key) for key in keys]
    assert [row.state for row in rows] == ["ready", "failed", "failed"]
    assert [row.sent_at is None for row in rows] == [True, True, False]
    assert [row.push_id for row in rows] == [None, None, None]
    assert [push.state for push in lane.rows(Push)] == ["refused", "refused", "conflict"]


def test_whatever_word_a_target_refuses_with_its_documents_are_held_by_it(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by words that no index could hold, and that differ in their end alone."""
    long = "".join(random.Random(1).choices(string.ascii_letters, k=20_000))
    codes = {"IV-1": f"{long}1", "IV-2": f"{long}2", "IV-3": f"{long}1"}

    def send(_self: AiAccount, payload: Any, *_: Any) -> Sent:
        told = tuple(
            Answer(kind="refused", error_class="bad_value", code=codes[number], words="No.")
            for number in payload.numbers
        )
        return Sent(answers=told, status=200, headers={}, body=b"", seconds=0.0)

    monkeypatch.setattr(AiAccount, "send", send)
    keys = lane.ready(*codes)
    lane.work()
    assert [lane.state(key) for key in keys] == ["failed"] * 3
    causes = [hold.cause_id for hold in lane.rows(Hold)]
    assert (len(causes), len(set(causes))) == (3, 2)


def test_no_target_makes_a_document_wait_for_longer_than_our_longest_pause(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    [key] = lane.ready("IV-1")
    words = "Not now, come back in a year."
    later = Answer(kind="temporary", error_class="temporary", words=words, retry_after=31_536_000)
    with monkeypatch.context() as patch:
        answer_whole_files(patch, 503, later, bool)
        lane.work()
    due = lane.one(key).due_at
    assert due is not None
    assert due - lane.clock.now() == store_results.LONGEST
