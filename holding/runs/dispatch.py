"""Sending what is ready, looking up what is in doubt: one pass for one company.

Here: the order of a pass over its connections. Not here: the steps of a push (holding/posting),
when a pass is made (workers).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, select, text
from sqlalchemy.orm import Session

from connectors.transport import fault_points
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.secrets import load_keys
from holding.connections import limits
from holding.connections.channel import Channel, Desk, opened_channel
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
from holding.posting.intent import Examined, Looked, examine, intend
from holding.posting.item_lookup import with_items
from holding.posting.last_check import Checked
from holding.reconciliation import read_back
from holding.reconciliation.reading_plan import companies_to_read
from holding.refusal import Refusal
from holding.runs import batch_sending
from holding.runtime.settings import Settings
from holding.store.database import Database
from holding.store.leases import SLICE_SECONDS
from holding.tables import Company, Connection, ConnectionKey, Posting, Run, Throttle
from holding.tables.columns import DUE, NOW, among_words, is_word
from holding.tables.postings import IN_FLIGHT_STATES
from holding.tables.row_states import BreakerState, KeyState

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

    Help is called once, when there was more than is claimed at once.
    """
    found = desk or open_desk(database, clock, owner=owner)
    if isinstance(found, Refusal):
        return found
    until = clock.monotonic() + SLICE_SECONDS
    waiting: deque[tuple[Channel, _Waits | None]] = deque(_channels(found, company_id))
    count = 0
    while waiting and clock.monotonic() < until:  # by turns: none waits for another's queue
        channel, told = waiting.popleft()
        if told is None or count:  # work for others took its time
            told = _what_waits(found, channel)
        worked = _turn(found, channel, told)
        if worked >= CLAIMED_AT_ONCE > count:
            call_help()
        count += worked
        if worked:
            waiting.append((channel, None))
    return Pushed(count, more=bool(waiting))


Turn = Callable[[Desk, Channel], int]


@dataclass(frozen=True, slots=True)
class _Waits:
    """Whether the target may be called without asking it first, and what there may be to do, in its
    order.
    """

    calls: bool
    steps: tuple[Turn, ...]


def _turn(desk: Desk, channel: Channel, told: _Waits) -> int:
    """A little work on one connection: doubts first, then batches, what is sent at once, and last
    what is read back.
    """
    calls = told.calls or may_call(desk, channel)
    ready = with_good_key(desk, channel) if calls else None
    if not isinstance(ready, Channel):
        return refused_key.tell(desk, channel, ready.words if ready else "")
    for worked in told.steps:
        if count := worked(desk, ready):
            return count
    return 0


def _what_waits(desk: Desk, channel: Channel) -> _Waits:
    """Asked once and without a lock: claiming what is not there would make everybody wait who
    writes.
    """
    given = {"now": desk.clock.now(), "connection": channel.connection_id}
    with desk.database.read() as session:
        return _waits(session.execute(_WAITS, given | {"company": channel.company_id}).one())


def _waits(row: Row[Any]) -> _Waits:
    steps = {
        _doubts: row.doubts,
        batch_sending.work: row.runs,
        _ready: row.ready,
        read_back.turn: row.reads,
    }
    calls = row.breaker in (None, BreakerState.CLOSED)
    return _Waits(calls, tuple(step for step, waits in steps.items() if waits))


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
        if channel.by_hand:
            with desk.database.write() as session:
                run_id = run_counts.immediate_run(session, channel, doc_type, desk.clock.now())
            _in_files(desk, channel, left.only([one.claim.posting_id for one in mine]), run_id)
            runs = {run_id}
        else:
            runs = _one_by_one(desk, channel, left, mine, looked)
        if runs:
            with desk.database.write() as session:
                for run_id in sorted(runs):
                    run_counts.end_immediate(session, run_id, desk.clock.now())
    return len(claims)


def _one_by_one(
    desk: Desk, channel: Channel, left: Examined, mine: Sequence[Checked], looked: Looked
) -> set[int]:
    """A call for each of one document type; the runs that they belong to, which is one."""
    runs: set[int] = set()

    def run_of(session: Session) -> int:
        doc_type = mine[0].claim.doc_type
        return run_counts.immediate_run(session, channel, doc_type, desk.clock.now())

    for at, one in enumerate(mine):
        if at and not limits.lets_us(desk, channel):
            line_up_again(desk, [other.claim for other in mine[at:]])
            break
        alone = left.only([one.claim.posting_id])
        run_id = next(iter(runs), run_of)
        flight, _ = intend(desk, channel, alone, run_id=run_id, looked=looked)
        if flight is not None:
            runs |= {flight.run_id} if flight.run_id is not None else set()
            fly(desk, flight)
    return runs


def _in_files(desk: Desk, channel: Channel, left: Examined, run_id: int) -> None:
    """One file, or several where one would be more than the target takes."""
    while left.good:
        name = import_rows.file_name(desk, channel, run_id)
        flight, left = intend(desk, channel, left, run_id=run_id, name=name)
        if flight is not None:
            fly(desk, flight)


def _asked(connection: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    """Of a connection: its breaker; and doubts, runs, what is ready, what is read back, each of
    which may be what cannot go now.
    """
    mine = Posting.connection_id == connection
    due = and_(mine, text(f"posting.{DUE}"), Posting.due_at <= NOW)
    run = and_(
        Run.company_id == bindparam("company"),
        Run.connection_id == connection,
        text(f"run.{DUE}"),
        Run.due_at <= NOW,
    )
    breaker = select(Throttle.breaker).where(Throttle.connection_id == connection)
    return (
        breaker.scalar_subquery().label("breaker"),
        exists().where(due, among_words(Posting.state, IN_FLIGHT_STATES)).label("doubts"),
        exists().where(run).label("runs"),
        exists().where(due, among_words(Posting.state, READY)).label("ready"),
        exists().where(mine, text(Posting.WATCHED), Posting.read_due_at <= NOW).label("reads"),
    )


_WAITS = select(*_asked(bindparam("connection", type_=Connection.id.type)))


def companies_due(session: Session, now: datetime) -> tuple[int, ...]:
    """Companies with something to send, to look up or to read back now."""
    return tuple(sorted({*companies_to_push(session, now), *companies_to_read(session, now)}))


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


def _channels(desk: Desk, company_id: int) -> list[tuple[Channel, _Waits]]:
    """The targets of a company that may be used now, each with what waits there."""
    given = {"company": company_id, "now": desk.clock.now()}
    with desk.database.read() as session:
        rows = session.execute(_TARGETS, given).all()
    found = []
    for row in rows:
        channel = opened_channel(desk, row.Connection, row.ConnectionKey, row.zone, row.currency)
        if isinstance(channel, Channel):
            found.append((channel, _waits(row)))
    return found
