"""What an approval comes to, before anybody gives it.

Here: which of the documents this person may approve, and which stay on hold all the same. Reads
only. Not here: approving (`approve.py`), who may (`candidates.py`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.reach import within
from holding.approvals.candidates import Desk, Left
from holding.db import bulk
from holding.db.models import Cause, Hold, Posting
from holding.db.models.decisions import HOLD_OPEN
from holding.db.together import KEPT, Question, Together
from rules.values.wording import titled


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Posting id -> why this person cannot approve it; and, of those that they can, the cause for
    which it stays on hold then.
    """

    refused: Mapping[int, str]
    stays: Mapping[int, str]


def foresee(
    session: Session, actor: Actor, ids: Collection[int], beside: Together | None = None
) -> Foreseen:
    """As it is now; an approval looks at each again. `beside`: what else is asked, by the same
    statement.
    """
    mine = select(Posting).where(Posting.company_id == (actor.company_id or 0))
    chosen = mine.where(bulk.among(Posting.id, ids), *within(actor.reach, Posting))
    found = session.scalars(chosen, execution_options=KEPT)
    postings = {posting.id: posting for posting in found}
    page = beside or Together(session, KEPT)
    named = page.ask(_labels(sorted({posting.record_id for posting in postings.values()})))
    desk = Desk(session, actor, list(postings.values()), page)
    refused: dict[int, str] = {}
    waits: dict[int, int] = {}  # posting -> the cause of the first hold that is left
    for key in ids:
        answer = desk.consent(key, postings.get(key))
        if isinstance(answer, Left):
            refused[key] = answer.reason
            continue
        left = [hold for hold in desk.open(answer.posting) if hold is not answer.hold]
        if left:
            waits[key] = left[0].cause_id
    labels = named.value
    return Foreseen(refused, {key: titled(labels[cause]) for key, cause in waits.items()})


def _labels(record_ids: Sequence[int]) -> Question[Mapping[int, str]]:
    """The causes for which these records are on hold, by their label."""
    theirs = select(Hold.cause_id).where(bulk.among(Hold.record_id, record_ids), HOLD_OPEN)
    rows = yield select(Cause.id, Cause.label).where(Cause.id.in_(theirs))
    return {row.id: row.label for row in rows}
