"""One worker pass for one company: send ready postings and look up uncertain ones."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.targets import BuildsFromLists
from connectors.transport import strict_json
from connectors.transport.http import Clock, Http
from holding.access import operations
from holding.access.actors import load_keys
from holding.connections import limits
from holding.connections.channel import Channel, Desk, may_call, opened_channel, with_good_key
from holding.connections.master_data import load_listed
from holding.db import bulk
from holding.db.database import Database
from holding.db.leases import SLICE_SECONDS
from holding.db.models import Company, Connection, ConnectionKey, Posting, Run, Throttle
from holding.db.models.columns import (
    DUE,
    NOW,
    BreakerState,
    KeyState,
    RunState,
    among_words,
    is_word,
)
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal
from holding.platform.settings import Settings
from holding.platform.states import READY
from holding.posting import runs as import_rows
from holding.posting import runs as run_counts
from holding.posting import send
from holding.posting.claims import (
    CLAIMED_AT_ONCE,
    LIVE,
    STOPPED,
    Claim,
    claim,
    claim_seen,
    first_due,
    lease_postings,
    release_expired_claims,
    requeue,
    requeue_unscheduled,
    split_by_crashes,
)
from holding.posting.claims import companies_due as companies_to_push
from holding.posting.evidence import Storyteller
from holding.posting.lease_renewal import desk_with_leases
from holding.posting.lookups import look_up_before_send
from holding.posting.prepare import (
    Checked,
    Examined,
    Looked,
    check_claims,
    store_call,
)
from holding.posting.runs import close_left_open
from holding.posting.send import check_items, send_flight
from holding.posting.uncertain import resolve_uncertain
from holding.reconciliation import read_back, settling
from holding.reconciliation.reading_plan import companies_to_read
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive

__all__ = [
    "Pushed",
    "close_left_open",
    "companies_due",
    "open_desk",
    "push_due",
    "release_expired_claims",
]


@dataclass(frozen=True, slots=True)
class Worked:
    """How many postings a step processed.

    `over`: all of the due work is done and caused nothing new, so the remaining plan is still
    valid.
    """

    count: int
    over: bool = False


Turn = Callable[[Desk, Channel], Worked]

_NONE = (None, "[]")

WAITS = timedelta(hours=1)

SWEPT = timedelta(seconds=1)
"""Who is to come back for a document may have died with it: until the sweeper has freed that, there
is nothing to send, however often it is asked.
"""

_DUE_RUN = (
    select(Run)
    .join(Connection, Connection.id == Run.connection_id)
    .where(Run.connection_id == bindparam("connection"), text(DUE), Run.due_at <= NOW)
    .where(Connection.paused_at.is_(None), LIVE)
    .order_by(Run.due_at, Run.id)
    .limit(1)
    .with_for_update(of=Run, skip_locked=True, key_share=True)
)

_WAITS_FOR_UNDO = (
    update(Posting)
    .where(Posting.state == PostingState.READY, Posting.lease_until.is_(None))
    .execution_options(synchronize_session=False)
)

_AT_A_TIME = 50

_CONTENTS = select(Posting.id, Posting.content).where(bulk.among_given(Posting.id, "ids"))


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many postings were processed.

    `more`: time ran out before the work was done. `woke`: an evaluation may be due as a result.
    """

    count: int
    more: bool
    woke: bool


def open_desk(
    database: Database,
    clock: Clock,
    *,
    owner: str,
    settings: Settings | None = None,
    chance: Random | None = None,
) -> Desk | Refusal:
    """Return the tools of one worker, or a refusal without a key file."""
    used_settings = settings or Settings.from_env()
    keys = load_keys(used_settings)
    if isinstance(keys, Refusal):
        return keys
    stories = Storyteller(database)
    seconds = (
        used_settings.answer_seconds / 3
    )  # connecting, and twice the pause that reading allows
    return Desk(
        database=database,
        clock=clock,
        settings=used_settings,
        keys=keys,
        owner=owner,
        chance=chance or Random(owner),  # noqa: S311 - pauses between tries
        http=Http(clock, connect_seconds=min(5.0, seconds), read_seconds=seconds),
        trace=stories,
        forget=stories.forget,
    )


