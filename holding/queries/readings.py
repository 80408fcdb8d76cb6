"""What was last seen of a record's documents in their targets.

Here: a row for each document that stands there. Not here: value by value (beside.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holding.columns import Columns, of
from holding.models import Connection, Posting, Reading


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """A document: when it was read, what was seen and since when, and when it is read again."""

    number: str
    target: str
    read_at: datetime | None
    read_due_at: datetime | None
    e_invoice_at: datetime | None
    same: bool | None
    since: datetime | None
    body: dict[str, object] | None

    @property
    def words(self) -> str:
        """What was seen, as the target's connector says it."""
        return str(self.body["words"]) if self.body else "Not read yet."


READING = Columns(
    ReadingRow(
        number=of(Posting.number),
        target=of(Connection.name),
        read_at=of(Posting.read_at),
        read_due_at=of(Posting.read_due_at),
        e_invoice_at=of(Posting.e_invoice_at),
        same=of(Reading.same),
        since=of(Reading.at),
        body=of(Reading.body),
    ),
    {"target": "connection.name", "since": "reading.at"},
)


def of_record(session: Session, record_id: int) -> tuple[ReadingRow, ...]:
    """The documents of a record that stand in a target, in the order in which they were made."""
    query = (
        READING.select()
        .join(Connection, Connection.id == Posting.connection_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(Posting.record_id == record_id, Posting.state == "posted")
        .order_by(Posting.id)
    )
    return READING.each(session.execute(query))
