"""When a lease is over, and a turn.

Here: one term, and one way to take leases from the dead, for all tables that have them. Not here:
giving them (each floor's claim.py).
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, func, or_, select, text, update
from sqlalchemy.orm import Session

from holding.models import Posting, Record, Run
from holding.models.base import LEASED, NOW, moment, table_of

Leased = type[Record | Posting | Run]
NEVER = datetime.max.replace(tzinfo=UTC)
SLICE_SECONDS = 2.0  # a worker at one company; then it is the turn of others


def free(session: Session, table: Leased, now: datetime, longest: timedelta | None) -> int:
    """Take the leases of this table that ran out: what was worked on is due again, and the crash is
    counted. How many they were.

    `longest` is how far ahead a lease may end, for a clock may be set back; None trusts the clock.
    """
    return len(session.scalars(_free(table), moments(now, longest)).all())


@cache
def _free(model: Leased) -> Executable:
    table = table_of(model)
    dead = (
        select(table.c.id)
        .where(text(LEASED), is_over(table.c.lease_until))
        .with_for_update(skip_locked=True, key_share=True)
    )
    return (
        update(table)
        .where(table.c.id.in_(dead))
        .values(
            due_at=func.coalesce(table.c.due_at, NOW),
            lease_owner=None,
            lease_until=None,
            crashes=table.c.crashes + 1,
        )
        .returning(table.c.id)
    )


def is_over(until: Any) -> ColumnElement[bool]:
    """Its time has passed; or it ends later than any lease can, because a clock was set back. A
    statement with it is given `moments`.
    """
    return or_(until < NOW, until > moment("latest"))


def moments(now: datetime, longest: timedelta | None) -> dict[str, datetime]:
    """What a statement with `is_over` in it is given."""
    return {"now": now, "latest": NEVER if longest is None else now + longest}