def push_due(
    database: Database,
    clock: Clock,
    *,
    company_id: int,
    owner: str,
    desk: Desk | None = None,
    call_help: Callable[[], object] = lambda: None,
) -> Pushed | Refusal:
    """Process what is due for one company, for a few seconds at most.

    `call_help` runs when more is due than one claim takes, or when a run has another file.
    """
    open_desk_or_refusal = desk or open_desk(database, clock, owner=owner)
    if isinstance(open_desk_or_refusal, Refusal):
        return open_desk_or_refusal
    until = clock.monotonic() + SLICE_SECONDS
    waiting: deque[tuple[Channel, _Plan | None]] = deque(
        (channel, _plan(waits, call_help))
        for channel, waits in due_targets(open_desk_or_refusal, company_id)
    )
    count, woke = 0, False
    while waiting and clock.monotonic() < until:  # by turns: none waits for another's queue
        channel, plan = waiting.popleft()
        plan = plan or _plan(waiting_at(open_desk_or_refusal, channel), call_help)
        worked, left = _turn(open_desk_or_refusal, channel, plan)
        if worked >= CLAIMED_AT_ONCE > count:
            call_help()
        if worked:
            count, woke = count + worked, woke or left is None
            waiting = deque((other, None) for other, _ in waiting)  # this took its time
            if left is None or left.steps:
                waiting.append((channel, left))
    return Pushed(count, more=bool(waiting), woke=woke)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do at a target, in order, and whether it may be called without a probe first."""

    calls: bool
    steps: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is due at a target.

    `ready`: postings to send at once, as JSON for `claim_seen`; empty for none. `calls`: it may be
    called without a probe. `limited`: it has a call limit or requested a pause.
    """

    calls: bool
    limited: bool
    doubts: bool
    runs: bool
    ready: str
    reads: bool


def _plan(waits: Waiting, call_help: Callable[[], object]) -> _Plan:
    runs = partial(_runs, call_help=call_help)
    ready = partial(_ready, seen=waits.ready, limited=waits.limited)
    steps: dict[Turn, bool] = {
        _doubts: waits.doubts,
        runs: waits.runs,
        ready: bool(waits.ready),
        _reads: waits.reads,
    }
    return _Plan(waits.calls, tuple(step for step, there in steps.items() if there))


def _runs(desk: Desk, channel: Channel, *, call_help: Callable[[], object]) -> Worked:
    return Worked(send_next_file(desk, channel, call_help))


def _ready(desk: Desk, channel: Channel, *, seen: str, limited: bool) -> Worked:
    """Send a few immediate postings, one call each, in one run for each document type.

    Where people carry files, each type goes in one file.
    """
    claims, is_complete = _claim_postings(desk, channel, seen, limited=limited)
    if not claims:
        return Worked(0)
    desk = desk_with_leases(desk, claims)
    strict_json.fault_point("push.claimed")
    examined = check_claims(desk, channel, claims, in_file=channel.by_hand)
    examined_items = check_items(desk, channel, examined, in_file=channel.by_hand)
    answers, sendable = look_up_before_send(desk, channel, examined_items, in_file=channel.by_hand)
    settled_count, is_called = 0, False
    for doc_type in dict.fromkeys(one.claim.doc_type for one in sendable.good):
        of_type = [one for one in sendable.good if one.claim.doc_type == doc_type]
        if channel.by_hand:
            with desk.database.write() as session:
                run_id = run_counts.immediate_run(session, channel, doc_type, desk.clock.now())
            _in_files(
                desk, channel, sendable.only([one.claim.posting_id for one in of_type]), run_id
            )
            runs = {run_id}
        else:
            runs, settled = _send_singly(
                desk, channel, sendable, of_type, answers, called=is_called
            )
            settled_count, is_called = settled_count + settled, True
        if runs:
            with desk.database.write() as session:
                for run_id in sorted(runs):
                    run_counts.end_immediate(session, run_id, desk.clock.now())
    return Worked(len(claims), over=is_complete and settled_count == len(claims))


def _claim_postings(
    desk: Desk, channel: Channel, seen: str, *, limited: bool
) -> tuple[tuple[Claim, ...], bool]:
    """Claim postings to send at once, and return whether nothing else was due.

    The postings already seen are claimed, unless calls are limited or another worker took them.
    """
    if not limited and channel.calls_per_minute is None and not channel.by_hand:
        claims, is_complete = claim_seen(desk, channel, seen)
        if claims:
            return claims, is_complete
    return claim(desk, channel, READY, _at_once(channel)), False


def _at_once(channel: Channel) -> int:
    """Return how many postings are claimed together.

    A file that people carry holds everything due.
    """
    return channel.target.file_limits.documents if channel.by_hand else CLAIMED_AT_ONCE


