"""A source that can be asked: its cursor is kept, nothing is left out, nothing comes twice.

Not here: what a change of its settings does (test_pull_settings.py).
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from connectors.contract.pulls import NoPage
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Company, Delivery, Pull, Record, Version
from holding.db.refusal import Refusal
from holding.intake import pulls
from holding.intake.pulls import PullCount
from holding.intake.receive import receive
from holding.rulesets.new_connections import change_settings
from tests.holding.intake.pulling import MINUTES, SECOND, Read, row, told, versions
from tests.holding.intake.shelf import Shelf
from tests.support.clock import SetClock
from tests.support.factories import connection_named


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


def test_what_changes_within_the_second_in_which_it_began_comes_too(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """Shops say of a change in which second it was, not at which moment of it."""
    whole = clock.now()
    with database.write() as session:
        session.execute(update(Pull).values(start_at=whole + timedelta(seconds=0.7)))
    clock.advance(0.8)
    shelf.changes = [(whole - SECOND, "old", "1.00"), (whole, "N1", "1.00")]
    assert read() == PullCount(1, 1)
    assert versions(database) == [("N1", 1)]


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


def test_what_becomes_again_as_it_was_is_a_version_too(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """A payout tells no moment of its change: it may be paid, fail, and be paid."""
    began, shelf.stamped = clock.now(), False
    for total in ("1.00", "2.00", "1.00", "2.00"):
        shelf.changes = [(began, "P1", total)]
        assert read().new == 1
        clock.advance(15 * MINUTES)
    assert versions(database) == [("P1", n) for n in (1, 2, 3, 4)]
    assert read().new == 0
    with database.read() as session:
        bodies = [one.body for one in session.query(Version).order_by(Version.no)]
    assert [(body or {})["total"] for body in bodies] == ["1.00", "2.00", "1.00", "2.00"]


def test_it_is_not_asked_before_its_time_nor_while_it_is_paused(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    read()
    clock.advance(14 * MINUTES)
    assert read().pages == 0
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        connections.pause(session, SYSTEM, key, "stocktaking", now=clock.now())
        refused = pulls.request_pull(session, SYSTEM, key, "pull", clock.now())
        assert isinstance(refused, Refusal)
        assert pulls.due_companies(session, clock.now() + 2 * MINUTES) == []
    clock.advance(2 * MINUTES)
    assert read().pages == 0
    with database.write() as session:
        connections.resume(session, SYSTEM, key, now=clock.now())
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
    clock.advance(timedelta(days=40))
    read()
    month = clock.now() - timedelta(days=31)  # the compared days, and one more
    assert shelf.begin(began) not in shelf.asked[4:]
    assert min(shelf.asked[4:]) >= shelf.begin(month - MINUTES)


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


def test_it_goes_on_asking_each_hour_however_long_there_is_no_answer(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    read()
    for tries in (6, 41, 2_000):
        shelf.answer = NoPage(words="The shop did not answer.")
        with database.write() as session:
            session.execute(
                update(Pull).where(Pull.kind == "pull").values(due_at=clock.now(), tries=tries)
            )
        read()
        due = row(database).due_at
        assert due is not None
        assert round((due - clock.now()) / MINUTES) == 60


def test_a_source_that_wants_to_be_left_alone_is(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    shelf.answer = NoPage(words="Too many calls.", pause=300)
    read()
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        pulls.request_pull(session, SYSTEM, key, "sweep", clock.now())
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


@pytest.mark.parametrize("first", ["1.00", "2.00"])
def test_of_two_contents_of_one_moment_the_one_that_is_shown_counts(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company, first: str
) -> None:
    """Shops tell seconds: a paid order may have the moment in which it was made, and webhooks of
    both come in either order. What the shop shows is what it is.
    """
    read()
    at = clock.now() + MINUTES
    for total in (first, {"1.00": "2.00", "2.00": "1.00"}[first]):
        shelf.changes = [(at, "N1", total)]
        hook = shelf.page(shelf.begin(at), {}, "", ZoneInfo("UTC"), Http(clock))
        assert not isinstance(hook, NoPage)
        with database.write() as session:
            receive(
                session,
                company_id=company.id,
                source_id=connection_named(session, company, "shelf").id,
                delivery_key=total,
                kind="webhook",
                headers={},
                raw=total.encode(),
                records=hook.found[0].records,
                now=clock.now(),
            )
    shelf.changes = [(at, "N1", "2.00")]
    for new in (int(first == "2.00"), 0, 0):
        clock.advance(15 * MINUTES)
        assert read().new == new
    with database.read() as session:
        record = session.query(Record).one()
        assert record.version_id is not None
        assert session.get_one(Version, record.version_id).body["total"] == "2.00"  # type: ignore[index]
    shelf.changes = [(at + timedelta(seconds=1), "N1", "3.00")]
    clock.advance(15 * MINUTES)
    assert read().new == 1


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


def test_what_cannot_be_read_beside_is_told_once_and_stops_nothing(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """A shop whose payouts fail for a day: its orders come as always."""
    shelf.wrong = NoPage(words="Its payouts could not be read.", hint="Is the key still good?")
    for number in range(4):
        shelf.changes += [(clock.now(), f"N{number}-{n}", "1.00") for n in range(3)]
        assert read().new == 3
        found = row(database)
        assert found.wrong == "Its payouts could not be read. Is the key still good?"
        assert found.due_at is not None
        assert 14 * MINUTES < found.due_at - clock.now() <= 15 * MINUTES
        clock.advance(15 * MINUTES)
    assert found.wrong_since is not None
    assert found.wrong_since < clock.now() - 59 * MINUTES
    assert told(database, "pull.failed") == [
        "shelf could not be read. Its payouts could not be read. Is the key still good?"
    ]
    assert told(database, "pull.answers") == []
    shelf.wrong = None
    read()
    assert told(database, "pull.answers") == ["shelf can be read again."]
    assert (row(database).wrong, row(database).wrong_since) == (None, None)


def test_what_is_read_beside_and_wants_to_be_left_alone_is(
    shelf: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    shelf.wrong = NoPage(words="Too many calls.", pause=300)
    read()
    with database.write() as session:
        key = connection_named(session, company, "shelf").id
        pulls.request_pull(session, SYSTEM, key, "sweep", clock.now())
    read()
    assert len(shelf.asked) == 1
    clock.advance(301 * SECOND)
    read()
    assert len(shelf.asked) == 2
