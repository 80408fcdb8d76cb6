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
from holding.db.together import Question, answer
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
"""Among so many documents that used an entry its records are counted: there may be millions."""


@dataclass(frozen=True, slots=True)
class Used:
    """So many records used an entry, or more than that."""

    records: int
    more: bool = False


NOBODY: Final = Used(0)


@dataclass(frozen=True, slots=True)
class OfKey:
    """A table, a key of it, and all entries that the key ever had."""

    table: MappingTable
    key: str
    entries: Sequence[MappingEntry]

    def since(self, day: date) -> MappingEntry | None:
        """The entry in force that counts from exactly this day."""
        mine = (one for one in self.entries if one.to_revision is None)
        return next((one for one in mine if one.valid_from == day), None)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value as an entry stores it; a conversion has its factor besides."""

    value: str
    factor: Fraction | None = None

    @property
    def text(self) -> str:
        """The value as people read it."""
        if self.factor is None:
            return self.value
        return shown(self.value, self.factor.numerator, self.factor.denominator)


def shown(value: str | None, num: int | None, den: int | None) -> str:
    """An entry as people read and write it: `AB-100`, `12 PCS`, `1/3 CTN`; "" = removed."""
    if value is None:
        return ""
    if num is None or den is None:
        return value
    return f"{num} {value}" if den == 1 else f"{num}/{den} {value}"


def read_value(kind: str, text: str) -> Parsed | Refusal:
    """What a person typed, as an entry stores it: text, or for units `12 PCS` or `1/3 CTN`."""
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
    found = _CONVERSION.fullmatch(text)
    if found is None or int(found[1]) == 0 or int(found[2] or 1) == 0:
        return Refusal(
            code="unit.value",
            message=f"“{text.strip()}” is not a conversion.",
            hint="Write how much one of it is, such as 12 PCS or 1/3 CTN.",
            status=422,
        )
    return Parsed(value=found[3], factor=Fraction(int(found[1]), int(found[2] or 1)))


def unfit(ruleset: Ruleset | None, table: MappingTable, parsed: Parsed) -> Refusal | None:
    """Refuse what the map could not read, such as a word where its other rows are percents."""
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


def in_itself(table: MappingTable, key: str, parsed: Parsed) -> Refusal | None:
    """Refuse a unit that is counted in itself."""
    unit = key.partition("|")[0]
    if table.kind != "unit" or parsed.value.casefold() != unit.casefold():
        return None
    return Refusal(
        code="unit.itself",
        message=f"“{unit}” cannot be counted in itself.",
        hint=OTHER_UNIT,
        status=422,
    )


def circle(session: Session, table: MappingTable, key: str, parsed: Parsed) -> Refusal | None:
    """Refuse a conversion that leads back to its own unit, by way of others too: its factor would
    be anything.
    """
    refusal = in_itself(table, key, parsed)
    if refusal or table.kind != "unit":
        return refusal
    unit, _, item = key.partition("|")
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value).where(
            MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None)
        )
    )
    into = {other: value for other, value in rows if value is not None and other != key}
    way: list[str] = [parsed.value]
    while (at := into.get(f"{way[-1]}|{item}") or into.get(way[-1])) and at not in way:
        way.append(at)
        if at == unit:
            message = f"“{unit}” leads back to itself: {' → '.join([unit, *way])}."
            return Refusal(code="unit.circle", message=message, hint=OTHER_UNIT, status=422)
    return None


def table_of(session: Session, company_id: int, name: str) -> MappingTable | None:
    """The company's table of that name."""
    return session.scalar(
        select(MappingTable).where(MappingTable.company_id == company_id, MappingTable.name == name)
    )


def of_key(company_id: int, name: str, key: str) -> Question[OfKey | None]:
    """The company's table of a name with all entries that a key ever had, the oldest first."""
    found = yield (
        select(MappingTable, MappingEntry)
        .outerjoin(
            MappingEntry, (MappingEntry.table_id == MappingTable.id) & (MappingEntry.key == key)
        )
        .where(MappingTable.company_id == company_id, MappingTable.name == name)
        .order_by(MappingEntry.from_revision)
    )
    rows = found.all()
    return OfKey(rows[0][0], key, [one for _, one in rows if one is not None]) if rows else None


def entry_of(
    session: Session, table_id: int, key: str, since: date = ALWAYS
) -> MappingEntry | None:
    """The entry in force for exactly this key, that of the day from which it counts."""
    found = entries_of(session, table_id, key)
    return next((entry for entry in found if entry.valid_from == since), None)


def entries_of(session: Session, table_id: int, key: str) -> Sequence[MappingEntry]:
    """All entries in force for exactly this key, in order of the days from which they count."""
    query = select(MappingEntry).where(
        MappingEntry.table_id == table_id,
        MappingEntry.key == key,
        MappingEntry.to_revision.is_(None),
    )
    return session.scalars(query.order_by(MappingEntry.valid_from)).all()


def with_value(
    world: World, kind: str, table: str, key: str, value: Parsed | None, since: date = ALWAYS
) -> World:
    """The same world, but this key has the value from a day on; None: no entry of that day."""
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
    """`table` is blank for a unit."""
    later = [one for one in world.later if (one.day, one.table, one.key) != (since, table, key)]
    entry: Entry | UnitEntry | None = None
    if value is not None and value.factor is not None:
        num, den = value.factor.numerator, value.factor.denominator
        entry = UnitEntry(NOT_STORED, num, den, value.value)
    elif value is not None:
        entry = Entry(NOT_STORED, value.value)
    if entry is not None:
        later.append(Later(since, table, key, entry))
    return replace(world, later=tuple(sorted(later, key=lambda one: one.day)))


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
