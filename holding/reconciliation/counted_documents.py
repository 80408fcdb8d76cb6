"""The documents of some days, those that are alike counted by the database.

Here: one statement for what agrees, for what nobody read back, and for each of the others. Not
here: what is read of a document (document_sides.py), adding up days (daily_totals.py).

A week of a large company has thousands of documents that agree and a thousand that nobody read
back; to make an object of each takes longer than to count them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import CTE, ColumnElement, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from holding.reconciliation.compared_documents import Agreeing, Compared, Span, Unseen
from holding.reconciliation.document_sides import (
    agrees,
    compared,
    day_in,
    in_parts,
    named,
    of_span,
)
from holding.store.together import Question, Together
from holding.tables import Posting, Reading, Record
from rules.values.posting_states import PostingState

_unseen = case((Posting.reading_id.is_(None), 1), else_=0)
_code = case((Posting.currency != "", Posting.currency), else_=Record.currency)
_own = or_(Posting.reverses_id.is_not(None), _code != Record.currency, in_parts)
_said = case(  # where both are equal, none asks for other documents
    (Posting.amount == Record.amount, Posting.amount), (_own, Posting.amount), else_=Record.amount
)
_stands = and_(
    Posting.posted_push_id.is_not(None),
    or_(Posting.state != PostingState.REVERSED, Posting.action != "void"),
)
_MARKED = (
    Posting.id,
    Posting.connection_id.label("target_id"),
    Posting.doc_type,
    Record.status,
    Posting.currency,
    Posting.amount,
    agrees.label("agrees"),
    _unseen.label("unseen"),
    _code.label("code"),
    case((_unseen == 1, _said)).label("said"),  # only there: it asks for other documents
    _stands.label("stands"),
    Posting.state,
)
"""What is asked of each document beside its day."""
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
    day = day_in(session, company_id, span).label("day")
    marked = of_span(session, select(day, *_MARKED), company_id, span).cte("marked")
    together = Together(session)
    agreeing = together.ask(_agreeing(marked))
    unseen = together.ask(_not_seen(marked, each))
    differing = together.ask(_differing(marked, each))
    return Documents(agreeing.value, unseen.value, differing.value)


def _agreeing(marked: CTE) -> Question[tuple[Agreeing, ...]]:
    of_mark = marked.c
    keys = (of_mark.target_id, of_mark.doc_type, of_mark.day, of_mark.status, of_mark.currency)
    sums = (func.count().label("count"), func.sum(of_mark.amount).label("minor"))
    found = yield select(*keys, *sums).where(of_mark.agrees == 1).group_by(*keys)
    return tuple(
        Agreeing(
            target_id=row.target_id,
            doc_type=row.doc_type,
            day=row.day,
            status=row.status,
            currency=row.currency,
            count=row.count,
            minor=int(row.minor),  # PostgreSQL sums to decimals
        )
        for row in found
    )


def _not_seen(marked: CTE, each: Days) -> Question[tuple[Unseen, ...]]:
    if each is None:
        return ()
    one = marked.c
    keys = (one.target_id, one.doc_type, one.day, one.status, one.code, one.stands, one.state)
    known = (one.said.is_(None), one.amount.is_(None))  # a sum leaves out what has no amount
    sums = (func.count().label("n"), func.sum(one.said).label("said"),
            func.sum(one.amount).label("ours"))  # fmt: skip
    asked = select(*keys, *sums).where(_is_counted(marked, each))
    return tuple(
        Unseen(
            target_id=row.target_id,
            doc_type=row.doc_type,
            day=row.day,
            status=row.status,
            code=row.code,
            stands=row.stands,
            state=row.state,
            count=row.n,
            said=None if row.said is None else int(row.said),
            ours=None if row.ours is None else int(row.ours),
        )
        for row in (yield asked.group_by(*keys, *known))
    )


def _is_counted(marked: CTE, each: Collection[date]) -> ColumnElement[bool]:
    """Nobody read it back, so it does not agree; and it is not wanted for itself."""
    return and_(marked.c.unseen == 1, marked.c.day.not_in(each))


def _differing(marked: CTE, each: Days) -> Question[tuple[Compared, ...]]:
    wanted = true() if each is None else ~_is_counted(marked, each)
    columns = compared(marked.c.day)
    query = (
        columns.select()
        .select_from(marked)
        .join(Posting, Posting.id == marked.c.id)
        .join(Record, Record.id == Posting.record_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(marked.c.agrees == 0, wanted)
    )
    found = columns.each((yield named(query)))  # sorted here: SQLite would go through them all
    return tuple(sorted(found, key=lambda one: one.posting_id))
