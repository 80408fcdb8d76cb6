"""Documents that the source has done its part for and that are not in the target yet, oldest first.

Here: the list, its head for the dashboard, what each one waits for. Not here: since when it is
finished (holding/judging/plan.py says so with every judging).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, func, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from holding.models import Cause, Connection, Hold, Person, Posting, Record, Team
from holding.queries.rows import each

A_PAGE = 50
LATE = text(" AND ".join(f"posting.{term}" for term in Posting.LATE.split(" AND ")))


@dataclass(frozen=True, slots=True)
class LateRow:
    """A document that accounts wait for: `reason` is what the judging said; with the oldest of the
    open holds that keep it back, its rule and cause and whose it is, and how many they are.
    """

    id: int
    finished_at: datetime
    route: str
    state: str
    reason: str
    due_at: datetime | None
    status: str
    amount: int | None
    currency: str
    source: str
    kind: str
    external_id: str
    record: str
    hold_id: int | None
    rule: str | None
    cause: str | None
    owner: str | None
    holds: int


@dataclass(frozen=True, slots=True)
class Late:
    """Some late documents, and how many there are in all."""

    rows: tuple[LateRow, ...]
    count: int


def listing(
    session: Session, company_id: int, after: tuple[datetime, int] | None = None, most: int = A_PAGE
) -> Late:
    """The oldest late documents, those behind a place in the list where one is named."""
    mine = (Posting.company_id == company_id, LATE)
    oldest, number = _holds()
    query = (
        select(
            Posting.id,
            Posting.finished_at,
            Posting.route,
            Posting.state,
            Posting.reason,
            Posting.due_at,
            Record.status,
            Posting.amount,
            Posting.currency,
            Connection.name,
            Record.type,
            Record.external_id,
            Record.number,
            Hold.id,
            Hold.rule,
            Cause.label,
            func.coalesce(Person.name, Team.shown),
            number,
            select(func.count()).select_from(Posting).where(*mine).scalar_subquery(),
        )
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Hold, Hold.id == oldest)
        .outerjoin(Cause, Cause.id == Hold.cause_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(*mine)
        .order_by(Posting.finished_at, Posting.id)
        .limit(most)
    )
    if after is not None:
        query = query.where(tuple_(Posting.finished_at, Posting.id) > after)
    found = [tuple[Any, ...](row) for row in session.execute(query)]
    count = found[0][-1] if found else 0
    return Late(each(LateRow, (row[:-1] for row in found)), count)


def _holds() -> tuple[ScalarSelect[int], ScalarSelect[int]]:
    """Of the posting of a row: its oldest open hold, and how many there are."""
    mine = aliased(Hold)
    of_posting = (mine.posting_id == Posting.id, mine.state == "open")
    oldest = select(mine.id).where(*of_posting).order_by(mine.opened_at, mine.id).limit(1)
    number = select(func.count(mine.id)).where(*of_posting)
    return (
        oldest.correlate(Posting).scalar_subquery(),
        number.correlate(Posting).scalar_subquery(),
    )
