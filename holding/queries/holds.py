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
            func.count(),
            func.coalesce(func.sum(single.c.book), 0),
            func.coalesce(func.sum(case((single.c.causes > 1, 1), else_=0)), 0),
            func.coalesce(func.sum(case((single.c.book.is_(None), 1), else_=0)), 0),
        ).select_from(single)
    ).one()
    return Totals(*(int(n) for n in row))


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
            records_where(Hold.snoozed_until.is_(None)),
            records_where(mine(wanted)),
            records_where(Hold.code == NEEDS_APPROVAL),
            records_where(Hold.snoozed_until.is_not(None)),
            uncertain,
        ).where(Hold.company_id == company_id, Hold.state == "open")
    ).one()
    return Tabs(*row)


def classes(session: Session, company_id: int, wanted: Filter) -> tuple[Facet, ...]:
    """Error classes of the view, most money first."""
    rows = session.execute(_facet(company_id, wanted, Hold.error_class))
    return tuple(Facet(word, word, int(n), int(book)) for word, n, book in rows)


def owners(session: Session, company_id: int, wanted: Filter) -> tuple[Facet, ...]:
    """Teams of the view, most money first."""
    single = _facet(company_id, wanted, Hold.team_id).subquery()
    rows = session.execute(
        select(single.c[0], Team.shown, single.c[1], single.c[2])
        .outerjoin(Team, Team.id == single.c[0])
        .order_by(single.c[2].desc(), Team.id)
    )
    return tuple(
        Facet(str(team or 0), name or "Nobody", int(n), int(book)) for team, name, n, book in rows
    )


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
    found = select(single.c.word, func.count(), money).group_by(single.c.word)
    return found.order_by(money.desc(), single.c.word)
