"""One record as rows: head, postings, versions, pushes with their attempts, deliveries.

Here: reads only, one statement a kind of row. Not here: the seven answers and the trace (holding/trace.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from holding.models import (
    Attempt,
    Connection,
    Delivery,
    Hold,
    Person,
    Posting,
    Push,
    Record,
    Request,
    Team,
    Version,
)


@dataclass(frozen=True, slots=True)
class RecordRow:
    """The head of a record."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    state: str
    status: str
    party: str
    amount: int | None
    currency: str
    doc_date: date | None
    seen_at: datetime
    due_at: datetime | None
    version_id: int | None
    version: int | None


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One document meant for the record."""

    id: int
    route: str
    seq: int
    doc_type: str
    number: str
    state: str
    action: str
    hash: str
    reason: str
    amount: int | None
    currency: str
    doc_date: date | None
    due_at: datetime | None
    posted_at: datetime | None
    sent_at: datetime | None
    target: str
    target_ref: str | None
    evaluation_id: int
    waits: str | None


@dataclass(frozen=True, slots=True)
class OpenHold:
    """An open hold in the head of the record."""

    id: int
    posting_id: int | None
    error_class: str
    message: str
    owner: str | None
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One content of the record, and how often it was delivered."""

    id: int
    no: int
    sha256: str
    status: str
    stamp: str | None
    stale: bool
    at: datetime
    body: dict[str, Any] | None
    by: str | None
    reason: str | None
    delivery_id: int | None
    delivery_key: str | None
    delivery_kind: str | None
    delivery_times: int | None
    delivery_sha256: str | None
    delivery_headers: dict[str, str] | None
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try of one push, with the request that carried it."""

    id: int
    push_id: int
    no: int
    state: str
    error_class: str | None
    error: str | None
    target_ref: str | None
    at: datetime
    request_id: int
    kind: str
    made_at: datetime
    answered_at: datetime | None
    status: int | None
    headers: dict[str, str]
    sha256: str
    answer: bytes | None
    row: int | None
    has_body: bool

    @property
    def seconds(self) -> str:
        """How long the call took."""
        if self.answered_at is None:
            return "no answer"
        return f"{(self.answered_at - self.made_at).total_seconds():.1f}\u00a0s"


@dataclass(frozen=True, slots=True)
class PushRow:
    """One intent to change the target, with its tries."""

    id: int
    posting_id: int
    no: int
    action: str
    number: str
    key: str
    hash: str
    state: str
    error_class: str | None
    error: str | None
    target_ref: str | None
    made_at: datetime
    closed_at: datetime | None
    attempts: tuple[AttemptRow, ...] = ()


def record(
    session: Session, company_id: int, source: str, kind: str, external_id: str
) -> RecordRow | None:
    """The record that a URL names."""
    row = session.execute(
        select(
            Record.id,
            Record.number,
            Connection.name,
            Record.type,
            Record.external_id,
            Record.state,
            Record.status,
            Record.party,
            Record.amount,
            Record.currency,
            Record.doc_date,
            Record.seen_at,
            Record.due_at,
            Record.version_id,
            Version.no,
        )
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .where(
            Record.company_id == company_id,
            Connection.name == source,
            Record.type == kind,
            Record.external_id == external_id,
        )
    ).first()
    return RecordRow(*row) if row else None


def postings(session: Session, record_id: int) -> tuple[PostingRow, ...]:
    """The record's documents, in order."""
    rows = session.execute(
        select(
            Posting.id,
            Posting.route,
            Posting.seq,
            Posting.doc_type,
            Posting.number,
            Posting.state,
            Posting.action,
            Posting.hash,
            Posting.reason,
            Posting.amount,
            Posting.currency,
            Posting.doc_date,
            Posting.due_at,
            Posting.posted_at,
            Posting.sent_at,
            Connection.name,
            Posting.target_ref,
            Posting.evaluation_id,
            Posting.waits,
        )
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.record_id == record_id)
        .order_by(Posting.route, Posting.seq)
    )
    return tuple(PostingRow(*row) for row in rows)


def open_holds(session: Session, record_id: int) -> tuple[OpenHold, ...]:
    """What holds the record now."""
    rows = session.execute(
        select(Hold.id, Hold.posting_id, Hold.error_class, Hold.message, Person.name, Team.name, Hold.opened_at)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.record_id == record_id, Hold.state == "open")
        .order_by(Hold.id)
    )
    return tuple(OpenHold(i, p, c, m, person or team, at) for i, p, c, m, person, team, at in rows)


def versions(session: Session, record_id: int) -> tuple[VersionRow, ...]:
    """Every content, oldest first, with the delivery that brought it."""
    rows = session.execute(
        select(
            Version.id,
            Version.no,
            Version.sha256,
            Version.status,
            Version.stamp,
            Version.stale,
            Version.at,
            Version.body,
            Person.name,
            Version.reason,
            Delivery.id,
            Delivery.key,
            Delivery.kind,
            Delivery.times,
            Delivery.sha256,
            Delivery.headers,
            Delivery.received_at,
        )
        .outerjoin(Delivery, Delivery.id == Version.delivery_id)
        .outerjoin(Person, Person.id == Version.person_id)
        .where(Version.record_id == record_id)
        .order_by(Version.no)
    )
    return tuple(VersionRow(*row) for row in rows)


def delivery_body(session: Session, company_id: int, record_id: int, version: int) -> bytes | None:
    """The raw bytes that brought one version."""
    return session.scalar(
        select(Delivery.body)
        .join(Version, Version.delivery_id == Delivery.id)
        .where(
            Version.record_id == record_id,
            Version.no == version,
            Delivery.company_id == company_id,
        )
    )


def pushes(session: Session, record_id: int) -> tuple[PushRow, ...]:
    """Every push of the record with its attempts, oldest first."""
    found = session.execute(
        select(
            Push.id,
            Push.posting_id,
            Push.no,
            Push.action,
            Push.number,
            Push.key,
            Push.hash,
            Push.state,
            Push.error_class,
            Push.error,
            Push.target_ref,
            Push.made_at,
            Push.closed_at,
        )
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.record_id == record_id)
        .order_by(Push.id)
    ).all()
    tries = attempts(session, [row[0] for row in found])
    return tuple(
        PushRow(*row, attempts=tuple(a for a in tries if a.push_id == row[0])) for row in found
    )


def attempts(session: Session, push_ids: list[int]) -> tuple[AttemptRow, ...]:
    """The tries of these pushes, oldest first."""
    if not push_ids:
        return ()
    rows = session.execute(
        select(
            Attempt.id,
            Attempt.push_id,
            Attempt.no,
            Attempt.state,
            Attempt.error_class,
            Attempt.error,
            Attempt.target_ref,
            Attempt.at,
            Request.id,
            Request.kind,
            Request.made_at,
            Request.answered_at,
            Request.status,
            Request.headers,
            Request.sha256,
            Request.answer,
            Attempt.row,
            Request.body.is_not(None),
        )
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id.in_(push_ids))
        .order_by(Attempt.id)
    )
    return tuple(AttemptRow(*row) for row in rows)


def request_body(session: Session, company_id: int, request_id: int) -> tuple[bytes, str] | None:
    """The bytes of one call with their hash, if the company's connection made it."""
    owner = aliased(Connection)
    row = session.execute(
        select(Request.body, Request.sha256)
        .join(owner, owner.id == Request.connection_id)
        .where(Request.id == request_id, owner.company_id == company_id)
    ).first()
    return (row[0], row[1]) if row and row[0] is not None else None
