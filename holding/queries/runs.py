"""Runs and pushes as rows.

Here: lists paged by key, one run with its requests and documents. Not here: what a run does
(holding/runs.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from holding.models import Attempt, Connection, Person, Posting, Push, Record, Request, Run
from holding.queries.rows import each, first

A_PAGE = 50


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a list."""

    id: int
    kind: str
    target: str | None
    connection_id: int | None
    doc_type: str | None
    route: str | None
    day: date | None
    filter: Any
    state: str
    done: int
    total: int
    counts: dict[str, Any]
    by: str | None
    made_at: datetime
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One call or file of a run."""

    id: int
    kind: str
    key: str
    sha256: str
    state: str
    status: int | None
    made_at: datetime
    answered_at: datetime | None
    size: int


@dataclass(frozen=True, slots=True)
class PushLine:
    """One push in the history, with its latest try."""

    id: int
    number: str
    record: str
    source: str
    kind: str
    external_id: str
    party: str
    target: str
    doc_type: str
    action: str
    state: str
    posting_state: str
    error_class: str | None
    error: str | None
    target_ref: str | None
    amount: int | None
    currency: str
    tries: int
    made_at: datetime
    closed_at: datetime | None


def listing(session: Session, company_id: int, after: int | None = None) -> tuple[RunRow, ...]:
    """Runs of the company, newest first."""
    query = _run_columns().where(Run.company_id == company_id).order_by(Run.id.desc()).limit(A_PAGE)
    if after is not None:
        query = query.where(Run.id < after)
    return each(RunRow, session.execute(query))


def one(session: Session, company_id: int, run_id: int) -> RunRow | None:
    """One run."""
    row = session.execute(
        _run_columns().where(Run.company_id == company_id, Run.id == run_id)
    ).first()
    return first(RunRow, row)


def requests(session: Session, run_id: int) -> tuple[RequestRow, ...]:
    """The calls and files of a run."""
    rows = session.execute(
        select(
            Request.id,
            Request.kind,
            Request.key,
            Request.sha256,
            Request.state,
            Request.status,
            Request.made_at,
            Request.answered_at,
            Request.body,
        )
        .where(Request.run_id == run_id)
        .order_by(Request.id)
        .limit(A_PAGE)
    )
    return tuple(RequestRow(*row[:-1], size=len(row[-1] or b"")) for row in rows)


def of_run(session: Session, company_id: int, run_id: int) -> tuple[PushLine, ...]:
    """The documents of a run, failures first."""
    carried = (
        select(Attempt.push_id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Request.run_id == run_id)
    )
    rows = session.execute(
        _push_columns()
        .where(Posting.company_id == company_id, Push.id.in_(carried))
        .order_by((Push.state == "accepted"), Push.id)
        .limit(500)
    )
    return each(PushLine, rows)


def pushes(
    session: Session, company_id: int, *, text: str = "", state: str = "", after: int | None = None
) -> tuple[PushLine, ...]:
    """The push history, newest first; found by record, document or customer."""
    query = (
        _push_columns()
        .where(Posting.company_id == company_id)
        .order_by(Push.id.desc())
        .limit(A_PAGE)
    )
    if after is not None:
        query = query.where(Push.id < after)
    if state:
        query = query.where(Push.state == state)
    if text:
        query = query.where(
            or_(
                Push.number == text,
                Record.number == text,
                Record.party.icontains(text, autoescape=True),
            )
        )
    return each(PushLine, session.execute(query))


def _run_columns() -> Any:
    return (
        select(
            Run.id,
            Run.kind,
            Connection.name,
            Run.connection_id,
            Run.doc_type,
            Run.route,
            Run.day,
            Run.filter,
            Run.state,
            Run.done,
            Run.total,
            Run.counts,
            Person.name,
            Run.made_at,
            Run.ended_at,
            Run.error,
        )
        .outerjoin(Connection, Connection.id == Run.connection_id)
        .outerjoin(Person, Person.id == Run.person_id)
    )


def _push_columns() -> Any:
    source, target = aliased(Connection), aliased(Connection)
    return (
        select(
            Push.id,
            Push.number,
            Record.number,
            source.name,
            Record.type,
            Record.external_id,
            Record.party,
            target.name,
            Posting.doc_type,
            Push.action,
            Push.state,
            Posting.state,
            Push.error_class,
            Push.error,
            Push.target_ref,
            Posting.amount,
            Posting.currency,
            Posting.tries,
            Push.made_at,
            Push.closed_at,
        )
        .join(Posting, Posting.id == Push.posting_id)
        .join(Record, Record.id == Posting.record_id)
        .join(source, source.id == Record.source_id)
        .join(target, target.id == Push.connection_id)
    )
