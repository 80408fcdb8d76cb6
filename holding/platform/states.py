"""Change the states of records, postings, pushes, holds and their causes.

The tables of allowed moves, the counters of causes and the labels of states are here too.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Case,
    ColumnElement,
    ScalarSelect,
    Subquery,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session, aliased

from grammar.text.finding_codes import ErrorClass
from holding.db import bulk
from holding.db.bulk import JointWrites, Words
from holding.db.models import Cause, Hold, MappingEntry, Posting, PostingUse, Push, Record
from holding.db.models.columns import (
    HoldState,
    PushState,
    RecordState,
    among_words,
    is_word,
    table_of,
)
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.models.records import RECORD_STATES
from holding.platform.events import Acting
from rules.values.canonical import POSTING_LABELS, PostingState, dumps
from rules.values.cause_keys import CauseKey

UNPOSTED = frozenset({RecordState.RECEIVED, RecordState.REFERENCE})
"""Where a record without postings and holds stays, as only a judging says otherwise."""

_RANKS = {state: at for at, state in enumerate(RECORD_STATES)}

_HELD = _RANKS[RecordState.HELD]

_record, _posting = table_of(Record), table_of(Posting)

_EMPTY = case(
    (among_words(_record.c.state, sorted(UNPOSTED)), _record.c.state),
    else_=literal_column(f"'{RecordState.WAITING}'"),
)

_beside = aliased(Posting)

RECORD_HELD = exists().where(Hold.record_id == Posting.record_id, HOLD_OPEN)
"""Of a posting: a hold of its record is open."""

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
    # posted: what is planned on it; ready: it vanished there, and a person has it sent again
    _P.POSTED: frozenset({_P.POSTED, _P.SENDING, _P.REVERSED, _P.READY}),
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
    PushState.ACCEPTED: frozenset({PushState.DROPPED}),  # the target accepted and lost it
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

INACTIVE = "TGT06"
"""The code of a hold for a party that is switched off in the target."""

OTHER_CURRENCY = "TGT13"
"""The code of a hold for a party or an account that has another currency than the document."""

TOTALS = "TGT07"
"""The code of a hold for another total in the target than a retry brought there."""

WITHDRAWN = "TGT09"
"""The code of a hold for what stood in a file that a person withdrew."""

LOOKUP_REFUSED = "TGT11"
"""The code of a hold for a document whose lookup the target refuses."""

FAILS_ON_IT = "TGT12"
"""The code of a hold for a document on which alone the target fails again and again."""

UNSEEN = "TGT10"
"""The code of a hold for what may have been made in a target that shows no such documents."""

NOT_THERE = "TGT14"
"""The code of a hold for a document that the target accepted and does not have."""

OTHER_COMPANY = "TGT15"
"""The code of a hold for a document that went into another company of the target."""

STORED_OTHERWISE = "TGT16"
"""The code of a hold for a document that the target stored without a line or with another total."""

CREDITED_CHANGED = "TGT17"
"""The code of a hold for a credit note whose document is void, missing or changed in the target."""

NUMBER_USED = "DUP04"
"""The code of a hold for a document whose number another document of ours has."""

TARGET_LIMIT = "VAL05"
"""The code of a hold for a document that its target could never take."""

GONE: Final = frozenset({NOT_THERE, OTHER_COMPANY})
"""Codes of holds for posted documents that do not exist in the intended company."""

OF_READING: Final = GONE | {TOTALS, STORED_OTHERWISE}
"""Codes of holds that a reading of the posted document opens, and only a reading ends."""

RESTORES: Final = "a person has it sent again as it was posted"
"""The reason of an update that overwrites an edit in the target with the posted content."""

ADD_TO_CAUSES = (
    "UPDATE cause AS t SET records = t.records + v.records, book = t.book + v.book"
    " FROM v WHERE t.id = v.id"
)

_CAUSE = table_of(Cause)

_IDS = select(_CAUSE.c.key, _CAUSE.c.id).where(
    _CAUSE.c.company_id == bindparam("company"), bulk.among_given(_CAUSE.c.key, "keys")
)

_LOCK = (
    select(_CAUSE.c.id)
    .where(bulk.among_given(_CAUSE.c.id, "ids"))
    .order_by(_CAUSE.c.id)
    .with_for_update(key_share=True)
)

STATE_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "received": "Received",
        **POSTING_LABELS,
        "reference": "For reference",
    }
)
"""Where a record or a posting stands."""

BY_RULE: Final = "Not posted (by rule)"

REJECTED: Final = "Not posted (rejected)"

REJECTION: Final = "rejected"
"""How the reason begins of a posting that a person rejected; any other is ignored by a rule."""

PUSH_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "intent": "Queued",
        "sending": "Sending",
        "awaiting": "Awaiting confirmation",
        "uncertain": "Unconfirmed",
        "accepted": "Accepted",
        "refused": "Rejected",
        "conflict": "Conflict",
        "dropped": "Cancelled",
    }
)
"""Where one push stands: its target is always named beside it."""

ATTEMPT_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sending": "Sending",
        "awaiting": "Awaiting confirmation",
        "uncertain": "No clear answer",
        "accepted": "Accepted",
        "existing": "Already posted",
        "refused": "Rejected",
        "temporary": "Temporary problem",
        "split": "Sent again in smaller files",
        "equal": "Found",
        "different": "Found with other values",
        "absent": "Not found",
        "unknown": "Not known",
    }
)
"""What came of one call, or what a look-up found."""

CALL_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"sending": "Sending", "answered": "Answered", "unanswered": "No answer"}
)

CALL_KIND_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "push": "Posting request",
        "lookup": "Look-up",
        "poll": "Question for confirmation",
        "read": "Verification",
    }
)

HOLD_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"open": "Open", "cleared": "Cleared", "released": "Released", "approved": "Approved"}
)

RUN_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"due": "Scheduled", "running": "Running", "done": "Completed", "failed": "Failed"}
)

RUN_KIND_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"immediate": "Automatic", "daily": "Daily run", "manual": "Manual sync"}
)

MOST_COUNTED: Final = 1_000
"""Of an entry so many documents are looked at in a request, and of a cause so many holds."""

SENT_STATES: Final = (PostingState.POSTED, PostingState.REVERSED, *IN_FLIGHT_STATES)

END_OF_IDS: Final = 1 << 62
"""Above every id."""


def state_of(
    postings: Iterable[PostingState],
    *,
    is_held: bool,
    empty: RecordState = RecordState.WAITING,
) -> RecordState:
    """Return the first of RECORD_STATES that any posting has.

    An open hold counts as held. `empty` is the state without postings and holds.
    """
    return _first(frozenset(postings), is_held) or empty


@lru_cache(maxsize=1024)  # the same few for most records
def _first(postings: frozenset[PostingState], is_held: bool) -> RecordState | None:
    states = set(map(str, postings)) | ({str(RecordState.HELD)} if is_held else set())
    return next((state for state in RECORD_STATES if state in states), None)


def counted_state(state: PostingState, reverses_id: int | None) -> PostingState:
    """Return the state that a posting counts as. A posted reversal counts as reversed."""
    return (
        PostingState.REVERSED if reverses_id is not None and state == PostingState.POSTED else state
    )


def refresh_record_states(session: Session, record_ids: Collection[int]) -> None:
    """Update the records' states with one statement, by the rule of `state_of`."""
    session.flush()
    if record_ids:
        bulk.forget(session, Record, session.scalars(_REFRESH, {"ids": list(record_ids)}))


