"""Held records grouped by cause, the members of a group, holds that ended.

Here: lists, paged by key. Not here: totals and facets (holds.py), one hold with all beside it
(hold.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from holding.entries import missing_in, table_and_key
from holding.models import (
    Cause,
    Connection,
    Hold,
    Person,
    Posting,
    Record,
    Team,
    Version,
)
from holding.queries.rows import each
from holding.queries.wanted import Filter, terms
from rules.outcome import NEEDS_APPROVAL

GROUPS_A_PAGE = 50
MEMBERS_A_PAGE = 20
APPROVED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Group:
    """A cause with the records it blocks, each once."""

    id: int
    error_class: str
    key: str
    label: str
    rule: str
    team: str | None
    records: int
    book: int
    since: datetime
    members: tuple["Member", ...] | None = None
    more: int | None = None  # the hold to go on after, when there are more

    @property
    def table(self) -> str | None:
        """The mapping table in which its key is missing, if that is the cause."""
        return missing_in(self.key)

    @property
    def value(self) -> str:
        """The key that is missing there."""
        return table_and_key(self.key)[1]

    @property
    def approval(self) -> bool:
        """Whether the group waits for a consent rather than for a change."""
        return self.key.startswith("approve:")


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
    state: str


@dataclass(frozen=True, slots=True)
class ClosedHold:
    """A hold that ended, and how."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    error_class: str
    message: str
    state: str
    why: str | None
    by: str | None
    opened_at: datetime
    closed_at: datetime
    amount: int | None
    currency: str
    record_id: int


def groups(
    session: Session, company_id: int, wanted: Filter, after: tuple[int, int] | None = None
) -> tuple[Group, ...]:
    """Causes with the records they block, worst money first; one more than a page for more."""
    single = (
        select(
            Hold.cause_id,
            Hold.record_id,
            func.coalesce(func.max(Hold.book), 0).label("book"),
            func.min(Hold.opened_at).label("since"),
        )
        .where(*terms(company_id, wanted))
        .group_by(Hold.cause_id, Hold.record_id)
        .subquery()
    )
    money = func.sum(single.c.book)
    summed = (
        select(
            single.c.cause_id,
            func.count().label("records"),
            money.label("book"),
            func.min(single.c.since).label("since"),
        )
        .group_by(single.c.cause_id)
        .order_by(money.desc(), single.c.cause_id)
        .limit(GROUPS_A_PAGE + 1)
    )
    if after is not None:
        summed = summed.having(
            or_(money < after[0], and_(money == after[0], single.c.cause_id > after[1]))
        )
    top = summed.subquery()
    rows = session.execute(
        select(
            Cause.id,
            Cause.error_class,
            Cause.key,
            Cause.label,
            Cause.rule,
            Team.shown,
            top.c.records,
            top.c.book,
            top.c.since,
        )
        .join(top, top.c.cause_id == Cause.id)
        .outerjoin(Team, Team.id == Cause.team_id)
        .order_by(top.c.book.desc(), Cause.id)
    )
    return each(Group, rows)


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
        _member_columns()
        .where(*terms(company_id, wanted), Hold.cause_id == cause_id)
        .order_by(Hold.id)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(Hold.id > after)
    return each(Member, session.execute(query))


def chosen(
    session: Session,
    company_id: int,
    *,
    postings: tuple[int, ...] = (),
    cause_id: int | None = None,
    after: int = 0,
) -> tuple[Member, ...]:
    """Postings that wait for a consent: these, or those of a cause, oldest first, as many as are
    approved at once, of the holds after that one.

    Each with its document's money, which is what would be sent. A posting that asks for several
    levels stands there once.
    """
    amount = func.coalesce(Posting.amount, Record.amount)
    currency = func.coalesce(Posting.currency, Record.currency)
    query = _member_columns(amount, currency).order_by(Hold.id)
    if cause_id is None:
        query = query.where(*_asking(company_id), Hold.posting_id.in_(postings))
    else:
        query = query.where(*_of_cause(company_id, cause_id, after)).limit(APPROVED_AT_ONCE)
    once: dict[int | None, Member] = {}
    for row in session.execute(query):
        member = Member(*row)
        once.setdefault(member.posting_id, member)
    return tuple(once.values())


def decided(session: Session, company_id: int, postings: Sequence[int]) -> tuple[Member, ...]:
    """Postings that waited for a consent, whatever became of it, by their last hold."""
    amount = func.coalesce(Posting.amount, Record.amount)
    currency = func.coalesce(Posting.currency, Record.currency)
    query = _member_columns(amount, currency).order_by(Hold.id)
    query = query.where(Hold.company_id == company_id, Hold.code == NEEDS_APPROVAL)
    rows = session.execute(query.where(Hold.posting_id.in_(postings)))
    last = {row.posting_id: row for row in each(Member, rows)}
    return tuple(sorted(last.values(), key=lambda row: row.id))


def beyond(session: Session, company_id: int, cause_id: int, after: int) -> int:
    """How many of a cause wait for a consent after this hold."""
    count = select(func.count()).select_from(Hold)
    return session.scalar(count.where(*_of_cause(company_id, cause_id, after))) or 0


def _asking(company_id: int) -> tuple[ColumnElement[bool], ...]:
    return (Hold.company_id == company_id, Hold.state == "open", Hold.code == NEEDS_APPROVAL)


def _of_cause(company_id: int, cause_id: int, after: int) -> tuple[ColumnElement[bool], ...]:
    return (*_asking(company_id), Hold.cause_id == cause_id, Hold.id > after)


def closed(session: Session, company_id: int, after: int | None = None) -> tuple[ClosedHold, ...]:
    """Holds that ended, newest first."""
    query = (
        select(
            Hold.id,
            Hold.number,
            Connection.name,
            Record.type,
            Record.external_id,
            Hold.error_class,
            Hold.message,
            Hold.state,
            Hold.closed_why,
            Person.name,
            Hold.opened_at,
            Hold.closed_at,
            Record.amount,
            Record.currency,
            Record.id,
        )
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Person, Person.id == Hold.closed_by_id)
        .where(Hold.company_id == company_id, Hold.state != "open")
        .order_by(Hold.closed_at.desc(), Hold.id.desc())
        .limit(GROUPS_A_PAGE)
    )
    if after is not None:
        last = select(Hold.closed_at).where(Hold.id == after).scalar_subquery()
        query = query.where(
            or_(Hold.closed_at < last, and_(Hold.closed_at == last, Hold.id < after))
        )
    return each(ClosedHold, session.execute(query))


def _member_columns(amount: Any = Record.amount, currency: Any = Record.currency) -> Any:
    return (
        select(
            Hold.id,
            Hold.cause_id,
            Record.number,
            Connection.name,
            Record.type,
            Record.external_id,
            Version.no,
            Record.party,
            Hold.doc_type,
            amount,
            currency,
            Hold.opened_at,
            Hold.message,
            Hold.posting_id,
            Posting.hash,
            Record.state,
        )
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
    )
