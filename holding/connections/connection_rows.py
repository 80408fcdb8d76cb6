"""Connections as their pages show them.

Here: reads. Not here: what may be done with a connection (holding/connections/setup.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, func, select
from sqlalchemy.orm import Session

from connectors.contract import ConnectionSide
from holding.connections.master_data import RATE
from holding.db.bulk import Columns, known, of
from holding.db.models import (
    Connection,
    ConnectionKey,
    Delivery,
    Event,
    Person,
    Posting,
    Record,
    Snapshot,
)
from holding.db.together import KEPT, Given, Question, Together, answer
from holding.platform.events import shown_actor
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A source or target as its page shows it; of the key only the tail."""

    id: int
    name: str
    side: ConnectionSide
    connector: str
    settings: dict[str, Any]
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    pause_until: datetime | None
    key_tail: str | None
    key_made_at: datetime | None
    untested_since: datetime | None
    tested_at: datetime | None
    test_steps: list[dict[str, Any]]

    @property
    def is_target(self) -> bool:
        """Whether documents are sent there; else records come from it."""
        return self.side == "target"


CONNECTION = Columns(
    ConnectionRow(
        id=of(Connection.id),
        name=of(Connection.name),
        side=of(Connection.side),
        connector=of(Connection.connector),
        settings=of(Connection.settings),
        paused_at=of(Connection.paused_at),
        paused_by=of(Person.name),
        pause_reason=of(Connection.pause_reason),
        pause_until=of(Connection.pause_until),
        key_tail=of(ConnectionKey.tail),
        key_made_at=of(ConnectionKey.made_at),
        untested_since=of(Connection.untested_since),
        tested_at=of(Connection.tested_at),
        test_steps=of(Connection.test_steps),
    ),
    {
        "paused_by": "person.name",
        "key_tail": "connection_key.tail",
        "key_made_at": "connection_key.made_at",
    },
)


@dataclass(frozen=True, slots=True)
class Queued:
    """One document that waits to be sent, and the record that it is made of."""

    number: str
    doc_type: str
    party: str
    amount: int | None
    currency: str
    due_at: datetime
    source: str
    kind: str
    external_id: str


QUEUED = Columns(
    Queued(
        number=of(Posting.number),
        doc_type=of(Posting.doc_type),
        party=of(Posting.party),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        due_at=known(Posting.due_at),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
    ),
    {"source": "connection.name", "kind": "record.type"},
)


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """When one kind of master data was looked at."""

    kind: str
    checked_at: datetime
    changed_at: datetime


SNAPSHOT = Columns(
    SnapshotRow(
        kind=of(Snapshot.kind),
        checked_at=of(Snapshot.checked_at),
        changed_at=of(Snapshot.changed_at),
    ),
)


@dataclass(frozen=True, slots=True)
class LastDelivery:
    """The newest arrival of a source."""

    received_at: datetime
    times: int
    kind: str
    deliveries: int


@dataclass(frozen=True, slots=True)
class Told:
    """One event about a connection."""

    at: datetime
    actor: str
    act: str
    say: str


def listing(session: Session, company_id: int) -> tuple[ConnectionRow, ...]:
    """All connections, targets first."""
    return answer(session, asked_listing(company_id), KEPT)


def asked_listing(company_id: int) -> Question[tuple[ConnectionRow, ...]]:
    """The same, as a question."""
    return CONNECTION.each((yield Given(_ALL, {"whose": company_id})))


def one(
    session: Session, company_id: int, name: str, side: ConnectionSide | None = None
) -> ConnectionRow | None:
    """The connection of this name, where it is of this side."""
    given = {"company": company_id, "name": name, "side": side}
    return CONNECTION.first(
        session.execute(_ONE_OF_SIDE if side else _ONE, given, execution_options=KEPT)
    )


def queue(connection_id: int, limit: int = 10) -> Question[tuple[Queued, ...]]:
    """What waits to be sent, in the order in which it goes; a daily route waits for its run."""
    rows = yield (
        QUEUED.select()
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Posting.connection_id == connection_id, Posting.state == PostingState.READY)
        .where(Posting.due_at.is_not(None), Posting.lease_until.is_(None))
        .order_by(Posting.due_at, Posting.id)
        .limit(limit)
    )
    return QUEUED.each(rows)


def snapshots(connection_id: int) -> Question[tuple[SnapshotRow, ...]]:
    """What is known of the target, and how fresh it is."""
    rows = yield (
        SNAPSHOT.select()
        .where(Snapshot.connection_id == connection_id, Snapshot.kind != RATE)  # people said it
        .order_by(Snapshot.kind)
    )
    return SNAPSHOT.each(rows)


def with_last_deliveries(
    session: Session, sources: Sequence[ConnectionRow]
) -> list[tuple[ConnectionRow, LastDelivery | None]]:
    """Sources, each with its newest arrival and how many there were; by one statement."""
    asked = Together(session)
    found = [(row, asked.ask(_last_delivery(row.id))) for row in sources]
    return [(row, one.value) for row, one in found]


def _last_delivery(source_id: int) -> Question[LastDelivery | None]:
    of_source = Delivery.source_id == source_id
    count = select(func.count()).select_from(Delivery).where(of_source).scalar_subquery()
    newest = select(Delivery.received_at, Delivery.times, Delivery.kind, count.label("deliveries"))
    row = (yield newest.where(of_source).order_by(Delivery.id.desc()).limit(1)).first()
    if row is None:
        return None
    return LastDelivery(
        received_at=row.received_at,
        times=row.times,
        kind=row.kind,
        deliveries=row.deliveries,
    )


def told(company_id: int, connection_id: int, limit: int = 8) -> Question[tuple[Told, ...]]:
    """The latest events about a connection."""
    rows = yield (
        select(Event.at, Event.actor, Event.act, Event.body)
        .where(Event.company_id == company_id, Event.object == f"connection:{connection_id}")
        .where(Event.record_id.is_(None))  # told, so that those of records are not gone through
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(limit)
    )
    return tuple(
        Told(
            at=row.at,
            actor=shown_actor(row.actor, row.body),
            act=row.act,
            say=str(row.body.get("say", row.act)),
        )
        for row in rows
    )


def _columns() -> Select[Any]:
    return (
        CONNECTION.select(Connection)  # whole too: asked for by its id later, it is there
        .outerjoin(Person, Person.id == Connection.paused_by_id)
        .outerjoin(ConnectionKey, ConnectionKey.id == Connection.key_id)
    )


_ONE = _columns().where(
    Connection.company_id == bindparam("company"), Connection.name == bindparam("name")
)
_ONE_OF_SIDE = _ONE.where(Connection.side == bindparam("side"))
_ALL = _columns().where(Connection.company_id == bindparam("whose", type_=BigInteger))
_ALL = _ALL.order_by(Connection.side.desc(), Connection.name)
"""These stand ready, since each webhook asks: to make one costs as much as its answer."""
