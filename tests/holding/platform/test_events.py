"""What an event says of who did it."""

from holding.db.database import Database
from holding.db.models import Company, Event
from holding.platform.events import SYSTEM_WORD, record_event
from tests.support.postings import NOW


def test_what_no_person_did_was_the_program(database: Database, company: Company) -> None:
    with database.write() as session:
        body = {"say": "It was so."}
        record_event(session, company_id=company.id, at=NOW, actor=None, act="test.said", body=body)
        session.flush()
        assert session.query(Event).one().actor == SYSTEM_WORD
