"""Where the records of one number stand: for a shop that asks about its order.

Here: the record, its documents and its open exceptions; the oldest of these of each of several
records. Not here: the whole story
(holding/records), finding by names (search.py).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.access.actors import hiding_each
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.models import Cause, Connection, Hold, Person, Posting, Team
from holding.db.models.columns import RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.worklist import search
from rules.decisions.posting_steps import told_later
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True)
class Document:
    """A document that the record has, or is to have, in a target; `target_ref` is its id there."""

    record_id: int
    number: str
    connection: str
    doc_type: str
    state: PostingState
    reason: str
    amount: int | None
    currency: str
    target_ref: str | None
    posted_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenHold:
    """An open exception; `owner` is a person, or the team where nobody took it."""

    record_id: int
    hold: int
    code: str
    error_class: ErrorClass
    message: str
    owner: str | None
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """One record with what became of it; amounts are in minor units of the currency."""

    number: str
    source: str
    kind: str
    external_id: str
    state: RecordState
    amount: int | None
    currency: str
    seen_at: datetime
    documents: tuple[Document, ...]
    holds: tuple[OpenHold, ...]


_DOCUMENT = Columns(
    Document(
        record_id=of(Posting.record_id),
        number=of(Posting.number),
        connection=of(Connection.name),
        doc_type=of(Posting.doc_type),
        state=of(Posting.state),
        reason=of(Posting.reason),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        target_ref=of(Posting.target_ref),
        posted_at=of(Posting.posted_at),
    ),
    {"connection": "connection.name"},
)
_HOLD = Columns(
    OpenHold(
        record_id=of(Hold.record_id),
        hold=of(Hold.id),
        code=of(Hold.code),
        error_class=of(Hold.error_class),
        message=of(Hold.message),
        owner=of(func.coalesce(Person.name, Team.shown).label("owner")),
        opened_at=of(Hold.opened_at),
    ),
    {"hold": "hold.id"},
)


def whereabouts(
    session: Session, company_id: int, number: str, *, show_personal: bool
) -> tuple[Whereabouts, ...]:
    """The records whose own number, id at the source, or document has exactly this number, newest
    first; none where there is none. Personal values in sentences are masked unless they are shown.
    """
    found = search.exact(session, company_id, number)
    ids = [one.id for one in found]
    hide = hiding_each(session, ids, show=show_personal)
    documents, holds = _documents(session, ids), _holds(session, ids)
    return tuple(
        Whereabouts(
            number=one.number,
            source=one.source,
            kind=one.kind,
            external_id=one.external_id,
            state=one.state,
            amount=one.amount,
            currency=one.currency,
            seen_at=one.seen_at,
            documents=tuple(
                replace(document, reason=hide(one.id, told_later(document.reason, document.state)))
                for document in documents
                if document.record_id == one.id
            ),
            holds=tuple(
                replace(hold, message=hide(one.id, hold.message))
                for hold in holds
                if hold.record_id == one.id
            ),
        )
        for one in found
    )


def _documents(session: Session, ids: Sequence[int]) -> tuple[Document, ...]:
    query = _DOCUMENT.select().join(Connection, Connection.id == Posting.connection_id)
    query = query.where(bulk.among(Posting.record_id, ids)).order_by(Posting.id)
    return _DOCUMENT.each(session.execute(query))


def _holds(session: Session, ids: Sequence[int]) -> tuple[OpenHold, ...]:
    query = (
        _HOLD.select()
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(bulk.among(Hold.record_id, ids), HOLD_OPEN)
        .order_by(Hold.id)
    )
    return _HOLD.each(session.execute(query))


@dataclass(frozen=True, slots=True)
class OfRecord:
    """The open hold of a record that waits longest, with what its cause is called; `table` is the
    mapping table that lacks a value, if that is the cause.
    """

    record_id: int
    hold_id: int
    cause_id: int
    label: str
    table: str | None


OF_RECORD = Columns(
    OfRecord(
        record_id=of(Hold.record_id),
        hold_id=of(Hold.id),
        cause_id=of(Cause.id),
        label=of(Cause.label),
        table=of(Cause.table_name),
    ),
    {"hold_id": "hold.id", "cause_id": "cause.id", "table": "cause.table_name"},
)


def first_of(session: Session, company_id: int, record_ids: Collection[int]) -> dict[int, OfRecord]:
    """Record id -> its oldest open hold; records without one are left out."""
    if not record_ids:
        return {}
    query = (
        OF_RECORD.select()
        .join(Cause, Cause.id == Hold.cause_id)
        .where(Hold.company_id == company_id, HOLD_OPEN)
        .where(bulk.among(Hold.record_id, sorted(set(record_ids))))
        .order_by(Hold.id.desc())
    )
    return {one.record_id: one for one in OF_RECORD.each(session.execute(query))}
