"""The circuit breaker of a connection: after too many failures, wait before the next try.

Here: counting, opening, half opening, closing; the row is shared by all workers. Not here: what
counts as a failure (answers do not, silence does).
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.models import Throttle

FAILURES = 5
FIRST_SECONDS = 30.0
LONGEST_SECONDS = 900.0


def allowance(session: Session, connection_id: int, now: datetime, limit: int) -> int:
    """How many postings may be worked on now: all, none, or one to see whether it answers again."""
    row = session.get(Throttle, connection_id)
    if row is None or row.breaker == "closed":
        return limit
    if row.open_until is None or row.open_until > now:
        return 0
    row.breaker, row.open_until = "half_open", now + timedelta(seconds=FIRST_SECONDS)
    return 1


def failed(session: Session, connection_id: int, now: datetime, pace: float) -> None:
    """No answer, or not now: at the fifth in a row, stop for a while, each time for longer."""
    row = _locked(session, connection_id)
    row.failures += 1
    if row.failures >= FAILURES:
        pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(row.failures - FAILURES, 10))
        row.breaker, row.open_until = "open", now + timedelta(seconds=pause * pace)


def answered(session: Session, connection_id: int) -> None:
    """It answers: go on at full speed. Writes only when something has to change."""
    session.execute(
        update(Throttle)
        .where(Throttle.connection_id == connection_id)
        .where((Throttle.failures > 0) | (Throttle.breaker != "closed"))
        .values(failures=0, breaker="closed", open_until=None)
    )


def shut(session: Session, connection_id: int) -> None:
    """Send nothing more until the key changes or a test passes."""
    row = _locked(session, connection_id)
    row.breaker, row.open_until = "open", None


def _locked(session: Session, connection_id: int) -> Throttle:
    row = session.scalars(
        select(Throttle)
        .where(Throttle.connection_id == connection_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        row = Throttle(connection_id=connection_id)
        session.add(row)
        session.flush()
    return row
