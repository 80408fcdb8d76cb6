"""What each owner has waiting and since when, from the tally: exact to the moment.

Here: reading it. Not here: what the tally counts owners by (owner_waits.py), adding up
(holding/worklist/ageing.py).

The tally knows the hour of a moment. Where what is asked divides an hour, the records of that hour
are read one by one, and so are those that are marked.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select, union_all
from sqlalchemy.orm import Session

from holding.access.reach import narrowed
from holding.db.models import Hold, HoldTally, TallyMark
from holding.db.models.decisions import HOLD_OPEN
from holding.db.together import Question
from holding.tallies import folding
from holding.tallies.folding import WHOLE_RECORD
from holding.tallies.owner_waits import OwnerWait, each_owner, hour_of, start_of, told
from holding.tallies.tally_figures import kept


def of_owners(
    session: Session, company_id: int, since: Sequence[datetime], answer_by: datetime
) -> Question[list[OwnerWait]]:
    """What waits, so that no entry of it is on both sides of one of these moments: those in which
    waiting began, and that until which an answer was wanted.
    """
    mine = folding.WAITING.where(Hold.company_id == company_id)
    if narrowed(session):  # the tally is of all sources
        return _one_by_one((yield mine))
    stale = _divided(company_id, since, answer_by)
    rows = yield kept([company_id], HoldTally.cause_id < WHOLE_RECORD, stale)
    found = [
        told(row.shape, row.currency, int(row.records), int(row.minor), int(row.blank))
        for row in rows
        if row.company_id is not None
    ]
    return found + _one_by_one((yield mine.where(Hold.record_id.in_(stale))))


def _one_by_one(rows: Iterable[Any]) -> list[OwnerWait]:
    return [one for each in each_owner(rows).values() for one in each]


def _divided(company_id: int, since: Sequence[datetime], answer_by: datetime) -> Select[Any]:
    """The records that are marked, or of which an hour is divided by one of the moments."""
    began = select(Hold.record_id).where(Hold.company_id == company_id, HOLD_OPEN)
    marked = select(TallyMark.record_id).where(TallyMark.company_id == company_id)
    hours = {hour_of(one) for one in since}
    divided = [
        *(began.where(_within(Hold.opened_at, hour)) for hour in sorted(hours)),
        began.where(_within(Hold.answer_by, hour_of(answer_by))),
    ]
    every = union_all(marked, *divided).subquery()
    return select(every.c.record_id)


def _within(column: Any, hour: int) -> Any:
    return and_(column >= start_of(hour), column < start_of(hour + 1))
