"""Show how long records wait, and list documents that are finished in the source but not posted."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Label, Row, Select, func, literal, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from holding.access import operations
from holding.db.bulk import Columns, known, of
from holding.db.kept_plans import KEPT, at_most
from holding.db.models import Cause, Connection, Hold, Person, Posting, Record, RouteStop, Team
from holding.db.models.decisions import is_open
from holding.db.models.postings import DAILY_RUN_OFF
from holding.db.models.rules import ROUTE_STOPPED
from holding.db.refusal import Sums, by_key, most_first
from holding.holds import tally_figures
from holding.holds.shapes import OwnerWait
from holding.holds.tally_figures import read_owner_waits
from holding.mappings.key_reach import unmapped_terms
from holding.platform import processes
from holding.platform.processes import Workers
from holding.rulesets import change_list
from holding.worklist.dashboard import load_owners_since
from rules.values.canonical import PostingState

STEPS = (("up to 1 day", 1), ("1 to 3 days", 3), ("3 to 7 days", 7), ("over 7 days", None))

A_PAGE = 50

LATE = text(" AND ".join(f"posting.{term}" for term in Posting.LATE.split(" AND ")))

# of the posting of a row: its oldest open hold, and how many there are
_oldest_hold = aliased(Hold, name="held")

_hold_of_posting = (_oldest_hold.posting_id == Posting.id, is_open(_oldest_hold.state))

_first = (
    select(_oldest_hold.id)
    .where(*_hold_of_posting)
    .order_by(_oldest_hold.opened_at, _oldest_hold.id)
    .limit(1)
)

_oldest = _first.correlate(Posting).scalar_subquery()

_number = (
    select(func.count(_oldest_hold.id))
    .where(*_hold_of_posting)
    .correlate(Posting)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class LateRow:
    """A late document: `reason` is the evaluation's text.

    With the oldest open hold that blocks it, its rule, cause and owner, and the number of holds.
    """

    id: int
    finished_at: datetime
    route: str
    state: PostingState
    reason: str
    due_at: datetime | None
    manual: bool
    status: str
    amount: int | None
    currency: str
    source: str
    kind: str
    external_id: str
    record: str
    hold_id: int | None
    rule: str | None
    cause: str | None
    owner: str | None
    holds: int

    @property
    def ready(self) -> bool:
        """Whether it waits only to be sent."""
        return self.state == PostingState.READY

    @property
    def decided_anew(self) -> bool:
        """Whether the rules must evaluate it again before it is sent."""
        return self.state in {PostingState.HELD, PostingState.WAITING, PostingState.FAILED}


LATE_ROW = Columns(
    LateRow(
        id=of(Posting.id),
        finished_at=known(Posting.finished_at),
        route=of(Posting.route),
        state=of(Posting.state),
        reason=of(Posting.reason),
        due_at=of(Posting.due_at),
        manual=of(DAILY_RUN_OFF.label("manual")),
        status=of(Record.status),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        record=of(Record.number),
        hold_id=of(Hold.id),
        rule=of(Hold.rule),
        cause=of(Cause.label),
        owner=of(func.coalesce(Person.name, Team.shown).label("owner")),
        holds=of(_number.label("holds")),
    ),
    {
        "source": "connection.name",
        "kind": "record.type",
        "record": "record.number",
        "cause": "cause.label",
    },
)

MOST: Final = 10_000
"""Upper limit of the count, so that the dashboard stays fast."""


@dataclass(frozen=True, slots=True)
class AgeingRow:
    """The open holds of one owner: a user, or a team for holds without a user."""

    person_id: int | None
    team_id: int
    owner: str
    records: int
    money: Sums
    refused: int
    overdue: int
    oldest: datetime
    ages: tuple[int, ...]


def ageing_by_owner(session: Session, company_id: int, now: datetime) -> tuple[AgeingRow, ...]:
    """Return the open holds by owner, largest amounts first."""
    edges = [now - timedelta(days=days) for _, days in STEPS if days]
    waits_by_owner: dict[tuple[int | None, int], list[OwnerWait]] = defaultdict(list)
    for wait in read_owner_waits(session, company_id, edges, now):
        waits_by_owner[wait.person_id, wait.team_id].append(wait)
    people = sorted(person for person, _ in waits_by_owner if person is not None)
    names = load_owners_since(session, company_id, people)
    owners = [
        _owner(owner, names[owner[0], owner[1] or None], [*edges, None], now, waits)
        for owner, waits in waits_by_owner.items()
        if sum(wait.records for wait in waits)
    ]
    return tuple(
        sorted(owners, key=lambda row: (*most_first(row.money), row.person_id or 0, row.team_id))
    )


def _owner(
    owner: tuple[int | None, int],
    owner_row: Row[Any],
    edges: Sequence[datetime | None],
    now: datetime,
    waits: Sequence[OwnerWait],
) -> AgeingRow:
    """Return the row of one owner from the tally entries."""
    ages, money, known_of = [0] * len(edges), Counter[str](), Counter[str]()
    for wait in waits:
        step = next(n for n, edge in enumerate(edges) if edge is None or wait.since > edge)
        ages[step] += wait.records
        money[wait.currency] += wait.minor
        known_of[wait.currency] += wait.records - wait.blank
    return AgeingRow(
        person_id=owner[0],
        team_id=owner[1],
        owner=owner_row.owner or "",
        records=sum(wait.records for wait in waits),
        money=by_key(
            (None, code, minor if known_of[code] else None) for code, minor in money.items()
        ).get(None, {}),
        refused=sum(wait.records for wait in waits if wait.refused),
        overdue=sum(wait.records for wait in waits if wait.answer_by < now),
        oldest=owner_row.since,
        ages=tuple(ages),
    )


@dataclass(frozen=True, slots=True)
class Late:
    """Some late documents, and their total number up to a limit."""

    rows: tuple[LateRow, ...]
    count: int

    @property
    def more(self) -> bool:
        """Whether there are more than were counted."""
        return self.count > MOST

    @property
    def counted(self) -> int:
        """The lowest possible number."""
        return min(self.count, MOST)


def load_late(
    session: Session, company_id: int, after: tuple[datetime, int] | None = None, most: int = A_PAGE
) -> Late:
    """Return the oldest late documents, after a position if given."""
    query = _first_late(company_id, most)
    if after is not None:
        query = query.where(tuple_(Posting.finished_at, Posting.id) > after)
    result = session.execute(query, execution_options=KEPT)
    read, rows = LATE_ROW.reader(result), result.all()
    return Late(tuple(map(read, rows)), rows[0].in_all if rows else 0)


@lru_cache(maxsize=256)
def _first_late(company_id: int, most: int) -> Select[Any]:
    late_terms = (Posting.company_id == company_id, LATE)
    # Limited in a subquery: no planner moves a join or a condition across a limit.
    some = select(Posting.id).where(*late_terms).limit(at_most(MOST + 1)).subquery()
    in_all = select(func.count()).select_from(some).scalar_subquery()
    return (
        LATE_ROW.select(in_all.label("in_all"))
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Hold, Hold.id == _oldest)
        .outerjoin(Cause, Cause.id == Hold.cause_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(*late_terms)
        .order_by(Posting.finished_at, Posting.id)
        .limit(at_most(most))
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts in every page's frame.

    Records with open holds, missing mapping values, rule changes to publish, access requests to
    answer, workers, and stopped routes.
    """

    held: int
    missing: int
    changes: int
    requests: int
    workers: Workers
    stopped: tuple[str, ...] = ()


