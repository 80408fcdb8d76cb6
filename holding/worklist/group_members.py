"""The members of a group of held records: the holds of a cause, and those that ask for a consent.

Here: lists, paged by key. Not here: the groups (groups.py), one hold with all beside it
(hold_detail.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.models import Connection, Hold, Posting, Record, Version
from holding.db.models.columns import RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.together import KEPT, NO_OPTIONS, Question, at_most
from holding.worklist.filters import Filter, terms
from rules.outcomes.outcome import NEEDS_APPROVAL
from rules.values.cause_keys import Clearing

MEMBERS_A_PAGE = 20
APPROVED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Member:
    """One held record in a list."""

    id: int
    cause_id: int
    number: str
    source: str
    kind: str
    external_id: str
    version: int | None
    party: str
    doc_type: str
    amount: int | None
    currency: str
    opened_at: datetime
    message: str
    posting_id: int | None
    posting_hash: str | None
    state: RecordState
    clears: Clearing


_MEMBER = Member(
    id=of(Hold.id),
    cause_id=of(Hold.cause_id),
    number=of(Record.number),
    source=of(Connection.name),
    kind=of(Record.type),
    external_id=of(Record.external_id),
    version=of(Version.no),
    party=of(Record.party),
    doc_type=of(Hold.doc_type),
    amount=of(Record.amount),
    currency=of(Record.currency),
    opened_at=of(Hold.opened_at),
    message=of(Hold.message),
    posting_id=of(Hold.posting_id),
    posting_hash=of(Posting.hash),
    state=of(Record.state),
    clears=of(Hold.clears),
)
_RENAMED = {"source": "connection.name", "kind": "record.type", "version": "version.no"}
MEMBER = Columns(_MEMBER, _RENAMED)
ASKING = Columns(
    replace(
        _MEMBER,
        amount=of(func.coalesce(Posting.amount, Record.amount).label("amount")),
        currency=of(func.coalesce(Posting.currency, Record.currency).label("currency")),
    ),
    _RENAMED,
)
"""The same with the money of the document, which is what would be sent."""


def members(
    session: Session,
    company_id: int,
    wanted: Filter,
    cause_id: int,
    *,
    after: int | None = None,
    limit: int = MEMBERS_A_PAGE,
) -> tuple[Member, ...]:
    """The holds of one cause, oldest first; one more than asked when there is more."""
    query = (
        _members(MEMBER)
        .where(*terms(company_id, wanted), Hold.cause_id == cause_id)
        .order_by(Hold.id)
        .limit(at_most(limit + 1))
    )
    if after is not None:
        query = query.where(Hold.id > after)
    plan = NO_OPTIONS if wanted.searched else KEPT
    return MEMBER.each(session.execute(query, execution_options=plan))


def chosen(
    session: Session,
    company_id: int,
    *,
    postings: tuple[int, ...] = (),
    cause_id: int | None = None,
    wanted: Filter | None = None,
    after: int = 0,
) -> tuple[Member, ...]:
    """Postings that wait for a consent: these, or those of a cause that a filter finds, oldest
    first, as many as are approved at once, of the holds after that one.

    Each with its document's money, which is what would be sent. A posting that asks for several
    levels is listed once.
    """
    query = _members(ASKING).order_by(Hold.id)
    if cause_id is None:
        query = query.where(*_asking(company_id), Hold.posting_id.in_(postings))
    else:
        query = query.where(*_of_cause(company_id, cause_id, wanted, after))
        query = query.limit(at_most(APPROVED_AT_ONCE))
    one_off = cause_id is None or (wanted is not None and wanted.searched)
    plan = NO_OPTIONS if one_off else KEPT
    once: dict[int | None, Member] = {}
    for member in ASKING.each(session.execute(query, execution_options=plan)):
        once.setdefault(member.posting_id, member)
    return tuple(once.values())


def decided(session: Session, company_id: int, postings: Sequence[int]) -> tuple[Member, ...]:
    """Postings that waited for a consent, whatever became of it, by their last hold."""
    query = _members(ASKING).order_by(Hold.id)
    query = query.where(Hold.company_id == company_id, Hold.code == NEEDS_APPROVAL)
    rows = session.execute(query.where(Hold.posting_id.in_(postings)))
    last = {row.posting_id: row for row in ASKING.each(rows)}
    return tuple(sorted(last.values(), key=lambda row: row.id))


def beyond(
    company_id: int, cause_id: int, after: int, wanted: Filter | None = None
) -> Question[int]:
    """How many of a cause that a filter finds wait for a consent after this hold."""
    count = select(func.count()).select_from(Hold)
    rows = yield count.where(*_of_cause(company_id, cause_id, wanted, after))
    return rows.scalar() or 0


def _asking(company_id: int) -> tuple[ColumnElement[bool], ...]:
    return (Hold.company_id == company_id, HOLD_OPEN, Hold.code == NEEDS_APPROVAL)


def _of_cause(
    company_id: int, cause_id: int, wanted: Filter | None, after: int
) -> tuple[ColumnElement[bool], ...]:
    found = terms(company_id, wanted) if wanted else ()
    return (*_asking(company_id), Hold.cause_id == cause_id, Hold.id > after, *found)


def _members(columns: Columns[Member]) -> Select[Any]:
    return (
        columns.select()
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
    )
