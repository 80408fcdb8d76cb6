"""Show the documents of one approval with their amounts and current states."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import OF_PROGRAMS
from holding.access.reach import within
from holding.approvals.sent_amounts import amount_of, content_amount
from holding.db import bulk
from holding.db.models import (
    Approval,
    Cause,
    Connection,
    Event,
    Hold,
    Operation,
    Person,
    Posting,
    Record,
)
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Sums, by_key
from rules.values.canonical import PostingState
from rules.values.wording import title_text

MOST_LISTED: Final = 20
_LOOKED_THROUGH: Final = 5_000
"""So many of the documents that a person approved last are looked through for their forms."""


class Fate(StrEnum):
    """The result for a document of an approval. Results that need a person come first."""

    REFUSED = "refused"
    VOID = "void"
    HELD = "held"
    NOT_POSTED = "not_posted"
    UNDONE = "undone"
    ON_ITS_WAY = "on_its_way"
    POSTED = "posted"


@dataclass(frozen=True, slots=True)
class Decided:
    """One selected document.

    `amount`: the approved amount in minor units, or the current one if it was not approved. `why`:
    why it was left out, or the cause of the hold `hold_id`.
    """

    posting_id: int
    record_id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    doc_type: str
    amount: int | None
    currency: str
    state: PostingState
    fate: Fate
    why: str
    hold_id: int | None


@dataclass(frozen=True, slots=True)
class Some:
    """A number of documents and their amounts."""

    count: int
    money: Sums

    @property
    def less(self) -> Sums:
        """Return the amounts with the opposite sign."""
        return {code: -minor for code, minor in self.money.items()}


@dataclass(frozen=True, slots=True)
class Result:
    """An approval: its author, time and reason, and each selected document."""

    op: str
    by: str
    at: datetime
    reason: str
    rows: tuple[Decided, ...]

    def of(self, *fates: Fate) -> Some:
        """Return the documents with these fates; without arguments all documents."""
        return some(row for row in self.rows if row.fate in (fates or tuple(Fate)))

    @property
    def approved(self) -> Some:
        """Return the approved documents, whatever happened since."""
        return self.of(*(fate for fate in Fate if fate is not Fate.REFUSED))


@dataclass(frozen=True, slots=True)
class Given:
    """An approval in a list: its form and time, the first document's number and the count."""

    op: str
    at: datetime
    number: str
    count: int


def some(rows: Iterable[Decided]) -> Some:
    """Return the count and sums of these documents."""
    documents = list(rows)
    return Some(
        len(documents), by_key((None, row.currency, row.amount) for row in documents).get(None, {})
    )


def result(session: Session, actor: Actor, op: str) -> Result | None:
    """Return the result of this form's approval, or None if the person may see none of its
    documents.
    """
    form = session.get(Operation, op)
    answer = form.answer if form is not None else None
    is_own = form is not None and form.company_id == actor.company_id
    if (
        not is_own
        or not isinstance(answer, Mapping)
        or not {"done", "refused", "ready"} <= {*answer}
    ):
        return None
    refused = {int(refusal["posting_id"]): str(refusal["reason"]) for refusal in answer["refused"]}
    rows = _decided(session, actor, op, [*answer["done"], *refused], refused)
    if not rows or form is None:
        return None
    reason = session.scalar(select(Approval.reason).where(Approval.operation_id == op).limit(1))
    by = session.get_one(Person, form.person_id).name
    return Result(op, by, form.at, reason or "", rows)


def given(session: Session, actor: Actor) -> tuple[Given, ...]:
    """Return the latest approvals that this person gave by a form, newest first."""
    newest = (
        select(Event.operation_id, Event.at, Posting.number)
        .join(Posting, Posting.id == Event.posting_id)
        .where(Event.company_id == actor.company_id, Event.person_id == actor.person_id)
        .where(Event.act == "posting.approved", Event.operation_id.is_not(None))
        .where(*within(actor.reach, Posting))
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(_LOOKED_THROUGH)
    )
    rows_by_form: dict[str, list[Any]] = {}
    for row in session.execute(newest):
        rows_by_form.setdefault(row.operation_id, []).append(row)
    forms = [(op, rows) for op, rows in rows_by_form.items() if not op.startswith(OF_PROGRAMS)]
    listed = [(op, rows[-1], len(rows)) for op, rows in forms[:MOST_LISTED]]
    return tuple(Given(op, row.at, row.number, count) for op, row, count in listed)


