"""Posted documents that nobody changed: told for many by one call, where the target tells changes.

Here: passing over those whose reading is due, that were seen as they were sent, and that the target
does not name among the changed ones. Not here: reading the others (read_back.py), and the plan
(reading_plan.py).

A document that was never read, that differed when it was read last, or whose last reading is too
long ago for what the target tells, is read. So are all where it gives no whole answer.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, bindparam, select, text
from sqlalchemy.orm import Session

from connectors.contract import Found
from connectors.contract.targets import Readable, TellsChanges
from holding.connections import limits
from holding.connections.channel import Channel, Desk
from holding.db import bulk
from holding.db.models import Posting, Reading
from holding.db.models.columns import NOW
from holding.reconciliation.reading_plan import next_reading

AT_ONCE = 1000
MARGIN = timedelta(minutes=5)
"""How far the clocks of both sides, and an answer on its way, may be apart."""


def pass_over(desk: Desk, channel: Channel) -> int:
    """Put off the readings that one call shows to be needless; how many. Nothing is asked where one
    reading tells as much.
    """
    target = channel.target
    if not isinstance(target, Readable) or not isinstance(target, TellsChanges):
        return 0
    with desk.database.write() as session:
        asked = desk.clock.now()
        given = {
            "connection": channel.connection_id,
            "now": asked,
            "since": asked - target.changes_reach + 2 * MARGIN,
            "most": AT_ONCE,
        }
        due: Sequence[Any] = session.execute(_DUE, given).all()
        enough = len(due) > target.read_at_once
        if not enough or not limits.looks(session, channel, asked, 1):
            return 0
    since = min(one.read_at for one in due) - MARGIN
    kinds = {one.doc_type for one in due}
    told = target.changed(kinds, since, channel.settings, channel.secret, desk.http)
    if isinstance(told, Found):
        return 0
    with desk.database.write() as session:
        return _put_off(session, [one for one in due if one.target_ref not in told], asked)


def _put_off(session: Session, same: Sequence[Any], asked: datetime) -> int:
    """They were seen when it was asked; what was sent again or read meanwhile stays as it is."""
    seen = {one.id: (one.posted_push_id, one.read_at) for one in same}
    rows = session.scalars(_THESE, {"ids": list(seen)}) if seen else ()
    changed = [
        {
            "id": row.id,
            "read_at": asked,
            "read_due_at": next_reading(row.posted_at, asked, there=True),
        }
        for row in rows
        if (row.push_id, row.read_at) == seen[row.id]
    ]
    bulk.update(session, Posting, changed)
    return len(changed)


_DUE = (
    select(
        Posting.id,
        Posting.doc_type,
        Posting.target_ref,
        Posting.posted_push_id,
        Posting.read_at,
    )
    .join(Reading, Reading.id == Posting.reading_id)
    .where(Posting.connection_id == bindparam("connection"), text(Posting.WATCHED))
    .where(Posting.read_due_at <= NOW, Posting.push_id == Posting.posted_push_id)
    .where(Posting.read_at > bindparam("since"), Posting.target_ref.is_not(None), Reading.same)
    .order_by(Posting.read_due_at, Posting.id)
    .limit(bindparam("most", type_=BigInteger))
)
_THESE = (
    select(Posting)
    .where(bulk.among_given(Posting.id, "ids"), text(Posting.WATCHED))
    .order_by(Posting.id)
    .with_for_update(skip_locked=True, key_share=True)
    .execution_options(populate_existing=True)
)
