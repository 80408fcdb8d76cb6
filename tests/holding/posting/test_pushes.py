"""Pushing against the real simulator: one effect for each posting, or a visible doubt."""

import dataclasses

import pytest
from sqlalchemy import select, update

from holding.db.models import (
    Approval,
    Attempt,
    Event,
    Hold,
    Posting,
    PostingLine,
    Push,
    Record,
    Request,
)
from holding.runs.dispatch import push_due
from tests.holding.pushing import Lane
from tests.support.databases import any_move
from tests.support.factories import make_person
from tests.support.pills import pill
from tests.support.postings import NOW, invoice
from tests.support.simulator import DEMO_KEY


def test_a_ready_posting_is_posted_with_everything_written_down(lane: Lane) -> None:
    [key] = lane.ready("IV-1")
    assert lane.work() == 1
    posting = lane.one(key)
    [created] = lane.target.lines("created")
    [push], [request], [attempt] = (lane.rows(t) for t in (Push, Request, Attempt))
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
    with lane.database.read() as session:
        [line] = session.scalars(select(PostingLine))
        assert (line.line_key, line.base_qty, line.amount) == ("TEE-BLK-M#1", "2", 2000)
        assert session.get_one(Record, posting.record_id).state == "posted"
        assert pill(session, lane.company.id, posting.connection_id, "sales_invoice").text == (
            "Last sync 11/20 09:00 · 1 document"
        )
    assert [e.act for e in lane.rows(Event)][-2:] == ["posting.sending", "posting.posted"]


def test_what_the_target_keeps_otherwise_is_kept_with_the_attempt(lane: Lane) -> None:
    plain = invoice("IV-1")
    odd = dataclasses.replace(plain, lines=({**plain.lines[0], "LineTotal": "20.01"},))
    lane.ready("IV-1", document=odd)
    lane.ready("IV-2")
    lane.work()
    found = {a.proof for a in lane.rows(Attempt) if a.state == "accepted"}
    assert found == {'[{"field":"LineTotal","line":1,"value":"20.00"}]', None}


def test_the_key_is_the_same_whoever_makes_it_and_another_for_the_next_push(lane: Lane) -> None:
    lane.target.control("faults", fault="rate_limited")
    [key] = lane.ready("IV-1")
    lane.work()
    posting = lane.one(key)
    assert (posting.state, posting.tries) == ("ready", 1)
    assert posting.due_at is not None
    assert (posting.due_at - lane.clock.now()).total_seconds() == 2  # Retry-After wins
    lane.clock.advance(3)
    lane.work()
    first, second = lane.rows(Push)
    assert (first.state, first.error_class, second.state) == ("refused", "temporary", "accepted")
    assert first.key != second.key
    assert len(lane.target.lines("created")) == 1


@pytest.mark.parametrize("column", ["content", "hash"])
def test_a_posting_changed_by_sql_is_held_and_nothing_is_called(lane: Lane, column: str) -> None:
    [key] = lane.ready("IV-1")
    with lane.database.write() as session:
        posting = session.get_one(Posting, key)
        if column == "content":
            posting.content = {**(posting.content or {}), "fields": {"InvoiceNumber": "IV-9"}}
        else:
            posting.hash = "f" * 64
    lane.work()
    assert lane.state(key) == "held"
    assert lane.target.writes() == []
    [hold] = lane.rows(Hold)
    assert (hold.code, hold.state, hold.error_class) == ("PSH01", "open", "business_rule")
    with lane.database.read() as session:
        assert session.get_one(Record, hold.record_id).state == "held"
    assert [e.act for e in lane.rows(Event)][-1] == "posting.stopped"


def test_a_document_that_a_push_made_is_not_made_again(lane: Lane) -> None:
    """Whatever its posting says by now; it is held before anything is written down."""
    [key] = lane.ready("IV-1")
    lane.work()
    with lane.database.write() as session, any_move(session):
        again = {"state": "ready", "due_at": lane.clock.now(), "posted_push_id": None}
        session.execute(update(Posting).values(**again))
    lane.work()
    assert lane.state(key) == "held"
    assert lane.open_holds() == ["PSH03"]
    assert len(lane.rows(Push)) == len(lane.target.lines("created")) == 1


def test_what_was_approved_is_what_goes_out(lane: Lane) -> None:
    asked = (("APP01", "large", "approve", "approve:large"),)
    good, changed, missing = lane.ready("IV-1", "IV-2", "IV-3", findings=asked)
    with lane.database.write() as session:
        person = make_person(session, lane.company, "lim@example.test", "approver")
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
    lane.work()
    assert lane.states((good, changed, missing)) == [
        "posted",
        "held",
        "held",
    ]
    assert {hold.code for hold in lane.rows(Hold)} == {"PSH02"}
    assert [line["number"] for line in lane.target.writes()] == ["IV-1"]


def test_every_level_that_was_asked_for_is_there(lane: Lane) -> None:
    asked = tuple(("APP01", level, "approve", f"approve:{level}") for level in ("head", "large"))
    both, one_only = lane.ready("IV-1", "IV-2", findings=asked)
    with lane.database.write() as session:
        people = [
            make_person(session, lane.company, f"{name}@example.test") for name in ("lim", "tan")
        ]
        given = [(both, "head", 0), (both, "large", 1), (one_only, "large", 0)]
        for key, level, who in given:
            hash_ = session.get_one(Posting, key).hash
            row = {"posting_id": key, "hash": hash_, "level": level, "person_id": people[who].id}
            session.add(Approval(**row, content={}, reason="seen", at=NOW))
    lane.work()
    assert lane.states((both, one_only)) == ["posted", "held"]
    [hold] = lane.rows(Hold)
    assert (hold.code, hold.message) == ("PSH02", "IV-2 is not approved by all: head is open.")


def test_two_open_pushes_of_a_family_are_never_there(lane: Lane) -> None:
    first, second = lane.ready("IV-1", "IV-2")
    with lane.database.write() as session:
        session.get_one(Posting, second).family = session.get_one(Posting, first).family
    lane.target.control("faults", fault="timeout_after")
    lane.work()
    assert lane.states((first, second)) == ["uncertain", "ready"]
    lane.settle(minutes=2)
    assert lane.states((first, second)) == ["posted", "posted"]


@pytest.mark.parametrize(("count", "calls"), [(9, 0), (10, 1), (25, 1)])
def test_help_is_called_once_when_there_is_more_than_is_claimed_at_once(
    lane: Lane, count: int, calls: int
) -> None:
    lane.ready(*(f"IV-{n}" for n in range(count)))
    called: list[int] = []
    push_due(
        lane.database,
        lane.clock,
        company_id=lane.company.id,
        owner=lane.desk.owner,
        desk=lane.desk,
        call_help=lambda: called.append(1),
    )
    assert len(called) == calls
