"""Set the cutover date, check readiness, and start sending a company's documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Executable, Select, and_, case, func, select
from sqlalchemy.orm import Session

from holding.access.actors import ACTS, Actor, may
from holding.company.dry_run import LastDryRun, count_arrivals, last_dry_run
from holding.company.first_company import closed_books_fault
from holding.connections.master_data import RATE
from holding.db.bulk import Columns, of, whole_sum
from holding.db.models import (
    Cause,
    Change,
    Company,
    Connection,
    Delivery,
    MappingEntry,
    MappingTable,
    Membership,
    Person,
    Posting,
    Record,
    RulesetVersion,
    Snapshot,
    Throttle,
)
from holding.db.models.columns import BreakerState, RecordState
from holding.db.refusal import Refusal, Sums, by_key, check_figure, of_posting, plural, sums
from holding.mappings.key_reach import unmapped_terms
from holding.platform.changes import lock_company, next_revision, wake_records
from holding.platform.events import record_event
from holding.rulesets.publication import OPEN_STATES
from rules.values.canonical import PostingState


class Step(StrEnum):
    """A step of the checklist, in their order."""

    SOURCE = "source"
    TARGET = "target"
    RULES = "rules"
    PEOPLE = "people"
    MAPPINGS = "mappings"
    DRY_RUN = "dry_run"
    CUTOVER = "cutover"
    GO_LIVE = "go_live"


NAMES = {
    Step.SOURCE: "source",
    Step.TARGET: "accounting system",
    Step.RULES: "rules",
    Step.DRY_RUN: "dry run",
    Step.CUTOVER: "cutover",
}

NEEDED = (Step.SOURCE, Step.TARGET, Step.RULES, Step.DRY_RUN, Step.CUTOVER)
"""What going live insists on. People are needed to publish rules; what lacks a mapping is held."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An unpublished change of the rules."""

    no: int
    title: str
    author_id: int | None
    author: str | None


_CHANGE = Columns(
    Waiting(
        no=of(Change.no),
        title=of(Change.title),
        author_id=of(Change.author_id),
        author=of(Person.name),
    ),
    {"author": "person.name"},
)


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of one type for one target, with their money."""

    target: str
    doc_type: str
    count: int
    money: Sums


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What is ready to be sent when the company goes live.

    `to_check` records and the records of `to_read` deliveries and files may still join it.
    """

    documents: Sequence[Documents]
    count: int
    money: Sums
    to_check: int
    to_read: int

    @property
    def figure(self) -> int:
        """A check figure that changes with the money to be sent. It is never shown."""
        return check_figure(self.money)


def suggested_start(closed_through: date | None, now: datetime, zone: str) -> date:
    """Return the day after the closed books, or the first of this month."""
    if closed_through is not None:
        return closed_through + timedelta(days=1)
    return now.astimezone(ZoneInfo(zone)).date().replace(day=1)


def set_cutover(
    session: Session,
    actor: Actor,
    starts_on: date,
    now: datetime,
    closed_through: date | None = None,
) -> Refusal | None:
    """Set the cutover date: only documents of this day or later are posted.

    `closed_through` corrects the last closed day of the books; None leaves it as it is. Every
    record is evaluated again.
    """
    refusal = may(actor, "company.setup")
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = lock_company(session, actor.company_id)
    if company.live:
        return _live_already(company)
    closed = closed_through or company.closed_through
    today = now.astimezone(ZoneInfo(company.zone)).date()
    if refusal := closed_books_fault(closed_through, today):
        return refusal
    if closed is not None and starts_on <= closed:
        words = f"You cannot start on {starts_on}, because the books are closed through {closed}."
        hint = f"Enter {closed + timedelta(days=1)} or a later day."
        return Refusal("cutover.closed", words, hint, 422)
    corrected = closed != company.closed_through
    if company.starts_on == starts_on and not corrected:
        return None
    next_revision(
        session,
        company.id,
        kind="setting",
        what=f"cutover date {starts_on}",
        person_id=actor.person_id,
        reason="set-up",
        now=now,
    )
    company.starts_on, company.closed_through = starts_on, closed
    session.flush()
    records = session.scalars(select(Record.id).where(Record.company_id == company.id)).all()
    wake_records(session, records, now)
    say = f"{actor.name} set the cutover date to {starts_on}: earlier documents are not posted."
    if corrected:
        say += f" The books are closed through {closed}."
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="company.cutover",
        body={"say": say, "starts_on": starts_on.isoformat()},
    )
    return None


