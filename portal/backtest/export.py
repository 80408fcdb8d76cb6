"""Stored judgings as a folder of files that `clearpost backtest` reads.

Here: write: records.jsonl, and worlds.jsonl with a line for each revision that they name. Not here:
which judgings there are (holding/programs/posted_differences.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from holding.programs.posted_differences import Judging
from portal.backtest.record_files import WORLDS
from rules.facts import Entry, Later, UnitEntry, World
from rules.values.canonical import dumps

RECORDS = "records.jsonl"


@dataclass(slots=True)
class Written:
    """How many records were written, and of how many nothing is kept to judge by."""

    records: int = 0
    gone: int = 0


def write(
    folder: Path,
    judgings: Iterable[Judging],
    *,
    stand: Callable[[int], World],
    targets: Mapping[str, str],
) -> Written:
    """Write all judgings; `stand` gives the world of a revision, `targets` a name for each word."""
    written, told = Written(), set()
    before = _Plain({}, {}, {}, [])
    with (
        (folder / RECORDS).open("w", encoding="utf-8") as records,
        (folder / WORLDS).open("w", encoding="utf-8") as worlds,
    ):
        for one in judgings:
            if one.body is None or one.facts is None:
                written.gone += 1
                continue
            if one.revision not in told:
                told.add(one.revision)
                now = _plain(stand(one.revision))
                worlds.write(dumps({"revision": one.revision, **_news(before, now)}) + "\n")
                before = now
            records.write(dumps(_line(one, targets)) + "\n")
            written.records += 1
    return written


def _line(one: Judging, targets: Mapping[str, str]) -> dict[str, object]:
    return {
        "kind": one.kind,
        "source": one.source,
        "version": one.version,
        "now": one.at,
        "revision": one.revision,
        "known": sorted(word for word, name in targets.items() if name in one.known),
        "states": one.states,
        "facts": one.facts,
        "body": one.body,
    }


class _Plain(NamedTuple):
    """What of a world a line of worlds.jsonl has."""

    maps: Mapping[str, Mapping[str, object]]
    units: Mapping[str, object]
    targets: Mapping[str, object]
    later: Sequence[object]


def _plain(world: World) -> _Plain:
    """All entries and targets of a world, as a line of worlds.jsonl has them."""
    return _Plain(
        maps={
            name: {key: _entry(entry) for key, entry in table.entries.items()}
            for name, table in world.maps.items()
        },
        units={key: _unit(entry) for key, entry in world.units.items()},
        targets=dict(world.targets),
        later=[_later(one) for one in world.later],
    )


def _later(one: Later) -> tuple[date, str, str, int, int, int, str]:
    if isinstance(one.entry, UnitEntry):
        return one.day, one.table, one.key, *_unit(one.entry)
    return one.day, one.table, one.key, one.entry.id, 0, 0, one.entry.value


def _entry(entry: Entry) -> tuple[int, str]:
    return entry.id, entry.value


def _unit(entry: UnitEntry) -> tuple[int, int, int, str]:
    return entry.id, entry.num, entry.den, entry.to


def _news(before: _Plain, now: _Plain) -> dict[str, object]:
    """What differs from the line above; null takes away."""
    maps = {
        name: changed
        for name in {**before.maps, **now.maps}
        if (changed := _changed(before.maps.get(name, {}), now.maps.get(name, {})))
        or name not in before.maps
    }
    units, targets = _changed(before.units, now.units), _changed(before.targets, now.targets)
    parts = {"maps": maps, "units": units, "targets": targets}
    found: dict[str, object] = {part: rows for part, rows in parts.items() if rows}
    return found if before.later == now.later else {**found, "later": now.later}


def _changed(before: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    fresh = {key: value for key, value in now.items() if before.get(key) != value}
    return {**{key: None for key in before if key not in now}, **fresh}
