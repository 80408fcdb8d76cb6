"""Measure how long records take from arrival to a posted document."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any, Final

from sqlalchemy import Float, Select, bindparam, exists, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from holding.db.bulk import json_rows
from holding.db.kept_plans import at_most
from holding.db.models import Attempt, Company, Hold, Posting, Record, Request, Run, Version
from holding.db.models.columns import Moment
from holding.db.refusal import Sums, added
from holding.operations.queues import Place, Queue, load_queues, measure_paces
from holding.operations.stuck_work import list_stuck
from holding.operations.target_figures import TargetFigures, target_figures
from holding.worklist import dashboard, filters
from holding.worklist.filters import Filter

WINDOW: Final = timedelta(days=1)

MOST_RECORDS: Final = 500
"""So many of the newest records are looked at: a page must not wait for a day of a large shop."""

_SINCE: Final = bindparam("latency_since", type_=Moment)

AT_ONCE: Final = "immediate"  # the kind of a run of documents that go as soon as they may

MOST_FIGURES: Final = 100

REST: Final = "_other"
"""The name of all companies beyond the first; no company has such a code."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of a number of records in seconds: `median` and 95th percentile `p95`.

    Both are None where no record was measured.
    """

    records: int
    median: float | None
    p95: float | None


class seconds_between(FunctionElement[float]):  # noqa: N801 - it stands in a select as a function does
    """So long after the first moment the second one was, to the millisecond.

    Two moments of each of many rows take the program longer to read than one number.
    """

    type = Float()
    inherit_cache = True
    name = "seconds_between"


@compiles(seconds_between)
def _seconds_between(element: seconds_between, compiler: SQLCompiler, **options: Any) -> str:
    first, second = (compiler.process(clause, **options) for clause in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"round((julianday({second}) - julianday({first})) * 86400, 3)"
    return f"CAST(EXTRACT(EPOCH FROM ({second}) - ({first})) AS FLOAT)"


def measure_latency(session: Session, company_id: int, now: datetime) -> Latency:
    """Return the latency of the last day's newest records."""
    seconds = sorted(load_latencies(session, company_id, now))
    return Latency(len(seconds), rank(seconds, 0.5), rank(seconds, 0.95))


def load_latencies(session: Session, company_id: int, now: datetime) -> list[float]:
    """Return each record's seconds until its last document was posted."""
    packed_rows = session.scalar(_each(company_id), {_SINCE.key: now - WINDOW})
    return [max(0.0, seconds) for (seconds,) in json.loads(packed_rows or "[]")]


@lru_cache(maxsize=256)
def _each(company_id: int) -> Select[str]:
    """Return the select that packs all records into one row.

    Hundreds of rows, each with the columns of the other questions, would take longer.
    """
    newest = (
        select(Record.id)
        .where(Record.company_id == company_id, Record.seen_at > _SINCE)
        .order_by(Record.seen_at.desc(), Record.id.desc())
        .limit(at_most(MOST_RECORDS))
        .subquery()
    )
    by_a_run = exists().where(
        Attempt.push_id == Posting.posted_push_id,
        Request.id == Attempt.request_id,
        Run.id == Request.run_id,
        Run.kind != AT_ONCE,
    )
    took = seconds_between(func.min(Version.at), func.max(Posting.posted_at)).label("took")
    durations = (
        select(took)
        .select_from(Posting)
        .join(newest, newest.c.id == Posting.record_id)
        .join(Version, Version.id == Posting.version_id)
        .where(Posting.posted_at.is_not(None), Posting.posted_push_id.is_not(None))
        .where(~exists().where(Hold.record_id == Posting.record_id), ~by_a_run)
        .group_by(Posting.record_id)
        .subquery()
    )
    return select(json_rows(durations.c.took))