def _in_files(desk: Desk, channel: Channel, left: Examined, run_id: int) -> None:
    """Send the postings in one file, or several if the target's limit requires it."""
    while left.good:
        name = import_rows.next_file_name(desk, channel, run_id)
        flight, left = store_call(desk, channel, left, run_id=run_id, name=name)
        if flight is not None:
            send_flight(desk, flight)


def _send_singly(
    desk: Desk,
    channel: Channel,
    sendable: Examined,
    postings: Sequence[Checked],
    looked: Looked,
    *,
    called: bool,
) -> tuple[set[int], int]:
    """Send postings of one document type in one run, with a call for each.

    Return a set with the run's id if the run is still open, and the number of postings that were
    accepted with nothing waiting for them.

    The last call normally ends the run. Before each call the target's latest answers decide whether
    the call is made; otherwise the remaining postings return to the queue. The first call is made
    without this check unless `called`: the target was then called before in this turn.
    """
    runs: set[int] = set()
    settled_count = 0
    for at, posting in enumerate(postings, start=1):
        if (called or at > 1) and not limits.lets_us(desk, channel):
            requeue(desk, [other.claim for other in postings[at - 1 :]])
            break
        single = sendable.only([posting.claim.posting_id])
        run_id = next(iter(runs), None)
        flight, _ = store_call(desk, channel, single, run_id=run_id, looked=looked)
        if flight is not None:
            result = send_flight(desk, flight, ends_run=at == len(postings))
            settled_count += result.quiet
            if flight.run_id is not None:
                runs = set() if result.run_ended else {flight.run_id}
    return runs, settled_count


def _doubts(desk: Desk, channel: Channel) -> Worked:
    claims = claim(desk, channel, IN_FLIGHT_STATES, _at_once(channel))
    if not claims:
        return Worked(0)
    resolve = settling.settle_documents if channel.by_hand else resolve_uncertain
    return Worked(resolve(desk_with_leases(desk, claims), channel, claims))


def _reads(desk: Desk, channel: Channel) -> Worked:
    return Worked(read_back.read_due_documents(desk, channel))


def _turn(desk: Desk, channel: Channel, told: _Plan) -> tuple[int, _Plan | None]:
    """Run the steps of a connection's plan in order, until a step has processed postings.

    Return their number and the remaining plan. The plan is None if it must be queried again.
    """
    calls = told.calls or may_call(desk, channel)
    ready_channel = with_good_key(desk, channel) if calls else None
    if not isinstance(ready_channel, Channel):
        return send.log_key_wait(desk, channel, ready_channel.words if ready_channel else ""), None
    for at, step in enumerate(told.steps, start=1):
        worked = step(desk, ready_channel)
        if worked.count:
            return worked.count, _Plan(told.calls, told.steps[at:]) if worked.over else None
    return 0, None


def companies_due(session: Session, now: datetime) -> tuple[int, ...]:
    """Return companies with something due to send, look up or read back."""
    return tuple(sorted({*companies_to_push(session, now), *companies_to_read(session, now)}))


def waiting_at(desk: Desk, channel: Channel) -> Waiting:
    """Return what is due at a target, read without a lock because a useless claim would block
    writers.
    """
    parameters = {"now": desk.clock.now(), "connection": channel.connection_id}
    with desk.database.read() as session:
        return _waiting(session.execute(_WAITS, parameters | {"company": channel.company_id}).one())


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(
        calls=row.breaker in (None, BreakerState.CLOSED),
        limited=bool(row.limited),
        doubts=bool(row.doubts),
        runs=bool(row.runs),
        ready="" if row.ready in _NONE else row.ready,
        reads=bool(row.reads),
    )


def due_targets(desk: Desk, company_id: int) -> list[tuple[Channel, Waiting]]:
    """Return a company's usable targets, each with what is due there."""
    parameters = {"company": company_id, "now": desk.clock.now()}
    with desk.database.read() as session:
        rows = session.execute(_TARGETS, parameters).all()
        listed: dict[int, Mapping[str, object]] = {}
        for row in rows:
            target = registry.targets().get(row.Connection.connector)
            if isinstance(target, BuildsFromLists):
                kinds = target.built_with
                listed[row.Connection.id] = load_listed(session, row.Connection.id, kinds)
    targets = []
    for row in rows:
        channel = opened_channel(
            desk,
            row.Connection,
            row.ConnectionKey,
            row.zone,
            row.currency,
            listed.get(row.Connection.id),
        )
        if isinstance(channel, Channel):
            targets.append((channel, _waiting(row)))
    return targets


