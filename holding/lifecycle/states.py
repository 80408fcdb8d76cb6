"""Which state may follow which, and the ways to change that of a posting, a push or a record.

Here: tables of allowed moves, the conditional update, of one or of many, and the one state of a
record, worked out from its postings and open holds. The database has the tables too and refuses all
other moves (migration 0018): whoever changes a table adds a migration, which a test asks for. Not
here: why something moves.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Case, and_, bindparam, case, exists, func, literal_column, select, update
from sqlalchemy.orm import Session, aliased

from holding.store import bulk
from holding.store.joint_writes import JointWrites, Words
from holding.tables import Hold, Posting, Push, Record
from holding.tables.columns import among_words, is_word, table_of
from holding.tables.decisions import HOLD_OPEN
from holding.tables.records import RECORD_STATES
from holding.tables.row_states import HoldState, PushState, RecordState
from rules.values.posting_states import PostingState


def state_of(
    postings: Iterable[PostingState],
    *,
    held: bool,
    empty: RecordState = RecordState.WAITING,
) -> RecordState:
    """The first of RECORD_STATES that any posting is in; an open hold counts as held; `empty` is
    where it stands without both.
    """
    return _first(frozenset(postings), held) or empty


@lru_cache(maxsize=1024)  # the same few for most records
def _first(postings: frozenset[PostingState], held: bool) -> RecordState | None:
    found = set(map(str, postings)) | ({str(RecordState.HELD)} if held else set())
    return next((state for state in RECORD_STATES if state in found), None)


UNPOSTED = frozenset({RecordState.RECEIVED, RecordState.REFERENCE})
"""Where a record without postings and holds stays, as only a judging says otherwise."""


def counted(state: PostingState, reverses_id: int | None) -> PostingState:
    """As what a posting counts: one that has taken another back, through that one."""
    return (
        PostingState.REVERSED if reverses_id is not None and state == PostingState.POSTED else state
    )


def refresh(session: Session, record_ids: Collection[int]) -> None:
    """Bring `record.state` of these records up to date: what `state_of` says, in one statement."""
    session.flush()
    if record_ids:
        bulk.forget(session, Record, session.scalars(_REFRESH, {"ids": list(record_ids)}))


_RANKS = {state: at for at, state in enumerate(RECORD_STATES)}
_HELD = _RANKS[RecordState.HELD]
_record, _posting = table_of(Record), table_of(Posting)


def _rank(of: Any) -> Case[int]:
    """The place in RECORD_STATES of a posting, as it counts."""
    takes_back = and_(of.reverses_id.is_not(None), is_word(of.state, PostingState.POSTED))
    return case(
        (takes_back, _RANKS[RecordState.REVERSED]),
        *((is_word(of.state, state), _RANKS[RecordState(state)]) for state in PostingState),
    )


_FIRST = (
    select(func.min(_rank(_posting.c)))
    .where(_posting.c.record_id == _record.c.id)
    .scalar_subquery()
)
_SEEN = (
    select(_record.c.id, _FIRST.label("first"))
    .add_columns(exists().where(Hold.record_id == _record.c.id, HOLD_OPEN).label("held"))
    .where(bulk.among_given(_record.c.id, "ids"))
    .cte("seen")
)
_EMPTY = case(
    (among_words(_record.c.state, sorted(UNPOSTED)), _record.c.state),
    else_=literal_column(f"'{RecordState.WAITING}'"),
)
_AFTER = case(
    *(
        (_SEEN.c.first == at, literal_column(f"'{state}'"))
        for state, at in _RANKS.items()
        if at < _HELD
    ),
    (_SEEN.c.held, literal_column(f"'{RecordState.HELD}'")),
    *(
        (_SEEN.c.first == at, literal_column(f"'{state}'"))
        for state, at in _RANKS.items()
        if at >= _HELD
    ),
    else_=_EMPTY,
)
_REFRESH = (
    update(_record)
    .values(state=_AFTER, lock=_record.c.lock + 1)
    .where(_record.c.id == _SEEN.c.id, _record.c.state != _AFTER)
    .returning(_record.c.id)
)


_beside = aliased(Posting)
BESIDE = (
    select(func.min(_rank(_beside)))
    .where(_beside.record_id == Posting.record_id, _beside.id != Posting.id)
    .correlate(Posting)
    .scalar_subquery()
)
"""Of a posting: as what the others of its record count, for `state_beside`."""
RECORD_HELD = exists().where(Hold.record_id == Posting.record_id, HOLD_OPEN)
"""Of a posting: a hold of its record is open."""


def state_beside(others: int | None, mine: PostingState, *, held: bool) -> RecordState:
    """What `refresh` would say of a record, of which one posting is about to take a state in which
    it counts as that.
    """
    ranks = [_RANKS[RecordState(mine)], *([_HELD] if held else [])]
    return RECORD_STATES[min(ranks if others is None else [*ranks, others])]


_P = PostingState
READY = (_P.READY, _P.POSTED)  # what is posted is due when it is to be updated or made void

S = TypeVar("S", bound=StrEnum)
Moves = Mapping[S, frozenset[S]]

_PLANNED = frozenset({_P.WAITING, _P.HELD, _P.IGNORED, _P.DROPPED, _P.READY})
_ENDS = frozenset({_P.POSTED, _P.REVERSED, _P.FAILED, _P.READY})  # of a push; reversed after a void
_ANSWERED = frozenset({PushState.ACCEPTED, PushState.REFUSED, PushState.CONFLICT})

POSTING_MOVES: Moves[PostingState] = {
    _P.WAITING: _PLANNED,
    _P.HELD: _PLANNED | {_P.POSTED},  # linked to what somebody typed into the target by hand
    _P.IGNORED: _PLANNED,
    _P.DROPPED: _PLANNED,
    _P.READY: _PLANNED | {_P.SENDING, _P.FAILED},
    _P.SENDING: _ENDS | {_P.AWAITING, _P.UNCERTAIN},
    _P.AWAITING: _ENDS | {_P.UNCERTAIN},
    _P.UNCERTAIN: _ENDS | {_P.SENDING, _P.AWAITING},
    _P.FAILED: _PLANNED | {_P.FAILED, _P.POSTED},  # linked to the target's document of our number
    _P.POSTED: frozenset({_P.POSTED, _P.SENDING, _P.REVERSED}),  # posted: what is planned on it
    _P.REVERSED: frozenset(),
}
HOLD_MOVES: Moves[HoldState] = {
    HoldState.OPEN: frozenset({HoldState.CLEARED, HoldState.RELEASED, HoldState.APPROVED}),
    HoldState.CLEARED: frozenset(),
    HoldState.RELEASED: frozenset(),
    HoldState.APPROVED: frozenset(),
}
PUSH_MOVES: Moves[PushState] = {
    PushState.INTENT: frozenset(PushState) - {PushState.INTENT, PushState.CONFLICT},
    PushState.SENDING: _ANSWERED | {PushState.AWAITING, PushState.UNCERTAIN, PushState.INTENT},
    PushState.AWAITING: _ANSWERED | {PushState.AWAITING, PushState.UNCERTAIN},
    PushState.UNCERTAIN: frozenset(PushState) - {PushState.DROPPED},
    PushState.ACCEPTED: frozenset(),
    PushState.REFUSED: frozenset(),
    PushState.CONFLICT: frozenset({PushState.ACCEPTED, PushState.DROPPED}),
    PushState.DROPPED: frozenset(),
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


def allowed(moves: Moves[S], before: S, after: S) -> bool:
    """Whether the table has this move; an unknown state has none."""
    return after in moves.get(before, frozenset())


def move_posting(
    session: Session,
    posting_id: int,
    *,
    expected: PostingState,
    to: PostingState,
    lock: int,
    **columns: Any,
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
    to: Mapping[PostingState, PostingState],
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


@dataclass(frozen=True, slots=True)
class Step:
    """A posting as the caller saw it, the state that it takes, and what else changes with it."""

    posting_id: int
    expected: PostingState
    lock: int
    to: PostingState
    columns: Mapping[str, Any]


def join_steps(writes: JointWrites, steps: Collection[Step]) -> None:
    """Move postings with other writes, each by a step of its own. They are locked, so one that is
    not any more what the caller saw is a fault of ours, and so is a move that the table does not
    have.
    """
    for still, rows in _alike(steps):
        writes.update(Posting, rows, keys=("id", "lock"), still=still, bump="lock", every=True)


def _alike(steps: Collection[Step]) -> Iterator[tuple[Words, list[dict[str, Any]]]]:
    """The rows of the steps that change the same columns, and the state that they come from."""
    alike: dict[tuple[PostingState, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
    for one in steps:
        require_move(one.expected, one.to)
        row = {"id": one.posting_id, "lock": one.lock, "state": one.to, **one.columns}
        alike[one.expected, tuple(row)].append(row)
    for (expected, _), rows in alike.items():
        yield (("state", (expected,)),), rows


def join_pushes(
    writes: JointWrites, changes: Mapping[int, Mapping[str, Any]], to: PushState
) -> None:
    """Change many pushes to one state with other writes, each with the columns given for its id
    (all the same ones). One in a state that it never comes from is a fault of ours.
    """
    before = tuple(state for state in PUSH_MOVES if allowed(PUSH_MOVES, state, to))
    rows = [{"id": push_id, "state": to, **columns} for push_id, columns in changes.items()]
    writes.update(Push, rows, still=(("state", before),), every=True)


def join_record_states(writes: JointWrites, states: Mapping[int, RecordState]) -> None:
    """Give records the states that `state_beside` said, with other writes."""
    rows = [{"id": record_id, "state": state} for record_id, state in states.items()]
    writes.update(Record, rows, bump="lock", every=True)


def move_push(session: Session, push_id: int, to: PushState, **columns: Any) -> bool:
    """Change a push's state from one of those that it may come from; False when it is in another:
    somebody else has written its end.
    """
    before = [state for state in PUSH_MOVES if allowed(PUSH_MOVES, state, to)]
    given = {"state": to, **columns, "this": push_id, "before": before}
    return session.execute(_MOVE_PUSH, given).first() is not None


def require_move(expected: PostingState, to: PostingState) -> None:
    """A move of a posting that the table does not have is our own fault and raises."""
    if not allowed(POSTING_MOVES, expected, to):
        message = f"a posting never goes from {expected} to {to}"
        raise ValueError(message)
