"""Sending what is ready, looking up what is in doubt: one pass for one company.

Here: the order of a pass over its connections. Not here: the steps of a push (holding/posting),
when a pass is made (workers).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from sqlalchemy import and_, bindparam, exists, select, text
from sqlalchemy.orm import Session

from connectors.transport import fault_points
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.secrets import load_keys
from holding.connections import limits
from holding.connections.channel import Channel, Desk, open_channel
from holding.connections.probe import may_call, with_good_key
from holding.import_files import settling
from holding.journal import import_rows, run_counts
from holding.journal.evidence import Storyteller
from holding.journal.lease_extension import keeping
from holding.journal.posting_claims import LIVE, claim, free_the_dead
from holding.journal.posting_claims import companies_due as companies_to_push
from holding.journal.returned_claims import line_up_again
from holding.journal.run_counts import close_left_open
from holding.lifecycle.states import READY
from holding.posting import refused_key
from holding.posting.calls import fly
from holding.posting.doubt_resolution import settle
from holding.posting.first_lookup import first_looks
from holding.posting.intent import Examined, examine, intend
from holding.posting.item_lookup import with_items
from holding.reconciliation import read_back
from holding.reconciliation.reading_plan import companies_to_read
from holding.refusal import Refusal
from holding.runs import batch_sending
from holding.runtime.settings import Settings
from holding.store.database import Database
from holding.store.leases import SLICE_SECONDS
from holding.tables import Connection, Posting, Run
from holding.tables.columns import DUE, NOW, among_words
from holding.tables.postings import IN_FLIGHT_STATES

__all__ = [
    "Pushed",
    "close_left_open",
    "companies_due",
    "free_the_dead",
    "open_desk",
    "push_due",
]

CLAIMED_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many postings were worked on; `more` when time was up before the work was done."""

    count: int
    more: bool


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
    seconds = told.answer_seconds / 3  # connecting, and twice the pause that reading allows
    return Desk(
        database=database,
        clock=clock,
        settings=told,
        keys=keys,
        owner=owner,
        chance=chance or Random(owner),  # noqa: S311 - pauses between tries
        http=Http(clock, connect_seconds=min(5.0, seconds), read_seconds=seconds),
        trace=Storyteller(),
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

    Help is called once, when there was more than is claimed at once.
    """
    found = desk or open_desk(database, clock, owner=owner)
    if isinstance(found, Refusal):
        return found
    until = clock.monotonic() + SLICE_SECONDS
    waiting = deque(_channels(found, company_id))
    count = 0
    while waiting and clock.monotonic() < until:  # by turns: none waits for another's queue
        channel = waiting.popleft()
        worked = _turn(found, channel)
        if worked >= CLAIMED_AT_ONCE > count:
            call_help()
        count += worked
        if worked:
            waiting.append(channel)
    return Pushed(count, more=bool(waiting))


def _turn(desk: Desk, channel: Channel) -> int:
    """A little work on one connection: doubts first, then batches, what is sent at once, and last
    what is read back.
    """
    ready = with_good_key(desk, channel) if may_call(desk, channel) else None
    if not isinstance(ready, Channel):
        return refused_key.tell(desk, channel, ready.words if ready else "")
    for worked in _what_waits(desk, ready):
        if count := worked(desk, ready):
            return count
    return 0


def _what_waits(desk: Desk, channel: Channel) -> list[Callable[[Desk, Channel], int]]:
    """What there may be to do, in its order. Asked once and without a lock: claiming what is not
    there would make everybody wait who writes.
    """
    given = {"now": desk.clock.now(), "connection": channel.connection_id}
    with desk.database.read() as session:
        found = session.execute(_WAITS, given | {"company": channel.company_id}).one()
    steps = (_doubts, batch_sending.work, _ready, read_back.turn)
    return [step for step, waits in zip(steps, found, strict=True) if waits]


def _doubts(desk: Desk, channel: Channel) -> int:
    claims = claim(desk, channel, IN_FLIGHT_STATES, _at_once(channel))
    if not claims:
        return 0
    found_out = settling.settle if channel.by_hand else settle
    return found_out(keeping(desk, claims), channel, claims)


def _at_once(channel: Channel) -> int:
    """How many are claimed together: a file that people carry is to hold what there is."""
    return channel.target.file_limits.documents if channel.by_hand else CLAIMED_AT_ONCE


def _ready(desk: Desk, channel: Channel) -> int:
    """A few immediate postings, one call each, in one run a document type; where people carry
    files, all of a type in one.
    """
    claims = claim(desk, channel, READY, _at_once(channel))
    if not claims:
        return 0
    desk = keeping(desk, claims)
    fault_points.point("push.claimed")
    examined = examine(desk, channel, claims, in_file=channel.by_hand)
    told = with_items(desk, channel, examined, in_file=channel.by_hand)
    looked, left = first_looks(desk, channel, told)
    for doc_type in dict.fromkeys(one.claim.doc_type for one in left.good):
        mine = [one for one in left.good if one.claim.doc_type == doc_type]
        with desk.database.write() as session:
            run_id = run_counts.immediate_run(session, channel, doc_type, desk.clock.now())
        if channel.by_hand:
            _in_files(desk, channel, left.only([one.claim.posting_id for one in mine]), run_id)
            mine = []
        for at, one in enumerate(mine):
            if at and not limits.lets_us(desk, channel):
                line_up_again(desk, [other.claim for other in mine[at:]])
                break
            alone = left.only([one.claim.posting_id])
            flight, _ = intend(desk, channel, alone, run_id=run_id, looked=looked)
            if flight is not None:
                fly(desk, flight)
        with desk.database.write() as session:
            run_counts.recount(session, [run_id], ended=desk.clock.now())
    return len(claims)


def _in_files(desk: Desk, channel: Channel, left: Examined, run_id: int) -> None:
    """One file, or several where one would be more than the target takes."""
    while left.good:
        name = import_rows.file_name(desk, channel, run_id)
        flight, left = intend(desk, channel, left, run_id=run_id, name=name)
        if flight is not None:
            fly(desk, flight)


_MINE = Posting.connection_id == bindparam("connection")
_DUE_NOW = and_(_MINE, text(f"posting.{DUE}"), Posting.due_at <= NOW)
_RUN_DUE = and_(
    Run.company_id == bindparam("company"),
    Run.connection_id == bindparam("connection"),
    text(f"run.{DUE}"),
    Run.due_at <= NOW,
)
_WAITS = select(
    exists().where(_DUE_NOW, among_words(Posting.state, IN_FLIGHT_STATES)),
    exists().where(_RUN_DUE),
    exists().where(_DUE_NOW, among_words(Posting.state, READY)),
    exists().where(_MINE, text(Posting.WATCHED), Posting.read_due_at <= NOW),
)
"""Of a connection: doubts, runs, what is ready, what is read back; each may be what cannot go now.
"""


def companies_due(session: Session, now: datetime) -> tuple[int, ...]:
    """Companies with something to send, to look up or to read back now."""
    return tuple(sorted({*companies_to_push(session, now), *companies_to_read(session, now)}))


_TARGETS = (
    select(Connection)
    .where(Connection.company_id == bindparam("company"), Connection.side == "target")
    .where(Connection.paused_at.is_(None), LIVE)
    .order_by(Connection.id)
)


def _channels(desk: Desk, company_id: int) -> Sequence[Channel]:
    """The targets of a company that may be used now."""
    with desk.database.read() as session:
        rows = session.scalars(_TARGETS, {"company": company_id}).all()
        found = [open_channel(session, desk, row) for row in rows]
    return [channel for channel in found if isinstance(channel, Channel)]
