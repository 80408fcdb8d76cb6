"""The one state of a record, worked out from its postings and open holds and kept beside it.

Here: which state counts (RECORD_STATES has the order) and `refresh`. Whoever writes postings or
holds calls it in the same transaction. Not here: the states of postings (holding/lifecycle.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from holding import bulk
from holding.models import Hold, Posting, Record
from holding.models.record import RECORD_STATES

_HELD = exists().where(Hold.record_id == Record.id, text(f"hold.{Hold.OPEN}"))
_STATES = (
    select(Record.id, Record.state, _HELD.label("held"), Posting.reverses_id)
    .add_columns(Posting.state.label("posting_state"))
    .outerjoin(Posting, Posting.record_id == Record.id)
    .where(bulk.among_given(Record.id, "ids"))
)


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
    rows = session.execute(_STATES, {"ids": list(record_ids)}).all()
    postings: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        if row.posting_state is not None:
            postings[row.id].append(counted(row.posting_state, row.reverses_id))
    changed: dict[int, str] = {}
    for row in rows:
        after = state_of(postings[row.id], held=row.held, judged=row.state != "received")
        if after != row.state:
            changed[row.id] = after
    written = [{"id": record_id, "state": state} for record_id, state in changed.items()]
    bulk.update(session, Record, written, bump="lock")
    bulk.forget(session, Record, changed)
