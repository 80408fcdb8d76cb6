"""What is shown of a shadow: how far it is, and its differences as a list.

Here: reads. Not here: beginning and ending one (shadows.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.models import Connection, Record, Shadow, ShadowVerdict
from holding.db.models.columns import ShadowEnd
from holding.db.together import Question, answer

SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class ShownShadow:
    """A shadow: until when it lasts, why it ended, and how many verdicts it gave."""

    id: int
    started_at: datetime
    until: datetime
    ended_at: datetime | None
    ending: ShadowEnd | None
    judged: int
    differ: int
    unread: int


SHADOWS = Columns(
    ShownShadow(
        id=of(Shadow.id),
        started_at=of(Shadow.started_at),
        until=of(Shadow.until),
        ended_at=of(Shadow.ended_at),
        ending=of(Shadow.ending),
        judged=of(Shadow.judged),
        differ=of(Shadow.differ),
        unread=of(Shadow.unread),
    )
)


@dataclass(frozen=True, slots=True)
class ListedDifference:
    """A record that the shadow judged otherwise; both sides are route -> state and findings."""

    evaluation_id: int
    at: datetime
    number: str
    party: str
    amount: int | None
    currency: str
    source: str
    kind: str
    external_id: str
    was: Any
    would: Any


DIFFERENCES = Columns(
    ListedDifference(
        evaluation_id=of(ShadowVerdict.evaluation_id),
        at=of(ShadowVerdict.at),
        number=of(Record.number),
        party=of(Record.party),
        amount=of(Record.amount),
        currency=of(Record.currency),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        was=of(ShadowVerdict.was),
        would=of(ShadowVerdict.would),
    ),
    {"source": "connection.name", "kind": "record.type"},
)


def of_change(session: Session, company_id: int, change_id: int) -> ShownShadow | None:
    """The last shadow of a change."""
    return answer(session, asked(company_id, change_id))


def asked(company_id: int, change_id: int) -> Question[ShownShadow | None]:
    """The same, as a question."""
    found = yield (
        SHADOWS.select()
        .where(Shadow.company_id == company_id, Shadow.change_id == change_id)
        .order_by(Shadow.id.desc())
        .limit(1)
    )
    return SHADOWS.first(found)


def differences(
    session: Session,
    company_id: int,
    shadow_id: int,
    *,
    before: int | None = None,
    most: int | None = SHOWN + 1,
) -> tuple[ListedDifference, ...]:
    """Its differences, the newest first, one more than SHOWN; those before an evaluation. No
    `most`: all, which a shadow bounds.
    """
    query = (
        DIFFERENCES.select()
        .join(Record, Record.id == ShadowVerdict.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(ShadowVerdict.shadow_id == shadow_id, ShadowVerdict.differs)
        .where(Record.company_id == company_id)
    )
    query = query if before is None else query.where(ShadowVerdict.evaluation_id < before)
    newest = query.order_by(ShadowVerdict.evaluation_id.desc()).limit(most)
    return DIFFERENCES.each(session.execute(newest))
