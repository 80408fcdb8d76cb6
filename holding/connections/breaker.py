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
from rules.facts import LINES, NOTHING, VOID, WHOLE, TargetEdit
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
    """What another query of this session has read of a connection needs no question of its own."""
    session.info.setdefault(_NOTED, {})[connection_id] = row


def known(session: Session, connection_id: int) -> Throttle | None:
    """The row of a connection; None where nobody has called it yet."""
    noted: dict[int, Throttle | None] = session.info.get(_NOTED, {})
    if connection_id in noted:
        return noted[connection_id]
    return session.scalars(_KNOWN, {"connection": connection_id}).one_or_none()


def closed(session: Session, connection_id: int) -> bool:
    """Whether calls may be made without asking first."""
    row = known(session, connection_id)
    return row is None or row.breaker == BreakerState.CLOSED


def refused(session: Session, connection_id: int) -> bool:
    """Whether it does not accept our key."""
    row = known(session, connection_id)
    return row is not None and row.breaker == BreakerState.OPEN and row.open_until is None


def in_doubt(session: Session, connection_id: int) -> bool:
    """Whether it was away or refused our key, and nobody has seen yet that this is over."""
    row = known(session, connection_id)
    return row is not None and (row.breaker != BreakerState.CLOSED or row.opened_at is not None)


def failing(session: Session, connection_id: int) -> bool:
    """Whether it has just failed, or did so before and nobody has seen it answer since."""
    row = known(session, connection_id)
    return row is not None and (row.failures > 0 or in_doubt(session, connection_id))


def turn(session: Session, connection_id: int, now: datetime) -> bool:
    """Whether it is time to ask an open connection, and the caller is the one who does."""
    taken = session.scalar(
        update(Throttle)
        .where(Throttle.connection_id == connection_id, Throttle.breaker != BreakerState.CLOSED)
        .where(_time_to_ask(now, now + LONGEST))
        .values(breaker=BreakerState.HALF_OPEN, open_until=now + SHORTEST)
        .returning(Throttle.connection_id)
    )
    return taken is not None


def _time_to_ask(now: Any, latest: Any) -> ColumnElement[bool]:
    """Its time has come; or it is later than any, because a clock jumped."""
    at = Throttle.open_until
    return func.coalesce(or_(at <= now, at > latest), false())


def failed(session: Session, connection_id: int, now: datetime, pace: float) -> None:
    """No answer, or not now: after too many, nothing goes out; each time it is asked later."""
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
    """Whether it is called only to see; a trial that ends later than any is a clock that jumped."""
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
    """It answered the question whether it is back: it is on trial."""
    row = locked(session, connection_id)
    if row.breaker == BreakerState.HALF_OPEN:
        row.breaker, row.open_until = BreakerState.CLOSED, now + LONGEST
        row.failures, row.recent = 0, ""


def passed(session: Session, connection_id: int, now: datetime) -> None:
    """An automatic test passed: who was away is on trial, or was that for long
    enough; a key that was refused is accepted.
    """
    reached(session, connection_id, now)
    row = locked(session, connection_id)
    over = row.breaker == BreakerState.CLOSED and not _on_trial(row, now)
    if over or (row.breaker == BreakerState.OPEN and row.open_until is None):
        close(session, connection_id, now)


def looked(
    session: Session,
    connection_id: int,
    found: Sequence[Found],
    now: datetime,
    pace: float,
    *,
    key_id: int | None,
) -> None:
    """A look was made: one that told nothing means that the target is away, or does not accept our
    key. Who says that it is not done yet has answered.
    """
    if any(one.kind != "unknown" or one.target_ref or one.key_lasts for one in found):
        answered(session, connection_id, now)
    elif any(one.key_refused for one in found):
        shut(session, connection_id, now, key_id)
    else:
        failed(session, connection_id, now, pace)


def answered(session: Session, connection_id: int, now: datetime) -> None:
    """It answers a call: go on at full speed. Writes only when something has to change."""
    if goes_on(known(session, connection_id)):
        return
    row = locked(session, connection_id)
    if row.breaker == BreakerState.CLOSED and row.opened_at is None:
        recent = (row.recent + _GOOD)[-WINDOW:]
        row.failures, row.recent = 0, recent if _BAD in recent else ""
    elif row.open_until is not None:  # else its key is refused, and this answer is an old one
        close(session, connection_id, now)


def goes_on(row: Throttle | None) -> bool:
    """Whether nothing has to change when a connection with this row answers."""
    return row is None or (
        row.breaker == BreakerState.CLOSED and not row.recent and not row.opened_at
    )


