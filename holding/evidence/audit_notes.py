"""Notes of auditors: what they wrote beside a record or beside one event of the trail.

Here: writing a note, which is an event itself and so never changed nor removed, and reading those
of a record. Not here: what people at work write beside a hold (holding/holds/notes.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.db.models import Event, Record
from holding.db.refusal import Refusal
from holding.platform.events import record_event

ACT: Final = "audit.note"
WRITTEN: Final = "audit.noted"
LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class AuditNote:
    """A note; `event_id` where it is about one event."""

    id: int
    at: datetime
    by: str
    text: str
    event_id: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """What a note is about, in words."""

    about: str


@dataclass(frozen=True, slots=True)
class Noted:
    """An event that a note can be written about: its record, and what it says."""

    id: int
    record_id: int | None
    at: datetime
    actor: str
    say: str


def write(
    session: Session,
    actor: Actor,
    text: str,
    now: datetime,
    *,
    record_id: int | None = None,
    event_id: int | None = None,
    op: str | None = None,
) -> Written | Refusal:
    """Write a note about a record of the actor's company, or about an event of its trail."""

    def act() -> Written | Refusal:
        if refusal := may(actor, ACT) or _unfit(text):
            return refusal
        noted = event(session, actor.company_id or 0, event_id) if event_id else None
        wanted = noted.record_id if noted else record_id
        record = session.get(Record, wanted) if wanted else None
        if record is not None and record.company_id != actor.company_id:
            record = None
        if noted is None and (event_id or record is None):
            return Refusal("note.unknown", "There is nothing here by this number.", "", 404)
        told = text.strip()
        about = record.number if record else "the company"
        say = f"{actor.name} noted on {about}: {told}"
        if noted and record:
            about = f"event {noted.id} of {record.number}"
            say = f"{actor.name} noted on event {noted.id} of {record.number}: {told}"
        elif noted:
            about = f"event {noted.id} of the company"
            say = f"{actor.name} noted on event {noted.id} of the company: {told}"
        record_event(
            session,
            company_id=actor.company_id or 0,
            at=now,
            actor=actor,
            act=WRITTEN,
            body={"say": say, "note": told},
            record_id=record.id if record else None,
            object=f"event:{noted.id}" if noted else None,
            operation_id=op,
        )
        return Written(about)

    asked = ("audit note", record_id, event_id, text)
    return once(
        session, actor, op, asked=asked, now=now, act=act, read=lambda kept: Written(**kept)
    )


def event(session: Session, company_id: int, event_id: int | None) -> Noted | None:
    """An event of the company."""
    found = session.get(Event, event_id) if event_id else None
    if found is None or found.company_id != company_id:
        return None
    say = str(found.body.get("say") or found.act)
    return Noted(found.id, found.record_id, found.at, found.actor, say)


def of_record(session: Session, record_id: int) -> tuple[AuditNote, ...]:
    """The notes about a record and its events, oldest first."""
    query = select(Event).where(Event.record_id == record_id, Event.act == WRITTEN)
    return tuple(
        AuditNote(one.id, one.at, one.actor, str(one.body.get("note", "")), _about(one.object))
        for one in session.scalars(query.order_by(Event.id))
    )


def _about(told: str | None) -> int | None:
    kind, _, key = (told or "").partition(":")
    return int(key) if kind == "event" and key.isdecimal() else None


def _unfit(text: str) -> Refusal | None:
    if not text.strip():
        return Refusal("note.empty", "Write something first.", status=422)
    if len(text) > LONGEST:
        words = f"A note has at most {LONGEST:,} characters; this one has {len(text):,}."
        return Refusal("note.long", words, status=422)
    return None
