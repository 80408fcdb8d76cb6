"""Which state may follow which, and the ways to change that of a posting or a push.

Here: tables of allowed moves and the conditional update, of one or of many. Not here: why something
moves.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from holding import bulk
from holding.models import Posting, Push
from holding.models.base import table_of

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
    "failed": _PLANNED | {"failed", "posted"},  # linked to what stands there under our number
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
    "awaiting": frozenset({"awaiting", "uncertain", "accepted", "refused", "conflict"}),
    "uncertain": frozenset(
        {"uncertain", "sending", "awaiting", "accepted", "refused", "conflict", "intent"}
    ),
    "accepted": frozenset(),
    "refused": frozenset(),
    "conflict": frozenset({"accepted", "dropped"}),
    "dropped": frozenset(),
}


_POSTING, _PUSH = table_of(Posting), table_of(Push)
_MOVE_POSTING = (  # it sets the columns that it is given values for
    update(_POSTING)
    .where(_POSTING.c.id == bindparam("this"), _POSTING.c.state == bindparam("expected"))
    .where(_POSTING.c.lock == bindparam("seen"))
    .returning(_POSTING.c.id)
)
_MOVE_PUSH = (
    update(_PUSH)
    .where(_PUSH.c.id == bindparam("this"))
    .where(_PUSH.c.state.in_(bindparam("before", expanding=True)))
    .returning(_PUSH.c.id)
)


def allowed(moves: Moves, before: str, after: str) -> bool:
    """Whether the table has this move; an unknown state has none."""
    return after in moves.get(before, frozenset())


def move_posting(
    session: Session, posting_id: int, *, expected: str, to: str, lock: int, **columns: Any
) -> bool:
    """Change a posting's state if it still is what the caller saw; False when somebody was faster.

    A move that the table does not have is our own fault and raises.
    """
    require_move(expected, to)
    seen = {"this": posting_id, "expected": expected, "seen": lock}
    given = {"state": to, "lock": lock + 1, **columns, **seen}
    return session.execute(_MOVE_POSTING, given).first() is not None


def move_postings(
    session: Session,
    postings: Collection[Posting],
    *,
    to: Mapping[str, str],
    due: Mapping[int, datetime],
) -> set[int]:
    """The same for many in one statement: state before -> state after, and by id when each is due,
    if it is; the ids of those that still were what the caller saw.
    """
    for state in {posting.state for posting in postings}:
        require_move(state, to[state])
    rows = [
        {"id": one.id, "lock": one.lock, "state": to[one.state], "due_at": due.get(one.id)}
        for one in postings
    ]
    return bulk.update_seen(session, Posting, rows, seen="lock")


def move_push(session: Session, push_id: int, to: str, **columns: Any) -> bool:
    """Change a push's state from one of those that it may come from; False when it is in another:
    somebody else has written its end.
    """
    before = [state for state in PUSH_MOVES if allowed(PUSH_MOVES, state, to)]
    given = {"state": to, **columns, "this": push_id, "before": before}
    return session.execute(_MOVE_PUSH, given).first() is not None


def require_move(expected: str, to: str) -> None:
    """A move of a posting that the table does not have is our own fault and raises."""
    if not allowed(POSTING_MOVES, expected, to):
        message = f"a posting never goes from {expected} to {to}"
        raise ValueError(message)
