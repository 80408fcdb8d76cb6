"""Read the health figures of connections and workers: quota, failed calls, master data age."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from time import monotonic, perf_counter
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, select, text, union_all
from sqlalchemy.orm import Session

from holding.connections.master_data import month_of
from holding.db import kept_plans
from holding.db.bulk import whole_sum
from holding.db.models import (
    Attempt,
    Company,
    Connection,
    Heartbeat,
    Posting,
    Record,
    Request,
    Run,
    Snapshot,
    Throttle,
)
from holding.db.models.columns import LEASED, AttemptState, among_words
from holding.platform import processes
from holding.platform.processes import AHEAD, KEPT, UNKNOWN, Room

LATELY: Final = timedelta(hours=1)

LONGEST_MONTH: Final = 31

LAST_CALLS: Final = 500  # of each target: no scrape goes through a day of calls

CLOCKS_APART: Final = 30  # seconds

ANSWERED: Final = (AttemptState.ACCEPTED, AttemptState.EXISTING)

FAILED: Final = (AttemptState.REFUSED, AttemptState.TEMPORARY, AttemptState.UNCERTAIN)

MOST: Final = 50

_ASKED: Final = {
    "postgresql": text("SELECT current_setting('server_version'), clock_timestamp()"),
    "sqlite": text("SELECT sqlite_version(), NULL"),
}

AS_LONG: Final = 60

_NAMES: Final = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}

_Known: TypeAlias = tuple[float, str, float | None]  # when it was asked, version, clock

_known: dict[str, _Known] = {}


@dataclass(frozen=True, slots=True)
class TargetFigures:
    """The figures of one target.

    `quota_used` is this month's, `quota_limit` None without a limit; `sent` and `failed` count
    documents in the last hour's calls; `read_at`: when the oldest master data was read, or None;
    `clock_ahead`: seconds by which the target's clock is ahead, negative if behind, measured at
    `clock_at`.
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
        """Check whether the target's clock differs so much that days and keys may be wrong."""
        return self.clock_ahead is not None and abs(self.clock_ahead) > CLOCKS_APART

    @property
    def failure_share(self) -> float:
        """The share of documents sent in the last hour that failed, from 0 to 1; 0 without
        documents.
        """
        return self.failed / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """How far a month's quota reaches.

    `a_day`: documents on an average day until now; `ends_on`: when nothing is left at that rate,
    None if the quota lasts.
    """

    left: int
    a_day: float
    ends_on: date | None
    again_on: date


