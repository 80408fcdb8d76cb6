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
from holding.db.models import Hold, HoldTally, TalliedRecord, TallyMark
from holding.db.models.decisions import HOLD_OPEN
from holding.db.together import KEPT, Question, answer
from holding.holds import folding
from holding.holds.folding import FINE, WHOLE_RECORD
from holding.holds.shapes import Look, OwnerWait, Shape, each_owner, hour_of, shape, start_of, told

Key = TypeVar("Key", bound=Hashable)

MOST_TALLIES: Final = 16
"""So many are kept by a process, those that were read last."""

MOST_ANSWERS: Final = 200

T = TypeVar("T")

_NONE: Final = object()


class Stored(NamedTuple):
    """What is read: rows as `kept` asks for them, and the holds that are counted one by one."""

    rows: Sequence[tuple[Any, ...]]
    holds: Sequence[Row[Any]]


class Tallied(NamedTuple):
    """Records of one shape and currency; `minor` sums those that are not `blank`. `cause_id`: whose
    holds alone are looked at, 0 for all.
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
    """Whole records, and those of causes by shape."""

    rows: Sequence[Tallied]
    causes: Sequence[Sequence[Tallied]]
    _answers: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """The answer, worked out by whoever asks first. `question` names all that it depends on
        beside the rows; nobody changes what others are given, too.
        """
        found = self._answers.get(question, _NONE)
        if found is _NONE:
            found = answer()
            if len(self._answers) >= MOST_ANSWERS:
                self._answers.clear()
            self._answers[question] = found
        return cast(T, found)


_kept: Final[OrderedDict[tuple[int, bool], tuple[Stored, Tally]]] = OrderedDict()

_keeping: Final = Lock()


@dataclass(slots=True)
class Figure:
    """Records, each once, with their money; how many of them have several causes, and how many no
    amount.
    """

    records: int = 0
    several: int = 0
    blank: int = 0
    money: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)  # how many records the money is of

    def add(self, one: Tallied, looks: Sequence[Look]) -> None:
        """Count these records, which have these holds among those that were asked for."""
        self.records += one.records
        if len(looks) > 1 and len({look.cause for look in looks}) > 1:
            self.several += one.records
        currency, minor, blank = money_of(one, looks)
        self.blank += blank
        self.money[currency] = self.money.get(currency, 0) + minor
        self.known[currency] = self.known.get(currency, 0) + one.records - blank

    def whole(self) -> "Figure":
        """Itself, without the money that nobody has any more."""
        self.money = {code: minor for code, minor in self.money.items() if self.known[code]}
        return self


def money_of(one: Tallied, looks: Sequence[Look]) -> tuple[str, int, int]:
    """Currency, money, and how many have none; by the holds asked for where they do not agree."""
    if one.shape.own is None:
        return one.currency, one.minor, one.blank
    books = [look.book for look in looks if look.book is not None]
    currency, amount = ("", max(books)) if books else one.shape.own
    if amount is None:
        return currency, 0, one.records
    return currency, amount * one.records, 0


def whole_records(session: Session, companies: Sequence[int]) -> dict[int, list[Tallied]]:
    """Company -> what its records with open holds look like, at this moment."""
    found: dict[int, list[Tallied]] = {company_id: [] for company_id in companies}
    query = _whole(tuple(companies))
    for one in _tallied(answer(session, _asked(session, companies, query), KEPT)):
        if one.cause_id == WHOLE_RECORD:
            found[one.company_id].append(one)
    return found


@lru_cache(maxsize=256)
def _whole(companies: tuple[int, ...]) -> CompoundSelect[Any]:
    """Made once, as the next: to make it takes longer than to run it."""
    return kept(companies, HoldTally.cause_id == WHOLE_RECORD, _marked(companies))


def _marked(companies: Sequence[int]) -> Select[int]:
    """The records that are marked."""
    return select(TallyMark.record_id).where(TallyMark.company_id.in_(companies))


def _tallied(read: Stored) -> list[Tallied]:
    found = [
        Tallied(company_id, cause_id, shape(text), currency, records, minor, blank)
        for company_id, cause_id, text, currency, records, minor, blank in read.rows
        if company_id is not None
    ]
    return [*found, *_live(read.holds)]


def _live(rows: Iterable[Any]) -> Iterable[Tallied]:
    for (company_id, _, cause_id), one in folding.waiting(rows).items():
        blank = int(one.minor is None)
        yield Tallied(
            company_id, cause_id, shape(one.shape), one.currency, 1, one.minor or 0, blank
        )


def _asked(
    session: Session, companies: Sequence[int], query: CompoundSelect[Any]
) -> Question[Stored]:
    if is_limited(session):  # the tally is of all sources
        theirs = folding.HELD.where(Hold.company_id.in_(companies))
        return Stored((), (yield theirs).all())
    rows = [tuple(row) for row in (yield query).all()]
    without_company = [row for row in rows if None in row]  # of thousands, without a call for each
    if not any(some for company_id, _, _, _, some, _, _ in without_company if company_id is None):
        return Stored(rows, ())
    return Stored(rows, (yield folding.HELD.where(Hold.record_id.in_(_marked(companies)))).all())


def stored_figures(session: Session, company_id: int, *, fine: bool = False) -> Stored:
    """What is read for the same of one company, and once more for each cause, where `fine` by
    source, target, and bands of amount and age, too.
    """
    query = _all_of(company_id, fine=fine)
    return answer(session, _asked(session, [company_id], query), KEPT)


@lru_cache(maxsize=256)
def _all_of(company_id: int, *, fine: bool) -> CompoundSelect[Any]:
    of_cause = HoldTally.cause_id > FINE if fine else HoldTally.cause_id.between(1, FINE)
    part = or_(HoldTally.cause_id == WHOLE_RECORD, of_cause)
    return kept([company_id], part, _marked([company_id]))


def of_stored(read: Stored, *, fine: bool) -> list[Tallied]:
    """What its records with open holds look like, and once more for each cause; of what was read
    by `stored`.
    """
    return _chosen(_tallied(read), fine=fine)


def _chosen(rows: Iterable[Tallied], *, fine: bool) -> list[Tallied]:
    """Those of whole records, and those of causes by one kind of shapes."""
    return [
        one._replace(cause_id=one.cause_id - FINE) if one.cause_id > FINE else one
        for one in rows
        if one.cause_id == WHOLE_RECORD or (one.cause_id > FINE) == fine
    ]


def of_causes(session: Session, company_id: int, causes: Sequence[int]) -> dict[int, Figure]:
    """Cause -> its records and their money; causes without any are left out."""
    return answer(session, asked_of_causes(session, company_id, causes))


def asked_of_causes(
    session: Session, company_id: int, causes: Sequence[int]
) -> Question[dict[int, Figure]]:
    """The same, asked with other questions."""
    if not causes:
        return {}
    part = bulk.among(HoldTally.cause_id, causes)
    query = kept([company_id], part, _marked([company_id]))
    rows = _tallied((yield from _asked(session, [company_id], query)))
    wanted = {*causes}
    return by((one for one in rows if one.cause_id in wanted), lambda one, _: (one.cause_id,))


def one_by_one(holds: Iterable[Any]) -> list[Tallied]:
    """The same of these holds alone: rows of `folding.HELD`."""
    return _chosen(_live(holds), fine=True)


def kept(
    companies: Sequence[int], part: ColumnElement[bool], stale: Select[Any]
) -> CompoundSelect[Any]:
    """The tally; what it has of stale records, negative; and in a row without a company whether any
    is marked.
    """
    place = (HoldTally.company_id, HoldTally.cause_id, HoldTally.shape, HoldTally.currency)
    shares = (
        select(
            TalliedRecord.tally_id,
            func.count().label("records"),
            # whole numbers, as those that are kept: of a sum PostgreSQL makes decimals of all rows
            sql_cast(func.coalesce(func.sum(TalliedRecord.minor), 0), BigInteger).label("minor"),
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


def figure(rows: Iterable[Tallied], asked: Callable[[Look], bool]) -> Figure:
    """Records with a hold that is asked for, each once; of rows of whole records."""
    return by(rows, lambda _, look: (None,) if asked(look) else ()).get(None, Figure())


def by(
    rows: Iterable[Tallied], keys: Callable[[Tallied, Look], Iterable[Key]]
) -> dict[Key, Figure]:
    """Records under each key that one of their holds has, each once a key."""
    found: dict[Key, Figure] = defaultdict(Figure)
    for one in rows:
        looks: dict[Key, list[Look]] = defaultdict(list)
        for look in one.shape.looks:
            for key in keys(one, look):
                looks[key].append(look)
        for key, mine in looks.items():
            found[key].add(one, mine)
    return {key: one.whole() for key, one in found.items() if one.records}


def held(session: Session, company_id: int) -> Select[int]:
    """How many records have an open hold, as a statement that stands for one value."""
    return (_held_one_by_one if is_limited(session) else _held_of_all)(company_id)


@lru_cache(maxsize=256)
def _held_one_by_one(company_id: int) -> Select[int]:
    mine = select(func.count(func.distinct(Hold.record_id)))
    return mine.where(Hold.company_id == company_id, HOLD_OPEN)


@lru_cache(maxsize=256)
def _held_of_all(company_id: int) -> Select[int]:
    """The same of all sources, made once a company: every page asks it."""
    marked = select(TallyMark.record_id).where(TallyMark.company_id == company_id)
    tallied = select(func.coalesce(func.sum(HoldTally.records), 0)).where(
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
    """These rows apart."""
    each = tuple(rows)
    return Tally(
        rows=tuple([one for one in each if one.cause_id == WHOLE_RECORD]),
        causes=by_shape(one for one in each if one.cause_id != WHOLE_RECORD),
    )


def read(session: Session, company_id: int, *, fine: bool = False) -> Tally:
    """What the records with open holds of a company look like at this moment, and once more for
    each cause; `fine`: by source, target, and bands of amount and age, too.
    """
    key, stored = (company_id, fine), stored_figures(session, company_id, fine=fine)
    if stored.holds:  # of a person of some sources they may be a hundred thousand
        return tally_of(of_stored(stored, fine=fine))
    with _keeping:
        before = _kept.get(key)
    if before is None or before[0] != stored:
        before = stored, tally_of(of_stored(stored, fine=fine))
    with _keeping:
        _kept[key] = before
        _kept.move_to_end(key)
        while len(_kept) > MOST_TALLIES:
            _kept.popitem(last=False)
    return before[1]


def of_owners(
    session: Session, company_id: int, since: Sequence[datetime], answer_by: datetime
) -> Question[list[OwnerWait]]:
    """What waits, so that no entry of it is on both sides of one of these moments: those in which
    waiting began, and that until which an answer was wanted.
    """
    mine = folding.WAITING.where(Hold.company_id == company_id)
    if is_limited(session):  # the tally is of all sources
        return _one_by_one((yield mine))
    stale = _divided(company_id, since, answer_by)
    rows = yield kept([company_id], HoldTally.cause_id < WHOLE_RECORD, stale)
    found = [
        told(row.shape, row.currency, int(row.records), int(row.minor), int(row.blank))
        for row in rows
        if row.company_id is not None
    ]
    return found + _one_by_one((yield mine.where(Hold.record_id.in_(stale))))


def _one_by_one(rows: Iterable[Any]) -> list[OwnerWait]:
    return [one for each in each_owner(rows).values() for one in each]


def _divided(company_id: int, since: Sequence[datetime], answer_by: datetime) -> Select[Any]:
    """The records that are marked, or of which an hour is divided by one of the moments."""
    began = select(Hold.record_id).where(Hold.company_id == company_id, HOLD_OPEN)
    marked = select(TallyMark.record_id).where(TallyMark.company_id == company_id)
    hours = {hour_of(one) for one in since}
    divided = [
        *(began.where(_within(Hold.opened_at, hour)) for hour in sorted(hours)),
        began.where(_within(Hold.answer_by, hour_of(answer_by))),
    ]
    every = union_all(marked, *divided).subquery()
    return select(every.c.record_id)


def _within(column: Any, hour: int) -> Any:
    return and_(column >= start_of(hour), column < start_of(hour + 1))


def worst_causes(
    rows: Iterable[Sequence[Tallied]],
    asked: Callable[[Look], bool],
    most: int,
    after: tuple[int, int] | None = None,
) -> tuple[dict[int, Figure], int]:
    """Causes with the records that have a hold which is asked for, most money of the books first,
    then by id: as many, behind the money and id of one where that is given; and how many there are
    in all. Of rows of causes, those of one shape together.
    """
    records: dict[int, int] = defaultdict(int)
    book: dict[int, int] = defaultdict(int)
    found = []
    for alike in rows:
        looks = [look for look in alike[0].shape.looks if asked(look)] if alike else []
        if looks:
            found.append((alike, looks))
            _count(alike, looks, records, book)
    every = [(-book[key], key) for key, count in records.items() if count]
    behind = (-after[0], after[1]) if after else None
    listed = [place for place in every if behind is None or place > behind]
    top = {key: Figure() for _, key in nsmallest(most, listed)}
    for alike, looks in found:
        for one in alike:
            if one.cause_id in top:
                top[one.cause_id].add(one, looks)
    return {key: one.whole() for key, one in top.items()}, len(every)


def _count(
    alike: Sequence[Tallied], looks: Sequence[Look], records: dict[int, int], book: dict[int, int]
) -> None:
    """Add rows of one shape to the records and the money of the books of their causes."""
    own = alike[0].shape.own is not None
    for one in alike:
        _, cause_id, _, currency, count, minor, _ = one
        records[cause_id] += count
        if own:  # of few; all others are gone through by thousands for a page
            currency, minor, _ = money_of(one, looks)
        if not currency:
            book[cause_id] += minor


def by_shape(rows: Iterable[Tallied]) -> Sequence[Sequence[Tallied]]:
    """Those of one shape together, so that each shape is looked at once: many causes have the same.
    It is known by its place in memory: `shape` makes each once.
    """
    found: dict[int, list[Tallied]] = defaultdict(list)
    for one in rows:
        found[id(one.shape)].append(one)
    return tuple(found.values())


def of_these(rows: Iterable[Sequence[Tallied]], causes: Container[int]) -> list[Tallied]:
    """Those of some causes, whatever their shape."""
    return [one for alike in rows for one in alike if one.cause_id in causes]
