"""What processes keep for one another: duties, counts of failures, signs of life, copies.

Here: singleton, clock_mark, program_version, heartbeat, backup. Not here: taking a duty
(holding/store/leases.py), making a copy (holding/platform/backup.py).
"""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import WHOLE, Base, Id


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
    """A worker process: when it was seen last, and until when its silence means nothing.

    `left_at` is set by one that ended in order; one that died says nothing. Memory and free disk
    space are those of its last sign; None where its machine does not tell them. `stop_asked_at`: a
    person asked it to stop; one before its start was meant for another.
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
