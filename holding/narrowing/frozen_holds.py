"""The holds that a filter finds at one moment, so that an act over them knows what was looked at.

Here: those holds, as they were then. Not here: the filter (filters.py), the acts
(holding/holds/assignments.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.models import Cause, Hold, Record
from holding.db.models.decisions import HOLD_OPEN
from holding.holds.assignments import MOST
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


def rows(session: Session, company_id: int, wanted: Filter) -> tuple[FrozenHold, ...]:
    """What a filter finds, oldest first; one more than an act takes says that there are more."""
    found = _READ.where(*terms(company_id, wanted))
    return _frozen(session, found.order_by(Hold.opened_at, Hold.id).limit(MOST + 1))


def these(session: Session, company_id: int, ids: Sequence[int]) -> tuple[FrozenHold, ...]:
    """The open ones of these holds."""
    mine = (Hold.company_id == company_id, HOLD_OPEN, bulk.among(Hold.id, ids))
    return _frozen(session, _READ.where(*mine))


_READ: Final = select(Hold.id, Hold.lock, Hold.record_id, Hold.cause_id, Hold.opened_at, Hold.code)


def _frozen(session: Session, found: Select[*tuple[Any, ...]]) -> tuple[FrozenHold, ...]:
    """These holds with their records, of which no others are read."""
    hold = aliased(Hold, found.subquery("looked_at"))
    columns = Columns(
        FrozenHold(
            id=of(hold.id),
            lock=of(hold.lock),
            version_id=of(Record.version_id),
            record_id=of(Record.id),
            number=of(Record.number),
            party=of(Record.party),
            amount=of(Record.amount),
            currency=of(Record.currency),
            cause=of(Cause.label),
            opened_at=of(hold.opened_at),
            code=of(hold.code),
        ),
        {"cause": "cause.label"},
    )
    query = columns.select().join(Record, Record.id == hold.record_id)
    query = query.join(Cause, Cause.id == hold.cause_id).order_by(hold.opened_at, hold.id)
    return columns.each(session.execute(query))
