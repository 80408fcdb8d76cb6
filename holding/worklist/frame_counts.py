"""How much waits in a company, and whether anybody works: what the frame of every page says.

Here: one statement, for it is asked with every page. Not here: what waits while no worker runs
(holding/worklist/idle_work.py).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Label, func, select
from sqlalchemy.orm import Session

from holding.mappings.entries import unmapped
from holding.runtime import heartbeats
from holding.runtime.heartbeats import Workers
from holding.store.together import Question
from holding.tables import RouteStop
from holding.tables.rules import ROUTE_STOPPED
from holding.tallies import tally_figures


@dataclass(frozen=True, slots=True)
class Counts:
    """Records with an open hold, mapping values that are missing, the workers of the installation,
    and the routes that stopped and ask.
    """

    held: int
    missing: int
    workers: Workers
    stopped: tuple[str, ...] = ()


def counts(session: Session, company_id: int, now: datetime) -> Question[Counts]:
    """What every page of a company says."""
    held = tally_figures.held(session, company_id).scalar_subquery()
    query = select(held.label("held"), *_of(company_id), *heartbeats.signs(now))
    row = (yield query).one()
    return Counts(
        held=row.held,
        missing=row.missing,
        workers=heartbeats.read(row, now),
        stopped=tuple(sorted(set((row.stopped or "").split()))),
    )


@lru_cache(maxsize=256)
def _of(company_id: int) -> tuple[Label[Any], ...]:
    """Missing entries and stopped routes as columns, which are made once a company."""
    missing = select(func.count()).where(*unmapped(company_id)).scalar_subquery()
    stopped = (
        select(func.aggregate_strings(RouteStop.route, " "))
        .where(RouteStop.company_id == company_id, ROUTE_STOPPED)
        .scalar_subquery()
    )
    return missing.label("missing"), stopped.label("stopped")
