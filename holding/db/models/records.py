"""Tables of deliveries, records, versions, link keys and events."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from holding.db.models.columns import (
    DUE,
    LEASED,
    WHOLE,
    Base,
    Compared,
    Id,
    Json,
    ListKind,
    Packed,
    RecordState,
    UploadState,
    Word,
    Work,
    among_words,
    by_number,
    one_of,
    partial,
    ref,
    words,
)

OF_PERSON = "person_id IS NOT NULL"

OF_NO_RECORD = "record_id IS NULL"

RECORD_STATES = tuple(RecordState)

FINAL_STATES = (
    RecordState.POSTED,
    RecordState.REVERSED,
    RecordState.DROPPED,
    RecordState.IGNORED,
)


class Record(Work, Base):
    """One source document. Its list columns are written by the judging only, after the first
    version. `compared_at`: when the nightly sweep last compared it with its source.
    """

    __tablename__ = "record"

    LONGEST_PARTY = 300
    """So many characters of a party are listed and searched: PostgreSQL indexes 2,700 bytes."""

    OPEN = f"state NOT IN {words(FINAL_STATES)}"
    CRASHED = f"{DUE} AND crashes > 0"

    __table_args__ = (
        UniqueConstraint("source_id", "type", "external_id"),
        partial("ix_record_due", "company_id", "due_at", "id", where=DUE),
        partial("ix_record_crashed", "company_id", "due_at", "id", where=CRASHED),
        partial("ix_record_lease", "lease_until", where=LEASED),
        partial("ix_record_open", "company_id", "state", "id", where=OPEN),
        Index("ix_record_seen", "company_id", "seen_at", "id", "state"),
        by_number("ix_record_number"),
        Index("ix_record_external", "company_id", "external_id"),
        Index("ix_record_day", "company_id", "doc_date", "state"),
        Index("ix_record_party", "company_id", "party_key", "seen_at"),
        Index("ix_record_family", "company_id", "family"),
        one_of("state", RECORD_STATES),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    source_id: Mapped[int] = ref("connection")
    type: Mapped[str]
    external_id: Mapped[str]
    number: Mapped[str]
    family: Mapped[int]
    version_id: Mapped[int | None]
    status: Mapped[str] = mapped_column(default="")
    state: Mapped[RecordState] = mapped_column(Word(RecordState), default=RecordState.RECEIVED)
    party: Mapped[str] = mapped_column(default="")
    party_key: Mapped[str] = mapped_column(default="")
    branch: Mapped[str] = mapped_column(default="")
    doc_date: Mapped[date | None]
    amount: Mapped[int | None]
    currency: Mapped[str] = mapped_column(default="")
    book: Mapped[int | None]
    priority: Mapped[int] = mapped_column(WHOLE, default=100)
    seen_at: Mapped[datetime]
    lock: Mapped[int] = mapped_column(WHOLE, default=0)
    compared_at: Mapped[datetime | None]
    compared: Mapped[Compared | None] = mapped_column(Word(Compared))


RECORD_OPEN = ~among_words(Record.state, FINAL_STATES)
"""The condition that a record is still to be done; worded as its partial index."""

NOW_LISTED = "to_file_id IS NULL"


class Event(Base):
    """One fact of the audit trail."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_record", "record_id", "id"),
        Index("ix_event_company", "company_id", "id"),
        Index("ix_event_at", "company_id", "at", "id"),
        partial("ix_event_person", "company_id", "person_id", "at", "id", where=OF_PERSON),
        partial("ix_event_wide", "company_id", "at", "id", where=OF_NO_RECORD),
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


