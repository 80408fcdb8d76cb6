"""List the documents of one run: first those that did not post, with the reason, then
the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.db.models import Attempt, Cause, Hold, Posting, Push, Record, Request, Run, Team
from holding.db.models.columns import PushState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Sums, by_key, of_posting
from holding.db.together import KEPT, at_most
from holding.runs.run_history import LINE, PushLine, RunRow, push_columns
from rules.values.canonical import PostingState

A_PAGE = 50
FAR = timedelta(days=8)
"""Runs further apart are not asked for what came in between: it may be all that there is."""
COUNTED = 4_000
"""So many records are counted for the page of a run."""
HELD_STATES = (PostingState.HELD, PostingState.FAILED, PostingState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Reason:
    """Documents that did not go for one reason. `since`: they were posted by a later run; `cause`:
    the open exception that they wait for, if there is one.
    """

    state: PushState
    error_class: ErrorClass | None
    error: str | None
    cause: int | None
    label: str | None
    team: str | None
    since: bool
    count: int
    money: Sums


@dataclass(frozen=True, slots=True)
class Ended:
    """How many documents of a run ended in one state, and their money."""

    state: PushState
    count: int
    money: Sums


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which line of the list the next page begins: whether it was accepted, and its push."""

    went: bool
    push_id: int


def ends(session: Session, company_id: int, run_id: int) -> dict[PushState, Ended]:
    """The documents of a run by the state of their last push in it."""
    currency, minor = of_posting()
    rows: Sequence[Any] = session.execute(
        _of_run(select(Push.state, currency, func.count(), func.sum(minor)), company_id, run_id)
        .group_by(Push.state, currency)
        .order_by(Push.state),
        execution_options=KEPT,
    ).all()
    money = by_key((state, code, minor) for state, code, _, minor in rows)
    counts: dict[PushState, int] = {}
    for state, _, count, _ in rows:
        counts[state] = counts.get(state, 0) + count
    return {state: Ended(state, count, money.get(state, {})) for state, count in counts.items()}


def reasons(session: Session, company_id: int, run_id: int) -> tuple[Reason, ...]:
    """Why documents of a run did not go, most documents first; those that went later come last."""
    currency, minor = of_posting()
    since = case((Posting.state == PostingState.POSTED, 1), else_=0).label("since")
    hold = (
        select(func.min(Hold.id))
        .where(Hold.posting_id == Posting.id, HOLD_OPEN)
        .correlate(Posting)
        .scalar_subquery()
    )
    keys = (Push.state, Push.error_class, Push.error, Cause.id, Cause.label, Team.shown, since)
    query = _of_run(
        select(*keys, currency, func.count(), func.sum(minor)), company_id, run_id
    ).where(Push.state != PushState.ACCEPTED)
    rows: Sequence[Any] = session.execute(
        query.outerjoin(Hold, Hold.id == hold)
        .outerjoin(Cause, Cause.id == Hold.cause_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .group_by(*keys, currency),
        execution_options=KEPT,
    ).all()
    money = by_key((tuple(row[:7]), row[7], row[9]) for row in rows)
    counts: dict[tuple[Any, ...], int] = {}
    for row in rows:
        counts[tuple(row[:7])] = counts.get(tuple(row[:7]), 0) + row[8]
    found = [
        Reason(
            state=key[0],
            error_class=key[1],
            error=key[2],
            cause=key[3],
            label=key[4],
            team=key[5],
            since=bool(key[6]),
            count=count,
            money=money.get(key, {}),
        )
        for key, count in counts.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.since, -one.count, one.error or "")))


@dataclass(frozen=True, slots=True)
class Before:
    """A run of the same kind, target and document type, and when it was made."""

    id: int
    made_at: datetime


def previous(session: Session, company_id: int, run: RunRow) -> tuple[Before, ...]:
    """The two runs before, the later one first; fewer where there were not so many."""
    rows = session.execute(
        select(Run.id, Run.made_at)
        .where(Run.company_id == company_id, Run.kind == run.kind, Run.id < run.id)
        .where(Run.connection_id == run.connection_id, Run.doc_type == run.doc_type)
        .order_by(Run.id.desc())
        .limit(2)
    )
    return tuple(Before(row.id, row.made_at) for row in rows)


@dataclass(frozen=True, slots=True)
class Came:
    """Records that came in for a run, since the one before it: how many, and what of them is on
    hold now.
    """

    records: int
    held: int
    money: Sums


