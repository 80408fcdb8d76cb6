"""What a target took of a file is written at once, and of each document only what is still ours."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.targets.aiaccount.connector import AiAccount
from holding.connections.channel import open_channel
from holding.db.models import Attempt, Event, Hold, Posting, PostingLine, Push, Record
from holding.platform.states import READY
from holding.posting.claims import Claim, claim, return_postings
from holding.posting.holds import NO_ANSWER, Trouble, open_hold
from rules.values.canonical import PostingState
from tests.holding.pushing import Lane
from tests.support.factories import make_company
from tests.support.postings import invoice, make_ready


def meanwhile(lane: Lane, patch: pytest.MonkeyPatch, happens: Callable[[Session], object]) -> None:
    """What happens in the database while the target works on the call."""
    real = AiAccount.send

    def send(self: AiAccount, *given: Any) -> Any:
        told = real(self, *given)
        with lane.database.write() as session:
            happens(session)
        return told

    patch.setattr(AiAccount, "send", send)


def test_of_a_file_what_another_worker_has_by_now_stays_as_it_is(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.start_sync()
    other = update(Posting).where(Posting.id == keys[1]).values(fence=Posting.fence + 1)
    meanwhile(lane, monkeypatch, lambda session: session.execute(other))
    lane.work()
    assert lane.states(keys) == ["posted", "sending", "posted"]
    pushes = {row.posting_id: row for row in lane.rows(Push)}
    assert [pushes[key].state for key in keys] == ["accepted", "sending", "accepted"]
    attempts = {row.push_id: row.state for row in lane.rows(Attempt)}
    assert [attempts[pushes[key].id] for key in keys] == ["accepted", "sending", "accepted"]
    told = [row.posting_id for row in lane.rows(Event) if row.act == "posting.posted"]
    assert told == [keys[0], keys[2]]


def test_of_a_file_each_posting_has_what_its_own_answer_says(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own reference, total and words; what it was held for is over, another's hold is not."""
    keys = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    [apart] = lane.ready("IV-9", due=None)
    asked = Trouble(code=NO_ANSWER, error_class="uncertain", words="Nobody knows.")

    def doubts(session: Session) -> None:
        for key in (keys[0], apart):
            open_hold(session, session.get_one(Posting, key), asked, lane.clock.now())

    with lane.database.write() as session:
        late = update(Posting).where(Posting.id == apart).values(state="held")
        session.execute(late)
    lane.start_sync()
    meanwhile(lane, monkeypatch, doubts)
    lane.work()
    rows = [lane.one(key) for key in keys]
    pushes = {row.posting_id: row for row in lane.rows(Push)}
    assert len({row.target_ref for row in rows}) == 3
    assert all(row.target_ref for row in rows)
    assert [pushes[key].target_ref for key in keys] == [row.target_ref for row in rows]
    assert [row.posted_push_id for row in rows] == [pushes[key].id for key in keys]
    assert {(row.state, row.lease_until, row.lock) for row in rows} == {("posted", None, 2)}
    events = [row for row in lane.rows(Event) if row.act == "posting.posted"]
    for row, event in zip(rows, events, strict=True):
        assert row.target_ref is not None
        assert f"{row.number} as {row.target_ref}" in event.body["say"]
        assert (event.record_id, event.fence) == (row.record_id, row.fence)
        assert event.body["push"] == pushes[row.id].id
    holds = {hold.posting_id: hold.state for hold in lane.rows(Hold)}
    assert holds == {keys[0]: "cleared", apart: "open"}


def test_of_a_file_each_push_bills_the_lines_of_its_own_document(lane: Lane) -> None:
    with lane.database.write() as session:
        for no, lines in (("IV-1", 1), ("IV-2", 3)):
            document = invoice(no, lines=lines)
            make_ready(session, lane.company, no, due=None, document=document)
    lane.start_sync()
    lane.work()
    numbers = {row.id: row.number for row in lane.rows(Push)}
    with lane.database.read() as session:
        found = [
            (numbers[row.push_id], row.line_key) for row in session.scalars(select(PostingLine))
        ]
    assert sorted(found) == [
        ("IV-1", "TEE-BLK-M#1"),
        *(("IV-2", f"TEE-BLK-M#{n}") for n in (1, 2, 3)),
    ]


def test_of_a_file_a_record_wakes_whose_newer_version_came_meanwhile(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready("IV-1", "IV-2", due=None)
    first, second = (lane.one(key) for key in keys)
    newer = update(Record).where(Record.id == first.record_id)
    meanwhile(
        lane,
        monkeypatch,
        lambda session: session.execute(newer.values(version_id=second.version_id)),
    )
    lane.start_sync()
    lane.work()
    assert lane.states(keys) == ["posted", "posted"]
    assert [row.id for row in lane.rows(Record) if row.due_at is not None] == [first.record_id]


def test_of_a_file_those_wake_who_waited_for_their_own_family(lane: Lane) -> None:
    """Another record of the family, and itself where a newer version came; in no other company."""
    keys = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    postings = [lane.one(key) for key in keys]
    with lane.database.write() as session:
        source = session.get_one(Record, postings[0].record_id)
        strange = make_company(session, "other")
        ours, last = lane.company.id, postings[2].family
        for number, company, family in (
            ("R-1", ours, postings[0].family),
            ("R-2", strange.id, postings[0].family),
            ("R-3", ours, last),
        ):
            row = Record(
                company_id=company,
                source_id=source.source_id,
                type="return",
                external_id=number,
                number=number,
                family=family,
                seen_at=lane.clock.now(),
                fence=1,
            )
            session.add(row)
    lane.start_sync()
    lane.work()
    due = {row.number for row in lane.rows(Record) if row.due_at is not None}
    assert lane.states(keys) == ["posted"] * 3
    assert due == {"R-1", "R-3"}


def test_a_record_wakes_of_which_another_document_waits(lane: Lane) -> None:
    """What is next of it waits for this one's end; of a record with nothing next nobody wakes."""
    keys = lane.ready("IV-1", "IV-2", due=None)
    with lane.database.write() as session:
        first = session.get_one(Posting, keys[0])
        other = {"id": None, "seq": 2, "number": "IV-1-B", "state": PostingState.WAITING}
        told = {c.key: getattr(first, c.key) for c in Posting.__table__.columns}
        session.add(Posting(**told | other))
    lane.start_sync()
    lane.work()
    assert lane.states(keys) == ["posted", "posted"]
    due = [row.id for row in lane.rows(Record) if row.due_at is not None]
    assert due == [lane.one(keys[0]).record_id]


def test_claims_are_given_back_each_by_its_own_fence(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3")
    with lane.database.read() as session:
        channel = open_channel(session, lane.desk, lane.connection(session))
    claims = claim(lane.desk, channel, READY, 10)  # type: ignore[arg-type]
    assert [one.posting_id for one in claims] == keys
    now = lane.clock.now()
    later, earlier = now + timedelta(hours=1), now - timedelta(hours=1)
    woken = update(Posting).where(Posting.id == keys[1]).values(due_at=earlier)
    stale: Claim = replace(claims[2], fence=claims[2].fence - 1)
    with lane.database.write() as session:
        session.execute(woken)
        return_postings(session, [(claims[0], None), (claims[1], later), (stale, later)])
    with lane.database.read() as session:
        rows = session.scalars(select(Posting).order_by(Posting.id)).all()
        found = [(row.due_at, row.lease_until is None, row.lease_owner is None) for row in rows]
    assert found == [(None, True, True), (earlier, True, True), (None, False, False)]
