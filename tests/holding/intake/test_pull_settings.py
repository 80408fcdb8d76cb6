"""Settings of a source that can be asked: what a change does, and what is no setting."""

from datetime import timedelta

import pytest

from holding.access.actors import SYSTEM
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Company, Connection, Pull
from holding.db.refusal import Refusal
from holding.intake import pulls
from holding.intake.pulls import PullCount
from holding.rulesets.new_connections import change_settings
from tests.holding.desks import KEYS
from tests.holding.intake.pulling import MINUTES, SETTINGS, Read, row, told, versions
from tests.holding.intake.shelf import Shelf
from tests.support.clock import SetClock
from tests.support.factories import connection_named


def test_another_address_is_not_shown_the_key(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    read()
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        given = {"base_url": "https://other.example"}
        change_settings(session, SYSTEM, key, given, now=clock.now())
    calls = len(shelf.asked)
    read()
    assert len(shelf.asked) == calls
    [words] = told(database, "pull.failed")
    assert words.startswith("shelf could not be read. shelf has no key yet.")
    with database.write() as session:
        connections.set_key(session, SYSTEM, key, "another-key", now=clock.now(), keys=KEYS)
    read()
    assert len(shelf.asked) == calls + 1
    assert told(database, "pull.answers") == ["shelf can be read again."]


def change(database: Database, company: Company, clock: SetClock, **given: str) -> None:
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        assert change_settings(session, SYSTEM, key, given, now=clock.now()) == tuple(given)


def test_what_changed_while_deliveries_were_off_comes_when_they_are_on_again(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    read()
    shelf.changes = [(clock.now() + MINUTES, "N1", "1.00")]
    change(database, company, clock, deliveries="off")
    assert read().new == 0
    clock.advance(timedelta(days=3))
    assert read().new == 0
    assert len(shelf.asked) == 1
    assert [row(database, kind).due_at for kind in ("pull", "sweep")] == [None, None]
    change(database, company, clock, deliveries="on")
    assert read().new == 1
    assert versions(database) == [("N1", 1)]
    assert row(database, "sweep").due_at is not None


@pytest.mark.parametrize("total", ["1.00", "x"])
def test_a_page_that_was_asked_for_before_a_change_of_settings_is_asked_for_again(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company, total: str
) -> None:
    """What it brought may not be taken any more: the place behind it is no place to go on from."""
    shelf.changes = [(clock.now() + MINUTES, "N1", total)]

    def off() -> None:
        shelf.meanwhile = lambda: None
        change(database, company, clock, deliveries="off")

    shelf.meanwhile = off
    assert read() == PullCount(2, 0)
    assert (len(shelf.asked), row(database).cursor) == (1, None)
    change(database, company, clock, deliveries="on")
    read()
    assert len(versions(database)) + len(told(database, "pull.unreadable")) == 1


def test_kinds_that_are_allowed_while_a_page_is_on_its_way_are_not_left_out_of_it(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    shelf.changes = [(clock.now() + MINUTES, "N1", "1.00")]
    with database.write() as session:  # this source declares no kinds to choose from
        source = connection_named(session, company, "shelf")
        source.settings = {**source.settings, "record_kinds": "delivery"}

    def allowed() -> None:
        shelf.meanwhile = lambda: None
        change(database, company, clock, record_kinds="")

    shelf.meanwhile = allowed
    assert read().new == 1


def test_an_address_that_is_taken_away_ends_the_asking(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    read()
    with database.write() as session:
        row_ = connection_named(session, company, "shelf")
        row_.settings = {}
        assert pulls.request_pull(session, SYSTEM, row_.id, "pull", clock.now()) is None
    read()
    with database.read() as session:
        assert session.query(Pull).count() == 0
    assert len(shelf.asked) == 1
    with database.write() as session:
        refused = pulls.request_pull(session, SYSTEM, row_.id, "pull", clock.now())
    assert isinstance(refused, Refusal)
    assert refused.message == "shelf is not read: it has no address and key for that yet."


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"pull_minutes": "soon"}, "“soon” is none of: 5, 15, 60, 0."),
        ({"sweep_days": "0"}, "“0” is not a whole number, 1 or more. Example: 7."),
        ({"compare_days": "-1"}, "“-1” is not a whole number, 0 or more. Example: 30."),
        ({"sweep_at": "24:00"}, "“24:00” is not a time of a day. Example: 02:30."),
        ({"sweep_at": "2"}, "“2” is not a time of a day. Example: 02:30."),
        ({"pull_from": "yesterday"}, "“yesterday” is not a day. Example: 2026-11-01."),
    ],
)
def test_settings_that_say_nothing_are_refused(
    shelf: Shelf,
    database: Database,
    clock: SetClock,
    company: Company,
    given: dict[str, str],
    words: str,
) -> None:
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        refused = change_settings(session, SYSTEM, key, given, now=clock.now())
    assert isinstance(refused, Refusal)
    assert (refused.message, refused.status) == (words, 422)
    del shelf


def test_without_minutes_only_the_night_asks(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    with database.write() as session:
        row_ = session.query(Connection).filter_by(name="shelf").one()
        row_.settings = {**SETTINGS, "pull_minutes": "0"}
    shelf.changes = [(clock.now() + MINUTES, "N1", "1.00")]
    assert read().pages == 0
    due = row(database, "sweep").due_at
    assert due is not None
    clock.set(due)
    assert read().new == 1
    assert row(database).due_at is None
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        change_settings(session, SYSTEM, key, {"pull_minutes": "5"}, now=clock.now())
    assert read().pages == 1
