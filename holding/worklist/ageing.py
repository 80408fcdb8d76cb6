"""How long records wait, and documents that are late: finished in the source, not yet posted.

Here: ages by owner, the list of late documents, the oldest first, its head for the dashboard, and
what each one waits for. Not here: since when it is finished (holding/evaluation/plan.py says so
with every judging).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from holding.store.row_objects import Columns, known, of
from holding.store.sums import most_first, of_held
from holding.store.together import Question
from holding.tables import Cause, Connection, Hold, Person, Posting, Record, Team
from holding.tables.decisions import HOLD_OPEN, is_open
from holding.words import Sums, by_key
from rules.values.posting_states import PostingState

STEPS = (("up to 1 day", 1), ("1 to 3 days", 3), ("3 to 7 days", 7), ("over 7 days", None))


@dataclass(frozen=True, slots=True)
class AgeingRow:
    """What one owner has: a person, or a team for what nobody took."""

    person_id: int | None
    team_id: int
    owner: str
    records: int
    money: Sums
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
            func.max(Hold.book).label("book"),
            func.min(Hold.opened_at).label("since"),
            func.min(Hold.answer_by).label("answer_by"),
            func.max(case((Posting.state == PostingState.FAILED, 1), else_=0)).label("refused"),
        )
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .where(Hold.company_id == company_id, HOLD_OPEN)
        .group_by(Hold.person_id, team, Hold.record_id)
        .subquery()
    )
    currency, minor = of_held(single)
    query = (
        select(
            single.c.person_id,
            single.c.team_id,
            currency,
            func.coalesce(func.max(Person.name), func.max(Team.shown)).label("owner"),
            func.count().label("records"),
            func.sum(minor).label("minor"),
            func.sum(single.c.refused).label("refused"),
            func.sum(case((single.c.answer_by < now, 1), else_=0)).label("overdue"),
            func.min(single.c.since).label("oldest"),
            *_ages(single.c.since, now),
        )
        .join_from(single, Record, Record.id == single.c.record_id)
        .outerjoin(Person, Person.id == single.c.person_id)
        .outerjoin(Team, Team.id == single.c.team_id)
        .group_by(single.c.person_id, single.c.team_id, currency)
    )
    found: dict[tuple[int | None, int], list[Row[Any]]] = defaultdict(list)
    for row in session.execute(query):
        found[row.person_id, row.team_id].append(row)
    owners = [_owner(rows) for rows in found.values()]
    return tuple(
        sorted(owners, key=lambda one: (*most_first(one.money), one.person_id or 0, one.team_id))
    )


def _owner(rows: Sequence[Row[Any]]) -> AgeingRow:
    """One owner, of a row for each currency."""
    return AgeingRow(
        person_id=rows[0].person_id,
        team_id=rows[0].team_id,
        owner=rows[0].owner or "",
        records=sum(row.records for row in rows),
        money=by_key((None, row.currency, row.minor) for row in rows).get(None, {}),
        refused=sum(int(row.refused) for row in rows),
        overdue=sum(int(row.overdue) for row in rows),
        oldest=min(row.oldest for row in rows),
        ages=tuple(sum(int(row._mapping[step]) for row in rows) for step, _ in STEPS),
    )


def _ages(since: ColumnElement[datetime], now: datetime) -> Iterator[ColumnElement[int]]:
    """How many records began to wait in each step of age."""
    young = now
    for step, days in STEPS:
        old = now - timedelta(days=days) if days else None
        inside = since <= young if old is None else (since <= young) & (since > old)
        yield func.sum(case((inside, 1), else_=0)).label(step)
        young = old or young


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
    state: PostingState
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

    @property
    def ready(self) -> bool:
        """Whether it waits only to be sent."""
        return self.state == PostingState.READY

    @property
    def decided_anew(self) -> bool:
        """Whether the rules have to decide on it again before it is sent."""
        return self.state in {PostingState.HELD, PostingState.WAITING, PostingState.FAILED}


# of the posting of a row: its oldest open hold, and how many there are
_held = aliased(Hold, name="held")
_mine = (_held.posting_id == Posting.id, is_open(_held.state))
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
    company_id: int, after: tuple[datetime, int] | None = None, most: int = A_PAGE
) -> Question[Late]:
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
    found = yield query
    read, rows = LATE_ROW.reader(found), found.all()
    return Late(tuple(map(read, rows)), rows[0].in_all if rows else 0)
