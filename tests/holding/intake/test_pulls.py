"""A source that can be asked: its cursor is kept, nothing is left out, nothing comes twice."""

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors import registry
from connectors.contract.pulls import NoPage
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.configuration.settings_change import change_settings
from holding.connections import setup
from holding.intake import pull_turns
from holding.intake.pulls import PullCount, arrange, pull_due
from holding.intake.versions import receive
from holding.refusal import Refusal
from holding.store.database import Database
from holding.tables import Company, Connection, Delivery, Event, Pull, Version
from tests.holding.desks import KEYS
from tests.holding.intake.shelf import Shelf
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_connection

SETTINGS = {"base_url": "https://shop.example", "pull_minutes": "15", "sweep_at": "02:30"}
Read = Callable[[], PullCount]
MINUTES, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture
def shelf(
    monkeypatch: pytest.MonkeyPatch, database: Database, company: Company, clock: SetClock
) -> Shelf:
    made = Shelf()
    monkeypatch.setattr(registry, "_SOURCES", (made,))
    with database.write() as session:
        row = make_connection(session, company, "shelf", side="source", settings=SETTINGS)
        told = setup.set_key(
            session, SYSTEM, row.id, "key-of-the-shelf", now=clock.now(), keys=KEYS
        )
        assert not isinstance(told, Refusal)
    return made


@pytest.fixture
def read(database: Database, company: Company, clock: SetClock) -> Read:
    """What a worker does at this moment: begin what is new, then read until nothing is due."""

    def reading() -> PullCount:
        with database.write() as session:
            arrange(session, clock.now())
        pages = new = 0
        more = True
        while more:
            done = pull_due(
                database,
                clock,
                company_id=company.id,
                owner="worker-1",
                http=Http(clock),
                keys=KEYS,
                lease_seconds=60,
            )
            pages, new, more = pages + done.pages, new + done.new, done.more
            clock.advance(0.001)
        return PullCount(pages, new)

    return reading


def row(database: Database, kind: str = "pull") -> Pull:
    with database.read() as session:
        return session.query(Pull).filter_by(kind=kind).one()


def told(database: Database, act: str) -> list[str]:
    with database.read() as session:
        rows = session.query(Event).filter_by(act=act).order_by(Event.id)
        return [(one.body or {})["say"] for one in rows]


def versions(database: Database) -> list[tuple[str, int]]:
    with database.read() as session:
        rows = session.query(Version).order_by(Version.id)
        return [((one.body or {})["number"], one.no) for one in rows]


