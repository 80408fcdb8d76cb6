"""Leases on rows that a worker processes, and on duties that run in one process at a time."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, bindparam, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Posting, Record, Run, Singleton
from holding.db.models.columns import LEASED, NOW, moment, table_of

Leased = type[Record | Posting | Run]

NEVER = datetime.max.replace(tzinfo=UTC)

SLICE_SECONDS = 2.0  # a worker at one company; then it is the turn of others

DEATHS_ALONE = 3
"""Workers that must die while processing a record or document alone before it is held.

A death with several in hand does not show which caused it, and a single death may be a kill from
outside.
"""

_TABLE = Singleton.__table__.c

MOST: Final = 10

WINDOW: Final = timedelta(minutes=15)


def free(session: Session, table: Leased, now: datetime, longest: timedelta | None) -> int:
    """Release expired leases of this table: the rows are due again, and the crash is counted.
    Return how many.

    `longest` limits how far ahead a lease may end, because a clock may be set back. None trusts the
    clock.
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
    """Return the condition that a lease expired, or ends later than any lease can after a clock
    change.

    The statement needs the parameters of `moments`.
    """
    return or_(until < NOW, until > moment("latest"))


def moments(now: datetime, longest: timedelta | None) -> dict[str, datetime]:
    """Return the parameters of a statement with `is_over`."""
    return {"now": now, "latest": NEVER if longest is None else now + longest}


def take(session: Session, name: str, *, owner: str, until: datetime, now: datetime) -> bool:
    """Take the lease of a duty if it is free, expired or ours; return whether we have it."""
    parameters = {"duty": name, "mine": owner, "ends": until, **moments(now, 2 * (until - now))}
    if session.execute(_TAKE, parameters).first() is not None:
        return True
    row = {"name": name, "owner": owner, "until": until, "fence": 1}
    if bulk.insert_rows(session, Singleton, [row], returning=("name",), ignore=True):
        return True
    return (
        session.execute(_TAKE, parameters).first() is not None
    )  # whoever made it may have left it


def leave(session: Session, name: str, *, owner: str) -> None:
    """Release a duty before its lease ends."""
    session.execute(
        update(Singleton)
        .where(Singleton.name == name, Singleton.owner == owner)
        .values(owner=None, until=None)
    )


class Proof(StrEnum):
    """The kind of a failed proof, such as a password.

    The name of a failure counter starts with it and a colon.
    """

    SIGN_IN = "signin"
    CODE = "code"


def named(proof: Proof, subject: str) -> str:
    """Return the lease name of the counter of a subject's failed proofs."""
    return f"{proof}:{subject}"


def is_count() -> ColumnElement[bool]:
    """Return the condition that a row of the lease table is a failure counter."""
    return or_(*(Singleton.name.startswith(named(proof, "")) for proof in Proof))


def reached(
    session: Session, name: str, now: datetime, *, most: int | None = None, lock: bool = False
) -> bool:
    """Check whether too many failures were counted under this name: `most`, by default MOST.

    `lock` blocks other counts meanwhile.
    """
    count = session.get(Singleton, name, with_for_update=lock or None)
    limit = MOST if most is None else most
    return count is not None and _counts(count, now) and count.fence >= limit


def _counts(count: Singleton, now: datetime) -> bool:
    """Check whether these failures still count; a clock that was set back ends them."""
    return count.until is not None and now < count.until <= now + WINDOW


def add(session: Session, name: str, now: datetime) -> int:
    """Count one more failure and return the number. Old counters of this kind are deleted."""
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
    """Delete the failure counter after a success."""
    if count := session.get(Singleton, name):
        session.delete(count)


_TAKE = (
    update(Singleton.__table__)  # type: ignore[arg-type]
    .where(_TABLE.name == bindparam("duty"))
    .where(or_(_TABLE.owner == bindparam("mine"), _TABLE.until.is_(None), is_over(_TABLE.until)))
    .values(owner=bindparam("mine"), until=moment("ends"), fence=_TABLE.fence + 1)
    .returning(_TABLE.name)
)
