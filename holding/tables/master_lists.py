"""The lists of a target that stand, how far each was read, and the pages that were read so far.

Here: the rows. Not here: reading them (holding/code_lists).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text, true
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import WHOLE, Base, Id, Json, Word, one_of, partial, ref
from holding.tables.row_states import ListKind


class ListReading(Base):
    """One list of a target that it tells itself: when it is read, and how far it is.

    `cursor` is where the next page begins, and nothing where the next one is the first; `pages` are
    kept of the reading that goes on. `done_at` is when a whole list was read last, and `done_found`
    how many entries it had. `wrong` says why there is no answer, or why it does not count yet;
    `missed` is the fingerprint of the codes that stood and were missing from it.
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
    """A page of a list that is being read: rows of code, name, in use, TIN, registration
    number, SKU, party, what is left to pay, currency.

    Once the last page is there they become the list, and the parts are removed.
    """

    __tablename__ = "list_part"

    connection_id: Mapped[int] = ref("connection", primary_key=True)
    kind: Mapped[ListKind] = mapped_column(Word(ListKind), primary_key=True)
    no: Mapped[int] = mapped_column(WHOLE, primary_key=True)
    rows: Mapped[Any] = mapped_column(Json)


class ListFile(Base):
    """A list that a target told or a person gave in, as of a day: customers, vendors, items, unpaid
    invoices or unpaid bills.

    `entries` are in it; against the list before it `added`, `changed` and `gone`.
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


NOW_LISTED = "to_file_id IS NULL"


def by_beginning(name: str, column: str) -> Index:
    """An index of the entries in force by the beginning of a column, in both databases."""
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

    The columns `…_key` are what is compared: letters and digits in one case, blank where the list
    says nothing. Of an unpaid document `party` is the code of its customer or supplier,
    `left_minor` what is left to pay, in whole minor units of `currency`.
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
