"""One worker pass for one company: send ready postings and look up uncertain ones."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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

from connectors.transport import strict_json
from connectors.transport.http import Clock, Http
from holding.access import operations
from holding.access.actors import load_keys
from holding.connections import limits
from holding.connections.channel import Channel, Desk, may_call, opened_channel, with_good_key
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
from holding.posting.lookups import look_up_before_send
from holding.posting.prepare import (
    Checked,
    Examined,
    Looked,
    check_claims,
    desk_with_leases,
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
    """How many postings a step took up; `over` when all of that was due is done and nothing can
    have come of it: what was seen beside it is still all there is.
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
    """How many postings were worked on; `more` when time was up before the work was done, `woke`
    when something may be to be judged because of them.
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
    """The tools of one worker; refused without a key file."""
    told = settings or Settings.from_env()
    keys = load_keys(told)
    if isinstance(keys, Refusal):
        return keys
    stories = Storyteller(database)
    seconds = told.answer_seconds / 3  # connecting, and twice the pause that reading allows
    return Desk(
        database=database,
        clock=clock,
        settings=told,
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
    """Work on what is due for one company, for a few seconds at most.

    Help is called when there was more than is claimed at once, and when a run has a further file.
    """
    found = desk or open_desk(database, clock, owner=owner)
    if isinstance(found, Refusal):
        return found
    until = clock.monotonic() + SLICE_SECONDS
    waiting: deque[tuple[Channel, _Plan | None]] = deque(
        (channel, _plan(waits, call_help)) for channel, waits in due_targets(found, company_id)
    )
    count, woke = 0, False
    while waiting and clock.monotonic() < until:  # by turns: none waits for another's queue
        channel, told = waiting.popleft()
        told = told or _plan(waiting_at(found, channel), call_help)
        worked, left = _turn(found, channel, told)
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
    """Whether the target may be called without asking it first, and what there may be to do, in its
    order.
    """

    calls: bool
    steps: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits at a target: postings in doubt, runs, what may be sent at once (`ready`, as
    `claim_seen` reads it; empty: nothing), what is to be read back. `calls`: it may be called
    without asking it first; `limited`: it counts what it takes, or asked us to wait.
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
    return Worked(work(desk, channel, call_help))


def _ready(desk: Desk, channel: Channel, *, seen: str, limited: bool) -> Worked:
    """A few immediate postings, one call each, in one run a document type; where people carry
    files, all of a type in one.
    """
    claims, whole = _claim_postings(desk, channel, seen, limited=limited)
    if not claims:
        return Worked(0)
    desk = desk_with_leases(desk, claims)
    strict_json.point("push.claimed")
    examined = check_claims(desk, channel, claims, in_file=channel.by_hand)
    told = check_items(desk, channel, examined, in_file=channel.by_hand)
    looked, left = look_up_before_send(desk, channel, told, in_file=channel.by_hand)
    quiet, called = 0, False
    for doc_type in dict.fromkeys(one.claim.doc_type for one in left.good):
        mine = [one for one in left.good if one.claim.doc_type == doc_type]
        if channel.by_hand:
            with desk.database.write() as session:
                run_id = run_counts.immediate_run(session, channel, doc_type, desk.clock.now())
            _in_files(desk, channel, left.only([one.claim.posting_id for one in mine]), run_id)
            runs = {run_id}
        else:
            runs, settled = _one_by_one(desk, channel, left, mine, looked, called=called)
            quiet, called = quiet + settled, True
        if runs:
            with desk.database.write() as session:
                for run_id in sorted(runs):
                    run_counts.end_immediate(session, run_id, desk.clock.now())
    return Worked(len(claims), over=whole and quiet == len(claims))


def _claim_postings(
    desk: Desk, channel: Channel, seen: str, *, limited: bool
) -> tuple[tuple[Claim, ...], bool]:
    """What is sent at once: what was seen, unless calls are counted or another worker has that by
    now; and whether nothing else was due.
    """
    if not limited and channel.calls_per_minute is None and not channel.by_hand:
        claims, whole = claim_seen(desk, channel, seen)
        if claims:
            return claims, whole
    return claim(desk, channel, READY, _at_once(channel)), False


def _at_once(channel: Channel) -> int:
    """How many are claimed together: a file that people carry is to hold what there is."""
    return channel.target.file_limits.documents if channel.by_hand else CLAIMED_AT_ONCE


def _in_files(desk: Desk, channel: Channel, left: Examined, run_id: int) -> None:
    """One file, or several where one would be more than the target takes."""
    while left.good:
        name = import_rows.next_file_name(desk, channel, run_id)
        flight, left = store_call(desk, channel, left, run_id=run_id, name=name)
        if flight is not None:
            send_flight(desk, flight)


def _one_by_one(
    desk: Desk,
    channel: Channel,
    left: Examined,
    mine: Sequence[Checked],
    looked: Looked,
    *,
    called: bool,
) -> tuple[set[int], int]:
    """A call for each of one document type; the runs that are open then, which is one or none as
    the last of them ends it, and how many were taken without anybody waiting for that.

    Once the target was `called`, also for another type, its answer decides about the next call.
    """
    runs: set[int] = set()
    quiet = 0
    for at, one in enumerate(mine, start=1):
        if (called or at > 1) and not limits.lets_us(desk, channel):
            requeue(desk, [other.claim for other in mine[at - 1 :]])
            break
        alone = left.only([one.claim.posting_id])
        run_id = next(iter(runs), None)
        flight, _ = store_call(desk, channel, alone, run_id=run_id, looked=looked)
        if flight is not None:
            landed = send_flight(desk, flight, ends_run=at == len(mine))
            quiet += landed.quiet
            if flight.run_id is not None:
                runs = set() if landed.run_ended else {flight.run_id}
    return runs, quiet


def _doubts(desk: Desk, channel: Channel) -> Worked:
    claims = claim(desk, channel, IN_FLIGHT_STATES, _at_once(channel))
    if not claims:
        return Worked(0)
    found_out = settling.settle if channel.by_hand else resolve_uncertain
    return Worked(found_out(desk_with_leases(desk, claims), channel, claims))


def _reads(desk: Desk, channel: Channel) -> Worked:
    return Worked(read_back.turn(desk, channel))


def _turn(desk: Desk, channel: Channel, told: _Plan) -> tuple[int, _Plan | None]:
    """A little work on one connection: doubts first, then batches, what is sent at once, and last
    what is read back. How many postings it was, and what is left, None where that has to be asked.
    """
    calls = told.calls or may_call(desk, channel)
    ready = with_good_key(desk, channel) if calls else None
    if not isinstance(ready, Channel):
        return send.log_key_wait(desk, channel, ready.words if ready else ""), None
    for at, step in enumerate(told.steps, start=1):
        worked = step(desk, ready)
        if worked.count:
            return worked.count, _Plan(told.calls, told.steps[at:]) if worked.over else None
    return 0, None


def companies_due(session: Session, now: datetime) -> tuple[int, ...]:
    """Companies with something to send, to look up or to read back now."""
    return tuple(sorted({*companies_to_push(session, now), *companies_to_read(session, now)}))


def waiting_at(desk: Desk, channel: Channel) -> Waiting:
    """Asked once and without a lock: claiming what is not there would make everybody wait who
    writes.
    """
    given = {"now": desk.clock.now(), "connection": channel.connection_id}
    with desk.database.read() as session:
        return _waiting(session.execute(_WAITS, given | {"company": channel.company_id}).one())


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
    """The targets of a company that may be used now, each with what waits there."""
    given = {"company": company_id, "now": desk.clock.now()}
    with desk.database.read() as session:
        rows = session.execute(_TARGETS, given).all()
    found = []
    for row in rows:
        channel = opened_channel(desk, row.Connection, row.ConnectionKey, row.zone, row.currency)
        if isinstance(channel, Channel):
            found.append((channel, _waiting(row)))
    return found


@dataclass(frozen=True, slots=True)
class Batch:
    """What of a run one worker sends now; `more`: another may send some of it, too."""

    run_id: int
    fence: int
    name: str
    claims: tuple[Claim, ...]
    more: bool


def work(desk: Desk, channel: Channel, call_help: Callable[[], object] = lambda: None) -> int:
    """The next file of a due run of this connection; how many postings it took for that. Help is
    called before it is sent, when there is more.
    """
    batch = _claim_batch(desk, channel)
    if batch is None:
        return 0
    if batch.more:
        call_help()
    if batch.claims:
        keeper = desk_with_leases(desk, batch.claims, run=(batch.run_id, batch.fence))
        strict_json.point("push.claimed")
        _send(keeper, channel, batch)
    _finish(desk, batch)
    return max(1, len(batch.claims))


def _claim_batch(desk: Desk, channel: Channel) -> Batch | None:
    with desk.database.write() as session:
        now = desk.clock.now()
        given = {"connection": channel.connection_id, "now": now}
        run = session.scalars(_DUE_RUN, given).one_or_none()
        if run is None:
            return None
        ready, beyond = _next_ones(session, run, channel, now)
        ids = ready[: limits.in_a_file(session, channel, now, len(ready))]
        if ready and not ids:
            return None
        more = beyond and len(ids) == len(ready) and not channel.by_hand
        run.state, run.fence = RunState.RUNNING, run.fence + 1
        if not more:
            run.due_at, run.lease_owner = None, desk.owner
            run.lease_until = now + desk.lease + desk.answer
        name = f"{channel.name}-{run.kind}-{run.id}-{run.fence}"
        return Batch(run.id, run.fence, name, lease_postings(session, desk, ids, now), more)


def _next_ones(
    session: Session, run: Run, channel: Channel, now: datetime
) -> tuple[list[int], bool]:
    """The next that may go in one file now, in the order they were asked for, and whether there are
    more; what workers died under waits for the others.
    """
    most = channel.target.file_limits.documents
    urgent = limits.MOST_URGENT if limits.short(session, channel, now) else (Posting.id,)
    query = (
        select(Posting.id, Posting.crashes, Posting.record_id)
        .where(_left(run), or_(Posting.due_at.is_(None), Posting.due_at <= now))
        .order_by(Posting.crashes, *urgent)
        .limit(most + 1)
    )
    found = session.execute(query).all()
    early = _put_off(session, {row.id: row.record_id for row in found}, now)
    going = [(row.id, row.crashes) for row in found if row.id not in early]
    ids = of_one_file(session, channel, split_by_crashes(going, most))
    return ids, len(ids) < len(going)


def _left(run: Run) -> ColumnElement[bool]:
    """Of postings: those of the run that may still go, now or later."""
    return and_(
        _asked_for(run),
        Posting.state == PostingState.READY,
        Posting.lease_until.is_(None),
        ~STOPPED,
    )


def _asked_for(run: Run) -> ColumnElement[bool]:
    return bulk.among(Posting.id, (run.filter or {}).get("postings", []))


def _put_off(session: Session, records: Mapping[int, int], now: datetime) -> frozenset[int]:
    """Those of these postings (posting id -> record id) that somebody approved or released, while
    the run was under way, and can still undo: they are sent when that time is over.
    """
    until = operations.until(session, {*records.values()})
    early = {key: until[one] for key, one in records.items() if until.get(one, now) > now}
    for key, moment in early.items():
        session.execute(_WAITS_FOR_UNDO.where(Posting.id == key).values(due_at=moment))
    return frozenset(early)


def _send(desk: Desk, channel: Channel, batch: Batch) -> None:
    """One file, or several where one would weigh more than the target takes; what there is no time
    or no leave for keeps its place in the run.
    """
    until = desk.clock.monotonic() + SLICE_SECONDS
    examined = check_claims(desk, channel, batch.claims, in_file=True)
    told = check_items(desk, channel, examined, in_file=True)
    looked, left = look_up_before_send(desk, channel, told, in_file=True)
    for no in count(1):
        name = f"{batch.name}-{no}"
        if channel.by_hand:
            name = import_rows.next_file_name(desk, channel, batch.run_id)
        flight, left = store_call(
            desk, channel, left, run_id=batch.run_id, name=name, looked=looked
        )
        if flight is not None:
            send_flight(desk, flight)
        if not left.good:
            return
        late = desk.clock.monotonic() > until
        if late or not limits.another_file(desk, channel, len(left.good)):
            requeue_unscheduled(desk, left.claims)
            return


def _finish(desk: Desk, batch: Batch) -> None:
    """The run is over, or due again when the next of it may go. What others have in hand is theirs
    to come back for; should they die, it is looked at when their time is over.
    """
    with desk.database.write() as session:
        run = session.get_one(Run, batch.run_id, with_for_update={"key_share": True})
        taken_over = run.lease_until is not None and run.fence != batch.fence
        if run.ended_at is not None or taken_over:
            return
        now = desk.clock.now()
        again = _again(session, run, now)
        run_counts.recount(session, [run.id], ended=now if again is None else None)
        if again is not None:
            values = {"due_at": again, "lease_owner": None, "lease_until": None}
            session.execute(update(Run).where(Run.id == run.id).values(values))


def _again(session: Session, run: Run, now: datetime) -> datetime | None:
    """When the next of the run may go, or is to be looked for; None when it waits for none."""
    at = func.coalesce(Posting.due_at, literal(now, Posting.due_at.type))
    soonest = session.scalar(select(func.min(at)).where(_left(run)))
    if soonest is not None and soonest <= max(now, run.made_at + WAITS):
        return soonest
    until = session.scalar(select(func.max(Posting.lease_until)).where(_in_hand(run)))
    return until and max(until, now + SWEPT)


def _in_hand(run: Run) -> ColumnElement[bool]:
    """Of postings: those of the run that a worker is sending."""
    return and_(
        _asked_for(run),
        Posting.state.in_((PostingState.READY, PostingState.SENDING)),
        Posting.lease_until.is_not(None),
    )


def of_one_file(session: Session, channel: Channel, ids: list[int]) -> list[int]:
    """The first of these whose rows fit in one file, one at least: who takes more examines them in
    vain. What they weigh is known when the file is built.
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


def _asked(connection: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    """Of a connection: its breaker, and whether it sets a limit or asked us to wait; what is ready,
    and whether there are doubts, runs, and what is read back, which may be what cannot go now.
    """
    mine = Posting.connection_id == connection
    due = and_(mine, text(f"posting.{DUE}"), Posting.due_at <= NOW)
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
        exists().where(mine, text(Posting.WATCHED), Posting.read_due_at <= NOW).label("reads"),
    )


_WAITS = select(*_asked(bindparam("connection", type_=Connection.id.type)))

_TARGETS = (
    select(Connection, ConnectionKey, Company.zone, Company.currency)
    .add_columns(*_asked(Connection.id.expression))
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
