"""Reading mapping and unit entries: what is in force, what a person typed, who waits or used.

Here: one entry, its value as text, the records that a key blocks and those that used it, and which
value in use could be meant by a key without an entry. Not here: changing entries (`fixes.py`), what
a change would do (`preview.py`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from fractions import Fraction
from typing import Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from holding.lifecycle.causes import begins
from holding.lifecycle.changes import UNSENT
from holding.refusal import Refusal
from holding.tables import Cause, Hold, MappingEntry, MappingTable, Posting, PostingUse
from holding.tables.decisions import HOLD_OPEN
from holding.tables.rules import ALWAYS
from rules.facts.seeds import literal_value
from rules.values.cause_keys import MISSING_ENTRY, CauseKey, CauseKind
from rules.values.spelling import differences, fold

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
            message=f"“{text.strip()}” is no conversion.",
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
    of_unit = table.kind == "unit"
    begin = CauseKey(CauseKind.UNIT, "") if of_unit else CauseKey.mapping(table.name, "")
    live = session.scalars(
        select(Cause).where(
            Cause.company_id == table.company_id,
            Cause.records > 0,
            begins(begin),
        )
    )
    if of_unit:
        units = _counted_in(session, table, key.partition("|")[0])
        item = key.partition("|")[2]
        return tuple(
            cause
            for cause in live
            for unit, of in [cause.key.unit_and_item]
            if unit in units and (not item or of == item)
        )
    words = next((m.match for m in ruleset.maps if m.name == table.name), ()) if ruleset else ()
    wanted = fold(key, words)
    return tuple(cause for cause in live if fold(cause.key.entry, words) == wanted)


def reach(session: Session, table: MappingTable, key: str, ruleset: Ruleset | None) -> Reach:
    """What a change of this key can change, as things stand.

    An item's own conversion takes the place of the unit's for that item, so it counts as a change
    of the unit's.
    """
    found = entries_of(session, table.id, key)
    unit, _, item = key.partition("|")
    if table.kind == "unit" and item and not found:
        found = entries_of(session, table.id, unit)
    entries = tuple(entry.id for entry in found)
    causes = causes_of(session, table, key, ruleset)
    return Reach(
        causes=causes,
        entries=entries,
        waiting=tuple(waiting_for(session, causes)),
        using=tuple(used_by(session, entries)),
    )


def waiting_for(session: Session, causes: Iterable[Cause]) -> list[int]:
    """Ids of the records with an open hold of one of these causes, in order."""
    ids = [cause.id for cause in causes]
    query = (
        select(Hold.record_id)
        .where(Hold.cause_id.in_(ids), HOLD_OPEN)
        .distinct()
        .order_by(Hold.record_id)
    )
    return list(session.scalars(query)) if ids else []


def used_by(session: Session, entry_ids: Iterable[int]) -> list[int]:
    """Ids of the records of which something that is not sent yet was made with one of the entries:
    a document, or a change of one that is posted.
    """
    query = (
        select(Posting.record_id)
        .join(PostingUse, PostingUse.posting_id == Posting.id)
        .where(PostingUse.entry_id.in_(list(entry_ids)), UNSENT)
        .distinct()
        .order_by(Posting.record_id)
    )
    return list(session.scalars(query))


def _counted_in(session: Session, table: MappingTable, unit: str) -> set[str]:
    """The unit itself and every unit whose conversions lead to it."""
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value).where(
            MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None)
        )
    ).all()
    found = {unit}
    while True:
        more = {row.key.partition("|")[0] for row in rows if row.value in found} - found
        if not more:
            return found
        found |= more


SUGGESTED: Final = 5
ALIKE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value in use that could be meant, whose key it has, and in what the two keys differ."""

    value: str
    key: str
    reason: str
    percent: int


def suggestions(session: Session, company_id: int, table: str, key: str) -> tuple[Suggestion, ...]:
    """Entries whose key is nearly this one, best first; 100 % where only spelling differs."""
    found = table_of(session, company_id, table)
    if found is None:
        return ()
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value, MappingEntry.num, MappingEntry.den)
        .where(MappingEntry.table_id == found.id, MappingEntry.to_revision.is_(None))
        .order_by(MappingEntry.key)
    ).all()
    near = [
        Suggestion(shown(row.value, row.num, row.den), row.key, reason, percent)
        for row in rows
        if row.key != key and row.value is not None
        for reason, percent in [alike(key, row.key)]
        if percent
    ]
    return tuple(sorted(near, key=lambda s: (-s.percent, s.key))[:SUGGESTED])


def alike(wanted: str, known: str) -> tuple[str, int]:
    """Why two keys could mean the same, and how much; ("", 0) when they do not: C-118 is not C-101,
    however much alike they look.
    """
    if _letters(wanted) == _letters(known):
        return " and ".join(differences(wanted, known)) or "spelling", 100
    if digits_of(wanted) != digits_of(known):
        return "", 0
    matcher = SequenceMatcher(a=wanted.casefold(), b=known.casefold(), autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return "", 0
    ratio = matcher.ratio()
    return ("similar", min(99, int(ratio * 100))) if ratio >= ALIKE else ("", 0)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def digits_of(text: str) -> str:
    """The digits of a key in their order: keys that differ in them are never alike."""
    return "".join(c for c in text if c.isdecimal())
