"""Until when what people decided about records can still be taken back.

Here: the one statement that reads it. Not here: taking back (holding/undo.py), what waits for it
(planned.py).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Select, select, text, union_all
from sqlalchemy.orm import Session

from holding import bulk
from holding.models import Approval, Dating, Operation, Posting, Release

_Until: TypeAlias = Select[int, datetime | None]


def until(session: Session, record_ids: Iterable[int]) -> dict[int, datetime]:
    """Record id -> the last moment at which an act that stands on it can be taken back."""
    found: dict[int, datetime] = {}
    for record_id, moment in session.execute(_UNTIL, {"ids": sorted(record_ids)}):
        if moment is not None:
            found[record_id] = max(moment, found.get(record_id, moment))
    return found


def _of(query: _Until, act: type[Approval | Release | Dating]) -> _Until:
    """The forms behind what stands."""
    standing = text(f"{act.__tablename__}.{act.STANDING}")
    return query.join(Operation, Operation.id == act.operation_id).where(standing)


_approved = (
    select(Posting.record_id, Operation.undo_until)
    .join(Approval, Approval.posting_id == Posting.id)
    .where(bulk.among_given(Posting.record_id, "ids"))
)
_released = select(Release.record_id, Operation.undo_until).where(
    bulk.among_given(Release.record_id, "ids")
)
_dated = select(Dating.record_id, Operation.undo_until).where(
    bulk.among_given(Dating.record_id, "ids")
)
_UNTIL = union_all(_of(_approved, Approval), _of(_released, Release), _of(_dated, Dating))
