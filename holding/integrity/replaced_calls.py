"""What a call sent, when the call was refused as a whole and its documents went in others.

Here: taking such bodies away some time after the last of their documents came to its end. Not here:
what made them (calls.py). The hash of what was sent stays, and all that was answered; what the
documents were stands with each push.
"""

from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select, text, update
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import Attempt, Push, Request
from holding.db.models.columns import NOW, AttemptState, moment, table_of

PORTION = 100  # bodies in one transaction: others write, too

_REQUEST, _ATTEMPT, _PUSH = table_of(Request), table_of(Attempt), table_of(Push)


def remove_bodies(database: Database, now: datetime, *, kept: timedelta) -> int:
    """Take away the bodies of calls that were refused and replaced, and whose documents all came to
    an end that long ago; how many they were.
    """
    removed = 0
    while True:
        with database.write() as session:
            portion = _remove(session, now, now - kept)
        removed += portion
        if portion < PORTION:
            return removed


def _remove(session: Session, now: datetime, long_ago: datetime) -> int:
    return len(session.scalars(_REMOVE, {"now": now, "long_ago": long_ago}).all())


_MINE = _ATTEMPT.c.request_id == _REQUEST.c.id
_SPLIT = exists().where(_MINE, _ATTEMPT.c.state == AttemptState.SPLIT)
_LATELY = exists().where(
    _MINE,
    _PUSH.c.id == _ATTEMPT.c.push_id,
    or_(_PUSH.c.closed_at.is_(None), _PUSH.c.closed_at > moment("long_ago")),
)
_FOLLOWER = _REQUEST.alias("follower")
_FOLLOWED = select(_FOLLOWER.c.parent_id).where(text("follower.parent_id IS NOT NULL"))
_REMOVE = (
    update(_REQUEST)
    .where(
        _REQUEST.c.id.in_(
            select(_REQUEST.c.id)
            .where(_REQUEST.c.id.in_(_FOLLOWED), _REQUEST.c.body.is_not(None), _SPLIT, ~_LATELY)
            .order_by(_REQUEST.c.id)
            .limit(PORTION)
        )
    )
    .values(body=None, body_removed_at=NOW)
    .returning(_REQUEST.c.id)
)
