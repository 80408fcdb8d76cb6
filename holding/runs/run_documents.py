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
from holding.db.bulk import whole_sum
from holding.db.kept_plans import KEPT, at_most
from holding.db.models import Attempt, Cause, Hold, Posting, Push, Record, Request, Run, Team
from holding.db.models.columns import PushState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Sums, by_key, of_posting
from holding.runs.run_history import (
    LINE,
    PushLine,
    RunRow,
    answer_code,
    never_sent,
    push_columns,
)
from rules.values.canonical import PostingState

A_PAGE = 50
FAR = timedelta(days=8)
"""Runs further apart are not asked for what came in between: it may be all that there is."""
COUNTED = 4_000
"""So many records are counted for the page of a run."""
HELD_STATES = (PostingState.HELD, PostingState.FAILED, PostingState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Reason:
    """Documents that were not posted for one reason.

    `since`: a later run posted them. `cause`: the open exception that they wait for.
    """

    state: PushState
    error_class: ErrorClass | None
    error: str | None
    unsent: bool
    cause: int | None
    label: str | None
    team: str | None
    since: bool
    count: int
    money: Sums


@dataclass(frozen=True, slots=True)
class Ended:
    """How many documents of a run have one result, with their amounts; `answer` is its code."""

    answer: str
    count: int
    money: Sums


@dataclass(frozen=True, slots=True)
class Place:
    """The line after which the next page begins: whether it was accepted, and its push."""

    went: bool
    push_id: int


def count_by_answer(session: Session, company_id: int, run_id: int) -> dict[str, Ended]:
    """Return the documents of a run by the result of their last push in it."""
    currency, minor = of_posting()
    unsent = never_sent().label("unsent")
    found = select(Push.state, unsent, currency, func.count(), whole_sum(minor))
    rows: Sequence[Any] = session.execute(
        _of_run(found, company_id, run_id)
        .group_by(Push.state, unsent, currency)
        .order_by(Push.state),
        execution_options=KEPT,
    ).all()
    answers = [answer_code(row[0], unsent=bool(row[1])) for row in rows]
    money = by_key((key, row[2], row[4]) for key, row in zip(answers, rows, strict=True))
    counts: dict[str, int] = {}
    for key, row in zip(answers, rows, strict=True):
        counts[key] = counts.get(key, 0) + row[3]
    return {key: Ended(key, count, money.get(key, {})) for key, count in counts.items()}


def failure_reasons(session: Session, company_id: int, run_id: int) -> tuple[Reason, ...]:
    """Return why documents were not posted, most frequent first.

    Those that were posted later come last.
    """
    currency, minor = of_posting()
    since = case((Posting.state == PostingState.POSTED, 1), else_=0).label("since")
    hold = (
        select(func.min(Hold.id))
        .where(Hold.posting_id == Posting.id, HOLD_OPEN)
        .correlate(Posting)
        .scalar_subquery()
    )
    unsent = never_sent().label("unsent")
    keys = (
        Push.state,
        Push.error_class,
        Push.error,
        Cause.id,
        Cause.label,
        Team.shown,
        since,
        unsent,
    )
    size = len(keys)
    query = _of_run(
        select(*keys, currency, func.count(), whole_sum(minor)), company_id, run_id
    ).where(Push.state != PushState.ACCEPTED)
    rows: Sequence[Any] = session.execute(
        query.outerjoin(Hold, Hold.id == hold)
        .outerjoin(Cause, Cause.id == Hold.cause_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .group_by(*keys, currency),
        execution_options=KEPT,
    ).all()
    money = by_key((tuple(row[:size]), row[size], row[size + 2]) for row in rows)
    counts: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[:size])
        counts[key] = counts.get(key, 0) + row[size + 1]
    reasons = [
        Reason(
            state=key[0],
            error_class=key[1],
            error=key[2],
            cause=key[3],
            label=key[4],
            team=key[5],
            since=bool(key[6]),
            unsent=bool(key[7]),
            count=count,
            money=money.get(key, {}),
        )
        for key, count in counts.items()
    ]
    return tuple(sorted(reasons, key=lambda one: (one.since, -one.count, one.error or "")))


@dataclass(frozen=True, slots=True)
class Before:
    """An earlier run of equal kind, target and document type."""

    id: int
    made_at: datetime


def previous_runs(session: Session, company_id: int, run: RunRow) -> tuple[Before, ...]:
    """Return up to two earlier runs, the later one first."""
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
    """Records that arrived between two runs: how many, and how many are on hold."""

    records: int
    held: int
    money: Sums


def arrived_records(
    session: Session, company_id: int, run: RunRow, before: Sequence[Before]
) -> tuple[Came, ...]:
    """Return what arrived for a run and for the one before it.

    Nothing is returned for runs that are far apart, or if too many records arrived to count them
    for a page.
    """
    moments = [run.made_at, *(one.made_at for one in before)]
    spans = [(first, last) for last, first in pairwise(moments)]
    spans = list(takewhile(lambda span: span[1] - span[0] <= FAR, spans))
    if not spans:
        return ()
    arrived = (
        select(Record.id, Record.seen_at)
        .where(Record.company_id == company_id)
        .where(Record.seen_at > spans[-1][0], Record.seen_at <= spans[0][1])
        .limit(COUNTED + 1)
        .cte("came")
    )
    currency, minor = of_posting()
    held = Posting.state.in_(HELD_STATES).label("held")
    span = case((arrived.c.seen_at > spans[0][0], 0), else_=1).label("span")
    own_posting = and_(
        Posting.record_id == arrived.c.id,
        Posting.connection_id == run.connection_id,
        Posting.doc_type == run.doc_type,
        Posting.reverses_id.is_(None),
    )
    rows: Sequence[Any] = session.execute(
        select(span, held, currency, func.count(arrived.c.id.distinct()).label("records"))
        .add_columns(whole_sum(minor).label("minor"))
        .select_from(arrived)
        .outerjoin(Posting, own_posting)
        .group_by(span, held, currency)
    ).all()
    if sum(row.records for row in rows) > COUNTED:
        return ()
    relevant_rows = [row for row in rows if row.held is not None]
    return tuple(
        _came([row for row in relevant_rows if row.span == no]) for no in range(len(spans))
    )


def _came(rows: Sequence[Any]) -> Came:
    on_hold = [row for row in rows if row.held]
    money = by_key((None, row.currency, row.minor) for row in on_hold).get(None, {})
    return Came(sum(row.records for row in rows), sum(row.records for row in on_hold), money)


def list_documents(
    session: Session,
    company_id: int,
    run_id: int,
    *,
    after: Place | None = None,
    most: int | None = A_PAGE,
) -> tuple[PushLine, ...]:
    """Return the documents of a run, failed ones first; one page or all."""
    is_accepted = Push.state == PushState.ACCEPTED
    query = (
        push_columns()
        .where(Posting.company_id + 0 == company_id, _last(run_id))  # by the run: see _last
        .where(_behind(after))
        .order_by(is_accepted, Push.id)
        .limit(at_most(most) if most else None)
    )
    return LINE.each(session.execute(query, execution_options=KEPT))


def _behind(after: Place | None) -> ColumnElement[bool]:
    if after is None:
        return true()
    accepted, further = Push.state == PushState.ACCEPTED, Push.id > after.push_id
    return and_(accepted, further) if after.went else or_(accepted, further)


def neighbour(
    session: Session, company_id: int, run_id: int, record_id: int, *, after: bool
) -> PushLine | None:
    """Return the next or previous document of another record in the list of a run, or None."""
    is_accepted = Push.state == PushState.ACCEPTED
    of_run = push_columns().where(Posting.company_id + 0 == company_id, _last(run_id))
    record_lines = LINE.each(
        session.execute(of_run.where(Posting.record_id == record_id).order_by(is_accepted, Push.id))
    )
    if not record_lines:
        return None
    edge_line = record_lines[-1 if after else 0]
    place = Place(went=edge_line.state == PushState.ACCEPTED, push_id=edge_line.id)
    order = (is_accepted, Push.id) if after else (is_accepted.desc(), Push.id.desc())
    query = of_run.where(_behind(place) if after else _before(place))
    page = query.where(Posting.record_id != record_id).order_by(*order).limit(1)
    return next(iter(LINE.each(session.execute(page))), None)


def _before(place: Place) -> ColumnElement[bool]:
    left, earlier = Push.state != PushState.ACCEPTED, Push.id < place.push_id
    return or_(left, earlier) if place.went else and_(left, earlier)


def _of_run(query: Any, company_id: int, run_id: int) -> Select[Any]:
    """Limit a query to the last push of each posting in a run."""
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


def count_failed(found: Sequence[Ended]) -> tuple[int, Sums]:
    """Return the number and amounts of documents that were not posted."""
    return sum_up([one for one in found if one.answer != PushState.ACCEPTED])


def sum_up(found: Iterable[Ended]) -> tuple[int, Sums]:
    """Return the number and amounts of all these documents."""
    parts = list(found)
    rows = [(None, code, minor) for one in parts for code, minor in one.money.items()]
    return sum(one.count for one in parts), by_key(rows).get(None, {})


@dataclass(frozen=True, slots=True)
class Against:
    """A run and the one before it: documents and amounts of each, and the difference of the
    amounts.
    """

    now: tuple[int, Sums]
    then: tuple[int, Sums]
    money: Sums


def compare_runs(now: Iterable[Ended], then: Iterable[Ended]) -> Against:
    """Return the sums shown below the table of answers."""
    current, earlier = sum_up(now), sum_up(then)
    codes = dict.fromkeys([*current[1], *earlier[1]])
    money = {code: current[1].get(code, 0) - earlier[1].get(code, 0) for code in codes}
    return Against(current, earlier, {code: minor for code, minor in money.items() if minor})
