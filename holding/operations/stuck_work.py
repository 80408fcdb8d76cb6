"""Find work leased by lost workers, requeue it, and request a worker to stop."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, text, update
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.kept_plans import KEPT
from holding.db.models import Connection, Heartbeat, Posting, Record, Run
from holding.db.models.columns import LEASED, table_of
from holding.db.refusal import Refusal
from holding.platform import processes
from holding.platform.events import record_event
from holding.platform.processes import AHEAD

MOST: Final = 50

Leased = type[Record | Posting | Run]


class Kind(StrEnum):
    """The kind of a stuck item."""

    RECORD = "record"
    DOCUMENT = "document"
    RUN = "run"


TABLES: Final[dict[Kind, Leased]] = {
    Kind.RECORD: Record,
    Kind.DOCUMENT: Posting,
    Kind.RUN: Run,
}

ACT: Final = "run.operate"

REASON: Final = (3, 500)

ONLY: Final = Refusal(
    code="drain.only",
    message="You cannot drain this worker, because it is the only one that takes work.",
    hint="Start another one first, or end it on its machine.",
    status=409,
)


@dataclass(frozen=True, slots=True)
class Stuck:
    """A stuck item.

    `fence` is its fence when the page was loaded. `seen_at`: the last heartbeat of its worker, None
    without any. `crashes`: how many workers ended while working on it.
    """

    kind: Kind
    id: int
    label: str
    worker: str
    fence: int
    crashes: int
    lease_until: datetime
    seen_at: datetime | None
    record_id: int | None
    source: str
    record_kind: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Requeued:
    """The requeued items, and the sentence for the audit trail."""

    kind: Kind
    id: int
    say: str


def list_stuck(session: Session, company_id: int, now: datetime) -> tuple[Stuck, ...]:
    """Return the first items of each kind whose worker is lost, the longest first."""
    items = [item for kind in Kind for item in _list_of_kind(session, kind, company_id, now)]
    return tuple(sorted(items, key=lambda item: (item.lease_until, item.kind, item.id)))


def _list_of_kind(
    session: Session, kind: Kind, company_id: int, now: datetime, item_id: int | None = None
) -> list[Stuck]:
    table = TABLES[kind]
    query = (
        _SELECTS[kind]()
        .outerjoin(Heartbeat, Heartbeat.owner == table.lease_owner)
        .where(table.company_id + 0 == company_id)  # by no index of it: few are leased
        .where(text(f"{table.__tablename__}.{LEASED}"))
        .where(_gone(table.lease_until, now))
        .order_by(table.lease_until, table.id)
        .limit(MOST)
    )
    if item_id is not None:
        query = query.where(table.id == item_id)
    rows = session.execute(query, execution_options=KEPT)
    return [
        Stuck(
            kind=kind,
            id=row.id,
            label=row.label or f"run {row.id}",
            worker=row.lease_owner or "",
            fence=row.fence,
            crashes=row.crashes,
            lease_until=row.lease_until,
            seen_at=row.seen_at,
            record_id=row.record_id,
            source=row.source,
            record_kind=row.record_kind,
            external_id=row.external_id,
        )
        for row in rows
    ]


def _gone(until: Any, now: datetime) -> ColumnElement[bool]:
    """Return the condition for an expired lease, or a worker that ended or is silent.

    Without any sign of life of the worker only the lease counts.
    """
    silent = or_(
        Heartbeat.left_at.is_not(None), Heartbeat.next_by <= now, Heartbeat.seen_at > now + AHEAD
    )
    return or_(until <= now, and_(Heartbeat.owner.is_not(None), silent))


def requeue(
    session: Session, actor: Actor, kind: Kind, item_id: int, fence: int, now: datetime
) -> Requeued | Refusal:
    """Give one item back to the queue: it is due at once, and the crash is counted.

    Refused where the actor may not (403), and where it is not stuck any more, or in other hands
    than those that were looked at (409).
    """
    refused = may(actor, ACT)
    if refused:
        return refused
    company_id = actor.company_id or 0
    item = next(iter(_list_of_kind(session, kind, company_id, now, item_id)), None)
    if item is None or item.fence != fence or not _free(session, item, company_id, now):
        words = f"This {kind} is not stuck any more; nothing was changed."
        return Refusal("work.moved", words, "Load the page again.", 409)
    reason = f"its worker {item.worker} is gone"
    say = f"{actor.name} put {item.label} back into the queue: {reason}."
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="work.requeued",
        body={"say": say, "worker": item.worker, "fence": item.fence},
        record_id=item.record_id,
        posting_id=item.id if kind is Kind.DOCUMENT else None,
        object=f"run:{item.id}" if kind is Kind.RUN else None,
    )
    return Requeued(kind, item.id, say)


def _free(session: Session, item: Stuck, company_id: int, now: datetime) -> bool:
    table = table_of(TABLES[item.kind])
    done = session.execute(
        update(table)
        .where(table.c.id == item.id, table.c.company_id == company_id)
        .where(table.c.fence == item.fence, table.c.lease_owner == item.worker)
        .where(table.c.lease_until.is_not(None))
        .values(
            due_at=func.coalesce(table.c.due_at, literal(now, table.c.due_at.type)),
            lease_owner=None,
            lease_until=None,
            fence=table.c.fence + 1,
            crashes=table.c.crashes + 1,
        )
        .returning(table.c.id)
    )
    return done.first() is not None


def drain(session: Session, actor: Actor, owner: str, reason: str, now: datetime) -> Refusal | None:
    """Request a worker to stop once it has finished its current work.

    A worker serves every company of the installation, so the last worker without such a request is
    refused (409): one company cannot end all work.
    """
    why = " ".join(reason.split())
    if refused := may(actor, ACT):
        return refused
    if not REASON[0] <= len(why) <= REASON[1]:
        return Refusal("drain.reason", "Enter why, in a sentence.", "", 422)
    going = (*processes.is_running(now), or_(Heartbeat.stop_asked_at.is_(None), ~processes.ASKED))
    # All under our lock: of two people who ask the last two workers at once the second is refused.
    query = select(Heartbeat).where(*going).order_by(Heartbeat.owner).with_for_update()
    working = {row.owner: row for row in session.scalars(query)}
    if owner not in working:
        words = f"Worker {owner} does not take work any more."
        return Refusal("drain.over", words, "Load the page again.", 409)
    if len(working) == 1:
        return ONLY
    working[owner].stop_asked_at = now
    say = f"{actor.name} asked worker {owner} to finish what it has and to stop: {why}"
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="work.drained",
        body={"say": say, "worker": owner, "reason": why},
    )
    return None


def _work(table: Leased) -> tuple[Any, ...]:
    return (
        table.id,
        table.lease_owner,
        table.fence,
        table.crashes,
        table.lease_until,
        Heartbeat.seen_at,
    )


def _of_record(label: Any) -> tuple[Any, ...]:
    return (
        label.label("label"),
        Record.id.label("record_id"),
        Connection.name.label("source"),
        Record.type.label("record_kind"),
        Record.external_id.label("external_id"),
    )


def _records() -> Select[Any]:
    query = select(*_work(Record), *_of_record(Record.number)).select_from(Record)
    return query.join(Connection, Connection.id == Record.source_id)


def _documents() -> Select[Any]:
    query = select(*_work(Posting), *_of_record(Posting.number)).select_from(Posting)
    query = query.join(Record, Record.id == Posting.record_id)
    return query.join(Connection, Connection.id == Record.source_id)


def _runs() -> Select[Any]:
    none = literal("")
    return select(
        *_work(Run),
        none.label("label"),
        literal(None, Record.id.type).label("record_id"),
        none.label("source"),
        none.label("record_kind"),
        none.label("external_id"),
    ).select_from(Run)


_SELECTS: Final = {Kind.RECORD: _records, Kind.DOCUMENT: _documents, Kind.RUN: _runs}
