"""The calls that failed, newest first: of one target, or of one run.

Here: rows of attempts, a bounded number of them. Not here: the documents of a run
(run_documents.py), how a row is drawn (portal/evidence/failure_drawing.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.db.bulk import Columns, of
from holding.db.models import Attempt, Connection, Posting, Push, Record, Request
from holding.db.models.columns import AttemptState

MOST: Final = 12
"""Rows of one log: what a person at a support desk looks through."""
FAILED: Final = (
    AttemptState.REFUSED,
    AttemptState.TEMPORARY,
    AttemptState.UNCERTAIN,
    AttemptState.DIFFERENT,
)


@dataclass(frozen=True, slots=True)
class FailedCall:
    """One attempt that did not go well; `error` is what was answered, None where nothing was.

    `run_id` is None where it was sent outside of a run, `status` where no HTTP answer came.
    """

    attempt_id: int
    request_id: int
    run_id: int | None
    record_id: int
    record: str
    number: str
    doc_type: str
    target: str
    no: int
    state: AttemptState
    error_class: ErrorClass | None
    error: str | None
    status: int | None
    at: datetime


CALL = Columns(
    FailedCall(
        attempt_id=of(Attempt.id),
        request_id=of(Request.id),
        run_id=of(Request.run_id),
        record_id=of(Record.id),
        record=of(Record.number),
        number=of(Push.number),
        doc_type=of(Posting.doc_type),
        target=of(Connection.name),
        no=of(Attempt.no),
        state=of(Attempt.state),
        error_class=of(Attempt.error_class),
        error=of(Attempt.error),
        status=of(Request.status),
        at=of(Attempt.at),
    ),
    {"record": "record.number", "target": "connection.name"},
)


@dataclass(frozen=True, slots=True)
class FailureLog:
    """The latest failed calls, and how many there are in all."""

    calls: Sequence[FailedCall]
    count: int


def of_connection(session: Session, company_id: int, connection_id: int) -> FailureLog:
    """The latest failed calls to one target."""
    return _log(session, company_id, Request.connection_id == connection_id)


def of_run(session: Session, company_id: int, run_id: int) -> FailureLog:
    """The latest failed calls of one run."""
    return _log(session, company_id, Request.run_id == run_id)


def _log(session: Session, company_id: int, whose: ColumnElement[bool]) -> FailureLog:
    terms = (Posting.company_id == company_id, whose, Attempt.state.in_(FAILED))
    rows = _from(CALL.select()).where(*terms).order_by(Attempt.id.desc()).limit(MOST)
    count = session.scalars(_from(select(func.count(Attempt.id))).where(*terms)).one()
    return FailureLog(CALL.each(session.execute(rows)), count)


def _from(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(Attempt)
        .join(Request, Request.id == Attempt.request_id)
        .join(Push, Push.id == Attempt.push_id)
        .join(Posting, Posting.id == Push.posting_id)
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Request.connection_id)
    )
