"""Who judges which records: due mark, lease and fence.

Here: claiming, putting back, taking leases from the dead. Not here: what is done under a claim. A
claim takes the due mark away, so that a wake during the judging is still there after it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, literal, select, text, update
from sqlalchemy.orm import Session

from connectors.kit.faults import point
from holding import bulk
from holding.database import Database
from holding.leases import over
from holding.models import Company, Record
from holding.models.base import DUE, LEASED
from holding.types import moment_text
from rules.canonical import dumps

POISON_CRASHES = 3


@dataclass(frozen=True, slots=True)
class Claimed:
    """The right to store one judging of a record, as long as its fence is ours."""

    record_id: int
    fence: int
    crashes: int

    @property
    def poison(self) -> bool:
        """Whether workers died under this record too often to try again."""
        return self.crashes >= POISON_CRASHES


def due_companies(session: Session, now: datetime) -> list[int]:
    """Companies that have rules and a due record: one probe of an index for each."""
    due = select(Record.id).where(Record.company_id == Company.id, text(DUE), Record.due_at <= now)
    query = select(Company.id).where(Company.ruleset_version_id.is_not(None), due.exists())
    return list(session.scalars(query.order_by(Company.id)))


def claim(
    database: Database,
    *,
    company_id: int,
    owner: str,
    now: datetime,
    limit: int,
    lease_seconds: float,
) -> list[Claimed]:
    """Take due records. One under which a worker died is taken alone, so that no record loses more
    than one lease to a neighbour: when no other is due, or when it has waited for half a lease.
    """
    point("claim.before")
    with database.write(many=True) as session:
        waited = now - timedelta(seconds=lease_seconds / 2)
        found: list[Claimed] = []
        if not _crashed_waits(session, company_id, waited):
            found = _take(session, company_id, owner, now, limit, lease_seconds, crashed=False)
        if not found:
            found = _take(session, company_id, owner, now, 1, lease_seconds, crashed=True)
    if found:
        point("claim.after_commit")
    return sorted(found, key=lambda one: one.record_id)


def put_back(session: Session, claims: Collection[Claimed], owner: str, due_at: datetime) -> None:
    """Give records back undone; they are due at that moment, or earlier if somebody woke them."""
    put_back_each(session, dict.fromkeys(claims, due_at), owner)


def put_back_each(session: Session, due: Mapping[Claimed, datetime], owner: str) -> None:
    """The same, each at its own moment; a claim that is another's by now gives nothing back."""
    if not due:
        return
    rows = [
        {"id": one.record_id, "fence": one.fence, "due_at": moment_text(at)}
        for one, at in due.items()
    ]
    statement = f"{bulk.given(session, 'v', _GIVEN_BACK)} {_GIVE_BACK}"
    session.execute(text(statement), {"rows": dumps(rows), "owner": owner})


_GIVEN_BACK = {"id": "bigint", "fence": "bigint", "due_at": "timestamptz"}
_GIVE_BACK = (
    "UPDATE record AS t SET due_at = coalesce(t.due_at, v.due_at), lease_owner = NULL,"
    " lease_until = NULL FROM v"
    " WHERE t.id = v.id AND t.fence = v.fence AND t.lease_owner = :owner"
)


def sweep_expired(database: Database, now: datetime, *, longest: timedelta | None = None) -> int:
    """Take leases that ran out: the records are due again, and the crash is counted."""
    with database.write() as session:
        ended = over(Record.lease_until, now, longest)
        expired = select(Record.id).where(text(f"record.{LEASED}"), ended)
        swept = session.execute(
            update(Record)
            .where(Record.id.in_(expired.with_for_update(key_share=True, skip_locked=True)))
            .values(
                due_at=func.coalesce(Record.due_at, literal(now, Record.due_at.type)),
                lease_owner=None,
                lease_until=None,
                crashes=Record.crashes + 1,
            )
            .returning(Record.id)
            .execution_options(synchronize_session=False)
        ).all()
        point("sweep.mid")
    return len(swept)


def _crashed_waits(session: Session, company_id: int, waited: datetime) -> bool:
    """Whether a record that a worker died under has been due since then, whatever else is due."""
    first = (
        select(Record.id)
        .where(Record.company_id == company_id, text(Record.CRASHED), Record.due_at <= waited)
        .limit(1)
    )
    return session.scalar(first) is not None


def _take(
    session: Session,
    company_id: int,
    owner: str,
    now: datetime,
    limit: int,
    lease_seconds: float,
    *,
    crashed: bool,
) -> list[Claimed]:
    due = (
        select(Record.id)
        .where(Record.company_id == company_id, Record.due_at <= now)
        .where(text(Record.CRASHED if crashed else f"{DUE} AND crashes = 0"))
        .order_by(Record.due_at, Record.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    taken: Sequence[tuple[int, int, int]] = session.execute(
        update(Record)
        .where(Record.id.in_(due))
        .values(
            due_at=None,
            lease_owner=owner,
            lease_until=now + timedelta(seconds=lease_seconds),
            fence=Record.fence + 1,
        )
        .returning(Record.id, Record.fence, Record.crashes)
        .execution_options(synchronize_session=False)
    ).all()
    return [Claimed(*row) for row in taken]
