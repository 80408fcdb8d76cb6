"""What waits while no worker runs, and how that is said.

Here: the counts of one company, or of all, and their sentences. Not here: whether a worker runs
(holding/platform/processes.py), starting one (clearpost worker).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Label,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Session

from holding.db.models import Company, Connection, Posting, Record, Schedule
from holding.db.models.columns import DUE, LEASED, NOW, among_words
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import duration, plural
from holding.platform import processes as heartbeats
from holding.platform.processes import Workers
from holding.platform.states import READY
from holding.posting.claims import RUNNING, STOPPED

MOST: Final = 10_000
"""More than that is not counted: every page would wait for it."""
TO_DO: Final = "Whoever runs Clearpost starts one: `clearpost up` or `clearpost worker`."


@dataclass(frozen=True, slots=True)
class IdleWork:
    """Work that is due and that nobody can do: records to be checked, documents to be sent or
    looked up, daily runs to be started. `since` is when a worker was seen last; None: never.
    """

    since: datetime | None
    minutes: int
    records: int
    documents: int
    runs: int

    @property
    def count(self) -> int:
        """How much waits, of all kinds."""
        return self.records + self.documents + self.runs

    @property
    def more(self) -> bool:
        """Whether more waits than was counted."""
        return max(self.records, self.documents, self.runs) > MOST

    @property
    def headline(self) -> str:
        """No worker for 11 min."""
        if self.since is None:
            return "No worker has run yet"
        if not self.minutes:
            return "No worker for less than a minute"
        return f"No worker for {duration(self.minutes)}"

    @property
    def waits(self) -> str:
        """What waits for one, as a sentence."""
        parts = [
            _counted(self.records, "record", "to be checked"),
            _counted(self.documents, "document", "to be sent"),
            _counted(self.runs, "daily run", "to start"),
        ]
        told = ", ".join(part for part in parts if part)
        return f"{told[0].upper()}{told[1:]}." if told else "Nothing is due now."

    @property
    def told(self) -> Mapping[str, object]:
        """The same for programs."""
        return {
            "what": f"{self.headline}.",
            "waits": self.waits,
            "todo": TO_DO,
            "seen_at": self.since.isoformat() if self.since else None,
            "records": self.records,
            "documents": self.documents,
            "runs": self.runs,
        }


def idle_work(
    session: Session, now: datetime, company_id: int | None = None, *, found: Workers | None = None
) -> IdleWork | None:
    """What waits for a worker in one company, or in all; None while a worker runs. `found`: the
    workers, where they are known already.
    """
    workers = found or heartbeats.workers(session, now)
    if workers.running:
        return None
    row = session.execute(
        _OF_ALL if company_id is None else _OF_ONE, {"now": now, "company": company_id}
    ).one()
    gone = (now - workers.seen_at).total_seconds() if workers.seen_at else 0.0
    return IdleWork(workers.seen_at, int(gone) // 60, row.records, row.documents, row.runs)


_ONE: Label[int] = literal_column("1").label("one")
_RECORDS = (
    select(_ONE)
    .join_from(Record, Company, Company.id == Record.company_id)
    .where(Company.ruleset_version_id.is_not(None))
)
_DOCUMENTS = (
    select(_ONE)
    .join_from(Posting, Connection, Connection.id == Posting.connection_id)
    .where(
        RUNNING,
        or_(
            among_words(Posting.state, IN_FLIGHT_STATES),
            and_(among_words(Posting.state, READY), ~STOPPED),
        ),
    )
)
_RUNS = (
    select(_ONE)
    .join_from(Schedule, Company, Company.id == Schedule.company_id)
    .where(Schedule.active, Schedule.next_at <= NOW, Company.live)
)


_COMPANY: BindParameter[int] = bindparam("company", type_=BigInteger())


def _due_or_left(
    found: Select[Any], table: type[Record | Posting], owner: Any, *, of_one: bool
) -> tuple[Select[Any], ...]:
    """What is due, and what a dead worker had in hand. Each is asked apart, and has an index:
    for both in one term SQLite reads every row of the company, and so it would for the second by
    the company alone.
    """
    due = found.where(text(f"{table.__tablename__}.{DUE}"), table.due_at <= NOW)
    left = found.where(text(f"{table.__tablename__}.{LEASED}"), table.lease_until <= NOW)
    if not of_one:
        return due, left
    return due.where(owner == _COMPANY), left.where(table.company_id + 0 == _COMPANY)


def _count(*found: Select[Any]) -> ScalarSelect[int]:
    """How many there are, of each no more than one above the most that is told."""
    some = [one.limit(MOST + 1).subquery().select() for one in found]
    return select(func.count()).select_from(union_all(*some).subquery()).scalar_subquery()


def _query(*, of_one: bool) -> Select[int, int, int]:
    """What waits in the company that is given, or in all."""
    records = _due_or_left(_RECORDS, Record, Record.company_id, of_one=of_one)
    documents = _due_or_left(_DOCUMENTS, Posting, Connection.company_id, of_one=of_one)
    runs = _RUNS.where(Schedule.company_id == _COMPANY) if of_one else _RUNS
    return select(
        _count(*records).label("records"),
        _count(*documents).label("documents"),
        _count(runs).label("runs"),
    )


_OF_ONE, _OF_ALL = _query(of_one=True), _query(of_one=False)
"""Made once: to make one takes longer than to run it, and while no worker runs every page asks."""


def _counted(count: int, one: str, what: str) -> str:
    if not count:
        return ""
    told = f"more than {plural(MOST, one)}" if count > MOST else plural(count, one)
    return f"{told} {'waits' if count == 1 else 'wait'} {what}"
