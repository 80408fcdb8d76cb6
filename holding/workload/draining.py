"""Asking a worker to finish what it has in hand, to take nothing more, and to stop.

Here: the one act, and what is refused. Not here: how a worker hears it (workers/pulse.py), which
workers there are (workers_seen.py), starting another.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.models import Heartbeat
from holding.db.refusal import Refusal
from holding.platform import processes as heartbeats
from holding.platform.events import record_event

ACT: Final = "run.operate"
REASON: Final = (3, 500)
ONLY: Final = Refusal(
    code="drain.only",
    message="You cannot drain this worker, because it is the only one that takes work.",
    hint="Start another one first, or end it on its machine.",
    status=409,
)


def drain(session: Session, actor: Actor, owner: str, reason: str, now: datetime) -> Refusal | None:
    """Ask a worker to stop once it has finished what it has.

    A worker serves every company of the installation, so one of them cannot end all work: the last
    worker that is not asked yet is refused (409).
    """
    why = " ".join(reason.split())
    if refused := may(actor, ACT):
        return refused
    if not REASON[0] <= len(why) <= REASON[1]:
        return Refusal("drain.reason", "Enter why, in a sentence.", "", 422)
    going = (*heartbeats.running(now), or_(Heartbeat.stop_asked_at.is_(None), ~heartbeats.ASKED))
    # All under our lock: of two people who ask the last two workers at once the second is refused.
    query = select(Heartbeat).where(*going).order_by(Heartbeat.owner).with_for_update()
    working = {row.owner: row for row in session.scalars(query)}
    if owner not in working:
        words = f"Worker {owner} does not take work any more."
        return Refusal("drain.over", words, "Load the page again.", 409)
    if len(working) == 1:
        return ONLY
    working[owner].stop_asked_at = now
    say = f"{actor.name} asked worker {owner} to finish what it has and to stop: {why}"
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="work.drained",
        body={"say": say, "worker": owner, "reason": why},
    )
    return None
