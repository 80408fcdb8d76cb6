"""F28: whatever is changed in the trail is found, and the first bad row is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.platform import events
from holding.platform.events import Fact, record_events
from tests.faults.amounts import Done, amount
from tests.support.factories import make_company
from tests.support.postings import NOW

EVENTS = amount(50, 1_000, 10_000)
COLUMNS = ("at", "actor", "act", "object", "body")
TRIGGERS = ("event_no_change", "event_no_delete", "event_link_no_change", "event_link_no_delete")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Whoever may do anything in the file; on a server the chain is the same text."""
    return sqlite_url


@contextmanager
def _tampering(database: Database) -> Iterator[Connection]:
    """What is changed in the block is changed back at its end."""
    with database.engine.connect() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        for name in TRIGGERS:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        yield connection
        connection.rollback()


def _breaks(connection: Connection, company_id: int, **given: Any) -> list[events.Break]:
    with Session(connection, join_transaction_mode="rollback_only") as session:
        return events.verify_chain(session, company_id, **given)


def test_f28_every_change_of_the_trail_is_found(database: Database, done: Done) -> None:
    with database.write() as session:
        company_id = make_company(session).id
    with database.write() as session:
        told = (
            Fact(
                company_id=company_id, at=NOW, act="test.said", object="x:1", body={"say": f"{no}"}
            )
            for no in range(EVENTS)
        )
        record_events(session, list(told))
    while events.link_due_events(database, now=NOW, all_events=True):
        pass
    with database.read() as session:
        head = events.chain_head(session, company_id)
        assert events.verify_chain(session, company_id, noted_heads=[head]) == []
    for column in COLUMNS:
        with _tampering(database) as connection:
            connection.execute(text(f"UPDATE event SET {column} = {_flipped(column)}"))
            found = _breaks(connection, company_id)
        assert [one.seq for one in found] == list(range(1, head.seq + 1)), column
        done.faults += head.seq
    chance = Random(28)
    for _ in range(EVENTS // 50):
        _one_by_one(database, company_id, head, chance.randrange(2, head.seq), done)


def _one_by_one(
    database: Database, company_id: int, head: events.Head, seq: int, done: Done
) -> None:
    """Deleted, put in, swapped, cut off at the end: the first bad place is named first."""
    at = "(SELECT event_id FROM event_link WHERE seq = :seq)"
    other = "(SELECT event_id FROM event_link WHERE seq = :seq - 1)"
    acts = {
        "deleted": (f"DELETE FROM event WHERE id = {at}",),
        "unlinked": ("DELETE FROM event_link WHERE seq = :seq",),
        "put in": (
            "UPDATE event_link SET seq = -seq - 1 WHERE seq >= :seq",
            "UPDATE event_link SET seq = -seq WHERE seq < 0",
        ),
        "swapped": (
            f"UPDATE event SET body = (SELECT body FROM event WHERE id = {other}) WHERE id = {at}",
        ),
        "cut off": ("DELETE FROM event_link WHERE seq >= :seq",),
    }
    for name, statements in acts.items():
        with _tampering(database) as connection:
            for statement in statements:
                assert connection.execute(text(statement), {"seq": seq}).rowcount, name
            known = [head] if name == "cut off" else []
            found = _breaks(connection, company_id, noted_heads=known)
        places = [one.seq for one in found]
        assert places[:1] == [head.seq if name == "cut off" else seq], (name, seq, found[:2])
        done.faults += 1


def _flipped(column: str) -> str:
    """The text of a column with the lowest bit of its third last character turned over."""
    place = f"length({column}) - 2"
    one = f"substr({column}, {place}, 1)"
    return (
        f"substr({column}, 1, {place} - 1) || char((unicode({one}) | 1) - (unicode({one}) & 1))"
        f" || substr({column}, {place} + 1)"
    )
