"""Files that people carry to a target, and copies of the database that they keep.

Here: the tables. Not here: the bytes, which are those of a call (postings.py), or lie where the
copy was put; who may do what with a file (holding/import_files), making a copy
(holding/runtime/backup.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holding.tables.columns import WHOLE, Base, Id, Json, Word, one_of, ref
from holding.tables.row_states import ImportFileState


class ImportFile(Base):
    """A file that a person imports in a target, and what they told of that import.

    Its bytes are those of the request. `documents` and `rows` are how many it has, `totals` is
    currency -> minor units. `verdicts`: number of a document -> what became of it; a number that
    is not there is not known yet. `note` says what is wrong with the import as a whole, `reason`
    why a person confirmed or withdrew it.
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


class Backup(Base):
    """A copy of the database that `clearpost backup` made: on which machine, in which file."""

    __tablename__ = "backup"

    id: Mapped[Id]
    at: Mapped[datetime]
    host: Mapped[str]
    file: Mapped[str]
    sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(WHOLE)
