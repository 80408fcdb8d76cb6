"""Runs: the preview that must still be true, the texts of the pill."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Approval, Company, Event, Operation, Posting, Record, Run
from holding.db.refusal import Refusal, check_figure
from holding.runs import date_ranges, range_preview, run_history, run_search
from holding.runs import status as pills
from holding.runs.run_search import RunFilter
from tests.holding.shop import open_shop
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_connection, make_person
from tests.support.pills import pill as pill_of
from tests.support.postings import NOW, invoice, make_ready

DAY = date(2026, 11, 19)
OPERATOR = Actor(None, "Tan", "tan@example.test", 1, frozenset({"operator"}))


@pytest.fixture
def month(database: Database, company: Company) -> int:
    """Three ready, one of each other state, one outside the range; the target's id."""
    with database.write() as session:
        for number in ("IV-1", "IV-2", "IV-3"):
            make_ready(session, company, number, due=None)
        for state in ("posted", "held", "failed", "waiting", "uncertain", "ignored"):
            make_ready(session, company, f"IV-{state}", state=state)
        late = invoice("IV-late", day=DAY + timedelta(days=1))
        make_ready(session, company, "IV-late", due=None, document=late)
        return connection_named(session, company, "aiaccount").id


SHOWN = check_figure({"": 6000})


def start(
    database: Database, company: Company, connection_id: int, **changes: Any
) -> Run | Refusal:
    given: dict[str, Any] = {
        "company_id": company.id,
        "connection_id": connection_id,
        "doc_type": "sales_invoice",
        "first": DAY,
        "last": DAY,
        "expected_count": 3,
        "expected_total": SHOWN,
        "now": NOW,
    }
    actor = changes.pop("actor", OPERATOR)
    with database.write() as session:
        made = date_ranges.sync(session, actor, **(given | changes))
        return made if isinstance(made, Refusal) else session.get_one(Run, made[0])


def test_the_preview_says_what_becomes_of_everything(
    database: Database, company: Company, month: int
) -> None:
    with database.read() as session:
        seen = range_preview.preview(session, company.id, month, "sales_invoice", DAY, DAY, NOW)
    assert seen.will_send == range_preview.Bucket(3, {"": 6000})
    assert seen.already_posted == range_preview.Bucket(1, {"": 2000})
    assert seen.held == range_preview.Bucket(2, {"": 4000})
    assert seen.waiting == seen.in_flight == range_preview.Bucket(1, {"": 2000})
    assert {of: len(ready) for of, ready in seen.ready.items()} == {"sales_invoice": 3}


def test_a_sync_of_what_was_shown_starts(database: Database, company: Company, month: int) -> None:
    run = start(database, company, month)
    assert isinstance(run, Run)
    assert (run.kind, run.state, run.total, run.due_at) == ("manual", "due", 3, NOW)
    assert run.filter is not None
    assert (run.filter["first"], len(run.filter["postings"])) == ("2026-11-19", 3)
    with database.read() as session:
        assert pill_of(session, company.id, month, "sales_invoice").text == "Syncing… 0 of 3"
        assert session.scalars(select(Event.act).order_by(Event.id)).all()[-1] == "run.started"
    again = start(database, company, month)
    assert isinstance(again, Refusal)
    assert again.code == "sync.running"


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"expected_count": 4}, "sync.changed", 409),
        ({"expected_total": SHOWN + 1}, "sync.changed", 409),
        ({"first": DAY - timedelta(9), "last": DAY - timedelta(9)}, "sync.changed", 409),
        (
            {
                "first": DAY - timedelta(9),
                "last": DAY - timedelta(9),
                "expected_count": 0,
                "expected_total": check_figure({}),
            },
            "sync.nothing",
            422,
        ),
        ({"company_id": 999}, "connection.unknown", 404),
        ({"actor": Actor(None, "Ng", "", 1, frozenset({"viewer"}))}, "forbidden", 403),
    ],
)
def test_anything_else_is_refused(
    database: Database,
    company: Company,
    month: int,
    changes: dict[str, Any],
    code: str,
    status: int,
) -> None:
    refused = start(database, company, month, **changes)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.status) == (code, status)
    with database.read() as session:
        assert session.scalars(select(Run)).all() == []


