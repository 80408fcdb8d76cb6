"""What happened, one row each, never changed.

Here: event and its place in the chain. Not here: how one is written (holding/events.py) and linked
(holding/chain.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from holding.models.base import WHOLE, Base, Id, ref
from holding.types import Json


class Event(Base):
    """One fact of the audit trail."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_record", "record_id", "id"),
        Index("ix_event_company", "company_id", "id"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    at: Mapped[datetime]
    person_id: Mapped[int | None] = ref("person")
    actor: Mapped[str]
    act: Mapped[str]
    record_id: Mapped[int | None] = ref("record")
    posting_id: Mapped[int | None] = ref("posting")
    object: Mapped[str | None]
    fence: Mapped[int | None]
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    operation_id: Mapped[str | None]


class EventLink(Base):
    """The place of an event in the chain of its company; `seq` counts from 1, without a gap."""

    __tablename__ = "event_link"

    company_id: Mapped[int] = ref("company", primary_key=True)
    seq: Mapped[int] = mapped_column(WHOLE, primary_key=True, autoincrement=False)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"), unique=True)
    hash: Mapped[str]
