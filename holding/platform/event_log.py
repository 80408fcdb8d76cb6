"""Read the events of a company for the audit log page, newest first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Connection,
    Event,
    EventLink,
    FormerMember,
    Membership,
    Person,
    Posting,
    Record,
    Version,
)
from holding.db.models.columns import RecordState
from holding.db.models.records import FINAL_STATES
from holding.platform.events import shown_actor

A_PAGE: Final = 50

MOST_NUMBERED: Final = 200
"""Records and documents that one typed number is looked for among."""

MOST_COUNTED: Final = 1000
"""More events than that which fit a filter are not counted."""

_REASON: Final = "reason"

MOST: Final = 200
"""Of one record, the newest: a connection that comes and goes all year tells no more after that."""

_OF_RULES: Final = ("rules.published", "rules.rolled_back")

_OF_ROUTE: Final = ("route.stopped", "route.resumed", "route.kept", "route.superseded")

_OF_CONNECTION: Final = (
    "connection.paused",
    "connection.resumed",
    "connection.away",
    "connection.back",
    "connection.refused",
    "connection.quota",
    "connection.quota_used",
    "connection.quota_free",
    "connection.key",
    "connection.no_key",
    "connection.untested",
    "connection.test_passed",
)

_ARRIVED: Final = frozenset({"record.received", "record.changed", "record.conflict"})
"""What came late (`record.stale`) is not judged: nothing of it is to come."""

_SETTLED: Final = frozenset({*FINAL_STATES, RecordState.REFERENCE})


class ActGroup(StrEnum):
    """A group of acts, as URLs and files name it."""

    APPROVALS = "approvals"
    HOLDS = "holds"
    MAPPINGS = "mappings"
    RULES = "rules"
    CONNECTIONS = "connections"
    PEOPLE = "people"
    RECORDS = "records"
    DOCUMENTS = "documents"
    COMPANY = "company"
    EVIDENCE = "evidence"
    ESCALATIONS = "escalations"
    PACKETS = "packets"
    SIGNALS = "signals"


@dataclass(frozen=True, slots=True)
class _Meant:
    title: str
    acts: tuple[str, ...]
    families: tuple[str, ...]


_GROUPS: Final[dict[ActGroup, _Meant]] = {
    ActGroup.APPROVALS: _Meant(
        "Approvals and releases",
        (
            "posting.approved",
            "posting.rejected",
            "posting.linked",
            "posting.sent_again",
            "hold.released",
        ),
        ("approval",),
    ),
    ActGroup.MAPPINGS: _Meant("Mappings", (), ("mapping", "party", "unit")),
    ActGroup.RULES: _Meant(
        "Rules", (), ("rules", "route", "stop", "schedule", "backtest", "shadow")
    ),
    ActGroup.CONNECTIONS: _Meant(
        "Connections",
        ("list.given", "list.told"),
        ("connection", "pull", "webhook", "key", "lists"),
    ),
    ActGroup.PEOPLE: _Meant(
        "People", (), ("person", "team", "deputy", "token", "link", "setup", "signin", "access")
    ),
    ActGroup.COMPANY: _Meant("Company", (), ("company", "clock", "program", "notice", "history")),
    ActGroup.EVIDENCE: _Meant(
        "Exports and escalations", ("list.downloaded",), ("audit", "escalation", "rows")
    ),
    ActGroup.ESCALATIONS: _Meant("Escalation packets", (), ("escalation",)),
    ActGroup.PACKETS: _Meant("Evidence packets", ("audit.packet",), ()),
    ActGroup.SIGNALS: _Meant("Signals", (), ("signal",)),
    ActGroup.HOLDS: _Meant(
        "Holds and retries", (), ("hold", "retry", "note", "message", "period", "operation")
    ),
    ActGroup.RECORDS: _Meant("Records", (), ("record", "delivery", "upload")),
    ActGroup.DOCUMENTS: _Meant(
        "Documents and runs", (), ("posting", "push", "target", "run", "import", "work")
    ),
}

TITLES: Final = {group: meant.title for group, meant in _GROUPS.items()}

OTHER: Final = "Other"

SEALED: Final = "rows.sealed"
"""The act of events that seal rows: there is one a minute, so the log shows them only
in the group of evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """The filter of the audit log. Both days are included, in the zone.

    `person_id`: events of one person. `system`: events without a person. `number`: the number or
    source id of a record, or the number of its document.
    """

    zone: ZoneInfo
    person_id: int | None = None
    system: bool = False
    group: ActGroup | None = None
    number: str = ""
    first: date | None = None
    last: date | None = None

    @property
    def narrows(self) -> bool:
        """Return whether the filter excludes anything."""
        chosen = (self.person_id, self.group, self.first, self.last)
        return self.system or bool(self.number) or any(value is not None for value in chosen)


