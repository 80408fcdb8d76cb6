"""Reading mapping and unit entries: what is in force, what a person typed, who waits or used.

Here: one entry, its value as text, the records that a key blocks and those that used it. Not here:
changing entries (`fixes.py`), what a change would do (`preview.py`).
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from sqlalchemy import ColumnElement, and_, literal, or_, select, union
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from holding.lifecycle.causes import begins
from holding.lifecycle.changes import UNSENT
from holding.refusal import Refusal
from holding.store import bulk
from holding.store.together import Question, Together
from holding.tables import Cause, Hold, MappingEntry, MappingTable, Posting, PostingUse
from holding.tables.decisions import HOLD_OPEN
from holding.tables.rules import ALWAYS
from rules.facts.seeds import literal_value
from rules.values.cause_keys import MISSING_ENTRY, CauseKey, CauseKind
from rules.values.spelling import fold

LONGEST: Final = 200
_CONVERSION: Final = re.compile(
    r"\s*([0-9]{1,15})(?:\s*/\s*([0-9]{1,15}))?\s+([A-Za-z][A-Za-z0-9_]*)\s*"
)


@dataclass(frozen=True, slots=True)
class Reach:
    """What another value of a key can change: causes that it answers, entries whose place it takes,
    and by their ids the records that wait for it, or are not sent yet and were made with those.
    """

    causes: tuple[Cause, ...]
    entries: tuple[int, ...]
    waiting: tuple[int, ...]
    using: tuple[int, ...]

    @property
    def records(self) -> list[int]:
        """All of them, each once, in order."""
        return sorted({*self.waiting, *self.using})


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


def unmapped(company_id: int) -> tuple[ColumnElement[bool], ...]:
    """The terms of causes that are a missing entry, and that something waits for."""
    names = or_(*(begins(CauseKey(kind, "")) for kind in MISSING_ENTRY))
    return Cause.company_id == company_id, Cause.records > 0, names


def causes_of(
    session: Session, table: MappingTable, key: str, ruleset: Ruleset | None
) -> tuple[Cause, ...]:
    """The live causes that an entry for this key answers.

    A map that ignores case or blanks is asked with many spellings; a conversion of a unit answers
    also for the units that are counted in it.
    """
    return _standing(Together(session), [(table, key)]).answered(table, key, ruleset)


def reach(session: Session, table: MappingTable, key: str, ruleset: Ruleset | None) -> Reach:
    """What a change of this key can change, as things stand."""
    (found,) = reaches(session, [(table, key)], ruleset)
    return found


def reaches(
    session: Session,
    wanted: Sequence[tuple[MappingTable, str]],
    ruleset: Ruleset | None,
    *,
    beside: Together | None = None,
) -> tuple[Reach, ...]:
    """The same of many keys of one company, each for itself, by two statements, the first of them
    with what is asked `beside`.

    An item's own conversion takes the place of the unit's for that item, so it counts as a change
    of the unit's.
    """
    if not wanted:
        return ()
    stands = _standing(beside or Together(session), wanted)
    each = [(stands.answered(*one, ruleset), stands.replaced(*one)) for one in wanted]
    waiting = select(literal(0), Hold.cause_id, Hold.record_id).where(
        bulk.among(Hold.cause_id, sorted({cause.id for causes, _ in each for cause in causes})),
        HOLD_OPEN,
    )
    using = (
        select(literal(1), PostingUse.entry_id, Posting.record_id)
        .join(Posting, Posting.id == PostingUse.posting_id)
        .where(bulk.among(PostingUse.entry_id, sorted({i for _, ids in each for i in ids})), UNSENT)
    )
    of_cause, of_entry = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for is_entry, by, record_id in session.execute(union(waiting, using)):
        (of_entry if is_entry else of_cause)[by].add(record_id)
    return tuple(
        Reach(
            causes=causes,
            entries=entries,
            waiting=tuple(sorted({i for one in causes for i in of_cause[one.id]})),
            using=tuple(sorted({i for one in entries for i in of_entry[one]})),
        )
        for causes, entries in each
    )


Standing = tuple[int, str, str | None, int]  # table, key, value, id of an entry


@dataclass(frozen=True, slots=True)
class _Standing:
    """What stands for keys: entries in force as table, key, value and id, and the live causes."""

    entries: Sequence[Standing]
    causes: Sequence[Cause]

    def replaced(self, table: MappingTable, key: str) -> tuple[int, ...]:
        """The entries whose place another value of the key takes."""
        found = self._of(table, key)
        unit, _, item = key.partition("|")
        return self._of(table, unit) if table.kind == "unit" and item and not found else found

    def answered(self, table: MappingTable, key: str, ruleset: Ruleset | None) -> tuple[Cause, ...]:
        """The causes that an entry for the key answers."""
        live = [one for one in self.causes if str(one.key).startswith(str(_begin(table)))]
        if table.kind != "unit":
            maps = ruleset.maps if ruleset else ()
            words = next((one.match for one in maps if one.name == table.name), ())
            wanted = fold(key, words)
            return tuple(one for one in live if fold(one.key.entry, words) == wanted)
        units, item = self._counted_in(table, key.partition("|")[0]), key.partition("|")[2]
        return tuple(
            cause
            for cause in live
            for unit, of in [cause.key.unit_and_item]
            if unit in units and (not item or of == item)
        )

    def _of(self, table: MappingTable, key: str) -> tuple[int, ...]:
        return tuple(i for of, name, _, i in self.entries if (of, name) == (table.id, key))

    def _counted_in(self, table: MappingTable, unit: str) -> set[str]:
        """The unit itself and every unit whose conversions lead to it."""
        pairs = [(name, value) for of, name, value, _ in self.entries if of == table.id]
        found = {unit}
        while more := {key.partition("|")[0] for key, to in pairs if to in found} - found:
            found |= more
        return found


def _begin(table: MappingTable) -> CauseKey:
    """How the keys of causes begin that are a missing entry of a table."""
    if table.kind == "unit":
        return CauseKey(CauseKind.UNIT, "")
    return CauseKey.mapping(table.name, "")


def _standing(both: Together, wanted: Sequence[tuple[MappingTable, str]]) -> _Standing:
    entries, causes = both.ask(_current(wanted)), both.ask(_live(wanted))
    return _Standing(entries.value, causes.value)


def _current(
    wanted: Sequence[tuple[MappingTable, str]],
) -> Question[Sequence[Standing]]:
    """Of a table of units all entries, as one unit is counted in another."""
    units = sorted({table.id for table, _ in wanted if table.kind == "unit"})
    rows = select(MappingEntry.table_id, MappingEntry.key, MappingEntry.value, MappingEntry.id)
    of_keys = and_(
        bulk.among(MappingEntry.table_id, sorted({table.id for table, _ in wanted})),
        bulk.among(MappingEntry.key, sorted({key for _, key in wanted})),
    )
    terms = or_(of_keys, bulk.among(MappingEntry.table_id, units)) if units else of_keys
    query = rows.where(terms, MappingEntry.to_revision.is_(None))
    return [tuple(row) for row in (yield query.order_by(MappingEntry.id))]


def _live(wanted: Sequence[tuple[MappingTable, str]]) -> Question[Sequence[Cause]]:
    begin = dict.fromkeys(_begin(table) for table, _ in wanted)
    query = select(Cause).where(
        Cause.company_id == wanted[0][0].company_id,
        Cause.records > 0,
        or_(*(begins(one) for one in begin)),
    )
    return list((yield query.order_by(Cause.id)).scalars())
