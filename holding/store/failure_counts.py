"""How often somebody failed to prove something, for each name: ten times in a quarter of an hour.

Here: the count, in rows of the table of leases whose fence counts. Not here: what is proved
(holding/access/sessions.py, holding/second_factor), limits of callers (portal).
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, delete, or_
from sqlalchemy.orm import Session

from holding.store import bulk
from holding.tables import Singleton

MOST: Final = 10
WINDOW: Final = timedelta(minutes=15)


class Proof(StrEnum):
    """What somebody fails to prove; the name of a count begins with it, and a colon."""

    SIGN_IN = "signin"
    CODE = "code"


def named(proof: Proof, whose: str) -> str:
    """The name under which the failures of somebody are counted."""
    return f"{proof}:{whose}"


def is_count() -> ColumnElement[bool]:
    """Whether a row of the table of leases is a count of failures, which is nobody's duty."""
    return or_(*(Singleton.name.startswith(named(proof, "")) for proof in Proof))


def reached(session: Session, name: str, now: datetime, *, lock: bool = False) -> bool:
    """Whether no more tries are taken under this name; `lock`: nobody else counts meanwhile."""
    count = session.get(Singleton, name, with_for_update=lock or None)
    return count is not None and _counts(count, now) and count.fence >= MOST


def add(session: Session, name: str, now: datetime) -> int:
    """One more failure; how many they are now. Old counts of the same kind, which is what stands
    before the colon of the name, go away.
    """
    session.execute(
        delete(Singleton)
        .where(
            Singleton.name.startswith(name.partition(":")[0] + ":"),
            Singleton.until <= now,
            Singleton.name != name,
        )
        .execution_options(synchronize_session=False)
    )
    count = session.get(Singleton, name, with_for_update=True)
    if count is None:  # or somebody fails for the first time at this moment
        bulk.insert_once(session, Singleton, {"name": name, "fence": 0})
        count = session.get_one(Singleton, name, with_for_update=True)
    if not _counts(count, now):
        count.fence, count.until = 0, now + WINDOW
    count.fence += 1
    session.flush()
    return count.fence


def forget(session: Session, name: str) -> None:
    """Whoever failed has proved it."""
    if count := session.get(Singleton, name):
        session.delete(count)


def _counts(count: Singleton, now: datetime) -> bool:
    """Whether these failures still count: not those of a clock that was set back since."""
    return count.until is not None and now < count.until <= now + WINDOW
