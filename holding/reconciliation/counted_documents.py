"""Load the documents of some days, with matching and unread documents counted in SQL.

A large company has thousands of matching documents a week, and an object for each would be slow.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import IntFlag
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.bulk import Columns
from holding.db.models import Posting, Reading, Record, Release, Version
from holding.db.together import KEPT, Question, Together
from holding.reconciliation.compared_documents import (
    Agreeing,
    Compared,
    Span,
    Standing,
    Unseen,
    standing_of,
)
from holding.reconciliation.document_sides import (
    agrees,
    compared,
    day_in,
    gone,
    in_parts,
    kept,
    named,
    of_span,
    zone_of,
)
from holding.records import accepted_differences
from rules.values.canonical import PostingState

LATER_CHANGES = ("STL03", "TGT07")
"""The findings whose release lets stand what the target shows otherwise than it was posted."""
_code = case((Posting.currency != "", Posting.currency), else_=Record.currency)
_own = or_(Posting.reverses_id.is_not(None), _code != Record.currency, in_parts)
_said = case(  # where both are equal, none asks for other documents
    (Posting.amount == Record.amount, Posting.amount), (_own, Posting.amount), else_=Record.amount
)
_stands = and_(
    Posting.posted_push_id.is_not(None),
    or_(Posting.state != PostingState.REVERSED, Posting.action != "void"),
)
_unseen = Posting.reading_id.is_(None)


class Mark(IntFlag):
    """What decides how a document counts, as one number: PostgreSQL groups thousands by it, which
    takes as long for each column. `UNSEEN`: nobody read it back; the rest is said of those alone.
    """

    AGREES = 1
    UNSEEN = 2
    STANDS = 4
    NOT_SAID = 8
    WITHOUT_AMOUNT = 16


def _written(mark: Mark) -> ColumnElement[int]:
    return literal_column(str(int(mark)), Integer())


def _mark(company_id: int) -> ColumnElement[int]:
    counted = and_(_unseen, ~gone, ~kept(company_id))
    return case(
        (agrees(company_id), _written(Mark.AGREES)),
        (and_(counted, _stands), _written(Mark.UNSEEN | Mark.STANDS)),
        (counted, _written(Mark.UNSEEN)),
        else_=_written(Mark(0)),
    )


_MARKED = (
    Posting.id,
    Posting.connection_id.label("target_id"),
    Posting.doc_type,
    Record.status,
    Posting.amount,
    _code.label("code"),  # the posting's own where all sides agree
    case((_unseen, _said)).label("said"),  # only there: it asks for other documents
    Posting.state,
)
"""What is asked of each document beside its day and its mark."""
Days = Collection[date] | None
"""Of which days each document is wanted that does not agree; None: of all."""


@dataclass(frozen=True, slots=True)
class Documents:
    """What agrees, by target, kind, day, status of the record and currency; of days of which not
    each document is wanted, those that nobody read back, likewise; and each other one, the oldest
    first.
    """

    agreeing: tuple[Agreeing, ...]
    unseen: tuple[Unseen, ...]
    rows: tuple[Compared, ...]


def of_days(session: Session, company_id: int, span: Span, each: Days = None) -> Documents:
    """The documents of these days."""
    return asked_of_days(Together(session, KEPT), session, company_id, span, each)()


def asked_of_days(
    page: Together, session: Session, company_id: int, span: Span, each: Days
) -> Callable[[], Documents]:
    """The same, asked with the other questions of a page."""
    few = None if each is None else frozenset(each)
    grouped, differing = _selects(company_id, zone_of(session, company_id, span), span, few)
    counted, rows = page.ask(_rows_of(grouped)), page.ask(_differing(company_id, *differing))
    return lambda: Documents(
        _agreeing(counted.value),
        () if each is None else _not_seen(counted.value, each),
        rows.value,
    )


@lru_cache(maxsize=64)
def _selects(
    company_id: int, zone: str, span: Span, each: frozenset[date] | None
) -> tuple[Select[Any], tuple[Columns[Compared], Select[Any]]]:
    """What counts them, and what reads those that differ. Made once for a span, which takes
    longer than to ask a small company.
    """
    day = day_in(zone, span).label("day")
    rows = select(day, *_MARKED, _mark(company_id).label("mark"))
    marked = of_span(rows, company_id, zone, span).cte()
    return _grouped(marked), _apart(company_id, marked, each)


def _rows_of(query: Select[Any]) -> Question[Sequence[Row[Any]]]:
    found: Sequence[Row[Any]] = (yield query).all()
    return found


def _grouped(marked: CTE) -> Select[Any]:
    """All of them by what decides how they count: to leave some out here would take longer, for
    PostgreSQL thinks that few are left, and sorts them.
    """
    one = marked.c
    unknown = (  # a sum leaves out what has no amount
        case((one.said.is_(None), _written(Mark.NOT_SAID)), else_=_written(Mark(0))),
        case((one.amount.is_(None), _written(Mark.WITHOUT_AMOUNT)), else_=_written(Mark(0))),
    )
    mark = (one.mark + unknown[0] + unknown[1]).label("mark")
    keys = (one.target_id, one.doc_type, one.day, one.status, one.code, one.state, mark)
    sums = (func.count().label("n"), func.sum(one.said).label("said"),
            func.sum(one.amount).label("ours"))  # fmt: skip
    return select(*keys, *sums).group_by(*keys)


def _agreeing(counted: Iterable[Row[Any]]) -> tuple[Agreeing, ...]:
    return tuple(
        Agreeing(
            target_id=row.target_id,
            doc_type=row.doc_type,
            day=row.day,
            status=row.status,
            currency=row.code,
            count=row.n,
            minor=int(row.ours),  # PostgreSQL sums to decimals
        )
        for row in counted
        if row.mark & Mark.AGREES
    )


def _not_seen(counted: Iterable[Row[Any]], each: Collection[date]) -> tuple[Unseen, ...]:
    """Nobody read them back, so they do not agree; but those that are wanted one by one."""
    return tuple(
        Unseen(
            target_id=row.target_id,
            doc_type=row.doc_type,
            day=row.day,
            status=row.status,
            code=row.code,
            stands=bool(row.mark & Mark.STANDS),
            state=row.state,
            count=row.n,
            said=None if row.said is None else int(row.said),
            ours=None if row.ours is None else int(row.ours),
        )
        for row in counted
        if row.mark & Mark.UNSEEN and row.day not in each
    )


def _apart(
    company_id: int, marked: CTE, each: Collection[date] | None
) -> tuple[Columns[Compared], Select[Any]]:
    counted = and_(_has(marked, Mark.UNSEEN), marked.c.day.not_in(each or ()))
    wanted = true() if each is None else ~counted
    columns = compared(company_id, marked.c.day)
    query = (
        columns.select()
        .select_from(marked)
        .join(Posting, Posting.id == marked.c.id)
        .join(Record, Record.id == Posting.record_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(~_has(marked, Mark.AGREES), wanted)
    )
    return columns, named(query)


def _has(marked: CTE, mark: Mark) -> ColumnElement[bool]:
    return marked.c.mark.bitwise_and(_written(mark)) != _written(Mark(0))


def _differing(
    company_id: int, columns: Columns[Compared], query: Select[Any]
) -> Question[tuple[Compared, ...]]:
    found = columns.each((yield query))  # sorted here: SQLite would go through them all
    some = [row.record_id for row in found if row.accepted]
    wanted = yield from accepted_differences.asked_wanted(company_id, some)
    rows = (_by_now(row, wanted) if row.accepted else row for row in found)
    return tuple(sorted(rows, key=lambda one: one.posting_id))


def _by_now(row: Compared, wanted: Mapping[int, int | None]) -> Compared:
    """With what somebody accepted of it, where that still counts."""
    key = row.posting_id
    return replace(row, accepted=key in wanted, now=wanted.get(key))


def standings(session: Session, rows: Sequence[Compared]) -> dict[int, Standing]:
    """Posting id -> where it stands, with what people have accepted of it."""
    odd = [row for row in rows if row.odd]
    let_be = _released(session, odd)
    return {row.posting_id: standing_of(row, let_be) for row in rows}


def _released(session: Session, rows: Collection[Compared]) -> set[int]:
    """The postings of which somebody let stand what the target shows: for the newest content of the
    record, and after it was seen.
    """
    if not rows:
        return set()
    query = (
        select(Posting.id)
        .join(Release, and_(Release.record_id == Posting.record_id, Release.route == Posting.route))
        .join(Record, Record.id == Posting.record_id)
        .join(Version, Version.id == Record.version_id)
        .join(Reading, Reading.id == Posting.reading_id)
        .where(bulk.among(Posting.id, [row.posting_id for row in rows]))
        .where(Release.seq == Posting.seq, Release.code.in_(LATER_CHANGES))
        .where(Release.kind == "release", Release.voided_at.is_(None))
        .where(Release.content_sha256 == Version.sha256, Release.at >= Reading.at)
    )
    return set(session.scalars(query))
