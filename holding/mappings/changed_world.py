"""The world as it would be if one key had another value.

Here: with_value, in memory. Not here: what records say in it (preview.py, reclassification.py), the
change itself (entry_changes.py).
"""

from dataclasses import replace
from datetime import date
from typing import Final

from holding.mappings.entries import Parsed
from holding.tables.rules import ALWAYS
from rules.facts.world import Entry, Later, Table, UnitEntry, World

NOT_STORED: Final = 0  # the id of an entry that nobody has saved


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
