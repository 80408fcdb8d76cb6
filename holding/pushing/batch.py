"""Batches: a daily run or a date range, sent as files of many documents.

Here: claiming a due run, sending its postings in files, ending it. Not here: asking for one
(holding/runs.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from connectors.kit import faults
from holding.models import Posting, Run
from holding.models.base import DUE
from holding.pushing import limits, tally
from holding.pushing.claim import STOPPED, Claim, take
from holding.pushing.desk import Channel, Desk
from holding.pushing.first_look import first_looks
from holding.pushing.flight import fly
from holding.pushing.intent import examine, intend


@dataclass(frozen=True, slots=True)
class Batch:
    """A claimed run, and what is left of it to send."""

    run_id: int
    fence: int
    name: str
    claims: tuple[Claim, ...]


def work(desk: Desk, channel: Channel) -> int:
    """The next file of a due run of this connection; how many postings it had."""
    batch = _claim(desk, channel)
    if batch is None:
        return 0
    flight = None
    if batch.claims:
        faults.point("push.claimed")
        examined = examine(desk, channel, batch.claims, due_again=False)
        looked, left = first_looks(desk, channel, examined)
        flight = intend(desk, channel, left, run_id=batch.run_id, name=batch.name, looked=looked)
        if flight is not None:
            fly(desk, flight)
    _finish(desk, batch, more=flight is not None)
    return max(1, len(batch.claims))


def _claim(desk: Desk, channel: Channel) -> Batch | None:
    with desk.database.write() as session:
        now = desk.clock.now()
        run = session.scalars(
            select(Run)
            .where(Run.connection_id == channel.connection_id, text(DUE), Run.due_at <= now)
            .order_by(Run.due_at, Run.id)
            .limit(1)
            .with_for_update(skip_locked=True, key_share=True)
        ).one_or_none()
        if run is None:
            return None
        ready = _ready(session, run)
        ids = ready[: limits.in_a_file(session, channel, now, len(ready))]
        if ready and not ids:
            return None
        run.due_at, run.lease_owner, run.fence = None, desk.owner, run.fence + 1
        run.lease_until = now + desk.lease + desk.answer
        run.state = "running"
        name = f"{channel.name}-{run.kind}-{run.id}-{run.fence}"
        return Batch(run.id, run.fence, name, take(session, desk, ids, now))


def _ready(session: Session, run: Run) -> list[int]:
    """The run's postings that may still go, in the order they were asked for."""
    wanted = (run.filter or {}).get("postings", [])
    query = select(Posting.id).where(
        Posting.id.in_(wanted), Posting.state == "ready", Posting.lease_until.is_(None), ~STOPPED
    )
    return list(session.scalars(query.order_by(Posting.id)))


def _finish(desk: Desk, batch: Batch, *, more: bool) -> None:
    """The run is over when nothing of it is left, or when this turn sent nothing."""
    with desk.database.write() as session:
        run = session.get_one(Run, batch.run_id)
        if run.fence != batch.fence:
            return
        now: datetime = desk.clock.now()
        over = not more or not _ready(session, run)
        tally.recount(session, [run.id], ended=now if over else None)
        if not over:
            session.execute(
                update(Run)
                .where(Run.id == run.id, Run.fence == batch.fence)
                .values(due_at=now, lease_owner=None, lease_until=None)
            )
