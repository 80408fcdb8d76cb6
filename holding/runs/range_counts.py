"""How many records of each kind, and documents of each type, fall in a range of days.

Here: counting, before anything of the range is sent. Not here: what a range would send
(date_ranges.py). A day is that of the record: where its source tells a moment, it is the day of
that in the time zone of the source, which is the company's unless the connection or the rules name
another. A record that no rules date has none: it counts by the day on which it arrived, where the
company is, apart from the others.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Result, func, select
from sqlalchemy.orm import Session

from holding.db.models import Posting, Record
from holding.db.refusal import Sums, by_key, of_posting


@dataclass(frozen=True, slots=True)
class KindCount:
    """A kind of record or a type of document: how many there are in the range, and their money;
    no money where no rules say what it is.
    """

    kind: str
    count: int
    money: Sums


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """What falls in a range: records of the company, those without a day of their own by the day
    of their arrival, and documents for one target.
    """

    records: tuple[KindCount, ...]
    undated: tuple[KindCount, ...]
    documents: tuple[KindCount, ...]


def counts(
    session: Session, company_id: int, zone: ZoneInfo, connection_id: int, days: tuple[date, date]
) -> RangeCounts:
    """The records of the company dated from the first to the last of these days, and the documents
    for this target that are, whatever their state.
    """
    first, last = days
    arrived = Record.seen_at >= _midnight(first, zone)
    arrived &= Record.seen_at < _midnight(last + timedelta(days=1), zone)
    of_kind = (
        select(
            Record.type.label("kind"),
            Record.currency.label("currency"),
            func.count().label("how_many"),
            func.sum(Record.amount).label("minor"),
        )
        .where(Record.company_id == company_id)
        .group_by(Record.type, Record.currency)
    )
    dated = session.execute(of_kind.where(Record.doc_date.between(first, last)))
    undated = session.execute(of_kind.where(Record.doc_date.is_(None), arrived))
    single = (
        select(Posting.doc_type, *of_posting())
        .where(Posting.company_id == company_id, Posting.connection_id == connection_id)
        .where(Posting.doc_date.between(first, last))
        .subquery()
    )
    of_type = select(
        single.c.doc_type.label("kind"),
        single.c.currency.label("currency"),
        func.count().label("how_many"),
        func.sum(single.c.minor).label("minor"),
    ).group_by(single.c.doc_type, single.c.currency)
    return RangeCounts(
        records=_by_kind(dated),
        undated=_by_kind(undated),
        documents=_by_kind(session.execute(of_type)),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _by_kind(found: Result[str, str, int, int | None]) -> tuple[KindCount, ...]:
    rows = list(found)
    money = by_key((row.kind, row.currency, row.minor) for row in rows)
    return tuple(
        KindCount(kind, sum(row.how_many for row in rows if row.kind == kind), money.get(kind, {}))
        for kind in sorted({row.kind for row in rows})
    )
