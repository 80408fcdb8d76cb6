"""The company that the bench of pages reads: as large as asked, and nothing of it is to be done."""

from sqlalchemy import func, select

from bench.page_bench import Size, grow, size_of
from holding.db.database import Database
from holding.db.models import Cause, Event, Hold, Posting, Record
from holding.db.models.decisions import HOLD_OPEN


def test_a_month_is_copied_until_it_is_as_large_as_asked(database: Database) -> None:
    with database.read() as session:
        first = session.scalar(select(func.max(Record.id))) or 0
        before = size_of(session, 1)
    with database.write() as session:
        size = grow(session, 1, records=20 * before.records, holds=4 * before.holds)
    assert size.records in range(20 * before.records, 21 * before.records)
    assert size == Size(size.records, 4 * before.holds, 2 * before.causes)
    with database.read() as session:
        copies = Record.id > first, Record.company_id == 1
        made = session.scalar(select(func.count()).where(*copies))
        numbers = select(func.count((Record.type + Record.external_id).distinct())).where(*copies)
        assert made == session.scalar(numbers) == size.records - before.records
        arrived = select(func.count()).where(Event.record_id == Record.id, *copies)
        assert session.scalar(arrived) == made
        due = session.scalar(select(func.count()).where(*copies, Record.due_at.is_not(None)))
        assert due == 0
        of_copies = select(Record.id).where(*copies)
        documents = select(func.count()).where(Posting.record_id.in_(of_copies))
        assert (session.scalar(documents) or 0) >= (made or 0)
        held = select(func.count()).where(Hold.record_id.in_(of_copies), HOLD_OPEN)
        assert session.scalar(held) == 3 * before.holds
        lost = select(func.count()).where(Hold.cause_id.not_in(select(Cause.id)))
        assert session.scalar(lost) == 0
