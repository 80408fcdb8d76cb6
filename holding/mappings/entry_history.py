"""What a key had: each change with its day, who made it, why, and how many records used it.

Here: the history of one key, and how many records used what it had for a day. Not here: changing it
(fixes.py), entries in force (mapping_lists.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.mappings.entries import shown
from holding.refusal import Refusal
from holding.store.together import Question, answer
from holding.tables import MappingEntry, MappingTable, Person, Posting, PostingUse, Revision
from holding.tables.rules import ALWAYS
from holding.words import plural

OWN_KINDS: Final = ("mapping", "unit")
"""Kinds of revisions that change one entry."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a key: `value` counts for records of `since` (None: of any day) and later, ""
    = the entry of that day was removed; `before` is what that day had; `used` counts records.
    `own`: a change of its own, which has a page, not one of many that came with published rules.
    """

    revision: int
    value: str
    before: str
    since: date | None
    by: str
    reason: str
    at: datetime
    used: int
    in_force: bool
    own: bool


def history(company_id: int, table: str, key: str) -> Question[tuple[Change, ...]]:
    """All changes of a key, the newest first; none where the key never had an entry."""
    used = (
        select(func.count(Posting.record_id.distinct()))
        .join(PostingUse, PostingUse.posting_id == Posting.id)
        .where(PostingUse.entry_id == MappingEntry.id)
    )
    query = (
        select(MappingEntry, Person.name, used.scalar_subquery(), Revision.kind.in_(OWN_KINDS))
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
    for row, by, count, own in (yield query):
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
                used=count or 0,
                in_force=row.to_revision is None and row.value is not None,
                own=own,
            )
        )
        last[row.valid_from] = value
    return tuple(reversed(changes))


def users(session: Session, company_id: int, table: str, key: str) -> dict[date, int]:
    """Day -> how many records used what the key had for that day, whatever its value was then."""
    return answer(session, asked_users(company_id, table, key))


def asked_users(company_id: int, table: str, key: str) -> Question[dict[date, int]]:
    """The same, asked with other questions."""
    query = (
        select(MappingEntry.valid_from, func.count(Posting.record_id.distinct()))
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .join(PostingUse, PostingUse.entry_id == MappingEntry.id)
        .join(Posting, Posting.id == PostingUse.posting_id)
        .where(MappingTable.company_id == company_id, MappingTable.name == table)
        .where(MappingEntry.key == key)
        .group_by(MappingEntry.valid_from)
    )
    return dict((yield query).all())


def stays(used: int, said: str = "") -> Refusal | None:
    """Why an entry cannot be removed, where records used it."""
    if not used:
        return None
    records = plural(used, "record")
    return Refusal(
        code="mapping.used",
        message=f"You cannot remove the {said}, because {records} used it."
        if said
        else f"You cannot remove this entry, because {records} used it.",
        hint="Give it another value, or another value from a later day.",
    )
