"""Daily runs: each day once, at its hour, also after a night that nobody was there."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import (
    Approval,
    Company,
    Event,
    Operation,
    Posting,
    Record,
    Run,
    Schedule,
)
from holding.operations.invariants import check
from holding.platform.settings import Settings
from holding.programs.world import UnreadableRulesError
from holding.runs import schedules
from tests.support.factories import connection_named, make_company, make_person
from tests.support.pills import pill
from tests.support.postings import NOW, ROUTE, invoice, make_ready

HOUR = time(2, 0)
ZONE = "Asia/Kuala_Lumpur"


def night(day: int, hour: int = 2, minute: int = 0) -> datetime:
    """A moment of November 2026 in Kuala Lumpur."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.fixture
def rules(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    """Rules with one daily route and one that goes out at once."""
    daily = SimpleNamespace(name=ROUTE, timing="daily", at=HOUR, source="netshop", after=None)
    other = SimpleNamespace(name="x.y", timing="immediately", at=None, source="netshop", after=None)
    source = SimpleNamespace(name="netshop", zone=ZONE)
    judge = SimpleNamespace(routes=(daily, other), ruleset=SimpleNamespace(sources=(source,)))
    monkeypatch.setattr(schedules, "program", lambda *_: judge)
    with database.write() as session:
        session.get_one(Company, company.id).ruleset_version_id = 1
    return judge


def start(database: Database, moment: datetime) -> int:
    with database.write() as session:
        return schedules.start_due(session, moment)


def ready(database: Database, company: Company, number: str, day: int) -> int:
    """An invoice of this day of November."""
    with database.write() as session:
        document = invoice(number, day=date(2026, 11, day))
        return make_ready(session, company, number, due=None, document=document).id


def days(database: Database) -> dict[int, list[int]]:
    """Day of the month -> the postings of its run."""
    with database.read() as session:
        runs = session.scalars(select(Run).where(Run.kind == "daily").order_by(Run.id)).all()
        found = {run.day.day: (run.filter or {})["postings"] for run in runs if run.day}
        assert len(found) == len(runs)
        return found


def test_rules_that_nobody_can_read_stop_no_other_company(
    database: Database,
    company: Company,
    rules: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def program(_: object, version_id: int) -> SimpleNamespace:
        if version_id == 2:
            raise UnreadableRulesError
        return rules

    monkeypatch.setattr(schedules, "program", program)
    with database.write() as session:
        make_company(session, "gudang").ruleset_version_id = 2
    ready(database, company, "IV-1", 18)
    assert start(database, night(19)) == 1


def test_what_somebody_works_on_or_sends_at_its_own_time_is_in_no_night(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    free, leased, alone = (ready(database, company, f"IV-{n}", 18) for n in range(3))
    with database.write() as session:
        session.get_one(Posting, leased).lease_until = night(19, 2, 5)
        session.get_one(Posting, alone).due_at = night(19, 2, 5)
    assert start(database, night(19)) == 1
    assert days(database) == {18: [free]}


def test_the_whole_of_yesterday_goes_at_the_hour_and_once(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    key = ready(database, company, "IV-1", 18)
    assert start(database, night(19, 1, 59)) == 0
    assert start(database, night(19)) == 1
    assert start(database, night(19, 2, 1)) == 0
    assert days(database) == {18: [key]}
    with database.read() as session:
        [row] = session.scalars(select(Schedule)).all()
        assert (row.route, row.at, row.zone, row.last_day) == (
            ROUTE,
            "02:00",
            ZONE,
            date(2026, 11, 18),
        )
        assert row.next_at == night(20)
        assert session.scalars(select(Event.act)).all() == ["run.started"]


def test_a_missed_night_is_made_up_and_each_document_goes_with_its_day(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    assert start(database, night(19)) == 1
    old, first, second, third = (
        ready(database, company, f"IV-{day}", day) for day in (3, 19, 20, 21)
    )
    early = ready(database, company, "IV-30", 30)
    assert start(database, night(22, 9)) == 3
    assert days(database) == {18: [], 19: [old, first], 20: [second], 21: [third, early]}
    assert start(database, night(22, 9)) == 0
    assert start(database, night(24)) == 2, "the hour itself belongs to the night"


def test_what_is_under_way_is_not_taken_twice(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    key = ready(database, company, "IV-1", 18)
    start(database, night(19))
    start(database, night(20))
    assert days(database) == {18: [key], 19: []}


def test_records_that_became_ready_at_the_hour_are_judged_first(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    key = ready(database, company, "IV-1", 18)
    with database.write() as session:
        session.execute(update(Record).values(due_at=night(19)))
    assert start(database, night(19, 2, 1)) == 0
    with database.write() as session:
        leased = {"due_at": None, "lease_owner": "worker", "lease_until": night(19, 2, 3)}
        session.execute(update(Record).values(leased))
    assert start(database, night(19, 2, 2)) == 0
    with database.write() as session:
        session.execute(update(Record).values(due_at=night(20), lease_until=None))
    assert start(database, night(19, 2, 3)) == 1
    assert days(database) == {18: [key]}


def test_a_night_waits_for_what_can_still_be_taken_back(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    assert rules
    assert start(database, night(20, 1)) == 0
    first, form = ready(database, company, "IV-1", 19), {"operation_id": "form-1"}
    until = night(20) + timedelta(seconds=20)
    with database.write() as session:
        lim = make_person(session, company, "lim@kedai.my", "approver").id
        given = {"person_id": lim, "at": night(20, 1)}
        session.add(Operation(id="form-1", undo_until=until, answer=None, **given))
        of = {"posting_id": first, "hash": session.get_one(Posting, first).hash, "content": {}}
        session.add(Approval(level="x", reason="checked", **of, **form, **given))
    assert start(database, night(20)) == 0
    assert start(database, until) == 1
    assert days(database) == {19: [first]}


def leave_due(database: Database, **columns: object) -> None:
    """Make every record due at the hour, with these columns beside."""
    free = {"due_at": night(19), "lease_owner": None, "lease_until": None, "crashes": 0}
    with database.write() as session:
        session.execute(update(Record).values({**free, **columns}))


def test_a_run_waits_while_records_of_its_hour_are_not_judged(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    """Whether judging takes an hour or the program was off at the hour."""
    leave_due(database)
    key = ready(database, company, "IV-1", 18)
    leave_due(database)
    assert start(database, night(19, 3)) == 0
    assert start(database, night(19, 3, 30)) == 0
    leave_due(database, due_at=night(19, 3, 31))
    assert start(database, night(19, 3, 32)) == 1
    assert days(database) == {18: [key]}


def test_a_late_start_counts_its_wait_for_leased_records_from_the_start(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    """Another worker may have claimed every record before the schedules are read."""
    ready(database, company, "IV-1", 18)
    leave_due(database, due_at=None, lease_owner="worker", lease_until=night(19, 8, 2))
    assert start(database, night(19, 8)) == 0
    assert start(database, night(19, 8, 10)) == 0
    assert start(database, night(19, 8, 11)) == 1, "other records are always leased"


def test_a_night_that_begins_anew_counts_its_wait_anew(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    ready(database, company, "IV-1", 18)
    leave_due(database)
    assert start(database, night(19, 2, 1)) == 0
    leave_due(database, due_at=None)
    assert start(database, night(19, 2, 2)) == 1
    leave_due(database, due_at=None, lease_owner="worker", lease_until=night(20, 8, 2))
    assert start(database, night(20, 8)) == 0


def test_an_invariant_finds_a_ready_document_that_its_run_left_out(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    def numbers_left_out() -> list[str]:
        with database.read() as session:
            settings = Settings.from_env({})
            checked = check(session, company.id, now=night(22), settings=settings, only=("I7",))
            return [one.say.split()[0] for one in checked.breaches if "daily run" in one.say]

    def lease(until: datetime | None) -> None:
        with database.write() as session:
            session.get_one(Posting, left_out).lease_until = until

    assert start(database, night(20)) == 1
    left_out = ready(database, company, "IV-2", 19)
    assert numbers_left_out() == [], "it became ready after the run: the next run takes it"
    lease(night(21, 2, 5))
    assert start(database, night(21)) == 1
    ready(database, company, "IV-3", 21)
    lease(None)
    assert numbers_left_out() == ["IV-2"]
    assert start(database, night(22)) == 1
    assert numbers_left_out() == []


def test_a_record_whose_judging_crashes_does_not_keep_the_others_waiting(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    ready(database, company, "IV-1", 18)
    leave_due(database, crashes=1)
    assert start(database, night(19)) == 0
    assert start(database, night(19, 2, 10)) == 0
    assert start(database, night(19, 2, 11)) == 1


def test_the_hour_follows_the_rules_and_no_day_is_done_again(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    start(database, night(19))
    rules.routes[0].at = time(5, 30)
    assert start(database, night(19, 6)) == 0
    assert start(database, night(20, 5, 29)) == 0
    assert start(database, night(20, 5, 30)) == 1
    rules.routes[0].timing = "immediately"
    assert start(database, night(23)) == 0
    rules.routes[0].timing = "daily"
    assert start(database, night(24, 5, 30)) == 1  # days without a daily route are no missed nights
    assert sorted(days(database)) == [18, 19, 23]


def test_who_switches_it_off_sends_by_hand_until_it_is_on_again(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    operator = Actor(None, "Tan", "tan@example.test", company.id, frozenset({"operator"}))
    viewer = dataclasses.replace(operator, roles=frozenset({"viewer"}))

    def switch(actor: Actor, moment: datetime, *, on: bool, doc_type: str = "sales_invoice") -> str:
        with database.write() as session:
            target = connection_named(session, company, "aiaccount")
            refusal = schedules.switch(session, actor, target.id, doc_type, on=on, now=moment)
            return refusal.code if refusal else ""

    start(database, night(19))
    assert switch(viewer, night(19, 9), on=False) == "forbidden"
    assert switch(operator, night(19, 9), on=False, doc_type="bill") == "schedule.unknown"
    assert switch(operator, night(19, 9), on=False) == ""
    key = ready(database, company, "IV-1", 19)
    assert start(database, night(21)) == 0
    assert switch(operator, night(22, 9), on=True) == ""
    assert start(database, night(23, 1, 59)) == 0
    assert start(database, night(23)) == 1
    assert switch(operator, night(23, 9), on=False) == ""
    assert switch(operator, night(25, 1), on=True) == ""
    assert start(database, night(25)) == 1  # before its hour: that night goes
    assert days(database) == {18: [], 22: [key], 24: []}


def test_a_day_without_anything_to_send_is_done_too(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    assert start(database, NOW) == 1
    with database.read() as session:
        [run] = session.scalars(select(Run)).all()
        assert (run.state, run.total, run.due_at) == ("done", 0, None)
        shown = pill(session, company.id, run.connection_id or 0, "sales_invoice")
        assert shown.text == "Last sync 11/20 09:00 · 0 documents"


def test_what_goes_after_another_waits_for_its_run_an_hour_at_most(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    receipts = SimpleNamespace(
        name="aiaccount.sales_receipt", timing="daily", at=HOUR, source="netshop", after=ROUTE
    )
    rules.routes = (receipts, *rules.routes)
    ready(database, company, "IV-1", 18)
    assert start(database, night(19)) == 1
    assert start(database, night(19, 2, 59)) == 0
    assert start(database, night(19, 3, 1)) == 1
    with database.read() as session:
        told = session.execute(select(Run.route, Run.day).order_by(Run.id)).all()
    assert told == [(ROUTE, date(2026, 11, 18)), (receipts.name, date(2026, 11, 18))]


@given(
    gaps=st.lists(st.integers(1, 90), min_size=1, max_size=40),
    hour=st.times(),
    zone=st.sampled_from([ZONE, "Europe/Berlin", "Pacific/Auckland", "America/St_Johns"]),
)
def test_whatever_the_pauses_every_day_is_due_once_and_in_order(
    gaps: list[int], hour: time, zone: str
) -> None:
    """Also over the nights in which clocks are set back or forth."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    row = Schedule(route=ROUTE, at="", zone="")
    schedules.agree(row, hour, zone, now)
    done: list[date] = []
    for gap in gaps:
        now += timedelta(hours=gap)
        if row.next_at is not None and row.next_at <= now:
            over = schedules.days_over(row, now)
            done += over
            schedules.done_with(row, over[-1])
        assert row.next_at is not None
        assert row.next_at > now
    assert done == [done[0] + timedelta(days=n) for n in range(len(done))] if done else True
