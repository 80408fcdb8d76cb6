"""What people wrote beside a record.

Here: reading it. Not here: writing (holding/notes.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holding.columns import Columns, of
from holding.models import Note, Person


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
