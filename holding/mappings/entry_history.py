"""What a key had: each change with its day, who made it, why, and how many records used it.

Here: the history of one key, and how many records used what it had for a day, counted among the
first thousand of its documents. Not here: changing it (fixes.py), entries in force
(mapping_lists.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session, aliased

from holding.db.models import MappingEntry, MappingTable, Person, Posting, PostingUse, Revision
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, plural
from holding.db.together import Question, answer
from holding.mappings.entries import shown

OWN_KINDS: Final = ("mapping", "unit")
"""Kinds of revisions that change one entry."""
MOST: Final = 1_000
"""Among so many documents that used an entry its records are counted: there may be millions."""


@dataclass(frozen=True, slots=True)
class Used:
    """So many records used an entry, or more than that."""

    records: int
    more: bool = False


NOBODY: Final = Used(0)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a key: `value` counts for records of `since` (None: of any day) and later, ""
    = the entry of that day was removed; `before` is what that day had; `used`: by how many records.
    `own`: a change of its own, which has a page, not one of many that came with published rules.
    """

    revision: int
    value: str
    before: str
    since: date | None
    by: str
    reason: str
    at: datetime
    used: Used
    in_force: bool
    own: bool


def history(company_id: int, table: str, key: str) -> Question[tuple[Change, ...]]:
    """All changes of a key, the newest first; none where the key never had an entry."""
    documents, records = _counted(PostingUse.entry_id == MappingEntry.id)
    query = (
        select(MappingEntry, Person.name, documents, records, Revision.kind.in_(OWN_KINDS))
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .join(Revision, Revision.no == MappingEntry.from_revision)
        .outerjoin(Person, Person.id == MappingEntry.person_id)
        .where(Revision.company_id == company_id)
        .where(MappingTable.company_id == company_id, MappingTable.name == table)
        .where(MappingEntry.key == key)
        .order_by(MappingEntry.from_revision, MappingEntry.id)
    )
    last: dict[date, str] = {}
    changes = []
    for row, by, documents, records, own in (yield query):
        value = shown(row.value, row.num, row.den)
        changes.append(
            Change(
                revision=row.from_revision,
                value=value,
                before=last.get(row.valid_from, ""),
                since=row.valid_from if row.valid_from > ALWAYS else None,
                by=by or "Clearpost",
                reason=row.reason,
                at=row.at,
                used=_used(documents, records),
                in_force=row.to_revision is None and row.value is not None,
                own=own,
            )
        )
        last[row.valid_from] = value
    return tuple(reversed(changes))


def users(session: Session, company_id: int, table: str, key: str) -> dict[date, Used]:
    """Day -> who used what the key had for that day, whatever its value was then."""
    return answer(session, asked_users(company_id, table, key))


def asked_users(company_id: int, table: str, key: str) -> Question[dict[date, Used]]:
    """The same, asked with other questions; days whose entries nobody used are left out."""
    same = aliased(MappingEntry)
    of_day = select(same.id).where(
        same.table_id == MappingEntry.table_id,
        same.key == MappingEntry.key,
        same.valid_from == MappingEntry.valid_from,
    )
    documents, records = _counted(PostingUse.entry_id.in_(of_day.correlate(MappingEntry)))
    query = (
        select(MappingEntry.valid_from, documents, records)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingTable.name == table)
        .where(MappingEntry.key == key)
        .distinct()
    )
    return {day: _used(some, count) for day, some, count in (yield query) if some}


def _counted(mine: ColumnElement[bool]) -> tuple[ScalarSelect[int], ScalarSelect[int]]:
    """How many documents used the entry of a row, at most one more than are looked at, and of how
    many records these are.
    """
    some = select(PostingUse.posting_id).where(mine).correlate(MappingEntry).limit(MOST + 1)
    counted, looked_at = some.subquery(), some.subquery()
    records = select(func.count(Posting.record_id.distinct())).join(
        looked_at, looked_at.c.posting_id == Posting.id
    )
    documents = select(func.count()).select_from(counted)
    return documents.scalar_subquery(), records.scalar_subquery()


def _used(documents: int, records: int) -> Used:
    """Of more documents than were looked at there is at least one more record, or the last one."""
    if documents <= MOST:
        return Used(records)
    return Used(records - 1, more=True)


def stays(used: Used, said: str = "") -> Refusal | None:
    """Why an entry cannot be removed, where records used it."""
    if used == NOBODY:
        return None
    records = plural(used.records, "record")
    if used.more:
        message = (
            f"You cannot remove the {said}, because more than {records} used it."
            if said
            else f"You cannot remove this entry, because more than {records} used it."
        )
    else:
        message = (
            f"You cannot remove the {said}, because {records} used it."
            if said
            else f"You cannot remove this entry, because {records} used it."
        )
    hint = "Give it another value, or another value from a later day."
    return Refusal(code="mapping.used", message=message, hint=hint)
