"""Runs with documents that were sent in them, made without a target."""

from datetime import timedelta

from sqlalchemy.orm import Session

from holding.db.models import Attempt, Company, Request, Run
from holding.db.models.columns import AttemptState, PushState, RequestState, RunState
from tests.support.factories import connection_named
from tests.support.postings import NOW, make_push, make_ready


def make_run(session: Session, company: Company, **changes: object) -> Run:
    """A run that is over, of the sales invoices of AiAccount."""
    target = connection_named(session, company, "aiaccount")
    given = {"kind": "daily", "doc_type": "sales_invoice", "connection_id": target.id, **changes}
    run = Run(company_id=company.id, state=RunState.DONE, counts={}, **{"made_at": NOW, **given})
    session.add(run)
    session.flush()
    return run


def send_in_run(
    session: Session, company: Company, run: Run, number: str, *states: PushState
) -> list[int]:
    """A posting that a run sent once for each of these states; the ids of the pushes."""
    posting = make_ready(session, company, number, due=None)
    found = []
    for no, state in enumerate(states, start=1):
        push = make_push(posting, state=state.value, at=NOW)
        push.no, push.key = no, f"{number}-{no}"
        if state == PushState.REFUSED:
            push.error_class, push.error = "period_locked", "October is closed"
        session.add(push)
        session.flush()
        status = 201 if state == PushState.ACCEPTED else 422
        request = Request(connection_id=posting.connection_id, kind="push", run_id=run.id,
                          key=push.key, status=status, sha256="", made_at=NOW,
                          state=RequestState.ANSWERED,
                          deadline_at=NOW + timedelta(minutes=1))  # fmt: skip
        session.add(request)
        session.flush()
        session.add(Attempt(request_id=request.id, push_id=push.id, no=1, fence=1, at=NOW,
                            state=AttemptState.REFUSED))  # fmt: skip
        found.append(push.id)
    session.flush()
    return found
