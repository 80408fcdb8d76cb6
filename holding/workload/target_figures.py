"""Figures of the connections of a company: quota, share of calls that failed, age of master data.

Here: one row a target, and how far its quota reaches. Not here: whether a target is away now
(holding/runs/status.py).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from holding.connections.master_data import month_of
from holding.db.models import Attempt, Company, Connection, Request, Snapshot, Throttle
from holding.db.models.columns import AttemptState, among_words
from holding.db.together import Question, Together

LATELY: Final = timedelta(hours=1)
LONGEST_MONTH: Final = 31
LAST_CALLS: Final = 500  # of each target: no scrape goes through a day of calls
CLOCKS_APART: Final = 30  # seconds
ANSWERED: Final = (AttemptState.ACCEPTED, AttemptState.EXISTING)
FAILED: Final = (AttemptState.REFUSED, AttemptState.TEMPORARY, AttemptState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class TargetFigures:
    """Of one target. `quota_used` is of this month, `quota_limit` None where it names none; `sent`
    and `failed` count documents in the calls of the last hour; `read_at`: when the master data that
    is oldest was last looked at, None where none was; `clock_ahead`: by how many seconds its clock
    is ahead of ours, less than 0 where it is behind, as its last test told at `clock_at`.
    """

    connection: str
    quota_limit: int | None
    quota_used: int
    sent: int
    failed: int
    read_at: datetime | None
    clock_ahead: int | None = None
    clock_at: datetime | None = None

    @property
    def clock_off(self) -> bool:
        """Whether its clock is so far from ours that days and keys may be told wrongly."""
        return self.clock_ahead is not None and abs(self.clock_ahead) > CLOCKS_APART

    @property
    def failure_share(self) -> float:
        """How many of the documents sent in the last hour failed: 0 to 1; 0 of none."""
        return self.failed / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """How far the quota of a month reaches. `a_day`: documents of it on an average day until now;
    `ends_on`: when nothing is left at that rate, None where it lasts until it begins again.
    """

    left: int
    a_day: float
    ends_on: date | None
    again_on: date


def outlook(limit: int, used: int, now: datetime) -> Outlook:
    """That of so many documents used of a month's limit; `now` in the zone of the company."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    again = (first + timedelta(days=32)).replace(day=1).date()
    days = max(1.0, (now - first) / timedelta(days=1))
    left, a_day = max(0, limit - used), used / days
    reaches = left / a_day if a_day else float(LONGEST_MONTH)
    ends = None if reaches >= LONGEST_MONTH else (now + timedelta(days=reaches)).date()
    if not left:
        ends = now.date()
    return Outlook(left, a_day, ends if ends is not None and ends < again else None, again)


def target_figures(session: Session, company_id: int, now: datetime) -> tuple[TargetFigures, ...]:
    """The targets of a company in order of their names."""
    zone = ZoneInfo(session.get_one(Company, company_id).zone)
    oldest = (
        select(func.min(Snapshot.checked_at))
        .where(Snapshot.connection_id == Connection.id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            Connection.id,
            Connection.name,
            Throttle.quota_limit,
            Throttle.quota_month,
            Throttle.quota_used,
            oldest.label("read_at"),
            Throttle.clock_ahead,
            Throttle.clock_at,
        )
        .outerjoin(Throttle, Throttle.connection_id == Connection.id)
        .where(Connection.company_id == company_id, Connection.side == "target")
        .order_by(Connection.name)
    ).all()
    month = month_of(now, zone)
    found, page = [], Together(session)
    calls = [page.ask(_calls(row.id, now)) for row in rows]
    for row, asked in zip(rows, calls, strict=True):
        sent, failed = asked.value
        used = row.quota_used if row.quota_month == month else 0
        found.append(
            TargetFigures(
                connection=row.name,
                quota_limit=row.quota_limit,
                quota_used=used or 0,
                sent=sent,
                failed=failed,
                read_at=row.read_at,
                clock_ahead=row.clock_ahead,
                clock_at=row.clock_at,
            )
        )
    return tuple(found)


def _calls(connection_id: int, now: datetime) -> Question[tuple[int, int]]:
    """Documents in the calls of the last hour that came to an end, and those that failed."""
    last = (
        select(Request.id)
        .where(Request.connection_id == connection_id, Request.made_at > now - LATELY)
        .where(Request.kind == "push")
        .order_by(Request.id.desc())
        .limit(LAST_CALLS)
    )
    failed = case((among_words(Attempt.state, FAILED), 1), else_=0)
    rows = yield (
        select(func.count(), func.sum(failed))
        .where(Attempt.request_id.in_(last))
        .where(among_words(Attempt.state, (*ANSWERED, *FAILED)))
    )
    row = rows.one()
    return row[0], int(row[1] or 0)
