"""The day that a document had before it was dated anew, once that is taken back.

Here: finding that day and giving it again. Not here: taking back (`undo.py`), giving a day
(`periods.py`).
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from holding import bulk
from holding.models import Dating, Operation

KEPT: Final = (
    "record_id",
    "route",
    "instead_of",
    "day",
    "person_id",
    "reason",
    "at",
    "operation_id",
)


def give_again(session: Session, taken_back: Collection[int]) -> None:
    """Write anew what made way for these; what is voided stays as it is.

    What made way was voided at the very moment at which the other was given, and was not taken back
    itself.
    """
    later = aliased(Dating)
    made_way = and_(
        Dating.record_id == later.record_id,
        Dating.route == later.route,
        Dating.id < later.id,
        Dating.voided_at == later.at,
    )
    query = (
        select(later.id, Dating)
        .join(Dating, made_way)
        .outerjoin(Operation, Operation.id == Dating.operation_id)
        .where(bulk.among(later.id, taken_back), Operation.undone_at.is_(None))
        .where(or_(Dating.operation_id.is_(None), Dating.operation_id != later.operation_id))
        .order_by(Dating.id)
    )
    newest = dict(session.execute(query).all())
    rows = [{name: getattr(row, name) for name in KEPT} for row in newest.values()]
    bulk.insert(session, Dating, rows)
