"""The trace says whether the nightly sweep compared a record, when, and what it found."""

from datetime import timedelta

import pytest

from holding.db.database import Database
from holding.db.models import Connection, Pull, Record
from holding.intake.sweeps import describe_comparison
from tests.holding.intake.pulling import MINUTES, SETTINGS, Read, row
from tests.holding.intake.shelf import Shelf
from tests.support.clock import SetClock


def said(database: Database, number: str) -> str:
    with database.read() as session:
        record = session.query(Record).filter_by(number=number).one()
        return describe_comparison(session, record.id)


def sweep(database: Database, clock: SetClock, read: Read) -> None:
    due = row(database, "sweep").due_at
    assert due is not None
    clock.set(due)
    read()


def test_each_result_is_told(shelf: Shelf, read: Read, database: Database, clock: SetClock) -> None:
    read()
    shelf.changes = [(clock.now() + n * MINUTES, f"N{n}", "1.00") for n in range(2)]
    clock.advance(timedelta(hours=1))
    read()
    assert (
        said(database, "N0") == "Not compared with shelf yet: the next nightly sweep compares it."
    )
    sweep(database, clock, read)
    assert said(database, "N0").endswith(
        "compared it with shelf on 2026-11-21 02:30: the same there."
    )
    shelf.changes = [(shelf.changes[1][0], "N1", "2.00")]
    sweep(database, clock, read)
    assert said(database, "N0").endswith("on 2026-11-22 02:30: shelf no longer shows it.")
    assert said(database, "N1").endswith("on 2026-11-22 02:30: the same there.")  # read by day


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compare_days": "0"}, "its settings switch the comparison off."),
        ({"record_kinds": "delivery"}, "it does not list all records of this kind."),
        ({"base_url": ""}, "it only sends, and cannot be read."),
    ],
)
def test_why_it_was_not_compared(
    shelf: Shelf,
    read: Read,
    database: Database,
    clock: SetClock,
    changes: dict[str, str],
    words: str,
) -> None:
    read()
    shelf.changes = [(clock.now(), "N0", "1.00")]
    clock.advance(timedelta(hours=1))
    read()
    with database.write() as session:
        session.query(Connection).filter_by(name="shelf").one().settings = {**SETTINGS, **changes}
    assert said(database, "N0").endswith(words)


def test_a_record_that_changed_before_the_window_is_not_compared(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    read()
    shelf.changes = [(clock.now(), "N0", "1.00")]
    clock.advance(timedelta(hours=1))
    read()
    shelf.changes.clear()
    with database.write() as session:
        source = session.query(Connection).filter_by(name="shelf").one()
        source.settings = {**SETTINGS, "compare_days": "1"}
        session.query(Pull).filter_by(kind="sweep").one().due_at = clock.now() + timedelta(days=3)
    sweep(database, clock, read)
    assert said(database, "N0").endswith("its last change lies more than 1 day back.")
