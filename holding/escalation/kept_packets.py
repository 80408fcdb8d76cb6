"""Packets as they are kept: what was handed to a support desk, by whom, and that it was sent.

Here: making one, reading it back, noting to whom it went; each is an event of the trail. Not here:
what is in a packet (packets.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.db.bulk import Columns, of
from holding.db.models import Connection, Escalation, Person, Record
from holding.db.refusal import Refusal
from holding.db.together import Question
from holding.escalation.packets import Packet
from holding.platform import row_seals
from holding.platform.events import record_event
from rules.values.canonical import dumps, sha256_hex

ACT: Final = "record.read"
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """A packet that was made; `personal`: personal data and tax numbers stand in it."""

    id: int
    record_id: int
    number: str
    source: str
    kind: str
    external_id: str
    by: str
    made_at: datetime
    packet: dict[str, Any]
    sha256: str
    personal: bool
    sent_to: str | None
    ticket: str | None
    sent_at: datetime | None


KEPT = Columns(
    Kept(
        id=of(Escalation.id),
        record_id=of(Escalation.record_id),
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        by=of(Person.name),
        made_at=of(Escalation.made_at),
        packet=of(Escalation.packet),
        sha256=of(Escalation.sha256),
        personal=of(Escalation.personal),
        sent_to=of(Escalation.sent_to),
        ticket=of(Escalation.ticket),
        sent_at=of(Escalation.sent_at),
    ),
    {"source": "connection.name", "kind": "record.type", "by": "person.name"},
)


@dataclass(frozen=True, slots=True)
class Made:
    """The packet that a form made."""

    id: int


def make(
    session: Session,
    actor: Actor,
    record_id: int,
    made: Packet,
    *,
    personal: bool,
    now: datetime,
    op: str | None,
) -> Made | Refusal:
    """Keep a packet about a record of the actor's company; a second click gets the first one."""
    body = made.as_json()

    def act() -> Made | Refusal:
        refusal = may(actor, ACT) or (may(actor, "record.pii") if personal else None)
        if refusal:
            return refusal
        record = session.get(Record, record_id)
        if record is None or record.company_id != actor.company_id:
            return _unknown()
        row = Escalation(
            company_id=record.company_id,
            record_id=record.id,
            person_id=actor.person_id or 0,
            made_at=now,
            packet=body,
            sha256=sha256_hex(dumps(body)),
            personal=personal,
        )
        session.add(row)
        session.flush()
        say = f"{actor.name} made an escalation packet for {record.number}."
        _tell(session, actor, row, "escalation.made", say, now, {"sha256": row.sha256}, op)
        return Made(row.id)

    asked = ("escalate", record_id, {**body, "made_at": ""}, personal)
    return once(session, actor, op, asked=asked, now=now, act=act, read=lambda kept: Made(**kept))


def one(session: Session, company_id: int, escalation_id: int) -> Kept | None:
    """A packet of the company."""
    found = session.execute(
        _kept().where(Escalation.id == escalation_id, Escalation.company_id == company_id)
    )
    return KEPT.first(found)


def asked_of_record(record_id: int) -> Question[tuple[Kept, ...]]:
    """The packets about a record, newest first, asked with other questions."""
    query = _kept().where(Escalation.record_id == record_id).order_by(Escalation.id.desc())
    return KEPT.each((yield query))


def sent(
    session: Session, actor: Actor, escalation_id: int, to: str, ticket: str, now: datetime
) -> Kept | Refusal:
    """Note to whom a packet was handed and the number of their ticket, once."""
    if refusal := may(actor, ACT):
        return refusal
    row = session.get(Escalation, escalation_id, with_for_update=True)
    if row is None or row.company_id != actor.company_id:
        return _unknown()
    to, ticket = to.strip(), ticket.strip()
    if not to or len(to) > LONGEST or len(ticket) > LONGEST:
        words = f"Enter to whom it went, in at most {LONGEST} characters."
        return Refusal("escalation.to", words, "", 422)
    if row.sent_at is not None:
        words = f"This packet went to {row.sent_to} already."
        return Refusal("escalation.sent", words, "Make another packet to escalate it again.")
    row.sent_to, row.ticket, row.sent_at, row.sent_by_id = to, ticket or None, now, actor.person_id
    session.flush()
    kept = one(session, row.company_id, row.id)
    if kept is None:
        return _unknown()
    beside = f", ticket {ticket}" if ticket else ""
    say = f"{actor.name} escalated {kept.number} to {to}{beside}."
    _tell(session, actor, row, "escalation.sent", say, now, {"to": to, "ticket": ticket}, None)
    return kept


def _kept() -> Any:
    return (
        KEPT.select()
        .join(Record, Record.id == Escalation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .join(Person, Person.id == Escalation.person_id)
    )


def _unknown() -> Refusal:
    return Refusal("escalation.unknown", "There is no such packet here.", "", 404)


def _tell(
    session: Session,
    actor: Actor,
    row: Escalation,
    act: str,
    say: str,
    now: datetime,
    body: Mapping[str, Any],
    op: str | None,
) -> None:
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=actor,
        act=act,
        body={
            "say": say,
            **body,
            **row_seals.seals(session, row.company_id, {row_seals.PACKET: [row.id]}),
        },
        record_id=row.record_id,
        object=f"escalation:{row.id}",
        operation_id=op,
    )
