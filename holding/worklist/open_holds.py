"""List open and closed holds, and the records and postings of one state."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.access.actors import ACTS, hiding_each
from holding.approvals.sent_amounts import POSTED_CURRENCY, POSTED_NOW
from holding.db.bulk import Columns, known, of
from holding.db.held_amounts import HELD_AMOUNT, HELD_CURRENCY
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Cause,
    Connection,
    Hold,
    Membership,
    Person,
    Posting,
    Record,
    Team,
    Version,
)
from holding.db.models.columns import HoldState, among_words, is_word
from holding.db.models.decisions import HOLD_CLOSED, HOLD_OPEN
from holding.db.models.postings import ENDED, LEFT_OUT_STATES
from rules.values.canonical import PostingState
from rules.values.cause_keys import Clearing

RECORDS_A_PAGE = 50

UNCERTAIN = ~among_words(Posting.state, ENDED) & is_word(Posting.state, PostingState.UNCERTAIN)
"""The condition for postings with an unknown result, found by the index of open ones."""

STATES = {
    "ignored": among_words(Posting.state, LEFT_OUT_STATES),
    "uncertain": UNCERTAIN,
}


@dataclass(frozen=True, slots=True)
class StateRow:
    """A posting in a state that needs no group."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    state: PostingState
    document: str
    doc_type: str
    reason: str
    amount: int | None
    currency: str
    since: datetime
    record_id: int


STATE = Columns(
    StateRow(
        id=of(Posting.id),
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        party=of(Record.party),
        state=of(Posting.state),
        document=of(Posting.number),
        doc_type=of(Posting.doc_type),
        reason=of(Posting.reason),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        since=of(Record.seen_at),
        record_id=of(Record.id),
    ),
    {
        "source": "connection.name",
        "kind": "record.type",
        "document": "posting.number",
        "since": "record.seen_at",
    },
)

OPEN_PAGE_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """One open hold.

    `hash` is what an approval is bound to. `lock` and `version` identify it for bulk actions,
    `version_no` for a correction. `amount` is in minor units: for an approval the amount to be
    sent, with the amount posted now in `posted_now`.
    """

    hold: int
    code: str
    error_class: ErrorClass
    rule: str
    message: str
    clears: Clearing
    team: str | None
    opened_at: datetime
    source: str
    kind: str
    external_id: str
    posting: int | None
    number: str
    document: str
    amount: int | None
    currency: str
    hash: str | None
    lock: int
    version: int | None
    version_no: int | None
    posted_now: int | None = None
    posted_currency: str = ""


WAITING = Columns(
    Waiting(
        hold=of(Hold.id),
        code=of(Hold.code),
        error_class=of(Hold.error_class),
        rule=of(Hold.rule),
        message=of(Hold.message),
        clears=of(Hold.clears),
        team=of(Team.name),
        opened_at=of(Hold.opened_at),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        posting=of(Posting.id),
        number=of(Hold.number),
        document=of(Hold.doc_type),
        amount=of(HELD_AMOUNT),
        currency=of(HELD_CURRENCY),
        hash=of(Posting.hash),
        lock=of(Hold.lock),
        version=of(Record.version_id),
        version_no=of(Version.no),
        posted_now=of(POSTED_NOW),
        posted_currency=of(POSTED_CURRENCY),
    ),
    {
        "hold": "hold.id",
        "team": "team.name",
        "source": "connection.name",
        "kind": "record.type",
        "posting": "posting.id",
        "document": "hold.doc_type",
        "version": "record.version_id",
    },
)


@dataclass(frozen=True, slots=True)
class ListedHold:
    """One open hold in a list, with cause and owner; `amount` is its record's, in minor units.

    An approval has the amount that will be sent, and what is posted now in `posted_now`.
    """

    id: int
    record_id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    error_class: ErrorClass
    cause: str
    message: str
    rule: str
    team: str | None
    person: str | None
    doc_type: str
    opened_at: datetime
    snoozed_until: datetime | None
    amount: int | None
    currency: str
    posted_now: int | None = None
    posted_currency: str = ""


