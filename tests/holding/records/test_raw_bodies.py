"""Who takes what a call sent is told at each record that the call carried."""

from sqlalchemy import select

from holding.access.actors import SYSTEM
from holding.db.database import Database
from holding.db.models import Attempt, Company, Event, Posting, Push, Request
from holding.db.models.columns import AttemptState, PushState
from holding.records import packet_contents
from tests.support.postings import NOW
from tests.support.sent_runs import make_run, send_in_run


def test_each_record_that_a_call_carried_tells_who_took_it(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        run, records = make_run(session, company), []
        for number in ("IV-1", "IV-2"):
            (push_id,) = send_in_run(session, company, run, number, PushState.ACCEPTED)
            posting = session.get_one(Posting, session.get_one(Push, push_id).posting_id)
            records.append(posting.record_id)
        first, second = session.scalars(select(Request.id).order_by(Request.id)).all()
        pushes = session.scalars(select(Push.id).order_by(Push.id)).all()
        session.add(Attempt(request_id=first, push_id=pushes[1], no=2, fence=2, at=NOW,
                            state=AttemptState.REFUSED))  # fmt: skip
        session.flush()
        packet_contents.log_call_download(session, SYSTEM, company.id, first, NOW)
        packet_contents.log_call_download(session, SYSTEM, company.id, second, NOW)
        session.flush()
        taken = select(Event.record_id).where(Event.act == "audit.call").order_by(Event.id)
        told = session.scalars(taken).all()
    assert set(told[:2]) == {*records}
    assert told[2:] == [records[1]]
