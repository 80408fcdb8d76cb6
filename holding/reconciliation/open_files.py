"""Lock an open import file for a user, and record the import result of its documents."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.pulls import ImportedByHand
from grammar.text.finding_codes import ErrorClass
from holding.access.actors import Actor, may
from holding.db import bulk
from holding.db.bulk import Columns
from holding.db.bulk import of as column
from holding.db.models import Attempt, Connection, ImportFile, Posting, Push, Request
from holding.db.models.columns import ImportFileState, from_minor
from holding.db.refusal import Refusal, plural
from holding.platform import row_seals
from holding.platform.events import record_event
from rules.values.canonical import PostingState, sha256_hex

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
    """A document as the file has it, with its posting's current state."""

    posting_id: int
    number: str
    party: str
    doc_date: date | None
    minor: int | None
    currency: str
    state: PostingState

    @property
    def total(self) -> Decimal | None:
        """The document's total."""
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

_ROW: Final = re.compile(r"^\s*(?:row\s+)?(\d{1,7})\s*[:;,.\-–\s]\s*(.*)$", re.IGNORECASE)

MOST_ROWS: Final = 5_000

ClassOf = Callable[[str], ErrorClass]


class Became(StrEnum):
    """The result of a document.

    `posted`: the target has it as exported. `refused`: the target has nothing. `overwritten`:
    another document with its number existed. `differs`: the target has something else than was sent
    or reported. `withdrawn`: its file was not imported.
    """

    POSTED = "posted"
    REFUSED = "refused"
    OVERWRITTEN = "overwritten"
    DIFFERS = "differs"
    WITHDRAWN = "withdrawn"


GOOD = frozenset({Became.POSTED, Became.REFUSED})
"""Results with which a file can be reconciled."""


def lock_file(
    session: Session,
    actor: Actor,
    company_id: int,
    file_id: int,
    states: Collection[ImportFileState],
    verb: str,
) -> ImportFile | Refusal:
    """Lock and return the file, or return why this action is not possible."""
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


def exported_documents(session: Session, file: ImportFile) -> tuple[Exported, ...]:
    """Return the documents of a file, in order of rows."""
    query = (
        _EXPORTED.select()
        .join(Push, Push.posting_id == Posting.id)
        .join(Attempt, Attempt.push_id == Push.id)
        .where(Attempt.request_id == file.request_id, Attempt.row.is_not(None))
        .order_by(Attempt.row)
    )
    return _EXPORTED.each(session.execute(query))