def test_all_documents_of_the_days_go_in_a_run_for_each_type(
    database: Database, company: Company, month: int
) -> None:
    with database.write() as session:
        for number, day in (("RC-1", DAY), ("RC-2", DAY + timedelta(days=1))):
            posting = make_ready(
                session, company, number, due=None, document=invoice(number, day=day)
            )
            posting.doc_type = "sales_receipt"
    with database.read() as session:
        seen = range_preview.preview(session, company.id, month, "", DAY, DAY, NOW)
    assert seen.will_send == range_preview.Bucket(4, {"": 8000})
    assert {of: len(ready) for of, ready in seen.ready.items()} == {
        "sales_invoice": 3,
        "sales_receipt": 1,
    }
    both = {"expected_count": 4, "expected_total": check_figure({"": 8000})}
    run = start(database, company, month, doc_type="", **both)
    assert isinstance(run, Run)
    with database.read() as session:
        runs = session.scalars(select(Run).order_by(Run.id)).all()
        told = [(one.doc_type, one.total, (one.filter or {})["money"]) for one in runs]
    assert told == [("sales_invoice", 3, {"MYR": 6000}), ("sales_receipt", 1, {"MYR": 2000})]
    again = start(database, company, month, doc_type="", **both)
    assert isinstance(again, Refusal)
    assert again.code == "sync.running"


def test_a_record_that_no_rules_date_counts_by_the_day_it_arrived(
    database: Database, company: Company, month: int
) -> None:
    zone = ZoneInfo("Asia/Kuala_Lumpur")
    moments = {  # the first and the last second of the day there, and the ones beside them
        "ST-1": datetime(2026, 11, 18, 16, 0, tzinfo=UTC),
        "ST-2": datetime(2026, 11, 19, 15, 59, 59, tzinfo=UTC),
        "ST-3": datetime(2026, 11, 18, 15, 59, 59, tzinfo=UTC),
        "ST-4": datetime(2026, 11, 19, 16, 0, tzinfo=UTC),
    }
    with database.write() as session:
        for number, moment in moments.items():
            make_ready(session, company, number, state="ignored")
            row = session.scalars(select(Record).where(Record.number == number)).one()
            row.type, row.doc_date, row.seen_at, row.amount = "settlement", None, moment, 700
        for row in session.scalars(select(Record).where(Record.type != "settlement")):
            row.doc_date, row.seen_at = DAY, moments["ST-1"]
    with database.read() as session:
        found = date_ranges.range_counts(session, company.id, zone, month, (DAY, DAY))
    assert [(one.kind, one.count) for one in found.undated] == [("settlement", 2)]
    assert sum(found.undated[0].money.values()) == 1400
    assert "settlement" not in {one.kind for one in found.records}


def test_a_paused_connection_starts_nothing(
    database: Database, company: Company, month: int
) -> None:
    with database.write() as session:
        connection_named(session, company, "aiaccount").paused_at = NOW
    refused = start(database, company, month)
    assert isinstance(refused, Refusal)
    assert refused.code == "sync.paused"


def pill(database: Database, company: Company, **columns: Any) -> pills.Pill:
    with database.write() as session:
        connection_id = connection_named(session, company, "aiaccount").id
        if columns:
            session.add(
                Run(
                    company_id=company.id,
                    connection_id=connection_id,
                    doc_type="sales_invoice",
                    made_at=NOW,
                    **{"kind": "manual", "state": "done", "total": 0, "counts": {}, **columns},
                )
            )
        session.flush()
        return pill_of(session, company.id, connection_id, "sales_invoice")


def test_the_pill_speaks_as_users_know_it(database: Database, company: Company) -> None:
    ended = datetime(2026, 5, 15, 6, 30, tzinfo=UTC)  # 14:30 in Kuala Lumpur
    assert pill(database, company) == pills.Pill("Never synced", "never")
    running = pill(database, company, state="running", done=240, total=1000)
    assert running.text == "Syncing… 240 of 1,000"
    begun = pill(database, company, state="running", done=0, total=0)
    assert begun.text == "Syncing"
    done = pill(database, company, counts={"posted": 11, "existing": 1}, ended_at=ended)
    assert done == pills.Pill("Last sync 5/15 14:30 · 12 documents", "good")
    some = pill(database, company, counts={"posted": 12, "failed": 3}, ended_at=ended)
    assert some.text == "Last sync 5/15 14:30 · 12 documents, 3 on hold"
    read = pill(database, company, kind="lookup", counts={"posted": 5}, ended_at=ended)
    assert read == some, "a run that sends nothing is no sync"
    failed = pill(
        database, company, state="failed", error="Tax code SR-6 is not configured", ended_at=ended
    )
    assert failed == pills.Pill("Failed 5/15 14:30", "bad", "Tax code SR-6 is not configured")
    with database.write() as session:
        row = connection_named(session, company, "aiaccount")
        row.paused_at, row.pause_reason = ended, "month end"
        for number in range(7):
            make_ready(session, company, f"IV-{number}")
    assert pill(database, company) == pills.Pill(
        "Paused 5/15 14:30 · 7 waiting", "paused", "month end", stops=True
    )


