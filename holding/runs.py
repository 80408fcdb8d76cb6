"""Batches that people or the clock ask for.

Here: the preview of a date range, starting it, the daily runs. Not here: sending them
(holding/pushing/batch.py), how the last one went (holding/pill.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.events import record_event
from holding.models import Company, Connection, Posting, Run
from holding.pill import UNDER_WAY, last_run
from holding.refusal import Refusal
from holding.roles import SYSTEM, Actor, may
from holding.words import plural
from holding.worlds import program

IN_FLIGHT = ("sending", "awaiting", "uncertain")


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many documents, and their money in minor units of the books."""

    count: int = 0
    amount: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPreview:
    """What a date range would do now; `postings` are those it would send."""

    will_send: Bucket
    already_posted: Bucket
    held: Bucket
    waiting: Bucket
    in_flight: Bucket
    postings: tuple[int, ...]


def preview(
    session: Session, company_id: int, connection_id: int, doc_type: str, first: date, last: date
) -> SyncPreview:
    """What is there of a range of document dates, by what would become of it."""
    rows = session.execute(
        select(Posting.id, Posting.state, Posting.book)
        .where(Posting.company_id == company_id, Posting.connection_id == connection_id)
        .where(Posting.doc_type == doc_type, Posting.doc_date.between(first, last))
        .order_by(Posting.id)
    )
    found = [(key, state, book or 0) for key, state, book in rows]
    return SyncPreview(
        will_send=_bucket(found, ("ready",)),
        already_posted=_bucket(found, ("posted", "reversed")),
        held=_bucket(found, ("held", "failed")),
        waiting=_bucket(found, ("waiting",)),
        in_flight=_bucket(found, IN_FLIGHT),
        postings=tuple(key for key, state, _ in found if state == "ready"),
    )


def sync(
    session: Session,
    actor: Actor,
    *,
    company_id: int,
    connection_id: int,
    doc_type: str,
    first: date,
    last: date,
    expected_count: int,
    expected_total: int,
    now: datetime,
) -> Run | Refusal:
    """Send what is ready in a range, if it is still what the person was shown."""
    connection = session.get(Connection, connection_id)
    if connection is None or connection.company_id != company_id:
        return Refusal("connection.unknown", "There is no such connection.", status=404)
    seen = preview(session, company_id, connection_id, doc_type, first, last)
    refusal = (
        may(actor, "run.operate")
        or _not_now(session, connection, doc_type)
        or _changed(seen, expected_count, expected_total)
    )
    if refusal:
        return refusal
    run = _add_run(session, connection, "manual", doc_type, seen.postings, now)
    run.person_id = actor.person_id
    run.filter = {
        **(run.filter or {}),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "amount": seen.will_send.amount,
    }
    sent = plural(seen.will_send.count, "document")
    say = f"{actor.name} started a sync of {first} to {last}: {sent}."
    _tell(session, run, actor, now, say)
    return run


def start_daily_runs(session: Session, now: datetime) -> tuple[int, ...]:
    """Start what is due of the daily routes, each once a day; the companies with work."""
    started = []
    ruled = select(Company).where(Company.ruleset_version_id.is_not(None))
    for company in session.scalars(ruled.order_by(Company.id)).all():
        for route, at, zone in _daily_routes(session, company):
            local = now.astimezone(ZoneInfo(zone))
            connection = _connection(session, company.id, route.partition(".")[0])
            if connection is None or local.time() < at:
                continue
            if _start_daily(session, connection, route, local.date(), now):
                started.append(company.id)
    return tuple(dict.fromkeys(started))


def _bucket(found: Iterable[tuple[int, str, int]], states: tuple[str, ...]) -> Bucket:
    books = [book for _, state, book in found if state in states]
    return Bucket(len(books), sum(books))


def _not_now(session: Session, connection: Connection, doc_type: str) -> Refusal | None:
    if connection.paused_at is not None:
        words = f"{connection.name} is paused: {connection.pause_reason or 'no reason given'}"
        return Refusal("sync.paused", words, "Resume it first.")
    last = last_run(session, connection.id, doc_type)
    if last is not None and last.kind != "immediate" and last.state in UNDER_WAY:
        return Refusal("sync.running", "A sync is under way.", "Wait until it has ended.")
    return None


def _changed(seen: SyncPreview, count: int, total: int) -> Refusal | None:
    if (seen.will_send.count, seen.will_send.amount) != (count, total):
        words = (
            f"It would send {plural(seen.will_send.count, 'document')} now, not {count} as shown."
        )
        if seen.will_send.count == count:
            words = "The documents are as many as shown, but their sum is another."
        return Refusal("sync.changed", words, "Look at the new preview, then start again.")
    if not seen.will_send.count:
        return Refusal("sync.nothing", "Nothing in these dates is ready to be sent.", status=422)
    return None


def _add_run(
    session: Session,
    connection: Connection,
    kind: str,
    doc_type: str,
    postings: Iterable[int],
    now: datetime,
    *,
    route: str | None = None,
    day: date | None = None,
) -> Run:
    ids = list(postings)
    run = Run(
        company_id=connection.company_id,
        kind=kind,
        connection_id=connection.id,
        route=route,
        doc_type=doc_type,
        day=day,
        filter={"postings": ids},
        state="due" if ids else "done",
        total=len(ids),
        counts={},
        made_at=now,
        ended_at=None if ids else now,
        due_at=now if ids else None,
    )
    session.add(run)
    session.flush()
    return run


def _daily_routes(session: Session, company: Company) -> list[tuple[str, time, str]]:
    judge = program(session, company.ruleset_version_id or 0)
    zones = {source.name: source.zone for source in judge.ruleset.sources}
    return [
        (route.name, route.at, zones.get(route.source, company.zone))
        for route in judge.routes
        if route.timing == "daily" and route.at is not None
    ]


def _start_daily(
    session: Session, connection: Connection, route: str, day: date, now: datetime
) -> bool:
    """The run of this day, made once; all that is ready goes into it."""
    known = select(Run.id).where(
        Run.company_id == connection.company_id, Run.route == route, Run.day == day
    )
    if session.scalar(known.where(Run.kind == "daily")) is not None:
        return False
    ready = session.scalars(
        select(Posting.id)
        .where(Posting.connection_id == connection.id, Posting.route == route)
        .where(Posting.state == "ready", Posting.due_at.is_(None), Posting.lease_until.is_(None))
        .order_by(Posting.id)
    ).all()
    doc_type = route.partition(".")[2]
    try:
        with session.begin_nested():
            run = _add_run(session, connection, "daily", doc_type, ready, now, route=route, day=day)
    except IntegrityError:
        return False
    _tell(
        session, run, SYSTEM, now, f"The daily run of {route} has {plural(len(ready), 'document')}."
    )
    return bool(ready)


def _connection(session: Session, company_id: int, connector: str) -> Connection | None:
    query = select(Connection).where(
        Connection.company_id == company_id,
        Connection.connector == connector,
        Connection.side == "target",
    )
    return session.scalars(query.order_by(Connection.id).limit(1)).one_or_none()


def _tell(session: Session, run: Run, actor: Actor, now: datetime, say: str) -> None:
    record_event(
        session,
        company_id=run.company_id,
        at=now,
        actor=actor,
        act="run.started",
        object=f"run:{run.id}",
        body={"say": say, "run": run.id},
    )
