"""How long records have been waiting, and for whom.

Here: one line an owner, each record once in it. Not here: the list behind a line (groups.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from holding.models import Hold, Person, Posting, Team

STEPS = (("up to 1 day", 1), ("1 to 3 days", 3), ("3 to 7 days", 7), ("over 7 days", None))


@dataclass(frozen=True, slots=True)
class AgeingRow:
    """What one owner has: a person, or a team for what nobody took."""

    person_id: int | None
    team_id: int
    owner: str
    records: int
    book: int
    refused: int
    overdue: int
    oldest: datetime
    ages: tuple[int, ...]


def by_owner(session: Session, company_id: int, now: datetime) -> tuple[AgeingRow, ...]:
    """Open holds by their owner, most money first."""
    team = case((Hold.person_id.is_(None), Hold.team_id), else_=0)
    single = (
        select(
            Hold.person_id.label("person_id"),
            team.label("team_id"),
            Hold.record_id,
            func.coalesce(func.max(Hold.book), 0).label("book"),
            func.min(Hold.opened_at).label("since"),
            func.min(Hold.answer_by).label("answer_by"),
            func.max(case((Posting.state == "failed", 1), else_=0)).label("refused"),
        )
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .where(Hold.company_id == company_id, Hold.state == "open")
        .group_by(Hold.person_id, team, Hold.record_id)
        .subquery()
    )
    query = (
        select(
            single.c.person_id,
            single.c.team_id,
            func.coalesce(func.max(Person.name), func.max(Team.shown)).label("owner"),
            func.count().label("records"),
            func.sum(single.c.book).label("book"),
            func.sum(single.c.refused).label("refused"),
            func.sum(case((single.c.answer_by < now, 1), else_=0)).label("overdue"),
            func.min(single.c.since).label("oldest"),
            *_ages(single.c.since, now),
        )
        .outerjoin(Person, Person.id == single.c.person_id)
        .outerjoin(Team, Team.id == single.c.team_id)
        .group_by(single.c.person_id, single.c.team_id)
        .order_by(func.sum(single.c.book).desc(), single.c.person_id, single.c.team_id)
    )
    return tuple(
        AgeingRow(
            person_id=row.person_id,
            team_id=row.team_id,
            owner=row.owner or "",
            records=row.records,
            book=int(row.book),
            refused=int(row.refused),
            overdue=int(row.overdue),
            oldest=row.oldest,
            ages=tuple(int(row._mapping[step]) for step, _ in STEPS),
        )
        for row in session.execute(query)
    )


def _ages(since: ColumnElement[datetime], now: datetime) -> Iterator[ColumnElement[int]]:
    """How many records began to wait in each step of age."""
    young = now
    for step, days in STEPS:
        old = now - timedelta(days=days) if days else None
        inside = since <= young if old is None else (since <= young) & (since > old)
        yield func.sum(case((inside, 1), else_=0)).label(step)
        young = old or young
