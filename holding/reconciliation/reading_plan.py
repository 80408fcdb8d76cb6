"""Plan which posted documents are read back from their target, and when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import EInvoices, Kept, Submitter
from connectors.contract.targets import Readable
from holding.access.actors import Actor, may
from holding.connections import breaker, limits
from holding.connections.channel import Channel, Desk
from holding.connections.connections import log_connection_event
from holding.db.bulk import Columns, of
from holding.db.models import Attempt, Connection, Posting, Push, Reading, Record
from holding.db.models.columns import NOW, AttemptState
from holding.db.refusal import Refusal, plural
from holding.platform.changes import read_back_now
from holding.platform.events import record_event
from holding.posting.claims import without_trouble
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive
from rules.values.cause_keys import CANCEL_WINDOW

EVERY = timedelta(days=1)

FOR = timedelta(days=30)

SOON = timedelta(minutes=5)

CALLS = 10  # in one turn, where each call reads one document

_TO_READ = select(Connection.company_id).where(
    Connection.paused_at.is_(None),
    without_trouble(or_(breaker.BARRED, limits.HELD_OFF)),
    exists().where(
        Posting.connection_id == Connection.id, text(Posting.WATCHED), Posting.read_due_at <= NOW
    ),
)

_DUE = (
    select(Posting.id)
    .where(Posting.connection_id == bindparam("connection"), text(Posting.WATCHED))
    .where(Posting.read_due_at <= NOW, Posting.push_id == Posting.posted_push_id)
    .order_by(Posting.read_due_at, Posting.id)
    .limit(bindparam("most", type_=BigInteger))
    .with_for_update(skip_locked=True, key_share=True)
)

ACT = "run.operate"


class EInvoiceStatus(StrEnum):
    """The state of a posted document's e-invoice, as far as it is reported."""

    VALID = "valid"
    BY_TARGET = "by_target"
    AWAITED = "awaited"
    NOT_AWAITED = "not_awaited"


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """A document's last reading, since when it shows this, and its next reading.

    `connector`, `settings` and `doc_type` decide whether an e-invoice is expected.
    """

    number: str
    doc_type: str
    target: str
    connector: str
    settings: Mapping[str, object]
    read_at: datetime | None
    read_due_at: datetime | None
    e_invoice_at: datetime | None
    same: bool | None
    since: datetime | None
    body: dict[str, object] | None

    @property
    def words(self) -> str:
        """The result of the reading, in the connector's words."""
        return str(self.body["words"]) if self.body else "Not read yet."

    @property
    def e_invoice(self) -> EInvoiceStatus:
        """The state of its e-invoice."""
        return e_invoice_status(self.connector, self.doc_type, self.settings, self.e_invoice_at)

    @property
    def cancel_until(self) -> datetime | None:
        """Until when its e-invoice can be cancelled; later only a note corrects it."""
        return self.e_invoice_at + CANCEL_WINDOW if self.e_invoice_at else None


