"""Closing open holds by hand, and what follows from it for records and causes.

Here: the writes that releases, rejects and approvals share. Not here: who may close what
(`holds.py`, `approvals.py`), closing by a judging (`judging/`).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding import bulk, causes
from holding.events import Acting
from holding.lifecycle import HOLD_MOVES, allowed
from holding.models import Hold
from holding.record_state import refresh


def close(
    session: Session, holds: Sequence[Hold], actor: Acting, *, state: str, why: str, now: datetime
) -> None:
    """Close holds that are open; their records are locked, so nobody can be faster.

    A move that the table does not have is our own fault and raises.
    """
    if not allowed(HOLD_MOVES, "open", state):
        message = f"an open hold never becomes {state}"
        raise ValueError(message)
    session.execute(
        update(Hold)
        .where(bulk.among(Hold.id, [hold.id for hold in holds]), Hold.state == "open")
        .values(
            state=state,
            closed_at=now,
            closed_by_id=actor.person_id,
            closed_why=why,
            lock=Hold.lock + 1,
        )
        .execution_options(synchronize_session=False)
    )


def settle(session: Session, closed: Sequence[Hold]) -> None:
    """After holds were closed: the states of their records and the counters of their causes."""
    record_ids = sorted({hold.record_id for hold in closed})
    cause_ids = sorted({hold.cause_id for hold in closed})
    refresh(session, record_ids)
    causes.recount(session, cause_ids)


def beside(session: Session, hold: Hold) -> Sequence[Hold]:
    """All open holds of the hold's posting, itself included."""
    query = select(Hold).where(
        Hold.record_id == hold.record_id,
        Hold.route == hold.route,
        Hold.seq == hold.seq,
        Hold.state == "open",
    )
    return session.scalars(query.order_by(Hold.id)).all()
