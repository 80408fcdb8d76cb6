"""Tables of connections, their keys, snapshots of master data, pulls and import files."""

from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from connectors.contract import ConnectionSide
from holding.db.models.columns import (
    WHOLE,
    Base,
    BreakerState,
    Id,
    ImportFileState,
    Json,
    KeyState,
    Word,
    one_of,
    partial,
    ref,
)

SIDES, KEY_STATES, BREAKER_STATES = get_args(ConnectionSide), tuple(KeyState), tuple(BreakerState)


class Connection(Base):
    """A source or target of a company, with its settings and its last test.

    `untested_since`: nothing is sent there until a test passes. `test_steps` has one object a step
    of the test made at `tested_at`: name, ok, words, hint, code. `restored_at`: since this restore
    from a backup the target may have documents that this database does not know.
    """

    __tablename__ = "connection"
    __table_args__ = (UniqueConstraint("company_id", "name"), one_of("side", SIDES))

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    name: Mapped[str]
    side: Mapped[ConnectionSide] = mapped_column(Text)
    connector: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    paused_at: Mapped[datetime | None]
    paused_by_id: Mapped[int | None] = ref("person")
    pause_reason: Mapped[str | None]
    pause_until: Mapped[datetime | None]
    key_id: Mapped[int | None]
    untested_since: Mapped[datetime | None]
    tested_at: Mapped[datetime | None]
    test_steps: Mapped[list[dict[str, Any]]] = mapped_column(
        Json, default=list, server_default="[]"
    )
    lock: Mapped[int] = mapped_column(WHOLE, default=0)
    restored_at: Mapped[datetime | None]


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


class AuthorizationRequest(Base):
    """A person on the way to the page of a target where it is allowed; the way back works once.

    Only hashes of the state parameter and of the session are stored. `back` is the redirect
    address, exactly as it was sent.
    """

    __tablename__ = "authorization_request"
    __table_args__ = (Index("ix_authorization_request_connection", "connection_id", "id"),)

    id: Mapped[Id]
    state_hash: Mapped[str] = mapped_column(unique=True)
    session_hash: Mapped[str]
    company_id: Mapped[int] = ref("company")
    connection_id: Mapped[int] = ref("connection")
    person_id: Mapped[int] = ref("person")
    back: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class HookCall(Base):
    """A call of a source's webhook that made no record: it was rejected, or it was a test.

    `times`: how often it came in a row with an equal outcome. The content of unverified calls is
    not stored.
    """

    __tablename__ = "hook_call"
    __table_args__ = (
        Index("ix_hook_call_source", "source_id", "id"),
        one_of("outcome", ("rejected", "test")),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    source_id: Mapped[int] = ref("connection")
    at: Mapped[datetime]
    outcome: Mapped[str]
    status: Mapped[int] = mapped_column(WHOLE)
    code: Mapped[str]
    words: Mapped[str]
    hint: Mapped[str]
    times: Mapped[int] = mapped_column(WHOLE, default=1, server_default="1")


class Throttle(Base):
    """Rate, breaker and quota of a connection: a row of its own, for it is hot.

    `clock_ahead`: by how many seconds its clock was ahead of ours (below 0: behind) in the last
    test that showed it, at `clock_at`. None without such a test.
    """

    __tablename__ = "throttle"
    __table_args__ = (one_of("breaker", BREAKER_STATES),)

    connection_id: Mapped[int] = ref("connection", primary_key=True)
    tokens: Mapped[int] = mapped_column(WHOLE, default=0)
    filled_at: Mapped[datetime | None]
    breaker: Mapped[BreakerState] = mapped_column(Word(BreakerState), default=BreakerState.CLOSED)
    failures: Mapped[int] = mapped_column(WHOLE, default=0)
    recent: Mapped[str] = mapped_column(
        default="", server_default=""
    )  # "x" a failure, "." an answer
    opened_at: Mapped[datetime | None]
    open_until: Mapped[datetime | None]
    quota_limit: Mapped[int | None] = mapped_column(WHOLE)
    quota_month: Mapped[str | None]
    quota_used: Mapped[int] = mapped_column(WHOLE, default=0)
    clock_ahead: Mapped[int | None] = mapped_column(WHOLE)
    clock_at: Mapped[datetime | None]


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


class ItemReading(Base):
    """When a target last answered a request for an item's unit."""

    __tablename__ = "item_reading"

    connection_id: Mapped[int] = ref("connection", primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]


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


class KeptApart(Base):
    """Two parties that a person marked as permanently different; `first` < `second`."""

    __tablename__ = "kept_apart"
    __table_args__ = (UniqueConstraint("company_id", "first", "second"),)

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    first: Mapped[str]
    second: Mapped[str]
    person_id: Mapped[int | None] = ref("person")
    reason: Mapped[str]
    at: Mapped[datetime]


class Pull(Base):
    """The progress of reading a source's changes: every few minutes, and each night further back.

    Changes before `start_at` are not read. `found` counts the records of the current reading,
    `done_found` of the last complete reading. `wrong` is why there is no answer. `began_at` is when
    the running sweep began, `floor_at` the oldest change that it lists.
    """

    __tablename__ = "pull"
    __table_args__ = (one_of("kind", ("pull", "sweep")), Index("ix_pull_due", "due_at"))

    connection_id: Mapped[int] = ref("connection", primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    start_at: Mapped[datetime]
    cursor: Mapped[str | None]
    due_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    wrong: Mapped[str | None]
    wrong_since: Mapped[datetime | None]
    found: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    read_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    done_found: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    began_at: Mapped[datetime | None]
    floor_at: Mapped[datetime | None]


class ImportFile(Base):
    """A file that a person imports in a target by hand, and the outcome that they reported.

    Its bytes are stored with the request. `documents` and `rows` are counts, `totals` is currency
    -> minor units. `verdicts`: document number -> its result; a missing number has no known result
    yet. `note` is what is wrong with the import as a whole, `reason` why a person confirmed or
    withdrew it.
    """

    __tablename__ = "import_file"
    __table_args__ = (
        UniqueConstraint("request_id"),
        Index("ix_import_file_run", "run_id"),
        Index("ix_import_file_company", "company_id", "id"),
        one_of("state", ImportFileState),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    connection_id: Mapped[int] = ref("connection")
    run_id: Mapped[int | None] = ref("run")
    request_id: Mapped[int] = ref("request")
    doc_type: Mapped[str]
    name: Mapped[str]
    sha256: Mapped[str]
    documents: Mapped[int] = mapped_column(WHOLE)
    rows: Mapped[int] = mapped_column(WHOLE)
    totals: Mapped[dict[str, int]] = mapped_column(Json)
    state: Mapped[ImportFileState] = mapped_column(Word(ImportFileState))
    verdicts: Mapped[dict[str, Any]] = mapped_column(Json)
    note: Mapped[str] = mapped_column(default="", server_default="")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    made_at: Mapped[datetime]
    handed_over_at: Mapped[datetime | None]
    handed_over_by_id: Mapped[int | None] = ref("person")
    imported_at: Mapped[datetime | None]
    imported_by_id: Mapped[int | None] = ref("person")
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = ref("person")
