"""Somebody wants to know now what stands in a target.

Here: the wish, for one record or for a whole target; it is carried out by the next turn. Not here:
the plan that reads without being asked (plan.py).
"""

from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from holding.connections import tell
from holding.drift.plan import FOR, read_now
from holding.events import record_event
from holding.models import Connection, Posting, Record
from holding.refusal import Refusal
from holding.roles import Actor, may
from holding.words import plural

ACT = "run.operate"


def read_record(session: Session, actor: Actor, record: Record, now: datetime) -> int | Refusal:
    """Read what is posted of a record; how many documents that is."""
    if refusal := may(actor, ACT):
        return refusal
    count = _wanted(session, Posting.record_id == record.id, now)
    if not count:
        return _nothing(f"{record.number} has no document that stands in a target.")
    record_event(
        session,
        company_id=record.company_id,
        at=now,
        actor=actor,
        act="posting.read_asked",
        record_id=record.id,
        body={"say": f"{actor.name} asked to read what stands of {record.number}."},
    )
    return count


def read_target(
    session: Session, actor: Actor, connection: Connection, now: datetime
) -> int | Refusal:
    """Read everything that is posted there and still watched; how many documents that is."""
    if refusal := may(actor, ACT):
        return refusal
    mine = Posting.connection_id == connection.id
    count = _wanted(session, mine & (Posting.posted_at > now - FOR), now)
    if not count:
        return _nothing(f"Nothing of the last {FOR.days} days stands in {connection.name}.")
    words = f"{actor.name} asked to read {plural(count, 'document')} in {connection.name}."
    tell(session, connection, actor, now, "connection.read_asked", words)
    return count


def _wanted(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    ids = session.scalars(select(Posting.id).where(which, Posting.state == "posted")).all()
    return read_now(session, ids, now)


def _nothing(words: str) -> Refusal:
    return Refusal("reading.nothing", words, "There is nothing to read.")
