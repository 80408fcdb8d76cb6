"""A world in which one mapping or unit entry is otherwise.

Here: the world with another value of a key, or without the key. Not here: who judges in it.
"""

from dataclasses import replace
from typing import Final

from holding.entries import Parsed
from rules.facts import Entry, Table, UnitEntry, World

NOT_STORED: Final = 0  # the id of an entry that nobody has saved


def with_value(world: World, kind: str, table: str, key: str, value: Parsed | None) -> World:
    """The same world, but this key has the value; None: it has no entry."""
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