LISTED = Columns(
    ListedHold(
        id=of(Hold.id),
        record_id=of(Record.id),
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        party=of(Record.party),
        error_class=of(Hold.error_class),
        cause=of(Cause.label),
        message=of(Hold.message),
        rule=of(Hold.rule),
        team=of(Team.shown),
        person=of(Person.name),
        doc_type=of(Hold.doc_type),
        opened_at=of(Hold.opened_at),
        snoozed_until=of(Hold.snoozed_until),
        amount=of(HELD_AMOUNT),
        currency=of(HELD_CURRENCY),
        posted_now=of(POSTED_NOW),
        posted_currency=of(POSTED_CURRENCY),
    ),
    {
        "record_id": "record.id",
        "source": "connection.name",
        "kind": "record.type",
        "cause": "cause.label",
        "team": "team.shown",
        "person": "person.name",
    },
)

CLOSED_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class ClosedHold:
    """A hold that ended, and how."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    error_class: ErrorClass
    message: str
    state: HoldState
    why: str | None
    by: str | None
    opened_at: datetime
    closed_at: datetime
    amount: int | None
    currency: str
    record_id: int

    @property
    def accepted(self) -> bool:
        """Whether a user accepted the target's different amount."""
        return self.state == HoldState.RELEASED and self.error_class == "stale_version"


CLOSED = Columns(
    ClosedHold(
        id=of(Hold.id),
        number=of(Hold.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        error_class=of(Hold.error_class),
        message=of(Hold.message),
        state=of(Hold.state),
        why=of(Hold.closed_why),
        by=of(Person.name),
        opened_at=of(Hold.opened_at),
        closed_at=known(Hold.closed_at),
        amount=of(Record.amount),
        currency=of(Record.currency),
        record_id=of(Record.id),
    ),
    {
        "source": "connection.name",
        "kind": "record.type",
        "why": "hold.closed_why",
        "by": "person.name",
    },
)


def postings_in_state(
    session: Session,
    company_id: int,
    view: str,
    after: int | None = None,
    most: int = RECORDS_A_PAGE,
) -> tuple[StateRow, ...]:
    """Return postings that were ignored or dropped, or whose result is unknown; newest first."""
    query = (
        STATE.select()
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Posting.company_id == company_id, STATES[view])
        .order_by(Posting.id.desc())
        .limit(most)
    )
    if after is not None:
        query = query.where(Posting.id < after)
    return STATE.each(session.execute(query))


def list_colleagues(session: Session, company_id: int) -> tuple[tuple[int, str], ...]:
    """Return the users who may take a hold, by name."""
    rows = session.execute(
        select(Person.id, Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.company_id == company_id,
            Membership.role.in_(sorted(ACTS["hold.assign"])),
            Person.active,
        )
        .distinct()
        .order_by(Person.name),
        execution_options=KEPT,
    )
    return tuple((row.id, row.name) for row in rows)


def open_page(
    session: Session, company_id: int, *, after: int, hidden: Collection[str]
) -> list[Waiting]:
    """Return the open holds of a company after an id, in order of ids; hidden values are masked."""
    query = (
        WAITING.select(Hold.record_id)
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.company_id == company_id, HOLD_OPEN, Hold.id > after)
        .order_by(Hold.id)
        .limit(OPEN_PAGE_SIZE)
    )
    result = session.execute(query)
    read, rows = WAITING.reader(result), result.all()
    hide = hiding_each(session, [row.record_id for row in rows], hidden)
    return [replace(read(row), message=hide(row.record_id, row.message)) for row in rows]


def list_holds(
    session: Session, terms: Iterable[ColumnElement[bool]], *, after: int | None, most: int
) -> tuple[ListedHold, ...]:
    """Return the open holds that match conditions, after an id, in order of ids."""
    query = (
        LISTED.select()
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .join(Cause, Cause.id == Hold.cause_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .where(*terms, Hold.id > (after or 0))
        .order_by(Hold.id)
        .limit(most)
    )
    return LISTED.each(session.execute(query))


def closed_page(
    session: Session, company_id: int, after: int | None = None, most: int = CLOSED_PAGE_SIZE
) -> tuple[ClosedHold, ...]:
    """Return holds that ended, newest first."""
    query = (
        CLOSED.select()
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Person, Person.id == Hold.closed_by_id)
        .where(Hold.company_id == company_id, HOLD_CLOSED)
        .order_by(Hold.closed_at.desc(), Hold.id.desc())
        .limit(most)
    )
    if after is not None:
        last = select(Hold.closed_at).where(Hold.id == after).scalar_subquery()
        query = query.where(
            or_(Hold.closed_at < last, and_(Hold.closed_at == last, Hold.id < after))
        )
    return CLOSED.each(session.execute(query))
