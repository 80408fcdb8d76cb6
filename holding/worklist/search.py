"""Finding records and documents by number or customer.

Here: exact numbers first, then names, each from one index. Not here: full text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from holding.store.row_objects import Columns, of
from holding.tables import Connection, Posting, Record
from holding.tables.row_states import RecordState

MOST = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A record that fits, and by which number."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    state: RecordState
    tries: int  # of its documents that are in this state
    amount: int | None
    currency: str
    seen_at: datetime
    document: str | None


_OF_RECORD = aliased(Posting)
_TRIES = (
    select(func.coalesce(func.max(_OF_RECORD.tries), 0))
    .where(_OF_RECORD.record_id == Record.id, _OF_RECORD.state == Record.state)
    .correlate(Record)
    .scalar_subquery()
)
FOUND = Columns(
    Found(
        id=of(Record.id),
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        party=of(Record.party),
        state=of(Record.state),
        tries=of(_TRIES.label("tries")),
        amount=of(Record.amount),
        currency=of(Record.currency),
        seen_at=of(Record.seen_at),
        document=of(Posting.number),
    ),
    {"source": "connection.name", "kind": "record.type", "document": "posting.number"},
)


def exact(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Records whose own number or whose document's number is exactly this."""
    rows = session.execute(
        FOUND.select()
        .select_from(Record)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Posting, Posting.record_id == Record.id)
        .where(
            Record.company_id == company_id,
            or_(Record.number == text, Record.external_id == text, Posting.number == text),
        )
        .order_by(Record.id.desc())
        .limit(MOST)
    )
    return _each_once(FOUND.each(rows))


def alike(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Records whose number begins so, or whose customer has these letters; newest first."""
    rows = session.execute(
        FOUND.select()
        .select_from(Record)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Posting, (Posting.record_id == Record.id) & (Posting.seq == 1))
        .where(
            Record.company_id == company_id,
            or_(
                Record.number.istartswith(text, autoescape=True),
                Posting.number.istartswith(text, autoescape=True),
                Record.party.icontains(text, autoescape=True),
            ),
        )
        .order_by(Record.seen_at.desc(), Record.id.desc())
        .limit(MOST)
    )
    return _each_once(FOUND.each(rows))


def _each_once(rows: Iterable[Found]) -> tuple[Found, ...]:
    kept: dict[tuple[str, str, str], Found] = {}
    for row in rows:
        kept.setdefault((row.source, row.kind, row.external_id), row)
    return tuple(kept.values())
