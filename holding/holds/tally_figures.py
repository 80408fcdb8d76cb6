"""Read hold counts and amounts for pages: the stored tally plus changes that are not folded yet."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from heapq import nsmallest
from threading import Lock
from typing import Any, Final, NamedTuple, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from holding.access.reach import is_limited
from holding.db import bulk
from holding.db.bulk import whole_sum
from holding.db.kept_plans import KEPT
from holding.db.models import Hold, HoldTally, TalliedRecord, TallyMark
from holding.db.models.decisions import HOLD_OPEN
from holding.holds import folding
from holding.holds.folding import FINE, WHOLE_RECORD
from holding.holds.shapes import (
    Look,
    OwnerWait,
    Shape,
    counted_money,
    each_owner,
    hour_of,
    parse_owner_wait,
    parse_shape,
    start_of,
)

Key = TypeVar("Key", bound=Hashable)

MOST_TALLIES: Final = 16
"""How many tallies a process caches, the most recently read ones."""

MOST_ANSWERS: Final = 200

T = TypeVar("T")

_NONE: Final = object()


class Stored(NamedTuple):
    """Rows as `tally_query` reads them, and the holds that are counted one by one."""

    rows: Sequence[tuple[Any, ...]]
    holds: Sequence[Row[*tuple[Any, ...]]]


class Tallied(NamedTuple):
    """Records of one shape and currency; `minor` sums those that are not `blank`.

    `cause_id` limits the shape to the holds of one cause; 0 covers all causes.
    """

    company_id: int
    cause_id: int
    shape: Shape
    currency: str
    records: int
    minor: int
    blank: int


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Rows for whole records, and rows for causes grouped by shape."""

    rows: Sequence[Tallied]
    causes: Sequence[Sequence[Tallied]]
    _answers: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """Return a cached answer, or compute and cache it.

        `question` names everything the answer depends on beside the rows. Callers must not change
        the shared answer.
        """
        cached = self._answers.get(question, _NONE)
        if cached is _NONE:
            cached = answer()
            if len(self._answers) >= MOST_ANSWERS:
                self._answers.clear()
            self._answers[question] = cached
        return cast(T, cached)


# Used only while the database returns the same rows, so no writer has to invalidate it.
_kept: Final[OrderedDict[tuple[int, bool], tuple[Stored, Tally]]] = OrderedDict()

_keeping: Final = Lock()


@dataclass(slots=True)
class Figure:
    """A count of records with their amounts, how many have several causes, and how many no
    amount.
    """

    records: int = 0
    several: int = 0
    blank: int = 0
    money: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)  # how many records the money is of

    def add(self, tallied: Tallied, looks: Sequence[Look]) -> None:
        """Count these records with their matching holds."""
        self.records += tallied.records
        if len(looks) > 1 and len({look.cause for look in looks}) > 1:
            self.several += tallied.records
        currency, minor, blank = money_of(tallied, looks)
        self.blank += blank
        self.money[currency] = self.money.get(currency, 0) + minor
        self.known[currency] = self.known.get(currency, 0) + tallied.records - blank

    def whole(self) -> "Figure":
        """Remove currencies without any record, and return itself."""
        self.money = {code: minor for code, minor in self.money.items() if self.known[code]}
        return self


def money_of(tallied: Tallied, looks: Sequence[Look]) -> tuple[str, int, int]:
    """Return currency, amount and records without an amount.

    If the holds of a record have several amounts, the matching holds decide.
    """
    if not tallied.shape.differs:
        return tallied.currency, tallied.minor, tallied.blank
    currency, amount = counted_money([look.money for look in looks if look.money is not None])
    if amount is None:
        return currency, 0, tallied.records
    return currency, amount * tallied.records, 0


def whole_records(session: Session, companies: Sequence[int]) -> dict[int, list[Tallied]]:
    """Return by company the shapes of its records with open holds."""
    rows_by_company: dict[int, list[Tallied]] = {company_id: [] for company_id in companies}
    query = _whole(tuple(companies))
    for row in _tallied(_load_stored(session, companies, query)):
        if row.cause_id == WHOLE_RECORD:
            rows_by_company[row.company_id].append(row)
    return rows_by_company


@lru_cache(maxsize=256)
def _whole(companies: tuple[int, ...]) -> CompoundSelect[Any]:
    """Build the query once for each set of companies: building it takes longer than running it."""
    return tally_query(companies, HoldTally.cause_id == WHOLE_RECORD, _marked(companies))