class RowSeal(Base):
    """The hashes of rows as they were when the event at place `through` was the newest one.

    `evaluation_id`, `reading_id`: up to which checks and read-backs the records are sealed, too.
    `record_id`: whose rows; without it the company's, of one table. `last`: of a table that only
    grows, the last sealed value of its growing column. `body`: table -> key -> hashes, joined by
    points: of the columns that never change, of columns that change with events, and of each column
    that retention empties (holding/platform/row_trail.py).
    """

    __tablename__ = "row_seal"
    __table_args__ = (
        Index("ix_row_seal_company", "company_id", "id"),
        partial("ix_row_seal_record", "record_id", "id", where="record_id IS NOT NULL"),
        partial("ix_row_seal_table", "company_id", "table_name", "id", where="record_id IS NULL"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    record_id: Mapped[int | None] = ref("record")
    table_name: Mapped[str | None]
    last: Mapped[int | None]
    through: Mapped[int]
    evaluation_id: Mapped[int]
    reading_id: Mapped[int]
    at: Mapped[datetime]
    body: Mapped[dict[str, dict[str, str]]] = mapped_column(Json)


class Delivery(Work, Base):
    """One arrival of data, kept raw.

    `signature` identifies a delivery whose id is not signed: an equal signature means a repeated
    delivery.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("source_id", "key"),
        Index("ix_delivery_sha256", "source_id", "sha256"),
        Index("ix_delivery_source", "source_id", "id"),
        partial(
            "uq_delivery_signature",
            "source_id",
            "signature",
            where="signature IS NOT NULL",
            unique=True,
        ),
        partial("ix_delivery_due", "company_id", "due_at", "id", where="due_at IS NOT NULL"),
        partial("ix_delivery_upload", "upload_id", where="upload_id IS NOT NULL"),
        partial("ix_delivery_lease", "lease_until", where=LEASED),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    source_id: Mapped[int] = ref("connection")
    key: Mapped[str]
    signature: Mapped[str | None]
    sha256: Mapped[str]
    kind: Mapped[str]
    headers: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    body: Mapped[bytes | None] = mapped_column(Packed)
    received_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(WHOLE, default=1)
    error: Mapped[str | None]
    upload_id: Mapped[int | None] = ref("upload")


class Upload(Work, Base):
    """A file that a person uploaded: its bytes, the result of its check, and the result of its
    import.

    Until it is confirmed, it has no records and is deleted at `expires_at`. `kind` is the kind of
    its records. `chosen`: the fields that the person chose for columns, and the meaning of a date
    such as 05/06/2026. `headings` is a hash by which the next file with equal headings finds these
    choices. `result` is the check, `outcome` counts the imported records. `taken` of `total` orders
    are imported.
    """

    __tablename__ = "upload"
    __table_args__ = (
        Index("ix_upload_sha256", "company_id", "sha256"),
        partial("ix_upload_due", "company_id", "due_at", "id", where="due_at IS NOT NULL"),
        Index("ix_upload_expires", "expires_at"),
        one_of("state", tuple(UploadState)),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    source_id: Mapped[int] = ref("connection")
    person_id: Mapped[int | None] = ref("person")
    name: Mapped[str]
    sha256: Mapped[str]
    kind: Mapped[str] = mapped_column(default="order", server_default="order")
    body: Mapped[bytes | None]
    state: Mapped[UploadState] = mapped_column(Word(UploadState))
    result: Mapped[Any | None] = mapped_column(Json)
    at: Mapped[datetime]
    headings: Mapped[str] = mapped_column(default="", server_default="")
    chosen: Mapped[dict[str, str]] = mapped_column(Json, default=dict, server_default="{}")
    outcome: Mapped[dict[str, int]] = mapped_column(Json, default=dict, server_default="{}")
    with_unknown: Mapped[bool] = mapped_column(default=False, server_default=false())
    taken: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    total: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class Version(Base):
    """One content of a record, immutable."""

    __tablename__ = "version"
    __table_args__ = (
        UniqueConstraint("record_id", "no"),
        partial("ix_version_corrects", "at", where="corrects_id IS NOT NULL"),
        partial(
            "uq_version_stamp",
            "record_id",
            "stamp",
            "sha256",
            where="stamp IS NOT NULL AND corrects_id IS NULL",
            unique=True,
        ),
    )

    id: Mapped[Id]
    record_id: Mapped[int] = ref("record")
    no: Mapped[int]
    sha256: Mapped[str]
    body: Mapped[dict[str, Any] | None] = mapped_column(Json)
    stamp: Mapped[str | None]
    stale: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(default="")
    delivery_id: Mapped[int | None] = ref("delivery", index=True)
    corrects_id: Mapped[int | None] = ref("version")
    person_id: Mapped[int | None] = ref("person")
    reason: Mapped[str | None]
    at: Mapped[datetime]


class LinkKey(Base):
    """A value of a record that duplicate rules compare, or by which links find it."""

    __tablename__ = "link_key"

    OF_LINKS = "link:"  # how the name of a key begins that links are found by
    __table_args__ = ({"sqlite_with_rowid": False},)

    company_id: Mapped[int] = ref("company", primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[int] = ref("record", primary_key=True, index=True)


class ListReading(Base):
    """One list that a target provides by its interface: when it is read next, and how far the
    reading is.

    `cursor` is where the next page begins, None before the first page. `pages` counts the pages of
    the current reading. `done_at` is when a whole list was last read, and `done_found` how many
    entries it had. `wrong` is why there is no answer, or why it does not count yet. `missed` is the
    fingerprint of the active codes that were missing in it.
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
    missed: Mapped[str | None]
    read_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    done_found: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")


class ListPart(Base):
    """A page of a list that is being read: rows of code, name, in use, TIN, registration number,
    SKU, party, amount left to pay, currency.

    After the last page, the pages become the list and are deleted.
    """

    __tablename__ = "list_part"

    connection_id: Mapped[int] = ref("connection", primary_key=True)
    kind: Mapped[ListKind] = mapped_column(Word(ListKind), primary_key=True)
    no: Mapped[int] = mapped_column(WHOLE, primary_key=True)
    rows: Mapped[Any] = mapped_column(Json)


class ListFile(Base):
    """A list as of a day, read from a target or uploaded by a person: customers, vendors, items,
    unpaid invoices or unpaid bills.

    `entries` counts its entries; `added`, `changed` and `gone` count the differences from the list
    before.
    """

    __tablename__ = "list_file"
    __table_args__ = (
        Index("ix_list_file_of", "connection_id", "kind", "id"),
        one_of("kind", tuple(ListKind)),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    connection_id: Mapped[int] = ref("connection")
    kind: Mapped[ListKind] = mapped_column(Word(ListKind))
    as_of: Mapped[date]
    name: Mapped[str]
    sha256: Mapped[str]
    person_id: Mapped[int | None] = ref("person")
    at: Mapped[datetime]
    entries: Mapped[int]
    added: Mapped[int]
    changed: Mapped[int]
    gone: Mapped[int]


def by_beginning(name: str, column: str) -> Index:
    """Return an index for prefix searches of a column among the current entries, for both
    databases.
    """
    return Index(
        name,
        "connection_id",
        "kind",
        column,
        sqlite_where=text(NOW_LISTED),
        postgresql_where=text(NOW_LISTED),
        postgresql_ops={column: "text_pattern_ops"},
    )


class ListedCode(Base):
    """One entry of such a list, from one file to another.

    The columns `…_key` are compared: letters and digits in one case, blank where the list has no
    value. For an unpaid document, `party` is the code of its customer or supplier. `left_minor` is
    the amount left to pay, in minor units of `currency`.
    """

    __tablename__ = "listed_code"
    __table_args__ = (
        partial(
            "uq_listed_code_now", "connection_id", "kind", "code", where=NOW_LISTED, unique=True
        ),
        by_beginning("ix_listed_code_code_key", "code_key"),
        by_beginning("ix_listed_code_name_key", "name_key"),
        partial(
            "ix_listed_code_sku_key",
            "connection_id",
            "kind",
            "sku_key",
            where=f"{NOW_LISTED} AND sku_key <> ''",
        ),
        partial(
            "ix_listed_code_tin_key",
            "connection_id",
            "kind",
            "tin_key",
            where=f"{NOW_LISTED} AND tin_key <> ''",
        ),
        partial(
            "ix_listed_code_registration_key",
            "connection_id",
            "kind",
            "registration_key",
            where=f"{NOW_LISTED} AND registration_key <> ''",
        ),
        partial(
            "ix_listed_code_party",
            "connection_id",
            "kind",
            "party",
            where=f"{NOW_LISTED} AND party <> ''",
        ),
        Index("ix_listed_code_from", "from_file_id"),
        Index("ix_listed_code_to", "to_file_id"),
    )

    id: Mapped[Id]
    connection_id: Mapped[int] = ref("connection")
    kind: Mapped[ListKind] = mapped_column(Word(ListKind))
    code: Mapped[str]
    name: Mapped[str]
    tin: Mapped[str]
    registration: Mapped[str]
    active: Mapped[bool] = mapped_column(server_default=true())
    sku: Mapped[str] = mapped_column(server_default="")
    party: Mapped[str] = mapped_column(server_default="")
    left_minor: Mapped[int | None] = mapped_column(WHOLE)
    currency: Mapped[str] = mapped_column(server_default="")
    code_key: Mapped[str]
    name_key: Mapped[str]
    tin_key: Mapped[str]
    registration_key: Mapped[str]
    sku_key: Mapped[str] = mapped_column(server_default="")
    from_file_id: Mapped[int] = mapped_column(ForeignKey("list_file.id"))
    to_file_id: Mapped[int | None] = mapped_column(ForeignKey("list_file.id"))
