"""What is kept of open holds, so that no page has to count them; marks, by which a worker finds
what it has to bring up to date; and filters that people keep under a name.

Here: the tally, what it counts of each record, the marks of what has changed since, those of
documents that lack entries, those of what a change of a mapping still has to wake, saved views. Not
here: who marks (migrations and their triggers), folding and reading (holding/tallies), what
documents lack (holding/programs/completed_uses.py), waking (holding/platform/changes.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import WHOLE, Base, Id, Json, ref


class HoldTally(Base):
    """Records whose open holds look alike, and their money: all of them (`cause_id` 0), once more
    those of each cause, twice (the finer one from 2**40 on), and once more those of each owner
    (`cause_id` below 0).

    `shape`: how those holds look (holding/tallies/shapes.py), or whose they are and since which
    hour (owner_waits.py). `minor` sums what is known, in minor units of `currency`; "" is that of
    the books. `blank` records have no amount.
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
    """A record that has open holds, as the tally counts it: in which row, and for how much; once
    with all of its holds (`cause_id` 0), twice for each cause, and once for each owner of one: the
    first of them is -1, the second -2.
    """

    __tablename__ = "tallied_record"

    record_id: Mapped[int] = ref("record", primary_key=True)
    cause_id: Mapped[int] = mapped_column(WHOLE, primary_key=True, autoincrement=False)
    company_id: Mapped[int] = ref("company")
    tally_id: Mapped[int] = ref("hold_tally")
    minor: Mapped[int | None]


class TallyMark(Base):
    """A record whose holds, or whose money, changed since it was tallied.

    Whoever changes them writes it, in the same transaction, by a trigger: without a foreign key,
    and a new row each time, so that no two writers ever wait for one another.
    """

    __tablename__ = "tally_mark"
    __table_args__ = (Index("ix_tally_mark_company", "company_id", "record_id"),)

    id: Mapped[Id]
    company_id: Mapped[int]
    record_id: Mapped[int]


class UseMark(Base):
    """A document that was judged by a program which did not note every entry (decision 0127).

    A migration marked them; a worker notes the rest and takes the mark away.
    """

    __tablename__ = "use_mark"

    posting_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class WakeMark(Base):
    """What a change of a mapping may reach and nobody has looked at yet: the records that wait for
    a cause, or those with documents that were made with an entry; of these what is numbered `below`
    (a hold, or a document).

    Who changes the mapping writes it, in the same transaction. What it speaks of is not sent before
    a worker has looked at it. `told`: what the event of each record says, and who caused it.
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