def _marked(companies: Sequence[int]) -> Select[int]:
    """Return the query for records that are marked as changed."""
    return select(TallyMark.record_id).where(TallyMark.company_id.in_(companies))


def _tallied(read: Stored) -> list[Tallied]:
    stored_rows = [
        Tallied(company_id, cause_id, parse_shape(text), currency, records, minor, blank)
        for company_id, cause_id, text, currency, records, minor, blank in read.rows
        if company_id is not None
    ]
    return [*stored_rows, *_live(read.holds)]


def _live(rows: Iterable[Any]) -> Iterable[Tallied]:
    for (company_id, _, cause_id), counted in folding.count_records(rows).items():
        blank = int(counted.minor is None)
        yield Tallied(
            company_id,
            cause_id,
            parse_shape(counted.shape),
            counted.currency,
            1,
            counted.minor or 0,
            blank,
        )


def _load_stored(session: Session, companies: Sequence[int], query: CompoundSelect[Any]) -> Stored:
    if is_limited(session):  # the tally is of all sources
        reachable_holds = folding.HELD.where(Hold.company_id.in_(companies))
        return Stored((), session.execute(reachable_holds, execution_options=KEPT).all())
    rows = [tuple(row) for row in session.execute(query, execution_options=KEPT).all()]
    without_company = [row for row in rows if None in row]  # of thousands, without a call for each
    if not any(
        mark_count
        for company_id, _, _, _, mark_count, _, _ in without_company
        if company_id is None
    ):
        return Stored(rows, ())
    return Stored(
        rows,
        session.execute(
            folding.HELD.where(Hold.record_id.in_(_marked(companies))), execution_options=KEPT
        ).all(),
    )


def read_stored(session: Session, company_id: int, *, fine: bool = False) -> Stored:
    """Read the tally rows of a company: whole records and causes.

    With `fine`, causes are by source, target, and bands of amount and age.
    """
    query = _all_of(company_id, fine=fine)
    return _load_stored(session, [company_id], query)


@lru_cache(maxsize=256)
def _all_of(company_id: int, *, fine: bool) -> CompoundSelect[Any]:
    of_cause = HoldTally.cause_id > FINE if fine else HoldTally.cause_id.between(1, FINE)
    part = or_(HoldTally.cause_id == WHOLE_RECORD, of_cause)
    return tally_query([company_id], part, _marked([company_id]))


def tallied_of_stored(read: Stored, *, fine: bool) -> list[Tallied]:
    """Return the rows read by `read_stored`: whole records, and once more for each cause."""
    return _chosen(_tallied(read), fine=fine)


def _chosen(rows: Iterable[Tallied], *, fine: bool) -> list[Tallied]:
    """Return the rows of whole records, and the rows of causes by one kind of shape."""
    return [
        row._replace(cause_id=row.cause_id - FINE) if row.cause_id > FINE else row
        for row in rows
        if row.cause_id == WHOLE_RECORD or (row.cause_id > FINE) == fine
    ]


def of_causes(session: Session, company_id: int, causes: Sequence[int]) -> dict[int, Figure]:
    """Return the figure of each cause; causes without records are left out."""
    if not causes:
        return {}
    part = bulk.among(HoldTally.cause_id, causes)
    query = tally_query([company_id], part, _marked([company_id]))
    rows = _tallied(_load_stored(session, [company_id], query))
    cause_ids = {*causes}
    return figures_by(
        (row for row in rows if row.cause_id in cause_ids), lambda row, _: (row.cause_id,)
    )


def tally_holds(holds: Iterable[Any]) -> list[Tallied]:
    """Return tally rows for these holds only, from rows of `folding.HELD`."""
    return _chosen(_live(holds), fine=True)


