"""Find the causes and records that a mapping key affects.

Waking the records is in `holding/platform/changes.py`.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, and_, func, literal, or_, select, union
from sqlalchemy.orm import Session, aliased

from grammar.nodes import Ruleset
from holding.db import bulk
from holding.db.models import Cause, Hold, MappingEntry, MappingTable, Posting
from holding.db.models.decisions import HOLD_OPEN, is_open
from holding.platform.changes import UNSENT
from holding.platform.states import END_OF_IDS, MOST_COUNTED, key_begins, newest_edge, newest_uses
from rules.values.cause_keys import MISSING_ENTRY, UNITS, CauseKey, CauseKind, fold_key


class Answered(NamedTuple):
    """A current cause that a mapping entry would resolve, and how many records wait for it."""

    id: int
    key: CauseKey
    records: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What a new value of a mapping key can change: causes it resolves, and entries it replaces.

    `waiting` are the records of the oldest holds for these causes. `using` are the records of the
    newest unsent documents that used these entries. `more` means that further records exist.
    """

    causes: tuple[Answered, ...]
    entries: tuple[int, ...]
    waiting: tuple[int, ...]
    using: tuple[int, ...]
    more: bool

    @property
    def records(self) -> list[int]:
        """All records, each once, in order."""
        return sorted({*self.waiting, *self.using})


def unmapped_terms(
    company_id: int, kinds: Collection[CauseKind] = MISSING_ENTRY
) -> tuple[ColumnElement[bool], ...]:
    """Return the WHERE conditions for missing mapping entries that records wait for.

    They select a company's rows of `Cause`, of these kinds only.
    """
    names = or_(*(key_begins(CauseKey(kind, "")) for kind in kinds))
    return Cause.company_id == company_id, Cause.records > 0, names


def causes_of(
    session: Session, table: MappingTable, key: str, ruleset: Ruleset | None
) -> tuple[Answered, ...]:
    """Return the current causes that an entry for this key would resolve.

    In a map that ignores case or blanks, one entry covers many spellings. A conversion also covers
    units that are counted in its unit.
    """
    return _standing(session, [(table, key)]).answered(table, key, ruleset)


def find_touched(
    session: Session, table: MappingTable, key: str, ruleset: Ruleset | None
) -> tuple[tuple[Answered, ...], tuple[int, ...]]:
    """Return the causes that a new value of the key resolves, and the entries that it replaces."""
    stands = _standing(session, [(table, key)])
    return stands.answered(table, key, ruleset), stands.replaced(table, key)


def find_reach(session: Session, table: MappingTable, key: str, ruleset: Ruleset | None) -> Reach:
    """Return what a change of this key can change."""
    (key_reach,) = find_reaches(session, [(table, key)], ruleset)
    return key_reach


def find_reaches(
    session: Session,
    mapping_keys: Sequence[tuple[MappingTable, str]],
    ruleset: Ruleset | None,
) -> tuple[Reach, ...]:
    """Return the reach of several keys of one company.

    An item's own conversion replaces the unit's for that item, so it counts as a change of the
    unit.
    """
    if not mapping_keys:
        return ()
    stands = _standing(session, mapping_keys)
    causes_and_entries = [
        (stands.answered(*mapping_key, ruleset), stands.replaced(*mapping_key))
        for mapping_key in mapping_keys
    ]
    of_cause, of_entry = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    cut: set[int] = set()
    query = _reached(
        {cause.id for causes, _ in causes_and_entries for cause in causes},
        {i for _, ids in causes_and_entries for i in ids},
    )
    for row in session.execute(query):
        if row.of == _MORE:
            cut.add(row.by)
        else:
            (of_entry if row.of == _USING else of_cause)[row.by].add(row.record_id)
    return tuple(
        Reach(
            causes=causes,
            entries=entries,
            waiting=tuple(sorted({i for cause in causes for i in of_cause[cause.id]})),
            using=tuple(sorted({i for entry_id in entries for i in of_entry[entry_id]})),
            more=not cut.isdisjoint(entries)
            or any(len(of_cause[cause.id]) < cause.records for cause in causes),
        )
        for causes, entries in causes_and_entries
    )


_WAITING, _USING, _MORE = range(3)


def _reached(causes: Collection[int], entries: Collection[int]) -> CompoundSelect[Any]:
    """Return the query for `Reach`: its records, and a row for each entry with unread documents.

    A row has its type in `of`, the id of its cause or entry in `by`, and the record.
    """
    other = aliased(Hold)
    last = (
        select(other.id)
        .where(other.cause_id == Cause.id, is_open(other.state))
        .correlate(Cause)
        .order_by(other.id)
        .offset(MOST_COUNTED)
        .limit(1)
        .scalar_subquery()
    )
    waiting = (
        select(literal(_WAITING).label("of"), Hold.cause_id.label("by"), Hold.record_id)
        .join(Cause, Cause.id == Hold.cause_id)
        .where(
            bulk.among(Cause.id, sorted(causes)),
            HOLD_OPEN,
            Hold.id <= func.coalesce(last, END_OF_IDS),
        )
    )
    some = newest_uses(entries, MOST_COUNTED)
    using = (
        select(literal(_USING), some.c.entry_id, Posting.record_id)
        .join(Posting, Posting.id == some.c.posting_id)
        .where(UNSENT)
    )
    more = select(literal(_MORE), MappingEntry.id, literal(0)).where(
        bulk.among(MappingEntry.id, sorted(entries)), newest_edge(MOST_COUNTED).is_not(None)
    )
    return union(waiting, using, more)


