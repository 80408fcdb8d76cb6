"""A duty that one process has at a time, under a lease.

Here: taking it, keeping it, giving it up. Not here: the duties.
"""

from datetime import datetime

from sqlalchemy import bindparam, or_, update
from sqlalchemy.orm import Session

from holding import bulk
from holding.leases import is_over, moments
from holding.models import Singleton
from holding.models.base import moment

_TABLE = Singleton.__table__.c
_TAKE = (
    update(Singleton.__table__)  # type: ignore[arg-type]
    .where(_TABLE.name == bindparam("duty"))
    .where(or_(_TABLE.owner == bindparam("mine"), _TABLE.until.is_(None), is_over(_TABLE.until)))
    .values(owner=bindparam("mine"), until=moment("ends"), fence=_TABLE.fence + 1)
    .returning(_TABLE.name)
)


def take(session: Session, name: str, *, owner: str, until: datetime, now: datetime) -> bool:
    """Whether the duty is the owner's now; a lease that is over goes to whoever asks first."""
    given = {"duty": name, "mine": owner, "ends": until, **moments(now, 2 * (until - now))}
    if session.execute(_TAKE, given).first() is not None:
        return True
    first = {"name": name, "owner": owner, "until": until, "fence": 1}
    if bulk.insert(session, Singleton, [first], returning=("name",), ignore=True):
        return True
    return session.execute(_TAKE, given).first() is not None  # whoever made it may have left it


def leave(session: Session, name: str, *, owner: str) -> None:
    """Give the duty up, so that nobody has to wait for the end of its lease."""
    session.execute(
        update(Singleton)
        .where(Singleton.name == name, Singleton.owner == owner)
        .values(owner=None, until=None)
    )