def _decided(
    session: Session, actor: Actor, op: str, ids: Sequence[int], refused: Mapping[int, str]
) -> tuple[Decided, ...]:
    of_operation = and_(Approval.posting_id == Posting.id, Approval.operation_id == op)
    query = (
        select(Posting, Record, Connection.name.label("source"), Approval)
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Approval, of_operation)
        .where(Posting.company_id == actor.company_id, bulk.among(Posting.id, sorted(set(ids))))
        .where(*within(actor.reach, Posting))
        .order_by(Posting.id)
    )
    rows_by_posting = {row.Posting.id: row for row in session.execute(query)}
    holds = _holds(session, [row.Record.id for row in rows_by_posting.values()])
    undone = session.scalar(select(Operation.undone_at).where(Operation.id == op))
    rows = []
    for row in rows_by_posting.values():
        fate = _fate(row, undone, refused)
        hold = holds.get(row.Record.id) if fate in (Fate.HELD, Fate.VOID) else None
        rows.append(_row(row, fate, refused.get(row.Posting.id, ""), hold))
    return tuple(
        sorted(
            rows, key=lambda document: (list(Fate).index(document.fate), -(document.amount or 0))
        )
    )


def _fate(row: Any, undone: datetime | None, refused: Mapping[int, str]) -> Fate:
    if row.Approval is None:
        return Fate.REFUSED if row.Posting.id in refused else Fate.VOID
    if row.Approval.voided_at is not None:
        return Fate.UNDONE if row.Approval.voided_at == undone else Fate.VOID
    return _OF_STATE.get(row.Posting.state, Fate.ON_ITS_WAY)


_OF_STATE: Final = {
    PostingState.HELD: Fate.HELD,
    PostingState.FAILED: Fate.HELD,
    PostingState.IGNORED: Fate.NOT_POSTED,
    PostingState.DROPPED: Fate.NOT_POSTED,
    PostingState.POSTED: Fate.POSTED,
    PostingState.REVERSED: Fate.POSTED,
}
"""Of others it is on its way."""


def _row(row: Any, fate: Fate, why: str, hold: tuple[int, str] | None) -> Decided:
    posting, record = row.Posting, row.Record
    amount, currency = _amount(row)
    return Decided(
        posting_id=posting.id,
        record_id=record.id,
        number=record.number,
        source=row.source,
        kind=record.type,
        external_id=record.external_id,
        party=record.party,
        doc_type=posting.doc_type,
        amount=amount,
        currency=currency,
        state=posting.state,
        fate=fate,
        why=hold[1] if hold else why,
        hold_id=hold[0] if hold else None,
    )


def _amount(row: Any) -> tuple[int | None, str]:
    """Return the approved amount, because the document may have changed since."""
    currency = row.Posting.currency or row.Record.currency
    if row.Approval is not None:
        approved = content_amount(row.Approval.content, currency)
        if approved[0] is not None:
            return approved
    sent = amount_of(row.Posting)
    if sent.amount is None:
        return row.Record.amount, currency
    return sent.amount, sent.currency


def _holds(session: Session, records: Collection[int]) -> dict[int, tuple[int, str]]:
    """Return record -> its oldest open hold and the cause's label."""
    query = (
        select(Hold.record_id, Hold.id, Cause.label)
        .join(Cause, Cause.id == Hold.cause_id)
        .where(HOLD_OPEN, bulk.among(Hold.record_id, sorted(set(records))))
        .order_by(Hold.id.desc())
    )
    return {row.record_id: (row.id, title_text(row.label)) for row in session.execute(query)}
