"""How far the lists of a target were read, and the pages that were read so far.

Here: the rows. Not here: the lists that stand (targets.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import WHOLE, Base, Json, Word, one_of, ref
from holding.tables.row_states import ListKind


class ListReading(Base):
    """One list of a target that it tells itself: when it is read, and how far it is.

    `cursor` is where the next page begins, and nothing where the next one is the first; `pages` are
    kept of the reading that goes on. `done_at` is when a whole list was read last, and `done_found`
    how many entries it had. `wrong` says why there is no answer.
    """

    __tablename__ = "list_reading"
    __table_args__ = (
        one_of("kind", tuple(ListKind)),
        Index("ix_list_reading_due", "due_at"),
    )

    connection_id: Mapped[int] = ref("connection", primary_key=True)
    kind: Mapped[ListKind] = mapped_column(Word(ListKind), primary_key=True)
    due_at: Mapped[datetime | None]
    cursor: Mapped[str | None]
    pages: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    wrong: Mapped[str | None]
    wrong_since: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    done_found: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")


class ListPart(Base):
    """A page of a list that is being read: rows of code, name, in use, TIN, registration number.

    Once the last page is there they become the list, and the parts are removed.
    """

    __tablename__ = "list_part"

    connection_id: Mapped[int] = ref("connection", primary_key=True)
    kind: Mapped[ListKind] = mapped_column(Word(ListKind), primary_key=True)
    no: Mapped[int] = mapped_column(WHOLE, primary_key=True)
    rows: Mapped[Any] = mapped_column(Json)
