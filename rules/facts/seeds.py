"""The first entries of mapping and unit tables: inline rows and CSV texts of a ruleset.

Here: seeds (text in, entries and problems out). Not here: where entries are kept afterwards, or how
a CSV reaches us (the caller hands its text over, by the path that the rules name).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from grammar import nodes as n
from grammar.text.problem import Problem, Span
from rules.facts.world import Entry, TargetState, UnitEntry, World
from rules.values.canonical import number_text
from rules.values.spelling import fold


def literal_value(text: str, kind: str) -> Any:
    """The value of a stored text by the kind of literal its map holds; None if it is none."""
    if kind == "text":
        return text
    word = text.strip()
    if kind in {"number", "percent"}:
        cut = word.removesuffix("%") if kind == "percent" else word
        value = Decimal(cut) if _NUMBER.fullmatch(cut) else None
        return value / 100 if value is not None and cut != word else value
    if kind == "yes_no":
        return {"yes": True, "no": False}.get(word)
    try:
        return date.fromisoformat(word) if kind == "date" else text
    except ValueError:
        return None


_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    value: str
    span: Span
    where: str = ""  # the line of a CSV file, before the message: a span is of rule files


@dataclass(slots=True)
class Seeds:
    """Entries by table, unit factors by key, and what is wrong in the files."""

    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    units: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def world(self, revision: int, targets: Mapping[str, TargetState]) -> World:
        """A world of just these entries, numbered in their order."""
        number = iter(range(1, 1 << 62))
        maps = {
            name: {key: Entry(next(number), value) for key, value in rows.items()}
            for name, rows in self.maps.items()
        }
        units = {
            key: UnitEntry(next(number), num, den, to) for key, (num, den, to) in self.units.items()
        }
        return World.build(revision, maps, units, targets)


def seeds(ruleset: n.Ruleset, files: Mapping[str, str]) -> Seeds:
    """The entries of all maps and units; `files` holds CSV texts by the path in the rules."""
    found = Seeds()
    for table in ruleset.maps:
        rows = found.maps.setdefault(table.name, {})
        kind = table.rows[0].value.kind if table.rows else "text"
        seen: dict[str, str] = {}
        for row in _map_rows(table, files, found):
            problem = _clash(row, table, seen, kind)
            if problem is not None:
                found.problems.append(problem)
            else:
                seen[_folded(row.key, table)] = row.value
                rows.setdefault(row.key, row.value)
    for units in ruleset.units:
        for unit_row in units.rows:
            _unit(found, unit_row)
        if units.csv:
            _unit_file(found, units, files)
    return found


def literal_text(value: n.Literal) -> str:
    """A literal as the text that a mapping entry keeps."""
    held = value.value
    if isinstance(held, Decimal):
        return f"{number_text(held * 100)}%" if value.kind == "percent" else format(held, "f")
    if isinstance(held, bool):
        return "yes" if held else "no"
    return held if isinstance(held, str) else str(held)


def _map_rows(table: n.Map, files: Mapping[str, str], found: Seeds) -> Iterator[_Row]:
    for row in table.rows:
        yield _Row(row.key, literal_text(row.value), row.span)
    if table.csv is None:
        return
    text = _file(files, table.csv.path)
    if text is None:
        message = f"the file {table.csv.path} of map '{table.name}' was not given"
        hint = "Put it beside the rule files, at this path."
        found.problems.append(Problem("MAP10", message, hint, table.csv.span, "warning"))
        return
    yield from _csv_rows(table.csv, text, found)


def _csv_rows(declared: n.Csv, text: str, found: Seeds) -> Iterator[_Row]:
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    columns = rows.fieldnames or ()
    for column in (declared.from_column, declared.to_column):
        if column not in columns:
            message = f"{declared.path} has no column '{column}'"
            hint = f"Its columns are: {', '.join(columns)}."
            found.problems.append(Problem("MAP11", message, hint, declared.span))
            return
    for cells in rows:
        key = cells.get(declared.from_column) or ""
        value = cells.get(declared.to_column) or ""
        if key.strip() and value.strip():
            yield _Row(key, value, declared.span, f"{declared.path}:{rows.line_num}: ")


def _folded(key: str, table: n.Map) -> str:
    return fold(key, table.match)


def _clash(row: _Row, table: n.Map, seen: Mapping[str, str], kind: str) -> Problem | None:
    """Why a row cannot be an entry of its map."""
    before = seen.get(_folded(row.key, table))
    if before is not None and before != row.value:
        message = f"{row.where}\"{row.key}\" of map '{table.name}' has two values"
        return Problem("MAP12", message, f'It is "{before}" above: keep one of them.', row.span)
    if literal_value(row.value, kind) is None:
        message = f"{row.where}\"{row.value}\" of map '{table.name}' is not a {kind}"
        return Problem("MAP13", message, "All values of a map are of one kind.", row.span)
    return None


def _unit(found: Seeds, row: n.UnitRow) -> None:
    key = f"{row.unit}|{row.item}" if row.item else row.unit
    if row.count <= 0 or row.base_count <= 0:
        message = f"the factor of {row.unit} is not above zero"
        found.problems.append(Problem("UOM04", message, "Write how many there are.", row.span))
        return
    factor = Fraction(row.base_count) / Fraction(row.count)
    found.units.setdefault(key, (factor.numerator, factor.denominator, row.base_unit))


def _unit_file(found: Seeds, units: n.Units, files: Mapping[str, str]) -> None:
    text = _file(files, units.csv or "")
    if text is None:
        message, hint = f"the file {units.csv} was not given", "Put it beside the rule files."
        found.problems.append(Problem("MAP10", message, hint, units.span, "warning"))
        return
    for cells in csv.DictReader(io.StringIO(text.lstrip("\ufeff"))):
        count = literal_value(cells.get("count") or "1", "number")
        base_count = literal_value(cells.get("base_count") or "", "number")
        unit, base = (cells.get("unit") or "").strip(), (cells.get("base_unit") or "").strip()
        if count is None or base_count is None or not unit or not base:
            hint = "A row has item (or blank), count, unit, base_count, base_unit."
            problem = Problem("MAP11", f"{units.csv}: a row is incomplete", hint, units.span)
            found.problems.append(problem)
            continue
        item = (cells.get("item") or "").strip() or None
        _unit(found, n.UnitRow(count, unit, item, base_count, base, units.span))


def _file(files: Mapping[str, str], path: str) -> str | None:
    """The text of a declared path; a caller's longer path that ends in it is meant too."""
    if path in files:
        return files[path]
    ends = [name for name in sorted(files) if name.replace("\\", "/").endswith(f"/{path}")]
    return files[ends[0]] if ends else None
