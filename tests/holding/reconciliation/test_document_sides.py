"""What the comparison of days reads beside the documents of those days."""

from datetime import date

from holding.db.database import Database
from holding.db.models import Company, Record
from holding.reconciliation.compared_documents import Span
from holding.reconciliation.document_sides import count_without_document
from tests.support.postings import make_ready

SPAN = Span(date(2026, 11, 1), date(2026, 11, 30))


def test_a_held_document_without_a_day_is_counted_beside_the_sums(
    database: Database, company: Company
) -> None:
    """It is in the sum of no day: the days its record has say in which note it is told."""
    with database.write() as session:
        for number, amount in (("NS-1", 1920), ("NS-2", 500)):
            posting = make_ready(session, company, number, due=None, state="held")
            record = session.get_one(Record, posting.record_id)
            record.amount, record.currency = amount, "MYR"
            posting.doc_date = None if number == "NS-1" else posting.doc_date
        session.flush()

        def counted(day: date | None) -> tuple[tuple[str, int, int], ...]:
            found = session.query(Record).filter_by(number="NS-1").one()
            found.doc_date = day
            session.flush()
            return count_without_document(session, company.id, SPAN)

        assert counted(None) == (("MYR", 1, 1920),)
        assert counted(date(2026, 11, 3)) == (("MYR", 1, 1920),)
        assert counted(date(2026, 10, 3)) == ()
        assert count_without_document(session, company.id + 1, SPAN) == ()
