"""When a lease is over: on a row that somebody works on, and on a duty of one process at a time.

Here: one term, one way to take leases from workers that died for all tables that have them, and the
lease of a duty. Not here: giving leases of rows (each floor's claim.py).
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, bindparam, func, or_, select, text, update
from sqlalchemy.orm import Session

from holding.store import bulk
from holding.tables import Posting, Record, Run, Singleton
from holding.tables.columns import LEASED, NOW, moment, table_of

Leased = type[Record | Posting | Run]
NEVER = datetime.max.replace(tzinfo=UTC)
SLICE_SECONDS = 2.0  # a worker at one company; then it is the turn of others
DEATHS_ALONE = 3
"""So many workers have to die with one record, or one document, alone in hand before it is held. A
death with several in hand says nothing about any of them, and one with one alone may be a kill from
outside (docs/decisions/0037-killed-and-deadly.md).
"""


def free(session: Session, table: Leased, now: datetime, longest: timedelta | None) -> int:
    """Take the leases of this table that ran out: what was worked on is due again, and the crash is
    counted. How many they were.

    `longest` is how far ahead a lease may end, for a clock may be set back; None trusts the clock.
    """
    return len(session.scalars(_free(table), moments(now, longest)).all())


@cache
def _free(model: Leased) -> Executable:
    table = table_of(model)
    dead = (
        select(table.c.id)
        .where(text(LEASED), is_over(table.c.lease_until))
        .with_for_update(skip_locked=True, key_share=True)
    )
    return (
        update(table)
        .where(table.c.id.in_(dead))
        .values(
            due_at=func.coalesce(table.c.due_at, NOW),
            lease_owner=None,
            lease_until=None,
            crashes=table.c.crashes + 1,
        )
        .returning(table.c.id)
    )


def is_over(until: Any) -> ColumnElement[bool]:
    """Its time has passed; or it ends later than any lease can, because a clock was set back. A
    statement with it is given `moments`.
    """
    return or_(until < NOW, until > moment("latest"))


def moments(now: datetime, longest: timedelta | None) -> dict[str, datetime]:
    """What a statement with `is_over` in it is given."""
    return {"now": now, "latest": NEVER if longest is None else now + longest}


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
