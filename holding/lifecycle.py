"""Which state may follow which, and the one way to change a posting's.

Here: tables of allowed moves and the conditional update. Not here: why something moves.
"""

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from holding.models import Posting

Moves = dict[str, frozenset[str]]

_PLANNED = frozenset({"waiting", "held", "ignored", "dropped", "ready"})
_ENDS = frozenset({"posted", "reversed", "failed", "ready"})  # of a push; reversed after a void

POSTING_MOVES: Moves = {
    "waiting": _PLANNED,
    "held": _PLANNED | {"posted"},  # linked to what somebody typed into the target by hand
    "ignored": _PLANNED,
    "dropped": _PLANNED,
    "ready": _PLANNED | {"sending", "failed"},
    "sending": _ENDS | {"awaiting", "uncertain"},
    "awaiting": _ENDS | {"uncertain"},
    "uncertain": _ENDS | {"sending", "awaiting"},
    "failed": _PLANNED | {"failed"},
    "posted": frozenset({"posted", "sending", "reversed"}),  # posted: what is planned on it moves
    "reversed": frozenset(),
}
HOLD_MOVES: Moves = {
    "open": frozenset({"cleared", "released", "approved"}),
    "cleared": frozenset(),
    "released": frozenset(),
    "approved": frozenset(),
}
PUSH_MOVES: Moves = {
    "intent": frozenset({"sending", "awaiting", "uncertain", "accepted", "refused", "dropped"}),
    "sending": frozenset({"awaiting", "uncertain", "accepted", "refused", "conflict", "intent"}),
    "awaiting": frozenset({"uncertain", "accepted", "refused", "conflict"}),
    "uncertain": frozenset({"sending", "awaiting", "accepted", "refused", "conflict", "intent"}),
    "accepted": frozenset(),
    "refused": frozenset(),
    "conflict": frozenset({"accepted", "dropped"}),
    "dropped": frozenset(),
}


def allowed(moves: Moves, before: str, after: str) -> bool:
    """Whether the table has this move; an unknown state has none."""
    return after in moves.get(before, frozenset())


def move_posting(
    session: Session, posting_id: int, *, expected: str, to: str, lock: int, **columns: Any
) -> bool:
    """Change a posting's state if it still is what the caller saw; False when somebody was faster.

    A move that the table does not have is our own fault and raises.
    """
    if not allowed(POSTING_MOVES, expected, to):
        message = f"a posting never goes from {expected} to {to}"
        raise ValueError(message)
    statement = (
        update(Posting)
        .where(Posting.id == posting_id, Posting.state == expected, Posting.lock == lock)
        .values(state=to, lock=lock + 1, **columns)
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(statement).first() is not None
