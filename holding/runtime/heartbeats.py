"""Which workers run: each says so in the database, so that nobody has to ask its machine.

Here: a sign of life, its end, and what the signs say together. Not here: when a worker gives one
(workers/pulse.py), what waits while none runs (holding/workload/idle_work.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Label, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from holding.runtime.machine import Room
from holding.store import bulk
from holding.store.row_objects import Columns, of
from holding.tables import Heartbeat
from holding.tables.columns import Moment

KEPT: Final = timedelta(days=1)
UNKNOWN: Final = Room()
AHEAD: Final = timedelta(seconds=5)
"""A sign of life this far ahead of the clock is still of now; a later one was left behind by a
clock that was set back, and proves nothing.
"""


@dataclass(frozen=True, slots=True)
class Workers:
    """What the signs of life say: how many workers run, and when any was seen last."""

    running: int
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Silent:
    """A worker that did not end in order and gives no sign of life any more."""

    owner: str
    seen_at: datetime


_SILENT = Columns(Silent(owner=of(Heartbeat.owner), seen_at=of(Heartbeat.seen_at)))


def beat(
    session: Session,
    owner: str,
    *,
    started_at: datetime,
    now: datetime,
    next_by: datetime,
    room: Room = UNKNOWN,
) -> None:
    """Note that this worker works; it says until when its silence means nothing, and what room its
    machine has left.
    """
    said: dict[str, object] = {
        "seen_at": now,
        "next_by": next_by,
        "started_at": started_at,
        "left_at": None,
    }
    said |= {"memory_bytes": room.memory, "disk_free_bytes": room.disk}
    mine = update(Heartbeat).where(Heartbeat.owner == owner)
    if not session.execute(mine.values(said)).rowcount:  # type: ignore[attr-defined]
        bulk.insert(session, Heartbeat, [{"owner": owner, **said}], ignore=True)


def asked_to_stop(session: Session, owner: str) -> bool:
    """Whether a person asked this worker to stop since it started."""
    query = select(Heartbeat.owner).where(Heartbeat.owner == owner, ASKED)
    return session.scalar(query) is not None


def leave(session: Session, owner: str, now: datetime) -> None:
    """Note that this worker ends in order."""
    session.execute(
        update(Heartbeat).where(Heartbeat.owner == owner).values(left_at=now, seen_at=now)
    )


def workers(session: Session, now: datetime) -> Workers:
    """Whether anybody works now."""
    return read(session.execute(select(*signs()), moments(now)).one(), now)


_BEATS: Final = bindparam("beats_now", type_=Moment)
_SOON: Final = bindparam("beats_soon", type_=Moment)


def moments(now: datetime) -> dict[str, Any]:
    """What a statement with `signs` is given."""
    return {_BEATS.key: now, _SOON.key: now + AHEAD}


def signs() -> tuple[Label[Any], ...]:
    """What `read` reads, as columns of any statement; their moments are named."""
    count = select(func.count()).select_from(Heartbeat).where(*_alive(_BEATS, _SOON))
    newest = select(func.max(Heartbeat.seen_at))
    return (
        count.scalar_subquery().label("workers_running"),
        newest.scalar_subquery().label("worker_seen_at"),
    )


def read(row: Any, now: datetime) -> Workers:
    """The workers of a row with `signs`; a moment that has not come counts as now."""
    seen: datetime | None = row.worker_seen_at
    return Workers(row.workers_running, min(seen, now) if seen else None)


def silent(session: Session, now: datetime) -> Sequence[Silent]:
    """Workers of the last day that died or hang, the latest first."""
    query = _SILENT.select().where(
        Heartbeat.left_at.is_(None),
        or_(Heartbeat.next_by <= now, Heartbeat.seen_at > now + AHEAD),
        Heartbeat.seen_at > now - KEPT,
    )
    return _SILENT.each(session.execute(query.order_by(Heartbeat.seen_at.desc())))


def forget_old(session: Session, now: datetime) -> None:
    """Delete old signs of life; the newest stays, for it says since when nobody works."""
    newest = select(func.max(Heartbeat.seen_at)).scalar_subquery()
    session.execute(
        delete(Heartbeat)
        .where(Heartbeat.seen_at < now - KEPT, Heartbeat.seen_at < newest)
        .execution_options(synchronize_session=False)
    )


ASKED: Final = Heartbeat.stop_asked_at >= Heartbeat.started_at


def running(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Of the workers that work now."""
    return _alive(now, now + AHEAD)


def _alive(now: Any, soon: Any) -> tuple[ColumnElement[bool], ...]:
    return Heartbeat.left_at.is_(None), Heartbeat.next_by > now, Heartbeat.seen_at <= soon