def outlook(limit: int, used: int, now: datetime) -> Outlook:
    """Return the outlook of a monthly limit; `now` is in the company's zone."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    renewed_on = (first + timedelta(days=32)).replace(day=1).date()
    days = max(1.0, (now - first) / timedelta(days=1))
    left_calls, a_day = max(0, limit - used), used / days
    reaches = left_calls / a_day if a_day else float(LONGEST_MONTH)
    ends = None if reaches >= LONGEST_MONTH else (now + timedelta(days=reaches)).date()
    if not left_calls:
        ends = now.date()
    return Outlook(
        left_calls, a_day, ends if ends is not None and ends < renewed_on else None, renewed_on
    )


def target_figures(session: Session, company_id: int, now: datetime) -> tuple[TargetFigures, ...]:
    """Return a company's targets in order of their names."""
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
    figures = []
    for row in rows:
        sent, failed = _count_calls(session, row.id, now)
        used = row.quota_used if row.quota_month == month else 0
        figures.append(
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
    return tuple(figures)


def _count_calls(session: Session, connection_id: int, now: datetime) -> tuple[int, int]:
    """Return the number of documents in the last hour's ended calls, and of failed ones."""
    last = (
        select(Request.id)
        .where(Request.connection_id == connection_id, Request.made_at > now - LATELY)
        .where(Request.kind == "push")
        .order_by(Request.id.desc())
        .limit(LAST_CALLS)
    )
    failed = case((among_words(Attempt.state, FAILED), 1), else_=0)
    rows = session.execute(
        select(func.count(), whole_sum(failed))
        .where(Attempt.request_id.in_(last))
        .where(among_words(Attempt.state, (*ANSWERED, *FAILED)))
    )
    row = rows.one()
    return row[0], int(row[1] or 0)


class WorkerState(StrEnum):
    """The state of a worker: running, draining its work, ended in order, or without a heartbeat."""

    SILENT = "silent"
    RUNNING = "running"
    DRAINING = "draining"
    ENDED = "ended"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker process.

    A listening child sends no heartbeat (`unseen`) and is known only by its leases; its times are
    None and its capacity unknown. `lease_until`: the end of its first lease.
    """

    owner: str
    state: WorkerState
    started_at: datetime | None
    seen_at: datetime | None
    in_hand: int
    lease_until: datetime | None
    room: Room


def list_workers(session: Session, company_id: int, now: datetime) -> tuple[WorkerRow, ...]:
    """Return the workers: silent ones first, then running ones, then ended ones."""
    return _workers(_count_in_hand(session, company_id), _load_signs(session, now), now)


def _count_in_hand(session: Session, company_id: int) -> dict[str, tuple[int, datetime | None]]:
    """Return each worker's leased rows here, and the first lease's end."""
    rows = session.execute(_leases(company_id), execution_options=kept_plans.KEPT)
    return {owner or "": (count, until) for owner, count, until in rows}


@lru_cache(maxsize=256)
def _leases(company_id: int) -> Select[Any, int, datetime | None]:
    leased_rows = union_all(
        *(_leased(table, company_id) for table in (Record, Posting, Run))
    ).subquery()
    return select(leased_rows.c.owner, func.count(), func.min(leased_rows.c.until)).group_by(
        leased_rows.c.owner
    )


def _leased(table: type[Record | Posting | Run], company_id: int) -> Any:
    owner, until = table.lease_owner.label("owner"), table.lease_until.label("until")
    of_company = (
        table.company_id + 0 == company_id
    )  # by no index of the company's rows: few are leased
    return select(owner, until).where(of_company, text(LEASED))


def _load_signs(session: Session, now: datetime) -> list[Heartbeat]:
    """Return the last day's signs of life, newest first."""
    query = (
        select(Heartbeat)
        .where(Heartbeat.seen_at > now - KEPT)
        .order_by(Heartbeat.left_at.is_not(None), Heartbeat.seen_at.desc(), Heartbeat.owner)
        .limit(MOST)
    )
    return list(session.scalars(query, execution_options=kept_plans.KEPT))


def _workers(
    leases_by_owner: Mapping[str, tuple[int, datetime | None]],
    signs: Sequence[Heartbeat],
    now: datetime,
) -> tuple[WorkerRow, ...]:
    hands, worker_rows = dict(leases_by_owner), []
    for row in signs:
        count, until = hands.pop(row.owner, (0, None))
        state, room = _state(row, now), Room(row.memory_bytes, row.disk_free_bytes)
        worker_rows.append(
            WorkerRow(row.owner, state, row.started_at, row.seen_at, count, until, room)
        )
    worker_rows += [
        WorkerRow(owner, WorkerState.UNSEEN, None, None, count, until, UNKNOWN)
        for owner, (count, until) in sorted(hands.items())
    ]
    order = list(WorkerState)
    return tuple(sorted(worker_rows, key=lambda worker: order.index(worker.state)))


def _state(row: Heartbeat, now: datetime) -> WorkerState:
    if row.left_at is not None:
        return WorkerState.ENDED
    if row.next_by <= now or row.seen_at > now + AHEAD:
        return WorkerState.SILENT
    is_stopping = row.stop_asked_at is not None and row.stop_asked_at >= row.started_at
    return WorkerState.DRAINING if is_stopping else WorkerState.RUNNING


class RedisState(StrEnum):
    """The state of Redis, which wakes workers when work is due."""

    ANSWERS = "answers"
    SILENT = "silent"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """`clock_off`: how far the clock of the database is from ours, in seconds; None where both are
    one. The other times are how long an answer took.
    """

    database: str
    database_seconds: float
    redis: RedisState
    redis_seconds: float
    clock_off: float | None


def system_health(session: Session, now: datetime, took: float) -> SystemHealth:
    """Return the state of database, Redis and clock.

    `took`: how long the database needed for one of the page's own statements. Version and clock are
    read once a minute.
    """
    _, name, off = _database(session, now)
    state, waited = _redis()
    return SystemHealth(name, took, state, waited, off)


def _database(session: Session, now: datetime) -> _Known:
    engine = session.get_bind().engine
    known_database, checked_at = _known.get(str(engine.url)), monotonic()
    if known_database is None or checked_at - known_database[0] > AS_LONG:
        version, database_now = session.execute(_ASKED[engine.dialect.name]).one()
        off = abs((now - database_now).total_seconds()) if database_now else None
        named = (_NAMES[engine.dialect.name], str(version).split()[0])
        known_database = checked_at, " ".join(named), off
        _known[str(engine.url)] = known_database
    return known_database


def _redis() -> tuple[RedisState, float]:
    url = os.environ.get("REDIS_URL")
    if not url:
        return RedisState.NONE, 0.0
    began = perf_counter()
    answers = processes.is_reachable_soon(url)
    return RedisState.ANSWERS if answers else RedisState.SILENT, perf_counter() - began
