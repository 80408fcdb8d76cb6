"""Who judges which records: due mark, lease and fence.

Here: claiming, putting back, taking leases from the dead. Not here: what is done under a claim. A
claim takes the due mark away, so that a wake during the judging is still there after it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import BigInteger, Executable, bindparam, exists, select, text, update
from sqlalchemy.orm import Session

from connectors.transport.fault_points import point
from holding.store import bulk, leases
from holding.store.database import Database
from holding.store.leases import DEATHS_ALONE
from holding.store.row_objects import Columns, of
from holding.tables import Company, Record
from holding.tables.columns import DUE, NOW, moment, moment_text
from rules.values.canonical import dumps
from rules.values.read_only import read_only

TOGETHER = 1  # crashes with others in hand: who has had one is judged alone


@read_only(frozen=True, slots=True)
class Claimed:
    """The right to store one judging of a record, as long as its fence is ours."""

    record_id: int
    fence: int
    crashes: int

    @property
    def poison(self) -> bool:
        """Whether workers died with this record alone in hand too often to try again."""
        return self.died_alone >= DEATHS_ALONE

    @property
    def died_alone(self) -> int:
        """How many workers died with this record alone in hand."""
        return max(0, self.crashes - TOGETHER)


def due_companies(session: Session, now: datetime) -> list[int]:
    """Companies that have rules and a due record: one probe of an index for each."""
    return list(session.scalars(_WITH_WORK, {"now": now}))


_DUE = exists().where(Record.company_id == Company.id, text(DUE), Record.due_at <= NOW)
_WITH_WORK = (
    select(Company.id).where(Company.ruleset_version_id.is_not(None), _DUE).order_by(Company.id)
)


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
        swept = leases.free(session, Record, now, longest)
        point("sweep.mid")
    return swept


def _crashed_waits(session: Session, company_id: int, waited: datetime) -> bool:
    """Whether a record that a worker died under has been due since then, whatever else is due."""
    return session.scalar(_FIRST_CRASHED, {"company": company_id, "now": waited}) is not None


_OF_COMPANY = Record.company_id == bindparam("company")
_FIRST_CRASHED = (
    select(Record.id).where(_OF_COMPANY, text(Record.CRASHED), Record.due_at <= NOW).limit(1)
)


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
    given = {
        "company": company_id,
        "now": now,
        "most": limit,
        "owner": owner,
        "until": now + timedelta(seconds=lease_seconds),
    }
    return list(_CLAIMED.each(session.execute(_taking(crashed), given)))


_CLAIMED = Columns(
    Claimed(record_id=of(Record.id), fence=of(Record.fence), crashes=of(Record.crashes))
)


@cache
def _taking(crashed: bool) -> Executable:
    due = (
        select(Record.id)
        .where(_OF_COMPANY, Record.due_at <= NOW)
        .where(text(Record.CRASHED if crashed else f"{DUE} AND crashes = 0"))
        .order_by(Record.due_at, Record.id)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(skip_locked=True, key_share=True)
    )
    return (
        update(Record)
        .where(Record.id.in_(due))
        .values(
            due_at=None,
            lease_owner=bindparam("owner"),
            lease_until=moment("until"),
            fence=Record.fence + 1,
        )
        .returning(*_CLAIMED.labelled)
        .execution_options(synchronize_session=False)
    )