def load_counts(
    session: Session,
    company_id: int,
    now: datetime,
    *,
    publisher: int | None = None,
    admin: bool = False,
) -> Counts:
    """Return the counts for a page's frame.

    `publisher` is the reader's id if they publish rules; `admin`: the reader manages users.
    """
    query = _query(
        tally_figures.held_count_query(session, company_id), company_id, publisher, admin
    )
    row = session.execute(query, processes.worker_query_values(now), execution_options=KEPT).one()
    return Counts(
        held=row.held,
        missing=row.missing,
        changes=row.changes,
        requests=row.requests,
        workers=processes.read_workers(row, now),
        stopped=tuple(sorted(set((row.stopped or "").split()))),
    )


@lru_cache(maxsize=256)
def _query(
    held_query: Select[int], company_id: int, publisher: int | None, admin: bool
) -> Select[Any]:
    """Build the query once per reader, because building it takes longer than running it."""
    changes = change_list.waiting_count(company_id, publisher) if publisher else literal(0)
    request_count = operations.count_requests(company_id).scalar_subquery() if admin else literal(0)
    query = select(held_query.scalar_subquery().label("held"), changes.label("changes"))
    query = query.add_columns(*_of(company_id), request_count.label("requests"))
    return query.add_columns(*processes.worker_columns())


def _of(company_id: int) -> tuple[Label[Any], ...]:
    """Return the columns for missing entries and stopped routes."""
    missing = select(func.count()).where(*unmapped_terms(company_id)).scalar_subquery()
    stopped = (
        select(func.aggregate_strings(RouteStop.route, " "))
        .where(RouteStop.company_id == company_id, ROUTE_STOPPED)
        .scalar_subquery()
    )
    return missing.label("missing"), stopped.label("stopped")
