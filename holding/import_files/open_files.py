"""A file under a person's hands: who may, what state it must be in, and what follows for its
documents.

Here: the lock, the refusals that all acts share, keeping verdicts, waking what they concern. Not
here: the acts (handing_over.py, outcomes.py, listings.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db import bulk
from holding.db.bulk import Columns
from holding.db.bulk import of as column
from holding.db.models import Attempt, ImportFile, Posting, Push
from holding.db.models.columns import ImportFileState, from_minor
from holding.db.refusal import Refusal
from holding.import_files.verdicts import GOOD, Became, Verdict, of
from holding.platform import row_seals
from holding.platform.events import record_event
from rules.values.posting_states import PostingState

ACT: Final = "import.tell"
OPEN: Final = frozenset(
    {
        ImportFileState.EXPORTED,
        ImportFileState.HANDED_OVER,
        ImportFileState.IMPORTED,
        ImportFileState.MISMATCH,
    }
)
TOLD: Final = OPEN - {ImportFileState.EXPORTED}
_DONE: Final[Mapping[ImportFileState, str]] = {
    ImportFileState.EXPORTED: "not downloaded yet",
    ImportFileState.IMPORTED: "its outcome was entered already",
    ImportFileState.RECONCILED: "it is reconciled",
    ImportFileState.WITHDRAWN: "it was withdrawn",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A document as the file has it, and where its posting stands now."""

    posting_id: int
    number: str
    party: str
    doc_date: date | None
    minor: int | None
    currency: str
    state: PostingState

    @property
    def total(self) -> Decimal | None:
        """Its total."""
        return None if self.minor is None else from_minor(self.minor, self.currency)


_EXPORTED = Columns(
    Exported(
        posting_id=column(Posting.id),
        number=column(Push.number),
        party=column(Posting.party),
        doc_date=column(Posting.doc_date),
        minor=column(Posting.amount),
        currency=column(Posting.currency),
        state=column(Posting.state),
    ),
    {"posting_id": "posting.id", "number": "push.number", "minor": "posting.amount"},
)


def locked(
    session: Session,
    actor: Actor,
    company_id: int,
    file_id: int,
    states: Collection[ImportFileState],
    verb: str,
) -> ImportFile | Refusal:
    """The file under our lock, or why this act cannot be done to it."""
    if refusal := may(actor, ACT):
        return refusal
    query = (
        select(ImportFile)
        .where(ImportFile.company_id == company_id, ImportFile.id == file_id)
        .execution_options(populate_existing=True)
        .with_for_update(key_share=True)
    )
    file = session.scalars(query).one_or_none()
    if file is None or actor.company_id != company_id:
        return Refusal("import.unknown", "There is no such file.", status=404)
    if file.state not in states:
        why = _DONE.get(file.state, "its import is under way")
        words = f"You cannot {verb} {file.name}, because {why}."
        return Refusal("import.state", words, "Look at the page of the file.")
    return file


def exported(session: Session, file: ImportFile) -> tuple[Exported, ...]:
    """The documents of a file, in the order of their rows."""
    query = (
        _EXPORTED.select()
        .join(Push, Push.posting_id == Posting.id)
        .join(Attempt, Attempt.push_id == Push.id)
        .where(Attempt.request_id == file.request_id, Attempt.row.is_not(None))
        .order_by(Attempt.row)
    )
    return _EXPORTED.each(session.execute(query))


def unknown(file: ImportFile, documents: Collection[Exported]) -> list[Exported]:
    """Those of which nobody knows yet what became of them."""
    return [one for one in documents if of(file.verdicts, one.number) is None]


def keep(
    session: Session,
    file: ImportFile,
    documents: Collection[Exported],
    found: Mapping[str, Verdict],
    now: datetime,
) -> None:
    """Add verdicts, and have the worker look at every document that still waits."""
    file.verdicts = {
        **file.verdicts,
        **{number: verdict.stored() for number, verdict in found.items()},
    }
    waiting = [one.posting_id for one in documents if one.state == PostingState.AWAITING]
    session.flush()
    session.execute(
        update(Posting)
        .where(bulk.among(Posting.id, waiting), Posting.state == PostingState.AWAITING)
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


def close_if_known(
    file: ImportFile, documents: Collection[Exported], actor: Actor, now: datetime
) -> None:
    """Reconciled when the books hold what is told of every document; else a mismatch."""
    became = [of(file.verdicts, one.number) for one in documents]
    good = all(one is not None and one.became in GOOD for one in became)
    file.state = ImportFileState.RECONCILED if good else ImportFileState.MISMATCH
    if good:
        file.note = ""
    if good or all(became):
        file.ended_at, file.ended_by_id = now, actor.person_id


def tell(
    session: Session, file: ImportFile, actor: Actor, now: datetime, act: str, say: str
) -> None:
    """The event of what a person did with a file."""
    record_event(
        session,
        company_id=file.company_id,
        at=now,
        actor=actor,
        act=act,
        object=f"import_file:{file.id}",
        body={
            "say": say,
            "file": file.name,
            "sha256": file.sha256,
            "run": file.run_id,
            **row_seals.seals(session, file.company_id, {row_seals.FILE: [file.id]}),
        },
    )


__all__ = ["ACT", "OPEN", "TOLD", "Became", "Exported", "locked"]
