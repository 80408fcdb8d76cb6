"""Daily runs: each day once, at its hour, also after a night that nobody was there."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import (
    Approval,
    Company,
    Evaluation,
    Event,
    Operation,
    Posting,
    Pull,
    Record,
    Request,
    Run,
    Schedule,
    Upload,
    Version,
    WakeMark,
)
from holding.db.models.columns import UploadState
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


def add_version(session: Session, record_id: int, at: datetime) -> None:
    """Add a further version of a record, which has no evaluation."""
    new = Version(record_id=record_id, no=2, sha256="2" * 64, body={}, at=at)
    session.add(new)
    session.flush()
    session.get_one(Record, record_id).version_id = new.id


def add_evaluation(
    session: Session, last: Evaluation, at: datetime, valid_until: datetime | None = None
) -> Evaluation:
    """Add a further evaluation of the same version."""
    same = ("record_id", "version_id", "ruleset_version_id", "revision", "facts", "outcome", "hash")
    fences = select(func.max(Evaluation.fence)).where(Evaluation.record_id == last.record_id)
    new = Evaluation(**{name: getattr(last, name) for name in same}, at=at, valid_until=valid_until)
    new.fence = session.scalars(fences).one() + 1
    session.add(new)
    session.flush()
    return new


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
    assert start(database, night(19, 3, 40)) == 0
    assert start(database, night(19, 3, 41)) == 1, "other records are always due"
    assert days(database) == {18: [key]}


def test_a_run_waits_for_records_that_a_dead_worker_had_at_the_hour(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    """They are due again once their lease is over, which is after the hour."""
    key = ready(database, company, "IV-1", 18)
    leave_due(database, due_at=night(19, 2, 1), crashes=1)
    assert start(database, night(19, 2, 1)) == 0
    leave_due(database, due_at=None)
    assert start(database, night(19, 2, 2)) == 1
    assert days(database) == {18: [key]}


def test_a_program_that_is_off_while_a_run_waits_counts_the_wait_anew(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    ready(database, company, "IV-1", 18)
    leave_due(database, due_at=None, lease_owner="worker", lease_until=night(19, 2, 2))
    assert start(database, night(19, 2, 1)) == 0
    leave_due(database, due_at=night(19, 5), crashes=1)
    assert start(database, night(19, 5)) == 0
    assert start(database, night(19, 5, 10)) == 0
    assert start(database, night(19, 5, 11)) == 1


@pytest.mark.parametrize("leased", [False, True])
@pytest.mark.parametrize("cause", ["its hour", "a version"])
def test_a_run_waits_without_limit_for_records_that_were_returned_after_the_hour(
    database: Database, company: Company, rules: SimpleNamespace, cause: str, leased: bool
) -> None:
    """Rules were published, or a newer version arrived, while a worker evaluated the records."""
    key = ready(database, company, "IV-1", 18)
    with database.write() as session:
        last = session.scalars(select(Evaluation)).one()
        if cause == "a version":
            add_version(session, last.record_id, night(19))
        else:
            add_evaluation(session, last, night(18, 3), valid_until=night(19))
    for minute in (1, 11, 22, 33):
        held = {"due_at": None, "lease_owner": "worker", "lease_until": night(19, 3)}
        leave_due(database, **(held if leased else {"due_at": night(19, 2, minute)}))
        assert start(database, night(19, 2, minute)) == 0
    leave_due(database, due_at=None)
    assert start(database, night(19, 2, 34)) == 1
    assert days(database) == {18: [key]}


def test_a_document_in_flight_stops_no_run_for_longer_than_ten_minutes(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    """It is due again and again, and is not evaluated before the target answers."""
    with database.write() as session:
        posting = make_ready(session, company, "IV-1", due=None, state="uncertain")
        last = session.get_one(Evaluation, posting.evaluation_id)
        add_evaluation(session, last, night(18, 3), valid_until=night(19))
    leave_due(database, due_at=night(19, 2, 1))
    assert start(database, night(19, 2, 1)) == 0
    assert start(database, night(19, 2, 11)) == 0
    assert start(database, night(19, 2, 12)) == 1


def add_pull(database: Database, company: Company, kind: str = "pull", **columns: Any) -> None:
    with database.write() as session:
        source = connection_named(session, company, "netshop").id
        start_at = {"connection_id": source, "kind": kind, "start_at": night(1)}
        session.add(Pull(**start_at, **columns))


def set_pull(database: Database, **columns: object) -> None:
    with database.write() as session:
        session.execute(update(Pull).where(Pull.kind == "pull").values(**columns))


def test_after_a_pause_of_the_program_the_sources_are_read_first(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    """Orders of the past day may have no webhook that still comes."""
    done = night(18, 23)
    add_pull(database, company, due_at=done, done_at=done, read_at=done)
    add_pull(database, company, "sweep", due_at=night(19, 3), done_at=night(18, 3))
    assert start(database, night(19, 8)) == 0
    set_pull(database, due_at=night(19, 8, 9), read_at=night(19, 8, 9))
    assert start(database, night(19, 8, 9)) == 0
    later = {"due_at": night(19, 8, 20), "read_at": night(19, 8, 18)}
    set_pull(database, **later)
    assert start(database, night(19, 8, 19)) == 0, "the source limits the number of calls"
    set_pull(database, **later | {"done_at": night(19, 8, 18)})
    assert start(database, night(19, 8, 19)) == 1


def test_the_nightly_sweep_is_waited_for_where_nothing_else_reads_the_source(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    add_pull(database, company, due_at=None)
    add_pull(database, company, "sweep", due_at=night(19, 3), done_at=night(18, 3))
    assert start(database, night(19, 8)) == 0
    with database.write() as session:
        session.execute(update(Pull).values(due_at=None, done_at=night(19, 8, 1)))
    assert start(database, night(19, 8, 2)) == 1


def test_a_source_that_fails_delays_a_run_for_ten_minutes_and_only_in_its_first_night(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    failed: dict[str, Any] = {
        "tries": 1,
        "wrong": "502",
        "wrong_since": night(19, 8),
        "read_at": night(19, 8),
    }
    add_pull(database, company, due_at=night(19, 8), done_at=night(18, 23), **failed)
    assert start(database, night(19, 8)) == 0
    set_pull(database, tries=4, due_at=night(19, 8, 18), read_at=night(19, 8, 10))
    assert start(database, night(19, 8, 10)) == 0
    assert start(database, night(19, 8, 11)) == 1
    set_pull(database, due_at=night(20))
    assert start(database, night(20)) == 1


@pytest.mark.parametrize("paused", [True, False])
def test_a_paused_source_and_a_first_reading_delay_no_run(
    database: Database, company: Company, rules: SimpleNamespace, paused: bool
) -> None:
    add_pull(database, company, due_at=night(18), done_at=night(18) if paused else None)
    with database.write() as session:
        source = connection_named(session, company, "netshop")
        source.paused_at = night(18) if paused else None
    assert start(database, night(19)) == 1


def test_a_file_that_was_confirmed_before_the_hour_is_imported_first(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    with database.write() as session:
        source = connection_named(session, company, "netshop").id
        file = {"name": "orders.xlsx", "sha256": "0" * 64, "state": UploadState.IMPORTING}
        times = {"at": night(18), "confirmed_at": night(19, 1, 59), "due_at": night(19, 1, 59)}
        session.add(Upload(company_id=company.id, source_id=source, **file, **times))
    assert start(database, night(19)) == 0
    assert start(database, night(19, 2, 30)) == 0
    with database.write() as session:
        session.execute(update(Upload).values(state=UploadState.DONE, due_at=None))
    assert start(database, night(19, 2, 31)) == 1


def test_records_of_a_changed_mapping_are_evaluated_first(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    with database.write() as session:
        session.add(WakeMark(company_id=company.id, cause_id=1, below=9, told={}))
    assert start(database, night(19)) == 0
    with database.write() as session:
        session.execute(delete(WakeMark))
    assert start(database, night(19, 2, 1)) == 1


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


@pytest.mark.parametrize("cause", ["its hour", "a version", "an approval"])
def test_an_invariant_finds_a_document_that_was_evaluated_after_its_run(
    database: Database, company: Company, rules: SimpleNamespace, cause: str
) -> None:
    assert start(database, night(20)) == 1
    key = ready(database, company, "IV-1", 19)
    with database.write() as session:
        posting = session.get_one(Posting, key)
        last = session.get_one(Evaluation, posting.evaluation_id)
        if cause == "a version":
            add_version(session, last.record_id, night(19, 23))
        else:
            until = night(20) if cause == "its hour" else None
            add_evaluation(session, last, night(19, 23), valid_until=until)
        posting.evaluation_id = add_evaluation(session, last, night(20, 3)).id
    with database.read() as session:
        settings = Settings.from_env({})
        checked = check(session, company.id, now=night(21), settings=settings, only=("I7",))
    told = ["IV-1 fell due before the daily run of 2026-11-19 and is in no run."]
    assert [one.say for one in checked.breaches] == ([] if cause == "an approval" else told)
    assert start(database, night(21)) == 1


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


def follow(rules: SimpleNamespace) -> str:
    """Add a daily route that follows the invoices; return its name."""
    name = "aiaccount.sales_receipt"
    route = {"timing": "daily", "at": HOUR, "source": "netshop", "after": ROUTE}
    rules.routes = (SimpleNamespace(name=name, **route), *rules.routes)
    return name


def routes_with_runs(database: Database, route: str) -> list[date | None]:
    with database.read() as session:
        return list(session.scalars(select(Run.day).where(Run.route == route).order_by(Run.id)))


def test_what_follows_waits_for_the_runs_of_every_missed_night(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    receipts = follow(rules)
    start(database, night(18))
    start(database, night(18, 3, 1))
    ready(database, company, "IV-1", 18)
    ready(database, company, "IV-2", 19)
    assert start(database, night(20, 9)) == 2
    with database.write() as session:
        session.execute(update(Run).where(Run.day == date(2026, 11, 19)).values(state="done"))
        session.execute(update(Posting).values(state="ignored"))
    start(database, night(20, 9, 1))
    assert routes_with_runs(database, receipts) == [date(2026, 11, 17)]
    with database.write() as session:
        session.execute(update(Run).values(state="done"))
    start(database, night(20, 9, 2))
    assert len(routes_with_runs(database, receipts)) == 3


def test_what_follows_waits_while_the_run_before_it_makes_calls(
    database: Database, company: Company, rules: SimpleNamespace
) -> None:
    receipts = follow(rules)
    ready(database, company, "IV-1", 18)
    assert start(database, night(19)) == 1
    with database.write() as session:
        [run] = session.scalars(select(Run)).all()
        sent = {"key": "cp-1", "sha256": "0" * 64, "state": "answered", "deadline_at": night(19, 4)}
        of_run = {"connection_id": run.connection_id, "run_id": run.id, "kind": "push"}
        session.add(Request(**of_run, **sent, made_at=night(19, 2, 50)))
    assert start(database, night(19, 3, 50)) == 0
    assert start(database, night(19, 3, 51)) == 1
    assert routes_with_runs(database, receipts) == [date(2026, 11, 18)]


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