def _live_already(company: Company) -> Refusal:
    words = f"{company.name} is live already."
    return Refusal("live.already", words, "The dashboard shows what is posted and what is on hold.")


def first_run(session: Session, company_id: int, now: datetime) -> FirstRun:
    """Return what would be sent first if the company went live now."""
    currency, minor = of_posting()
    rows = session.execute(
        select(
            Connection.name,
            Posting.doc_type,
            currency,
            func.count().label("documents"),
            whole_sum(minor).label("minor"),
        )
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.company_id == company_id, Posting.state == PostingState.READY)
        .group_by(Connection.name, Posting.doc_type, currency)
        .order_by(Connection.name, Posting.doc_type)
    ).all()
    places = dict.fromkeys((row.name, row.doc_type) for row in rows)
    money = by_key(((row.name, row.doc_type), row.currency, row.minor) for row in rows)
    counts = {
        place: sum(row.documents for row in rows if (row.name, row.doc_type) == place)
        for place in places
    }
    total = by_key((None, row.currency, row.minor) for row in rows).get(None, {})
    due = select(func.count()).where(Record.company_id == company_id, Record.due_at <= now)
    return FirstRun(
        documents=[
            Documents(
                target=place[0],
                doc_type=place[1],
                count=counts[place],
                money=money.get(place, {}),
            )
            for place in places
        ],
        count=sum(counts.values()),
        money=total,
        to_check=session.scalars(due).one(),
        to_read=count_arrivals(session, company_id),
    )


def go_live(
    session: Session, actor: Actor, expected_count: int, expected_figure: int, now: datetime
) -> FirstRun | Refusal:
    """Send from now on; refused while a step is left, and where the first run is not as shown."""
    refusal = may(actor, "company.setup")
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = lock_company(session, actor.company_id)
    refusal = _live_already(company) if company.live else not_ready(checklist(session, company.id))
    if refusal:
        return refusal
    run = first_run(session, company.id, now)
    if (run.count, run.figure) != (expected_count, expected_figure):
        total = sums(run.money, company.currency)
        words = (
            f"You cannot go live yet, because the first run changed: {_documents(run)}, {total}."
        )
        return Refusal("live.changed", words, "Look at the new numbers, then go live.")
    company.live, company.went_live_at = True, now
    session.flush()
    total = sums(run.money, company.currency)
    say = (
        f"{actor.name} took {company.name} live, from document date {company.starts_on}."
        f" First run: {_documents(run)}, {total}."
    )
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="company.went_live",
        body={"say": say, "documents": run.count, "money": dict(run.money)},
    )
    return run


