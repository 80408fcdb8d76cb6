"""Does every unit lead to its base, exactly and by one way?

Here: the units table. Not here: conversions of a record (rules/units.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem, Span
from rules.analyse.places import problem
from rules.facts import UnitEntry
from rules.index import Index
from rules.seeds import seeds
from rules.units import Bases, convert


def check(index: Index) -> Iterator[Problem]:
    """Bases given twice, units given twice, chains that end nowhere."""
    for units in index.ruleset.units:
        yield from _bases(units)
        yield from _rows(units)


def _bases(units: n.Units) -> Iterator[Problem]:
    seen: dict[str | None, Span] = {}
    for base in units.bases:
        if base.item in seen:
            whose = f'"{base.item}"' if base.item else "all items"
            message = f"{whose} has a base unit already"
            yield problem("UOM06", message, f"It stands in {seen[base.item]}.", base.span)
        seen.setdefault(base.item, base.span)


def _rows(units: n.Units) -> Iterator[Problem]:
    found = seeds(n.Ruleset(units=(n.Units(units.bases, units.rows, None, *_rest(units)),)), {})
    yield from found.problems
    entries = {k: UnitEntry(0, num, den, to) for k, (num, den, to) in found.units.items()}
    bases = Bases(units.bases)
    seen: dict[tuple[str, str | None], n.UnitRow] = {}
    for row in units.rows:
        item = row.item or ""
        before = seen.get((row.unit, row.item))
        base = bases.of(item)
        if before is not None:
            hint = f"It stands in {before.span} already: keep one of them."
            yield problem("UOM03", f"'{row.unit}' has a factor already", hint, row.span)
        elif row.unit == base:
            message = f"'{row.unit}' is the base unit and has no factor"
            yield problem("UOM07", message, "Leave this row out.", row.span)
        elif row.count > 0 and row.base_count > 0:
            yield from _chain(row, base, bases, entries)
        seen.setdefault((row.unit, row.item), row)


def _chain(
    row: n.UnitRow, base: str | None, bases: Bases, entries: dict[str, UnitEntry]
) -> Iterator[Problem]:
    if base is None or convert(row.unit, row.item or "", bases, entries) is None:
        of = f' of "{row.item}"' if row.item else ""
        message = f"'{row.unit}'{of} does not lead to the base unit {base or ''}".rstrip()
        hint = f"Say what 1 {row.base_unit} is, down to the base unit."
        yield problem("UOM05", message, hint, row.span)


def _rest(units: n.Units) -> tuple[n.Missing, Span]:
    return units.missing, units.span
