"""What was last seen of a record's documents in their targets.

Here: a row for each document that stands there. Not here: value by value (beside.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.models import Connection, Posting, Reading
from holding.queries.rows import each


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


def of_record(session: Session, record_id: int) -> tuple[ReadingRow, ...]:
    """The documents of a record that stand in a target, in the order in which they were made."""
    query = (
        select(
            Posting.number,
            Connection.name,
            Posting.read_at,
            Posting.read_due_at,
            Posting.e_invoice_at,
            Reading.same,
            Reading.at,
            Reading.body,
        )
        .join(Connection, Connection.id == Posting.connection_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(Posting.record_id == record_id, Posting.state == "posted")
        .order_by(Posting.id)
    )
    return each(ReadingRow, session.execute(query))
