"""Documents that the source has done its part for and that are not in the target yet, oldest first.

Here: the list, its head for the dashboard, what each one waits for. Not here: since when it is
finished (holding/judging/plan.py says so with every judging).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from holding.columns import Columns, known, of
from holding.models import Cause, Connection, Hold, Person, Posting, Record, Team

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


# of the posting of a row: its oldest open hold, and how many there are
_held = aliased(Hold, name="held")
_mine = (_held.posting_id == Posting.id, _held.state == "open")
_first = select(_held.id).where(*_mine).order_by(_held.opened_at, _held.id).limit(1)
_oldest = _first.correlate(Posting).scalar_subquery()
_number = select(func.count(_held.id)).where(*_mine).correlate(Posting).scalar_subquery()

LATE_ROW = Columns(
    LateRow(
        id=of(Posting.id),
        finished_at=known(Posting.finished_at),
        route=of(Posting.route),
        state=of(Posting.state),
        reason=of(Posting.reason),
        due_at=of(Posting.due_at),
        status=of(Record.status),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        record=of(Record.number),
        hold_id=of(Hold.id),
        rule=of(Hold.rule),
        cause=of(Cause.label),
        owner=of(func.coalesce(Person.name, Team.shown).label("owner")),
        holds=of(_number.label("holds")),
    ),
    {
        "source": "connection.name",
        "kind": "record.type",
        "record": "record.number",
        "cause": "cause.label",
    },
)


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
    in_all = select(func.count()).select_from(Posting).where(*mine).scalar_subquery()
    query = (
        LATE_ROW.select(in_all.label("in_all"))
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Hold, Hold.id == _oldest)
        .outerjoin(Cause, Cause.id == Hold.cause_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(*mine)
        .order_by(Posting.finished_at, Posting.id)
        .limit(most)
    )
    if after is not None:
        query = query.where(tuple_(Posting.finished_at, Posting.id) > after)
    found = session.execute(query)
    read, rows = LATE_ROW.reader(found), found.all()
    return Late(tuple(map(read, rows)), rows[0].in_all if rows else 0)