@dataclass(frozen=True, slots=True)
class Batch:
    """The part of a run that one worker sends now. `more`: another worker may send some too."""

    run_id: int
    fence: int
    name: str
    claims: tuple[Claim, ...]
    more: bool


def send_next_file(
    desk: Desk, channel: Channel, call_help: Callable[[], object] = lambda: None
) -> int:
    """Send the next file of a due run and return how many postings it took.

    `call_help` runs first if there is more.
    """
    batch = _claim_batch(desk, channel)
    if batch is None:
        return 0
    # Before the file is sent, so that other workers need not wait for its answer.
    if batch.more:
        call_help()
    if batch.claims:
        keeper = desk_with_leases(desk, batch.claims, run=(batch.run_id, batch.fence))
        strict_json.fault_point("push.claimed")
        _send(keeper, channel, batch)
    _finish(desk, batch)
    return max(1, len(batch.claims))


def _claim_batch(desk: Desk, channel: Channel) -> Batch | None:
    with desk.database.write() as session:
        now = desk.clock.now()
        parameters = {"connection": channel.connection_id, "now": now}
        run = session.scalars(_DUE_RUN, parameters).one_or_none()
        if run is None:
            return None
        ready, beyond = _next_ones(session, run, channel, now)
        ids = list(ready)[: limits.in_a_file(session, channel, now, len(ready))]
        if ready and not ids:
            return None
        more = beyond and len(ids) == len(ready) and not channel.by_hand
        run.state, run.fence = RunState.RUNNING, run.fence + 1
        if not more:
            run.due_at, run.lease_owner = None, desk.owner
            run.lease_until = now + desk.lease + desk.answer
        name = f"{channel.name}-{run.kind}-{run.id}-{run.fence}"
        claims = tuple(
            replace(one, since=ready[one.posting_id] or run.made_at)
            for one in lease_postings(session, desk, ids, now)
        )
        return Batch(run.id, run.fence, name, claims, more)


def _next_ones(
    session: Session, run: Run, channel: Channel, now: datetime
) -> tuple[dict[int, datetime | None], bool]:
    """Return the next postings for one file in request order, each with its own due time, and
    whether there are more.

    Postings whose worker died come last.
    """
    limit = channel.target.file_limits.documents
    urgent = limits.MOST_URGENT if limits.is_short(session, channel, now) else (Posting.id,)
    query = (
        select(Posting.id, Posting.crashes, Posting.record_id, Posting.due_at)
        .where(_left(run), or_(Posting.due_at.is_(None), Posting.due_at <= now))
        .order_by(Posting.crashes, *urgent)
        .limit(limit + 1)
    )
    rows = session.execute(query).all()
    # A posting of a daily route has no due time that would keep it until undo is over.
    undoable = _put_off(session, {row.id: row.record_id for row in rows}, now)
    sendable = [(row.id, row.crashes) for row in rows if row.id not in undoable]
    ids = of_one_file(session, channel, split_by_crashes(sendable, limit))
    due = {row.id: row.due_at for row in rows}
    return {key: due[key] for key in ids}, len(ids) < len(sendable)


def _left(run: Run) -> ColumnElement[bool]:
    """Return the condition for postings of the run that may still be sent."""
    return and_(
        _asked_for(run),
        Posting.state == PostingState.READY,
        Posting.lease_until.is_(None),
        ~STOPPED,
    )


def _asked_for(run: Run) -> ColumnElement[bool]:
    return bulk.among(Posting.id, (run.filter or {}).get("postings", []))


def _put_off(session: Session, records: Mapping[int, int], now: datetime) -> frozenset[int]:
    """Delay postings that a person released during the run and can still undo; return their ids."""
    until = operations.until(session, {*records.values()})
    undo_times = {key: until[one] for key, one in records.items() if until.get(one, now) > now}
    for key, moment in undo_times.items():
        session.execute(_WAITS_FOR_UNDO.where(Posting.id == key).values(due_at=moment))
    return frozenset(undo_times)


def _send(desk: Desk, channel: Channel, batch: Batch) -> None:
    """Send one file, or several if the target's limit requires it.

    The rest keeps its place in the run.
    """
    until = desk.clock.monotonic() + SLICE_SECONDS
    examined = check_claims(desk, channel, batch.claims, in_file=True)
    examined_items = check_items(desk, channel, examined, in_file=True)
    answers, sendable = look_up_before_send(desk, channel, examined_items, in_file=True)
    for no in count(1):
        name = f"{batch.name}-{no}"
        if channel.by_hand:
            name = import_rows.next_file_name(desk, channel, batch.run_id)
        flight, sendable = store_call(
            desk, channel, sendable, run_id=batch.run_id, name=name, looked=answers
        )
        if flight is not None:
            send_flight(desk, flight)
        if not sendable.good:
            return
        is_over = desk.clock.monotonic() > until
        if is_over or not limits.another_file(desk, channel, len(sendable.good)):
            requeue_unscheduled(desk, sendable.claims)
            return


