"""What happened, one row each, never changed.

Here: event. Not here: how one is written (holding/events.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from holding.models.base import Base, Id, ref
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