def shut(session: Session, connection_id: int, now: datetime, key_id: int | None) -> bool:
    """Send nothing more until the key changes or a test passes; whether this is news. That a key
    was refused which is replaced by now says nothing of the new one.
    """
    row = locked(session, connection_id)
    in_use = session.scalar(select(Connection.key_id).where(Connection.id == connection_id))
    news = in_use == key_id and (row.breaker != BreakerState.OPEN or row.open_until is not None)
    if news:
        row.breaker, row.open_until, row.opened_at = BreakerState.OPEN, None, now
        _tell(session, connection_id, now, "connection.refused", _refused_its_key)
    return news


def _refused_its_key(name: str) -> str:
    return f"{name} does not accept the API key. What is ready waits for a new one."


def hold_back(session: Session, connection_id: int, now: datetime) -> None:
    """Nothing goes out until a test passes, as when the key is refused; nobody has to be told."""
    row = locked(session, connection_id)
    row.breaker, row.open_until, row.opened_at = BreakerState.OPEN, None, now


def let_begin(session: Session, connection_id: int) -> None:
    """The test that was waited for has passed: calls may be made; nobody has to be told."""
    row = locked(session, connection_id)
    row.breaker, row.open_until, row.opened_at = BreakerState.CLOSED, None, None


def keep_key(session: Session, connection_id: int) -> None:
    """Let nobody give another key until this is committed: who does so frees what was refused, and
    has to see it. Comes before the locks of records, as giving a key does.
    """
    key = select(Connection.key_id).where(Connection.id == connection_id)
    session.execute(key.with_for_update(read=True))


def test_soon(session: Session, connection_id: int, now: datetime) -> None:
    """A call was told what a test would find: the connection is tested at once, where the last look
    is older than a minute.
    """
    session.execute(_TEST_SOON, {"connection": connection_id, "now": now, "since": now - MINUTE})


def note_clock(session: Session, connection_id: int, ahead: int, now: datetime) -> None:
    """By how many seconds its clock is ahead of ours, as a test has just heard."""
    row = locked(session, connection_id)
    row.clock_ahead, row.clock_at = ahead, now


def close(session: Session, connection_id: int, now: datetime) -> None:
    """It is back: calls may be made again."""
    row = locked(session, connection_id)
    if row.breaker != BreakerState.CLOSED or row.opened_at is not None:
        _tell(session, connection_id, now, "connection.back", _is_back)
    row.breaker, row.open_until, row.opened_at = BreakerState.CLOSED, None, None
    row.failures, row.recent = 0, ""


def _is_back(name: str) -> str:
    return f"{name} answers again. What waited is sent automatically."


def locked(session: Session, connection_id: int) -> Throttle:
    """The row of a connection, under our lock; made where it is missing."""
    row = session.scalars(_LOCKED, {"connection": connection_id}).one_or_none()
    if row is None:
        row = Throttle(connection_id=connection_id)
        session.add(row)
        session.flush()
    if _NOTED in session.info:
        note(session, connection_id, row)
    return row


def body_of(found: Found) -> dict[str, Any]:
    """A reading as it is kept: what differs, in what words, by whom, and what the target said."""
    return {
        "found": found.kind,
        "void": found.void,
        "differs": [[one.line, one.field, one.value] for one in found.differs],
        "words": found.words,
        "by": found.changed_by,
        "ref": found.target_ref,
        "proof": found.proof.decode("utf-8", "replace")[:PROOF_CAP],
    }


def digest(body: Mapping[str, Any]) -> str:
    """What makes a reading news; the rest of the answer may change every day."""
    return sha256_hex(dumps({name: body[name] for name in _NEWS}))


def covers(body: Mapping[str, Any], found: Found) -> bool:
    """Whether a kept reading knows all that a later look saw."""
    known = {tuple(one) for one in body["differs"]}
    there = {(one.line, one.field, one.value) for one in found.differs}
    return body["found"] == found.kind and body["void"] == found.void and there <= known


def edits(route: str, seq: int, body: Mapping[str, Any] | None) -> tuple[TargetEdit, ...]:
    """The reading as facts: each field that somebody changed there, or what became of the whole."""
    if body is None or body["found"] == "equal":
        return ()
    if body["found"] == "absent":
        return (TargetEdit(route, seq, None, WHOLE, NOTHING),)
    if body["void"]:
        return (TargetEdit(route, seq, None, WHOLE, VOID),)
    found = [
        TargetEdit(route, seq, line or None, field or LINES, value)
        for line, field, value in body["differs"]
    ]
    return tuple(found) or (TargetEdit(route, seq, None, WHOLE, body["words"]),)


BARRED = and_(Throttle.breaker != BreakerState.CLOSED, ~_time_to_ask(NOW, moment("asked_by")))
"""Of a throttle: nobody may call now, not even to ask."""
