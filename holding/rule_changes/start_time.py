"""A change that comes into force at a time which a second person set.

Here: setting the time, taking it back, and publishing what has come. Not here: who may publish, and
what a publishing does (holding/rulesets/publication.py): both are asked again when the time comes.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM, Actor, actor_of
from holding.db.models import Change
from holding.db.refusal import Refusal
from holding.platform.changes import locked_company
from holding.platform.events import record_event
from holding.rulesets.publication import OPEN_STATES, files_of_change, publish, publishable
from holding.rulesets.published import Published

LONGEST: Final = timedelta(days=366)


def set_start(
    session: Session, change_no: int, actor: Actor, at: datetime, reason: str, now: datetime
) -> datetime | Refusal:
    """Let a change come into force at a moment to come, as this person would publish it."""
    change = publishable(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    if not now < at <= now + LONGEST:
        words = "The start is not in the next 12 months."
        return Refusal("change.start", words, "Choose a later time, or publish it now.", 422)
    change.starts_at, change.starts_by_id, change.starts_reason = at, actor.person_id, reason
    session.flush()
    _tell(session, change, actor, now, "set", f"to come into force at {at:%Y-%m-%d %H:%M} UTC")
    return at


def drop_start(session: Session, change_no: int, actor: Actor, now: datetime) -> Refusal | None:
    """Take the time back; the change waits to be published as before."""
    change = publishable(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    if change.starts_at is None:
        return Refusal("change.no_start", f"Change {change_no} has no start time.")
    _forget(change)
    session.flush()
    _tell(session, change, actor, now, "dropped", "to wait: its start time was removed")
    return None


def due_files(session: Session, now: datetime) -> dict[str, str] | None:
    """The files of the change that `publish_started` would publish; None where none has come.

    Who inspects them before that transaction keeps nobody waiting while they are checked.
    """
    change = _due(session, now)
    if change is None:
        return None
    return files_of_change(session, change.id)


def publish_started(session: Session, now: datetime) -> Published | Refusal | None:
    """Publish the change whose time came first; None where none has come.

    Whoever set the time publishes it, if they still may. What cannot be published any more loses
    its time, and the trail says why.
    """
    change = _due(session, now)
    if change is None:
        return None
    locked_company(session, change.company_id)
    session.refresh(change)  # whoever had the lock may have taken the time back
    if change.state not in OPEN_STATES or change.starts_at is None or change.starts_at > now:
        return None
    actor = actor_of(session, change.starts_by_id or 0, change.company_id, via=SYSTEM.via)
    answer: Published | Refusal = Refusal(
        "change.nobody", "Whoever set the time is not in this company any more."
    )
    if actor is not None:
        answer = publish(session, change.no, actor, now, change.starts_reason)
    _forget(change)
    session.flush()
    if isinstance(answer, Refusal):
        _tell(session, change, SYSTEM, now, "missed", f"not to come into force: {answer.message}")
    return answer


def _due(session: Session, now: datetime) -> Change | None:
    return session.scalar(
        select(Change)
        .where(Change.starts_at.is_not(None), Change.starts_at <= now)
        .where(Change.state.in_(OPEN_STATES))
        .order_by(Change.starts_at, Change.id)
        .limit(1)
    )


def _forget(change: Change) -> None:
    change.starts_at, change.starts_by_id, change.starts_reason = None, None, ""


def _tell(
    session: Session, change: Change, actor: Actor, now: datetime, act: str, what: str
) -> None:
    at = change.starts_at
    record_event(
        session,
        company_id=change.company_id,
        at=now,
        actor=actor,
        act=f"rules.start_{act}",
        body={
            "say": f"{actor.name} had change {change.no} {what}.",
            "change": change.no,
            "starts_at": at.isoformat() if at else None,
            "reason": change.starts_reason,
        },
    )
