"""Holds that ended, newest first, with how each ended and by whom.

Here: the list, paged by key. Not here: open holds (groups.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.db.bulk import Columns, known, of
from holding.db.models import Connection, Hold, Person, Record
from holding.db.models.columns import HoldState
from holding.db.models.decisions import HOLD_CLOSED

A_PAGE = 50


@dataclass(frozen=True, slots=True)
class ClosedHold:
    """A hold that ended, and how."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    error_class: ErrorClass
    message: str
    state: HoldState
    why: str | None
    by: str | None
    opened_at: datetime
    closed_at: datetime
    amount: int | None
    currency: str
    record_id: int

    @property
    def accepted(self) -> bool:
        """Whether a person accepted that the target keeps other money than the record says."""
        return self.state == HoldState.RELEASED and self.error_class == "stale_version"


CLOSED = Columns(
    ClosedHold(
        id=of(Hold.id),
        number=of(Hold.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        error_class=of(Hold.error_class),
        message=of(Hold.message),
        state=of(Hold.state),
        why=of(Hold.closed_why),
        by=of(Person.name),
        opened_at=of(Hold.opened_at),
        closed_at=known(Hold.closed_at),
        amount=of(Record.amount),
        currency=of(Record.currency),
        record_id=of(Record.id),
    ),
    {
        "source": "connection.name",
        "kind": "record.type",
        "why": "hold.closed_why",
        "by": "person.name",
    },
)


def closed(
    session: Session, company_id: int, after: int | None = None, most: int = A_PAGE
) -> tuple[ClosedHold, ...]:
    """Holds that ended, newest first."""
    query = (
        CLOSED.select()
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Person, Person.id == Hold.closed_by_id)
        .where(Hold.company_id == company_id, HOLD_CLOSED)
        .order_by(Hold.closed_at.desc(), Hold.id.desc())
        .limit(most)
    )
    if after is not None:
        last = select(Hold.closed_at).where(Hold.id == after).scalar_subquery()
        query = query.where(
            or_(Hold.closed_at < last, and_(Hold.closed_at == last, Hold.id < after))
        )
    return CLOSED.each(session.execute(query))