def test_only_what_changes_after_it_began_comes_page_by_page(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    shelf.changes = [(clock.now() - MINUTES, "old", "1.00")]
    assert read() == PullCount(1, 0)
    shelf.changes += [(clock.now() + n * MINUTES, f"N{n}", "1.00") for n in range(5)]
    clock.advance(15 * MINUTES)
    assert read() == PullCount(3, 5)
    assert versions(database) == [(f"N{n}", 1) for n in range(5)]
    assert shelf.keys == {"key-of-the-shelf"}
    assert told(database, "pull.records") == [
        "Reading shelf brought 2 records: order N0, order N1.",
        "Reading shelf brought 2 records: order N2, order N3.",
        "Reading shelf brought 1 record: order N4.",
    ]
    found = row(database)
    assert (found.done_found, found.found, found.wrong) == (5, 0, None)
    assert found.due_at is not None
    assert 14 * MINUTES < found.due_at - clock.now() <= 15 * MINUTES


def test_what_is_read_again_makes_nothing(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    shelf.changes = [(clock.now() + n * MINUTES, f"N{n}", "1.00") for n in range(3)]
    assert read().new == 3
    with database.read() as session:
        before = session.query(Delivery).count()
    for _ in range(2):
        clock.advance(15 * MINUTES)
        assert read().new == 0
    shelf.changes.append((clock.now(), "N1", "2.00"))
    clock.advance(15 * MINUTES)
    assert read().new == 1
    assert versions(database)[-1] == ("N1", 2)
    with database.read() as session:
        assert session.query(Delivery).count() == before + 1


def test_it_is_not_asked_before_its_time_nor_while_it_is_paused(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    read()
    clock.advance(14 * MINUTES)
    assert read().pages == 0
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        setup.pause(session, SYSTEM, key, "stocktaking", now=clock.now())
        refused = pull_turns.ask(session, SYSTEM, key, "pull", clock.now())
        assert isinstance(refused, Refusal)
        assert pull_turns.due_companies(session, clock.now() + 2 * MINUTES) == []
    clock.advance(2 * MINUTES)
    assert read().pages == 0
    with database.write() as session:
        setup.resume(session, SYSTEM, key, now=clock.now())
    assert read().pages == 1
    assert len(shelf.asked) == 2


def test_the_sweep_finds_what_came_in_behind_the_cursor(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """Stored late in the shop, with an older moment than what was read already."""
    began = clock.now()
    shelf.changes = [(began + n * MINUTES, f"N{n}", "1.00") for n in range(13)]
    read()
    shelf.changes.append((began + 90 * SECOND, "late", "1.00"))
    clock.advance(15 * MINUTES)
    assert read().new == 0
    sweep = row(database, "sweep")
    assert sweep.due_at is not None
    assert sweep.due_at.isoformat() == "2026-11-20T18:30:00+00:00"  # 02:30 in Kuala Lumpur
    clock.set(sweep.due_at)
    assert read().new == 1
    assert told(database, "webhook.missed") == [
        "The nightly sweep of shelf found 1 record that had not arrived: order late."
    ]
    after = row(database, "sweep")
    assert (after.cursor, after.done_found) == (None, 1)
    assert after.due_at == sweep.due_at + timedelta(days=1)


def test_a_sweep_never_goes_back_before_the_asking_began(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """What is older may stand in the books already: nobody asked for it."""
    began = clock.now()
    shelf.changes = [(began - MINUTES, "old", "1.00")]
    read()
    due = row(database, "sweep").due_at
    assert due is not None
    clock.set(due)
    assert read().new == 0
    assert shelf.asked == [shelf.begin(began)] * 3  # the night is another turn of the minutes, too
    clock.advance(timedelta(days=20))
    read()
    week = clock.now() - timedelta(days=7)
    assert shelf.begin(began) not in shelf.asked[4:]
    assert min(shelf.asked[4:]) >= shelf.begin(week - MINUTES)


def test_days_before_are_read_when_somebody_asks_for_them(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    shelf.changes = [(clock.now() - timedelta(days=3), "old", "1.00")]
    assert read().new == 0
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        given = {"pull_from": "2026-11-15", "sweep_at": "04:00"}
        assert change_settings(session, SYSTEM, key, given, now=clock.now()) == tuple(given)
    assert read().new == 1
    assert str(row(database, "sweep").due_at) == "2026-11-20 20:00:00+00:00"


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
        setup.set_key(session, SYSTEM, key, "another-key", now=clock.now(), keys=KEYS)
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
        assert pull_turns.ask(session, SYSTEM, row_.id, "pull", clock.now()) is None
    read()
    with database.read() as session:
        assert session.query(Pull).count() == 0
    assert len(shelf.asked) == 1
    with database.write() as session:
        refused = pull_turns.ask(session, SYSTEM, row_.id, "pull", clock.now())
    assert isinstance(refused, Refusal)
    assert refused.message == "shelf is not read: it has no address and key for that yet."


def test_without_an_answer_it_is_asked_ever_later_and_told_once(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    waits = []
    for _ in range(4):
        shelf.answer = NoPage(words="The shop did not answer.", hint="Is it there?")
        read()
        due = row(database).due_at
        assert due is not None
        waits.append(round((due - clock.now()) / MINUTES))
        clock.set(due)
    assert waits == [1, 2, 4, 8]
    assert told(database, "pull.failed") == [
        "shelf could not be read. The shop did not answer. Is it there?"
    ]
    assert row(database).wrong == "The shop did not answer. Is it there?"
    read()
    assert told(database, "pull.answers") == ["shelf can be read again."]
    assert (row(database).wrong, row(database).tries) == (None, 0)


def test_a_source_that_wants_to_be_left_alone_is(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    shelf.answer = NoPage(words="Too many calls.", pause=300)
    read()
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        pull_turns.ask(session, SYSTEM, key, "sweep", clock.now())
    assert len(shelf.asked) == 1
    read()
    assert len(shelf.asked) == 1  # the other reading waits, too
    clock.advance(5 * MINUTES + SECOND)
    assert read().pages == 2
    assert len(shelf.asked) == 3


def test_no_minute_has_more_calls_than_allowed(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    shelf.calls_a_minute = 10
    shelf.changes = [(clock.now() + n * SECOND, f"N{n}", "1.00") for n in range(20)]
    began = clock.now()
    while len(versions(database)) < 20:
        read()
        clock.advance(5)
        assert clock.now() - began < 2 * MINUTES
    assert clock.now() - began > MINUTES  # ten pages, eight a minute


def test_a_worker_that_dies_before_it_stored_leaves_the_page_to_the_next(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    shelf.changes = [(clock.now() + n * MINUTES, f"N{n}", "1.00") for n in range(5)]

    def dies() -> None:
        if len(shelf.asked) == 2:
            raise KeyboardInterrupt

    shelf.meanwhile = dies
    with pytest.raises(KeyboardInterrupt):
        read()
    assert len(versions(database)) == 2
    assert read().pages == 0  # its lease
    clock.advance(61)
    assert read().new == 3
    assert shelf.asked[1] == shelf.asked[2]
    assert versions(database) == [(f"N{n}", 1) for n in range(5)]


def test_a_page_whose_turn_was_lost_stores_nothing(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    shelf.changes = [(clock.now() + MINUTES, "N1", "1.00")]

    def taken() -> None:
        with database.write() as session:
            session.query(Pull).filter_by(kind="pull").update({"lease_owner": "worker-2"})
        shelf.meanwhile = lambda: None

    shelf.meanwhile = taken
    read()
    assert versions(database) == []
    clock.advance(61)
    assert read().new == 1


def test_what_a_webhook_brought_meanwhile_is_not_new(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    read()
    at = clock.now() + MINUTES
    shelf.changes = [(at, "N1", "1.00"), (at, "N2", "1.00")]
    hook = shelf.page(shelf.begin(at), {}, "", ZoneInfo("UTC"), Http(clock))
    assert not isinstance(hook, NoPage)
    with database.write() as session:
        receive(
            session,
            company_id=company.id,
            source_id=connection_named(session, company, "shelf").id,
            delivery_key="k",
            kind="webhook",
            headers={},
            raw=b"x",
            records=hook.found[0].records,
            now=clock.now(),
        )
    clock.advance(15 * MINUTES)
    assert read().new == 1
    with database.read() as session:
        bodies = [one.body for one in session.query(Delivery).filter_by(kind="pull")]
    assert bodies == [b"[" + hook.found[1].raw + b"]"]


def test_what_cannot_be_read_is_kept_and_told_once_and_stops_nothing(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    at = clock.now() + MINUTES
    shelf.changes = [(at, "bad", "x"), (at, "good", "1.00")]
    assert read().new == 1
    clock.advance(15 * MINUTES)
    read()
    assert told(database, "pull.unreadable") == [
        "shelf sent something that cannot be read. order.total (“x”): No number. Correct it."
    ]
    with database.read() as session:
        kept = session.query(Delivery).filter(Delivery.key.startswith("unreadable-")).one()
    assert b'"bad"' in (kept.body or b"")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"pull_minutes": "soon"}, "“soon” is none of: 5, 15, 60, 0."),
        ({"sweep_days": "0"}, "“0” is no whole number, 1 or more. Example: 7."),
        ({"sweep_at": "24:00"}, "“24:00” is no time of a day. Example: 02:30."),
        ({"sweep_at": "2"}, "“2” is no time of a day. Example: 02:30."),
        ({"pull_from": "yesterday"}, "“yesterday” is no day. Example: 2026-11-01."),
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
