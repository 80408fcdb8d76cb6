"""Report work that waits too long, or waits because no worker runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Label,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import SQLColumnExpression

from holding.connections import limits
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Company,
    Connection,
    Posting,
    Push,
    Record,
    Schedule,
    Throttle,
    Version,
)
from holding.db.models.columns import DUE, LEASED, NOW, BreakerState, Moment, among_words, is_word
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import duration, plural, seconds_since
from holding.platform import processes
from holding.platform.processes import Workers
from holding.platform.states import READY
from holding.posting.claims import RUNNING, STOPPED, without_trouble
from holding.rulesets.target_ways import LONG, Late
from rules.values.canonical import PostingState

MOST: Final = 10_000
"""More than that is not counted: every page would wait for it."""

TO_DO: Final = "Whoever runs Clearpost starts one: `clearpost up` or `clearpost worker`."

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

_AWAY: Final = (
    Throttle.breaker != BreakerState.CLOSED
)  # it does not answer, or does not accept our key

_NOBODY: Final = literal("")

_MINE: Final = bindparam("waits_company", type_=BigInteger)

_LATE: Final = bindparam("waits_before", type_=Moment)

_OPEN: Final = f"posting.{Posting.OPEN}"

_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)


class Part(StrEnum):
    """The part of a record's path that the work waits for."""

    OURS = "our queue"
    SOURCE = "source queue"
    TARGET = "target"
    QUOTA = "quota"


_HEADS: Final[Mapping[Part, str]] = {
    Part.OURS: "Our queue",
    Part.SOURCE: "Source queue",
    Part.TARGET: "Accounting system",
    Part.QUOTA: "Quota",
}

Waited = Mapping[tuple[Part, str], tuple[int, timedelta]]
"""Part and connection -> the number of waiting items, and the longest wait."""

_NEXT_STEP: Final = {
    Part.OURS: "Check the workers.",
    Part.SOURCE: "Ask the support of the source about its retry queue.",
    Part.TARGET: "Its connection says why. Nothing is sent twice.",
    Part.QUOTA: "Raise the plan in the accounting system, or wait for the next month.",
}


@dataclass(frozen=True, slots=True)
class IdleWork:
    """Due work without a worker: records to check, documents to send or look up, daily runs.

    `since` is when a worker was last seen, None for never.
    """

    since: datetime | None
    minutes: int
    records: int
    documents: int
    runs: int

    @property
    def count(self) -> int:
        """The number of waiting records, documents and runs."""
        return self.records + self.documents + self.runs

    @property
    def more(self) -> bool:
        """Whether a count has passed its limit MOST, so that more work may wait than it shows."""
        return max(self.records, self.documents, self.runs) > MOST

    @property
    def headline(self) -> str:
        """The title, such as "No worker for 11 min"."""
        if self.since is None:
            return "No worker has run yet"
        if not self.minutes:
            return "No worker for less than a minute"
        return f"No worker for {duration(self.minutes)}"

    @property
    def waits(self) -> str:
        """The waiting work as a sentence."""
        parts = [
            _counted(self.records, "record", "to be checked"),
            _counted(self.documents, "document", "to be sent"),
            _counted(self.runs, "daily run", "to start"),
        ]
        sentence = ", ".join(part for part in parts if part)
        return f"{sentence[0].upper()}{sentence[1:]}." if sentence else "Nothing is due now."

    @property
    def told(self) -> Mapping[str, object]:
        """Return the figures as plain values for programs."""
        return {
            "what": f"{self.headline}.",
            "waits": self.waits,
            "todo": TO_DO,
            "seen_at": self.since.isoformat() if self.since else None,
            "records": self.records,
            "documents": self.documents,
            "runs": self.runs,
        }


def _counted(count: int, noun: str, what: str) -> str:
    if not count:
        return ""
    waiting = f"more than {plural(MOST, noun)}" if count > MOST else plural(count, noun)
    return f"{waiting} {'waits' if count == 1 else 'wait'} {what}"


def idle_work(
    session: Session,
    now: datetime,
    company_id: int | None = None,
    *,
    counted_workers: Workers | None = None,
) -> IdleWork | None:
    """Return what waits for a worker, in one company or all; None while a worker runs.

    `counted_workers` saves counting them again.
    """
    workers = counted_workers or processes.count_workers(session, now)
    if workers.running:
        return None
    row = session.execute(
        _OF_ALL if company_id is None else _OF_ONE, {"now": now, "company": company_id}
    ).one()
    silent_seconds = seconds_since(workers.seen_at, now) if workers.seen_at else 0.0
    return IdleWork(
        workers.seen_at, int(silent_seconds) // 60, row.records, row.documents, row.runs
    )


