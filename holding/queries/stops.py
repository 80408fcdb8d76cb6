"""Routes that stopped because one change moves too much, as rows.

Here: those that are open, with what waits behind them, and the latest that are over. Not here: what
is decided about them (holding/impact/safety.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select, text
from sqlalchemy.orm import Session, aliased

from holding.models import Person, Posting, Revision, RouteStop
from holding.queries.rows import each

OVER = 20


@dataclass(frozen=True, slots=True)
class StopRow:
    """A stop: what the change moved and may move, who made it, what waits, what people decided."""

    id: int
    route: str
    state: str
    records: int
    book: int
    most_records: int
    most_book: int
    stopped_at: datetime
    revision: int
    kind: str
    what: str
    reason: str | None
    by: str | None
    kept_by: str | None
    kept_at: datetime | None
    kept_why: str | None
    resumed_by: str | None
    resumed_at: datetime | None
    resumed_why: str | None
    waiting: int
    waiting_book: int


def stopped_routes(session: Session, company_id: int) -> frozenset[str]:
    """The routes that nothing leaves by now."""
    query = select(RouteStop.route).where(
        RouteStop.company_id == company_id, text(f"route_stop.{RouteStop.OPEN}")
    )
    return frozenset(session.scalars(query))


def listing(session: Session, company_id: int) -> tuple[tuple[StopRow, ...], tuple[StopRow, ...]]:
    """The open ones, the oldest first, and the latest that are over."""
    rows = _rows().where(RouteStop.company_id == company_id)
    still = rows.where(RouteStop.state == "stopped").order_by(RouteStop.id)
    over = rows.where(RouteStop.state == "resumed", RouteStop.stopped_at.is_not(None))
    over = over.order_by(RouteStop.resumed_at.desc(), RouteStop.id.desc()).limit(OVER)
    return each(StopRow, session.execute(still)), each(StopRow, session.execute(over))


def _rows() -> Select[*tuple[Any, ...]]:
    by, kept, resumed = aliased(Person), aliased(Person), aliased(Person)
    ready = (
        Posting.company_id == RouteStop.company_id,
        Posting.route == RouteStop.route,
        Posting.state == "ready",
    )
    waiting = select(func.count()).where(*ready).correlate(RouteStop).scalar_subquery()
    book = select(func.coalesce(func.sum(Posting.book), 0)).where(*ready)
    return (
        select(
            *(RouteStop.id, RouteStop.route, RouteStop.state, RouteStop.records, RouteStop.book),
            *(RouteStop.most_records, RouteStop.most_book, RouteStop.stopped_at),
            *(RouteStop.revision, Revision.kind, Revision.what, Revision.reason),
            by.name.label("by"),
            kept.name.label("kept_by"),
            *(RouteStop.kept_at, RouteStop.kept_why),
            resumed.name.label("resumed_by"),
            *(RouteStop.resumed_at, RouteStop.resumed_why),
            waiting.label("waiting"),
            book.correlate(RouteStop).scalar_subquery().label("waiting_book"),
        )
        .join(
            Revision,
            and_(Revision.company_id == RouteStop.company_id, Revision.no == RouteStop.revision),
        )
        .outerjoin(by, by.id == Revision.person_id)
        .outerjoin(kept, kept.id == RouteStop.kept_by_id)
        .outerjoin(resumed, resumed.id == RouteStop.resumed_by_id)
    )
