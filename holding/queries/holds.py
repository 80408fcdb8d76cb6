"""The holding area in numbers: totals, tabs and facets.

Here: counts under a filter, one statement a question. Not here: the lists (groups.py).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from holding.models import (
    Hold,
    Posting,
    Team,
)
from holding.queries.wanted import Filter, mine, terms
from rules.outcome import NEEDS_APPROVAL


@dataclass(frozen=True, slots=True)
class Totals:
    """Each record once: how many, their money, how many have several causes or another currency."""

    records: int
    book: int
    several: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class Tabs:
    """The counts of the tabs, of records (of postings for `uncertain`)."""

    todo: int
    mine: int
    approve: int
    snoozed: int
    uncertain: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One word of a facet with what it holds."""

    word: str
    title: str
    records: int
    book: int


def totals(session: Session, company_id: int, wanted: Filter) -> Totals:
    """The line under the heading."""
    single = (
        select(
            Hold.record_id,
            func.max(Hold.book).label("book"),
            func.count(func.distinct(Hold.cause_id)).label("causes"),
        )
        .where(*terms(company_id, wanted))
        .group_by(Hold.record_id)
        .subquery()
    )
    row = session.execute(
        select(
            func.count().label("records"),
            func.coalesce(func.sum(single.c.book), 0).label("book"),
            _how_many(single.c.causes > 1).label("several"),
            _how_many(single.c.book.is_(None)).label("unpriced"),
        ).select_from(single)
    ).one()
    return Totals(
        records=row.records,
        book=int(row.book),
        several=int(row.several),
        unpriced=int(row.unpriced),
    )


def tabs(session: Session, company_id: int, wanted: Filter) -> Tabs:
    """The counts of the tabs, whatever is filtered."""

    def records_where(term: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(func.distinct(case((term, Hold.record_id))))

    uncertain = (
        select(func.count())
        .where(Posting.company_id == company_id, Posting.state == "uncertain")
        .scalar_subquery()
    )
    row = session.execute(
        select(
            records_where(Hold.snoozed_until.is_(None)).label("todo"),
            records_where(mine(wanted)).label("mine"),
            records_where(Hold.code == NEEDS_APPROVAL).label("approve"),
            records_where(Hold.snoozed_until.is_not(None)).label("snoozed"),
            uncertain.label("uncertain"),
        ).where(Hold.company_id == company_id, Hold.state == "open")
    ).one()
    return Tabs(
        todo=row.todo,
        mine=row.mine,
        approve=row.approve,
        snoozed=row.snoozed,
        uncertain=row.uncertain,
    )


def classes(session: Session, company_id: int, wanted: Filter) -> tuple[Facet, ...]:
    """Error classes of the view, most money first."""
    rows = session.execute(_facet(company_id, wanted, Hold.error_class))
    return tuple(
        Facet(word=row.word, title=row.word, records=int(row.records), book=int(row.book))
        for row in rows
    )


def owners(session: Session, company_id: int, wanted: Filter) -> tuple[Facet, ...]:
    """Teams of the view, most money first."""
    single = _facet(company_id, wanted, Hold.team_id).subquery()
    rows = session.execute(
        select(single.c.word, Team.shown, single.c.records, single.c.book)
        .outerjoin(Team, Team.id == single.c.word)
        .order_by(single.c.book.desc(), Team.id)
    )
    return tuple(
        Facet(
            word=str(row.word or 0),
            title=row.shown or "Nobody",
            records=int(row.records),
            book=int(row.book),
        )
        for row in rows
    )


def _how_many(term: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((term, 1), else_=0)), 0)


def _facet(company_id: int, wanted: Filter, column: Any) -> Select[Any]:
    """Records and money by a word of the holds, each record once a word."""
    single = (
        select(
            column.label("word"),
            Hold.record_id,
            func.coalesce(func.max(Hold.book), 0).label("book"),
        )
        .where(*terms(company_id, Filter(wanted.view, person_id=wanted.person_id)))
        .group_by(column, Hold.record_id)
        .subquery()
    )
    money = func.sum(single.c.book)
    records = func.count().label("records")
    found = select(single.c.word, records, money.label("book")).group_by(single.c.word)
    return found.order_by(money.desc(), single.c.word)
