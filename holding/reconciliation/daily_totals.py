"""Compare daily totals of source, postings and target, with each difference classified.

Totals are per day and currency. Without a common filter for both sides nothing is subtracted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TypeVar

from sqlalchemy.orm import Session

from holding.reconciliation import counted_documents, document_sides
from holding.reconciliation.compared_documents import (
    Agreeing,
    Compared,
    Span,
    Standing,
    Totals,
    Unseen,
)
from holding.reconciliation.counted_documents import Days

Documented = TypeVar("Documented", Agreeing, Unseen, Compared)
MOST_DAYS = 31
"""How many days are compared at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """A document type in one target."""

    target_id: int
    target: str
    doc_type: str


@dataclass(frozen=True, slots=True)
class Sides:
    """The filter of each side; equal filters allow subtraction."""

    source: Span
    target: Span

    @property
    def same(self) -> bool:
        """Whether both sides have an equal filter."""
        return self.source == self.target


@dataclass(frozen=True, slots=True)
class Line:
    """A document of a day with its standing and difference, in minor units."""

    document: Compared
    standing: Standing

    @property
    def rank(self) -> int:
        """The urgency of its standing, most urgent first."""
        return list(Standing).index(self.standing)

    @property
    def differs(self) -> int:
        """Source amount less target amount; unknown amounts count as zero."""
        return (self.document.said or 0) - (self.document.there or 0)


@dataclass(frozen=True, slots=True)
class Day:
    """One day, with sums for each currency, largest first."""

    day: date
    totals: tuple[Totals, ...]

    @property
    def differs(self) -> bool:
        """Whether any document of the day differs."""
        return any(one.differs for one in self.totals)


@dataclass(frozen=True, slots=True)
class Kind:
    """The comparison of one document type in one target.

    `lines` are documents that differ or were compared one by one.
    """

    place: Place
    days: tuple[Day, ...]
    totals: tuple[Totals, ...]
    lines: tuple[Line, ...]

    def shown(self, *, only: bool) -> tuple[Day, ...]:
        """Return all days, or only those with a difference."""
        return tuple(one for one in self.days if one.differs) if only else self.days

    @property
    def unexplained(self) -> tuple[Line, ...]:
        """The documents without an explanation."""
        return tuple(one for one in self.lines if one.standing is Standing.UNEXPLAINED)

    def count(self, standing: Standing) -> int:
        """Return how many documents have a standing."""
        return sum(one.of(standing).count for one in self.totals)

    def of_day(self, day: date, standing: Standing | None = None) -> tuple[Line, ...]:
        """Return a day's documents that differ or have one standing, most urgent first."""
        lines_of_day = [one for one in self.lines if one.document.day == day]
        if standing is None:
            lines_of_day = [one for one in lines_of_day if one.standing is not Standing.AGREES]
        else:
            lines_of_day = [one for one in lines_of_day if one.standing is standing]
        return tuple(sorted(lines_of_day, key=lambda one: (one.rank, -abs(one.differs))))


@dataclass(frozen=True, slots=True)
class Comparison:
    """All types with both sides, under one filter or two.

    `statuses` are all statuses of the source's records, `channels` those in the newest records.
    `undocumented` are records without a document.
    """

    sides: Sides
    kinds: tuple[Kind, ...]
    statuses: tuple[str, ...]
    channels: tuple[str, ...]
    undocumented: tuple[tuple[str, int, int], ...]

    def kind(self, target: str, doc_type: str) -> Kind | None:
        """Return the type of this target, otherwise the first with an unexplained document."""
        named = (one for one in self.kinds if (one.place.target, one.place.doc_type)
                 == (target, doc_type))  # fmt: skip
        wrong = (one for one in self.kinds if one.unexplained)
        return next(named, None) or next(wrong, None) or next(iter(self.kinds), None)


@dataclass(slots=True)
class _Side:
    """The documents of one span; only the source's side has standings."""

    counted: tuple[Agreeing, ...]
    unseen: tuple[Unseen, ...]
    rows: tuple[Compared, ...]
    targets: Mapping[int, str]
    standings: Mapping[int, Standing] = field(default_factory=dict)


def span_problem(span: Span) -> str:
    """Return what is wrong with the days of a filter, or a blank text."""
    if span.last < span.first:
        return "The last day is before the first."
    if span.last - span.first >= timedelta(days=MOST_DAYS):
        return f"Choose at most {MOST_DAYS} days."
    return ""


