"""How much waits in a company, and whether anybody works: what the frame of every page says.

Here: one statement, for it is asked with every page. Not here: what waits while no worker runs
(holding/workload/idle_work.py).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Label, Select, func, literal, select
from sqlalchemy.orm import Session

from holding.access import operations as access_requests
from holding.db.models import RouteStop
from holding.db.models.rules import ROUTE_STOPPED
from holding.db.together import Given, Question
from holding.holds import tally_figures
from holding.mappings.key_reach import unmapped
from holding.platform import processes as heartbeats
from holding.platform.processes import Workers
from holding.rulesets import change_list


@dataclass(frozen=True, slots=True)
class Counts:
    """Records with an open hold, mapping values that are missing, changes of the rules that a
    publisher can put into force, requests for access that an administrator can answer, the workers
    of the installation, and the routes that stopped and ask.
    """

    held: int
    missing: int
    changes: int
    requests: int
    workers: Workers
    stopped: tuple[str, ...] = ()


def counts(
    session: Session,
    company_id: int,
    now: datetime,
    *,
    publisher: int | None = None,
    admin: bool = False,
) -> Question[Counts]:
    """What every page of a company says; `publisher`: who reads it, if they publish rules; `admin`:
    whether they manage people.
    """
    query = _query(tally_figures.held(session, company_id), company_id, publisher, admin)
    row = (yield Given(query, heartbeats.moments(now))).one()
    return Counts(
        held=row.held,
        missing=row.missing,
        changes=row.changes,
        requests=row.requests,
        workers=heartbeats.read(row, now),
        stopped=tuple(sorted(set((row.stopped or "").split()))),
    )


@lru_cache(maxsize=256)
def _query(held: Select[int], company_id: int, publisher: int | None, admin: bool) -> Select[Any]:
    """Made once for each reader: to make it takes longer than to run it."""
    changes = change_list.waiting_for(company_id, publisher) if publisher else literal(0)
    asked = access_requests.count(company_id).scalar_subquery() if admin else literal(0)
    query = select(held.scalar_subquery().label("held"), changes.label("changes"))
    query = query.add_columns(*_of(company_id), asked.label("requests"))
    return query.add_columns(*heartbeats.signs())


def _of(company_id: int) -> tuple[Label[Any], ...]:
    """Missing entries and stopped routes as columns."""
    missing = select(func.count()).where(*unmapped(company_id)).scalar_subquery()
    stopped = (
        select(func.aggregate_strings(RouteStop.route, " "))
        .where(RouteStop.company_id == company_id, ROUTE_STOPPED)
        .scalar_subquery()
    )
    return missing.label("missing"), stopped.label("stopped")