def rank(ordered: Sequence[float], share: float) -> float | None:
    """Return the value at this share by nearest rank, or None for no values."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one company.

    `money` is in minor units by currency code; `oldest_at`: since when the oldest exception is
    open; `seconds`: each latest record's duration; `rates`: by queue and connection, rows done per
    second; `stuck`: items leased by lost workers.
    """

    company: str
    queues: tuple[Queue, ...]
    held: int
    money: Sums
    oldest_at: datetime | None
    targets: tuple[TargetFigures, ...]
    seconds: tuple[float, ...]
    rates: Mapping[Place, float]
    stuck: int


def of_all(session: Session, now: datetime) -> tuple[Figures, ...]:
    """Return each company's figures by id; beyond the first hundred summed as `_other`."""
    rows = session.execute(select(Company.id, Company.code, Company.currency).order_by(Company.id))
    figures = [of_company(session, row.id, row.code, row.currency, now) for row in rows.all()]
    remaining = [_together(figures[MOST_FIGURES:])] if figures[MOST_FIGURES:] else []
    return (*figures[:MOST_FIGURES], *remaining)


def _together(company_figures: Sequence[Figures]) -> Figures:
    """Return the sum of several companies; their connections become one queue without a name."""
    parts: dict[str, Queue] = {}
    for company_queue in (queue for figures in company_figures for queue in figures.queues):
        before = parts.get(company_queue.part)
        parts[company_queue.part] = (
            replace(company_queue, connection="") if before is None else _sum(before, company_queue)
        )
    targets = [target for figures in company_figures for target in figures.targets]
    opened = [figures.oldest_at for figures in company_figures if figures.oldest_at is not None]
    read = [target.read_at for target in targets if target.read_at is not None]
    total = TargetFigures(
        connection="",
        quota_limit=None,
        quota_used=0,
        sent=sum(target.sent for target in targets),
        failed=sum(target.failed for target in targets),
        read_at=min(read, default=None),
    )
    return Figures(
        company=REST,
        queues=tuple(parts.values()),
        held=sum(figures.held for figures in company_figures),
        money=added(figures.money for figures in company_figures),
        oldest_at=min(opened, default=None),
        targets=(total,) if targets else (),
        seconds=tuple(sorted(second for figures in company_figures for second in figures.seconds)),
        rates=_added(figures.rates for figures in company_figures),
        stuck=sum(figures.stuck for figures in company_figures),
    )


def _sum(queue: Queue, other: Queue) -> Queue:
    oldest = [moment for moment in (queue.oldest_at, other.oldest_at) if moment is not None]
    return Queue(
        part=queue.part,
        connection="",
        due=queue.due + other.due,
        in_hand=queue.in_hand + other.in_hand,
        oldest_at=min(oldest, default=None),
        ages=tuple(a + b for a, b in zip(queue.ages, other.ages, strict=True)),
    )


def _added(company_rates: Iterable[Mapping[Place, float]]) -> Mapping[Place, float]:
    """Return the rates of several companies by part alone."""
    summed_rates: dict[Place, float] = {}
    for rates in company_rates:
        for (part, _), rate in rates.items():
            summed_rates[part, ""] = summed_rates.get((part, ""), 0.0) + rate
    return summed_rates


def of_company(
    session: Session, company_id: int, code: str, currency: str, now: datetime
) -> Figures:
    """Return the figures of one company."""
    totals = filters.load_totals(session, company_id, Filter())
    oldest = dashboard.load_oldest(session, company_id)
    queues = load_queues(session, company_id, now)
    paces = measure_paces(session, company_id, queues, now)
    return Figures(
        company=code,
        queues=queues,
        held=totals.records,
        money=added([{name or currency: minor} for name, minor in totals.money.items()]),
        oldest_at=oldest.opened_at if oldest else None,
        targets=target_figures(session, company_id, now),
        seconds=tuple(sorted(load_latencies(session, company_id, now))),
        rates={place: pace.a_second for place, pace in paces.items()},
        stuck=len(list_stuck(session, company_id, now)),
    )
