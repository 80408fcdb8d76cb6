"""What people are told and asked beyond the pages of records: signals, packets for a support desk,
notices, requests for access.

Here: signal, escalation, recipient, notice, access_request. Not here: when a signal is raised
(holding/signals), what is in a packet (holding/escalation/packets.py), when a notice is sent
(holding/notices).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import WHOLE, Base, Id, Json, Word, one_of, partial, ref
from holding.tables.row_states import NoticeKind, NoticeState, RecipientKind, SignalKind


class Signal(Base):
    """A state of a company that somebody must hear of; one row from its beginning to its end.

    `key` names what it is about among those of its kind. `money` is currency -> minor units of the
    `records` that it stops; `tried`: how often people tried in vain to end it.
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
    """A packet about a record as it was handed out, and to whom it went.

    `sha256` is that of the canonical JSON of `packet`; `personal`: personal data stands in it.
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
    """Who is told: a person of the company, an address of mail, or an outgoing webhook.

    `digest`, `urgent` and `packets` say what they get; who gets none of them is a person who is
    told of their own work, and on no list. A webhook of a team is told of its holds alone; `secret`
    signs its calls and is encrypted for this row. One that was removed has ended.
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
    """One message to one recipient, once: `key` names what it is about among those of its kind.

    `body` is what is told; it stays as it was made, however often it is tried.
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
    """An act that a person of a company asks to be allowed. `granted`: how it ended; None while it
    waits. `answer`: why it was declined.
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
