"""What an approval comes to, before anybody gives it.

Here: which of the documents this person may approve, and which stay on hold all the same. Reads
only. Not here: approving (`approve.py`), who may (`candidates.py`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.reach import within
from holding.approvals.candidates import Desk, Left
from holding.store import bulk
from holding.tables import Cause, Posting
from rules.values.wording import titled


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Posting id -> why this person cannot approve it; and, of those that they can, the cause for
    which it stays on hold then.
    """

    refused: Mapping[int, str]
    stays: Mapping[int, str]


def foresee(session: Session, actor: Actor, ids: Collection[int]) -> Foreseen:
    """As it is now; an approval looks at each again."""
    mine = select(Posting).where(Posting.company_id == (actor.company_id or 0))
    found = session.scalars(mine.where(bulk.among(Posting.id, ids), *within(actor.reach, Posting)))
    postings = {posting.id: posting for posting in found}
    desk = Desk(session, actor, list(postings.values()))
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
    named = select(Cause.id, Cause.label).where(bulk.among(Cause.id, [*waits.values()]))
    labels = {row.id: titled(row.label) for row in session.execute(named)}
    return Foreseen(refused, {key: labels[cause] for key, cause in waits.items()})
