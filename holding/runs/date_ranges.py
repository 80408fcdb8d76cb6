"""Preview and start runs that send the postings of a date range, and count their documents."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Result, func, select
from sqlalchemy.orm import Session

from holding.access import operations
from holding.access.actors import Actor, may
from holding.db import bulk
from holding.db.bulk import whole_sum
from holding.db.models import Company, Connection, Posting, Record, Run
from holding.db.models.columns import RunState
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal, Sums, by_key, check_figure, of_posting, plural
from holding.platform.events import record_event
from holding.runs.status import UNDER_WAY, last_run, stopped_routes
from rules.values.canonical import PostingState

_Row = tuple[int, str, tuple[str, int | None]]  # id, state, currency and amount of a posting

_Ready = tuple[int, str, int | None]  # id, currency and amount


@dataclass(frozen=True, slots=True)
class Bucket:
    """A number of documents and their amounts."""

    count: int
    money: Sums

    @property
    def figure(self) -> int:
        """Return a number that differs when the amounts differ. It is never shown."""
        return check_figure(self.money)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPreview:
    """What a date range would send now. `ready` are the documents to send, by document type."""

    will_send: Bucket
    already_posted: Bucket
    held: Bucket
    waiting: Bucket
    in_flight: Bucket
    ready: Mapping[str, tuple[_Ready, ...]]


def preview(
    session: Session, company_id: int, connection_id: int, doc_type: str, first: date, last: date
) -> SyncPreview:
    """Return the documents of a date range by their state; an empty `doc_type` means all types."""
    query = (
        select(Posting.id, Posting.state, Posting.doc_type, *of_posting())
        .where(Posting.company_id == company_id, Posting.connection_id == connection_id)
        .where(Posting.doc_date.between(first, last))
        .order_by(Posting.id)
    )
    rows = session.execute(query.where(Posting.doc_type == doc_type) if doc_type else query).all()
    states = [(row.id, row.state, (row.currency, row.minor)) for row in rows]
    ready = defaultdict[str, list[_Ready]](list)
    for row in rows:
        if row.state == PostingState.READY:
            ready[row.doc_type].append((row.id, row.currency, row.minor))
    return SyncPreview(
        will_send=_bucket(states, ("ready",)),
        already_posted=_bucket(states, ("posted", "reversed")),
        held=_bucket(states, ("held", "failed")),
        waiting=_bucket(states, ("waiting",)),
        in_flight=_bucket(states, IN_FLIGHT_STATES),
        ready={of: tuple(ready[of]) for of in sorted(ready)},
    )


def _bucket(found: Sequence[_Row], states: tuple[str, ...]) -> Bucket:
    amounts = [amount for _, state, amount in found if state in states]
    money = by_key((None, currency, minor) for currency, minor in amounts)
    return Bucket(len(amounts), money.get(None, {}))


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
) -> tuple[int, ...] | Refusal:
    """Start runs that send what is ready in a range, if it still matches what the person saw.

    Return one run for each document type.
    """
    connection = session.get(  # one start after the other
        Connection, connection_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if connection is None or connection.company_id != company_id:
        return Refusal("connection.unknown", "There is no such connection.", status=404)
    current = preview(session, company_id, connection_id, doc_type, first, last)
    refusal = may(actor, "run.operate")
    for each in [doc_type] if doc_type else current.ready:
        refusal = refusal or _not_now(session, connection, each)
    refusal = refusal or _changed(current, expected_count, expected_total)
    if refusal:
        return refusal
    days = (first, last)
    return tuple(
        _start(session, actor, connection, each, ready, days, now)
        for each, ready in current.ready.items()
    )


def _not_now(session: Session, connection: Connection, doc_type: str) -> Refusal | None:
    company = session.get_one(Company, connection.company_id)
    if not company.live:
        words = f"You cannot start a sync, because {company.name} did not go live yet."
        return Refusal("sync.not_live", words, "An administrator finishes the set-up first.")
    if connection.paused_at is not None:
        words = f"{connection.name} is paused: {connection.pause_reason or 'no reason given'}"
        return Refusal("sync.paused", words, "Resume it first.")
    words_of = {f"{word}.{doc_type}" for word in (connection.name, connection.connector)}
    if words_of & stopped_routes(session, connection.company_id):
        words = f"{doc_type.replace('_', ' ')} has stopped: one change moves more than usual."
        return Refusal("sync.stopped", words, "A person has to review it under Stops and resume.")
    last = last_run(session, connection.id, doc_type)
    if last is not None and last.kind != "immediate" and last.state in UNDER_WAY:
        return Refusal(
            "sync.running",
            "You cannot start a sync now, because another one is running.",
            "Wait until it has ended.",
        )
    return None


def _changed(seen: SyncPreview, count: int, total: int) -> Refusal | None:
    if (seen.will_send.count, seen.will_send.figure) != (count, total):
        words = (
            f"It would send {plural(seen.will_send.count, 'document')} now, not {count} as shown."
        )
        if seen.will_send.count == count:
            words = "The number of documents is unchanged, but their total changed."
        return Refusal("sync.changed", words, "Look at the new preview, then start again.")
    if not seen.will_send.count:
        return Refusal(
            "sync.nothing", "No documents in this date range are ready to send.", status=422
        )
    return None


def _start(
    session: Session,
    actor: Actor,
    connection: Connection,
    doc_type: str,
    ready: Sequence[_Ready],
    days: tuple[date, date],
    now: datetime,
) -> int:
    """Add the run of these documents and record its event.

    The run starts when no release of a document can be undone any more. Documents of a daily route
    have no due time of their own.
    """
    home_currency = session.get_one(Company, connection.company_id).currency
    ids = [key for key, _, _ in ready]
    run = add_run(session, connection, "manual", doc_type, ids, now)
    run.person_id, run.due_at = actor.person_id, max(now, _last_undo(session, ids) or now)
    first, last = days
    money = by_key((None, currency, minor) for _, currency, minor in ready).get(None, {})
    run.filter = {
        **(run.filter or {}),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "money": {code or home_currency: n for code, n in money.items()},
    }
    count_text = plural(len(ready), "document")
    log_run_start(
        session, run, actor, now, f"{actor.name} started a sync of {first} to {last}: {count_text}."
    )
    return run.id


def _last_undo(session: Session, ids: Sequence[int]) -> datetime | None:
    """Return until when a release of these documents can be undone, or None."""
    records = session.scalars(select(Posting.record_id).where(bulk.among(Posting.id, ids)))
    return max(operations.until(session, set(records)).values(), default=None)


def add_run(
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
    """Add a run of these postings; a run without postings is done at once."""
    ids = list(postings)
    run = Run(
        company_id=connection.company_id,
        kind=kind,
        connection_id=connection.id,
        route=route,
        doc_type=doc_type,
        day=day,
        filter={"postings": ids},
        state=RunState.DUE if ids else RunState.DONE,
        total=len(ids),
        counts={},
        made_at=now,
        ended_at=None if ids else now,
        due_at=now if ids else None,
    )
    session.add(run)
    session.flush()
    return run


def log_run_start(session: Session, run: Run, actor: Actor, now: datetime, say: str) -> None:
    """Record the event of a run's start."""
    record_event(
        session,
        company_id=run.company_id,
        at=now,
        actor=actor,
        act="run.started",
        object=f"run:{run.id}",
        body={"say": say, "run": run.id},
    )