def _documents(run: FirstRun) -> str:
    return plural(run.count, "document")


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection of the company, and since when it is proved: the last delivery of a source, the
    last passed test of a target.
    """

    name: str
    connector: str
    proved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """The figures of every step.

    `publishers` can publish rules. `approvers` can approve what the rules in force checked, which
    their publisher cannot.
    """

    sources: Sequence[Connected]
    targets: Sequence[Connected]
    ruleset_no: int | None
    published_at: datetime | None
    change: Waiting | None
    people: int
    publishers: Sequence[str]
    approvers: Sequence[str]
    mapped: int
    missing: int
    checked: int
    to_check: int
    dry_run: LastDryRun | None
    closed_through: date | None
    starts_on: date | None

    def done(self, step: Step) -> bool:
        """Check whether a step needs nothing more."""
        proved = {Step.SOURCE: self.sources, Step.TARGET: self.targets}
        if step in proved:
            return any(connection.proved_at for connection in proved[step])
        return {
            Step.RULES: self.ruleset_no is not None,
            Step.PEOPLE: self.people > 1 and bool(self.publishers),
            Step.MAPPINGS: self.ruleset_no is not None and bool(self.checked) and not self.missing,
            Step.DRY_RUN: self.dry_run is not None and self.dry_run.records > 0,
            Step.CUTOVER: self.starts_on is not None,
            Step.GO_LIVE: False,
        }[step]

    @property
    def left(self) -> tuple[Step, ...]:
        """The steps that going live waits for."""
        return tuple(step for step in NEEDED if not self.done(step))

    @property
    def current(self) -> Step:
        """Return the first open step; a change without a publisher needs the people first."""
        open_steps = [step for step in Step if not self.done(step)]
        unpublished = open_steps[0] == Step.RULES and self.change is not None
        return Step.PEOPLE if unpublished and Step.PEOPLE in open_steps else open_steps[0]

    @property
    def count_done(self) -> int:
        """The number of completed steps."""
        return sum(self.done(step) for step in Step)


def not_ready(steps: Checklist) -> Refusal | None:
    """Return why the company cannot go live yet, or None."""
    if not steps.left:
        return None
    open_steps, names = steps.left, [NAMES[step] for step in steps.left]
    step_names = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    words = (
        f"You cannot go live yet, because {step_names} {'is' if len(open_steps) == 1 else 'are'}"
        " not done."
    )
    return Refusal("live.not_ready", words, "The checklist says what each step needs.")


def checklist(session: Session, company_id: int) -> Checklist:
    """Return the checklist of a company that is not live yet."""
    row = session.execute(_company(company_id)).one()
    connections = session.execute(_connections(company_id)).all()
    return Checklist(
        sources=[
            _connected(connection, connection.delivered_at)
            for connection in connections
            if connection.side == "source"
        ],
        targets=[
            _connected(connection, connection.tested_at)
            for connection in connections
            if connection.side == "target"
        ],
        ruleset_no=row.no,
        published_at=row.published_at,
        change=_CHANGE.first(session.execute(_change(company_id, row.ruleset_version_id))),
        people=row.people,
        publishers=session.scalars(_able(company_id, "rules.publish")).all(),
        approvers=session.scalars(
            _able(company_id, "posting.approve").where(
                Person.id.is_distinct_from(row.published_by_id)
            )
        ).all(),
        mapped=row.mapped,
        missing=row.missing,
        checked=row.records - row.to_check,
        to_check=row.to_check,
        dry_run=last_dry_run(session.get_one(Company, company_id)),
        closed_through=row.closed_through,
        starts_on=row.starts_on,
    )


def _company(company_id: int) -> Select[Any]:
    """Return the select of the company, its rules in force, and its counts."""
    of_company = Record.company_id == company_id
    counts = {
        "people": select(func.count(func.distinct(Membership.person_id)))
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.company_id == company_id, Person.active),
        "mapped": select(func.count())
        .select_from(MappingEntry)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id)
        .where(MappingEntry.to_revision.is_(None), MappingEntry.value.is_not(None)),
        "missing": select(func.count()).select_from(Cause).where(*unmapped_terms(company_id)),
        "records": select(func.count()).select_from(Record).where(of_company),
        "to_check": select(func.count())
        .select_from(Record)
        .where(of_company, Record.state == RecordState.RECEIVED),
    }
    return (
        select(
            Company.closed_through,
            Company.starts_on,
            Company.ruleset_version_id,
            RulesetVersion.no,
            RulesetVersion.published_at,
            RulesetVersion.published_by_id,
            *(query.scalar_subquery().label(name) for name, query in counts.items()),
        )
        .outerjoin(RulesetVersion, RulesetVersion.id == Company.ruleset_version_id)
        .where(Company.id == company_id)
    )


def _connections(company_id: int) -> Executable:
    delivered = (
        select(func.max(Delivery.received_at))
        .where(Delivery.source_id == Connection.id, Delivery.error.is_(None))
        .scalar_subquery()
    )
    tested = (
        select(func.max(Snapshot.checked_at))
        .where(Snapshot.connection_id == Connection.id, Snapshot.kind != RATE)
        .scalar_subquery()
    )
    reached = func.coalesce(Throttle.breaker, BreakerState.CLOSED) == BreakerState.CLOSED
    usable = and_(reached, Connection.untested_since.is_(None))
    return (
        select(
            Connection.name,
            Connection.connector,
            Connection.side,
            delivered.label("delivered_at"),
            case((usable, tested)).label("tested_at"),
        )
        .outerjoin(Throttle, Throttle.connection_id == Connection.id)
        .where(Connection.company_id == company_id)
        .order_by(Connection.id)
    )


def _connected(row: Any, proved_at: datetime | None) -> Connected:
    return Connected(row.name, row.connector, proved_at)


def _change(company_id: int, base_id: int | None) -> Select[Any]:
    """Return the select of the newest change that can still be published.

    Other changes were made for other rules.
    """
    base = Change.base_id.is_(None) if base_id is None else Change.base_id == base_id
    return (
        _CHANGE.select()
        .outerjoin(Person, Person.id == Change.author_id)
        .where(Change.company_id == company_id, Change.state.in_(OPEN_STATES), base)
        .order_by(Change.no.desc())
        .limit(1)
    )


def _able(company_id: int, act: str) -> Select[Any]:
    """Return the select of the names of the people whose roles allow an act."""
    return (
        select(Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.company_id == company_id, Person.active)
        .where(Membership.role.in_(sorted(ACTS[act])))
        .distinct()
        .order_by(Person.name)
    )
