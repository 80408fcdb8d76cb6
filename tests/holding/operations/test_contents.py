"""Contents that events sealed: whoever edits a row with SQL is found out, with table and row."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from holding.approvals import approve
from holding.db.database import Database
from holding.db.models import Approval, Event, EventLink, Push, Request
from holding.operations import content_invariants
from holding.operations.invariants import check
from holding.platform import events as chain
from holding.platform.events import record_event, seal_row
from holding.platform.settings import Settings
from holding.posting import send
from rules.values.canonical import dumps
from tests.holding.life import SMALL, Life
from tests.holding.shop import line
from tests.support.factories import make_company

SEALS = ("sealed", "request", "call")

BIG: dict[str, Any] = {"total": "1920.00", "lines": [line(price="960.00")]}


def said(life: Life) -> list[str]:
    with life.shop.database.read() as session:
        return said_in(session, life)


def said_in(session: Session, life: Life) -> list[str]:
    return [one.message for one in content_invariants.compare(session, life.shop.company.id).breaks]


def edit(database: Database, *statements: str) -> None:
    """Somebody who may do anything in the database, and takes its triggers away first."""
    with edited(database, *statements) as session:
        session.connection().commit()


@contextmanager
def edited(database: Database, *statements: str) -> Iterator[Session]:
    """The same for as long as the block: all is as before afterwards."""
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys = OFF")
            guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for name in connection.scalars(text(guards)).all():
                connection.execute(text(f'DROP TRIGGER "{name}"'))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            assert connection.execute(text(statement)).rowcount >= 1, statement
        with Session(connection) as session:
            yield session
        connection.rollback()


@pytest.fixture
def told(life: Life) -> Life:
    """One order approved, posted, updated; another one in doubt and looked up."""
    life.arrive("A-1", **BIG)
    shop = life.shop
    with shop.database.write() as session:
        posting = shop.posting(session, "A-1")
        approve.approve(session, shop.actor("lim"), [posting.id], "checked", shop.now)
    life.work()
    life.arrive("A-2")
    life.arrive("A-2", **SMALL)
    assert shop.states() == {"A-1": "posted", "A-2": "posted"}
    assert said(life) == []
    return life


FIRST = "id = (SELECT min(id) FROM {})"
EDITS = {
    "version": ("UPDATE version SET body = replace(body, '960', '9')", "version", "content"),
    "version hash": ("UPDATE version SET sha256 = 'ab'", "version", "content"),
    "approver": ("UPDATE approval SET person_id = person_id + 1", "approval", "content"),
    "approval reason": ("UPDATE approval SET reason = 'looked at twice'", "approval", "content"),
    "approved content": ("UPDATE approval SET hash = 'ab'", "approval", "content"),
    "approval moment": ("UPDATE approval SET at = '2026-01-01 00:00:00'", "approval", "content"),
    "approval content": (
        "UPDATE approval SET content = replace(content, '1920', '1')",
        "approval",
        "content",
    ),
    "deputy": ("UPDATE approval SET for_person_id = person_id", "approval", "content"),
    "approving act": ("UPDATE approval SET operation_id = 'another'", "approval", "content"),
    "posting content": (
        "UPDATE posting SET content = replace(content, '1920', '1')",
        "posting",
        "content",
    ),
    "posting hash": ("UPDATE posting SET hash = 'ab'", "posting", "content"),
    "posting amount": ("UPDATE posting SET amount = 1", "posting", "amount"),
    "posting currency": ("UPDATE posting SET currency = 'SGD'", "posting", "currency"),
    "posting connection": (
        "UPDATE posting SET connection_id = connection_id + 1",
        "posting",
        "connection_id",
    ),
    "posting number": ("UPDATE posting SET number = 'A-9'", "posting", "number"),
    "posting date": ("UPDATE posting SET doc_date = '2026-01-01'", "posting", "doc_date"),
    "push content": ("UPDATE push SET content = replace(content, '1920', '1')", "push", "content"),
    "push posting": ("UPDATE push SET posting_id = 99", "push", "content"),
    "push no": ("UPDATE push SET no = no + 10", "push", "content"),
    "push connection": ("UPDATE push SET connection_id = connection_id + 1", "push", "content"),
    "push action": ("UPDATE push SET action = 'void'", "push", "content"),
    "push hash": ("UPDATE push SET hash = 'ab'", "push", "content"),
    "push key": ("UPDATE push SET key = 'ab'", "push", "content"),
    "push judging": ("UPDATE push SET evaluation_id = evaluation_id + 1", "push", "content"),
    "push number": ("UPDATE push SET number = 'A-9'", "push", "content"),
    "request": ("UPDATE request SET body = {blob}", "request", "content"),
    "request hash": ("UPDATE request SET sha256 = 'ab'", "request", "content"),
    "answer": ("UPDATE request SET answer = {blob}", "request", "answer"),
    "answer hash": ("UPDATE request SET answer_sha256 = 'ab'", "request", "answer"),
}


@pytest.mark.slow
def test_T30a_an_edited_row_is_named_with_its_table(told: Life) -> None:
    """Each edit alone; one story for all of them, since each is taken back."""
    database = told.shop.database
    blob = "x'7b7d'" if database.engine.dialect.name == "sqlite" else "'{}'::bytea"
    for name, (statement, table, what) in EDITS.items():
        words = f"{statement.format(blob=blob)} WHERE {FIRST.format(table)}"
        with edited(database, words) as session:
            row = session.scalar(text(f"SELECT min(id) FROM {table}"))
            all_said = said_in(session, told)
            start = f"Table {table}, row {row}: its {what} "
            found = [one for one in all_said if one.startswith(start)]
            assert found, (name, all_said)
            assert "sealed" in found[0]
            assert set(found) <= {one.say for one in _invariants(session, told)}, name
    assert said(told) == []


def _invariants(session: Session, life: Life) -> list[Any]:
    settings = Settings.from_env({"CLEARPOST_HOME": "/nowhere"})
    found = check(session, life.shop.company.id, now=life.shop.now, settings=settings)
    return [one for one in found.breaches if one.invariant == "I11"]


def test_T30a_a_row_that_was_taken_away_is_named(told: Life) -> None:
    for table, said_of_it in {
        "approval": "Table approval: one of posting",
        "version": "Table version: no. 1 of record",
        "push": "Table push: row",
        "request": "Table request: row",
    }.items():
        taken = f"DELETE FROM {table} WHERE {FIRST.format(table)}"
        with edited(told.shop.database, taken) as session:
            all_said = said_in(session, told)
            assert [one for one in all_said if one.startswith(said_of_it)], all_said


def test_T30a_an_approval_that_nobody_gave_is_named(told: Life) -> None:
    columns = "posting_id, hash, content, person_id, reason, at"
    edit(
        told.shop.database,
        f"INSERT INTO approval (id, level, {columns}) SELECT 99, 'accounts too', {columns}"
        " FROM approval",
    )
    assert said(told) == ["Table approval, row 99: no event tells that it was given."]
    edit(told.shop.database, "UPDATE approval SET at = '2020-01-01 00:00:00' WHERE id = 99")
    assert said(told) == [], "from before contents were sealed"


def test_T30a_an_approval_that_was_moved_is_missed_and_was_never_given(told: Life) -> None:
    for moved in ("level = 'accounts too'", "posting_id = posting_id + 1"):
        with edited(told.shop.database, f"UPDATE approval SET {moved}") as session:
            row = session.scalars(select(Approval.id)).one()
            missed, never = sorted(said_in(session, told), reverse=True)
        assert missed.startswith("Table approval: one of posting ")
        assert never == f"Table approval, row {row}: no event tells that it was given."


def test_T30a_a_moment_is_sealed_alike_in_whatever_zone_a_database_tells_it() -> None:
    at = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
    here = at.astimezone(ZoneInfo("Asia/Kuala_Lumpur"))
    assert seal_row(("at",), {"at": at}) == seal_row(("at",), {"at": here})


def test_T30a_an_update_that_is_said_to_have_been_a_create_is_named(told: Life) -> None:
    edit(told.shop.database, "UPDATE posting SET action = 'create' WHERE action = 'update'")
    with told.shop.database.read() as session:
        row = told.shop.posting(session, "A-2").id
    assert [one for one in said(told) if one.startswith(f"Table posting, row {row}: its content ")]


def test_T30a_an_update_whose_answer_is_not_known_yet_is_no_edit(life: Life) -> None:
    life.arrive("A-1")
    life.books.moods.append("silent")
    life.arrive("A-1", **SMALL)
    assert life.shop.states() == {"A-1": "uncertain"}
    assert said(life) == []


def test_T30a_what_a_look_up_saw_is_sealed(life: Life) -> None:
    life.books.moods.append("silent")
    life.arrive("A-1")
    for _ in range(5):
        life.shop.clock.advance(3600)
        life.work()
    assert life.shop.states() == {"A-1": "posted"}
    assert said(life) == []
    edit(life.shop.database, "UPDATE request SET answer = 'x' WHERE kind = 'lookup'")
    assert len(said(life)) == 1
    assert "its answer is not what event" in said(life)[0]


@pytest.mark.parametrize("column", ["sha256 = 'ab'", "body = {blob}"])
def test_T30a_a_call_that_was_never_answered_is_sealed_before_it_is_made(
    life: Life, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    monkeypatch.setattr(send, "make_call", _dies)
    with pytest.raises(SystemExit):
        life.arrive("A-1")
    assert said(life) == []
    database = life.shop.database
    blob = "x'7b7d'" if database.engine.dialect.name == "sqlite" else "'{}'::bytea"
    edit(database, f"UPDATE request SET {column.format(blob=blob)}")
    (one,) = said(life)
    with database.read() as session:
        row = session.scalars(select(Request.id)).one()
    assert one.startswith(f"Table request, row {row}: its content is not what event ")


def _dies(*_: Any) -> None:
    raise SystemExit


def test_T30b_what_is_sealed_stands_in_the_events_of_the_facts(told: Life) -> None:
    """In their own insert: no event and no statement is there for a seal alone."""
    with told.shop.database.read() as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
        pushes = session.scalar(select(func.count(Push.id)))
        approvals = session.scalar(select(func.count(Approval.id)))
    acts = [event.act for event in events if "sealed" in event.body]
    assert acts.count("posting.sending") == pushes
    assert acts.count("posting.approved") == approvals
    assert {event.act for event in events if "call" in event.body} == {"posting.posted"}
    sizes = [len(dumps({k: v for k, v in e.body.items() if k in SEALS})) for e in events]
    assert sum(sizes) <= 420 * (pushes or 0)


def test_T30c_events_from_before_are_compared_as_far_as_they_were_sealed(told: Life) -> None:
    """As a database of an older version has them; and from where on contents are sealed is said."""
    assert since(told) is not None
    with told.shop.database.read() as session:
        events = session.execute(select(Event.id, Event.body)).all()
    bare = {e.id: {k: v for k, v in e.body.items() if k not in SEALS} for e in events}
    quoted = {key: dumps(body).replace("'", "''").replace(":", "\\:") for key, body in bare.items()}
    database = told.shop.database
    edit(database, *(f"UPDATE event SET body = '{b}' WHERE id = {k}" for k, b in quoted.items()))
    assert (since(told), said(told)) == (None, [])
    edit(database, "UPDATE version SET body = replace(body, '960', '9') WHERE no = 1")
    assert any(one.startswith("Table version, row ") for one in said(told))
    told.arrive("A-3")
    first = since(told)
    assert first is not None
    assert first.event_id > max(bare)


def test_T30c_the_place_of_the_first_seal_is_that_in_the_chain_of_its_company(life: Life) -> None:
    shop = life.shop
    with shop.database.write() as session:
        other = make_company(session, "other")
        record_event(
            session, company_id=other.id, at=shop.now, actor=None, act="seen", body={"say": "So."}
        )
    life.arrive("A-1")
    chain.link_due_events(shop.database, now=shop.now, all_events=True)
    first = since(life)
    assert first is not None
    with shop.database.read() as session:
        place = session.scalar(select(EventLink.seq).where(EventLink.event_id == first.event_id))
        assert session.get_one(Event, first.event_id).act == "posting.sending"
    assert first.seq == place != first.event_id


def since(life: Life) -> content_invariants.Since | None:
    with life.shop.database.read() as session:
        return content_invariants.compare(session, life.shop.company.id).since


def test_nothing_is_missed_or_told_twice_where_a_page_ends(
    told: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(told.shop.database, "UPDATE version SET sha256 = 'ab'", "UPDATE push SET hash = 'ab'")
    whole = said(told)
    assert len(whole) > 3
    for page in (1, 2):
        monkeypatch.setattr(content_invariants, "PAGE", page)
        assert sorted(said(told)) == sorted(whole)
