"""Records that a duplicate rule takes for the same: they have a key of one in common.

Here: reading them. Not here: the rule (rules/decisions/duplicates.py).
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from holding.access.reach import Reach, within
from holding.db.bulk import Columns, of
from holding.db.models import Connection, LinkKey, Record, Version
from holding.db.models.columns import RecordState

MOST: Final = 3
"""So many of them are compared; the sentence of the hold names the others."""


@dataclass(frozen=True, slots=True)
class Same:
    """Another record with the same key, with its newest content."""

    number: str
    source: str
    kind: str
    external_id: str
    state: RecordState
    body: dict[str, Any] | None


SAME = Columns(
    Same(
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        state=of(Record.state),
        body=of(Version.body),
    ),
    {"source": "connection.name", "kind": "record.type"},
)


def with_same_key(
    session: Session, company_id: int, record_id: int, reach: Reach
) -> tuple[Same, ...]:
    """The oldest first."""
    mine, theirs = aliased(LinkKey), aliased(LinkKey)
    both = and_(
        theirs.company_id == mine.company_id,
        theirs.name == mine.name,
        theirs.value == mine.value,
        theirs.record_id != record_id,
    )
    others = (
        select(theirs.record_id)
        .select_from(mine)
        .join(theirs, both)
        .where(mine.record_id == record_id, mine.name.startswith("dup:"))
    )
    query = (
        SAME.select()
        .select_from(Record)
        .join(Connection, Connection.id == Record.source_id)
        .join(Version, Version.id == Record.version_id)
        .where(Record.company_id == company_id, Record.id.in_(others), *within(reach, Record))
        .order_by(Record.id)
        .limit(MOST)
    )
    return SAME.each(session.execute(query))
