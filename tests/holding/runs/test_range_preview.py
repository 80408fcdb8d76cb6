"""The preview of a date range: what it counts is what is sent, and what waits has its reason."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import (
    Company,
    Connection,
    Posting,
    Record,
    RouteStop,
    Run,
    Schedule,
    Throttle,
)
from holding.db.models.columns import BreakerState
from holding.db.refusal import Refusal
from holding.runs import date_ranges, range_preview
from holding.runs.range_preview import Bucket, SyncPreview
from tests.holding.runs.test_runs import OPERATOR
from tests.support.factories import connection_named
from tests.support.postings import NOW, ROUTE, invoice, make_ready

DAY = date(2026, 11, 20)
"""Today in Kuala Lumpur, as `NOW` is its morning."""
NEXT_MONTH = datetime(2026, 12, 1, 1, tzinfo=UTC)


def make(database: Database, company: Company, *numbers: str, **changes: Any) -> int:
    """Documents of today; the id of their target."""
    with database.write() as session:
        for number in numbers:
            document = invoice(number, day=DAY)
            make_ready(session, company, number, due=None, document=document, **changes)
        return connection_named(session, company, "aiaccount").id


def see(
    database: Database, company: Company, target: int, doc_type: str = "sales_invoice",
    now: datetime = NOW,
) -> SyncPreview:  # fmt: skip
    with database.read() as session:
        return range_preview.preview(session, company.id, target, doc_type, DAY, DAY, now)


def start(
    database: Database, company: Company, target: int, seen: SyncPreview
) -> list[list[str]] | Refusal:
    """Start a sync of what was seen; the numbers of the documents in each run."""
    with database.write() as session:
        started = date_ranges.sync(
            session,
            OPERATOR,
            company_id=company.id,
            connection_id=target,
            doc_type="sales_invoice",
            first=DAY,
            last=DAY,
            expected_count=seen.will_send.count,
            expected_total=seen.will_send.figure,
            now=NOW,
        )
        if isinstance(started, Refusal):
            return started
        ids = [(session.get_one(Run, run).filter or {})["postings"] for run in started]
        return [[session.get_one(Posting, key).number for key in some] for some in ids]


def waits(seen: SyncPreview) -> dict[str, str]:
    """Number of each waiting document -> why it waits."""
    return {row.number: reason.why for reason in seen.waits for row in reason.documents}


def limit(database: Database, target: int, left: int) -> None:
    with database.write() as session:
        session.add(
            Throttle(
                connection_id=target,
                breaker=BreakerState.CLOSED,
                quota_limit=100,
                quota_used=100 - left,
                quota_month="2026-11",
            )
        )


def test_a_daily_route_is_sent_for_today_before_its_hour(
    database: Database, company: Company
) -> None:
    """Also with the daily run on: its run takes what is left at its hour."""
    target = make(database, company, "IV-1", "IV-2")
    with database.write() as session:
        session.add(
            Schedule(company_id=company.id, route=ROUTE, at="02:00", zone=company.zone,
                     next_at=NOW + timedelta(hours=17), active=True)
        )  # fmt: skip
    seen = see(database, company, target)
    assert seen.will_send.count == 2
    assert seen.waits == ()
    assert start(database, company, target, seen) == [["IV-1", "IV-2"]]


def test_a_used_up_quota_is_the_reason_until_the_next_month(
    database: Database, company: Company
) -> None:
    target = make(database, company, *(f"IV-{no}" for no in range(12)))
    limit(database, target, 0)
    seen = see(database, company, target)
    assert (seen.ready_count, seen.will_send) == (12, Bucket(0, {}))
    [reason] = seen.waits
    assert (reason.count, reason.money) == (12, {"": 24000})
    assert "2026-12-01" in reason.why
    assert seen.quota_until == date(2026, 12, 1)
    refused = start(database, company, target, seen)
    assert isinstance(refused, Refusal)
    assert refused.code == "sync.nothing"
    again = see(database, company, target, now=NEXT_MONTH)
    assert (again.will_send.count, again.waits, again.quota_until) == (12, (), None)


def test_a_quota_for_some_sends_the_earliest_and_no_more(
    database: Database, company: Company
) -> None:
    target = make(database, company, "IV-1", "IV-2", "IV-3")
    limit(database, target, 2)
    make(database, company, "IV-way", state="uncertain")  # it may count once it is confirmed
    seen = see(database, company, target)
    assert (seen.ready_count, seen.will_send.count) == (3, 1)
    assert {number for number, why in waits(seen).items() if "2026-12-01" in why} == {
        "IV-2",
        "IV-3",
    }
    assert start(database, company, target, seen) == [["IV-1"]]


def test_each_waiting_document_has_its_reason(database: Database, company: Company) -> None:
    target = make(database, company, "IV-ok")
    for state in ("held", "waiting", "failed", "uncertain", "awaiting", "sending"):
        make(database, company, f"IV-{state}", state=state)
    make(database, company, "IV-leased", "IV-run")
    make(database, company, "IV-done", state="posted")
    make(database, company, "IV-none", state="ignored")
    with database.write() as session:
        rows = {row.number: row for row in session.scalars(select(Posting))}
        rows["IV-waiting"].reason = "the order is not paid"
        rows["IV-leased"].lease_until = NOW + timedelta(minutes=1)
        connection = session.get_one(Connection, target)
        ids = [rows["IV-run"].id]
        date_ranges.add_run(session, connection, "daily", "sales_invoice", ids, NOW, route=ROUTE)
        date_ranges.add_run(session, connection, "immediate", "sales_invoice", [], NOW)
    seen = see(database, company, target)
    assert seen.will_send.count == 1
    assert seen.already_posted.count == 1
    told = waits(seen)
    assert set(told) == {
        f"IV-{state}"
        for state in (
            *("held", "waiting", "failed", "uncertain", "awaiting", "sending"),
            *("leased", "run"),
        )
    }
    assert all(told.values())
    assert told["IV-waiting"] == "the order is not paid"
    assert len({told["IV-leased"], told["IV-run"], told["IV-uncertain"]}) == 3
    assert sum(reason.count for reason in seen.waits) == 8
    assert start(database, company, target, seen) == [["IV-ok"]]


def test_a_document_without_a_date_counts_on_the_day_of_its_record(
    database: Database, company: Company
) -> None:
    """What cannot be made has no date of its own."""
    target = make(database, company, "IV-1", state="held")
    with database.write() as session:
        posting = session.scalars(select(Posting)).one()
        posting.doc_date = None
        session.get_one(Record, posting.record_id).doc_date = DAY
    assert set(waits(see(database, company, target))) == {"IV-1"}
    with database.write() as session:
        session.scalars(select(Record)).one().doc_date = DAY - timedelta(days=1)
    assert waits(see(database, company, target)) == {}


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("paused", "sync.paused"),
        ("not_live", "sync.not_live"),
        ("stopped", "sync.stopped"),
        ("running", "sync.running"),
        ("key_refused", "sync.unusable"),
    ],
)
def test_what_stops_a_sync_is_shown_before_it_is_started(
    database: Database, company: Company, case: str, code: str
) -> None:
    target = make(database, company, "IV-1", "IV-2")
    with database.write() as session:
        connection = session.get_one(Connection, target)
        if case == "paused":
            connection.paused_at, connection.pause_reason = NOW, "month end"
        elif case == "not_live":
            session.get_one(Company, company.id).live = False
        elif case == "stopped":
            stop(session, company)
        elif case == "running":
            ids = session.scalars(select(Posting.id).where(Posting.number == "IV-2")).all()
            date_ranges.add_run(session, connection, "manual", "sales_invoice", ids, NOW)
        else:
            session.add(Throttle(connection_id=target, breaker=BreakerState.OPEN, opened_at=NOW))
    seen = see(database, company, target)
    assert (seen.ready_count, seen.will_send.count) == (2, 0)
    assert [one.code for one in seen.blocks.values()] == [code]
    assert set(waits(seen)) == {"IV-1", "IV-2"}
    assert set(waits(seen).values()) == {seen.blocks["sales_invoice"].words}
    refused = start(database, company, target, seen)
    assert isinstance(refused, Refusal)
    assert refused.code == code


def stop(session: Any, company: Company) -> None:
    session.add(
        RouteStop(company_id=company.id, route=ROUTE, state="stopped", records=900, book=1,
                  most_records=100, most_book=1, stopped_at=NOW, revision=1)
    )  # fmt: skip


def test_a_stopped_type_leaves_the_other_types_alone(database: Database, company: Company) -> None:
    target = make(database, company, "IV-1", "IV-2")
    with database.write() as session:
        session.scalars(select(Posting).where(Posting.number == "IV-2")).one().doc_type = "receipt"
        stop(session, company)
    seen = see(database, company, target, "")
    assert {of: len(ready) for of, ready in seen.ready.items()} == {"receipt": 1}
    assert set(waits(seen)) == {"IV-1"}
