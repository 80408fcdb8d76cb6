"""Routes that stopped because one change moves too much, as rows.

Here: those that are open, with what waits behind them, and the latest that are over. Not here: what
is decided about them (holding/impact/safety.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select, text
from sqlalchemy.orm import Session, aliased

from holding.columns import Columns, known, of
from holding.models import Person, Posting, Revision, RouteStop

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


_by, _kept = aliased(Person, name="by"), aliased(Person, name="kept_by")
_resumed = aliased(Person, name="resumed_by")
_READY = (
    Posting.company_id == RouteStop.company_id,
    Posting.route == RouteStop.route,
    Posting.state == "ready",
)
_waiting = select(func.count()).where(*_READY).correlate(RouteStop).scalar_subquery()
_book = select(func.coalesce(func.sum(Posting.book), 0)).where(*_READY).correlate(RouteStop)
STOP = Columns(
    StopRow(
        id=of(RouteStop.id),
        route=of(RouteStop.route),
        state=of(RouteStop.state),
        records=of(RouteStop.records),
        book=of(RouteStop.book),
        most_records=known(RouteStop.most_records),
        most_book=known(RouteStop.most_book),
        stopped_at=known(RouteStop.stopped_at),
        revision=of(RouteStop.revision),
        kind=of(Revision.kind),
        what=of(Revision.what),
        reason=of(Revision.reason),
        by=of(_by.name),
        kept_by=of(_kept.name),
        kept_at=of(RouteStop.kept_at),
        kept_why=of(RouteStop.kept_why),
        resumed_by=of(_resumed.name),
        resumed_at=of(RouteStop.resumed_at),
        resumed_why=of(RouteStop.resumed_why),
        waiting=of(_waiting.label("waiting")),
        waiting_book=of(_book.scalar_subquery().label("waiting_book")),
    ),
    {"by": "by.name", "kept_by": "kept_by.name", "resumed_by": "resumed_by.name"},
)


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
    return STOP.each(session.execute(still)), STOP.each(session.execute(over))


def _rows() -> Select[Any]:
    return (
        STOP.select()
        .join(
            Revision,
            and_(Revision.company_id == RouteStop.company_id, Revision.no == RouteStop.revision),
        )
        .outerjoin(_by, _by.id == Revision.person_id)
        .outerjoin(_kept, _kept.id == RouteStop.kept_by_id)
        .outerjoin(_resumed, _resumed.id == RouteStop.resumed_by_id)
    )