@dataclass(frozen=True, slots=True)
class KindCount:
    """The number and amounts of a kind of record or document type.

    The amounts are empty if no rules define the kind.
    """

    kind: str
    count: int
    money: Sums


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """What is in a date range: the company's records and the documents for one target.

    `undated` are records without a document date, by the day of their arrival.
    """

    records: tuple[KindCount, ...]
    undated: tuple[KindCount, ...]
    documents: tuple[KindCount, ...]


def range_counts(
    session: Session, company_id: int, zone: ZoneInfo, connection_id: int, days: tuple[date, date]
) -> RangeCounts:
    """Return the records of the company and the documents for this target in the range, in any
    state.
    """
    first, last = days
    arrived = Record.seen_at >= _midnight(first, zone)
    arrived &= Record.seen_at < _midnight(last + timedelta(days=1), zone)
    of_kind = (
        select(
            Record.type.label("kind"),
            Record.currency.label("currency"),
            func.count().label("how_many"),
            whole_sum(Record.amount).label("minor"),
        )
        .where(Record.company_id == company_id)
        .group_by(Record.type, Record.currency)
    )
    dated = session.execute(of_kind.where(Record.doc_date.between(first, last)))
    undated = session.execute(of_kind.where(Record.doc_date.is_(None), arrived))
    single = (
        select(Posting.doc_type, *of_posting())
        .where(Posting.company_id == company_id, Posting.connection_id == connection_id)
        .where(Posting.doc_date.between(first, last))
        .subquery()
    )
    of_type = select(
        single.c.doc_type.label("kind"),
        single.c.currency.label("currency"),
        func.count().label("how_many"),
        whole_sum(single.c.minor).label("minor"),
    ).group_by(single.c.doc_type, single.c.currency)
    return RangeCounts(
        records=_by_kind(dated),
        undated=_by_kind(undated),
        documents=_by_kind(session.execute(of_type)),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _by_kind(result: Result[str, str, int, int | None]) -> tuple[KindCount, ...]:
    rows = list(result)
    money = by_key((row.kind, row.currency, row.minor) for row in rows)
    return tuple(
        KindCount(kind, sum(row.how_many for row in rows if row.kind == kind), money.get(kind, {}))
        for kind in sorted({row.kind for row in rows})
    )
