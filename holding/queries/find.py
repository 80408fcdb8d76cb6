"""Finding records and documents by number or customer.

Here: exact numbers first, then names, each from one index. Not here: full text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from holding.models import Connection, Posting, Record
from holding.queries.rows import each

MOST = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A record that fits, and by which number."""

    number: str
    source: str
    kind: str
    external_id: str
    party: str
    state: str
    amount: int | None
    currency: str
    seen_at: datetime
    document: str | None


def exact(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Records whose own number or whose document's number is exactly this."""
    rows = session.execute(
        select(*_COLUMNS, Posting.number)
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
    return _each_once(each(Found, rows))


def alike(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Records whose number begins so, or whose customer has these letters; newest first."""
    rows = session.execute(
        select(*_COLUMNS, Posting.number)
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
    return _each_once(each(Found, rows))


_COLUMNS = (
    Record.number,
    Connection.name,
    Record.type,
    Record.external_id,
    Record.party,
    Record.state,
    Record.amount,
    Record.currency,
    Record.seen_at,
)


def _each_once(rows: Iterable[Found]) -> tuple[Found, ...]:
    kept: dict[tuple[str, str, str], Found] = {}
    for row in rows:
        kept.setdefault((row.source, row.kind, row.external_id), row)
    return tuple(kept.values())
