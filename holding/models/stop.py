"""Routes that stop because one change moves too much at once.

Here: how much each change moved on each route, and what people decided. Not here: what is too much
(holding/impact/safety.py).
"""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holding.models.base import WHOLE, Base, Id, one_of, partial, ref

STOP_STATES = ("counting", "stopped", "resumed")


class RouteStop(Base):
    """What one revision of rules or mappings moved on one route; `stopped` lets nothing go.

    `records` and `book` count what became ready, or ready with another content, through it alone.
    `superseded_by`: the revision that ended it by setting the same mapping anew.
    """

    __tablename__ = "route_stop"

    OPEN = "state = 'stopped'"

    __table_args__ = (
        UniqueConstraint("company_id", "route", "revision"),
        partial("ix_route_stop_open", "company_id", "route", where=OPEN),
        one_of("state", STOP_STATES),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    route: Mapped[str]
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(default="counting")
    records: Mapped[int] = mapped_column(WHOLE, default=0)
    book: Mapped[int] = mapped_column(WHOLE, default=0)
    most_records: Mapped[int | None]
    most_book: Mapped[int | None]
    stopped_at: Mapped[datetime | None]
    kept_at: Mapped[datetime | None]
    kept_by_id: Mapped[int | None] = ref("person")
    kept_why: Mapped[str | None]
    resumed_at: Mapped[datetime | None]
    resumed_by_id: Mapped[int | None] = ref("person")
    resumed_why: Mapped[str | None]
    superseded_by: Mapped[int | None]