def compare_days(
    session: Session,
    company_id: int,
    sides: Sides,
    targets: Mapping[int, str],
    each: Days = None,
) -> Comparison:
    """Compare both sides' daily totals of all document types in these targets (id -> name).

    `each`: the days for which differing documents are listed one by one; None means all days. On
    other days, documents that were not read back are only counted.
    """
    source = _load_side(session, company_id, sides.source, targets, each)
    source.standings = counted_documents.document_standings(session, source.rows)
    target = source
    if not sides.same:
        target = _load_side(session, company_id, sides.target, targets, each)
    words = {one.status for one in source.counted} | {one.status for one in source.rows}
    words |= {one.status for one in source.unseen}
    mine, theirs = _only(source, sides.source.status), _only(target, sides.target.status)
    places = sorted({*_places(mine), *_places(theirs)}, key=lambda one: (one.target, one.doc_type))
    return Comparison(
        sides=sides,
        kinds=tuple(_kind(place, sides, mine, theirs) for place in places),
        statuses=tuple(sorted(word for word in words if word)),
        channels=document_sides.list_channels(session, company_id),
        undocumented=document_sides.count_without_document(session, company_id, sides.source),
    )


def _load_side(
    session: Session, company_id: int, span: Span, targets: Mapping[int, str], each: Days
) -> _Side:
    """Return the documents of a span, of every status, because all statuses are listed."""
    whole = replace(span, status="")
    found = counted_documents.load_documents(session, company_id, whole, each)
    return _Side(counted=found.agreeing, unseen=found.unseen, rows=found.rows, targets=targets)


def _only(side: _Side, status: str) -> _Side:
    if not status:
        return side
    return _Side(
        counted=tuple(one for one in side.counted if one.status == status),
        unseen=tuple(one for one in side.unseen if one.status == status),
        rows=tuple(one for one in side.rows if one.status == status),
        targets=side.targets,
        standings=side.standings,
    )


def _places(side: _Side) -> Iterable[Place]:
    pairs = {(one.target_id, one.doc_type) for one in side.counted}
    pairs |= {(one.target_id, one.doc_type) for one in side.unseen}
    pairs |= {(one.target_id, one.doc_type) for one in side.rows}
    for target_id, doc_type in pairs:
        yield Place(target_id, side.targets.get(target_id, ""), doc_type)


def _kind(place: Place, sides: Sides, source: _Side, target: _Side) -> Kind:
    days: dict[tuple[date, str], Totals] = {}

    def at(day: date, code: str) -> Totals:
        return days.setdefault((day, code), Totals(code))

    for some in _fitting(source.unseen, place):
        _add_unseen(at(some.day, some.code), some, compared=sides.same)
    for one in _fitting(source.counted, place):
        found = at(one.day, one.currency)
        found.source.add(one.minor, one.count)
        found.ours.add(one.minor, one.count)
        if sides.same:
            found.by[Standing.AGREES].add(one.minor, one.count)
    for one in _fitting(target.counted, place):
        at(one.day, one.currency).target.add(one.minor, one.count)
    lines = [Line(row, source.standings[row.posting_id]) for row in _fitting(source.rows, place)]
    for line in lines:
        _add_source(at(line.document.day, line.document.code), line, compared=sides.same)
    for row in _fitting(target.rows, place):
        if row.stands and (there := row.there) is not None and not _gone(row):
            at(row.day, row.code).target.add(there)
    return Kind(place, _by_day(days), _by_currency(days.values()), tuple(lines))


def _add_source(found: Totals, line: Line, *, compared: bool) -> None:
    document = line.document
    found.source.add(document.said)
    if document.stands:
        found.ours.add(document.there if document.follows_record else document.amount)
    if compared:
        agrees = line.standing is Standing.AGREES
        found.by[line.standing].add(document.said if agrees else line.differs)
        found.by[line.standing].unpriced += 0 if agrees or document.said is not None else 1


def _add_unseen(found: Totals, some: Unseen, *, compared: bool) -> None:
    """Add unread documents, which count nothing in the target."""
    found.source.add(some.said, some.count)
    if some.stands:
        found.ours.add(some.ours, some.count)
    if compared:
        of_standing = found.by[some.standing]
        of_standing.add(some.said, some.count)


def _gone(row: Compared) -> bool:
    """Check whether the document no longer exists in the target."""
    return row.seen is not None and (row.seen["found"] == "absent" or bool(row.seen["void"]))


def _fitting(found: Iterable[Documented], place: Place) -> list[Documented]:
    wanted = (place.target_id, place.doc_type)
    return [one for one in found if (one.target_id, one.doc_type) == wanted]


def _by_day(days: Mapping[tuple[date, str], Totals]) -> tuple[Day, ...]:
    return tuple(
        Day(day, tuple(_largest_first(t for (d, _), t in days.items() if d == day)))
        for day in sorted({day for day, _ in days})
    )


def _by_currency(days: Iterable[Totals]) -> tuple[Totals, ...]:
    totals_by_currency: dict[str, Totals] = {}
    for totals in days:
        totals_by_currency.setdefault(totals.currency, Totals(totals.currency)).join(totals)
    return tuple(_largest_first(totals_by_currency.values()))


def _largest_first(found: Iterable[Totals]) -> list[Totals]:
    return sorted(found, key=lambda one: (-one.source.minor, one.currency))
