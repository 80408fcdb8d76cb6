"""What the dashboard and the frame of every page say: who must act, what came in, what waits.

Here: reads, sums over whole states. Not here: groups by cause (filters.py) and pills
(holding/runs/date_ranges.py).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    and_,
    cast,
    func,
    null,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from connectors import registry
from holding.store.row_objects import Columns, of
from holding.tables import (
    Cause,
    Company,
    Connection,
    Hold,
    Person,
    Posting,
    Record,
    RulesetVersion,
    Team,
)
from holding.tables.decisions import HOLD_CLOSED, HOLD_OPEN
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """The company of a page."""

    id: int
    code: str
    name: str
    zone: str
    currency: str
    revision: int
    ruleset_no: int | None
    ruleset_version_id: int | None


def company(session: Session, code: str) -> CompanyRow | None:
    """The company with this code."""
    row = session.execute(
        select(Company, RulesetVersion.no)
        .outerjoin(RulesetVersion, RulesetVersion.id == Company.ruleset_version_id)
        .where(Company.code == code)
    ).first()
    if row is None:
        return None
    found, ruleset_no = row
    return CompanyRow(
        id=found.id,
        code=found.code,
        name=found.name,
        zone=found.zone,
        currency=found.currency,
        revision=found.revision,
        ruleset_no=ruleset_no,
        ruleset_version_id=found.ruleset_version_id,
    )


POSTED = ("posted", "reversed")
HELD = ("held", "failed", "uncertain")
IGNORED = ("ignored", "dropped")
DUPLICATE = "duplicate"
DOCUMENTS = sorted({document.name for document in registry.schemas()[0]})
"""All document types: the index of days is asked for each by its name."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who must act: a person, or the team where nobody took it."""

    name: str | None
    records: int
    book: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Oldest:
    """The hold that waits longest."""

    hold_id: int
    number: str
    owner: str | None
    opened_at: datetime


OLDEST = Columns(
    Oldest(
        hold_id=of(Hold.id),
        number=of(Record.number),
        owner=of(func.coalesce(Person.name, Team.shown).label("owner")),
        opened_at=of(Hold.opened_at),
    ),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Records that would have been posted a second time, and their money."""

    records: int
    book: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Records of some time by where they stand; the four add up to `received`."""

    received: int
    posted: int
    held: int
    waiting: int
    ignored: int


@dataclass(frozen=True, slots=True)
class Day(Sum):
    """The records of one document date."""

    day: date


@dataclass(frozen=True, slots=True)
class Booked:
    """What the targets have of one document date: document type -> money in the company's
    currency; a document that was taken back by another one is still there, a void one is not.
    """

    day: date
    money: dict[str, int]


def owners(session: Session, company_id: int) -> tuple[Owner, ...]:
    """Who must act, most money first; each record once an owner."""
    name = func.coalesce(Person.name, Team.shown).label("owner")
    each = (
        select(
            name,
            Hold.record_id,
            func.coalesce(func.max(Hold.book), 0).label("book"),
            func.min(Hold.opened_at).label("since"),
        )
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.company_id == company_id, HOLD_OPEN)
        .group_by(name, Hold.record_id)
        .subquery()
    )
    money = func.sum(each.c.book)
    rows = session.execute(
        select(
            each.c.owner,
            func.count().label("records"),
            money.label("book"),
            func.min(each.c.since).label("oldest"),
        )
        .group_by(each.c.owner)
        .order_by(money.desc(), each.c.owner)
    )
    return tuple(
        Owner(name=row.owner, records=int(row.records), book=int(row.book), oldest=row.oldest)
        for row in rows
    )


def oldest(session: Session, company_id: int) -> Oldest | None:
    """The open hold that waits longest."""
    found = session.execute(
        OLDEST.select()
        .join(Record, Record.id == Hold.record_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.company_id == company_id, HOLD_OPEN)
        .order_by(Hold.opened_at, Hold.id)
        .limit(1)
    )
    return OLDEST.first(found)


def kept_out(session: Session, company_id: int, since: datetime) -> Kept:
    """What is held as a duplicate, or was since then and ended without a posting."""
    still = (
        select(Hold.record_id)
        .join(Cause, Cause.id == Hold.cause_id)
        .where(Cause.company_id == company_id, Cause.error_class == DUPLICATE, Cause.records > 0)
        .where(HOLD_OPEN)
    )
    ended = (
        select(Hold.record_id)
        .join(Record, Record.id == Hold.record_id)
        .where(Hold.company_id == company_id, Hold.closed_at >= since, HOLD_CLOSED)
        .where(Hold.error_class == DUPLICATE, Record.state.in_(IGNORED))
    )
    query = select(func.count(), func.coalesce(func.sum(Record.book), 0)).where(
        Record.id.in_(union(still, ended))
    )
    records, book = session.execute(query).one()
    return Kept(records=records, book=int(book or 0))


def standing(
    session: Session, company_id: int, moment: datetime, last: date, count: int = 14
) -> tuple[Sum, tuple[Day, ...]]:
    """Where records stand: those first seen since a moment, and those of the last document days."""
    first = last - timedelta(days=count - 1)
    seen = (
        select(cast(null(), Date).label("day"), Record.state, func.count().label("records"))
        .where(Record.company_id == company_id, Record.seen_at >= moment)
        .group_by(Record.state)
    )
    dated = (
        select(Record.doc_date, Record.state, func.count())  # day, state, records as above
        .where(Record.company_id == company_id, Record.doc_date >= first, Record.doc_date <= last)
        .group_by(Record.doc_date, Record.state)
    )
    found: dict[date | None, dict[str, int]] = {}
    rows: list[Any] = list(session.execute(union_all(seen, dated)))
    for row in rows:
        found.setdefault(row.day, {})[row.state] = row.records
    each = [first + timedelta(days=n) for n in range(count)]
    return (
        Sum(**_summed(found.get(None, {}))),
        tuple(Day(day=day, **_summed(found.get(day, {}))) for day in each),
    )


def booked(session: Session, company_id: int, last: date, count: int = 14) -> tuple[Booked, ...]:
    """What was posted of the last document days, as the targets have it; each type on its own."""
    first = last - timedelta(days=count - 1)
    targets = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    rows: list[Any] = list(
        session.execute(
            select(Posting.doc_date, Posting.doc_type, func.sum(Posting.book))
            .where(Posting.company_id == company_id, Posting.connection_id.in_(targets))
            .where(Posting.doc_type.in_(DOCUMENTS), Posting.doc_date.between(first, last))
            .where(or_(Posting.state == PostingState.POSTED, there_and_taken_back()))
            .group_by(Posting.doc_date, Posting.doc_type)
        )
    )
    found: dict[date, dict[str, int]] = {first + timedelta(days=n): {} for n in range(count)}
    for day, doc_type, money in rows:
        if money is not None:
            found[day][doc_type] = int(money)
    return tuple(Booked(day, money) for day, money in found.items())


def there_and_taken_back() -> ColumnElement[bool]:
    """Postings that a credit note took back: both documents are in the target."""
    return and_(Posting.state == PostingState.REVERSED, Posting.action != "void")


def _summed(by_state: dict[str, int]) -> dict[str, int]:
    received = sum(by_state.values())
    posted = sum(by_state.get(state, 0) for state in POSTED)
    held = sum(by_state.get(state, 0) for state in HELD)
    ignored = sum(by_state.get(state, 0) for state in IGNORED)
    return {
        "received": received,
        "posted": posted,
        "held": held,
        "ignored": ignored,
        "waiting": received - posted - held - ignored,
    }
