"""The holds that a filter finds at one moment, so that an act over them knows what was looked at.

Here: those holds, as they were then. Not here: the filter (filters.py), the acts
(holding/exceptions/bulk_acts.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.exceptions.bulk_acts import MOST
from holding.store import bulk
from holding.store.row_objects import Columns, of
from holding.tables import Cause, Hold, Record
from holding.tables.decisions import HOLD_OPEN
from holding.worklist.filters import Filter, terms


@dataclass(frozen=True, slots=True)
class FrozenHold:
    """One hold as it was looked at."""

    id: int
    lock: int
    version_id: int | None
    record_id: int
    number: str
    party: str
    amount: int | None
    currency: str
    cause: str
    opened_at: datetime
    code: str


HOLD = Columns(
    FrozenHold(
        id=of(Hold.id),
        lock=of(Hold.lock),
        version_id=of(Record.version_id),
        record_id=of(Record.id),
        number=of(Record.number),
        party=of(Record.party),
        amount=of(Record.amount),
        currency=of(Record.currency),
        cause=of(Cause.label),
        opened_at=of(Hold.opened_at),
        code=of(Hold.code),
    ),
    {"cause": "cause.label"},
)
_HOLDS = (
    HOLD.select().join(Record, Record.id == Hold.record_id).join(Cause, Cause.id == Hold.cause_id)
)


def rows(session: Session, company_id: int, wanted: Filter) -> tuple[FrozenHold, ...]:
    """What a filter finds, oldest first; one more than an act takes says that there are more."""
    oldest = (Hold.opened_at, Hold.id)
    first = select(Hold.id).where(*terms(company_id, wanted)).order_by(*oldest).limit(MOST + 1)
    query = _HOLDS.where(Hold.id.in_(first)).order_by(*oldest)  # records of these alone are read
    return HOLD.each(session.execute(query))


def these(session: Session, company_id: int, ids: Sequence[int]) -> tuple[FrozenHold, ...]:
    """The open ones of these holds."""
    mine = (Hold.company_id == company_id, HOLD_OPEN, bulk.among(Hold.id, ids))
    query = _HOLDS.where(*mine).order_by(Hold.opened_at, Hold.id)
    return HOLD.each(session.execute(query))
