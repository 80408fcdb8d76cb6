"""Tables that run the product: hold tallies, work marks, saved views, signals, notices and
heartbeats.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from holding.db.models.columns import (
    WHOLE,
    Base,
    Id,
    Json,
    NoticeKind,
    NoticeState,
    RecipientKind,
    SignalKind,
    Word,
    one_of,
    partial,
    ref,
)


class HoldTally(Base):
    """The number of records whose open holds have an equal shape, and their money.

    Rows exist for all holds (`cause_id` 0), twice for each cause (the finer one from 2**40 on), and
    for each owner (`cause_id` below 0). `shape` describes the holds (holding/holds/shapes.py), or
    their owner and hour. `minor` is the sum of known amounts in minor units of `currency`; a blank
    currency is the books' currency. `blank` records have no amount.
    """

    __tablename__ = "hold_tally"
    __table_args__ = (UniqueConstraint("company_id", "cause_id", "shape", "currency"),)

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    cause_id: Mapped[int] = mapped_column(WHOLE)
    shape: Mapped[str]
    currency: Mapped[str]
    records: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    minor: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    blank: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")


class TalliedRecord(Base):
    """A record with open holds as the tally counts it: its row and its amount.

    Rows exist once for all of its holds (`cause_id` 0), twice for each cause, and once for each
    owner of one: -1 for the first, -2 for the second.
    """

    __tablename__ = "tallied_record"

    record_id: Mapped[int] = ref("record", primary_key=True)
    cause_id: Mapped[int] = mapped_column(WHOLE, primary_key=True, autoincrement=False)
    company_id: Mapped[int] = ref("company")
    tally_id: Mapped[int] = ref("hold_tally")
    minor: Mapped[int | None]


class TallyMark(Base):
    """A record whose holds or money changed since it was tallied.

    A trigger writes it in the changing transaction: without a foreign key and as a new row each
    time, so that no two writers wait for one another.
    """

    __tablename__ = "tally_mark"
    __table_args__ = (Index("ix_tally_mark_company", "company_id", "record_id"),)

    id: Mapped[Id]
    company_id: Mapped[int]
    record_id: Mapped[int]


class UseMark(Base):
    """A document evaluated by an earlier version that did not store every mapping entry it used.

    A migration marked these documents. A worker stores the missing uses and deletes the mark.
    """

    __tablename__ = "use_mark"

    posting_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class WakeMark(Base):
    """What a changed mapping may affect and no worker has examined yet.

    These are the records that wait for a cause, or the ones with documents made with an entry, as
    far as their hold or document is numbered `below`. The changing transaction writes it. Affected
    documents are not sent before a worker examined them. The last column has the content and author
    of each record's event.
    """

    __tablename__ = "wake_mark"
    __table_args__ = (Index("ix_wake_mark_company", "company_id", "entry_id"),)

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    cause_id: Mapped[int | None]
    entry_id: Mapped[int | None]
    below: Mapped[int]
    told: Mapped[dict[str, Any]] = mapped_column(Json)


class SavedView(Base):
    """A saved filter of the holding area.

    `query` has the words of its address. A `shared` view is visible to everyone in the company;
    only its author can change it.
    """

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("company_id", "person_id", "name"),)

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    person_id: Mapped[int] = ref("person")
    name: Mapped[str]
    query: Mapped[dict[str, Any]] = mapped_column(Json)
    shared: Mapped[bool]
    made_at: Mapped[datetime]


class Signal(Base):
    """A problem of a company that its users are notified about, such as many failed records or a
    refused key. One row describes it from its start to its end.

    `key` identifies its subject within its kind. `records` are stopped by it, and `money` is their
    total: currency -> minor units. `tried` counts the users' attempts that did not end it.
    """

    __tablename__ = "signal"
    OPEN = "cleared_at IS NULL"
    __table_args__ = (
        partial("uq_signal_open", "company_id", "kind", "key", where=OPEN, unique=True),
        Index("ix_signal_company", "company_id", "id"),
        one_of("kind", SignalKind),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    kind: Mapped[SignalKind] = mapped_column(Word(SignalKind))
    key: Mapped[str]
    connection_id: Mapped[int | None] = ref("connection")
    cause_id: Mapped[int | None] = ref("cause")
    record_id: Mapped[int | None] = ref("record")
    records: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    money: Mapped[dict[str, int]] = mapped_column(Json)
    tried: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    closes_on: Mapped[date | None]
    opened_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]


class Escalation(Base):
    """A packet about a record as it was handed out, and its recipient.

    `sha256` is the hash of the canonical JSON of `packet`; `personal` marks personal data in it.
    """

    __tablename__ = "escalation"
    __table_args__ = (
        Index("ix_escalation_record", "record_id", "id"),
        CheckConstraint("(sent_at IS NULL) = (sent_to IS NULL)", name="sent"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    record_id: Mapped[int] = ref("record")
    person_id: Mapped[int] = ref("person")
    made_at: Mapped[datetime]
    packet: Mapped[dict[str, Any]] = mapped_column(Json)
    sha256: Mapped[str]
    personal: Mapped[bool] = mapped_column(default=False, server_default=false())
    sent_to: Mapped[str | None]
    ticket: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    sent_by_id: Mapped[int | None] = ref("person")


class Recipient(Base):
    """A recipient of notices: a person of the company, a mail address, or an outgoing webhook.

    `digest`, `urgent` and `packets` are what it gets; a person with none of these gets notices of
    their own work only and is on no list. A team's webhook gets only the team's holds; `secret`
    signs its calls and is encrypted for this row. A removed recipient has ended.
    """

    __tablename__ = "recipient"
    __table_args__ = (
        Index("ix_recipient_company", "company_id", "id"),
        one_of("kind", RecipientKind),
        CheckConstraint("(kind = 'person') = (person_id IS NOT NULL)", name="person"),
        CheckConstraint("(kind = 'webhook') = (secret IS NOT NULL)", name="secret"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    kind: Mapped[RecipientKind] = mapped_column(Word(RecipientKind))
    person_id: Mapped[int | None] = ref("person")
    team_id: Mapped[int | None] = ref("team")
    address: Mapped[str] = mapped_column(default="", server_default="")
    secret: Mapped[str | None]
    digest: Mapped[bool]
    urgent: Mapped[bool]
    packets: Mapped[bool]
    made_at: Mapped[datetime]
    made_by_id: Mapped[int | None] = ref("person")
    ended_at: Mapped[datetime | None]


class Notice(Base):
    """One message to one recipient, once: `key` names its subject within its kind.

    `body` is the content, which never changes, however often it is tried.
    """

    __tablename__ = "notice"
    DUE = "due_at IS NOT NULL"
    __table_args__ = (
        UniqueConstraint("recipient_id", "kind", "key"),
        Index("ix_notice_company", "company_id", "id"),
        partial("ix_notice_due", "company_id", "due_at", "id", where=DUE),
        one_of("kind", NoticeKind),
        one_of("state", NoticeState),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    recipient_id: Mapped[int] = ref("recipient")
    kind: Mapped[NoticeKind] = mapped_column(Word(NoticeKind))
    key: Mapped[str]
    subject: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[NoticeState] = mapped_column(Word(NoticeState))
    made_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    ended_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(default="", server_default="")


class AccessRequest(Base):
    """An act that a person of a company requests permission for.

    `granted`: the result, None while it waits. `answer`: why it was declined.
    """

    __tablename__ = "access_request"
    OPEN = "ended_at IS NULL"
    __table_args__ = (
        partial(
            "uq_access_request_open", "company_id", "person_id", "act", where=OPEN, unique=True
        ),
        Index("ix_access_request_person", "company_id", "person_id", "id"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    person_id: Mapped[int] = ref("person")
    act: Mapped[str]
    reason: Mapped[str]
    asked_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = ref("person")
    granted: Mapped[bool | None]
    answer: Mapped[str] = mapped_column(default="")


class Singleton(Base):
    """A duty that one process has at a time (sweeper, scheduler), under a lease."""

    __tablename__ = "singleton"

    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str | None]
    until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(WHOLE, default=0)


class ClockMark(Base):
    """The newest moment that a sweep saw, and when the clock was last found set back; one row."""

    __tablename__ = "clock_mark"

    id: Mapped[Id]
    newest_at: Mapped[datetime | None]
    back_at: Mapped[datetime | None]
    back_seconds: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")


class ProgramVersion(Base):
    """The version of the program that started here last, with its schema; one row. `version` is
    empty where an earlier program, which did not note it, worked before.
    """

    __tablename__ = "program_version"

    id: Mapped[Id]
    version: Mapped[str]
    schema: Mapped[str]


class Heartbeat(Base):
    """A worker process: when it was last seen, and until when its silence is normal.

    `left_at` is set by a worker that ended in order. Memory and free disk space are from its last
    sign; None if unknown. `stop_asked_at`: when a person requested it to stop; a request before its
    start is for an earlier worker.
    """

    __tablename__ = "heartbeat"

    owner: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    next_by: Mapped[datetime]
    left_at: Mapped[datetime | None]
    memory_bytes: Mapped[int | None] = mapped_column(WHOLE)
    disk_free_bytes: Mapped[int | None] = mapped_column(WHOLE)
    stop_asked_at: Mapped[datetime | None]


class Backup(Base):
    """A copy of the database that `clearpost backup` made: on which machine, in which file."""

    __tablename__ = "backup"

    id: Mapped[Id]
    at: Mapped[datetime]
    host: Mapped[str]
    file: Mapped[str]
    sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(WHOLE)
