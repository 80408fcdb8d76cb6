"""Which posted documents are read in their target, and when again.

Here: the plan as columns of the posting, and taking what is due. Not here: the reading (look.py).

A document is read shortly after it was posted, then once a day for thirty days; what is not there
is looked for again soon, since some targets show late what they took.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, bindparam, exists, or_, select, text, update
from sqlalchemy.orm import Session

from holding.models import Connection, Posting, Push
from holding.models.base import NOW
from holding.pushing import breaker, limits
from holding.pushing.claim import free_of
from holding.pushing.desk import Channel, Desk
from rules.canonical import revive
from rules.outcome import Document

EVERY = timedelta(days=1)
FOR = timedelta(days=30)
SOON = timedelta(minutes=5)
CALLS = 10  # in one turn, where each call reads one document
_TO_READ = select(Connection.company_id).where(
    Connection.paused_at.is_(None),
    free_of(or_(breaker.BARRED, limits.HELD_OFF)),
    exists().where(
        Posting.connection_id == Connection.id, text(Posting.WATCHED), Posting.read_due_at <= NOW
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A posted document whose reading is due: the posting, what was sent last, and what the target
    said then that it comes to (in minor units).
    """

    posting_id: int
    family: int
    push_id: int
    document: Document
    kept: int | None


def take(desk: Desk, channel: Channel, a_call: int) -> tuple[Watched, ...]:
    """Take what is due, so many a call; who dies over it leaves it due again after a lease."""
    with desk.database.write() as session:
        now = desk.clock.now()
        given = {"connection": channel.connection_id, "now": now, "most": max(a_call, CALLS)}
        ids = session.scalars(_DUE, given).all()
        calls = limits.looks(session, channel, now, -(-len(ids) // a_call)) if ids else 0
        ids = ids[: calls * a_call]
        if not ids:
            return ()
        again = now + desk.lease
        session.execute(update(Posting).where(Posting.id.in_(ids)).values(read_due_at=again))
        rows = session.execute(
            select(Posting.id, Posting.family, Posting.posted_push_id, Push.content, Push.kept)
            .join(Push, Push.id == Posting.posted_push_id)
            .where(Posting.id.in_(ids))
            .order_by(Posting.id)
        )
        return tuple(
            Watched(
                posting_id=row.id,
                family=row.family,
                push_id=row.posted_push_id,
                document=revive(Document, row.content),
                kept=row.kept,
            )
            for row in rows
        )


_DUE = (
    select(Posting.id)
    .where(Posting.connection_id == bindparam("connection"), text(Posting.WATCHED))
    .where(Posting.read_due_at <= NOW, Posting.push_id == Posting.posted_push_id)
    .order_by(Posting.read_due_at, Posting.id)
    .limit(bindparam("most", type_=BigInteger))
    .with_for_update(skip_locked=True, key_share=True)
)


def next_reading(posted_at: datetime | None, now: datetime, *, there: bool) -> datetime | None:
    """When it is read again; None when it was watched for long enough."""
    if not there and posted_at is not None and now - posted_at < timedelta(hours=1):
        return now + SOON
    following = now + EVERY
    return following if posted_at is not None and following <= posted_at + FOR else None


def companies_to_read(session: Session, now: datetime) -> tuple[int, ...]:
    """Companies with documents whose reading is due, in targets that are not paused."""
    return tuple(sorted(set(session.scalars(_TO_READ, limits.moments(now)))))


def read_now(session: Session, posting_ids: Sequence[int], now: datetime) -> int:
    """Make these posted documents due for a reading; how many of them still stand there."""
    if not posting_ids:
        return 0
    woken = session.execute(
        update(Posting)
        .where(Posting.id.in_(posting_ids), Posting.state == "posted")
        .values(read_due_at=now)
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return len(woken.all())
