"""Read mapping and unit entries: current values, history, usage, and typed values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Final

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session, aliased

from grammar.nodes import Ruleset
from holding.db.models import MappingEntry, MappingTable, Person, Posting, PostingUse, Revision
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, plural
from rules.facts import Entry, Later, Table, UnitEntry, World, literal_value

LONGEST: Final = 200

OTHER_UNIT: Final = "Write how much one of it is in another unit, such as 12 PCS."

NOT_STORED: Final = 0  # the id of an entry that nobody has saved

_CONVERSION: Final = re.compile(
    r"\s*([0-9]{1,15})(?:\s*/\s*([0-9]{1,15}))?\s+([A-Za-z][A-Za-z0-9_]*)\s*"
)

OWN_KINDS: Final = ("mapping", "unit")
"""Kinds of revisions that change one entry."""

MOST: Final = 1_000
"""How many documents are counted per entry at most, because there may be millions."""


@dataclass(frozen=True, slots=True)
class Used:
    """How many records used an entry; `more` if there are more."""

    records: int
    more: bool = False


NOBODY: Final = Used(0)


@dataclass(frozen=True, slots=True)
class OfKey:
    """A table, a key, and all entries that the key ever had."""

    table: MappingTable
    key: str
    entries: Sequence[MappingEntry]

    def since(self, day: date) -> MappingEntry | None:
        """Return the current entry that counts from exactly this day."""
        current = (entry for entry in self.entries if entry.to_revision is None)
        return next((entry for entry in current if entry.valid_from == day), None)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value as an entry stores it, with the factor of a conversion."""

    value: str
    factor: Fraction | None = None

    @property
    def text(self) -> str:
        """The value as users read it."""
        if self.factor is None:
            return self.value
        return entry_text(self.value, self.factor.numerator, self.factor.denominator)


def entry_text(value: str | None, num: int | None, den: int | None) -> str:
    """Return an entry as users write it: `AB-100`, `12 PCS`, `1/3 CTN`; "" if removed."""
    if value is None:
        return ""
    if num is None or den is None:
        return value
    return f"{num} {value}" if den == 1 else f"{num}/{den} {value}"


def read_value(kind: str, text: str) -> Parsed | Refusal:
    """Parse typed text as an entry: any text, or `12 PCS` or `1/3 CTN` for units."""
    if kind != "unit":
        value = text.strip()
        if not value or len(value) > LONGEST or not value.isprintable():
            return Refusal(
                code="mapping.value",
                message="The value is empty, too long or has unprintable characters.",
                hint=f"Give 1 to {LONGEST} characters.",
                status=422,
            )
        return Parsed(value=value)
    match = _CONVERSION.fullmatch(text)
    if match is None or int(match[1]) == 0 or int(match[2] or 1) == 0:
        return Refusal(
            code="unit.value",
            message=f"“{text.strip()}” is not a conversion.",
            hint="Write how much one of it is, such as 12 PCS or 1/3 CTN.",
            status=422,
        )
    return Parsed(value=match[3], factor=Fraction(int(match[1]), int(match[2] or 1)))


def refuse_wrong_kind(
    ruleset: Ruleset | None, table: MappingTable, parsed: Parsed
) -> Refusal | None:
    """Refuse a value the map cannot read, such as a word among percentages."""
    declared = next((m for m in ruleset.maps if m.name == table.name), None) if ruleset else None
    kind = declared.rows[0].value.kind if declared and declared.rows else "text"
    if literal_value(parsed.value, kind) is not None:
        return None
    example = declared.rows[0] if declared else None
    return Refusal(
        code="mapping.kind",
        message=f"“{parsed.value}” is no {kind}, and {table.name} holds nothing else.",
        hint=f"“{example.key}” is one, for example." if example else "",
        status=422,
    )


def refuse_own_unit(table: MappingTable, key: str, parsed: Parsed) -> Refusal | None:
    """Return a refusal if a unit's entry converts it into itself, else None."""
    unit = key.partition("|")[0]
    if table.kind != "unit" or parsed.value.casefold() != unit.casefold():
        return None
    return Refusal(
        code="unit.itself",
        message=f"“{unit}” cannot be counted in itself.",
        hint=OTHER_UNIT,
        status=422,
    )


def refuse_circle(
    session: Session, table: MappingTable, key: str, parsed: Parsed
) -> Refusal | None:
    """Refuse a conversion that leads back to its own unit, also through other units.

    Its factor would be undefined.
    """
    refusal = refuse_own_unit(table, key, parsed)
    if refusal or table.kind != "unit":
        return refusal
    unit, _, item = key.partition("|")
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value).where(
            MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None)
        )
    )
    into = {other: value for other, value in rows if value is not None and other != key}
    path: list[str] = [parsed.value]
    while (
        next_unit := into.get(f"{path[-1]}|{item}") or into.get(path[-1])
    ) and next_unit not in path:
        path.append(next_unit)
        if next_unit == unit:
            message = f"“{unit}” leads back to itself: {' → '.join([unit, *path])}."
            return Refusal(code="unit.circle", message=message, hint=OTHER_UNIT, status=422)
    return None


def table_of(session: Session, company_id: int, name: str) -> MappingTable | None:
    """Return the company's table with this name."""
    return session.scalar(
        select(MappingTable).where(MappingTable.company_id == company_id, MappingTable.name == name)
    )


def load_key(session: Session, company_id: int, name: str, key: str) -> OfKey | None:
    """Return a company's table with all entries that a key ever had, oldest first."""
    result = session.execute(
        select(MappingTable, MappingEntry)
        .outerjoin(
            MappingEntry, (MappingEntry.table_id == MappingTable.id) & (MappingEntry.key == key)
        )
        .where(MappingTable.company_id == company_id, MappingTable.name == name)
        .order_by(MappingEntry.from_revision)
    )
    rows = result.all()
    return (
        OfKey(rows[0][0], key, [entry for _, entry in rows if entry is not None]) if rows else None
    )