Standing = tuple[int, str, str | None, int]  # table, key, value, id of an entry


class _Standing:
    """The current mapping entries and the current causes that some keys concern."""

    def __init__(self, entries: Sequence[Standing], causes: Sequence[Answered]) -> None:
        self.entries, self._causes = entries, causes
        self._spelled: dict[tuple[int, tuple[str, ...]], dict[str, list[Answered]]] = {}

    def replaced(self, table: MappingTable, key: str) -> tuple[int, ...]:
        """Return the ids of the entries that a new value of the key replaces."""
        entry_ids = self._of(table, key)
        unit, _, item = key.partition("|")
        return (
            self._of(table, unit) if table.kind == "unit" and item and not entry_ids else entry_ids
        )

    def answered(
        self, table: MappingTable, key: str, ruleset: Ruleset | None
    ) -> tuple[Answered, ...]:
        """Return the causes that an entry for the key would resolve."""
        live = self._of_table.get(UNITS if table.kind == "unit" else table.name, ())
        if table.kind != "unit":
            maps = ruleset.maps if ruleset else ()
            words = next((mapping.match for mapping in maps if mapping.name == table.name), ())
            by_word = self._spelled.get((table.id, words))
            if by_word is None:  # folded once for all keys of the table
                by_word = self._spelled[table.id, words] = defaultdict(list)
                for cause in live:
                    by_word[fold_key(cause.key.entry, words)].append(cause)
            return tuple(by_word.get(fold_key(key, words), ()))
        units, item = self._counted_in(table, key.partition("|")[0]), key.partition("|")[2]
        return tuple(
            cause
            for cause in live
            for unit, of in [cause.key.unit_and_item]
            if unit in units and (not item or of == item)
        )

    @cached_property
    def _of_table(self) -> dict[str | None, list[Answered]]:
        causes_by_table = defaultdict[str | None, list[Answered]](list)
        for cause in self._causes:
            causes_by_table[cause.key.table].append(cause)
        return causes_by_table

    @cached_property
    def _ids(self) -> dict[tuple[int, str], tuple[int, ...]]:
        ids_by_key: dict[tuple[int, str], tuple[int, ...]] = {}
        for of, name, _, entry_id in self.entries:
            ids_by_key[of, name] = (*ids_by_key.get((of, name), ()), entry_id)
        return ids_by_key

    def _of(self, table: MappingTable, key: str) -> tuple[int, ...]:
        return self._ids.get((table.id, key), ())

    def _counted_in(self, table: MappingTable, unit: str) -> set[str]:
        """Return the unit and every unit whose conversions lead to it."""
        pairs = [(name, value) for of, name, value, _ in self.entries if of == table.id]
        units = {unit}
        while more := {key.partition("|")[0] for key, to in pairs if to in units} - units:
            units |= more
        return units


def _begin(table: MappingTable) -> CauseKey:
    """Return the common start of a table's cause keys."""
    if table.kind == "unit":
        return CauseKey(CauseKind.UNIT, "")
    return CauseKey.mapping(table.name, "")


def _standing(session: Session, mapping_keys: Sequence[tuple[MappingTable, str]]) -> _Standing:
    return _Standing(_load_entries(session, mapping_keys), _load_causes(session, mapping_keys))


def _load_entries(
    session: Session,
    mapping_keys: Sequence[tuple[MappingTable, str]],
) -> Sequence[Standing]:
    """Query current entries of the keys; of units tables all entries, because units convert into
    each other.
    """
    units = sorted({table.id for table, _ in mapping_keys if table.kind == "unit"})
    rows = select(MappingEntry.table_id, MappingEntry.key, MappingEntry.value, MappingEntry.id)
    of_keys = and_(
        bulk.among(MappingEntry.table_id, sorted({table.id for table, _ in mapping_keys})),
        bulk.among(MappingEntry.key, sorted({key for _, key in mapping_keys})),
    )
    terms = or_(of_keys, bulk.among(MappingEntry.table_id, units)) if units else of_keys
    query = rows.where(terms, MappingEntry.to_revision.is_(None))
    entries = session.execute(query.order_by(MappingEntry.id))
    return [(row.table_id, row.key, row.value, row.id) for row in entries]


def _load_causes(
    session: Session, mapping_keys: Sequence[tuple[MappingTable, str]]
) -> Sequence[Answered]:
    begin = dict.fromkeys(_begin(table) for table, _ in mapping_keys)
    query = select(Cause.id, Cause.key, Cause.records).where(
        Cause.company_id == mapping_keys[0][0].company_id,
        Cause.records > 0,
        or_(*(key_begins(prefix) for prefix in begin)),
    )
    return [
        Answered(row.id, row.key, row.records) for row in session.execute(query.order_by(Cause.id))
    ]
