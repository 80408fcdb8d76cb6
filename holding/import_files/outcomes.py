"""What a person saw when the file was imported: how many rows were New, Update and Error.

Here: reading the report, and what it says of each document. Not here: the listing, which proves it
(listings.py).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.hand_imports import ImportedByHand
from grammar.text.finding_codes import ErrorClass
from holding.access.actors import Actor
from holding.db.models import Connection, ImportFile, Request
from holding.db.models.columns import ImportFileState
from holding.db.refusal import Refusal, plural
from holding.import_files import open_files
from holding.import_files.open_files import Exported, close_if_known, exported, keep, unknown
from holding.import_files.verdicts import Became, Verdict

_ROW: Final = re.compile(r"^\s*(?:row\s+)?(\d{1,7})\s*[:;,.\-–\s]\s*(.*)$", re.IGNORECASE)
MOST_ROWS: Final = 5_000
ClassOf = Callable[[str], ErrorClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many rows AutoCount showed in each state, which were Update, and what was said of those
    in Error: row -> words.
    """

    new: int
    update: int
    error: int
    updated: frozenset[int]
    errors: Mapping[int, str]


def rows_named(text: str) -> Mapping[int, str] | str:
    """Rows with their words, one a line, `4: Debtor code 300-X999 not found`; or what is wrong."""
    found: dict[int, str] = {}
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_ROWS:
        return f"Name at most {MOST_ROWS:,} rows."
    for line in lines:
        match = _ROW.match(line + " ")
        if match is None:
            return f"“{line.strip()[:60]}” does not begin with the number of a row."
        if int(match[1]) in found:
            return f"Row {match[1]} is named twice."
        found[int(match[1])] = match[2].strip()[:500]
    return found


def enter(
    session: Session,
    actor: Actor,
    company_id: int,
    file_id: int,
    outcome: Outcome,
    now: datetime,
) -> ImportFileState | Refusal:
    """Keep what a person saw. What AutoCount refused or overwrote is told at once; what was New
    still waits for the listing, or for a person to confirm it.

    Where not as many rows were shown as the file has, the numbers of rows may name other documents
    than ours: nothing counts as refused by them, for that would send it again.
    """
    states = (ImportFileState.HANDED_OVER, ImportFileState.MISMATCH)
    file = open_files.locked(session, actor, company_id, file_id, states, "enter an outcome of")
    if isinstance(file, Refusal):
        return file
    numbers = _numbers(session, file)
    if refusal := _unfit(outcome, numbers):
        return refusal
    documents = exported(session, file)
    class_of = _target(session, file).class_of
    told = outcome.new + outcome.update + outcome.error
    found = {}
    for one in unknown(file, documents):
        verdict = _verdict(one, outcome, numbers, class_of)
        if verdict is not None and (told == file.rows or verdict.became is not Became.REFUSED):
            found[one.number] = verdict
    file.imported_at, file.imported_by_id = now, actor.person_id
    file.state, file.note = ImportFileState.IMPORTED, ""
    if told != file.rows:
        file.state = ImportFileState.MISMATCH
        file.note = (
            f"AutoCount showed {plural(told, 'row')}, and the file has {file.rows:,}: it was edited"
            " before the import."
        )
    keep(session, file, documents, found, now)
    if file.state == ImportFileState.IMPORTED and not unknown(file, documents):
        close_if_known(file, documents, actor, now)
    say = (
        f"{actor.name} told of {file.name}: {outcome.new:,} New, {outcome.update:,} Update,"
        f" {outcome.error:,} Error."
    )
    open_files.tell(session, file, actor, now, "import.told", say)
    return file.state


def _target(session: Session, file: ImportFile) -> ImportedByHand:
    connector = session.get_one(Connection, file.connection_id).connector
    target = registry.targets()[connector]
    if not isinstance(target, ImportedByHand):
        raise TypeError(f"{connector} takes no files by hand")
    return target


def _numbers(session: Session, file: ImportFile) -> Mapping[int, str]:
    """Row of the sheet -> number of its document."""
    rows = session.scalar(select(Request.rows).where(Request.id == file.request_id)) or {}
    return {int(row): str(number) for row, number in rows.items()}


def _unfit(outcome: Outcome, numbers: Mapping[int, str]) -> Refusal | None:
    """Why a report says nothing that could be kept."""
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


def _verdict(
    one: Exported,
    outcome: Outcome,
    numbers: Mapping[int, str],
    class_of: ClassOf,
) -> Verdict | None:
    mine = [row for row, number in numbers.items() if number == one.number]
    wrong = [row for row in mine if row in outcome.errors]
    over = [row for row in mine if row in outcome.updated]
    if over:
        words = (
            f"AutoCount showed Update for {_rows(over)}: something with the number {one.number}"
            " existed there, and this import has overwritten it."
        )
        return Verdict(became=Became.OVERWRITTEN, words=words, error_class="duplicate")
    if not wrong:
        return None
    said = outcome.errors[wrong[0]] or "no reason was entered"
    if len(wrong) < len(mine):
        words = (
            f"AutoCount left out {_rows(wrong)} of {one.number} ({said}) and imported the others:"
            " the document there is not the one that was sent."
        )
        return Verdict(became=Became.DIFFERS, words=words)
    return Verdict(
        became=Became.REFUSED,
        words=f"AutoCount did not take {_rows(wrong)}: {said}",
        error_class=class_of(said),
    )


def _rows(rows: Sequence[int]) -> str:
    listed = ", ".join(map(str, rows[:5])) + (" …" if len(rows) > 5 else "")
    return f"row {listed}" if len(rows) == 1 else f"rows {listed}"
