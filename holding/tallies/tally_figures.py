"""What pages say of open holds, from the tally: exact at every moment, whatever is folded by now.

Here: reading it, and records with their money by any question about their holds. Not here: filters
and their words (holding/worklist), folding (folding.py).

Records that are marked count as they are, not as they were folded: what the tally has of them is
taken off, and their holds are read. For a person of some sources all holds are read.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from holding.access.reach import narrowed
from holding.db import bulk
from holding.db.models import Hold, HoldTally, TalliedRecord, TallyMark
from holding.db.models.decisions import HOLD_OPEN
from holding.db.together import KEPT, Question, answer
from holding.tallies import folding
from holding.tallies.folding import FINE, WHOLE_RECORD
from holding.tallies.shapes import Look, Shape, shape

Key = TypeVar("Key", bound=Hashable)


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


class Stored(NamedTuple):
    """What is read: rows as `kept` asks for them, and the holds that are counted one by one."""

    rows: Sequence[tuple[Any, ...]]
    holds: Sequence[Row[Any]]


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


def stored(session: Session, company_id: int, *, fine: bool = False) -> Stored:
    """What is read for the same of one company, and once more for each cause, where `fine` by
    source, target, and bands of amount and age, too.
    """
    query = _all_of(company_id, fine=fine)
    return answer(session, _asked(session, [company_id], query), KEPT)


def of_stored(read: Stored, *, fine: bool) -> list[Tallied]:
    """What its records with open holds look like, and once more for each cause; of what was read
    by `stored`.
    """
    return _chosen(_tallied(read), fine=fine)


@lru_cache(maxsize=256)
def _whole(companies: tuple[int, ...]) -> CompoundSelect[Any]:
    """Made once, as the next: to make it takes longer than to run it."""
    return kept(companies, HoldTally.cause_id == WHOLE_RECORD, _marked(companies))


@lru_cache(maxsize=256)
def _all_of(company_id: int, *, fine: bool) -> CompoundSelect[Any]:
    of_cause = HoldTally.cause_id > FINE if fine else HoldTally.cause_id.between(1, FINE)
    part = or_(HoldTally.cause_id == WHOLE_RECORD, of_cause)
    return kept([company_id], part, _marked([company_id]))


def _marked(companies: Sequence[int]) -> Select[int]:
    """The records that are marked."""
    return select(TallyMark.record_id).where(TallyMark.company_id.in_(companies))


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


def _live(rows: Iterable[Any]) -> Iterable[Tallied]:
    for (company_id, _, cause_id), one in folding.waiting(rows).items():
        blank = int(one.minor is None)
        yield Tallied(
            company_id, cause_id, shape(one.shape), one.currency, 1, one.minor or 0, blank
        )


def _asked(
    session: Session, companies: Sequence[int], query: CompoundSelect[Any]
) -> Question[Stored]:
    if narrowed(session):  # the tally is of all sources
        theirs = folding.HELD.where(Hold.company_id.in_(companies))
        return Stored((), (yield theirs).all())
    rows = [tuple(row) for row in (yield query).all()]
    without_company = [row for row in rows if None in row]  # of thousands, without a call for each
    if not any(some for company_id, _, _, _, some, _, _ in without_company if company_id is None):
        return Stored(rows, ())
    return Stored(rows, (yield folding.HELD.where(Hold.record_id.in_(_marked(companies)))).all())


def _tallied(read: Stored) -> list[Tallied]:
    found = [
        Tallied(company_id, cause_id, shape(text), currency, records, minor, blank)
        for company_id, cause_id, text, currency, records, minor, blank in read.rows
        if company_id is not None
    ]
    return [*found, *_live(read.holds)]


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
            cast(func.coalesce(func.sum(TalliedRecord.minor), 0), BigInteger).label("minor"),
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
    return (_held_one_by_one if narrowed(session) else _held_of_all)(company_id)


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
