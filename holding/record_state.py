"""The one state of a record, worked out from its postings and open holds and kept beside it.

Here: which state counts (RECORD_STATES has the order) and `refresh`. Whoever writes postings or
holds calls it in the same transaction. Not here: the states of postings (holding/lifecycle.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from holding import bulk
from holding.models import Hold, Posting, Record
from holding.models.record import RECORD_STATES


def state_of(postings: Iterable[str], *, held: bool, judged: bool = True) -> str:
    """The first of RECORD_STATES that any posting is in; an open hold counts as held."""
    found = set(postings) | ({"held"} if held else set())
    if not found:
        return "waiting" if judged else "received"
    return next(state for state in RECORD_STATES if state in found)


def counted(state: str, reverses_id: int | None) -> str:
    """As what a posting counts: one that has taken another back, through that one."""
    return "reversed" if reverses_id is not None and state == "posted" else state


def refresh(session: Session, record_ids: Collection[int]) -> None:
    """Bring `record.state` of these records up to date."""
    session.flush()
    postings: dict[int, list[str]] = defaultdict(list)
    found = select(Posting.record_id, Posting.state, Posting.reverses_id)
    for record_id, state, reverses_id in session.execute(
        found.where(bulk.among(Posting.record_id, record_ids))
    ):
        postings[record_id].append(counted(state, reverses_id))
    open_holds = select(Hold.record_id).where(
        bulk.among(Hold.record_id, record_ids), text(f"hold.{Hold.OPEN}")
    )
    held = set(session.scalars(open_holds))
    stored = select(Record.id, Record.state).where(bulk.among(Record.id, record_ids))
    changed: dict[int, str] = {}
    for record_id, before in session.execute(stored).all():
        after = state_of(postings[record_id], held=record_id in held, judged=before != "received")
        if after != before:
            changed[record_id] = after
    rows = [{"id": record_id, "state": state} for record_id, state in changed.items()]
    bulk.update(session, Record, rows, bump="lock")
    bulk.forget(session, Record, changed)
