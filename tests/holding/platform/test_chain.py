"""The chain of events: whoever changes what is sealed is found, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from holding.db.database import Database
from holding.db.models import Company, EventLink
from holding.platform import events
from holding.platform.events import Fact, record_events
from tests.support.factories import make_company
from tests.support.postings import NOW


def say(database: Database, company_id: int, *sentences: str) -> None:
    facts = [
        Fact(company_id=company_id, at=NOW, act="test.said", body={"say": s}) for s in sentences
    ]
    with database.write() as session:
        record_events(session, facts)


def link(database: Database, *, whole: bool = False) -> int:
    return events.link_due_events(database, now=NOW, all_events=whole)


def breaks(database: Database, company_id: int, **given: Any) -> list[str]:
    with database.read() as session:
        return [found.message for found in events.verify_chain(session, company_id, **given)]


def tamper(database: Database, *statements: str) -> None:
    """Somebody who may do anything in the database."""
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
            for name in ("event_no_change", "event_no_delete", "event_link_no_delete"):
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            assert connection.execute(text(statement)).rowcount >= 1
        connection.commit()


@pytest.fixture
def three(database: Database, company: Company) -> Company:
    say(database, company.id, "one", "two", "three")
    assert link(database) == 3
    return company


def test_every_company_has_its_own_chain_and_an_event_one_place(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        other = make_company(session, "other")
    for _ in range(2):
        say(database, company.id, "ours")
        say(database, other.id, "theirs", "theirs too")
        link(database)
    assert link(database) == link(database, whole=True) == 0
    with database.read() as session:
        assert events.chain_head(session, company.id).seq == 2
        assert events.chain_head(session, other.id).seq == 4
        assert session.query(EventLink).count() == 6
    assert breaks(database, company.id) == breaks(database, other.id) == []


def test_what_is_recent_is_told_by_the_chain_of_the_company_itself(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECENT", 1)
    with database.write() as session:
        other = make_company(session, "other")
    say(database, company.id, "ours")
    link(database)
    say(database, company.id, "left behind")
    say(database, other.id, *(f"theirs {no}" for no in range(5)))
    with database.write() as session:
        assert events.link_events(session, other.id, all_events=False) == 5
    assert link(database) == 1


@pytest.mark.parametrize("batch", [1, 2])
def test_batches_make_the_same_chain(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(events, "BATCH", batch)
    say(database, company.id, "one", "two", "three")
    assert link(database) == 3
    assert breaks(database, company.id) == []


@pytest.mark.parametrize(
    ("done", "told"),
    [
        ("UPDATE event SET body = replace(body, 'two', '2.5')", "Event {1} (test.said) at place 2"),
        ("UPDATE event SET actor = 'Lim' WHERE id = {0}", "Event {0} (test.said) at place 1"),
        ("UPDATE event SET at = '2026-01-01 00:00:00Z' WHERE id = {2}", "Event {2} (test.said)"),
        ("DELETE FROM event WHERE id = {1}", "Event {1} at place 2 is gone."),
        ("DELETE FROM event_link WHERE seq = 2", "Place 2 of the chain is missing."),
    ],
)
def test_what_is_changed_afterwards_is_named(
    database: Database, three: Company, done: str, told: str
) -> None:
    with database.read() as session:
        ids = [row.event_id for row in session.query(EventLink).order_by(EventLink.seq)]
    tamper(database, done.format(*ids))
    assert breaks(database, three.id)[0].startswith(told.format(*ids))


def test_an_end_cut_off_and_linked_anew_is_told_by_a_head_kept_elsewhere(
    database: Database, three: Company
) -> None:
    with database.read() as session:
        known = events.chain_head(session, three.id)
    assert breaks(database, three.id, noted_heads=[known]) == []
    tamper(
        database,
        "DELETE FROM event_link WHERE seq = 3",
        "DELETE FROM event WHERE body LIKE '%three%'",
    )
    say(database, three.id, "another third")
    link(database)
    assert breaks(database, three.id) == []
    (told,) = breaks(database, three.id, noted_heads=[known])
    assert told.startswith("Place 3 of the chain is not what was noted")


def test_an_event_that_waits_too_long_for_its_place_is_told(
    database: Database, three: Company
) -> None:
    say(database, three.id, "late")
    assert breaks(database, three.id, now=NOW + timedelta(seconds=60)) == []
    (told,) = breaks(database, three.id, now=NOW + timedelta(seconds=61))
    assert told.endswith("has no place in the chain yet.")


def test_what_committed_long_after_its_turn_is_found_by_a_look_at_all(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECENT", 1)
    say(database, company.id, *"abcdef")
    link(database)
    with database.read() as session:
        first = session.query(EventLink).order_by(EventLink.seq).first()
    assert first
    tamper(database, f"DELETE FROM event_link WHERE event_id = {first.event_id}")
    assert link(database) == 0
    assert link(database, whole=True) == 1


def test_a_chain_is_walked_in_stretches_whatever_is_gone_between(
    database: Database, company: Company
) -> None:
    say(database, company.id, *"abcdefgh")
    link(database)
    with database.read() as session:
        heads = [events.head_at(session, company.id, seq) for seq in range(9)]
    assert heads[0] == events.Head(0, events.START)
    tamper(database, "DELETE FROM event_link WHERE seq BETWEEN 3 AND 6")
    noted = [heads[2], events.Head(4, "4" * 64), heads[8], events.Head(9, "9" * 64)]

    def walked(start: events.Head, most: int | None) -> tuple[int, list[int | None], bool]:
        with database.read() as session:
            found = events.walk_chain(session, company.id, start, most=most, noted_heads=noted)
        return found.head.seq, [one.seq for one in found.breaks], found.more

    assert walked(heads[0], 2) == (2, [], True)
    assert walked(heads[2], 1) == (7, [3, 4, 5, 6, 7, 4], True)
    assert walked(heads[7], 1) == (8, [9], False)
    assert walked(heads[8], 5) == (8, [9], False)
    assert walked(heads[0], None) == (8, [3, 4, 5, 6, 7, 4], False)
