"""List import files and their documents for pages."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from holding.db.bulk import Columns, of
from holding.db.models import (
    Connection,
    ImportFile,
    Person,
)
from holding.db.models.columns import ImportFileState
from holding.posting.newer_versions import NewerVersion, find_newer_versions
from holding.reconciliation import open_files
from holding.reconciliation.open_files import Verdict, exported_documents
from rules.values.canonical import PostingState

_handed, _told, _ended = (aliased(Person, name=name) for name in ("handed", "told", "ended"))


@dataclass(frozen=True, slots=True)
class FileRow:
    """One import file: contents, state, users and their reports."""

    id: int
    run_id: int | None
    target: str
    connector: str
    settings: Mapping[str, Any]
    doc_type: str
    name: str
    sha256: str
    documents: int
    rows: int
    totals: Mapping[str, int]
    state: ImportFileState
    note: str
    reason: str
    made_at: datetime
    handed_over_at: datetime | None
    handed_over_by: str | None
    imported_at: datetime | None
    imported_by: str | None
    ended_at: datetime | None
    ended_by: str | None

    @property
    def book(self) -> str:
        """The short name of the target's account book."""
        return str(self.settings.get("company_id", ""))

    @property
    def currency(self) -> str:
        """The only currency of its documents; blank if there are several."""
        return next(iter(self.totals)) if len(self.totals) == 1 else ""


_FILE = Columns(
    FileRow(
        id=of(ImportFile.id),
        run_id=of(ImportFile.run_id),
        target=of(Connection.name),
        connector=of(Connection.connector),
        settings=of(Connection.settings),
        doc_type=of(ImportFile.doc_type),
        name=of(ImportFile.name),
        sha256=of(ImportFile.sha256),
        documents=of(ImportFile.documents),
        rows=of(ImportFile.rows),
        totals=of(ImportFile.totals),
        state=of(ImportFile.state),
        note=of(ImportFile.note),
        reason=of(ImportFile.reason),
        made_at=of(ImportFile.made_at),
        handed_over_at=of(ImportFile.handed_over_at),
        handed_over_by=of(_handed.name),
        imported_at=of(ImportFile.imported_at),
        imported_by=of(_told.name),
        ended_at=of(ImportFile.ended_at),
        ended_by=of(_ended.name),
    ),
    {
        "target": "connection.name",
        "handed_over_by": "handed.name",
        "imported_by": "told.name",
        "ended_by": "ended.name",
    },
)


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document of a file: posting state, verdict, and the record's newer version, if any."""

    number: str
    party: str
    doc_date: date | None
    amount: int | None
    currency: str
    state: PostingState
    verdict: Verdict | None
    news: NewerVersion | None


def files_of_run(session: Session, company_id: int, run_id: int) -> tuple[FileRow, ...]:
    """Return the files of a run, in order of creation."""
    query = _files(company_id).where(ImportFile.run_id == run_id).order_by(ImportFile.id)
    return _FILE.each(session.execute(query))


def _files(company_id: int) -> Select[Any]:
    return (
        _FILE.select()
        .join(Connection, Connection.id == ImportFile.connection_id)
        .outerjoin(_handed, _handed.id == ImportFile.handed_over_by_id)
        .outerjoin(_told, _told.id == ImportFile.imported_by_id)
        .outerjoin(_ended, _ended.id == ImportFile.ended_by_id)
        .where(ImportFile.company_id == company_id)
    )


def load_file(session: Session, company_id: int, file_id: int) -> FileRow | None:
    """Return one file of the company, or None."""
    return _FILE.first(session.execute(_files(company_id).where(ImportFile.id == file_id)))


def file_documents(session: Session, company_id: int, file_id: int) -> tuple[DocumentRow, ...]:
    """Return the documents of a file, in order of rows."""
    query = select(ImportFile).where(ImportFile.company_id == company_id, ImportFile.id == file_id)
    file = session.scalars(query).one()
    inside = exported_documents(session, file)
    news = news_of_postings(session, [one.posting_id for one in inside])
    return tuple(
        DocumentRow(
            number=document.number,
            party=document.party,
            doc_date=document.doc_date,
            amount=document.minor,
            currency=document.currency,
            state=document.state,
            verdict=open_files.verdict_of(file.verdicts, document.number),
            news=news.get(document.posting_id),
        )
        for document in inside
    )


def news_of_postings(session: Session, posting_ids: Collection[int]) -> dict[int, NewerVersion]:
    """Return newer record versions of documents that wait in a file, by posting id."""
    return find_newer_versions(session, posting_ids, (PostingState.AWAITING,))


def overtaken_text(number: str, file: str, news: NewerVersion) -> str:
    """Return the message for a document whose record changed after the file was made."""
    no, sent, status = news.no, news.sent_text, news.status or "none"
    now = news.now_text or "no amount"
    if news.cancelled:
        return (
            f"{number} was cancelled in the source after {file} was made (version {no}, status"
            f" {status}): withdraw the file if it was not imported, or tell how its import ended."
            f" {sent} is in the file, and the record now comes to {now}."
        )
    return (
        f"{number} was changed in the source after {file} was made (version {no}, status"
        f" {status}): withdraw the file if it was not imported, or tell how its import ended."
        f" {sent} is in the file, and the record now comes to {now}."
    )