def state_beside(others: int | None, new_state: PostingState, *, is_held: bool) -> RecordState:
    """Return the state that `refresh_record_states` would store after one posting takes this state.

    `others` is the rank of the record's other postings.
    """
    ranks = [_RANKS[RecordState(new_state)], *([_HELD] if is_held else [])]
    return RECORD_STATES[min(ranks if others is None else [*ranks, others])]


def allowed(moves: Moves[S], before: S, after: S) -> bool:
    """Check whether the table allows this move; an unknown state allows none."""
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
    """Change a posting's state if its state and lock are unchanged; return False otherwise.

    ValueError for a move that the table does not allow.
    """
    require_move(expected, to)
    expected_row = {"this": posting_id, "expected": expected, "seen": lock}
    values = {"state": to, "lock": lock + 1, **columns, **expected_row}
    return session.execute(_MOVE_POSTING, values).first() is not None


def move_postings(
    session: Session,
    postings: Collection[Posting],
    *,
    to: Mapping[PostingState, PostingState],
    due: Mapping[int, datetime],
) -> set[int]:
    """Change many postings with one statement, by a map of state before -> after.

    `due` has the due time by id. Returns the ids of postings that had not changed. ValueError for a
    move that the table does not allow.
    """
    for state in {posting.state for posting in postings}:
        require_move(state, to[state])
    rows = [
        {
            "id": posting.id,
            "lock": posting.lock,
            "state": to[posting.state],
            "due_at": due.get(posting.id),
        }
        for posting in postings
    ]
    return bulk.update_seen(session, Posting, rows, version_column="lock")