PROVED_AT: Final = "second_factor_at"
"""The key of an event's body for when the person proved the second factor."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One event. `seq` and `hash` are its place in the chain, None until it is sealed."""

    id: int
    at: datetime
    actor: str
    act: str
    body: dict[str, Any]
    record_id: int | None
    number: str | None
    source: str | None
    kind: str | None
    external_id: str | None
    seq: int | None
    hash: str | None
    object: str | None = None
    operation_id: str | None = None

    @property
    def approval(self) -> str | None:
        """Return the id of the form that approved it, or None.

        Keys of programs are left out, because they may not fit into a URL.
        """
        is_form = self.act == "posting.approved" and "/" not in (self.operation_id or "/")
        return self.operation_id if is_form else None

    @property
    def packet_id(self) -> int | None:
        """Return the escalation packet that the event is about, or None."""
        kind, _, number = (self.object or "").partition(":")
        return int(number) if kind == "escalation" and number.isdigit() else None

    @property
    def who(self) -> str:
        """Return the actor as people read it."""
        return shown_actor(self.actor, self.body)

    @property
    def about(self) -> str:
        """Return the title of the event's group."""
        return title_of(self.act)

    @property
    def say(self) -> str:
        """Return what happened, as one sentence."""
        sentence = str(self.body.get("say") or "")
        return sentence or (self.about if self.about != OTHER else "Something was noted.")

    @property
    def typed(self) -> tuple[str, ...]:
        """Return the texts that a person typed and the sentence repeats; they may
        contain a name.
        """
        return tuple(map(str, self.body.get("typed") or ()))

    @property
    def proved_at(self) -> datetime | None:
        """Return when the person proved the second factor for this decision, or None."""
        text = self.body.get(PROVED_AT)
        return datetime.fromisoformat(text) if text else None

    @property
    def reason(self) -> str:
        """Return the reason that a person gave, or an empty string."""
        return str(self.body.get(_REASON) or "")


@dataclass(frozen=True, slots=True)
class SealedHead:
    """How far a company's chain reaches: the number of events and the newest hash.

    `since` is the time of the first event, None if its entry is missing.
    """

    events: int
    head: str
    since: datetime | None


def list_events(
    session: Session,
    company_id: int,
    log_filter: LogFilter,
    *,
    after: int | None = None,
    most: int = A_PAGE + 1,
) -> tuple[LogRow, ...]:
    """Return a page of events, newest first, or the page after an event.

    It has one row more if another page follows.
    """
    query = _newest(company_id, log_filter)
    if after is not None:
        last = (
            select(Event.at)
            .where(Event.id == after, Event.company_id == company_id)
            .scalar_subquery()
        )
        query = query.where(or_(Event.at < last, and_(Event.at == last, Event.id < after)))
    return LOG.each(session.execute(query.limit(most)))


def _newest(company_id: int, log_filter: LogFilter) -> Select[Any]:
    return (
        LOG.select()
        .select_from(Event)
        .outerjoin(Record, Record.id == Event.record_id)
        .outerjoin(Connection, Connection.id == Record.source_id)
        .outerjoin(EventLink, EventLink.event_id == Event.id)
        .where(*_conditions(company_id, log_filter))
        .order_by(Event.at.desc(), Event.id.desc())
    )


def _conditions(company_id: int, log_filter: LogFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Event.company_id == company_id]
    if log_filter.group is not ActGroup.EVIDENCE:
        conditions.append(Event.act != SEALED)
    if log_filter.person_id is not None:
        conditions.append(Event.person_id == log_filter.person_id)
    if log_filter.system:
        conditions.append(Event.person_id.is_(None))
    if log_filter.group is not None:
        conditions.append(is_in_group(log_filter.group))
    if log_filter.number:
        conditions.append(_numbered(company_id, log_filter.number))
    if log_filter.first is not None:
        conditions.append(Event.at >= _midnight(log_filter.first, log_filter.zone))
    if log_filter.last is not None:
        conditions.append(
            Event.at < _midnight(log_filter.last + timedelta(days=1), log_filter.zone)
        )
    return conditions


def _numbered(company_id: int, number: str) -> ColumnElement[bool]:
    """Return the condition for events of records with this number."""
    ids = union(
        select(Record.id).where(Record.company_id == company_id, Record.number == number),
        select(Record.id).where(Record.company_id == company_id, Record.external_id == number),
        select(Posting.record_id).where(Posting.company_id == company_id, Posting.number == number),
    ).limit(MOST_NUMBERED)
    return Event.record_id.in_(ids) if number else false()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def count_events(
    session: Session, company_id: int, log_filter: LogFilter, *, most: int = MOST_COUNTED
) -> int:
    """Count the events that match, up to `most` + 1."""
    fitting = select(literal(1)).where(*_conditions(company_id, log_filter)).limit(most + 1)
    return session.scalar(select(func.count()).select_from(fitting.subquery())) or 0