def tally_query(
    companies: Sequence[int], part: ColumnElement[bool], stale: Select[Any]
) -> CompoundSelect[Any]:
    """Return a query for the tally, the negative share of stale records, and a row without company
    if any record is marked.
    """
    place = (HoldTally.company_id, HoldTally.cause_id, HoldTally.shape, HoldTally.currency)
    shares = (
        select(
            TalliedRecord.tally_id,
            func.count().label("records"),
            # whole numbers, as those that are kept: of a sum PostgreSQL makes decimals of all rows
            sql_cast(func.coalesce(whole_sum(TalliedRecord.minor), 0), BigInteger).label("minor"),
            func.count().filter(TalliedRecord.minor.is_(None)).label("blank"),
        )
        .where(TalliedRecord.record_id.in_(stale))
        .group_by(TalliedRecord.tally_id)
        .subquery()
    )
    taken_off = (
        select(*place, -shares.c.records, -shares.c.minor, -shares.c.blank)
        .join_from(shares, HoldTally, HoldTally.id == shares.c.tally_id)
        .where(part)
    )
    some = select(TallyMark.id).where(TallyMark.company_id.in_(companies)).limit(1).subquery()
    none = literal(None, HoldTally.id.type)
    marks = select(none, none, literal(""), literal(""), func.count(), literal(0), literal(0))
    return union_all(
        select(
            *place,
            HoldTally.records.label("records"),
            HoldTally.minor.label("minor"),
            HoldTally.blank.label("blank"),
        ).where(HoldTally.company_id.in_(companies), part),
        taken_off,
        marks.select_from(some),
    )


def total_figure(rows: Iterable[Tallied], matches_filter: Callable[[Look], bool]) -> Figure:
    """Return the figure of records with a matching hold, from rows of whole records."""
    return figures_by(rows, lambda _, look: (None,) if matches_filter(look) else ()).get(
        None, Figure()
    )


def figures_by(
    rows: Iterable[Tallied], keys: Callable[[Tallied, Look], Iterable[Key]]
) -> dict[Key, Figure]:
    """Return the figure under each key that a record's holds have; a record counts once per key."""
    figures: dict[Key, Figure] = defaultdict(Figure)
    for row in rows:
        looks: dict[Key, list[Look]] = defaultdict(list)
        for look in row.shape.looks:
            for key in keys(row, look):
                looks[key].append(look)
        for key, key_looks in looks.items():
            figures[key].add(row, key_looks)
    return {key: row.whole() for key, row in figures.items() if row.records}


def held_count_query(session: Session, company_id: int) -> Select[int]:
    """Return a query for the number of records with an open hold."""
    return (_held_one_by_one if is_limited(session) else _held_of_all)(company_id)


@lru_cache(maxsize=256)
def _held_one_by_one(company_id: int) -> Select[int]:
    held_records = select(func.count(func.distinct(Hold.record_id)))
    return held_records.where(Hold.company_id == company_id, HOLD_OPEN)


@lru_cache(maxsize=256)
def _held_of_all(company_id: int) -> Select[int]:
    """Build the query for all sources once per company, because every page uses it."""
    marked = select(TallyMark.record_id).where(TallyMark.company_id == company_id)
    tallied = select(func.coalesce(whole_sum(HoldTally.records), 0)).where(
        HoldTally.company_id == company_id, HoldTally.cause_id == WHOLE_RECORD
    )
    stale = select(func.count()).where(
        TalliedRecord.record_id.in_(marked), TalliedRecord.cause_id == WHOLE_RECORD
    )
    fresh = select(func.count(func.distinct(Hold.record_id))).where(
        Hold.record_id.in_(marked), HOLD_OPEN
    )
    parts = tallied.scalar_subquery(), stale.scalar_subquery(), fresh.scalar_subquery()
    return select(parts[0] - parts[1] + parts[2])


def tally_of(rows: Iterable[Tallied]) -> Tally:
    """Split rows into whole records and causes."""
    all_rows = tuple(rows)
    return Tally(
        rows=tuple([row for row in all_rows if row.cause_id == WHOLE_RECORD]),
        causes=group_by_shape(row for row in all_rows if row.cause_id != WHOLE_RECORD),
    )


def read_tally(session: Session, company_id: int, *, fine: bool = False) -> Tally:
    """Return the current tally of a company, from the cache if nothing changed.

    With `fine`, causes are by source, target, and bands of amount and age.
    """
    key, stored = (company_id, fine), read_stored(session, company_id, fine=fine)
    if stored.holds:  # of a person of some sources they may be a hundred thousand
        return tally_of(tallied_of_stored(stored, fine=fine))
    with _keeping:
        before = _kept.get(key)
    if before is None or before[0] != stored:
        before = stored, tally_of(tallied_of_stored(stored, fine=fine))
    with _keeping:
        _kept[key] = before
        _kept.move_to_end(key)
        while len(_kept) > MOST_TALLIES:
            _kept.popitem(last=False)
    return before[1]


