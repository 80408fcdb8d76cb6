"""Start runs that send the postings of a date range, and count their documents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Result, func, select, update
from sqlalchemy.orm import Session

from holding.access import operations
from holding.access.actors import Actor, may
from holding.db import bulk
from holding.db.bulk import whole_sum
from holding.db.models import Company, Connection, Posting, Record, Run
from holding.db.models.columns import RunState
from holding.db.refusal import Refusal, Sums, by_key, of_posting, plural
from holding.platform.events import Fact, record_event, record_events
from holding.platform.states import move_postings, refresh_record_states
from holding.runs.range_preview import SyncPreview, preview
from rules.decisions.verdict import READY
from rules.values.canonical import PostingState


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
    current = preview(session, company_id, connection_id, doc_type, first, last, now)
    blocks = () if current.will_send.count else current.blocks.values()
    refusal = may(actor, "run.operate") or next(iter(blocks), None)
    refusal = refusal or _changed(current, expected_count, expected_total)
    if refusal:
        return refusal
    days = (first, last)
    return tuple(
        _start(session, actor, connection, each, current, days, now) for each in current.ready
    )


def _changed(seen: SyncPreview, count: int, total: int) -> Refusal | None:
    if (seen.will_send.count, seen.will_send.figure) != (count, total):
        words = (
            f"It would send {plural(seen.will_send.count, 'document')} now, not {count} as shown."
        )
        if seen.will_send.count == count:
            words = "The number of documents is unchanged, but their total changed."
        return Refusal("sync.changed", words, "Look at the new preview, then start again.")
    if not seen.will_send.count:
        why = " ".join(reason.why for reason in seen.waits[:1]) if seen.ready_count else ""
        return Refusal(
            "sync.nothing", "No documents in this date range can be sent now.", why, status=422
        )
    return None


def _start(
    session: Session,
    actor: Actor,
    connection: Connection,
    doc_type: str,
    seen: SyncPreview,
    days: tuple[date, date],
    now: datetime,
) -> int:
    """Add the run of these documents and record its event.

    The run starts when no release of a document can be undone any more. Documents of a daily route
    have no due time of their own; those whose hour is still to come are ready from now on.
    """
    home_currency = session.get_one(Company, connection.company_id).currency
    ids = seen.ready[doc_type]
    _bring_forward(session, actor, ids, now)
    run = add_run(session, connection, "manual", doc_type, ids, now)
    run.person_id, run.due_at = actor.person_id, max(now, _last_undo(session, ids) or now)
    first, last = days
    run.filter = {
        **(run.filter or {}),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "money": {code or home_currency: n for code, n in seen.money[doc_type].items()},
    }
    count_text = plural(len(ids), "document")
    log_run_start(
        session, run, actor, now, f"{actor.name} started a sync of {first} to {last}: {count_text}."
    )
    return run.id


def _bring_forward(session: Session, actor: Actor, ids: Sequence[int], now: datetime) -> None:
    """Make documents ready that wait only for their daily hour, and log it for each.

    A document that is evaluated again before it is sent waits for its hour again: its content may
    be another.
    """
    query = select(Posting).where(
        bulk.among(Posting.id, ids), Posting.state == PostingState.WAITING
    )
    early = session.scalars(query.with_for_update(key_share=True)).all()
    early_ids = {one.id for one in early}
    moved = move_postings(session, early, to={PostingState.WAITING: PostingState.READY}, due={})
    if moved != early_ids:
        message = f"postings {sorted(early_ids - moved)} moved under our lock"
        raise RuntimeError(message)
    ready = update(Posting).where(bulk.among(Posting.id, early_ids))
    ready = ready.values(waits=None, reason=READY)
    session.execute(ready.execution_options(synchronize_session=False))
    refresh_record_states(session, {one.record_id for one in early})
    record_events(session, [_early_event(actor, one, now) for one in early])


def _early_event(actor: Actor, posting: Posting, now: datetime) -> Fact:
    say = f"{actor.name} had {posting.number} sent before its daily run ({posting.reason})."
    return Fact(
        company_id=posting.company_id,
        at=now,
        act="posting.early",
        body={"say": say},
        actor=actor,
        record_id=posting.record_id,
        posting_id=posting.id,
    )


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
