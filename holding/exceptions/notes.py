"""What people write beside a record while they work on it.

Here: adding a note, which stays as it was written, and listing the notes of a record. Not here: the
page of a hold (worklist/hold_detail.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.exceptions.holds import Desk, Done, done, gone, read_done
from holding.refusal import Refusal
from holding.store.row_objects import Columns, of
from holding.tables import Note, Person


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One note."""

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


def of_record(session: Session, record_id: int) -> tuple[NoteRow, ...]:
    """The notes of a record, oldest first."""
    query = (
        NOTE.select()
        .join(Person, Person.id == Note.person_id)
        .where(Note.record_id == record_id)
        .order_by(Note.id)
    )
    return NOTE.each(session.execute(query))


ACT: Final = "hold.assign"
LONGEST: Final = 2000


def comment(
    session: Session, actor: Actor, hold_id: int, text: str, now: datetime, op: str | None = None
) -> Done | Refusal:
    """Write a note beside a hold, open or closed; everybody who sees the record reads it."""

    def act() -> Done | Refusal:
        refusal = may(actor, ACT) or _unfit(text)
        if refusal:
            return refusal
        desk = Desk(session, actor, [hold_id])
        hold = desk.holds.get(hold_id)
        if hold is None:
            return gone(None)
        session.add(
            Note(
                record_id=hold.record_id,
                hold_id=hold.id,
                person_id=actor.person_id or 0,
                kind="note",
                body=text.strip(),
                at=now,
            )
        )
        made = done(hold, f"{actor.name} wrote: {text.strip()}")
        desk.tell([made], "note.added", now, op)
        return made

    asked = ("comment", hold_id, text)
    return once(session, actor, op, asked=asked, now=now, act=act, read=read_done)


def _unfit(text: str) -> Refusal | None:
    if not text.strip():
        return Refusal("note.empty", "Write something first.", status=422)
    if len(text) > LONGEST:
        words = f"A note has at most {LONGEST:,} characters; this one has {len(text):,}."
        return Refusal("note.long", words, status=422)
    return None