def test_a_sync_waits_for_what_can_still_be_taken_back(
    database: Database, company: Company, month: int
) -> None:
    """Documents of a daily route have no time of their own that would keep them back."""
    until = NOW + timedelta(seconds=20)
    with database.write() as session:
        one = session.scalars(select(Posting).where(Posting.state == "ready")).first()
        assert one
        given = {"person_id": make_person(session, company, "lim@kedai.my", "approver").id}
        form = Operation(id="form-1", undo_until=until, answer=None, at=NOW, **given)
        session.add(form)
        session.flush()
        agreed = {"posting_id": one.id, "hash": one.hash, "content": {}, "level": "x"}
        session.add(Approval(reason="checked", operation_id="form-1", at=NOW, **agreed, **given))
    run = start(database, company, month)
    assert isinstance(run, Run)
    assert run.due_at == until


def test_of_two_that_start_at_once_one_does(
    database: Database, company: Company, month: int
) -> None:
    given: dict[str, Any] = {"doc_type": "sales_invoice", "first": DAY, "last": DAY, "now": NOW}
    given |= {"company_id": company.id, "connection_id": month}
    found: list[Run | Refusal] = []
    other = threading.Thread(target=lambda: found.append(start(database, company, month)))
    with database.write() as session:
        first = date_ranges.sync(session, OPERATOR, expected_count=3, expected_total=SHOWN, **given)
        other.start()
        other.join(0.3)  # it waits for us, and does not look at what was before
    other.join()
    assert not isinstance(first, Refusal)
    assert isinstance(found[0], Refusal)
    assert found[0].code == "sync.running"


def test_a_connection_shows_its_own_runs_the_latest_that_failed_first(
    database: Database, company: Company, month: int
) -> None:
    told: list[dict[str, Any]] = [
        {"state": "failed", "error": "No answer."},
        {"state": "done", "counts": {"posted": 2, "failed": 1}},
        {"state": "done", "counts": {"posted": 3}},
        {"state": "running", "counts": {}},
    ]
    with database.write() as session:
        other = make_connection(session, company, "autocount", side="target").id
        for connection_id in (month, other):
            for one in told:
                given = {"counts": {}, "kind": "immediate", "made_at": NOW, **one}
                session.add(Run(company_id=company.id, connection_id=connection_id, **given))
                session.flush()
    with database.read() as session:
        mine = run_history.list_runs(session, company.id, other)
        assert {run.target for run in mine} == {"autocount"}
        assert [(run.state, run.failures) for run in mine] == [
            ("done", 1),
            ("failed", 0),
            ("running", 0),
            ("done", 0),
        ]
        assert run_history.list_runs(session, company.id + 1, other) == ()
        every = run_search.search_runs(session, company.id, RunFilter())
        assert not isinstance(every, Refusal)
        assert [run.target for run in every] == ["autocount"] * 4 + ["aiaccount"] * 4
        of_one = RunFilter(connection="aiaccount")
        asked = run_search.search_runs(session, company.id, of_one)
        assert not isinstance(asked, Refusal)
        assert [run.id for run in asked] == [run.id for run in every[4:]]
        rest = run_search.search_runs(session, company.id, of_one, after=asked[1].id)
        assert not isinstance(rest, Refusal)
        assert [run.id for run in rest] == [run.id for run in asked[2:]]


def test_never_synced_is_said_only_of_documents_that_a_rule_posts() -> None:
    never, done = pills.Pill("Never synced", "never"), pills.Pill("Last sync", "good")
    paused = pills.Pill("Paused · Never synced", "paused", stops=False)
    made = {(1, "invoice"): never, (1, "receipt"): never, (1, "refund"): done, (2, "bill"): paused}
    shown = pills.without_unposted(made, {(1, "invoice")})
    assert shown == {
        (1, "invoice"): never,
        (1, "refund"): done,
        (2, "bill"): pills.Pill("Paused · No posting rule", "paused", stops=False),
    }


def test_a_stopped_connection_shows_only_types_that_are_posted_ran_or_wait() -> None:
    stop = pills.Pill("Paused 11/20 09:00", "paused", "The auditor is here.", stops=True)
    never, done = pills.run_pill(None, "UTC"), pills.Pill("Last sync", "good")
    made = {
        (1, "invoice"): pills.combine(stop, never, 0),
        (1, "receipt"): pills.combine(stop, never, 0),
        (1, "bill"): pills.combine(stop, never, 2),
        (1, "refund"): pills.combine(stop, done, 0),
    }
    shown = pills.without_unposted(made, {(1, "invoice")})
    assert [doc_type for _, doc_type in shown] == ["invoice", "bill", "refund"]


def test_the_rules_in_force_say_what_is_posted(database: Database, company: Company) -> None:
    with database.read() as session:
        assert pills.posted_places(session, company.id) == frozenset()
    shop = open_shop(database, company, SetClock())
    shop.publish()
    with database.read() as session:
        target = connection_named(session, company, "aiaccount").id
        assert (target, "sales_invoice") in pills.posted_places(session, company.id)
        other = Company(code="dua", name="Dua", zone="UTC", currency="MYR")
        session.add(other)
        session.flush()
        assert pills.posted_places(session, other.id) == frozenset()
        session.rollback()
