"""Entries of mapping tables and units that stay what they are when other rules come into force.

Here: which of the rows that two rule sets have otherwise are stored already, and what is stored.
Not here: which keys a publish adds (holding/mappings/fixes.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import select

from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from holding.db.models import MappingEntry, MappingTable
from holding.db.together import Question
from holding.mappings.entries import shown
from holding.rulesets.admission import rule_sources
from rules.facts.seeds import seeds
from rules.values.cause_keys import UNITS
from rules.values.spelling import fold

MOST: Final = 500  # keys that are looked up; a change by hand has a few
Files = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored entry that other rules do not change: what counts, blank where people removed it;
    and what the files of the rules say, blank where they do not have it.
    """

    table: str
    key: str
    stored: str
    declared: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a file, and how its table compares keys."""

    table: str
    key: str
    text: str
    same: str


def asked(
    company_id: int, before: Mapping[str, str], after: Mapping[str, str]
) -> Question[tuple[Kept, ...]]:
    """The stored entries of all rows that differ between these files, unless the files that come
    into force say of them what is stored.
    """
    changed = _changed(*(tuple(sorted(one.items())) for one in (before, after)))[:MOST]
    if not changed:
        return ()
    found = yield (
        select(MappingTable.name, MappingEntry)
        .join(MappingEntry, MappingEntry.table_id == MappingTable.id)
        .where(
            MappingTable.company_id == company_id,
            MappingTable.name.in_({one.table for one in changed}),
            MappingEntry.key.in_({one.key for one in changed}),
            MappingEntry.to_revision.is_(None),
        )
        .order_by(MappingTable.name, MappingEntry.key, MappingEntry.valid_from)
    )
    rows = {(one.table, one.key): one for one in changed}
    kept: dict[tuple[str, str], Kept] = {}
    for table, entry in found:
        row = rows.get((table, entry.key))
        if row is not None and (table, row.same) not in kept:  # of several days the first counts
            stored = shown(entry.value, entry.num, entry.den)
            kept[table, row.same] = Kept(table, entry.key, stored, row.text)
    return tuple(one for one in kept.values() if one.stored != one.declared)


@lru_cache(maxsize=8)
def _changed(before: Files, after: Files) -> tuple[_Row, ...]:
    """The rows that the files have otherwise, in all their spellings, with what the files say that
    come into force; of tables that these have.
    """
    if before == after:
        return ()
    (old, _), (new, tables) = (_rows(dict(one)) for one in (before, after))
    says = {(row.table, row.same): row.text for row in new}
    said = {(row.table, row.same): row.text for row in old}
    differs = {at for at in {*says, *said} if says.get(at) != said.get(at) and at[0] in tables}
    return tuple(
        _Row(row.table, row.key, says.get((row.table, row.same), ""), row.same)
        for row in (*old, *new)
        if (row.table, row.same) in differs
    )


def _rows(files: Mapping[str, str]) -> tuple[list[_Row], set[str]]:
    """All rows of these files, and the tables that they have."""
    ruleset: Ruleset = parse(rule_sources(files))[0]
    found = seeds(ruleset, files)
    match = {table.name: table.match for table in ruleset.maps}
    rows = [
        _Row(table, key, value, fold(key, match[table]))
        for table, entries in found.maps.items()
        for key, value in entries.items()
    ]
    for key, (num, den, to) in found.units.items():
        rows.append(_Row(UNITS, key, shown(to, num, den), key))
    return rows, {*match, *(UNITS for _ in ruleset.units)}