@dataclass(frozen=True, slots=True)
class LongWait:
    """Records or documents that wait too long in one part of their path.

    `connection` names the source or target that they wait for. It is blank if they wait for our own
    workers. `minutes`: the longest wait.
    """

    part: Part
    connection: str
    count: int
    minutes: int

    @property
    def headline(self) -> str:
        """The title, such as "Our queue" or "Source queue: netshop"."""
        if not self.connection:
            return _HEADS[self.part]
        return f"{_HEADS[self.part]}: {self.connection}"

    @property
    def words(self) -> str:
        """The waiting work and its age, in words."""
        long = duration(self.minutes)
        if self.part is Part.OURS:
            waiting = plural(self.count, "item waits", "items wait")
            return f"{waiting} for a worker, the oldest for {long}."
        if self.part is Part.SOURCE:
            changes = plural(self.count, "change")
            return f"{changes} arrived late in the last hour, the latest {long} after it was made."
        documents = plural(self.count, "document waits", "documents wait")
        if self.part is Part.TARGET:
            return f"{documents} for its answer, the oldest for {long}."
        return f"{documents} beyond the monthly limit, the oldest for {long}."

    @property
    def todo(self) -> str:
        """The person or system that can end the wait, as a sentence."""
        return _NEXT_STEP[self.part]


def load_waits(session: Session, company_id: int, now: datetime) -> Waited:
    """Return a company's work that has waited longer than ten minutes."""
    values = limits.moments(now) | limits.months(session, now)
    values |= {_MINE.key: company_id, _LATE.key: now - LONG}
    waits_by_place: dict[tuple[Part, str], tuple[int, datetime]] = {}
    for part, name, count, since in session.execute(_waiting(), values, execution_options=KEPT):
        if count:
            place = (Part(part), name)
            before = waits_by_place.get(place, (0, since))
            waits_by_place[place] = (before[0] + count, min(before[1], since))
    return {
        place: (count, max(timedelta(), now - since))
        for place, (count, since) in waits_by_place.items()
    }


@cache
def _waiting() -> CompoundSelect[Any]:
    """Return one statement for all that waits, part by part.

    It is cached, because building it takes longer than running it.
    """
    parts = _parts()
    return union_all(*(select(literal(part.value), *query.subquery().c) for part, query in parts))


def _parts() -> Iterator[tuple[Part, Select[Any, Any, Any]]]:
    """Yield the selects of (connection, count, since), each of one part."""
    yield Part.OURS, _records(Record.company_id, _due(Record))
    # of what is leased there is little: no index of the company's rows may be taken for it
    yield Part.OURS, _records(Record.company_id + 0, _left(Record))
    yield Part.OURS, _documents(_due(Posting))
    yield Part.OURS, _documents(_left(Posting))
    yield Part.OURS, _runs()
    yield Part.TARGET, _under_way()
    yield Part.TARGET, _away()
    yield Part.QUOTA, _over_quota()


def _records(
    company_column: SQLColumnExpression[int], waits: ColumnElement[bool]
) -> Select[Any, Any, Any]:
    """Return records to check: due and not leased, or with an expired lease."""
    since = func.min(func.coalesce(Record.due_at, Record.lease_until)).label("since")
    return (
        select(_NOBODY, func.count(), since)
        .select_from(Record)
        .join(Company, Company.id == company_column)
        .where(company_column == _MINE, Company.ruleset_version_id.is_not(None), waits)
    )


def _due(table: type[Record | Posting]) -> ColumnElement[bool]:
    """Return the condition for due and not leased.

    Expired leases are queried separately, because each has its own index and SQLite would scan the
    company for one combined condition.
    """
    return and_(text(f"{table.__tablename__}.{DUE}"), _long_ago(table.due_at))


