"""List posted documents whose difference from their record a user accepted.

An acceptance counts while its release is valid, the record's content is unchanged, and the target
still has the accepted document. A new version, a credit note, a void or an update ends it.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ScalarSelect, Select, case, func, select, true
from sqlalchemy.orm import Session, aliased

from holding.db import bulk
from holding.db.bulk import Columns, of, whole_sum
from holding.db.kept_plans import KEPT
from holding.db.models import (
    AcceptedDifference,
    Connection,
    Hold,
    Person,
    Posting,
    Record,
    Release,
    Version,
)
from holding.db.models.columns import HoldState
from holding.db.refusal import Sums, added, by_key
from rules.values.canonical import PostingState

A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted difference; amounts in minor units, `wanted` is None if it is unknown."""

    id: int
    record_id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    target: str
    document: str
    doc_type: str
    doc_date: date | None
    route: str
    currency: str
    posted: int | None
    wanted: int | None
    version: int
    by: str | None
    at: datetime
    reason: str
    hold_id: int | None
    there: int | None  # what all documents of its route make together

    @property
    def change(self) -> int | None:
        """The record's amount less the posted amount."""
        known = self.posted is not None and self.wanted is not None
        return (self.wanted or 0) - (self.posted or 0) if known else None


_source, _target = aliased(Connection, name="source"), aliased(Connection, name="target")
_beside = aliased(Posting, name="beside")
_other_difference = aliased(AcceptedDifference, name="other_difference")
_kept_there: ScalarSelect[int | None] = (
    select(_other_difference.posted)
    .where(_other_difference.posting_id == _beside.id)
    .where(_other_difference.push_id == _beside.posted_push_id)
    .order_by(_other_difference.id.desc())
    .limit(1)
    .correlate(_beside)
    .scalar_subquery()
)
_there: ScalarSelect[int | None] = (
    select(whole_sum(func.coalesce(_kept_there, _beside.amount)))
    .where(_beside.record_id == Posting.record_id, _beside.route == Posting.route)
    .where(_beside.state == PostingState.POSTED)
    .correlate(Posting)
    .scalar_subquery()
)
_hold: ScalarSelect[int | None] = (
    select(func.max(Hold.id))
    .where(Hold.record_id == Release.record_id, Hold.cause_id == Release.cause_id)
    .where(Hold.route == Release.route, Hold.seq == Release.seq, Hold.code == Release.code)
    .where(Hold.state == HoldState.RELEASED)
    .correlate(Release)
    .scalar_subquery()
)
ACCEPTED = Columns(
    Accepted(
        id=of(AcceptedDifference.id),
        record_id=of(Record.id),
        number=of(Record.number),
        source=of(_source.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        party=of(Record.party),
        target=of(_target.name),
        document=of(Posting.number),
        doc_type=of(Posting.doc_type),
        doc_date=of(Posting.doc_date),
        route=of(Posting.route),
        currency=of(Posting.currency),
        posted=of(AcceptedDifference.posted),
        wanted=of(AcceptedDifference.wanted),
        version=of(AcceptedDifference.version_no),
        by=of(Person.name),
        at=of(Release.at),
        reason=of(Release.reason),
        hold_id=of(_hold.label("hold_id")),
        there=of(_there.label("there")),
    ),
    {
        "source": "source.name",
        "kind": "record.type",
        "target": "target.name",
        "document": "posting.number",
        "version": "accepted_difference.version_no",
        "by": "person.name",
    },
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A short summary of a record: what its target has, and by how much it differs, if known."""

    source: str
    target: str
    posted: int | None
    change: int | None
    currency: str

    @property
    def wanted(self) -> int | None:
        """The record's current amount; nothing for a record deleted in the source."""
        known = self.posted is not None and self.change is not None
        return (self.posted or 0) + (self.change or 0) if known else None


@dataclass(frozen=True, slots=True)
class Differences:
    """The number of differences that count, their amounts, and how many have no amount."""

    count: int = 0
    money: Sums = field(default_factory=dict)
    unpriced: int = 0


def list_accepted(
    session: Session, company_id: int, after: int | None = None, most: int = A_PAGE
) -> tuple[Accepted, ...]:
    """Return the differences that count, newest first."""
    query = _rows().where(AcceptedDifference.company_id == company_id)
    if after is not None:
        query = query.where(AcceptedDifference.id < after)
    ordered = query.order_by(AcceptedDifference.id.desc()).limit(most)
    return ACCEPTED.each(session.execute(ordered))


def accepted_of_records(
    session: Session, company_id: int, record_ids: Collection[int]
) -> dict[int, tuple[Accepted, ...]]:
    """Return by record the differences that count; other records are left out."""
    by_record: dict[int, list[Accepted]] = defaultdict(list)
    if record_ids:
        query = _rows().where(
            AcceptedDifference.company_id == company_id,
            bulk.among(AcceptedDifference.record_id, sorted(set(record_ids))),
        )
        rows = session.execute(query.order_by(AcceptedDifference.id), execution_options=KEPT)
        for row in ACCEPTED.each(rows):
            by_record[row.record_id].append(row)
    return {record_id: tuple(each) for record_id, each in by_record.items()}


def current_amounts(
    session: Session, company_id: int, record_ids: Collection[int]
) -> dict[int, int | None]:
    """Return by posting the record's current amount, for postings with a difference that counts.

    The amount is None if it is unknown.
    """
    if not record_ids:
        return {}
    query = _counting(select(AcceptedDifference.posting_id, AcceptedDifference.wanted)).where(
        AcceptedDifference.company_id == company_id,
        bulk.among(AcceptedDifference.record_id, sorted(set(record_ids))),
    )
    rows = session.execute(query.order_by(AcceptedDifference.id), execution_options=KEPT)
    return {row.posting_id: row.wanted for row in rows}


def latest_accepted(
    session: Session, company_id: int, record_id: int, route: str
) -> Accepted | None:
    """Return a route's last accepted difference against what is still posted, for any record
    content.
    """
    query = _rows(newest=False).where(
        AcceptedDifference.company_id == company_id,
        AcceptedDifference.record_id == record_id,
        Posting.route == route,
    )
    last = query.order_by(AcceptedDifference.id.desc()).limit(1)
    return ACCEPTED.first(session.execute(last))


def record_marks(session: Session, company_id: int, record_ids: Collection[int]) -> dict[int, Mark]:
    """Return the mark of each record with a difference."""
    by_record = accepted_of_records(session, company_id, record_ids)
    return {record_id: combine_mark(rows) for record_id, rows in by_record.items()}


def combine_mark(rows: Sequence[Accepted]) -> Mark:
    """Return the mark of a record's differences on the first route; routes are not added."""
    first = rows[0]
    return Mark(
        source=first.source,
        target=first.target,
        posted=first.there,
        change=_sum([row.change for row in rows if row.route == first.route]),
        currency=first.currency,
    )


def _sum(changes: list[int | None]) -> int | None:
    known = [change for change in changes if change is not None]
    return sum(known) if len(known) == len(changes) else None


def differences_by_day(session: Session, company_id: int) -> dict[date | None, Differences]:
    """Return the differences that count, by document date."""
    rows = session.execute(_counted(company_id), execution_options=KEPT).all()
    money = by_key((day, currency, change) for day, currency, _, change, _ in rows)
    count, unpriced = Counter[date | None](), Counter[date | None]()
    for day, _, differ, _, blank in rows:
        count[day] += differ
        unpriced[day] += int(blank)
    return {day: Differences(count[day], money.get(day, {}), unpriced[day]) for day in count}


def total_differences(days: Iterable[Differences]) -> Differences:
    """Return the differences of several days as one."""
    daily = list(days)
    return Differences(
        sum(differences.count for differences in daily),
        added(differences.money for differences in daily),
        sum(differences.unpriced for differences in daily),
    )


def _counting(query: Any, *, newest: bool = True) -> Select[Any]:
    """Limit a query to differences that count; without `newest`, for any record content."""
    # Computed by each query: a stored flag would have to be cleared when the record or document
    # changes.
    counting: Select[Any] = (
        query.select_from(AcceptedDifference)
        .join(Release, Release.id == AcceptedDifference.release_id)
        .join(Record, Record.id == AcceptedDifference.record_id)
        .join(Version, Version.id == Record.version_id)
        .join(Posting, Posting.id == AcceptedDifference.posting_id)
        .where(
            Release.voided_at.is_(None),
            Version.sha256 == Release.content_sha256 if newest else true(),
            Posting.state == PostingState.POSTED,
            Posting.posted_push_id == AcceptedDifference.push_id,
        )
    )
    return counting


def _rows(*, newest: bool = True) -> Select[Any]:
    return (
        _counting(ACCEPTED.select(), newest=newest)
        .join(_source, _source.id == Record.source_id)
        .join(_target, _target.id == Posting.connection_id)
        .outerjoin(Person, Person.id == Release.person_id)
    )


@lru_cache(maxsize=256)
def _counted(company_id: int) -> Select[Any]:
    change = AcceptedDifference.wanted - AcceptedDifference.posted
    columns: Any = select(
        Posting.doc_date,
        Posting.currency,
        func.count(),
        whole_sum(change),
        whole_sum(case((change.is_(None), 1), else_=0)),
    )
    counted = _counting(columns).where(AcceptedDifference.company_id == company_id)
    return counted.group_by(Posting.doc_date, Posting.currency)
