"""Pushing against the real simulator: one effect for each posting, or a visible doubt."""

import dataclasses

import pytest
from sqlalchemy import select

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
)
from holding.pill import pill
from holding.pushes import push_due
from holding.pushing.desk import Desk
from tests.holding.pushing import one, ready, rows, settle, work
from tests.support.clock import SetClock
from tests.support.factories import make_person
from tests.support.postings import NOW, invoice
from tests.support.simulator import DEMO_KEY, Simulator


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


@pytest.mark.parametrize(("count", "calls"), [(9, 0), (10, 1), (25, 1)])
def test_help_is_called_once_when_there_is_more_than_is_claimed_at_once(
    desk: Desk, company: Company, count: int, calls: int
) -> None:
    ready(desk, company, *(f"IV-{n}" for n in range(count)))
    called: list[int] = []
    push_due(
        desk.database,
        desk.clock,
        company_id=company.id,
        owner=desk.owner,
        desk=desk,
        call_help=lambda: called.append(1),
    )
    assert len(called) == calls
