"""A duty that one process has at a time, under a lease.

Here: taking it, keeping it, giving it up. Not here: the duties.
"""

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.leases import over
from holding.models import Singleton


def take(session: Session, name: str, *, owner: str, until: datetime, now: datetime) -> bool:
    """Whether the duty is the owner's now; a lease that is over goes to whoever asks first."""
    if session.scalar(select(Singleton.name).where(Singleton.name == name)) is None:
        with session.begin_nested() as nested:
            session.add(Singleton(name=name))
            try:
                session.flush()
            except IntegrityError:
                nested.rollback()
    ended = over(Singleton.until, now, longest=2 * (until - now))
    taken = session.execute(
        update(Singleton)
        .where(Singleton.name == name)
        .where(or_(Singleton.owner == owner, Singleton.until.is_(None), ended))
        .values(owner=owner, until=until, fence=Singleton.fence + 1)
        .returning(Singleton.name)
        .execution_options(synchronize_session=False)
    )
    return taken.first() is not None


def leave(session: Session, name: str, *, owner: str) -> None:
    """Give the duty up, so that nobody has to wait for the end of its lease."""
    session.execute(
        update(Singleton)
        .where(Singleton.name == name, Singleton.owner == owner)
        .values(owner=None, until=None)
    )
