"""Postings that a look without a lock has seen to be due, and claiming them.

Here: what a pass reads of them with everything else that may wait, and one statement that takes
those that are still as they were seen. Not here: claims where the target sets a limit, or where
another worker was faster (posting_claims.py).
"""

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import ScalarSelect, bindparam, select
from sqlalchemy.orm import aliased

from holding.connections.channel import Channel, Desk
from holding.journal.posting_claims import CLAIM, TAKE, Claim, claimable, parted
from holding.lifecycle.states import READY
from holding.store import bulk
from holding.store.bulk import json_rows
from holding.tables import Posting
from holding.tables.columns import moment_of

CLAIMED_AT_ONCE = 10


def due_ones(connection: Any) -> ScalarSelect[str | None]:
    """The first that may be sent now of a connection, in no order."""
    due = aliased(Posting)
    first = (
        select(Posting.id)
        .where(*claimable(connection, READY))
        .order_by(Posting.due_at, Posting.id)
        .limit(CLAIMED_AT_ONCE)
        .correlate_except(Posting)
    )
    of_each = select(json_rows(due.id, due.crashes, due.due_at)).where(due.id.in_(first))
    return of_each.correlate_except(due).scalar_subquery()


def claim_seen(desk: Desk, channel: Channel, seen: str) -> tuple[tuple[Claim, ...], bool]:
    """Take what was seen (`due_ones`) and may still go; whether that is all that was due."""
    found = {key: (moment_of(due), crashes) for key, crashes, due in json.loads(seen)}
    order = sorted(found, key=lambda key: (found[key][0], key))
    ids = parted([(key, found[key][1]) for key in order], CLAIMED_AT_ONCE)
    with desk.database.write() as session:
        now = desk.clock.now()
        given = {"ids": ids, "owner": desk.owner, "until": now + desk.lease, "now": now}
        given["connection"] = channel.connection_id
        taken = CLAIM.each(session.execute(_TAKE_SEEN, given))
    claims = sorted(taken, key=lambda one: one.posting_id)
    whole = len(claims) == len(found) < CLAIMED_AT_ONCE
    return tuple(replace(one, due_at=found[one.posting_id][0]) for one in claims), whole


_STILL = (
    select(Posting.id)
    .where(bulk.among_given(Posting.id, "ids"), *claimable(bindparam("connection"), READY))
    .with_for_update(of=Posting, skip_locked=True, key_share=True)
    .correlate(None)
)
_TAKE_SEEN = TAKE.where(Posting.id.in_(_STILL))
