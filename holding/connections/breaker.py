"""The circuit breaker of a connection.

After too many failures it stops calls until the target answers a lookup and then a call.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, false, func, or_, select, update
from sqlalchemy.orm import Session

from connectors.contract import Found
from holding.db.models import Connection, Snapshot, Throttle
from holding.db.models.columns import NOW, BreakerState, moment
from holding.platform.events import record_event
from rules.facts import LINES, VOID, WHOLE, TargetEdit
from rules.values.canonical import dumps, sha256_hex

FAILURES = 5  # in a row

WINDOW = 20  # or more than half of so many

SHORTEST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)

SHARE = 12
"""It is asked again after this part of the time it has been away: 50 s after ten minutes."""

_BAD, _GOOD = "x", "."

_KNOWN = select(Throttle).where(Throttle.connection_id == bindparam("connection"))

_LOCKED = _KNOWN.execution_options(populate_existing=True).with_for_update(key_share=True)

_NOTED = "throttles"

MINUTE = timedelta(minutes=1)

_TEST_SOON = (
    update(Snapshot)
    .where(Snapshot.connection_id == bindparam("connection"))
    .where(Snapshot.checked_at < moment("since"))
    .values(due_at=NOW)
)

REFUSED = and_(Throttle.breaker == BreakerState.OPEN, Throttle.open_until.is_(None))
"""Of a throttle: the target does not accept our key."""

PROOF_CAP = 4000

_NEWS = ("found", "void", "differs")


def note(session: Session, connection_id: int, row: Throttle | None) -> None:
    """Cache a row that another query of this session read."""
    session.info.setdefault(_NOTED, {})[connection_id] = row


def known(session: Session, connection_id: int) -> Throttle | None:
    """Return the row of a connection, or None if it was never called."""
    noted: dict[int, Throttle | None] = session.info.get(_NOTED, {})
    if connection_id in noted:
        return noted[connection_id]
    return session.scalars(_KNOWN, {"connection": connection_id}).one_or_none()


def closed(session: Session, connection_id: int) -> bool:
    """Check whether calls may be made without a probe."""
    row = known(session, connection_id)
    return row is None or row.breaker == BreakerState.CLOSED


def refused(session: Session, connection_id: int) -> bool:
    """Check whether the target refuses our key."""
    row = known(session, connection_id)
    return row is not None and row.breaker == BreakerState.OPEN and row.open_until is None


def in_doubt(session: Session, connection_id: int) -> bool:
    """Check whether the target was away or refused our key and has not recovered yet."""
    row = known(session, connection_id)
    return row is not None and (row.breaker != BreakerState.CLOSED or row.opened_at is not None)


def failing(session: Session, connection_id: int) -> bool:
    """Check whether the last call failed or the target has not recovered yet."""
    row = known(session, connection_id)
    return row is not None and (row.failures > 0 or in_doubt(session, connection_id))


def turn(session: Session, connection_id: int, now: datetime) -> bool:
    """Claim the probe of an open breaker if it is due; return whether we have it."""
    claimed_id = session.scalar(
        update(Throttle)
        .where(Throttle.connection_id == connection_id, Throttle.breaker != BreakerState.CLOSED)
        .where(_time_to_ask(now, now + LONGEST))
        .values(breaker=BreakerState.HALF_OPEN, open_until=now + SHORTEST)
        .returning(Throttle.connection_id)
    )
    return claimed_id is not None


def _time_to_ask(now: Any, latest: Any) -> ColumnElement[bool]:
    """Return the condition that the probe is due, or later than possible after a clock change."""
    at = Throttle.open_until
    return func.coalesce(or_(at <= now, at > latest), false())


def failed(session: Session, connection_id: int, now: datetime, pace: float) -> None:
    """Count a failed call. After too many the breaker opens; each probe comes later."""
    row = locked(session, connection_id)
    row.failures += 1
    row.recent = (row.recent + _BAD)[-WINDOW:]
    trial = _on_trial(row, now)
    waits = row.breaker == BreakerState.OPEN and (row.open_until is None or row.open_until > now)
    if waits or (row.breaker == BreakerState.CLOSED and not (trial or _too_many(row))):
        return
    if row.breaker == BreakerState.CLOSED and not trial:
        row.opened_at = now
        _tell(session, connection_id, now, "connection.away", _is_away)
    away = now - (row.opened_at or now)
    pause = min(LONGEST, max(SHORTEST, away / SHARE))
    row.breaker, row.open_until = BreakerState.OPEN, now + pause * pace


def _on_trial(row: Throttle, now: datetime) -> bool:
    """Check whether calls are on trial.

    A trial that ends later than possible is a changed clock.
    """
    until = row.open_until
    return row.breaker == BreakerState.CLOSED and until is not None and now < until <= now + LONGEST


def _too_many(row: Throttle) -> bool:
    most = len(row.recent) == WINDOW and row.recent.count(_BAD) > WINDOW // 2
    return row.failures >= FAILURES or most


def _tell(
    session: Session, connection_id: int, now: datetime, act: str, say: Callable[[str], str]
) -> None:
    connection = session.get_one(Connection, connection_id)
    record_event(
        session,
        company_id=connection.company_id,
        at=now,
        actor=None,
        act=act,
        object=f"connection:{connection_id}",
        body={"say": say(connection.name)},
    )


def _is_away(name: str) -> str:
    return f"{name} is out of reach. What is ready waits, and Clearpost asks again automatically."


def reached(session: Session, connection_id: int, now: datetime) -> None:
    """Store that a probe was answered: calls are on trial."""
    row = locked(session, connection_id)
    if row.breaker == BreakerState.HALF_OPEN:
        row.breaker, row.open_until = BreakerState.CLOSED, now + LONGEST
        row.failures, row.recent = 0, ""


def passed(session: Session, connection_id: int, now: datetime) -> None:
    """Store that an automatic test passed: start the trial, or close the breaker after a trial or a
    refused key.
    """
    reached(session, connection_id, now)
    row = locked(session, connection_id)
    is_trial_over = row.breaker == BreakerState.CLOSED and not _on_trial(row, now)
    if is_trial_over or (row.breaker == BreakerState.OPEN and row.open_until is None):
        close(session, connection_id, now)


def looked(
    session: Session,
    connection_id: int,
    lookups: Sequence[Found],
    now: datetime,
    pace: float,
    *,
    key_id: int | None,
) -> None:
    """Store the result of lookups.

    Unknown results mean that the target is away or refuses our key. A pending lookup and a refused
    one count as answers.
    """
    if any(
        lookup.kind != "unknown"
        or lookup.target_ref
        or lookup.key_lasts
        or lookup.lookup_refused
        or lookup.answered
        for lookup in lookups
    ):
        answered(session, connection_id, now)
    elif any(lookup.key_refused for lookup in lookups):
        shut(session, connection_id, now, key_id)
    else:
        failed(session, connection_id, now, pace)


def answered(session: Session, connection_id: int, now: datetime) -> None:
    """Store that a call was answered; writes only if something changes."""
    if goes_on(known(session, connection_id)):
        return
    row = locked(session, connection_id)
    if row.breaker == BreakerState.CLOSED and row.opened_at is None:
        recent = (row.recent + _GOOD)[-WINDOW:]
        row.failures, row.recent = 0, recent if _BAD in recent else ""
    elif row.open_until is not None:  # else its key is refused, and this answer is an old one
        close(session, connection_id, now)


def goes_on(row: Throttle | None) -> bool:
    """Check whether an answer changes nothing in this row."""
    return row is None or (
        row.breaker == BreakerState.CLOSED and not row.recent and not row.opened_at
    )


def shut(session: Session, connection_id: int, now: datetime, key_id: int | None) -> bool:
    """Stop all calls until the key changes or a test passes; return whether that is new.

    The refusal of a key that was already replaced is ignored.
    """
    row = locked(session, connection_id)
    active_key_id = session.scalar(select(Connection.key_id).where(Connection.id == connection_id))
    is_new = active_key_id == key_id and (
        row.breaker != BreakerState.OPEN or row.open_until is not None
    )
    if is_new:
        row.breaker, row.open_until, row.opened_at = BreakerState.OPEN, None, now
        _tell(session, connection_id, now, "connection.refused", _refused_its_key)
    return is_new


def _refused_its_key(name: str) -> str:
    return f"{name} does not accept the API key. What is ready waits for a new one."


def hold_back(session: Session, connection_id: int, now: datetime) -> None:
    """Stop all calls until a test passes, without an event."""
    row = locked(session, connection_id)
    row.breaker, row.open_until, row.opened_at = BreakerState.OPEN, None, now


def let_begin(session: Session, connection_id: int) -> None:
    """Allow calls after the awaited test passed, without an event."""
    row = locked(session, connection_id)
    row.breaker, row.open_until, row.opened_at = BreakerState.CLOSED, None, None


def keep_key(session: Session, connection_id: int) -> None:
    """Lock the key until the commit, because a new key frees refused documents and must see them.

    Call this before locking records, which is also the order in which a key is stored.
    """
    key = select(Connection.key_id).where(Connection.id == connection_id)
    session.execute(key.with_for_update(read=True))


def test_soon(session: Session, connection_id: int, now: datetime) -> None:
    """Test the connection at once if its last check is older than a minute."""
    session.execute(_TEST_SOON, {"connection": connection_id, "now": now, "since": now - MINUTE})


def note_clock(session: Session, connection_id: int, ahead: int, now: datetime) -> None:
    """Store by how many seconds the target's clock is ahead."""
    row = locked(session, connection_id)
    row.clock_ahead, row.clock_at = ahead, now