def _long_ago(moment: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Return the condition for longer ago than allowed.

    The range has a lower end, too: without one PostgreSQL's planner expects a third of the table.
    """
    return and_(moment >= _FIRST, moment <= _LATE)


def _left(table: type[Record | Posting]) -> ColumnElement[bool]:
    """Return the condition for expired leases, which are few and have an index."""
    return and_(text(f"{table.__tablename__}.{LEASED}"), _long_ago(table.lease_until))


def _documents(waits: ColumnElement[bool]) -> Select[Any, Any, Any]:
    """Return documents to send or look up: due or with an expired lease, for open targets."""
    since = func.min(func.coalesce(Posting.due_at, Posting.lease_until)).label("since")
    return (
        select(_NOBODY, func.count(), since)
        .select_from(Posting)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Connection.company_id == _MINE, RUNNING, ~STOPPED)
        .where(without_trouble(or_(_AWAY, limits.HELD_OFF, limits.SPENT)), waits)
        .where(among_words(Posting.state, (PostingState.READY, *IN_FLIGHT_STATES)))
    )


def _runs() -> Select[Any, Any, Any]:
    """Return daily runs whose hour has passed."""
    return (
        select(_NOBODY, func.count(), func.min(Schedule.next_at).label("since"))
        .select_from(Schedule)
        .join(Company, Company.id == Schedule.company_id)
        .where(Schedule.company_id == _MINE, Schedule.active, Company.live)
        .where(_long_ago(Schedule.next_at))
    )


def _under_way() -> Select[Any, Any, Any]:
    """Return sent documents without an answer."""
    return (
        select(Connection.name, func.count(), func.min(Push.made_at).label("since"))
        .select_from(Posting)
        .join(Push, Push.id == Posting.push_id)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.company_id == _MINE, text(_OPEN))
        .where(among_words(Posting.state, IN_FLIGHT_STATES), _long_ago(Push.made_at))
        .group_by(Connection.name)
    )


def _away() -> Select[Any, Any, Any]:
    """Return ready documents of targets that are out of reach, refuse the key, or pause."""
    since = func.coalesce(Throttle.opened_at, Posting.due_at)
    return (
        _ready(func.min(since))
        .join(Throttle, Throttle.connection_id == Connection.id)
        .where(or_(_AWAY, limits.HELD_OFF), _long_ago(since))
    )


def _ready(since: ColumnElement[Any]) -> Select[Any, Any, Any]:
    """Return documents that wait for a target which is not paused."""
    return (
        select(Connection.name, func.count(), since.label("since"))
        .select_from(Posting)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.company_id == _MINE, text(_OPEN), Connection.paused_at.is_(None))
        .where(is_word(Posting.state, PostingState.READY))
        .group_by(Connection.name)
    )


def _over_quota() -> Select[Any, Any, Any]:
    """Return ready documents beyond the target's monthly quota."""
    return (
        _ready(func.min(Version.at))
        .join(Version, Version.id == Posting.version_id)
        .join(Throttle, Throttle.connection_id == Connection.id)
        .where(limits.SPENT, _long_ago(Version.at))
    )


def long_waits(waited: Waited, late: Late) -> tuple[LongWait, ...]:
    """Return what has waited longer than ten minutes, part by part, with late sources.

    The result is empty while everything works.
    """
    waits = {**waited, **{(Part.SOURCE, name): wait for name, wait in late.items()}}
    order = list(Part)
    return tuple(
        LongWait(part, name, count, int(length.total_seconds()) // 60)
        for (part, name), (count, length) in sorted(
            waits.items(), key=lambda entry: (order.index(entry[0][0]), entry[0][1])
        )
    )


def _due_or_left(
    query: Select[Any], table: type[Record | Posting], owner: Any, *, of_one: bool
) -> tuple[Select[Any], ...]:
    """Return the selects of due rows and of rows with an expired lease.

    They are separate, because SQLite would scan the company for one combined condition.
    """
    due = query.where(text(f"{table.__tablename__}.{DUE}"), table.due_at <= NOW)
    expired = query.where(text(f"{table.__tablename__}.{LEASED}"), table.lease_until <= NOW)
    if not of_one:
        return due, expired
    return due.where(owner == _COMPANY), expired.where(table.company_id + 0 == _COMPANY)


def _count(*queries: Select[Any]) -> ScalarSelect[int]:
    """Return the count of rows, limited to one above the highest count that is shown."""
    some = [query.limit(MOST + 1).subquery().select() for query in queries]
    return select(func.count()).select_from(union_all(*some).subquery()).scalar_subquery()


def _query(*, of_one: bool) -> Select[int, int, int]:
    """Return the query for what waits in the given company, or in all."""
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
