"""The world in which a stored record is judged: as it stood then, or that of the rule files alone.

Here: Stand (one moment of the tables), StoredWorlds (worlds.jsonl: a line for each revision, each
saying what differs from the line above), SideWorlds (the same for one rule set). Not here: where
those lines come from (holding/programs/posted_differences.py).
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

import msgspec

from grammar.nodes import Ruleset
from portal.backtest.record_files import WORLDS, UnreadableError
from rules.comparison.two_sides import Past
from rules.facts import Entry, Later, Seeds, TargetState, UnitEntry, World
from rules.values.cause_keys import fold

KEPT = 16
"""So many worlds are kept ready; records lie in the order of their revisions, or nearly so."""
V = TypeVar("V")
LaterRow = tuple[date, str, str, int, int, int, str]


class WorldLine(msgspec.Struct, forbid_unknown_fields=True):
    """What a revision changed; null takes an entry or a target away.

    `later` has all entries that count from a day on, wherever they differ from the line above:
    day, table (blank: a unit), key, id, numerator, denominator (0 but for a unit), value.
    """

    revision: int
    maps: dict[str, dict[str, tuple[int, str] | None]] = {}
    units: dict[str, tuple[int, int, int, str] | None] = {}
    targets: dict[str, TargetState | None] = {}
    later: tuple[LaterRow, ...] | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """All tables and targets at one revision."""

    maps: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    units: Mapping[str, UnitEntry] = field(default_factory=dict)
    targets: Mapping[str, TargetState] = field(default_factory=dict)
    later: tuple[Later, ...] = ()

    def after(self, line: WorldLine) -> "Stand":
        """The stand that a line makes of this one; what it does not name is shared."""
        maps = dict(self.maps)
        for name, rows in line.maps.items():
            made = {key: row and _entry(row) for key, row in rows.items()}
            maps[name] = _changed(maps.get(name, {}), made)
        units = {key: row and _unit(row) for key, row in line.units.items()}
        targets = _changed(self.targets, dict(line.targets))
        later = self.later if line.later is None else tuple(map(_later, line.later))
        return Stand(maps, _changed(self.units, units), targets, later)


def _entry(row: tuple[int, str]) -> Entry:
    number, value = row
    return Entry(id=number, value=value)


def _unit(row: tuple[int, int, int, str]) -> UnitEntry:
    number, num, den, to = row
    return UnitEntry(id=number, num=num, den=den, to=to)


def _later(row: LaterRow) -> Later:
    day, table, key, number, num, den, value = row
    entry = Entry(number, value) if table else UnitEntry(number, num, den, value)
    return Later(day, table, key, entry)


class StoredWorlds:
    """The stands of a company, by revision."""

    def __init__(self, lines: Iterable[WorldLine] = ()) -> None:
        self._lines = tuple(lines)
        self._place = {line.revision: place for place, line in enumerate(self._lines)}
        self._done, self._stand = 0, Stand()

    @staticmethod
    def read(path: Path) -> "StoredWorlds":
        """The worlds of a file; a line that is none raises UnreadableError with its place."""
        decode = msgspec.json.Decoder(WorldLine).decode
        lines = []
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                try:
                    lines.append(decode(text))
                except ValueError as error:
                    raise UnreadableError(f"{path}:{number}: {error}") from error
        return StoredWorlds(lines)

    def at(self, revision: int) -> Stand:
        """The stand at a revision; one that no line tells raises LookupError."""
        place = self._place.get(revision)
        if place is None:
            message = f"revision {revision} stands in no {WORLDS} beside it"
            raise LookupError(message)
        if place < self._done - 1:
            self._done, self._stand = 0, Stand()
        while self._done <= place:
            self._stand = self._stand.after(self._lines[self._done])
            self._done += 1
        return self._stand


class SideWorlds:
    """The worlds of one rule set: what was stored, and on top what publishing it would add."""

    def __init__(self, ruleset: Ruleset, seeds: Seeds, stored: StoredWorlds) -> None:
        self._seeds, self._stored = seeds, stored
        self._match = {table.name: table.match for table in ruleset.maps}
        self._targets = {t.name: TargetState(known=True) for t in ruleset.targets}
        self._own = seeds.world(0, self._targets)
        self._kept: OrderedDict[tuple[int | None, tuple[str, ...] | None], World] = OrderedDict()

    def same_as(self, other: "SideWorlds") -> bool:
        """Whether the worlds of both are the same, so that one may serve for both."""
        mine = (self._seeds, self._match, self._targets, self._stored)
        return mine == (other._seeds, other._match, other._targets, other._stored)

    def __call__(self, past: Past) -> World:
        """The world of one record."""
        if past.revision is None and past.known is None:
            return self._own
        key = (past.revision, past.known)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._made(*key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _made(self, revision: int | None, known: tuple[str, ...] | None) -> World:
        world = self._own if revision is None else self._at(revision)
        if known is None:
            return world
        targets = {n: replace(t, known=n in known) for n, t in world.targets.items()}
        return replace(world, targets=targets)

    def _at(self, revision: int) -> World:
        stand = self._stored.at(revision)
        maps = dict(stand.maps)
        for name, rows in self._seeds.maps.items():
            stored = maps.get(name, {})
            have = {self._folded(name, key) for key in stored}
            fresh = {k: Entry(0, v) for k, v in rows.items() if self._folded(name, k) not in have}
            maps[name] = {**stored, **fresh}
        units = {k: _unit((0, *row)) for k, row in self._seeds.units.items()}
        every = {**units, **stand.units}
        return World.build(revision, maps, every, stand.targets, stand.later)

    def _folded(self, table: str, key: str) -> str:
        return fold(key, self._match.get(table, ()))


def _changed(before: Mapping[str, V], changes: Mapping[str, V | None]) -> Mapping[str, V]:
    if not changes:
        return before
    found = {key: value for key, value in before.items() if key not in changes}
    found.update({key: value for key, value in changes.items() if value is not None})
    return found
