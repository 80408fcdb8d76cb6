"""The nightly sweep compares what arrived with what the source still lists."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.contract import IncomingRecord
from connectors.contract.pulls import NoPage
from holding.db.database import Database
from holding.db.models import Company, Connection, Record, Version
from holding.intake import sweeps
from holding.intake.receive import receive
from tests.holding.intake.pulling import MINUTES, SETTINGS, Read, row, told
from tests.holding.intake.shelf import Shelf, pulled
from tests.support.clock import SetClock
from tests.support.factories import connection_named


def sweep(database: Database, clock: SetClock, read: Read) -> None:
    due = row(database, "sweep").due_at
    assert due is not None
    clock.set(due)
    read()


def faults(database: Database, number: str) -> list[tuple[int, list[str]]]:
    """Return number and fault codes of each version of a record."""
    with database.read() as session:
        query = session.query(Version).join(Record, Record.id == Version.record_id)
        rows = query.filter(Record.number == number).order_by(Version.no).all()
        bodies: list[tuple[int, dict[str, Any]]] = [(one.no, one.body or {}) for one in rows]
    return [(no, [f["code"] for f in body.get("intake_faults", [])]) for no, body in bodies]


def compared(database: Database) -> dict[str, str | None]:
    with database.read() as session:
        return {one.number: one.compared for one in session.query(Record)}


def arrive(
    database: Database,
    company: Company,
    kind: str,
    records: Sequence[IncomingRecord],
    now: datetime,
) -> None:
    """Store records as a delivery of this kind."""
    with database.write() as session:
        receive(
            session,
            company_id=company.id,
            source_id=connection_named(session, company, "shelf").id,
            delivery_key=f"{kind}-{now}",
            kind=kind,
            headers={},
            raw=repr(records).encode(),
            records=records,
            now=now,
        )


def set_days(database: Database, days: str) -> None:
    with database.write() as session:
        source = session.query(Connection).filter_by(name="shelf").one()
        source.settings = {**SETTINGS, "compare_days": days}


@pytest.fixture
def three(shelf: Shelf, read: Read, database: Database, clock: SetClock) -> Shelf:
    """Return a shelf of three orders that arrived and were swept once."""
    read()
    began = clock.now()
    shelf.changes = [(began + n * MINUTES, f"N{at}", "1.00") for at, n in enumerate((0, 1, 30))]
    clock.advance(timedelta(hours=1))
    read()
    sweep(database, clock, read)
    assert compared(database) == {"N0": "same", "N1": "same", "N2": "same"}
    return shelf


def test_a_record_that_is_gone_is_held_once(
    three: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    del three.changes[1]
    for _ in range(3):
        sweep(database, clock, read)
    assert faults(database, "N1") == [(1, []), (2, ["SRC01"])]
    assert faults(database, "N0") == [(1, [])]
    assert compared(database) == {"N0": "same", "N1": "missing", "N2": "same"}
    assert told(database, "pull.missing") == [
        "The nightly sweep found that shelf no longer shows 1 record: order N1."
    ]
    assert told(database, "record.missing") == ["shelf no longer shows order N1."]


def test_what_is_there_again_ends_the_hold(
    three: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    gone = three.changes.pop(1)
    sweep(database, clock, read)
    three.changes.insert(1, gone)
    sweep(database, clock, read)
    assert faults(database, "N1") == [(1, []), (2, ["SRC01"]), (3, [])]
    assert compared(database)["N1"] == "changed"
    three.changes.remove(gone)
    sweep(database, clock, read)
    three.changes.append((gone[0], "N1", "8.00"))
    sweep(database, clock, read)
    assert faults(database, "N1")[3:] == [(4, ["SRC01"]), (5, [])]
    with database.read() as session:
        record = session.query(Record).filter_by(number="N1").one()
        assert (session.get_one(Version, record.version_id).body or {})["total"] == "8.00"


def test_a_change_without_another_moment_is_a_version(
    three: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """No reading lists it any more: its moment lies far behind their cursor."""
    three.changes[1] = (three.changes[1][0], "N1", "7.00")
    for _ in range(9):  # further back than the days that the sweep reads in any case
        clock.advance(timedelta(days=1))
    read()
    with database.read() as session:
        newest = session.query(Version).order_by(Version.id.desc()).first()
        assert newest is not None
        assert (newest.no, (newest.body or {})["total"]) == (2, "7.00")
    sweep(database, clock, read)
    assert faults(database, "N1") == [(1, []), (2, [])]
    assert compared(database)["N1"] == "same"


def test_what_lies_outside_of_the_window_is_not_compared(
    three: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    set_days(database, "3")
    del three.changes[1]
    clock.advance(timedelta(days=5))
    read()
    assert faults(database, "N1") == [(1, [])]
    assert told(database, "pull.missing") == []


def test_zero_days_compare_nothing(
    three: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    set_days(database, "0")
    del three.changes[1]
    sweep(database, clock, read)
    assert faults(database, "N1") == [(1, [])]


def test_an_error_in_the_middle_changes_nothing(
    three: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """The sweep goes on where it was; until its end nothing is known to be gone."""
    del three.changes[0]
    first = three.changes[0][0]
    three.changes += [(first + n * MINUTES, f"M{n}", "1.00") for n in range(3)]

    def fail_second_page() -> None:
        if three.asked[-1].endswith(", 2]"):
            three.answer, three.meanwhile = NoPage(words="503"), lambda: None

    three.meanwhile = fail_second_page
    due = row(database, "sweep").due_at
    assert due is not None
    clock.set(due)
    read()
    assert row(database, "sweep").wrong == "503"
    assert faults(database, "N0") == [(1, [])]
    clock.advance(5 * MINUTES)
    read()
    assert row(database, "sweep").wrong is None
    assert faults(database, "N0") == [(1, []), (2, ["SRC01"])]


def test_a_shop_that_shows_nothing_any_more_holds_nothing(
    three: Shelf, read: Read, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be another shop, or a key that shows less."""
    monkeypatch.setattr(sweeps, "FEW", 2)
    three.changes.clear()
    sweep(database, clock, read)
    assert [faults(database, f"N{n}") for n in range(3)] == [[(1, [])]] * 3
    (words,) = told(database, "pull.doubtful")
    assert "does not list 3 records" in words
    assert "another shop" in (row(database, "sweep").wrong or "")
    sweep(database, clock, read)
    assert told(database, "pull.doubtful") == [words], "it is logged when it begins"
    assert "another shop" in (row(database, "sweep").wrong or "")


