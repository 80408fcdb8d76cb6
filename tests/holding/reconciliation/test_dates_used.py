"""Documents of some days by each of their dates, of a source, and of a channel."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import Company, Record, Version
from holding.db.models.columns import RecordState
from holding.reconciliation import counted_documents, document_sides
from holding.reconciliation.compared_documents import DateUsed, Span
from rules.values.canonical import PostingState
from tests.support.databases import any_move
from tests.support.factories import make_connection
from tests.support.postings import NOW, invoice, make_push, make_ready

BOOKED, ORDERED, SENT = date(2026, 11, 20), date(2026, 11, 17), date(2026, 11, 19)
DAYS = {DateUsed.DOCUMENT: BOOKED, DateUsed.RECORD: ORDERED, DateUsed.POSTED: SENT}
LAST_MOMENT = datetime(2026, 11, 19, 15, 59, 59, tzinfo=UTC)
"""23:59:59 of that day in Kuala Lumpur."""


def _sent(session: Session, company: Company, number: str, at: datetime | None) -> Record:
    posting = make_ready(session, company, number, document=invoice(number, day=BOOKED))
    record = session.get_one(Record, posting.record_id)
    record.doc_date, record.amount, record.currency = ORDERED, posting.amount, "MYR"
    if at is not None:
        push = make_push(posting, state="accepted", at=at)
        session.add(push)
        session.flush()
        posting.posted_push_id, posting.posted_at = push.id, at
        posting.state = PostingState.POSTED
        record.state = RecordState.POSTED
    session.flush()
    return record


def _numbers(session: Session, company: Company, span: Span) -> dict[str, date]:
    """Record -> the day on which its document counts."""
    rows = counted_documents.load_documents(session, company.id, span).rows
    return {row.record: row.day for row in rows}


@pytest.mark.parametrize("used", DateUsed)
def test_a_document_counts_on_the_date_that_is_asked_for(
    database: Database, company: Company, used: DateUsed
) -> None:
    with database.write() as session, any_move(session):
        _sent(session, company, "NS-1", LAST_MOMENT)
        for day, there in ((DAYS[used], {"NS-1": DAYS[used]}), (date(2026, 11, 21), {})):
            assert _numbers(session, company, Span(day, day, by=used)) == there
        week = Span(date(2026, 11, 15), date(2026, 11, 21), by=used)
        assert _numbers(session, company, week) == {"NS-1": DAYS[used]}
        unseen = counted_documents.load_documents(session, company.id, week, each=[]).unseen
        assert [one.day for one in unseen] == [DAYS[used]]


def test_a_day_of_posting_ends_at_midnight_where_the_company_is(
    database: Database, company: Company
) -> None:
    with database.write() as session, any_move(session):
        _sent(session, company, "NS-1", LAST_MOMENT)
        _sent(session, company, "NS-2", datetime(2026, 11, 19, 16, tzinfo=UTC))
        _sent(session, company, "NS-3", None)
        both = Span(SENT, BOOKED, by=DateUsed.POSTED)
        assert _numbers(session, company, both) == {"NS-1": SENT, "NS-2": BOOKED}


def test_what_is_in_no_sum_is_counted_beside_them(database: Database, company: Company) -> None:
    """What was not posted has no such day, though its document has one."""
    with database.write() as session, any_move(session):
        _sent(session, company, "NS-1", LAST_MOMENT)
        _sent(session, company, "NS-2", None)
        _sent(session, company, "NS-3", None).state = RecordState.HELD
        told = {
            used: document_sides.count_without_document(
                session, company.id, Span(ORDERED, BOOKED, by=used)
            )
            for used in DateUsed
        }
        assert told == {
            DateUsed.DOCUMENT: (),
            DateUsed.RECORD: (),
            DateUsed.POSTED: (("MYR", 2, 4000),),
        }


def test_only_those_of_a_source_and_of_a_channel_count(
    database: Database, company: Company
) -> None:
    with database.write() as session, any_move(session):
        other = make_connection(session, company, "shopee", side="source")
        told = {"NS-1": "FPX", "NS-2": "fpx", "NS-3": "FPX Later", "NS-4": None}
        for number, channel in told.items():
            record = _sent(session, company, number, None)
            # a note that only quotes the field is no field
            body = {"channel": channel, "note": 'says "channel":"FPX"'}
            newest = Version(record_id=record.id, no=2, sha256="0" * 64, body=body, at=NOW)
            session.add(newest)
            session.flush()
            record.version_id = newest.id
            record.source_id = other.id if number == "NS-3" else record.source_id
        session.flush()

        def found(source: str = "", channel: str = "") -> list[str]:
            span = Span(BOOKED, BOOKED, source=source, channel=channel)
            return sorted(_numbers(session, company, span))

        assert found(channel="FPX") == ["NS-1"]
        assert found(channel="FPX Later") == ["NS-3"]
        assert found(source="shopee") == ["NS-3"]
        assert found(source="netshop") == ["NS-1", "NS-2", "NS-4"]
        assert found(source="netshop", channel="FPX Later") == []
        assert found(source="aiaccount") == [], "a target is no source"
        assert document_sides.list_channels(session, company.id) == (
            "FPX",
            "FPX Later",
            "fpx",
        )
        for record in session.query(Record):
            record.state = RecordState.HELD
        session.flush()
        span = Span(ORDERED, BOOKED, by=DateUsed.POSTED, source="shopee")
        held = document_sides.count_without_document(session, company.id, span)
        assert held == (("MYR", 1, 2000),)
