"""Sending what is ready, looking up what is in doubt: one pass for one company.

Here: the order of a pass over its connections. Not here: the steps of a push (holding/posting),
when a pass is made (workers).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random

from sqlalchemy.orm import Session

from connectors.transport import fault_points
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.actors import load_keys
from holding.connections import limits
from holding.connections.channel import Channel, Desk, may_call, with_good_key
from holding.db.database import Database
from holding.db.leases import SLICE_SECONDS
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal
from holding.platform.settings import Settings
from holding.platform.states import READY
from holding.posting import runs as import_rows
from holding.posting import runs as run_counts
from holding.posting import send as refused_key
from holding.posting.claims import (
    CLAIMED_AT_ONCE,
    Claim,
    claim,
    claim_seen,
    free_the_dead,
    line_up_again,
)
from holding.posting.claims import companies_due as companies_to_push
from holding.posting.evidence import Storyteller
from holding.posting.lookups import first_looks
from holding.posting.prepare import Checked, Examined, Looked, examine, intend, keeping
from holding.posting.runs import close_left_open
from holding.posting.send import fly, with_items
from holding.posting.uncertain import settle
from holding.reconciliation import read_back, settling
from holding.reconciliation.reading_plan import companies_to_read
from holding.runs import batch_sending
from holding.runs.due_targets import Waiting, due_targets, waiting_at

__all__ = [
    "Pushed",
    "close_left_open",
    "companies_due",
    "free_the_dead",
    "open_desk",
    "push_due",
]


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
class Worked:
    """How many postings a step took up; `over` when all of that was due is done and nothing can
    have come of it: what was seen beside it is still all there is.
    """

    count: int
    over: bool = False


Turn = Callable[[Desk, Channel], Worked]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Whether the target may be called without asking it first, and what there may be to do, in its
    order.
    """

    calls: bool
    steps: tuple[Turn, ...]


def _turn(desk: Desk, channel: Channel, told: _Plan) -> tuple[int, _Plan | None]:
    """A little work on one connection: doubts first, then batches, what is sent at once, and last
    what is read back. How many postings it was, and what is left, None where that has to be asked.
    """
    calls = told.calls or may_call(desk, channel)
    ready = with_good_key(desk, channel) if calls else None
    if not isinstance(ready, Channel):
        return refused_key.tell(desk, channel, ready.words if ready else ""), None
    for at, step in enumerate(told.steps, start=1):
        worked = step(desk, ready)
        if worked.count:
            return worked.count, _Plan(told.calls, told.steps[at:]) if worked.over else None
    return 0, None


def _runs(desk: Desk, channel: Channel, *, call_help: Callable[[], object]) -> Worked:
    return Worked(batch_sending.work(desk, channel, call_help))


def _reads(desk: Desk, channel: Channel) -> Worked:
    return Worked(read_back.turn(desk, channel))


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


def _doubts(desk: Desk, channel: Channel) -> Worked:
    claims = claim(desk, channel, IN_FLIGHT_STATES, _at_once(channel))
    if not claims:
        return Worked(0)
    found_out = settling.settle if channel.by_hand else settle
    return Worked(found_out(keeping(desk, claims), channel, claims))


def _at_once(channel: Channel) -> int:
    """How many are claimed together: a file that people carry is to hold what there is."""
    return channel.target.file_limits.documents if channel.by_hand else CLAIMED_AT_ONCE


def _claim(
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


def _ready(desk: Desk, channel: Channel, *, seen: str, limited: bool) -> Worked:
    """A few immediate postings, one call each, in one run a document type; where people carry
    files, all of a type in one.
    """
    claims, whole = _claim(desk, channel, seen, limited=limited)
    if not claims:
        return Worked(0)
    desk = keeping(desk, claims)
    fault_points.point("push.claimed")
    examined = examine(desk, channel, claims, in_file=channel.by_hand)
    told = with_items(desk, channel, examined, in_file=channel.by_hand)
    looked, left = first_looks(desk, channel, told, in_file=channel.by_hand)
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
            line_up_again(desk, [other.claim for other in mine[at - 1 :]])
            break
        alone = left.only([one.claim.posting_id])
        run_id = next(iter(runs), None)
        flight, _ = intend(desk, channel, alone, run_id=run_id, looked=looked)
        if flight is not None:
            landed = fly(desk, flight, ends_run=at == len(mine))
            quiet += landed.quiet
            if flight.run_id is not None:
                runs = set() if landed.run_ended else {flight.run_id}
    return runs, quiet


def _in_files(desk: Desk, channel: Channel, left: Examined, run_id: int) -> None:
    """One file, or several where one would be more than the target takes."""
    while left.good:
        name = import_rows.file_name(desk, channel, run_id)
        flight, left = intend(desk, channel, left, run_id=run_id, name=name)
        if flight is not None:
            fly(desk, flight)


def companies_due(session: Session, now: datetime) -> tuple[int, ...]:
    """Companies with something to send, to look up or to read back now."""
    return tuple(sorted({*companies_to_push(session, now), *companies_to_read(session, now)}))
