"""Whether what a person looked at is still so, and what somebody else did meanwhile.

Here: `Moved`, the refusal that has both sides, so that nothing of either is lost. Not here: the
acts, nor the check of a whole set that is approved (`approval_sets.py`).
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.models import Event, Hold
from holding.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Moved(Refusal):
    """Somebody was faster: what they did (`theirs`), and what this person wanted (`mine`)."""

    theirs: str = ""
    mine: str = ""


def changed_hold(session: Session, hold: Hold, seen: int | None, mine: str) -> Moved | None:
    """What happened to a hold since it had this lock, if anything did."""
    if seen is None or seen == hold.lock:
        return None
    return moved(latest(session, hold), mine)


def moved(theirs: str, mine: str) -> Moved:
    """The refusal with both sides."""
    return Moved(
        code="hold.moved",
        message=f"Somebody was faster. {theirs}",
        hint=f"You wanted to {mine}. Nothing of yours was saved; look at both and decide.",
        status=409,
        theirs=theirs,
        mine=mine,
    )


def latest(session: Session, hold: Hold, but: str | None = None) -> str:
    """What was done last with a hold, as its event tells it; `but`: the form that asks."""
    query = select(Event).where(Event.record_id == hold.record_id)
    if but:
        query = query.where(Event.operation_id.is_distinct_from(but))
    query = query.where(Event.object == f"hold:{hold.id}").order_by(Event.id.desc())
    event = session.scalars(query.limit(1)).first()
    return str(event.body["say"]) if event else "It was changed while you looked."
