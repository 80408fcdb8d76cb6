"""Pushes without an answer, refused, or to a target that is silent or paused: one visible end."""

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from connectors.kit.contract import Sent
from connectors.kit.http import Http
from holding.connections import set_key
from holding.database import Database
from holding.models import (
    Attempt,
    Company,
    Event,
    Hold,
    Posting,
    Push,
    Record,
    Request,
    Run,
    Throttle,
)
from holding.pill import pill
from holding.posting_hash import posting_hash
from holding.pushing import flight
from holding.pushing.claim import free_the_dead
from holding.pushing.desk import Desk
from holding.pushing.rows import Flight
from holding.roles import SYSTEM
from tests.holding.pushing import KEYS, one, put_there, ready, rows, settle, start_sync, work
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_connection
from tests.support.postings import NOW, invoice, make_ready
from tests.support.simulator import DEMO_KEY, Simulator


def test_a_record_about_to_be_judged_waits(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    [key] = ready(desk, company, "IV-1")
    with database.write() as session:
        record = session.get_one(Record, one(database, key).record_id)
        record.due_at = clock.now()
    assert work(desk, company) == 0
    with database.write() as session:
        session.get_one(Record, one(database, key).record_id).due_at = None
    assert work(desk, company) == 1
    assert one(database, key).state == "posted"


def test_an_answer_that_never_came_is_looked_up_and_not_sent_again(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    target.control("faults", fault="timeout_after")
    [key] = ready(desk, company, "IV-1")
    work(desk, company)
    assert one(database, key).state == "uncertain"
    [push] = rows(database, Push)
    assert push.state == "uncertain"
    clock.advance(6)
    work(desk, company)
    assert one(database, key).state == "posted"
    assert len(target.writes()) == 1
    sent, looked = rows(database, Attempt)
    assert (sent.state, looked.state) == ("uncertain", "equal")
    assert "IV-1" in (looked.proof or "")
    [run] = rows(database, Run)
    assert run.counts == {"posted": 1}


def test_what_is_proved_absent_twice_after_settling_goes_out_again_as_it_was(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    target.control("faults", fault="timeout_before")
    [key] = ready(desk, company, "IV-1")
    work(desk, company)
    clock.advance(6)
    work(desk, company)
    assert one(database, key).state == "uncertain"  # absent, but not settled
    assert target.lines("created") == []
    settle(desk, company, clock)
    assert one(database, key).state == "posted"
    [push] = rows(database, Push)
    sends = [r for r in rows(database, Request) if r.kind == "push"]
    assert len(sends) == 2
    assert sends[0].key == sends[1].key == push.key
    assert sends[0].body == sends[1].body
    assert sends[1].parent_id == sends[0].id
    states = [a.state for a in rows(database, Attempt)]
    assert states[0] == "uncertain"
    assert states[-1] == "accepted"
    assert states.count("absent") >= 2


def test_another_content_under_our_number_is_a_conflict_for_a_person(
    desk: Desk, company: Company, database: Database, target: Simulator
) -> None:
    put_there(desk, target, "IV-1")
    [key] = ready(desk, company, "order-2", document=invoice("IV-1", price="11.00"))
    work(desk, company)
    assert one(database, key).state == "failed"
    [hold] = rows(database, Hold)
    assert (hold.code, hold.error_class) == ("TGT02", "stale_version")
    assert len(target.lines("created")) == 1


def test_a_refusal_fails_one_posting_with_owner_and_cause(
    desk: Desk, company: Company, database: Database, target: Simulator
) -> None:
    target.control("lock", through="2026-10-31")
    bad, good = ready(desk, company, "IV-1", due=NOW + timedelta(seconds=0)), None
    with database.write() as session:
        day = NOW.date().replace(month=10)
        late = make_ready(session, company, "IV-2", document=invoice("IV-2", day=day)).id
    good = bad[0]
    work(desk, company)
    assert (one(database, good).state, one(database, late).state) == ("posted", "failed")
    [hold] = rows(database, Hold)
    assert (hold.code, hold.error_class, hold.team_id is not None) == (
        "TGT01",
        "period_locked",
        True,
    )
    with database.read() as session:
        cause = session.execute(text("SELECT key, records, book FROM cause")).one()
        assert tuple(cause) == ("period:aiaccount:2026-10", 1, 2000)
        run = session.scalars(select(Run)).one()
        assert run.counts == {"failed": 1, "posted": 1}
        text_ = pill(session, company.id, run.connection_id or 0, "sales_invoice").text
        assert text_ == "Last sync 11/20 09:00 · 1 row, 1 held"


def test_a_refused_key_stops_everything_until_a_new_one_comes(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    target.control("pause", key=DEMO_KEY, status="disabled")
    keys = ready(desk, company, "IV-1")
    work(desk, company)
    keys += ready(desk, company, "IV-2")
    assert work(desk, company) == 0
    assert [one(database, key).state for key in keys] == ["failed", "ready"]
    with database.write() as session:
        connection = connection_named(session, company, "aiaccount")
        shown = pill(session, company.id, connection.id, "sales_invoice")
        assert (shown.text, bool(shown.detail)) == ("Key refused 11/20 09:00 · 1 waiting", True)
        target.control("pause", key=DEMO_KEY, status="active")
        set_key(session, SYSTEM, connection, DEMO_KEY, now=clock.now(), keys=KEYS)
    with database.read() as session:
        record = session.get_one(Record, one(database, keys[0]).record_id)
        assert record.due_at == clock.now()
    work(desk, company)
    assert one(database, keys[1]).state == "posted"


def test_that_an_old_key_was_refused_says_nothing_of_the_new_one(
    desk: Desk,
    company: Company,
    database: Database,
    target: Simulator,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answered_late(desk: Desk, going: Flight) -> Sent:
        sent = call(desk, going)
        target.control("pause", key=DEMO_KEY, status="active")
        with database.write() as session:
            connection = connection_named(session, company, "aiaccount")
            set_key(session, SYSTEM, connection, DEMO_KEY, now=clock.now(), keys=KEYS)
        return sent

    call = flight.call
    monkeypatch.setattr(flight, "call", answered_late)
    target.control("pause", key=DEMO_KEY, status="disabled")
    [key] = ready(desk, company, "IV-1")
    work(desk, company)
    monkeypatch.undo()
    work(desk, company)
    assert (one(database, key).state, rows(database, Hold)) == ("posted", [])


def test_one_refused_key_is_one_exception_and_the_queue_waits(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    target.control("pause", key=DEMO_KEY, status="disabled")
    keys = ready(desk, company, *(f"IV-{n}" for n in range(1, 8)))
    work(desk, company)
    work(desk, company)
    assert sorted(one(database, key).state for key in keys) == ["failed", *["ready"] * 6]
    assert len(target.writes()) == len(rows(database, Hold)) == 1
    in_a_file = ready(desk, company, *(f"IV-{n}" for n in range(11, 14)), due=None)
    with database.write() as session:  # another worker began before the key was refused
        session.execute(update(Throttle).values(breaker="closed"))
        session.execute(update(Posting).where(Posting.due_at.is_not(None)).values(due_at=None))
    start_sync(desk, company, clock)
    work(desk, company)
    assert len(target.writes()) == 2
    states = [one(database, key).state for key in in_a_file]
    assert states.count("ready") >= 2
    assert {one(database, key).tries for key in [*keys, *in_a_file]} == {0}
    with database.read() as session:
        connection = connection_named(session, company, "aiaccount")
        shown = pill(session, company.id, connection.id, "sales_invoice")
        assert shown.text == "Key refused 11/20 09:00 · 8 waiting"
        assert shown.tone == "bad"
    target.control("pause", key=DEMO_KEY, status="active")
    with database.write() as session:
        connection = connection_named(session, company, "aiaccount")
        set_key(session, SYSTEM, connection, DEMO_KEY, now=clock.now(), keys=KEYS)
        session.execute(update(Record).values(due_at=None))
    work(desk, company)
    assert {one(database, key).state for key in in_a_file} <= {"posted", "failed"}


def test_five_silent_calls_open_the_breaker_and_a_look_up_closes_it(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    target.control("faults", fault="timeout_before", count=5)
    keys = ready(desk, company, *(f"IV-{n}" for n in range(1, 8)))
    work(desk, company)
    states = [one(database, key).state for key in keys]
    assert (states.count("uncertain"), states.count("ready")) == (5, 2)
    with database.read() as session:
        throttle = session.scalars(select(Throttle)).one()
        assert (throttle.failures, throttle.breaker) == (5, "open")
    assert len(target.writes()) == 5
    settle(desk, company, clock)
    assert {one(database, key).state for key in keys} == {"posted"}
    assert len(target.lines("created")) == 7


def test_a_paused_target_gets_nothing(
    desk: Desk, company: Company, database: Database, target: Simulator
) -> None:
    [key] = ready(desk, company, "IV-1")
    with database.write() as session:
        connection_named(session, company, "aiaccount").paused_at = NOW
    assert work(desk, company) == 0
    with database.read() as session:
        connection = connection_named(session, company, "aiaccount")
        shown = pill(session, company.id, connection.id, "sales_invoice")
    assert shown.text == "Paused 11/20 09:00 · 1 waiting"
    assert one(database, key).state == "ready"


def test_a_key_paused_there_parks_the_push_until_it_runs(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    target.control("pause", key=DEMO_KEY)
    [key] = ready(desk, company, "IV-1")
    work(desk, company)
    assert one(database, key).state == "awaiting"
    clock.advance(5)
    work(desk, company)
    assert one(database, key).state == "awaiting"
    target.control("pause", key=DEMO_KEY, status="active")
    settle(desk, company, clock, minutes=2)
    assert one(database, key).state == "posted"
    assert len(target.lines("created")) == 1


def test_a_worker_that_lost_its_lease_writes_nothing(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    [key] = ready(desk, company, "IV-1")
    other = dataclasses.replace(desk, owner="worker-2")

    class Slow(Http):
        def request(self, *given: object, **named: object) -> object:  # type: ignore[override]
            answer = super().request(*given, **named)  # type: ignore[arg-type]
            if named.get("push"):
                clock.advance(timedelta(hours=1))
                with database.write() as session:
                    free_the_dead(session, clock.now())
                work(other, company)
            return answer

    slow = dataclasses.replace(desk, http=Slow(clock, connect_seconds=2, read_seconds=2))
    work(slow, company)
    posting = one(database, key)
    assert posting.state == "posted"
    assert [a.state for a in rows(database, Attempt)] == ["uncertain", "equal"]
    assert len([e for e in rows(database, Event) if e.act == "posting.posted"]) == 1


def test_after_sleeping_too_long_the_call_is_not_made(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    [key] = ready(desk, company, "IV-1")

    class Sleepy(SetClock):
        """Its monotonic clock jumps after the intent was written."""

        asked = 0

        def now(self):  # type: ignore[no-untyped-def]
            return clock.now()

        def monotonic(self) -> float:
            self.asked += 1
            return clock.monotonic() + (1000 if database_has_intent() else 0)

    def database_has_intent() -> bool:
        with database.read() as session:
            return session.scalar(select(Push.id).limit(1)) is not None

    work(dataclasses.replace(desk, clock=Sleepy()), company)
    assert one(database, key).state == "uncertain"
    assert target.writes() == []


def test_where_the_target_takes_doubles_we_look_before_the_first_send(
    desk: Desk, company: Company, database: Database, target: Simulator
) -> None:
    put_there(desk, target, "IV-1")
    with database.write() as session:
        connection = connection_named(session, company, "aiaccount")
        connection.settings = {**connection.settings, "dedupe": "none"}
    [there] = ready(desk, company, "order-2", document=invoice("IV-1"))
    [fresh] = ready(desk, company, "IV-2")
    work(desk, company)
    assert [one(database, key).state for key in (there, fresh)] == ["posted", "posted"]
    assert [line["number"] for line in target.writes()] == ["IV-1", "IV-2"]
    kinds = [r.kind for r in rows(database, Request)]
    assert kinds == ["lookup", "lookup", "push"]


def test_no_target_waits_for_the_whole_queue_of_another(
    desk: Desk, company: Company, database: Database, target: Simulator
) -> None:
    ready(desk, company, *(f"IV-{n}" for n in range(25)))
    [key] = ready(desk, company, "OTHER-1")
    with database.write() as session:
        given = {**connection_named(session, company, "aiaccount").settings}
        other = make_connection(
            session, company, "branch", side="target", connector="aiaccount", settings=given
        )
        set_key(session, SYSTEM, other, DEMO_KEY, now=NOW, keys=KEYS)
        posting = session.get_one(Posting, key)
        posting.connection_id = other.id
        posting.hash = posting_hash(other.id, "CMP-1042", invoice("OTHER-1"), "create")
    work(desk, company)
    numbers = [line["number"] for line in target.lines("created")]
    assert len(numbers) == 26
    assert numbers.index("OTHER-1") <= 10  # after one turn of the other