def came_in(
    session: Session, company_id: int, run: RunRow, before: Sequence[Before]
) -> tuple[Came, ...]:
    """What came in for a run, and for the one before it; nothing of runs that are far apart, or
    between which so much came in that nobody counts it for a page.
    """
    moments = [run.made_at, *(one.made_at for one in before)]
    spans = [(first, last) for last, first in pairwise(moments)]
    spans = list(takewhile(lambda span: span[1] - span[0] <= FAR, spans))
    if not spans:
        return ()
    came = (
        select(Record.id, Record.seen_at)
        .where(Record.company_id == company_id)
        .where(Record.seen_at > spans[-1][0], Record.seen_at <= spans[0][1])
        .limit(COUNTED + 1)
        .cte("came")
    )
    currency, minor = of_posting()
    held = Posting.state.in_(HELD_STATES).label("held")
    span = case((came.c.seen_at > spans[0][0], 0), else_=1).label("span")
    mine = and_(
        Posting.record_id == came.c.id,
        Posting.connection_id == run.connection_id,
        Posting.doc_type == run.doc_type,
        Posting.reverses_id.is_(None),
    )
    rows: Sequence[Any] = session.execute(
        select(span, held, currency, func.count(came.c.id.distinct()).label("records"))
        .add_columns(func.sum(minor).label("minor"))
        .select_from(came)
        .outerjoin(Posting, mine)
        .group_by(span, held, currency)
    ).all()
    if sum(row.records for row in rows) > COUNTED:
        return ()
    of_run = [row for row in rows if row.held is not None]
    return tuple(_came([row for row in of_run if row.span == no]) for no in range(len(spans)))


def _came(rows: Sequence[Any]) -> Came:
    on_hold = [row for row in rows if row.held]
    money = by_key((None, row.currency, row.minor) for row in on_hold).get(None, {})
    return Came(sum(row.records for row in rows), sum(row.records for row in on_hold), money)


def documents(
    session: Session,
    company_id: int,
    run_id: int,
    *,
    after: Place | None = None,
    most: int | None = A_PAGE,
) -> tuple[PushLine, ...]:
    """The documents of a run, those that did not go first; a page of them, or all."""
    went = Push.state == PushState.ACCEPTED
    query = (
        push_columns()
        .where(Posting.company_id + 0 == company_id, _last(run_id))  # by the run: see _last
        .where(_behind(after))
        .order_by(went, Push.id)
        .limit(at_most(most) if most else None)
    )
    return LINE.each(session.execute(query, execution_options=KEPT))


def _behind(after: Place | None) -> ColumnElement[bool]:
    if after is None:
        return true()
    accepted, further = Push.state == PushState.ACCEPTED, Push.id > after.push_id
    return and_(accepted, further) if after.went else or_(accepted, further)


def beside(
    session: Session, company_id: int, run_id: int, record_id: int, *, after: bool
) -> PushLine | None:
    """The next document of another record in the list of a run, or the one before; None behind the
    last, before the first, and beside a record that the run did not send.
    """
    went = Push.state == PushState.ACCEPTED
    of_run = push_columns().where(Posting.company_id + 0 == company_id, _last(run_id))
    own = LINE.each(
        session.execute(of_run.where(Posting.record_id == record_id).order_by(went, Push.id))
    )
    if not own:
        return None
    one = own[-1 if after else 0]
    place = Place(went=one.state == PushState.ACCEPTED, push_id=one.id)
    order = (went, Push.id) if after else (went.desc(), Push.id.desc())
    query = of_run.where(_behind(place) if after else _before(place))
    found = query.where(Posting.record_id != record_id).order_by(*order).limit(1)
    return next(iter(LINE.each(session.execute(found))), None)


def _before(place: Place) -> ColumnElement[bool]:
    left, earlier = Push.state != PushState.ACCEPTED, Push.id < place.push_id
    return or_(left, earlier) if place.went else and_(left, earlier)


def _of_run(query: Any, company_id: int, run_id: int) -> Select[Any]:
    """The last push of each posting in a run."""
    of_company = (
        query.select_from(Push)
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.company_id + 0 == company_id, _last(run_id))  # by the run: see _last
    )
    found: Select[Any] = of_company
    return found


def _last(run_id: int) -> ColumnElement[bool]:
    carried = (
        select(func.max(Push.id))
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Request.run_id == run_id, Request.kind == "push")
        .group_by(Push.posting_id)
    )
    return Push.id.in_(carried)


def not_gone(found: Sequence[Ended]) -> tuple[int, Sums]:
    """How many documents did not go, and their money."""
    return in_all([one for one in found if one.state != PushState.ACCEPTED])


def in_all(found: Iterable[Ended]) -> tuple[int, Sums]:
    """How many documents they are together, and their money."""
    parts = list(found)
    rows = [(None, code, minor) for one in parts for code, minor in one.money.items()]
    return sum(one.count for one in parts), by_key(rows).get(None, {})


@dataclass(frozen=True, slots=True)
class Against:
    """A run and the one before it: documents and money of each, and what the money differs by."""

    now: tuple[int, Sums]
    then: tuple[int, Sums]
    money: Sums


def against(now: Iterable[Ended], then: Iterable[Ended]) -> Against:
    """The sums below the table of answers."""
    ours, before = in_all(now), in_all(then)
    codes = dict.fromkeys([*ours[1], *before[1]])
    money = {code: ours[1].get(code, 0) - before[1].get(code, 0) for code in codes}
    return Against(ours, before, {code: minor for code, minor in money.items() if minor})