def test_what_arrived_while_the_sweep_ran_is_left_to_the_next(
    three: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    """A record that moves in the list while it is read may be on none of its pages."""
    del three.changes[1]

    def change() -> None:
        three.meanwhile = lambda: None
        clock.advance(1)
        records = pulled(clock.now(), "N1", "2.00", stamped=True).records
        arrive(database, company, "webhook", records, clock.now())

    three.meanwhile = change
    sweep(database, clock, read)
    assert faults(database, "N1") == [(1, []), (2, [])]
    assert compared(database)["N1"] == "same"


def test_a_record_that_is_named_and_not_shown_is_held_with_what_is_known_of_it(
    three: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """Of a stored record its content stays; an unknown one is stored without any."""
    three.not_shown = ["N1", "N9"]
    for _ in range(2):
        clock.advance(15 * MINUTES)
        read()
    assert faults(database, "N1") == [(1, []), (2, ["SRC01"])]
    assert faults(database, "N9") == [(1, ["SRC01"])]
    assert told(database, "pull.unreadable") == []
    with database.read() as session:
        record = session.query(Record).filter_by(number="N1").one()
        body = session.get_one(Version, record.version_id).body or {}
        assert (body["total"], body["status"]) == ("1.00", "paid")
    three.not_shown = []
    three.changes.append((clock.now(), "N9", "3.00"))
    clock.advance(15 * MINUTES)
    read()
    assert faults(database, "N9") == [(1, ["SRC01"]), (2, [])]


def test_what_came_by_file_alone_is_not_compared(
    three: Shelf, read: Read, database: Database, clock: SetClock, company: Company
) -> None:
    """The shop may never have listed it; what it has listed once is compared like any other."""
    now = clock.now()
    both = [pulled(now, number, "1.00", stamped=True).records[0] for number in ("F1", "F2")]
    arrive(database, company, "file", both, now)
    three.changes.append((now, "F2", "1.00"))
    for _ in range(2):
        sweep(database, clock, read)
    assert compared(database)["F2"] == "same"
    del three.changes[-1]
    sweep(database, clock, read)
    assert faults(database, "F1") == [(1, [])]
    assert faults(database, "F2") == [(1, []), (2, ["SRC01"])]
    with database.read() as session:
        record = session.query(Record).filter_by(number="F1").one()
        words = sweeps.describe_comparison(session, record.id)
    assert words == "Not compared with shelf: it came by file, and no sweep has listed it."


@pytest.mark.parametrize(("days", "is_held"), [(70, False), (None, False), (40, True)])
def test_an_order_older_than_the_source_lists_is_not_compared(
    three: Shelf,
    read: Read,
    database: Database,
    clock: SetClock,
    company: Company,
    days: int | None,
    is_held: bool,
) -> None:
    """Its change is new, but a shop may show no order of its age.

    The rules may move the day of the record; the day of the order stays.
    """
    three.lists_back = timedelta(days=59)
    now = clock.now()
    (order,) = pulled(now, "O1", "1.00", stamped=True).records
    ordered = {} if days is None else {"ordered_on": f"{now.date() - timedelta(days=days)}"}
    order = replace(order, body={**order.body, **ordered})
    arrive(database, company, "webhook", [order], now)
    with database.write() as session:
        record = session.query(Record).filter_by(number="O1").one()
        record.doc_date = now.date() - (timedelta(days=70) if is_held else timedelta(0))
    sweep(database, clock, read)
    codes = [(1, []), (2, ["SRC01"])] if is_held else [(1, [])]
    assert faults(database, "O1") == codes
    if not is_held:
        with database.read() as session:
            record = session.query(Record).filter_by(number="O1").one()
            words = sweeps.describe_comparison(session, record.id)
        assert words == "Not compared with shelf: it may list records of the last 60 days alone."


def test_each_kind_is_in_doubt_by_itself(
    three: Shelf,
    read: Read,
    database: Database,
    clock: SetClock,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many listed orders do not vouch for a kind of which nothing is listed."""
    monkeypatch.setattr(Shelf, "listed_kinds", lambda *_: ("order", "refund"))
    now = clock.now()
    refunds = [
        replace(pulled(now, f"R{n}", "1.00", stamped=True).records[0], kind="refund")
        for n in range(2)
    ]
    arrive(database, company, "webhook", refunds, now)
    del three.changes[1]
    sweep(database, clock, read)
    assert [faults(database, number) for number in ("R0", "R1", "N1")] == [[(1, [])]] * 3
    (words,) = told(database, "pull.doubtful")
    assert "2 records of the kind refund" in words


@pytest.mark.parametrize("missing", [2, 3])
def test_more_than_a_tenth_of_a_kind_is_in_doubt(
    three: Shelf,
    read: Read,
    database: Database,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
    missing: int,
) -> None:
    monkeypatch.setattr(sweeps, "FEW", 1)
    three.changes += [(clock.now(), f"M{n:02}", "1.00") for n in range(20)]
    sweep(database, clock, read)
    del three.changes[-missing:]
    sweep(database, clock, read)
    is_held = missing == 2
    codes = [(1, []), (2, ["SRC01"])] if is_held else [(1, [])]
    assert faults(database, "M19") == codes
    assert bool(told(database, "pull.doubtful")) is not is_held


def test_what_is_held_already_makes_no_doubt(
    three: Shelf, read: Read, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "FEW", 1)
    for number in ("N2", "N1", "N0"):
        three.changes.pop()
        sweep(database, clock, read)
        assert faults(database, number) == [(1, []), (2, ["SRC01"])]
    assert told(database, "pull.doubtful") == []


def test_bodies_are_loaded_in_chunks_and_none_in_doubt(
    three: Shelf, read: Read, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bodies of a whole shop do not fit into one transaction."""
    sizes: list[int] = []
    load = sweeps._read_missing

    def counted(*args: Any) -> Any:
        rows = load(*args)
        sizes.append(len(rows))
        return rows

    monkeypatch.setattr(sweeps, "_read_missing", counted)
    monkeypatch.setattr(sweeps, "CHUNK", 2)
    monkeypatch.setattr(sweeps, "FEW", 2)
    three.changes.clear()
    sweep(database, clock, read)
    assert sizes == []
    monkeypatch.setattr(sweeps, "FEW", 3)
    three.changes = [(clock.now(), "L0", "1.00")]
    sweep(database, clock, read)
    assert sizes == [2, 1]
    assert [len(faults(database, f"N{n}")) for n in range(3)] == [2, 2, 2]


def test_a_worker_whose_clock_is_behind_marks_what_it_lists(
    three: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    """The sweep began by the clock of another worker."""

    def turn_back() -> None:
        if not three.asked[-1].endswith(", 0]"):
            three.meanwhile = lambda: None
            clock.advance(-MINUTES)

    three.meanwhile = turn_back
    began = row(database, "sweep").due_at
    sweep(database, clock, read)
    assert began is not None
    assert clock.now() < began
    assert compared(database) == {"N0": "same", "N1": "same", "N2": "same"}
    assert [faults(database, f"N{n}") for n in range(3)] == [[(1, [])]] * 3


def test_a_doubt_stays_until_a_sweep_ends_without_one(
    three: Shelf, read: Read, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "FEW", 1)
    gone, three.changes = three.changes, []
    sweep(database, clock, read)
    since = row(database, "sweep").wrong_since
    three.changes = [(clock.now(), f"L{n}", "1.00") for n in range(3)]
    sweep(database, clock, read)  # two pages: the first alone does not end the doubt
    assert row(database, "sweep").wrong is not None
    assert row(database, "sweep").wrong_since == since
    assert told(database, "pull.answers") == []
    three.changes += gone
    sweep(database, clock, read)
    assert row(database, "sweep").wrong is None
    assert told(database, "pull.answers") == ["shelf can be read again."]
