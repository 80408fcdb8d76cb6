"""Delete old raw bodies of deliveries, calls and uploads that no proof needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import (
    Attempt,
    Company,
    Connection,
    Delivery,
    Push,
    Record,
    Request,
    Upload,
    Version,
)
from holding.db.models.columns import NOW, AttemptState, RecordState, among_words, moment, table_of
from holding.db.models.records import FINAL_STATES
from holding.db.refusal import plural
from holding.platform.events import record_event

PRUNING_BATCH: Final = 500  # rows in one transaction: others write, too

YEARS: Final = 7

ENDED: Final = (*FINAL_STATES, RecordState.REFERENCE)

REPLACED_CALLS_BATCH = 100  # bodies in one transaction: others write, too

_REQUEST, _ATTEMPT, _PUSH = table_of(Request), table_of(Attempt), table_of(Push)

_MINE = _ATTEMPT.c.request_id == _REQUEST.c.id

_SPLIT = exists().where(_MINE, _ATTEMPT.c.state == AttemptState.SPLIT)

_LATELY = exists().where(
    _MINE,
    _PUSH.c.id == _ATTEMPT.c.push_id,
    or_(_PUSH.c.closed_at.is_(None), _PUSH.c.closed_at > moment("long_ago")),
)

_FOLLOWER = _REQUEST.alias("follower")

_FOLLOWED = select(_FOLLOWER.c.parent_id).where(text("follower.parent_id IS NOT NULL"))

_REMOVE = (
    update(_REQUEST)
    .where(
        _REQUEST.c.id.in_(
            select(_REQUEST.c.id)
            .where(_REQUEST.c.id.in_(_FOLLOWED), _REQUEST.c.body.is_not(None), _SPLIT, ~_LATELY)
            .order_by(_REQUEST.c.id)
            .limit(REPLACED_CALLS_BATCH)
        )
    )
    .values(body=None, body_removed_at=NOW)
    .returning(_REQUEST.c.id)
)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many raw deliveries, calls and uploads of one company lost their bytes, or would."""

    company: str
    deliveries: int
    calls: int
    uploads: int


def before(now: datetime, years: int) -> datetime:
    """Return the moment a number of years ago; 29 February counts as the 28th."""
    try:
        return now.replace(year=now.year - years)
    except ValueError:
        return now.replace(year=now.year - years, day=28)


def due(session: Session, company_id: int, code: str, cutoff: datetime) -> Pruned:
    """Count what pruning would remove, without a change."""
    return Pruned(
        company=code,
        deliveries=_count(session, _deliveries(company_id, cutoff)),
        calls=_count(session, _calls(company_id, cutoff)),
        uploads=_count(session, _uploads(company_id, cutoff)),
    )


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _deliveries(company_id: int, cutoff: datetime) -> Select[Any]:
    """Return old deliveries with content whose records have all ended."""
    open_record = exists().where(
        Version.delivery_id == Delivery.id,
        Record.id == Version.record_id,
        ~among_words(Record.state, ENDED),
    )
    return select(Delivery.id).where(
        Delivery.company_id == company_id,
        Delivery.received_at < cutoff,
        Delivery.body.is_not(None),
        ~open_record,
    )


def _calls(company_id: int, cutoff: datetime) -> Select[Any]:
    """Return old calls with content whose pushes all ended before the cutoff."""
    lately: ColumnElement[bool] = exists().where(
        Attempt.request_id == Request.id,
        Push.id == Attempt.push_id,
        or_(Push.closed_at.is_(None), Push.closed_at >= cutoff),
    )
    connection_ids = select(Connection.id).where(Connection.company_id == company_id)
    return select(Request.id).where(
        Request.connection_id.in_(connection_ids),
        Request.made_at < cutoff,
        Request.body.is_not(None),
        ~lately,
    )


def _uploads(company_id: int, cutoff: datetime) -> Select[Any]:
    """Return old uploads that have ended; their orders are deliveries of their own."""
    return select(Upload.id).where(
        Upload.company_id == company_id, Upload.ended_at < cutoff, Upload.body.is_not(None)
    )


def prune(database: Database, company_id: int, cutoff: datetime, now: datetime) -> Pruned:
    """Remove the content of everything older than the cutoff, in portions, and record an event."""
    with database.read() as session:
        code = session.get_one(Company, company_id).code
    deliveries = _portions(database, Delivery, _deliveries(company_id, cutoff), {"headers": {}})
    calls = _portions(database, Request, _calls(company_id, cutoff), {"body_removed_at": now})
    uploads = _portions(database, Upload, _uploads(company_id, cutoff), {})
    pruned = Pruned(company=code, deliveries=deliveries, calls=calls, uploads=uploads)
    if deliveries or calls or uploads:
        with database.write() as session:
            _tell(session, company_id, pruned, cutoff, now)
    return pruned


def _portions(
    database: Database, model: type[Any], query: Select[Any], values: dict[str, Any]
) -> int:
    """Take the bytes of these rows, portion by portion; how many they were."""
    table, done = table_of(model), 0
    while True:
        with database.write() as session:
            portion = query.order_by(table.c.id).limit(PRUNING_BATCH)
            row_ids = session.scalars(
                update(table)
                .where(table.c.id.in_(portion))
                .values(body=None, **values)
                .returning(table.c.id)
            ).all()
        done += len(row_ids)
        if len(row_ids) < PRUNING_BATCH:
            return done


def _tell(
    session: Session, company_id: int, pruned: Pruned, cutoff: datetime, now: datetime
) -> None:
    deliveries = plural(pruned.deliveries, "delivery", "deliveries")
    calls, uploads = plural(pruned.calls, "call"), plural(pruned.uploads, "uploaded file")
    say = (
        f"The raw bytes of {deliveries}, {calls} and {uploads} from before {cutoff.date()} were"
        " removed. Hashes, versions and verdicts stay."
    )
    counts = {"calls": pruned.calls, "uploads": pruned.uploads}
    body = {"say": say, "deliveries": pruned.deliveries, **counts}
    record_event(
        session, company_id=company_id, at=now, actor=None, act="history.pruned", body=body
    )


def remove_bodies(database: Database, now: datetime, *, retention: timedelta) -> int:
    """Delete the bodies of refused and replaced calls whose documents all ended longer ago than
    `retention`. Return how many were deleted.
    """
    removed = 0
    while True:
        with database.write() as session:
            portion = _remove(session, now, now - retention)
        removed += portion
        if portion < REPLACED_CALLS_BATCH:
            return removed


def _remove(session: Session, now: datetime, long_ago: datetime) -> int:
    return len(session.scalars(_REMOVE, {"now": now, "long_ago": long_ago}).all())