def sealed_head(session: Session, company_id: int) -> SealedHead | None:
    """Return the head of the chain, or None if nothing is sealed."""
    first = (
        select(Event.at)
        .join(EventLink, EventLink.event_id == Event.id)
        .where(EventLink.company_id == company_id, EventLink.seq == 1)
    )
    row = session.execute(
        select(EventLink.seq, EventLink.hash, first.scalar_subquery().label("since"))
        .where(EventLink.company_id == company_id)
        .order_by(EventLink.seq.desc())
        .limit(1)
    ).first()
    return SealedHead(row.seq, row.hash, row.since) if row else None


def event_people(session: Session, company_id: int) -> tuple[tuple[int, str], ...]:
    """Return the people that a filter can name: current and former members."""
    members = select(Membership.person_id).where(Membership.company_id == company_id)
    former_members = select(FormerMember.person_id).where(FormerMember.company_id == company_id)
    query = (
        select(Person.id, Person.name)
        .where(Person.id.in_(union(members, former_members)))
        .order_by(Person.name, Person.id)
    )
    return tuple((row.id, row.name) for row in session.execute(query))


def surrounding_events(session: Session, record_id: int) -> list[Event]:
    """Return the newest events of a record's source, targets, routes and rules since it arrived,
    oldest first.
    """
    first = select(func.min(Version.at)).where(Version.record_id == record_id)
    company = select(Record.company_id).where(Record.id == record_id)
    source = select("connection:" + cast(Record.source_id, Text)).where(Record.id == record_id)
    of_record = Posting.record_id == record_id
    targets = select("connection:" + cast(Posting.connection_id, Text)).where(of_record)
    routes = select("route:" + Posting.route).where(of_record)
    of_connection = or_(Event.object == source.scalar_subquery(), Event.object.in_(targets))
    rows = session.scalars(
        select(Event)
        .where(Event.company_id == company.scalar_subquery(), Event.record_id.is_(None))
        .where(Event.at >= first.scalar_subquery())
        .where(
            or_(
                Event.act.in_(_OF_RULES),
                and_(Event.act.in_(_OF_CONNECTION), of_connection),
                and_(Event.act.in_(_OF_ROUTE), Event.object.in_(routes)),
            )
        )
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(MOST),
        execution_options=KEPT,
    )
    return list(rows)[::-1]


def events_while_waiting(
    wide: Iterable[Event], own_events: Sequence[Event], state: RecordState
) -> Iterator[Event]:
    """Return the events during which the record waited for something, derived from its
    own events.
    """
    times = list(_open_times(own_events, state))
    return (event for event in wide if any(_within(event, start, end) for start, end in times))


def _open_times(
    own_events: Sequence[Event], state: RecordState
) -> Iterator[tuple[Event, Event | None]]:
    """Yield pairs of a record's events between which something was open; None means until now."""
    waits = more = False
    for event, following in zip(own_events, [*own_events[1:], None], strict=True):
        next_act = following.act if following is not None else ""
        if event.act in _ARRIVED:
            waits = True
        elif event.act == "record.judged":
            waits = event.body["state"] not in _SETTLED
            more = event.body["state"] in {RecordState.HELD, RecordState.WAITING}
        elif event.act == "posting.posted":
            waits = more or next_act in {"posting.sending", "record.judged"}
        elif event.act == "posting.rejected":
            waits = False
        stood = waits or next_act.startswith("hold.")
        if stood if following is not None else state not in _SETTLED:
            yield event, following


def _within(event: Event, start: Event, end: Event | None) -> bool:
    place = (event.at, event.id)
    return (start.at, start.id) < place and (end is None or place < (end.at, end.id))


def title_of(act: str) -> str:
    """Return the title of the first group with this act, or `Other`."""
    family = act.partition(".")[0]
    groups = (m for m in _GROUPS.values() if act in m.acts or family in m.families)
    return next((meant.title for meant in groups), OTHER)


def is_in_group(group: ActGroup) -> ColumnElement[bool]:
    """Return the condition that an event belongs to the group."""
    meant = _GROUPS[group]
    families = [Event.act.like(f"{family}.%") for family in meant.families]
    return or_(Event.act.in_(meant.acts), *families)


LOG = Columns(
    LogRow(
        id=of(Event.id),
        at=of(Event.at),
        actor=of(Event.actor),
        act=of(Event.act),
        body=of(Event.body),
        record_id=of(Event.record_id),
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        seq=of(EventLink.seq),
        hash=of(EventLink.hash),
        object=of(Event.object),
        operation_id=of(Event.operation_id),
    ),
    {"source": "connection.name", "kind": "record.type"},
)