def close(session: Session, connection_id: int, now: datetime) -> None:
    """Close the breaker and log that the target is back."""
    row = locked(session, connection_id)
    if row.breaker != BreakerState.CLOSED or row.opened_at is not None:
        _tell(session, connection_id, now, "connection.back", _is_back)
    row.breaker, row.open_until, row.opened_at = BreakerState.CLOSED, None, None
    row.failures, row.recent = 0, ""


def _is_back(name: str) -> str:
    return f"{name} answers again. What waited is sent automatically."


def locked(session: Session, connection_id: int) -> Throttle:
    """Return the connection's row, locked; insert it if it is missing."""
    row = session.scalars(_LOCKED, {"connection": connection_id}).one_or_none()
    if row is None:
        row = Throttle(connection_id=connection_id)
        session.add(row)
        session.flush()
    if _NOTED in session.info:
        note(session, connection_id, row)
    return row


def body_of(lookup: Found, fault: str = "") -> dict[str, Any]:
    """Return a reading as it is stored: the differences, the target's words and proof.

    `fault`: the target stored the document otherwise from the start, and no user changed it since.
    """
    return {
        "found": lookup.kind,
        "void": lookup.void,
        "differs": [
            [difference.line, difference.field, difference.value] for difference in lookup.differs
        ],
        "words": lookup.words,
        "by": lookup.changed_by,
        **({"fault": fault} if fault else {}),
        "ref": lookup.target_ref,
        "proof": lookup.proof.decode("utf-8", "replace")[:PROOF_CAP],
    }


