"""What people wrote beside a record.

Here: reading it. Not here: writing (holding/notes.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.models import Note, Person
from holding.queries.rows import each


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One note."""

    id: int
    hold_id: int | None
    by: str
    body: str
    at: datetime


def of_record(session: Session, record_id: int) -> tuple[NoteRow, ...]:
    """The notes of a record, oldest first."""
    query = (
        select(Note.id, Note.hold_id, Person.name, Note.body, Note.at)
        .join(Person, Person.id == Note.person_id)
        .where(Note.record_id == record_id)
        .order_by(Note.id)
    )
    return each(NoteRow, session.execute(query))
