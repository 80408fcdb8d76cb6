"""Configured sources and targets, and what is known of a target.

Here: connection, its keys, its hot counters, its snapshots. Not here: how to talk to them
(connectors).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import WHOLE, Base, Id, Json, Word, one_of, partial, ref
from holding.tables.row_states import KeyState

KEY_STATES = tuple(KeyState)


class Connection(Base):
    """A source or target of a company, with its settings."""

    __tablename__ = "connection"
    __table_args__ = (UniqueConstraint("company_id", "name"), one_of("side", ("source", "target")))

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    name: Mapped[str]
    side: Mapped[str]
    connector: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    paused_at: Mapped[datetime | None]
    paused_by_id: Mapped[int | None] = ref("person")
    pause_reason: Mapped[str | None]
    pause_until: Mapped[datetime | None]
    key_id: Mapped[int | None]
    lock: Mapped[int] = mapped_column(WHOLE, default=0)


class ConnectionKey(Base):
    """A secret of a connection, encrypted; pages see its tail only."""

    __tablename__ = "connection_key"
    __table_args__ = (
        UniqueConstraint("connection_id", "no"),
        partial(
            "uq_connection_key_active",
            "connection_id",
            where=f"state = '{KeyState.ACTIVE}'",
            unique=True,
        ),
        one_of("state", KEY_STATES),
    )

    id: Mapped[Id]
    connection_id: Mapped[int] = ref("connection")
    no: Mapped[int]
    secret: Mapped[str]
    tail: Mapped[str]
    state: Mapped[KeyState] = mapped_column(Word(KeyState))
    made_at: Mapped[datetime]
    made_by_id: Mapped[int | None] = ref("person")
    keep_until: Mapped[datetime | None]


class Throttle(Base):
    """Rate, breaker and quota of a connection: a row of its own, for it is hot."""

    __tablename__ = "throttle"
    __table_args__ = (one_of("breaker", ("closed", "open", "half_open")),)

    connection_id: Mapped[int] = ref("connection", primary_key=True)
    tokens: Mapped[int] = mapped_column(WHOLE, default=0)
    filled_at: Mapped[datetime | None]
    breaker: Mapped[str] = mapped_column(default="closed")
    failures: Mapped[int] = mapped_column(WHOLE, default=0)
    recent: Mapped[str] = mapped_column(
        default="", server_default=""
    )  # "x" a failure, "." an answer
    opened_at: Mapped[datetime | None]
    open_until: Mapped[datetime | None]
    quota_limit: Mapped[int | None] = mapped_column(WHOLE)
    quota_month: Mapped[str | None]
    quota_used: Mapped[int] = mapped_column(WHOLE, default=0)


class Snapshot(Base):
    """When one kind of master data of a target was last looked at, and last changed."""

    __tablename__ = "snapshot"
    __table_args__ = (UniqueConstraint("connection_id", "kind"),)

    id: Mapped[Id]
    connection_id: Mapped[int] = ref("connection")
    kind: Mapped[str]
    checked_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    revision: Mapped[int]
    sha256: Mapped[str]
    due_at: Mapped[datetime | None]


class SnapshotItem(Base):
    """One code that the target knows, from one revision to another."""

    __tablename__ = "snapshot_item"
    __table_args__ = (
        UniqueConstraint("snapshot_id", "code", "from_revision"),
        partial(
            "uq_snapshot_item_now", "snapshot_id", "code", where="to_revision IS NULL", unique=True
        ),
    )

    id: Mapped[Id]
    snapshot_id: Mapped[int] = ref("snapshot")
    code: Mapped[str]
    body: Mapped[Any] = mapped_column(Json)
    from_revision: Mapped[int]
    to_revision: Mapped[int | None]