def readings_of_record(session: Session, record_id: int) -> tuple[ReadingRow, ...]:
    """Return the readings of a record's posted documents, in order of creation."""
    query = (
        READING.select()
        .join(Connection, Connection.id == Posting.connection_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(Posting.record_id == record_id, Posting.state == PostingState.POSTED)
        .order_by(Posting.id)
    )
    return READING.each(session.execute(query))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A posted document whose reading is due, with the sent document.

    `kept` is the total that the target reported then, in minor units. `changed` are the values that
    it reported to have stored differently. `sent`: the target accepted it from Clearpost. A linked
    document was entered there by another user.
    """

    posting_id: int
    family: int
    push_id: int
    document: Document
    kept: int | None
    changed: tuple[Kept, ...] = ()
    sent: bool = True


_TAKEN: Final = Attempt.state.in_((AttemptState.ACCEPTED, AttemptState.EXISTING))

_MADE: Final = and_(
    Attempt.state == AttemptState.UNCERTAIN, Attempt.target_ref == Posting.target_ref
)
"""The answer named the document that it made, though not with the content that was sent."""

_SENT: Final = (
    exists().where(Attempt.push_id == Push.id, or_(_TAKEN, _MADE)).correlate(Push, Posting)
)

_CHANGED: Final = (
    select(Attempt.proof)
    .where(Attempt.push_id == Push.id, Attempt.proof.is_not(None))
    .where(_TAKEN)
    .limit(1)
    .correlate(Push)
    .scalar_subquery()
)


def take_due(desk: Desk, channel: Channel, a_call: int) -> tuple[Watched, ...]:
    """Take due documents under a lease, `a_call` for each allowed call."""
    with desk.database.write() as session:
        now = desk.clock.now()
        parameters = {"connection": channel.connection_id, "now": now, "most": max(a_call, CALLS)}
        ids = session.scalars(_DUE, parameters).all()
        calls = limits.looks(session, channel, now, -(-len(ids) // a_call)) if ids else 0
        ids = ids[: calls * a_call]
        if not ids:
            return ()
        leased_until = now + desk.lease
        session.execute(update(Posting).where(Posting.id.in_(ids)).values(read_due_at=leased_until))
        rows = session.execute(
            select(
                Posting.id,
                Posting.family,
                Posting.posted_push_id,
                Push.content,
                Push.kept,
                _CHANGED.label("changed"),
                _SENT.label("sent"),
            )
            .join(Push, Push.id == Posting.posted_push_id)
            .where(Posting.id.in_(ids))
            .order_by(Posting.id)
        )
        return tuple(
            Watched(
                posting_id=row.id,
                family=row.family,
                push_id=row.posted_push_id,
                document=revive(Document, row.content),
                kept=row.kept,
                changed=tuple(Kept(**one) for one in json.loads(row.changed or "[]")),
                sent=row.sent,
            )
            for row in rows
        )


def next_reading(posted_at: datetime | None, now: datetime, *, there: bool) -> datetime | None:
    """Return when a document is read again, or None after the watch period."""
    if not there and posted_at is not None and now - posted_at < timedelta(hours=1):
        return now + SOON
    following = now + EVERY
    return following if posted_at is not None and following <= posted_at + FOR else None


def companies_to_read(session: Session, now: datetime) -> tuple[int, ...]:
    """Return companies with due documents in targets that are not paused."""
    return tuple(sorted(set(session.scalars(_TO_READ, limits.moments(now)))))


def read_record(session: Session, actor: Actor, record_id: int, now: datetime) -> int | Refusal:
    """Make the posted documents of a record due, and return how many."""
    if refusal := may(actor, ACT):
        return refusal
    record = session.get_one(Record, record_id)
    count = _wanted(session, Posting.record_id == record.id, now)
    if not count:
        words = (
            f"{record.number} has no document that is posted and can be read in an accounting"
            " system."
        )
        return _nothing(words)
    record_event(
        session,
        company_id=record.company_id,
        at=now,
        actor=actor,
        act="posting.read_asked",
        record_id=record.id,
        body={"say": f"{actor.name} asked to read what stands of {record.number}."},
    )
    return count


def _wanted(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    shown = [name for name, one in registry.targets().items() if isinstance(one, Readable)]
    ids = session.scalars(
        select(Posting.id)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(which, Posting.state == PostingState.POSTED, Connection.connector.in_(shown))
    ).all()
    return read_back_now(session, ids, now)


def _nothing(words: str) -> Refusal:
    return Refusal("reading.nothing", words, "There is nothing to read.")


def read_target(session: Session, actor: Actor, connection_id: int, now: datetime) -> int | Refusal:
    """Make all watched documents of a target due, and return how many."""
    if refusal := may(actor, ACT):
        return refusal
    connection = session.get_one(Connection, connection_id)
    if not isinstance(registry.targets().get(connection.connector), Readable):
        return _nothing(f"What is posted in {connection.name} cannot be read there again.")
    of_connection = Posting.connection_id == connection.id
    count = _wanted(session, of_connection & (Posting.posted_at > now - FOR), now)
    if not count:
        return _nothing(f"Nothing of the last {FOR.days} days stands in {connection.name}.")
    words = f"{actor.name} asked to read {plural(count, 'document')} in {connection.name}."
    log_connection_event(session, connection, actor, now, "connection.read_asked", words)
    return count


@dataclass(frozen=True, slots=True)
class Awaited:
    """How many documents of a connection wait for their e-invoice, and since when.

    `field` is the target field to fill. `late` counts those past the cancellation period.
    """

    field: str
    count: int
    since: datetime | None
    late: int


def e_invoice_status(
    connector: str, doc_type: str, settings: Mapping[str, object], valid_at: datetime | None
) -> EInvoiceStatus:
    """Return the state of a posted document's e-invoice; valid once its target reported it."""
    if valid_at is not None:
        return EInvoiceStatus.VALID
    stated = _stated(connector)
    if stated is None:
        return EInvoiceStatus.NOT_AWAITED
    if stated.submitter is Submitter.TARGET:
        return EInvoiceStatus.BY_TARGET
    awaited = bool(stated.awaited_in(doc_type, settings))
    return EInvoiceStatus.AWAITED if awaited else EInvoiceStatus.NOT_AWAITED


def _stated(connector: str) -> EInvoices | None:
    target = registry.targets().get(connector)
    return target.form.e_invoices if target else None


def awaited_e_invoices(
    session: Session,
    connection_id: int,
    connector: str,
    settings: Mapping[str, object],
    now: datetime,
) -> Awaited | None:
    """Return what waits for an e-invoice in a target, or None if it never expects one."""
    stated = _stated(connector)
    types = [t for t in stated.awaited if stated.awaited_in(t, settings)] if stated else []
    if stated is None or not types:
        return None
    late = func.count().filter(Posting.posted_at < now - CANCEL_WINDOW)
    count, since, long = session.execute(
        select(func.count(Posting.id), func.min(Posting.posted_at), late).where(
            Posting.connection_id == connection_id,
            Posting.doc_type.in_(types),
            Posting.state == PostingState.POSTED,
            Posting.e_invoice_at.is_(None),
        )
    ).one()
    return Awaited(stated.awaited_in(types[0], settings), count, since, long)


READING = Columns(
    ReadingRow(
        number=of(Posting.number),
        doc_type=of(Posting.doc_type),
        target=of(Connection.name),
        connector=of(Connection.connector),
        settings=of(Connection.settings),
        read_at=of(Posting.read_at),
        read_due_at=of(Posting.read_due_at),
        e_invoice_at=of(Posting.e_invoice_at),
        same=of(Reading.same),
        since=of(Reading.at),
        body=of(Reading.body),
    ),
    {"target": "connection.name", "since": "reading.at"},
)
