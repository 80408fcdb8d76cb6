"""Rows of several tables are collected and written in their order, on both databases alike."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.db.bulk import JointWrites, json_rows, next_id
from holding.db.database import Database
from holding.db.models import Attempt, Connection, Posting, Push, Request, Run
from holding.db.models.columns import AttemptState, RequestState
from tests.holding.pushing import Lane

WHEN = datetime(2026, 11, 20, 3, 4, 5, 6, tzinfo=UTC)
BYTES = bytes(range(256))


def _request(key: int, connection_id: int, body: bytes | None) -> dict[str, Any]:
    return {
        "id": key,
        "connection_id": connection_id,
        "kind": "push",
        "key": f"cp-{key}",
        "body": body,
        "sha256": "0",
        "headers": {"a": "ü:1", "b": "'"},
        "state": RequestState.SENDING,
        "made_at": WHEN,
        "deadline_at": WHEN,
    }


def _attempt(request_id: int, push_id: int, no: int) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "push_id": push_id,
        "no": no,
        "fence": 1,
        "state": AttemptState.SENDING,
        "at": WHEN,
    }


@pytest.fixture
def push(lane: Lane) -> Push:
    """One that was sent and taken."""
    lane.ready("IV-1")
    lane.work()
    (made,) = lane.rows(Push)
    assert isinstance(made, Push)
    return made


def _ids(session: Session, count: int) -> list[int]:
    return list(session.scalars(select(next_id(Request)).select_from(Connection).limit(count)))


def test_children_are_written_after_their_parents_with_a_statement_a_table(
    database: Database, lane: Lane, push: Push
) -> None:
    with database.overheard() as statements, database.write() as session:
        first_id, second_id = _ids(session, 2)
        writes = JointWrites(session)
        requests = [
            _request(first_id, push.connection_id, BYTES),
            _request(second_id, push.connection_id, None),
        ]
        writes.insert(Request, requests)
        writes.insert(Attempt, [_attempt(first_id, push.id, 20), _attempt(second_id, push.id, 21)])
        writes.update(Push, [{"id": push.id, "kept": 20, "target_ref": None}], require_all=True)
        writes.update(Run, [])
        writes.write()
        writes.write()  # nothing is pending any more
    changes = [text.split()[:2] for text in statements if text.startswith(("INSERT", "UPDATE"))]
    assert changes == [["INSERT", "INTO"], ["INSERT", "INTO"], ["UPDATE", "push"]]
    with database.read() as session:
        first, second = session.get_one(Request, first_id), session.get_one(Request, second_id)
        assert (first.body, second.body) == (BYTES, None)
        assert first.headers == {"a": "ü:1", "b": "'"}
        assert first.made_at == WHEN
        updated = session.get_one(Push, push.id)
        assert (updated.kept, updated.target_ref) == (20, None)
        requested = select(Attempt.request_id).where(Attempt.push_id == push.id, Attempt.no > 19)
        assert sorted(session.scalars(requested)) == [first_id, second_id]


def test_many_rows_are_updated_each_with_its_own_values(database: Database, lane: Lane) -> None:
    lane.ready("IV-1", "IV-2", "IV-3")
    lane.work()
    pushes = {row.id: row for row in lane.rows(Push)}
    with database.write() as session:
        writes = JointWrites(session)
        writes.update(Push, [{"id": key, "kept": key * 10} for key in pushes], require_all=True)
        writes.write()
    assert {row.id: row.kept for row in lane.rows(Push)} == {key: key * 10 for key in pushes}
    with database.write() as session:
        writes = JointWrites(session)
        rows = [{"id": key, "kept": 1} for key in (*pushes, 999_999)]
        writes.update(Push, rows, require_all=True)
        with pytest.raises(RuntimeError, match="a push moved under our lock"):
            writes.write()
        session.rollback()


def test_a_row_that_moved_stops_all_of_it(database: Database, lane: Lane, push: Push) -> None:
    (posting,) = lane.rows(Posting)

    def tried(row: dict[str, Any], state: str = "posted") -> None:
        with database.write() as session:
            writes = JointWrites(session)
            (key,) = _ids(session, 1)
            writes.insert(Request, [_request(key, push.connection_id, BYTES)])
            still = (("state", (state,)),)
            writes.update(
                Posting, [row], keys=("id", "lock"), still=still, bump="lock", require_all=True
            )
            writes.write()

    before = len(lane.rows(Request))
    good = {"id": posting.id, "lock": posting.lock, "reason": "x"}
    for row, state in ((good | {"lock": posting.lock + 1}, "posted"), (good, "ready")):
        with pytest.raises(RuntimeError, match="a posting moved under our lock"):
            tried(row, state)
    assert len(lane.rows(Request)) == before
    tried(good)
    assert len(lane.rows(Request)) == before + 1
    (after,) = lane.rows(Posting)
    assert (after.reason, after.lock) == ("x", posting.lock + 1)


def test_what_is_not_found_without_a_word_is_left_alone(
    database: Database, lane: Lane, push: Push
) -> None:
    with database.write() as session:
        writes = JointWrites(session)
        keys, gone = ("push_id", "fence"), {"push_id": push.id, "fence": 99, "error": "x"}
        writes.update(Attempt, [gone], keys=keys, still=(("state", (AttemptState.SENDING,)),))
        writes.write()
    assert all(one.error != "x" for one in lane.rows(Attempt))


def test_a_key_that_is_there_is_the_same_fault_as_of_any_insert(
    database: Database, lane: Lane, push: Push
) -> None:
    (request,) = lane.rows(Request)
    with database.write() as session:
        writes = JointWrites(session)
        writes.insert(Request, [_request(request.id, push.connection_id, None)])
        with pytest.raises(IntegrityError):
            writes.write()
        session.rollback()


def test_ids_are_drawn_before_the_rows_are_there(database: Database, lane: Lane) -> None:
    lane.ready("IV-1", "IV-2", "IV-3")
    lane.work()
    query = select(next_id(Push), next_id(Request, shared=True), next_id(Push)).select_from(Posting)
    with database.write() as session:
        drawn = session.execute(query).all()
        there = {row.id for row in lane.rows(Push)}
    assert len({row[0] for row in drawn} - there) == 3
    (request_id,) = {row[1] for row in drawn}
    assert request_id not in {row.id for row in lane.rows(Request)}


def test_rows_stand_in_one_value(database: Database, lane: Lane) -> None:
    lane.ready("IV-1", "IV-2")
    there = select(json_rows(Posting.number, Posting.sent_at)).where(
        Posting.connection_id == Connection.id
    )
    query = select(Connection.side, there.scalar_subquery()).order_by(Connection.side)
    with database.read() as session:
        told = {row[0]: row[1] for row in session.execute(query)}
    assert told["source"] in (None, "[]")
    assert sorted(json.loads(told["target"])) == [["IV-1", None], ["IV-2", None]]