def documents_without_verdict(file: ImportFile, documents: Collection[Exported]) -> list[Exported]:
    """Return the documents whose result is not known yet."""
    return [one for one in documents if verdict_of(file.verdicts, one.number) is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of a document in words, with an error class if it is not posted."""

    became: Became
    words: str
    error_class: ErrorClass = "business_rule"

    def stored(self) -> dict[str, str]:
        """Return the verdict as it is stored with its file."""
        return {"became": self.became, "words": self.words, "class": self.error_class}


def store_verdicts(
    session: Session,
    file: ImportFile,
    documents: Collection[Exported],
    found: Mapping[str, Verdict],
    now: datetime,
) -> None:
    """Add verdicts, and make every waiting document due for the worker."""
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
    """Close the file as reconciled if every document has a good result, otherwise as a mismatch."""
    became = [verdict_of(file.verdicts, one.number) for one in documents]
    good = all(one is not None and one.became in GOOD for one in became)
    file.state = ImportFileState.RECONCILED if good else ImportFileState.MISMATCH
    if good:
        file.note = ""
    if good or all(became):
        file.ended_at, file.ended_by_id = now, actor.person_id


def record_file_event(
    session: Session, file: ImportFile, actor: Actor, now: datetime, act: str, say: str
) -> None:
    """Record the event of a user's action on a file."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many rows AutoCount showed in each state, the updated rows, and the messages of error
    rows.
    """

    new: int
    update: int
    error: int
    updated: frozenset[int]
    errors: Mapping[int, str]


def parse_rows(text: str) -> Mapping[int, str] | str:
    """Return rows with messages, one per line, or an error text.

    Example: `4: Debtor code 300-X999 not found`.
    """
    row_texts: dict[int, str] = {}
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_ROWS:
        return f"Name at most {MOST_ROWS:,} rows."
    for line in lines:
        match = _ROW.match(line + " ")
        if match is None:
            return f"“{line.strip()[:60]}” does not begin with the number of a row."
        if int(match[1]) in row_texts:
            return f"Row {match[1]} is named twice."
        row_texts[int(match[1])] = match[2].strip()[:500]
    return row_texts


def enter_outcome(
    session: Session,
    actor: Actor,
    company_id: int,
    file_id: int,
    outcome: Outcome,
    now: datetime,
) -> ImportFileState | Refusal:
    """Store the import result that a user saw.

    Refused and overwritten documents get a verdict at once; new ones wait for the listing or a
    confirmation. If the row count differs from the file, row numbers may mean other documents. Then
    no document counts as refused, because it would be sent again.
    """
    states = (ImportFileState.HANDED_OVER, ImportFileState.MISMATCH)
    file = lock_file(session, actor, company_id, file_id, states, "enter an outcome of")
    if isinstance(file, Refusal):
        return file
    numbers = _numbers(session, file)
    if refusal := _unfit(outcome, numbers):
        return refusal
    documents = exported_documents(session, file)
    class_of = _target(session, file).class_of
    shown = outcome.new + outcome.update + outcome.error
    verdicts = {}
    for document in documents_without_verdict(file, documents):
        verdict = _verdict(document, outcome, numbers, class_of)
        if verdict is not None and (shown == file.rows or verdict.became is not Became.REFUSED):
            verdicts[document.number] = verdict
    file.imported_at, file.imported_by_id = now, actor.person_id
    file.state, file.note = ImportFileState.IMPORTED, ""
    if shown != file.rows:
        file.state = ImportFileState.MISMATCH
        file.note = (
            f"AutoCount showed {plural(shown, 'row')}, and the file has {file.rows:,}: it was"
            " edited before the import."
        )
    store_verdicts(session, file, documents, verdicts, now)
    if file.state == ImportFileState.IMPORTED and not documents_without_verdict(file, documents):
        close_if_known(file, documents, actor, now)
    say = (
        f"{actor.name} told of {file.name}: {outcome.new:,} New, {outcome.update:,} Update,"
        f" {outcome.error:,} Error."
    )
    record_file_event(session, file, actor, now, "import.told", say)
    return file.state


def _numbers(session: Session, file: ImportFile) -> Mapping[int, str]:
    """Return the document number of each sheet row."""
    rows = session.scalar(select(Request.rows).where(Request.id == file.request_id)) or {}
    return {int(row): str(number) for row, number in rows.items()}


def _unfit(outcome: Outcome, numbers: Mapping[int, str]) -> Refusal | None:
    """Return why a report cannot be stored."""
    for word, count, named in (
        ("Update", outcome.update, len(outcome.updated)),
        ("Error", outcome.error, len(outcome.errors)),
    ):
        if count != named:
            words = f"You entered {plural(count, 'row')} with {word}, and named {named}."
            return Refusal("import.rows", words, f"Name each row with {word} once.", 422)
    both = outcome.updated & outcome.errors.keys()
    strange = sorted((outcome.updated | outcome.errors.keys()) - numbers.keys())
    if both:
        words = f"Row {min(both)} is named as Update and as Error."
        return Refusal("import.rows", words, "A row has one state.", 422)
    if strange:
        words = f"Row {strange[0]} is not in the file."
        hint = "Name rows by their number in the sheet Data; the first document stands in row 2."
        return Refusal("import.rows", words, hint, 422)
    return None


def _target(session: Session, file: ImportFile) -> ImportedByHand:
    connector = session.get_one(Connection, file.connection_id).connector
    target = registry.targets()[connector]
    if not isinstance(target, ImportedByHand):
        raise TypeError(f"{connector} takes no files by hand")
    return target


def _verdict(
    one: Exported,
    outcome: Outcome,
    numbers: Mapping[int, str],
    class_of: ClassOf,
) -> Verdict | None:
    own_rows = [row for row, number in numbers.items() if number == one.number]
    errors = [row for row in own_rows if row in outcome.errors]
    updates = [row for row in own_rows if row in outcome.updated]
    if updates:
        words = (
            f"AutoCount showed Update for {_rows(updates)}: something with the number {one.number}"
            " existed there, and this import has overwritten it."
        )
        return Verdict(became=Became.OVERWRITTEN, words=words, error_class="duplicate")
    if not errors:
        return None
    reason_text = outcome.errors[errors[0]] or "no reason was entered"
    if len(errors) < len(own_rows):
        words = (
            f"AutoCount left out {_rows(errors)} of {one.number} ({reason_text}) and imported the"
            " others: the document there is not the one that was sent."
        )
        return Verdict(became=Became.DIFFERS, words=words)
    return Verdict(
        became=Became.REFUSED,
        words=f"AutoCount did not take {_rows(errors)}: {reason_text}",
        error_class=class_of(reason_text),
    )


def _rows(rows: Sequence[int]) -> str:
    listed = ", ".join(map(str, rows[:5])) + (" …" if len(rows) > 5 else "")
    return f"row {listed}" if len(rows) == 1 else f"rows {listed}"


def download_file(
    session: Session, actor: Actor, company_id: int, file_id: int, now: datetime
) -> tuple[str, bytes] | Refusal:
    """Return the file's name and content, and record the first download."""
    states = tuple(ImportFileState)
    file = lock_file(session, actor, company_id, file_id, states, "download")
    if isinstance(file, Refusal):
        return file
    body = session.scalar(select(Request.body).where(Request.id == file.request_id))
    if body is None or sha256_hex(body) != file.sha256:
        words = f"{file.name} is not what was written: nothing of it may be imported."
        return Refusal("import.changed", words, "Tell who runs Clearpost; withdraw the file.")
    if file.state == ImportFileState.WITHDRAWN:
        words = f"You cannot download {file.name}, because it was withdrawn: {file.reason}"
        return Refusal("import.state", words, "Import nothing of it.")
    _note(session, file, actor, now)
    return file.name, body


def _note(session: Session, file: ImportFile, actor: Actor, now: datetime) -> None:
    again = " again" if file.handed_over_at else ""
    if file.state == ImportFileState.EXPORTED:
        file.state = ImportFileState.HANDED_OVER
        file.handed_over_at, file.handed_over_by_id = now, actor.person_id
    say = f"{actor.name} downloaded {file.name}{again} (SHA-256 {file.sha256[:12]})."
    record_file_event(session, file, actor, now, "import.handed_over", say)


def withdraw_file(
    session: Session, actor: Actor, company_id: int, file_id: int, reason: str, now: datetime
) -> str | Refusal:
    """Withdraw a file, and return the result in words.

    Each document without a result is held, and is sent again only when a user retries it. Only a
    listing shows what was imported.
    """
    file = lock_file(session, actor, company_id, file_id, OPEN, "withdraw")
    if isinstance(file, Refusal):
        return file
    if file.state == ImportFileState.IMPORTED:
        words = f"You cannot withdraw {file.name}, because its outcome was entered already."
        return Refusal("import.state", words, "Compare the listing; it shows what was imported.")
    documents = exported_documents(session, file)
    left = documents_without_verdict(file, documents)
    if not left:
        words = f"You cannot withdraw {file.name}, because all of its documents are accounted for."
        return Refusal("import.known", words, "Decide on their exceptions instead.")
    words = f"{actor.name} withdrew {file.name}: {reason}"
    verdict = Verdict(became=Became.WITHDRAWN, words=words)
    file.state, file.reason, file.note = ImportFileState.WITHDRAWN, reason, ""
    file.ended_at, file.ended_by_id = now, actor.person_id
    store_verdicts(session, file, documents, {one.number: verdict for one in left}, now)
    record_file_event(session, file, actor, now, "import.withdrawn", words)
    many = plural(len(left), "document needs", "documents need")
    return f"{file.name} is withdrawn. {many} a decision."


def verdict_of(verdicts: Mapping[str, Any], number: str) -> Verdict | None:
    """Return the verdict of a document of the file, or None."""
    stored_verdict = verdicts.get(number)
    if stored_verdict is None:
        return None
    return Verdict(
        became=Became(stored_verdict["became"]),
        words=stored_verdict["words"],
        error_class=stored_verdict["class"],
    )
