"""What a ruleset brings along for its look-ups, as mapping entries: CSV, inline and unit rows.

Here: reading those rows (with their faults), and putting new keys into the tables at a publish.
Not here: entries that people add or change later (`mappings.py`); a publish never overwrites
those.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.nodes import Literal, Map, Ruleset, UnitRow, Units
from holding.entries import UNITS, shown
from holding.models import MappingEntry, MappingTable
from holding.people import ensure_team

ALWAYS: Final = date(1, 1, 1)  # entries are valid from the beginning until dated ones come
UNIT_COLUMNS: Final = ("item", "count", "unit", "base_count", "base_unit")


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as a ruleset declares it; `place` is file:line."""

    table: str
    key: str
    value: str
    place: str
    factor: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """All rows of a ruleset, and what is wrong with its files, each a sentence with its place."""

    rows: tuple[Row, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose stored value is not the one of the files; the stored one stays."""

    table: str
    key: str
    stored: str
    declared: str
    place: str


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many entries were added, and which differ."""

    added: int
    differences: tuple[Difference, ...]


def unit_key(unit: str, item: str | None) -> str:
    """The key of a conversion: the unit, or unit and item where the item has its own."""
    return f"{unit}|{item}" if item else unit


def literal_text(literal: Literal) -> str:
    """An inline value as an entry stores it: numbers plain, percents as 10%."""
    value = literal.value
    if literal.kind == "percent" and isinstance(value, Decimal):
        return f"{plain(value * 100)}%"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def plain(value: Decimal) -> str:
    """A decimal without exponent; whole numbers lose their zeros after the point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def declared(ruleset: Ruleset, files: Mapping[str, str]) -> Declared:
    """Every row that the maps and units of a ruleset bring, CSV files included."""
    rows: list[Row] = []
    faults: list[str] = []
    for table in ruleset.maps:
        rows += [
            Row(table.name, row.key, literal_text(row.value), f"{row.span.file}:{row.span.line}")
            for row in table.rows
        ]
        if table.csv is not None:
            rows += _map_csv(table, files, faults)
    for units in ruleset.units:
        rows += [_unit_row(row) for row in units.rows]
        if units.csv is not None:
            rows += _unit_csv(units, files, faults)
    return Declared(rows=tuple(_distinct(rows, faults)), faults=tuple(faults))


def seed(
    session: Session,
    company_id: int,
    ruleset: Ruleset,
    rows: Sequence[Row],
    *,
    revision: int,
    person_id: int | None,
    now: datetime,
) -> Seeded:
    """Make missing tables and add keys that have no entry; say which stored values differ."""
    ids = _tables(session, company_id, ruleset)
    stored = {
        (entry.table_id, entry.key): entry
        for entry in session.scalars(
            select(MappingEntry).where(
                MappingEntry.table_id.in_(ids.values()), MappingEntry.to_revision.is_(None)
            )
        )
    }
    fresh: list[MappingEntry] = []
    differences: list[Difference] = []
    for row in rows:
        entry = stored.get((ids[row.table], row.key))
        if entry is None:
            fresh.append(_entry(row, ids[row.table], revision, person_id, now))
        elif shown(entry.value, entry.num, entry.den) != _shown_row(row):
            differences.append(
                Difference(
                    table=row.table,
                    key=row.key,
                    stored=shown(entry.value, entry.num, entry.den),
                    declared=_shown_row(row),
                    place=row.place,
                )
            )
    session.add_all(fresh)
    session.flush()
    return Seeded(added=len(fresh), differences=tuple(differences))


def _shown_row(row: Row) -> str:
    factor = row.factor
    if factor is None:
        return row.value
    return shown(row.value, factor.numerator, factor.denominator)


def _entry(
    row: Row, table_id: int, revision: int, person_id: int | None, now: datetime
) -> MappingEntry:
    return MappingEntry(
        table_id=table_id,
        key=row.key,
        value=row.value,
        num=row.factor.numerator if row.factor else None,
        den=row.factor.denominator if row.factor else None,
        valid_from=ALWAYS,
        valid_to=None,
        from_revision=revision,
        to_revision=None,
        person_id=person_id,
        reason=f"published with {row.place}",
        at=now,
    )


def _tables(session: Session, company_id: int, ruleset: Ruleset) -> dict[str, int]:
    titles = {role.name: role.name for role in ruleset.roles}
    wanted = [(table.name, "map", table.missing.action.role) for table in ruleset.maps]
    wanted += [(UNITS, "unit", units.missing.action.role) for units in ruleset.units[:1]]
    ids: dict[str, int] = {}
    for name, kind, role in wanted:
        table = session.scalar(
            select(MappingTable).where(
                MappingTable.company_id == company_id, MappingTable.name == name
            )
        )
        if table is None:
            table = MappingTable(company_id=company_id, name=name, kind=kind)
            session.add(table)
        team = ensure_team(session, company_id, titles[role]) if role in titles else None
        table.team_id = team.id if team else None
        session.flush()
        ids[name] = table.id
    return ids


def _map_csv(table: Map, files: Mapping[str, str], faults: list[str]) -> Iterator[Row]:
    if table.csv is None:
        return
    wanted = (table.csv.from_column, table.csv.to_column)
    for line, cells in _records(table.csv.path, wanted, files, faults):
        key, value = cells
        if key and value:
            yield Row(table.name, key, value, f"{table.csv.path}:{line}")


def _unit_row(row: UnitRow) -> Row:
    factor = Fraction(row.base_count) / Fraction(row.count)
    place = f"{row.span.file}:{row.span.line}"
    return Row(UNITS, unit_key(row.unit, row.item), row.base_unit, place, factor)


def _unit_csv(units: Units, files: Mapping[str, str], faults: list[str]) -> Iterator[Row]:
    path = units.csv or ""
    for line, (item, count, unit, base_count, base_unit) in _records(
        path, UNIT_COLUMNS, files, faults
    ):
        place = f"{path}:{line}"
        try:
            factor = Fraction(Decimal(base_count)) / Fraction(Decimal(count))
        except (InvalidOperation, ZeroDivisionError, ValueError, OverflowError):
            faults.append(f"{place}: {count} {unit} = {base_count} {base_unit} is no conversion.")
            continue
        if factor <= 0:
            faults.append(f"{place}: {count} {unit} = {base_count} {base_unit} is no conversion.")
            continue
        yield Row(UNITS, unit_key(unit, item or None), base_unit, place, factor)


def _records(
    path: str, columns: Sequence[str], files: Mapping[str, str], faults: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """The wanted cells of every row with the line each ends in; blanks around values stay."""
    text = files.get(path)
    if text is None:
        faults.append(f"{path}: the rules name this file, and it was not sent along.")
        return
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in columns if name not in header]
    if missing:
        faults.append(f"{path}:1: no column {', '.join(missing)}; there are {', '.join(header)}.")
        return
    places = [header.index(name) for name in columns]
    for cells in reader:
        if any(cells):
            yield reader.line_num, [cells[i] if i < len(cells) else "" for i in places]


def _distinct(rows: Sequence[Row], faults: list[str]) -> Iterator[Row]:
    """The first row of each key; the same key with another value is a fault."""
    seen: dict[tuple[str, str], Row] = {}
    for row in rows:
        first = seen.setdefault((row.table, row.key), row)
        if first is row:
            yield row
        elif (first.value, first.factor) != (row.value, row.factor):
            faults.append(
                f"{row.place}: {row.table}(“{row.key}”) = {_shown_row(row)},"
                f" but {first.place} says {_shown_row(first)}."
            )
