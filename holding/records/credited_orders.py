"""Find orders that were cancelled after they were posted, and whose refunds settle them.

It is short because pages and files of several domains need this one question.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.kept_plans import KEPT
from holding.db.models import Posting, Record, Release, Version
from holding.db.models.columns import RecordState
from rules.decisions.posted_documents import CANCEL
from rules.values.canonical import PostingState

CREDITED: Final = "Cancelled, credited"
"""What lists call the state of such an order. Its invoice stays posted."""

_CANCELLED: Final = "cancelled"


def find_credited(
    session: Session, company_id: int, record_ids: Collection[int], now: datetime
) -> frozenset[int]:
    """Return the ids of cancelled orders whose document stays posted, because a refund settles it.

    Left out are orders whose cancellation a person released, because they need no refund. Left out
    are also orders that are due for evaluation at `now`, because their result is not known yet.
    """
    query = _query(company_id, record_ids, now)
    return frozenset(session.scalars(query, execution_options=KEPT))


def _query(company_id: int, record_ids: Collection[int], now: datetime) -> Select[Any]:
    withdrawn = select(Posting.id).where(
        Posting.record_id == Record.id, Posting.state == PostingState.POSTED, Posting.withdrawn
    )
    released = select(Release.id).where(
        Release.record_id == Record.id,
        Release.rule == CANCEL,
        Release.voided_at.is_(None),
        Release.content_sha256 == Version.sha256,
    )
    return (
        select(Record.id)
        .join(Version, Version.id == Record.version_id)
        .where(Record.company_id == company_id, bulk.among(Record.id, sorted(record_ids)))
        .where(Record.state == RecordState.POSTED, Record.status == _CANCELLED)
        .where(or_(Record.due_at.is_(None), Record.due_at > now))
        .where(withdrawn.exists(), ~released.exists())
    )
