"""Load the documents of some days, with matching and unread documents counted in SQL.

A large company has thousands of matching documents a week, and an object for each would be slow.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
from holding.db.bulk import Columns, whole_sum
from holding.db.kept_plans import KEPT
from holding.db.models import Posting, Reading, Record, Release, Version
from holding.reconciliation.compared_documents import (
    Agreeing,
    Compared,
    Span,
    Standing,
    Unseen,
    standing_of,
)
from holding.reconciliation.document_sides import (
    all_sides_agree,
    compared_columns,
    day_column,
    ever_accepted,
    in_span,
    is_gone,
    is_in_parts,
    with_connection_names,
    zone_of,
)
from holding.records import accepted_differences
from rules.values.canonical import PostingState

LATER_CHANGES = ("STL03", "TGT07", "TGT16")
"""Finding codes whose release accepts the target's different value."""
_code = case((Posting.currency != "", Posting.currency), else_=Record.currency)
_own = or_(Posting.reverses_id.is_not(None), _code != Record.currency, is_in_parts)
_said = case(  # where both are equal, none asks for other documents
    (Posting.amount == Record.amount, Posting.amount), (_own, Posting.amount), else_=Record.amount
)
_stands = and_(
    Posting.posted_push_id.is_not(None),
    or_(Posting.state != PostingState.REVERSED, Posting.action != "void"),
)
_unseen = Posting.reading_id.is_(None)


class Mark(IntFlag):
    """How a document counts, as one number, because PostgreSQL groups by one column much faster.

    `UNSEEN`: not read back; the higher bits apply to unseen documents only.
    """

    AGREES = 1
    UNSEEN = 2
    STANDS = 4
    NOT_SAID = 8
    WITHOUT_AMOUNT = 16


def _written(mark: Mark) -> ColumnElement[int]:
    return literal_column(str(int(mark)), Integer())


def _mark(company_id: int) -> ColumnElement[int]:
    # Written in Python too (`standing_of` in compared_documents.py), for documents that are shown
    # singly.
    counted = and_(_unseen, ~is_gone, ~ever_accepted(company_id))
    return case(
        (all_sides_agree(company_id), _written(Mark.AGREES)),
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
"""Columns of each document beside its day and mark."""
Days = Collection[date] | None
"""Days for which differing documents are listed one by one; None means all days."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Agreeing documents as counts, unread documents as counts, and each other document by id.

    Unread documents of the listed days are among the single ones.
    """

    agreeing: tuple[Agreeing, ...]
    unseen: tuple[Unseen, ...]
    rows: tuple[Compared, ...]


def load_documents(session: Session, company_id: int, span: Span, each: Days = None) -> Documents:
    """Return the documents of these days."""
    few = None if each is None else frozenset(each)
    grouped, differing = _selects(company_id, zone_of(session, company_id, span), span, few)
    counted = session.execute(grouped, execution_options=KEPT).all()
    return Documents(
        _agreeing(counted),
        () if each is None else _not_seen(counted, each),
        _load_differing(session, company_id, *differing),
    )


@lru_cache(maxsize=64)
def _selects(
    company_id: int, zone: str, span: Span, each: frozenset[date] | None
) -> tuple[Select[Any], tuple[Columns[Compared], Select[Any]]]:
    """Build the queries for a span, cached because building takes longer than a small company's
    query.
    """
    day = day_column(zone, span).label("day")
    rows = select(day, *_MARKED, _mark(company_id).label("mark"))
    marked = in_span(rows, company_id, zone, span).cte()
    return _grouped(marked), _apart(company_id, marked, each)


def _grouped(marked: CTE) -> Select[Any]:
    """Group all documents by how they count.

    Filtering here is slower: PostgreSQL would expect few rows and sort them.
    """
    columns = marked.c
    unknown = (  # a sum leaves out what has no amount
        case((columns.said.is_(None), _written(Mark.NOT_SAID)), else_=_written(Mark(0))),
        case((columns.amount.is_(None), _written(Mark.WITHOUT_AMOUNT)), else_=_written(Mark(0))),
    )
    mark = (columns.mark + unknown[0] + unknown[1]).label("mark")
    keys = (
        columns.target_id,
        columns.doc_type,
        columns.day,
        columns.status,
        columns.code,
        columns.state,
        mark,
    )
    sums = (func.count().label("n"), whole_sum(columns.said).label("said"),
            whole_sum(columns.amount).label("ours"))  # fmt: skip
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
    """Return counts of unread documents, except for days that are listed one by one."""
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
    columns = compared_columns(company_id, marked.c.day)
    query = (
        columns.select()
        .select_from(marked)
        .join(Posting, Posting.id == marked.c.id)
        .join(Record, Record.id == Posting.record_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(~_has(marked, Mark.AGREES), wanted)
    )
    return columns, with_connection_names(query)


def _has(marked: CTE, mark: Mark) -> ColumnElement[bool]:
    return marked.c.mark.bitwise_and(_written(mark)) != _written(Mark(0))


def _load_differing(
    session: Session, company_id: int, columns: Columns[Compared], query: Select[Any]
) -> tuple[Compared, ...]:
    documents = columns.each(
        session.execute(query, execution_options=KEPT)
    )  # sorted here: SQLite would go through them all
    accepted_records = [row.record_id for row in documents if row.accepted]
    current_amounts = accepted_differences.current_amounts(session, company_id, accepted_records)
    rows = (_by_now(row, current_amounts) if row.accepted else row for row in documents)
    return tuple(sorted(rows, key=lambda one: one.posting_id))


def _by_now(row: Compared, wanted: Mapping[int, int | None]) -> Compared:
    """Return the document with its accepted amount, if the acceptance still counts."""
    key = row.posting_id
    return replace(row, accepted=key in wanted, now=wanted.get(key))


def document_standings(session: Session, rows: Sequence[Compared]) -> dict[int, Standing]:
    """Return the standing of each posting, with what users accepted."""
    odd = [row for row in rows if row.odd]
    let_be = _released(session, odd)
    return {row.posting_id: standing_of(row, let_be) for row in rows}


def _released(session: Session, rows: Collection[Compared]) -> set[int]:
    """Return postings whose target value a user accepted for the current content, after it was
    read.
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