def read_owner_waits(
    session: Session, company_id: int, since: Sequence[datetime], answer_by: datetime
) -> list[OwnerWait]:
    """Return what waits by owner, so that no entry spans one of the given times.

    `since` are times of opening, `answer_by` is a time of the answer deadline.
    """
    company_holds = folding.WAITING.where(Hold.company_id == company_id)
    if is_limited(session):  # the tally is of all sources
        return _one_by_one(session.execute(company_holds, execution_options=KEPT))
    stale = _divided(company_id, since, answer_by)
    rows = session.execute(
        tally_query([company_id], HoldTally.cause_id < WHOLE_RECORD, stale), execution_options=KEPT
    )
    waits = [
        parse_owner_wait(row.shape, row.currency, int(row.records), int(row.minor), int(row.blank))
        for row in rows
        if row.company_id is not None
    ]
    return waits + _one_by_one(
        session.execute(company_holds.where(Hold.record_id.in_(stale)), execution_options=KEPT)
    )


def _one_by_one(rows: Iterable[Any]) -> list[OwnerWait]:
    return [wait for waits in each_owner(rows).values() for wait in waits]


def _divided(company_id: int, since: Sequence[datetime], answer_by: datetime) -> Select[Any]:
    """Return records that are marked, or whose hour one of the times divides."""
    began = select(Hold.record_id).where(Hold.company_id == company_id, HOLD_OPEN)
    marked = select(TallyMark.record_id).where(TallyMark.company_id == company_id)
    hours = {hour_of(moment) for moment in since}
    divided = [
        *(began.where(_within(Hold.opened_at, hour)) for hour in sorted(hours)),
        began.where(_within(Hold.answer_by, hour_of(answer_by))),
    ]
    record_queries = union_all(marked, *divided).subquery()
    return select(record_queries.c.record_id)


def _within(column: Any, hour: int) -> Any:
    return and_(column >= start_of(hour), column < start_of(hour + 1))


def worst_causes(
    rows: Iterable[Sequence[Tallied]],
    matches_filter: Callable[[Look], bool],
    most: int,
    after: tuple[int, int] | None = None,
) -> tuple[dict[int, Figure], int]:
    """Return the causes with matching records by amount, then id, and the total number of causes.

    At most `most` causes after the amount and id in `after`. `rows` are rows of causes grouped by
    shape.
    """
    records: dict[int, int] = defaultdict(int)
    book: dict[int, int] = defaultdict(int)
    matching_groups = []
    for shape_rows in rows:
        looks = (
            [look for look in shape_rows[0].shape.looks if matches_filter(look)]
            if shape_rows
            else []
        )
        if looks:
            matching_groups.append((shape_rows, looks))
            _count(shape_rows, looks, records, book)
    places = [(-book[key], key) for key, count in records.items() if count]
    behind = (-after[0], after[1]) if after else None
    listed = [place for place in places if behind is None or place > behind]
    top = {key: Figure() for _, key in nsmallest(most, listed)}
    for shape_rows, looks in matching_groups:
        for row in shape_rows:
            if row.cause_id in top:
                top[row.cause_id].add(row, looks)
    return {key: figure.whole() for key, figure in top.items()}, len(places)


def _count(
    shape_rows: Sequence[Tallied],
    looks: Sequence[Look],
    records: dict[int, int],
    book: dict[int, int],
) -> None:
    """Add rows of one shape to the record counts and book amounts of their causes."""
    differs = shape_rows[0].shape.differs
    for row in shape_rows:
        _, cause_id, _, currency, count, minor, _ = row
        records[cause_id] += count
        if differs:  # of few; all others are gone through by thousands for a page
            currency, minor, _ = money_of(row, looks)
        if not currency:
            book[cause_id] += minor


def group_by_shape(rows: Iterable[Tallied]) -> Sequence[Sequence[Tallied]]:
    """Group rows by shape, so that each shape is inspected once.

    The object id identifies a shape, because `parse_shape` caches each shape.
    """
    rows_by_shape: dict[int, list[Tallied]] = defaultdict(list)
    for row in rows:
        rows_by_shape[id(row.shape)].append(row)
    return tuple(rows_by_shape.values())


def rows_of_causes(rows: Iterable[Sequence[Tallied]], causes: Container[int]) -> list[Tallied]:
    """Return the rows of some causes."""
    return [row for shape_rows in rows for row in shape_rows if row.cause_id in causes]
