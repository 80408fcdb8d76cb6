"""The figures of all companies that a monitor reads, with a bounded number of names.

Here: what is measured of each company, and the sum of those beyond the first. Not here: how a
monitor wants it written (portal/operations/metrics.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.models import Company
from holding.db.refusal import Sums, added
from holding.db.together import answer
from holding.worklist import dashboard, filters
from holding.worklist.filters import Filter
from holding.workload import latency, queue_pace, stuck
from holding.workload.queue_pace import Place
from holding.workload.queues import Queue, queues
from holding.workload.target_figures import TargetFigures, target_figures

MOST: Final = 100
REST: Final = "_other"
"""The name of all companies beyond the first; no company has such a code."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one company. `money` is in minor units by the code of its currency; `oldest_at`: since
    when the oldest exception is open; `seconds`: how long each of the latest records took; `rates`:
    queue, by its part and connection -> how much of it is done a second; `stuck`: items in the
    hands of workers that are gone.
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
    """Every company in order of its id; those beyond the first hundred together, under `_other`."""
    rows = session.execute(select(Company.id, Company.code, Company.currency).order_by(Company.id))
    found = [of_company(session, row.id, row.code, row.currency, now) for row in rows.all()]
    rest = [_together(found[MOST:])] if found[MOST:] else []
    return (*found[:MOST], *rest)


def of_company(
    session: Session, company_id: int, code: str, currency: str, now: datetime
) -> Figures:
    """One company."""
    totals = filters.totals(session, company_id, Filter())
    oldest = answer(session, dashboard.oldest(company_id))
    found = queues(session, company_id, now)
    paces = queue_pace.paces(session, company_id, found, now)
    return Figures(
        company=code,
        queues=found,
        held=totals.records,
        money=added([{name or currency: minor} for name, minor in totals.money.items()]),
        oldest_at=oldest.opened_at if oldest else None,
        targets=target_figures(session, company_id, now),
        seconds=tuple(sorted(answer(session, latency.each(company_id, now)))),
        rates={place: one.a_second for place, one in paces.items()},
        stuck=len(stuck.stuck(session, company_id, now)),
    )


def _together(found: Sequence[Figures]) -> Figures:
    """Several companies as one; connections of them are one queue each, without a name."""
    parts: dict[str, Queue] = {}
    for one in (queue for each in found for queue in each.queues):
        before = parts.get(one.part)
        parts[one.part] = replace(one, connection="") if before is None else _sum(before, one)
    targets = [target for each in found for target in each.targets]
    opened = [each.oldest_at for each in found if each.oldest_at is not None]
    read = [one.read_at for one in targets if one.read_at is not None]
    whole = TargetFigures(
        connection="",
        quota_limit=None,
        quota_used=0,
        sent=sum(one.sent for one in targets),
        failed=sum(one.failed for one in targets),
        read_at=min(read, default=None),
    )
    return Figures(
        company=REST,
        queues=tuple(parts.values()),
        held=sum(each.held for each in found),
        money=added(each.money for each in found),
        oldest_at=min(opened, default=None),
        targets=(whole,) if targets else (),
        seconds=tuple(sorted(second for each in found for second in each.seconds)),
        rates=_added(each.rates for each in found),
        stuck=sum(each.stuck for each in found),
    )


def _sum(one: Queue, other: Queue) -> Queue:
    oldest = [moment for moment in (one.oldest_at, other.oldest_at) if moment is not None]
    return Queue(
        part=one.part,
        connection="",
        due=one.due + other.due,
        in_hand=one.in_hand + other.in_hand,
        oldest_at=min(oldest, default=None),
        ages=tuple(a + b for a, b in zip(one.ages, other.ages, strict=True)),
    )


def _added(each: Iterable[Mapping[Place, float]]) -> Mapping[Place, float]:
    """Rates of several companies, by part alone."""
    found: dict[Place, float] = {}
    for rates in each:
        for (part, _), rate in rates.items():
            found[part, ""] = found.get((part, ""), 0.0) + rate
    return found