@dataclass(frozen=True, slots=True)
class Step:
    """A posting as the caller read it, its new state, and other columns to change."""

    posting_id: int
    expected: PostingState
    lock: int
    to: PostingState
    columns: Mapping[str, Any]


def join_steps(writes: JointWrites, steps: Collection[Step]) -> None:
    """Add posting moves to the pending writes.

    The postings are locked, so a changed posting raises, and so does a move that the table does not
    allow.
    """
    for still, rows in _alike(steps):
        writes.update(
            Posting, rows, keys=("id", "lock"), still=still, bump="lock", require_all=True
        )


def _alike(steps: Collection[Step]) -> Iterator[tuple[Words, list[dict[str, Any]]]]:
    """Yield the steps grouped by their columns and the state that they come from."""
    groups: dict[tuple[PostingState, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
    for step in steps:
        require_move(step.expected, step.to)
        row = {"id": step.posting_id, "lock": step.lock, "state": step.to, **step.columns}
        groups[step.expected, tuple(row)].append(row)
    for (expected, _), rows in groups.items():
        yield (("state", (expected,)),), rows


def join_pushes(
    writes: JointWrites, changes: Mapping[int, Mapping[str, Any]], to: PushState
) -> None:
    """Add state changes of pushes to the pending writes, each with its own columns.

    A push in a state that does not allow the move raises.
    """
    before = tuple(state for state in PUSH_MOVES if allowed(PUSH_MOVES, state, to))
    rows = [{"id": push_id, "state": to, **columns} for push_id, columns in changes.items()]
    writes.update(Push, rows, still=(("state", before),), require_all=True)


def join_record_states(writes: JointWrites, states: Mapping[int, RecordState]) -> None:
    """Add the record states that `state_beside` returned to the pending writes."""
    rows = [{"id": record_id, "state": state} for record_id, state in states.items()]
    writes.update(Record, rows, bump="lock", require_all=True)


def move_push(session: Session, push_id: int, to: PushState, **columns: Any) -> bool:
    """Change a push's state if its current state allows it; return False otherwise."""
    before = [state for state in PUSH_MOVES if allowed(PUSH_MOVES, state, to)]
    values = {"state": to, **columns, "this": push_id, "before": before}
    return session.execute(_MOVE_PUSH, values).first() is not None


def require_move(expected: PostingState, to: PostingState) -> None:
    """Raise ValueError for a posting move that the table does not allow."""
    if not allowed(POSTING_MOVES, expected, to):
        message = f"a posting never goes from {expected} to {to}"
        raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseSpec:
    """A cause as a finding names it."""

    key: CauseKey
    error_class: ErrorClass
    label: str
    rule: str
    team_id: int | None


def ensure_causes(
    session: Session, company_id: int, specs: Sequence[CauseSpec], now: datetime
) -> dict[CauseKey, int]:
    """Return cause key -> id. Missing causes are inserted in key order."""
    by_key = {spec.key: spec for spec in specs}
    cause_ids = ids_of(session, company_id, by_key)
    fresh = [
        _row(company_id, by_key[key], now)
        for key in sorted(by_key, key=str)
        if key not in cause_ids
    ]
    if fresh:
        bulk.insert_rows(session, Cause, fresh, ignore=True)
        cause_ids = ids_of(session, company_id, by_key)
    return cause_ids


def _row(company_id: int, spec: CauseSpec, now: datetime) -> dict[str, object]:
    table = spec.key.table
    return {
        "company_id": company_id,
        "class": spec.error_class,
        "key": spec.key,
        "label": spec.label,
        "rule": spec.rule,
        "team_id": spec.team_id,
        "table_name": table,
        "value": spec.key.entry if table is not None else None,
        "changed_revision": 0,
        "opened_at": now,
        "records": 0,
        "book": 0,
    }


def ids_of(session: Session, company_id: int, keys: Collection[CauseKey]) -> dict[CauseKey, int]:
    """Return the ids of the causes that exist."""
    parameters = {"company": company_id, "keys": [str(key) for key in keys]}
    return dict(session.execute(_IDS, parameters).all()) if keys else {}


def add_to_causes(
    session: Session,
    deltas: Mapping[int, tuple[int, int]],
    labels: Mapping[int, str] | None = None,
) -> None:
    """Add (records, amount) to the counters of causes, locked in id order. Call this last in a
    transaction.

    A cause with a different label is renamed, for example after new rules.
    """
    rows = [{"id": i, "records": n, "book": b} for i, (n, b) in sorted(deltas.items()) if n or b]
    renamed = _renamed(session, labels or {})
    lock_causes(session, sorted({row["id"] for row in (*rows, *renamed)}))
    bulk.update(session, Cause, renamed)
    if not rows:
        return
    columns = {"id": "bigint", "records": "bigint", "book": "bigint"}
    statement = f"{bulk.given(session, 'v', columns)} {ADD_TO_CAUSES}"
    session.execute(text(statement), {"rows": dumps(rows)})


def _renamed(session: Session, labels: Mapping[int, str]) -> list[dict[str, Any]]:
    query = select(Cause.id, Cause.label).where(bulk.among(Cause.id, labels))
    labels_by_id = dict(session.execute(query).all()) if labels else {}
    return [{"id": i, "label": label} for i, label in labels.items() if labels_by_id[i] != label]


def note_cause_change(
    session: Session,
    company_id: int,
    begin: Collection[CauseKey],
    revision: int,
    *,
    error_class: ErrorClass | None = None,
) -> None:
    """Store this revision as the latest change of causes whose keys begin like these.

    With `error_class` only causes of this class count. Call this last in a transaction.
    """
    key_matches = or_(*map(key_begins, begin))
    ids = select(Cause.id).where(Cause.company_id == company_id, key_matches)
    if error_class is not None:
        ids = ids.where(Cause.error_class == error_class)
    session.execute(
        update(Cause)
        .where(Cause.id.in_(ids), Cause.changed_revision < revision)
        .values(changed_revision=revision)
        .execution_options(synchronize_session=False)
    )


def note_changed_causes(session: Session, cause_ids: Collection[int], revision: int) -> None:
    """Store this revision as the latest change of these causes. Call this last in a transaction."""
    session.execute(
        update(Cause)
        .where(bulk.among(Cause.id, sorted(cause_ids)), Cause.changed_revision < revision)
        .values(changed_revision=revision)
        .execution_options(synchronize_session=False)
    )


def key_begins(key: CauseKey) -> ColumnElement[bool]:
    """Return the condition that a cause's key begins like this one."""
    return Cause.key.startswith(str(key), autoescape=True)


def recount_causes(session: Session, cause_ids: Collection[int]) -> None:
    """Count the open holds of these causes again, for actions that touch few holds.

    Call this last in a transaction.
    """
    session.flush()
    ids = sorted(set(cause_ids))
    if not ids:
        return
    lock_causes(session, ids)
    open_holds = select(Hold.cause_id, Hold.record_id, Hold.book).where(
        bulk.among(Hold.cause_id, ids), HOLD_OPEN
    )
    records: dict[int, dict[int, int]] = {cause_id: {} for cause_id in ids}
    for cause_id, record_id, book in session.execute(open_holds):
        records[cause_id][record_id] = book or 0
    rows = [
        {"id": cause_id, "records": len(book_by_record), "book": sum(book_by_record.values())}
        for cause_id, book_by_record in records.items()
    ]
    bulk.update(session, Cause, rows)
    bulk.forget(session, Cause, ids)


def lock_causes(session: Session, cause_ids: Sequence[int]) -> None:
    """Lock causes in id order."""
    if not cause_ids:
        return
    session.execute(_LOCK, {"ids": list(cause_ids)}).all()


def close_holds(
    session: Session,
    holds: Sequence[Hold],
    actor: Acting,
    *,
    state: HoldState,
    why: str,
    now: datetime,
) -> None:
    """Close open holds whose records are locked.

    ValueError for a move that the table does not allow.
    """
    if not allowed(HOLD_MOVES, HoldState.OPEN, state):
        message = f"an open hold never becomes {state}"
        raise ValueError(message)
    session.execute(
        update(Hold)
        .where(bulk.among(Hold.id, [hold.id for hold in holds]), HOLD_OPEN)
        .values(
            state=state,
            closed_at=now,
            closed_by_id=actor.person_id,
            closed_why=why,
            lock=Hold.lock + 1,
        )
        .execution_options(synchronize_session=False)
    )


def settle_closed(session: Session, closed: Sequence[Hold]) -> None:
    """Refresh the records' states and recount the causes after holds were closed."""
    record_ids = sorted({hold.record_id for hold in closed})
    cause_ids = sorted({hold.cause_id for hold in closed})
    refresh_record_states(session, record_ids)
    recount_causes(session, cause_ids)


def holds_beside(session: Session, hold: Hold) -> Sequence[Hold]:
    """Return all open holds of the hold's posting, including the hold."""
    query = select(Hold).where(
        Hold.record_id == hold.record_id,
        Hold.route == hold.route,
        Hold.seq == hold.seq,
        HOLD_OPEN,
    )
    return session.scalars(query.order_by(Hold.id)).all()


def state_label(state: str, reason: str | None = None) -> str:
    """Return the label of a state. A posting's reason shows whether a user or a rule decided not to
    post it.

    >>> state_label("held"), state_label("ignored"), state_label("ignored", "rejected: twice")
    ('On hold', 'Not posted', 'Not posted (rejected)')
    >>> state_label("ignored", "status draft is ignored")
    'Not posted (by rule)'
    """
    if state == PostingState.IGNORED and reason is not None:
        return REJECTED if reason.startswith(REJECTION) else BY_RULE
    return STATE_LABELS[state]


def newest_uses(entry_ids: Collection[int], most: int, below: int = END_OF_IDS) -> Subquery:
    """Return a subquery of entry and posting for the newest `most` uses of each entry.

    Only postings with an id less than `below` count. The limit keeps the query planner from reading
    all uses.
    """
    from_here = func.coalesce(newest_edge(most - 1, below), 0)
    return (
        select(PostingUse.entry_id, PostingUse.posting_id)
        .join(MappingEntry, MappingEntry.id == PostingUse.entry_id)
        .where(bulk.among(MappingEntry.id, sorted(entry_ids)))
        .where(PostingUse.posting_id >= from_here, PostingUse.posting_id < below)
        .limit(most * max(1, len(entry_ids)))
        .subquery()
    )


def newest_edge(most: int, below: int = END_OF_IDS) -> ScalarSelect[int]:
    """Return a subquery for the newest posting behind an entry's `most` newest ones, or NULL."""
    other = aliased(PostingUse)
    return (
        select(other.posting_id)
        .where(other.entry_id == MappingEntry.id, other.posting_id < below)
        .correlate(MappingEntry)
        .order_by(other.posting_id.desc())
        .offset(most)
        .limit(1)
        .scalar_subquery()
    )


@dataclass(frozen=True, slots=True)
class SentDocuments:
    """Posted or in-flight documents, newest first.

    `below`: older documents than this id were not read, unless it is None.
    """

    documents: tuple[int, ...]
    below: int | None


def load_sent_documents(
    session: Session,
    company_id: int,
    entry_ids: Collection[int],
    most: int,
    below: int = END_OF_IDS,
) -> SentDocuments:
    """Return the sent documents among the newest `most` of each entry, down to an id that all
    entries reached.
    """
    uses = newest_uses(entry_ids, most + 1, below)
    rows = session.execute(
        select(uses.c.entry_id, uses.c.posting_id, Posting.state.in_(SENT_STATES).label("sent"))
        .join(Posting, Posting.id == uses.c.posting_id)
        .where(Posting.company_id == company_id)
    )
    ids_by_entry: dict[int, list[int]] = defaultdict(list)
    sent: set[int] = set()
    for row in rows:
        ids_by_entry[row.entry_id].append(row.posting_id)
        sent |= {row.posting_id} if row.sent else set()
    edges = [sorted(ids)[-most] for ids in ids_by_entry.values() if len(ids) > most]
    lowest_read = max(edges, default=None)
    documents = sorted(
        (posting_id for posting_id in sent if posting_id >= (lowest_read or 0)), reverse=True
    )
    return SentDocuments(tuple(documents), lowest_read)


def _rank(of: Any) -> Case[int]:
    """Return the rank in RECORD_STATES of a posting, as it counts."""
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

BESIDE = (
    select(func.min(_rank(_beside)))
    .where(_beside.record_id == Posting.record_id, _beside.id != Posting.id)
    .correlate(Posting)
    .scalar_subquery()
)
"""Of a posting: as what the others of its record count, for `state_beside`."""