def digest(body: Mapping[str, Any]) -> str:
    """Return the hash of what makes a reading new; other parts of the answer may change daily."""
    return sha256_hex(dumps({name: body[name] for name in _NEWS}))


def covers(body: Mapping[str, Any], lookup: Found) -> bool:
    """Check whether a stored reading contains everything that a later lookup found."""
    known_differences = {tuple(difference) for difference in body["differs"]}
    found_differences = {
        (difference.line, difference.field, difference.value) for difference in lookup.differs
    }
    return (
        body["found"] == lookup.kind
        and body["void"] == lookup.void
        and found_differences <= known_differences
    )


def edits(route: str, seq: int, body: Mapping[str, Any] | None) -> tuple[TargetEdit, ...]:
    """Return the reading as facts: each changed field, or what happened to the whole document.

    A document that is missing, or that the target never stored as it was sent, was not changed by a
    user: a hold of the reading reports it (holding/reconciliation/stored_faults.py).
    """
    if body is None or body["found"] in ("equal", "absent") or body.get("fault"):
        return ()
    if body["void"]:
        return (TargetEdit(route, seq, None, WHOLE, VOID),)
    field_edits = [
        TargetEdit(route, seq, line or None, field or LINES, value)
        for line, field, value in body["differs"]
    ]
    return tuple(field_edits) or (TargetEdit(route, seq, None, WHOLE, body["words"]),)


def stored_otherwise(
    route: str, seq: int, body: Mapping[str, Any] | None
) -> tuple[TargetEdit, ...]:
    """Return the fields that, by a reading, the target stored differently from what was sent."""
    if body is None or body["found"] != "different" or not body.get("fault"):
        return ()
    return tuple(
        TargetEdit(route, seq, line or None, field or LINES, value)
        for line, field, value in body["differs"]
    )


BARRED = and_(Throttle.breaker != BreakerState.CLOSED, ~_time_to_ask(NOW, moment("asked_by")))
"""Of a throttle: nobody may call now, not even to ask."""
