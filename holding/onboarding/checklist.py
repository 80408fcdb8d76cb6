"""What is done and what is left before a company goes live, from what stands in the database.

Here: the figures of the checklist and which of its steps are done. Not here: its sentences and
links (portal/onboarding), the cutover and going live (going_live.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Executable, Select, and_, case, func, select
from sqlalchemy.orm import Session

from holding.access.actors import ACTS
from holding.connections.master_data import RATE
from holding.db.bulk import Columns, of
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
    Record,
    RulesetVersion,
    Snapshot,
    Throttle,
)
from holding.db.models.columns import BreakerState, RecordState
from holding.mappings.key_reach import unmapped
from holding.onboarding.dry_run import LastDryRun, last_dry_run
from holding.rulesets.publication import OPEN_STATES


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


NEEDED = (Step.SOURCE, Step.TARGET, Step.RULES, Step.DRY_RUN, Step.CUTOVER)
"""What going live insists on. People are needed to publish rules; what lacks a mapping is held."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection of the company, and since when it is proved: the last delivery of a source, the
    last passed test of a target.
    """

    name: str
    connector: str
    proved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change of the rules that nobody published yet."""

    no: int
    title: str
    author_id: int | None
    author: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """The figures of every step; `publishers` are those who can publish rules."""

    sources: Sequence[Connected]
    targets: Sequence[Connected]
    ruleset_no: int | None
    published_at: datetime | None
    change: Waiting | None
    people: int
    publishers: Sequence[str]
    mapped: int
    missing: int
    checked: int
    to_check: int
    dry_run: LastDryRun | None
    closed_through: date | None
    starts_on: date | None

    def done(self, step: Step) -> bool:
        """Whether a step needs nothing more."""
        proved = {Step.SOURCE: self.sources, Step.TARGET: self.targets}
        if step in proved:
            return any(one.proved_at for one in proved[step])
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
        """The first step that is not done."""
        return next(step for step in Step if not self.done(step))

    @property
    def count_done(self) -> int:
        """How many steps are done."""
        return sum(self.done(step) for step in Step)


def checklist(session: Session, company_id: int) -> Checklist:
    """The checklist of a company that is not live yet."""
    row = session.execute(_company(company_id)).one()
    connections = session.execute(_connections(company_id)).all()
    return Checklist(
        sources=[_connected(one, one.delivered_at) for one in connections if one.side == "source"],
        targets=[_connected(one, one.tested_at) for one in connections if one.side == "target"],
        ruleset_no=row.no,
        published_at=row.published_at,
        change=_CHANGE.first(session.execute(_change(company_id, row.ruleset_version_id))),
        people=row.people,
        publishers=session.scalars(_publishers(company_id)).all(),
        mapped=row.mapped,
        missing=row.missing,
        checked=row.records - row.to_check,
        to_check=row.to_check,
        dry_run=last_dry_run(session.get_one(Company, company_id)),
        closed_through=row.closed_through,
        starts_on=row.starts_on,
    )


def _connected(row: Any, proved_at: datetime | None) -> Connected:
    return Connected(row.name, row.connector, proved_at)


def _company(company_id: int) -> Select[Any]:
    """The company with its rules in force, and what there is of it in numbers."""
    mine = Record.company_id == company_id
    counts = {
        "people": select(func.count(func.distinct(Membership.person_id)))
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.company_id == company_id, Person.active),
        "mapped": select(func.count())
        .select_from(MappingEntry)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id)
        .where(MappingEntry.to_revision.is_(None), MappingEntry.value.is_not(None)),
        "missing": select(func.count()).select_from(Cause).where(*unmapped(company_id)),
        "records": select(func.count()).select_from(Record).where(mine),
        "to_check": select(func.count())
        .select_from(Record)
        .where(mine, Record.state == RecordState.RECEIVED),
    }
    return (
        select(
            Company.closed_through,
            Company.starts_on,
            Company.ruleset_version_id,
            RulesetVersion.no,
            RulesetVersion.published_at,
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


_CHANGE = Columns(
    Waiting(
        no=of(Change.no),
        title=of(Change.title),
        author_id=of(Change.author_id),
        author=of(Person.name),
    ),
    {"author": "person.name"},
)


def _change(company_id: int, base_id: int | None) -> Select[Any]:
    """The newest change that can still be published: others were pushed for other rules."""
    base = Change.base_id.is_(None) if base_id is None else Change.base_id == base_id
    return (
        _CHANGE.select()
        .outerjoin(Person, Person.id == Change.author_id)
        .where(Change.company_id == company_id, Change.state.in_(OPEN_STATES), base)
        .order_by(Change.no.desc())
        .limit(1)
    )


def _publishers(company_id: int) -> Select[Any]:
    return (
        select(Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.company_id == company_id, Person.active)
        .where(Membership.role.in_(sorted(ACTS["rules.publish"])))
        .distinct()
        .order_by(Person.name)
    )