def entry_of(
    session: Session, table_id: int, key: str, since: date = ALWAYS
) -> MappingEntry | None:
    """Return a key's current entry that counts from exactly this day."""
    current = entries_of(session, table_id, key)
    return next((entry for entry in current if entry.valid_from == since), None)


def entries_of(session: Session, table_id: int, key: str) -> Sequence[MappingEntry]:
    """Return all current entries of a key, ordered by the day from which they count."""
    query = select(MappingEntry).where(
        MappingEntry.table_id == table_id,
        MappingEntry.key == key,
        MappingEntry.to_revision.is_(None),
    )
    return session.scalars(query.order_by(MappingEntry.valid_from)).all()


def with_value(
    world: World, kind: str, table: str, key: str, value: Parsed | None, since: date = ALWAYS
) -> World:
    """Return a copy of a world in which this key has the value from a day on; None removes the
    entry.
    """
    if since > ALWAYS:
        return _with_later(world, since, "" if kind == "unit" else table, key, value)
    if kind == "unit":
        units = {other: unit for other, unit in world.units.items() if other != key}
        if value is not None and value.factor is not None:
            factor = value.factor
            units[key] = UnitEntry(NOT_STORED, factor.numerator, factor.denominator, value.value)
        return replace(world, units=units)
    entries = dict(world.maps[table].entries) if table in world.maps else {}
    entries.pop(key, None)
    if value is not None:
        entries[key] = Entry(NOT_STORED, value.value)
    return replace(world, maps={**world.maps, table: Table(entries)})


def _with_later(world: World, since: date, table: str, key: str, value: Parsed | None) -> World:
    """Return a copy of a world with a dated entry; `table` is blank for a unit."""
    later = [
        dated_entry
        for dated_entry in world.later
        if (dated_entry.day, dated_entry.table, dated_entry.key) != (since, table, key)
    ]
    entry: Entry | UnitEntry | None = None
    if value is not None and value.factor is not None:
        num, den = value.factor.numerator, value.factor.denominator
        entry = UnitEntry(NOT_STORED, num, den, value.value)
    elif value is not None:
        entry = Entry(NOT_STORED, value.value)
    if entry is not None:
        later.append(Later(since, table, key, entry))
    return replace(world, later=tuple(sorted(later, key=lambda dated_entry: dated_entry.day)))


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a key.

    `value` counts for records dated `since` (None: any day) or later; "" means the entry was
    removed. `before` is the earlier value of that day. `used` counts the records. `own`: a separate
    change, not one of many in a publication.
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


def change_history(session: Session, company_id: int, table: str, key: str) -> tuple[Change, ...]:
    """Return all changes of a key, newest first."""
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
    for row, by, used_documents, used_records, is_own_kind in session.execute(query):
        value = entry_text(row.value, row.num, row.den)
        changes.append(
            Change(
                revision=row.from_revision,
                value=value,
                before=last.get(row.valid_from, ""),
                since=row.valid_from if row.valid_from > ALWAYS else None,
                by=by or "Clearpost",
                reason=row.reason,
                at=row.at,
                used=_used(used_documents, used_records),
                in_force=row.to_revision is None and row.value is not None,
                own=is_own_kind,
            )
        )
        last[row.valid_from] = value
    return tuple(reversed(changes))


def _counted(condition: ColumnElement[bool]) -> tuple[ScalarSelect[int], ScalarSelect[int]]:
    """Return queries for the documents that used a row's entry, up to MOST + 1, and their
    records.
    """
    some = select(PostingUse.posting_id).where(condition).correlate(MappingEntry).limit(MOST + 1)
    counted, looked_at = some.subquery(), some.subquery()
    records = select(func.count(Posting.record_id.distinct())).join(
        looked_at, looked_at.c.posting_id == Posting.id
    )
    documents = select(func.count()).select_from(counted)
    return documents.scalar_subquery(), records.scalar_subquery()


def _used(documents: int, records: int) -> Used:
    """Return the count of records; above the limit at least one more record is assumed."""
    if documents <= MOST:
        return Used(records)
    return Used(records - 1, more=True)


def usage_by_day(session: Session, company_id: int, table: str, key: str) -> dict[date, Used]:
    """Return for each start day how many records used the key's entries of that day.

    Unused days are left out.
    """
    same_day_entry = aliased(MappingEntry)
    of_day = select(same_day_entry.id).where(
        same_day_entry.table_id == MappingEntry.table_id,
        same_day_entry.key == MappingEntry.key,
        same_day_entry.valid_from == MappingEntry.valid_from,
    )
    documents, records = _counted(PostingUse.entry_id.in_(of_day.correlate(MappingEntry)))
    query = (
        select(MappingEntry.valid_from, documents, records)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingTable.name == table)
        .where(MappingEntry.key == key)
        .distinct()
    )
    return {day: _used(some, count) for day, some, count in session.execute(query) if some}


def refuse_removal(used: Used, entry_name: str = "") -> Refusal | None:
    """Return why an entry cannot be removed: records used it. None if none did."""
    if used == NOBODY:
        return None
    records = plural(used.records, "record")
    if used.more:
        message = (
            f"You cannot remove the {entry_name}, because more than {records} used it."
            if entry_name
            else f"You cannot remove this entry, because more than {records} used it."
        )
    else:
        message = (
            f"You cannot remove the {entry_name}, because {records} used it."
            if entry_name
            else f"You cannot remove this entry, because {records} used it."
        )
    hint = "Give it another value, or another value from a later day."
    return Refusal(code="mapping.used", message=message, hint=hint)
