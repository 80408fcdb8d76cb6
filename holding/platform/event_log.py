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
from holding.db.together import Question
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
    "connection.key",
)

_ARRIVED: Final = frozenset({"record.received", "record.changed", "record.conflict"})
"""What came late (`record.stale`) is not judged: nothing of it is to come."""

_SETTLED: Final = frozenset({*FINAL_STATES, RecordState.REFERENCE})


class ActGroup(StrEnum):
    """A group of acts, as addresses and files name it."""

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
        ("posting.approved", "posting.rejected", "posting.linked", "hold.released"),
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
        "Exports and escalations", ("list.downloaded",), ("audit", "escalation")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which events are asked for; days are those of the zone, both included.

    `person_id`: those of one person; `system`: those that no person made. `number`: of a record or
    of its document, or the id by which its source knows the record.
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
        """Whether it leaves anything out."""
        chosen = (self.person_id, self.group, self.first, self.last)
        return self.system or bool(self.number) or any(one is not None for one in chosen)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One event. `seq` and `hash`: its place in the chain, None until it is sealed."""

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
        """The form by which it was approved, if it tells of an approval by one; the keys of
        programs may be no part of an address.
        """
        own = self.act == "posting.approved" and "/" not in (self.operation_id or "/")
        return self.operation_id if own else None

    @property
    def packet_id(self) -> int | None:
        """The escalation packet that it is about, if it is about one."""
        kind, _, number = (self.object or "").partition(":")
        return int(number) if kind == "escalation" and number.isdigit() else None

    @property
    def who(self) -> str:
        """Who did it, as people read it."""
        return shown_actor(self.actor, self.body)

    @property
    def about(self) -> str:
        """What it is about, in a word or two."""
        return title_of(self.act)

    @property
    def say(self) -> str:
        """What happened, in a sentence."""
        told = str(self.body.get("say") or "")
        return told or (self.about if self.about != OTHER else "Something was noted.")

    @property
    def typed(self) -> tuple[str, ...]:
        """What somebody typed, and the sentence repeats: it can be a name."""
        return tuple(map(str, self.body.get("typed") or ()))

    @property
    def reason(self) -> str:
        """The reason that a person gave; empty where the act asks for none."""
        return str(self.body.get(_REASON) or "")


@dataclass(frozen=True, slots=True)
class Sealed:
    """How far the chain of a company reaches: so many events, the hash of the newest, and when the
    first one happened; None where its entry is gone.
    """

    events: int
    head: str
    since: datetime | None


def listing(
    session: Session,
    company_id: int,
    wanted: LogFilter,
    *,
    after: int | None = None,
    most: int = A_PAGE + 1,
) -> tuple[LogRow, ...]:
    """A page of events, newest first, or the page after an event; one more than a page where there
    are more.
    """
    query = _newest(company_id, wanted)
    if after is not None:
        last = (
            select(Event.at)
            .where(Event.id == after, Event.company_id == company_id)
            .scalar_subquery()
        )
        query = query.where(or_(Event.at < last, and_(Event.at == last, Event.id < after)))
    return LOG.each(session.execute(query.limit(most)))


def _newest(company_id: int, wanted: LogFilter) -> Select[Any]:
    return (
        LOG.select()
        .select_from(Event)
        .outerjoin(Record, Record.id == Event.record_id)
        .outerjoin(Connection, Connection.id == Record.source_id)
        .outerjoin(EventLink, EventLink.event_id == Event.id)
        .where(*_conditions(company_id, wanted))
        .order_by(Event.at.desc(), Event.id.desc())
    )


def _conditions(company_id: int, wanted: LogFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [Event.company_id == company_id]
    if wanted.person_id is not None:
        found.append(Event.person_id == wanted.person_id)
    if wanted.system:
        found.append(Event.person_id.is_(None))
    if wanted.group is not None:
        found.append(of_group(wanted.group))
    if wanted.number:
        found.append(_numbered(company_id, wanted.number))
    if wanted.first is not None:
        found.append(Event.at >= _midnight(wanted.first, wanted.zone))
    if wanted.last is not None:
        found.append(Event.at < _midnight(wanted.last + timedelta(days=1), wanted.zone))
    return found


def _numbered(company_id: int, number: str) -> ColumnElement[bool]:
    """Of a record that is called so, by any of its numbers."""
    ids = union(
        select(Record.id).where(Record.company_id == company_id, Record.number == number),
        select(Record.id).where(Record.company_id == company_id, Record.external_id == number),
        select(Posting.record_id).where(Posting.company_id == company_id, Posting.number == number),
    ).limit(MOST_NUMBERED)
    return Event.record_id.in_(ids) if number else false()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def count(session: Session, company_id: int, wanted: LogFilter, *, most: int = MOST_COUNTED) -> int:
    """How many events fit, at most one more than `most`: then nobody counts on."""
    fitting = select(literal(1)).where(*_conditions(company_id, wanted)).limit(most + 1)
    return session.scalar(select(func.count()).select_from(fitting.subquery())) or 0


def sealed(session: Session, company_id: int) -> Sealed | None:
    """The head of the chain; None while nothing is sealed."""
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
    return Sealed(row.seq, row.hash, row.since) if row else None


def people(session: Session, company_id: int) -> tuple[tuple[int, str], ...]:
    """Who may be asked for: the people of the company, with those who left."""
    here = select(Membership.person_id).where(Membership.company_id == company_id)
    gone = select(FormerMember.person_id).where(FormerMember.company_id == company_id)
    query = (
        select(Person.id, Person.name)
        .where(Person.id.in_(union(here, gone)))
        .order_by(Person.name, Person.id)
    )
    return tuple((row.id, row.name) for row in session.execute(query))


def wide_events(record_id: int) -> Question[list[Event]]:
    """The newest events of its source, its targets, its routes and the rules since it first came,
    oldest first.
    """
    first = select(func.min(Version.at)).where(Version.record_id == record_id)
    company = select(Record.company_id).where(Record.id == record_id)
    source = select("connection:" + cast(Record.source_id, Text)).where(Record.id == record_id)
    mine = Posting.record_id == record_id
    targets = select("connection:" + cast(Posting.connection_id, Text)).where(mine)
    routes = select("route:" + Posting.route).where(mine)
    of_connection = or_(Event.object == source.scalar_subquery(), Event.object.in_(targets))
    rows = yield (
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
        .limit(MOST)
    )
    return list(rows.scalars())[::-1]


def while_it_waited(
    wide: Iterable[Event], own: Sequence[Event], state: RecordState
) -> Iterator[Event]:
    """Those that came while something of the record was to come, by its own events (in order);
    after the last of them, by its state now.
    """
    times = list(_open_times(own, state))
    return (one for one in wide if any(_within(one, start, end) for start, end in times))


def _open_times(own: Sequence[Event], state: RecordState) -> Iterator[tuple[Event, Event | None]]:
    """Each pair of events of a record between which something was to come; None: until now."""
    waits = more = False
    for event, following in zip(own, [*own[1:], None], strict=True):
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
    """The title of the first group that has this act; `Other` where none has."""
    family = act.partition(".")[0]
    found = (m for m in _GROUPS.values() if act in m.acts or family in m.families)
    return next((meant.title for meant in found), OTHER)


def of_group(group: ActGroup) -> ColumnElement[bool]:
    """The condition that an event is of this group."""
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
