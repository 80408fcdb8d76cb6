"""Packets that were made for a support desk.

Here: escalation. Not here: what is in a packet (holding/escalation/packets.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import Base, Id, Json, ref


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
