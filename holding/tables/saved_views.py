"""Filters of the holding area that people keep under a name.

Here: the table. Not here: keeping and listing them (holding/exceptions/saved_views.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import Base, Id, Json, ref


class SavedView(Base):
    """A filter of the holding area under a name: `query` has the words of its address. Those that
    are `shared` are seen by everybody of the company, and changed by who made them alone.
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
