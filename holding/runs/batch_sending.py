"""Batches: a daily run or a date range, sent as files of many documents.

Here: claiming a due run, sending its postings in files, ending it. Not here: asking for one
(holding/runs/date_ranges.py).

Every turn leaves each posting that it took sent, held, or ready with a time of its own; so what
cannot go now neither ends the run for the others nor is taken again at once, and nothing has to be
remembered that a crash could lose. While more of a run is ready than one file carries it stays due,
so that other workers send further files of it meanwhile. A run is over when none of its postings is
ready, or in anybody's hands, any more. It waits an hour for those that are tried again; what takes
longer is sent on its own when it is due.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import ColumnElement, and_, bindparam, func, literal, or_, select, text, update
from sqlalchemy.orm import Session

from connectors.transport import fault_points
from holding.access import operations
from holding.connections import limits
from holding.connections.channel import Channel, Desk
from holding.db import bulk
from holding.db.leases import SLICE_SECONDS
from holding.db.models import Connection, Posting, Run
from holding.db.models.columns import DUE, NOW, RunState
from holding.posting import runs as import_rows
from holding.posting import runs as run_counts
from holding.posting.claims import LIVE, STOPPED, Claim, parted, stay_in_line, take
from holding.posting.lookups import first_looks
from holding.posting.prepare import examine, intend, keeping
from holding.posting.send import fly, with_items
from rules.outcomes.outcome import Document
from rules.values.canonical import revive
from rules.values.posting_states import PostingState

WAITS = timedelta(hours=1)
SWEPT = timedelta(seconds=1)
"""Who is to come back for a document may have died with it: until the sweeper has freed that, there
is nothing to send, however often it is asked.
"""


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
    batch = _claim(desk, channel)
    if batch is None:
        return 0
    if batch.more:
        call_help()
    if batch.claims:
        keeper = keeping(desk, batch.claims, run=(batch.run_id, batch.fence))
        fault_points.point("push.claimed")
        _send(keeper, channel, batch)
    _finish(desk, batch)
    return max(1, len(batch.claims))


def _send(desk: Desk, channel: Channel, batch: Batch) -> None:
    """One file, or several where one would weigh more than the target takes; what there is no time
    or no leave for keeps its place in the run.
    """
    until = desk.clock.monotonic() + SLICE_SECONDS
    examined = examine(desk, channel, batch.claims, in_file=True)
    told = with_items(desk, channel, examined, in_file=True)
    looked, left = first_looks(desk, channel, told, in_file=True)
    for no in count(1):
        name = f"{batch.name}-{no}"
        if channel.by_hand:
            name = import_rows.file_name(desk, channel, batch.run_id)
        flight, left = intend(desk, channel, left, run_id=batch.run_id, name=name, looked=looked)
        if flight is not None:
            fly(desk, flight)
        if not left.good:
            return
        late = desk.clock.monotonic() > until
        if late or not limits.another_file(desk, channel, len(left.good)):
            stay_in_line(desk, left.claims)
            return


_DUE_RUN = (
    select(Run)
    .join(Connection, Connection.id == Run.connection_id)
    .where(Run.connection_id == bindparam("connection"), text(DUE), Run.due_at <= NOW)
    .where(Connection.paused_at.is_(None), LIVE)
    .order_by(Run.due_at, Run.id)
    .limit(1)
    .with_for_update(of=Run, skip_locked=True, key_share=True)
)


def _claim(desk: Desk, channel: Channel) -> Batch | None:
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
        return Batch(run.id, run.fence, name, take(session, desk, ids, now), more)


def _asked_for(run: Run) -> ColumnElement[bool]:
    return bulk.among(Posting.id, (run.filter or {}).get("postings", []))


def _left(run: Run) -> ColumnElement[bool]:
    """Of postings: those of the run that may still go, now or later."""
    return and_(
        _asked_for(run),
        Posting.state == PostingState.READY,
        Posting.lease_until.is_(None),
        ~STOPPED,
    )


def _in_hand(run: Run) -> ColumnElement[bool]:
    """Of postings: those of the run that a worker is sending."""
    return and_(
        _asked_for(run),
        Posting.state.in_((PostingState.READY, PostingState.SENDING)),
        Posting.lease_until.is_not(None),
    )


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
    ids = of_one_file(session, channel, parted(going, most))
    return ids, len(ids) < len(going)


def _put_off(session: Session, records: Mapping[int, int], now: datetime) -> frozenset[int]:
    """Those of these postings (posting id -> record id) that somebody approved or released, while
    the run was under way, and can still undo: they are sent when that time is over.
    """
    until = operations.until(session, {*records.values()})
    early = {key: until[one] for key, one in records.items() if until.get(one, now) > now}
    for key, moment in early.items():
        session.execute(_WAITS_FOR_UNDO.where(Posting.id == key).values(due_at=moment))
    return frozenset(early)


_WAITS_FOR_UNDO = (
    update(Posting)
    .where(Posting.state == PostingState.READY, Posting.lease_until.is_(None))
    .execution_options(synchronize_session=False)
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


_AT_A_TIME = 50
_CONTENTS = select(Posting.id, Posting.content).where(bulk.among_given(Posting.id, "ids"))


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
