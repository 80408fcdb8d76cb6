"""Store and list notes on a record, and log which hold messages a user opened."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import Attempt, Event, Hold, Note, Person, Push
from holding.db.refusal import Refusal
from holding.holds.holds import Desk, Done, done_with, gone_refusal, read_done
from holding.platform import row_seals
from holding.platform.events import Fact, record_events


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One note on a record."""

    id: int
    hold_id: int | None
    by: str
    body: str
    at: datetime


NOTE = Columns(
    NoteRow(
        id=of(Note.id),
        hold_id=of(Note.hold_id),
        by=of(Person.name),
        body=of(Note.body),
        at=of(Note.at),
    ),
    {"by": "person.name"},
)


def list_notes(session: Session, record_id: int) -> tuple[NoteRow, ...]:
    """Return the notes of a record, oldest first."""
    query = (
        NOTE.select()
        .join(Person, Person.id == Note.person_id)
        .where(Note.record_id == record_id)
        .order_by(Note.id)
    )
    return NOTE.each(session.execute(query, execution_options=KEPT))


ACT: Final = "hold.assign"
LONGEST: Final = 2000


def add_note(
    session: Session, actor: Actor, hold_id: int, text: str, now: datetime, op: str | None = None
) -> Done | Refusal:
    """Add a note to an open or closed hold. Every user who sees the record can read it."""

    def act() -> Done | Refusal:
        refusal = may(actor, ACT) or _unfit(text)
        if refusal:
            return refusal
        desk = Desk(session, actor, [hold_id])
        hold = desk.holds.get(hold_id)
        if hold is None:
            return gone_refusal(None)
        note = Note(
            record_id=hold.record_id,
            hold_id=hold.id,
            person_id=actor.person_id or 0,
            kind="note",
            body=text.strip(),
            at=now,
        )
        session.add(note)
        session.flush()
        result = done_with(hold, f"{actor.name} wrote: {text.strip()}")
        sealed = row_seals.seals(session, hold.company_id, {row_seals.NOTE: [note.id]})
        desk.tell([result], "note.added", now, op, **sealed)
        return result

    request = ("comment", hold_id, text)
    return once(session, actor, op, asked=request, now=now, act=act, read=read_done)


def _unfit(text: str) -> Refusal | None:
    if not text.strip():
        return Refusal("note.empty", "Write something first.", status=422)
    if len(text) > LONGEST:
        words = f"A note has at most {LONGEST:,} characters; this one has {len(text):,}."
        return Refusal("note.long", words, status=422)
    return None


RETRY: Final = "hold.retry"
OPENED: Final = "message.opened"
UNREAD: Final = Refusal(
    code="retry.unread",
    message="Open the message first.",
    hint="Whoever has it tried again has seen what went wrong.",
)


@dataclass(frozen=True, slots=True)
class Message:
    """The full message: the hold's text, and the target's last error if the document was sent."""

    text: str
    ends: str
    answered: str | None
    answered_at: datetime | None


def open_message(
    session: Session, actor: Actor, hold_id: int, now: datetime, op: str | None = None
) -> Done | Refusal:
    """Record that this user opened the current message; repeats record nothing."""

    def act() -> Done | Refusal:
        refusal = may(actor, RETRY)
        if refusal:
            return refusal
        desk = Desk(session, actor, [hold_id])
        hold = desk.holds.get(hold_id)
        if hold is None:
            return gone_refusal(None)
        result = done_with(hold, f"{actor.name} opened the message of {hold.number}.")
        if unread_holds(session, actor, [hold]):
            record_events(session, [_fact(actor, hold, result, now, op)])
        return result

    return once(session, actor, op, asked=("message", hold_id), now=now, act=act, read=read_done)


def _fact(actor: Actor, hold: Hold, result: Done, now: datetime, op: str | None) -> Fact:
    return Fact(
        company_id=hold.company_id,
        at=now,
        actor=actor,
        act=OPENED,
        record_id=hold.record_id,
        posting_id=hold.posting_id,
        object=_object(hold.id),
        operation_id=op,
        body={
            "say": result.say,
            "hold": hold.id,
            "code": hold.code,
            "message": _mark(hold.message),
        },
    )


def unread_holds(session: Session, actor: Actor, holds: Collection[Hold]) -> frozenset[int]:
    """Return the holds whose current message this user has not opened."""
    query = (
        select(Event.object, Event.body)
        .where(bulk.among(Event.record_id, sorted({hold.record_id for hold in holds})))
        .where(Event.act == OPENED, Event.person_id == actor.person_id)
    )
    opened_messages = {
        (row.object, row.body.get("message"))
        for row in session.execute(query, execution_options=KEPT)
    }
    return frozenset(
        hold.id for hold in holds if (_object(hold.id), _mark(hold.message)) not in opened_messages
    )


def opened_causes(session: Session, actor: Actor, holds: Collection[Hold]) -> frozenset[int]:
    """Return the causes for which this user has opened a current message.

    Any hold of the cause counts, open or closed, since the first of these holds was opened.
    """
    since: dict[int, datetime] = {}
    for hold in holds:
        since[hold.cause_id] = min(hold.opened_at, since.get(hold.cause_id, hold.opened_at))
    if not since:
        return frozenset()
    query = (
        select(Event.object, Event.body, Event.at, Hold.id, Hold.message, Hold.cause_id)
        .join(Hold, Hold.record_id == Event.record_id)
        .where(Event.company_id == actor.company_id, Event.person_id == actor.person_id)
        .where(Event.act == OPENED, Event.at >= min(since.values()))
        .where(Hold.company_id == Event.company_id, bulk.among(Hold.cause_id, sorted(since)))
    )
    return frozenset(
        row.cause_id
        for row in session.execute(query)
        if row.at >= since[row.cause_id]
        and (row.object, row.body.get("message")) == (_object(row.id), _mark(row.message))
    )


def load_message(session: Session, actor: Actor, hold_id: int) -> Message | None:
    """Return the message of a hold if this user has opened it, otherwise None."""
    hold = session.get_one(Hold, hold_id)
    if unread_holds(session, actor, [hold]):
        return None
    rows = session.execute(
        select(Attempt.error, Attempt.at)
        .join(Push, Push.id == Attempt.push_id)
        .where(Push.posting_id == hold.posting_id, Attempt.error.is_not(None))
        .order_by(Attempt.id.desc())
        .limit(1),
        execution_options=KEPT,
    )
    answered = rows.first()
    words, at = answered if answered is not None and hold.of_push else (None, None)
    return Message(hold.message, hold.would_pass, words, at)


def _object(hold_id: int) -> str:
    return f"message:{hold_id}"


def _mark(message: str) -> str:
    """Return a hash that identifies a message, because the text itself may contain names."""
    return hashlib.sha256(message.encode()).hexdigest()[:32]