def _finish(desk: Desk, batch: Batch) -> None:
    """End the run, or schedule it for its next posting.

    If another worker holds some of its postings, the run is checked again when their lease ends.
    """
    with desk.database.write() as session:
        run = session.get_one(Run, batch.run_id, with_for_update={"key_share": True})
        taken_over = run.lease_until is not None and run.fence != batch.fence
        if run.ended_at is not None or taken_over:
            return
        now = desk.clock.now()
        next_due = _next_due(session, run, now)
        run_counts.recount(session, [run.id], ended=now if next_due is None else None)
        if next_due is not None:
            values = {"due_at": next_due, "lease_owner": None, "lease_until": None}
            session.execute(update(Run).where(Run.id == run.id).values(values))


def _next_due(session: Session, run: Run, now: datetime) -> datetime | None:
    """Return when the run is due next, or None if no posting remains."""
    at = func.coalesce(Posting.due_at, literal(now, Posting.due_at.type))
    next_posting = session.scalar(select(func.min(at)).where(_left(run)))
    if next_posting is not None and next_posting <= max(now, run.made_at + WAITS):
        return next_posting
    lease_end = session.scalar(select(func.max(Posting.lease_until)).where(_in_hand(run)))
    return lease_end and max(lease_end, now + SWEPT)


def _in_hand(run: Run) -> ColumnElement[bool]:
    """Return the condition for postings of the run that a worker is sending."""
    return and_(
        _asked_for(run),
        Posting.state.in_((PostingState.READY, PostingState.SENDING)),
        Posting.lease_until.is_not(None),
    )


def of_one_file(session: Session, channel: Channel, ids: list[int]) -> list[int]:
    """Return the first postings whose rows fit into one file, at least one.

    Their size in bytes is known only when the file is built.
    """
    most, rows = channel.target.file_limits.rows, 0
    if most is None:
        return ids
    for start in range(0, len(ids), _AT_A_TIME):
        some = ids[start : start + _AT_A_TIME]
        contents = {row.id: row.content for row in session.execute(_CONTENTS, {"ids": some})}
        for before, posting_id in enumerate(some, start):
            content = contents.get(posting_id)
            rows += channel.target.rows_of(revive(Document, content)) if content else 1
            if rows > most:
                return ids[: max(1, before)]
    return ids


def _waiting_columns(connection: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    """Return the query columns that fill `Waiting` for a connection.

    `connection` is the connection's id, as a parameter or as a column of the outer query.
    """
    of_connection = Posting.connection_id == connection
    due = and_(of_connection, text(f"posting.{DUE}"), Posting.due_at <= NOW)
    run = and_(
        Run.company_id == bindparam("company"),
        Run.connection_id == connection,
        text(f"run.{DUE}"),
        Run.due_at <= NOW,
    )
    throttled = Throttle.connection_id == connection
    limited = or_(Throttle.quota_limit.is_not(None), Throttle.filled_at.is_not(None))
    return (
        select(Throttle.breaker).where(throttled).scalar_subquery().label("breaker"),
        exists().where(throttled, limited).label("limited"),
        exists().where(due, among_words(Posting.state, IN_FLIGHT_STATES)).label("doubts"),
        exists().where(run).label("runs"),
        first_due(connection).label("ready"),
        exists()
        .where(of_connection, text(Posting.WATCHED), Posting.read_due_at <= NOW)
        .label("reads"),
    )


_WAITS = select(*_waiting_columns(bindparam("connection", type_=Connection.id.type)))

_TARGETS = (
    select(Connection, ConnectionKey, Company.zone, Company.currency)
    .add_columns(*_waiting_columns(Connection.id.expression))
    .join(Company, Company.id == Connection.company_id)
    .outerjoin(
        ConnectionKey,
        and_(
            ConnectionKey.connection_id == Connection.id,
            is_word(ConnectionKey.state, KeyState.ACTIVE),
        ),
    )
    .where(Connection.company_id == bindparam("company"), Connection.side == "target")
    .where(Connection.paused_at.is_(None), LIVE)
    .order_by(Connection.id)
)
"""One row each, for a unique index lets a connection have one active key."""
