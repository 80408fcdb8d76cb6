"""What the frame of every page shows: the company and how much waits in it.

Here: plain rows, reads only. Not here: any page.
"""

from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from holding.entries import unmapped
from holding.models import Company, Hold, RouteStop, RulesetVersion


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """The company of a page."""

    id: int
    code: str
    name: str
    zone: str
    currency: str
    revision: int
    ruleset_no: int | None
    ruleset_version_id: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Records with an open hold, mapping values that are missing, routes that stopped and ask."""

    held: int
    missing: int
    stopped: tuple[str, ...] = ()


def company(session: Session, code: str) -> CompanyRow | None:
    """The company with this code."""
    row = session.execute(
        select(Company, RulesetVersion.no)
        .outerjoin(RulesetVersion, RulesetVersion.id == Company.ruleset_version_id)
        .where(Company.code == code)
    ).first()
    if row is None:
        return None
    found, ruleset_no = row
    return CompanyRow(
        id=found.id,
        code=found.code,
        name=found.name,
        zone=found.zone,
        currency=found.currency,
        revision=found.revision,
        ruleset_no=ruleset_no,
        ruleset_version_id=found.ruleset_version_id,
    )


def counts(session: Session, company_id: int) -> Counts:
    """What every page of a company says, in one statement."""
    held = (
        select(func.count(func.distinct(Hold.record_id)))
        .where(Hold.company_id == company_id, Hold.state == "open")
        .scalar_subquery()
    )
    missing = select(func.count()).where(*unmapped(company_id)).scalar_subquery()
    stopped = (
        select(func.aggregate_strings(RouteStop.route, " "))
        .where(RouteStop.company_id == company_id, text(f"route_stop.{RouteStop.OPEN}"))
        .scalar_subquery()
    )
    query = select(held.label("held"), missing.label("missing"), stopped.label("stopped"))
    row = session.execute(query).one()
    stopped_routes = sorted(set((row.stopped or "").split()))
    return Counts(held=row.held, missing=row.missing, stopped=tuple(stopped_routes))
