"""Pushing against the real simulator: one effect for each posting, or a visible doubt."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, text, update

from connectors.kit.contract import Answer, Sent
from connectors.kit.http import Http
from connectors.targets.aiaccount.connector import AiAccount
from holding import runs
from holding.connections import set_key
from holding.database import Database
from holding.models import (
    Approval,
    Attempt,
    Company,
    Event,
    Hold,
    Posting,
    PostingLine,
    Push,
    Record,
    Request,
    Run,
    Throttle,
)
from holding.pill import pill
from holding.posting_hash import posting_hash
from holding.pushes import push_due
from holding.pushing.claim import free_the_dead
from holding.pushing.desk import Desk
from holding.roles import SYSTEM, Actor
from holding.secrets import Keys
from holding.settings import Settings
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_connection, make_person
from tests.support.postings import NOW, invoice, make_ready
from tests.support.simulator import DEMO_KEY, Simulator, simulator

KEYS = Keys((b"xm8fkfMblGLs0jjZ2_83qvXBKHDaMFI66nUU9dxoe0A=",))  # made for tests


@pytest.fixture(scope="module")
def shared_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("aiaccount")) as running:
        yield running


@pytest.fixture
def target(shared_target: Simulator) -> Simulator:
    shared_target.control("reset")
    return shared_target


@pytest.fixture
def desk(
    database: Database,
    clock: SetClock,
    company: Company,
    target: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")
    with database.write() as session:
        connection = connection_named(session, company, "aiaccount")
        connection.settings = {**connection.settings, "base_url": target.url}
        set_key(session, SYSTEM, connection, DEMO_KEY, now=NOW, keys=KEYS)
    settings = Settings.from_env({"CLEARPOST_ENV": "test", "CLEARPOST_HOME": str(tmp_path)})
    return Desk(
        database=database,
        clock=clock,
        settings=settings,
        keys=KEYS,
        owner="worker-1",
        chance=Random(7),
        http=Http(clock, connect_seconds=2, read_seconds=2),
        trace=lambda _session, evaluation_id: f"story of {evaluation_id}".encode(),
    )


def ready(desk: Desk, company: Company, *numbers: str, **given: object) -> list[int]:
    with desk.database.write() as session:
        return [make_ready(session, company, number, **given).id for number in numbers]  # type: ignore[arg-type]


def work(desk: Desk, company: Company) -> int:
    pushed = push_due(desk.database, desk.clock, company_id=company.id, owner=desk.owner, desk=desk)
    return pushed.count  # type: ignore[union-attr]


def settle(desk: Desk, company: Company, clock: SetClock, *, minutes: int = 10) -> None:
    """Let time pass as a running worker would see it."""
    for _ in range(minutes * 4):
        clock.advance(15)
        with desk.database.write() as session:
            free_the_dead(session, clock.now())
            session.execute(update(Record).values(due_at=None))  # judged again, and found the same
        work(desk, company)


def put_there(desk: Desk, target: Simulator, number: str) -> None:
    """A document that got into the target on another way."""
    connector = AiAccount()
    payload = connector.build([invoice(number)], batch=False, batch_name="")
    settings = {"base_url": target.url, "company_id": "CMP-1042"}
    connector.send(payload, settings, DEMO_KEY, "by-somebody-else", desk.http)


def one(database: Database, posting_id: int) -> Posting:
    with database.read() as session:
        return session.get_one(Posting, posting_id)


def rows(database: Database, table: type[Any]) -> list[Any]:
    with database.read() as session:
        return list(session.scalars(select(table).order_by(text("id"))))


def test_a_ready_posting_is_posted_with_everything_written_down(
    desk: Desk, company: Company, target: Simulator, database: Database
) -> None:
    [key] = ready(desk, company, "IV-1")
    assert work(desk, company) == 1
    posting = one(database, key)
    [created] = target.lines("created")
    [push], [request], [attempt] = (rows(database, t) for t in (Push, Request, Attempt))
    assert (posting.state, posting.target_ref) == ("posted", created["id"])
    assert posting.posted_push_id == push.id
    assert posting.due_at is posting.lease_until is None
    assert (push.state, push.key) == ("accepted", created["key"])
    assert push.key.startswith("cp-")
    assert len(push.key) == 35
    assert push.trace == f"story of {posting.evaluation_id}".encode()
    assert request.sha256 == created["body_sha256"]
    assert request.headers[":path"] == "/v1/sales/invoices"
    assert DEMO_KEY not in str(request.headers)
    assert (attempt.state, attempt.no, attempt.fence) == ("accepted", 1, posting.fence)
    with database.read() as session:
        [line] = session.scalars(select(PostingLine))
        assert (line.line_key, line.base_qty, line.amount) == ("TEE-BLK-M#1", "2", 2000)
        assert session.get_one(Record, posting.record_id).state == "posted"
        assert pill(session, company.id, posting.connection_id, "sales_invoice").text == (
            "Last sync 11/20 09:00 · 1 row"
        )
    assert [e.act for e in rows(database, Event)][-2:] == ["posting.sending", "posting.posted"]


def test_what_the_target_keeps_otherwise_is_kept_with_the_attempt(
    desk: Desk, company: Company, database: Database
) -> None:
    plain = invoice("IV-1")
    odd = dataclasses.replace(plain, lines=({**plain.lines[0], "LineTotal": "20.01"},))
    ready(desk, company, "IV-1", document=odd)
    ready(desk, company, "IV-2")
    work(desk, company)
    found = {a.proof for a in rows(database, Attempt) if a.state == "accepted"}
    assert found == {'[{"field":"LineTotal","line":1,"value":"20.00"}]', None}


def test_the_key_is_the_same_whoever_makes_it_and_another_for_the_next_push(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    target.control("faults", fault="rate_limited")
    [key] = ready(desk, company, "IV-1")
    work(desk, company)
    posting = one(database, key)
    assert (posting.state, posting.tries) == ("ready", 1)
    assert posting.due_at is not None
    assert (posting.due_at - clock.now()).total_seconds() == 2  # Retry-After wins
    clock.advance(3)
    work(desk, company)
    first, second = rows(database, Push)
    assert (first.state, first.error_class, second.state) == ("refused", "temporary", "accepted")
    assert first.key != second.key
    assert len(target.lines("created")) == 1


@pytest.mark.parametrize("column", ["content", "hash"])
def test_a_posting_changed_by_sql_is_held_and_nothing_is_called(
    desk: Desk, company: Company, database: Database, target: Simulator, column: str
) -> None:
    [key] = ready(desk, company, "IV-1")
    with database.write() as session:
        posting = session.get_one(Posting, key)
        if column == "content":
            posting.content = {**(posting.content or {}), "fields": {"InvoiceNumber": "IV-9"}}
        else:
            posting.hash = "f" * 64
    work(desk, company)
    assert one(database, key).state == "held"
    assert target.writes() == []
    [hold] = rows(database, Hold)
    assert (hold.code, hold.state, hold.error_class) == ("PSH01", "open", "business_rule")
    with database.read() as session:
        assert session.get_one(Record, hold.record_id).state == "held"
    assert [e.act for e in rows(database, Event)][-1] == "posting.stopped"


def test_what_was_approved_is_what_goes_out(
    desk: Desk, company: Company, database: Database, target: Simulator
) -> None:
    asked = (("APP01", "large", "approve", "approve:large"),)
    good, changed, missing = ready(desk, company, "IV-1", "IV-2", "IV-3", findings=asked)
    with database.write() as session:
        person = make_person(session, company, "lim@example.test", "approver")
        for key in (good, changed):
            posting = session.get_one(Posting, key)
            session.add(
                Approval(
                    posting_id=key,
                    hash=posting.hash if key == good else "a" * 64,
                    content={},
                    level="large",
                    person_id=person.id,
                    reason="seen",
                    at=NOW,
                )
            )
    work(desk, company)
    assert [one(database, key).state for key in (good, changed, missing)] == [
        "posted",
        "held",
        "held",
    ]
    assert {hold.code for hold in rows(database, Hold)} == {"PSH02"}
    assert [line["number"] for line in target.writes()] == ["IV-1"]


def test_every_level_that_was_asked_for_is_there(
    desk: Desk, company: Company, database: Database, target: Simulator
) -> None:
    asked = tuple(("APP01", level, "approve", f"approve:{level}") for level in ("head", "large"))
    both, one_only = ready(desk, company, "IV-1", "IV-2", findings=asked)
    with database.write() as session:
        people = [make_person(session, company, f"{name}@example.test") for name in ("lim", "tan")]
        given = [(both, "head", 0), (both, "large", 1), (one_only, "large", 0)]
        for key, level, who in given:
            hash_ = session.get_one(Posting, key).hash
            row = {"posting_id": key, "hash": hash_, "level": level, "person_id": people[who].id}
            session.add(Approval(**row, content={}, reason="seen", at=NOW))
    work(desk, company)
    assert [one(database, key).state for key in (both, one_only)] == ["posted", "held"]
    [hold] = rows(database, Hold)
    assert (hold.code, hold.message) == ("PSH02", "IV-2 is not approved by all: head is open.")


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


def start_sync(desk: Desk, company: Company, clock: SetClock) -> Run:
    with desk.database.write() as session:
        connection = connection_named(session, company, "aiaccount")
        first, last = NOW.date().replace(day=1), NOW.date()
        seen = runs.preview(session, company.id, connection.id, "sales_invoice", first, last)
        actor = Actor(None, "Tan", "tan@example.test", company.id, frozenset({"operator"}))
        run = runs.sync(
            session,
            actor,
            company_id=company.id,
            connection_id=connection.id,
            doc_type="sales_invoice",
            first=first,
            last=last,
            expected_count=seen.will_send.count,
            expected_total=seen.will_send.amount,
            now=clock.now(),
        )
    assert isinstance(run, Run)
    return run


def test_a_range_goes_out_as_one_file_with_an_answer_for_each_document(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    keys = ready(desk, company, *(f"IV-{n}" for n in range(12)), due=None)
    with database.write() as session:
        bad = dataclasses.replace(invoice("IV-99"), currency="JPY")
        bad = dataclasses.replace(bad, fields={**bad.fields, "Currency": "JPY"})
        keys.append(make_ready(session, company, "IV-99", due=None, document=bad).id)
    assert work(desk, company) == 0
    run = start_sync(desk, company, clock)
    work(desk, company)
    states = [one(database, key).state for key in keys]
    assert states == ["posted"] * 12 + ["failed"]
    [request] = rows(database, Request)
    assert {line["call"] for line in target.writes()} == {"xlsx"}
    assert {line["key"] for line in target.writes()} == {request.key}
    with database.read() as session:
        ended = session.get_one(Run, run.id)
        assert (ended.state, ended.done, ended.total) == ("done", 13, 13)
        assert ended.counts == {"failed": 1, "posted": 12}
        shown = pill(session, company.id, request.connection_id, "sales_invoice")
    assert shown.text == "Last sync 11/20 09:00 · 12 rows, 1 held"
    assert {a.row for a in rows(database, Attempt)} == set(range(2, 15))


def test_a_file_without_an_answer_goes_out_again_with_the_same_bytes_and_key(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    keys = ready(desk, company, "IV-1", "IV-2", "IV-3", due=None)
    target.control("faults", fault="timeout_before")
    start_sync(desk, company, clock)
    work(desk, company)
    assert {one(database, key).state for key in keys} == {"uncertain"}
    settle(desk, company, clock)
    assert {one(database, key).state for key in keys} == {"posted"}
    sends = [r for r in rows(database, Request) if r.kind == "push"]
    assert len({(r.key, r.sha256) for r in sends}) == 1
    assert len(target.lines("created")) == 3


def test_a_file_refused_as_a_whole_is_halved(
    desk: Desk,
    company: Company,
    database: Database,
    target: Simulator,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = AiAccount.send

    def picky(self, payload, *rest):  # type: ignore[no-untyped-def]
        if len(payload.numbers) > 2:
            no = Answer(kind="refused", error_class="bad_value", code="file_too_large", words="!")
            answers = (no,) * len(payload.numbers)
            return Sent(answers=answers, status=413, headers={}, body=b"", seconds=0.0)
        return real(self, payload, *rest)

    monkeypatch.setattr(AiAccount, "send", picky)
    keys = ready(desk, company, *(f"IV-{n}" for n in range(5)), due=None)
    start_sync(desk, company, clock)
    work(desk, company)
    assert {one(database, key).state for key in keys} == {"posted"}
    requests = rows(database, Request)
    assert [r.parent_id for r in requests] == [None, 1, 1, 3, 3] or len(requests) == 5
    assert len(rows(database, Push)) == 5
    assert len(target.lines("created")) == 5
    [run] = [r for r in rows(database, Run) if r.kind == "manual"]
    assert run.counts == {"posted": 5}


def test_two_open_pushes_of_a_family_are_never_there(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    first, second = ready(desk, company, "IV-1", "IV-2")
    with database.write() as session:
        session.get_one(Posting, second).family = session.get_one(Posting, first).family
    target.control("faults", fault="timeout_after")
    work(desk, company)
    assert [one(database, key).state for key in (first, second)] == ["uncertain", "ready"]
    settle(desk, company, clock, minutes=2)
    assert [one(database, key).state for key in (first, second)] == ["posted", "posted"]
