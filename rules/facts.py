"""Define the input of an evaluation: the record, its facts, and the world of mappings and units."""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from operator import attrgetter
from typing import Any

from grammar import nodes
from grammar.nodes import UnitBase
from grammar.text.problem import Problem, Span
from rules.values.canonical import (
    Plain,
    PostingState,
    moment_text,
    number_text,
    plain,
    read_only,
    revive,
)
from rules.values.cause_keys import NearSpellings, fold_key
from rules.values.kinds import BITS, Number, show, simplify

LONGEST_CHAIN = 12

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,15})?")

LINES, WHOLE = "lines", "document"  # what a target edit names where it is no single field

NOTHING, VOID = "nothing", "void"  # what the target then has


@read_only(frozen=True, slots=True)
class Subject:
    """The content that is judged: one version of one record."""

    kind: str
    source: str
    body: Mapping[str, object]
    version: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a mapping table; `value` is text, read by the literals of its map."""

    id: int
    value: str


@dataclass(frozen=True, slots=True)
class UnitEntry:
    """One unit factor: 1 of the key's unit is num/den of unit `to`. Key: `BOX` or `CTN|TEA-1`."""

    id: int
    num: int
    den: int
    to: str


@dataclass(frozen=True, slots=True)
class Later:
    """What a key has from a day on; `table` is blank for a unit."""

    day: date
    table: str
    key: str
    entry: Entry | UnitEntry


@dataclass(frozen=True, slots=True)
class ItemUnits:
    """How a target counts one of its items: 1 of a unit is num/den of its base unit."""

    base: str
    rates: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def rate(self, unit: str) -> Fraction | None:
        """Return 1 of a unit in the base unit, or None if the target does not have the unit."""
        if unit in self.rates:
            return Fraction(*self.rates[unit])
        return Fraction(1) if unit == self.base else None


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is known of a target: its period lock, the codes it lists, the units of its items, and
    how it rounds (a word of `Target.rounding` in the rules, or another that it said).

    What is left out, or a blank rounding, is not told, which is no statement about it. `confirmed`
    are rates of ours that people confirmed: `CTN|TEA-1` -> (base unit, num, den); None: not asked.
    `tax_rates` are the rates of the tax codes that it lists with one: 0.1 is 10%.
    """

    known: bool
    locked_through: date | None = None
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    items: Mapping[str, ItemUnits] = field(default_factory=dict)
    rounding: str = ""
    confirmed: Mapping[str, tuple[str, int, int]] | None = None
    tax_rates: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PostingFact:
    """One posting of this record; content = {"fields", "lines", "amount"} of what stands in the
    target; older facts are without the amount.

    `body` may be left out where the posted version is the one that is judged.
    """

    route: str
    seq: int
    state: PostingState
    number: str
    version: int
    content: Mapping[str, object] | None = None
    body: Mapping[str, object] | None = None  # the record as it was posted, where it is another now
    billed: Mapping[str, Decimal] = field(default_factory=dict)  # line key -> what this one bills
    e_invoice_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TargetEdit:
    """A field of a posting that somebody changed in the target; `line` counts from 1.

    `field` may be LINES, when some came or went (`shows` is how many there are now), or WHOLE.
    """

    route: str
    seq: int
    line: int | None
    field: str
    shows: str


@dataclass(frozen=True, slots=True)
class TargetDocument:
    """A live document of another record that may carry the same number."""

    route: str
    number: str
    fields: Mapping[str, str]
    record: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """What makes it doubtful which record this is: `mine` against `others`.

    `what`: number (one id, another number than before), id (one number, several ids) or company.
    """

    what: str
    mine: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dated:
    """A person's word that a document of this day carries another one: `by` is who said so."""

    instead_of: date
    day: date
    by: str


@read_only(frozen=True, slots=True)
class Facts:
    """All about a record that does not stand in its body. `billed`: route -> line key -> quantity,
    else it is summed over its live postings; `held_of_family`: where others' posted is decided;
    `taken_back`: documents of the family that were posted and are not any more. `barred`: route or
    target -> why no document may go there (rules/decisions/barred_documents.py).
    """

    first_seen: datetime
    last_editor: str | None = None
    history: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    documents: tuple[TargetDocument, ...] = ()
    postings: tuple[PostingFact, ...] = ()
    releases: frozenset[tuple[str, str]] = frozenset()
    documents_of_family: Mapping[str, str] = field(default_factory=dict)
    held_of_family: Mapping[str, str] = field(default_factory=dict)  # route -> who decides
    days_of_family: Mapping[str, date] = field(default_factory=dict)  # the earliest of each route
    taken_back: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # route -> numbers
    links: Mapping[str, tuple[Mapping[str, object], ...]] = field(default_factory=dict)
    billed: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    target_edited: tuple[TargetEdit, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    first: Mapping[str, object] | None = None  # the record as it first came, where it is another
    dated: Mapping[str, Dated] = field(default_factory=dict)  # route -> the day a person gave it
    e_invoice_issuer: str = "us"  # who makes the e-Invoice of the sale: us, platform or unknown
    barred: Mapping[str, str] = field(default_factory=dict)

    @property
    def usual(self) -> bool:
        """Whether the facts hold only the first-seen moment, as for most new records."""
        return self is facts_of_new_record(self.first_seen) or bool(_REST(self) == _USUAL_REST)

    def to_json(self) -> dict[str, Plain]:
        """Plain JSON of all that is not as it is without it: of most records there is little."""
        if self.usual:
            return {"first_seen": moment_text(self.first_seen)}
        told = [(name, getattr(self, name)) for name in self.__slots__]
        return {k: plain(v) for k, v in told if v != getattr(_USUAL, k)}

    @staticmethod
    def from_json(value: Plain) -> Facts:
        """Return the facts from their to_json; omitted parts get their defaults."""
        facts: Facts = revive(Facts, value)
        return facts


@lru_cache(maxsize=256)  # a delivery brings many records at one moment
def facts_of_new_record(first_seen: datetime) -> Facts:
    """Return the facts of a record that has only a first-seen moment."""
    return Facts(first_seen)


_USUAL = Facts(datetime.max.replace(tzinfo=UTC))

_REST = attrgetter(*(each.name for each in fields(Facts) if each.name != "first_seen"))

_USUAL_REST = _REST(_USUAL)


class Table:
    """The entries of one mapping table, found by any of the ways a map may match."""

    __slots__ = ("_folded", "_near", "entries")

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = dict(entries)
        self._folded: dict[frozenset[str], dict[str, list[str]]] = {}
        self._near = NearSpellings(self.entries)

    def find(self, key: str, how: frozenset[str]) -> tuple[str, ...]:
        """Return the matching keys. Several keys with different values mean an ambiguous match."""
        if how <= {"exact"}:
            return (key,) if key in self.entries else ()
        index = self._folded.get(how)
        if index is None:
            index = {}
            for k in sorted(self.entries):
                index.setdefault(fold_key(k, how), []).append(k)
            self._folded[how] = index
        return tuple(index.get(fold_key(key, how), ()))

    def near(self, key: str) -> tuple[str, ...]:
        """Known keys that differ from this one only by case, spaces or special characters, and
        then those that only look like it.
        """
        return self._near.near(key)


@dataclass(frozen=True, slots=True)
class World:
    """Mappings, units and targets at one revision. Immutable; share it between evaluations.

    `maps` and `units` are what counts before the first day of `later` (in order of its days); a
    record asks the world of its own day (`at`).
    """

    revision: int
    maps: Mapping[str, Table]
    units: Mapping[str, UnitEntry]
    targets: Mapping[str, TargetState]
    later: tuple[Later, ...] = ()
    _days: dict[int, World] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def build(
        revision: int,
        maps: Mapping[str, Mapping[str, Entry]],
        units: Mapping[str, UnitEntry],
        targets: Mapping[str, TargetState],
        later: Sequence[Later] = (),
    ) -> World:
        """Return the world of these entries. Indexes are built at first use."""
        tables = {name: Table(entries) for name, entries in maps.items()}
        dated = tuple(sorted(later, key=lambda one: (one.day, one.table, one.key)))
        return World(revision, tables, dict(units), dict(targets), dated)

    def at(self, day: date) -> World:
        """Return the world that is in force on a day; days with equal entries share one object."""
        begun = bisect_right(self.later, day, key=lambda one: one.day) if self.later else 0
        if not begun:
            return self
        found = self._days.get(begun)
        if found is None:
            found = self._days[begun] = self._after(self.later[:begun])
        return found

    def _after(self, begun: Sequence[Later]) -> World:
        units, maps = dict(self.units), dict(self.maps)
        changed: dict[str, dict[str, Entry]] = {}
        for one in begun:
            if isinstance(one.entry, UnitEntry):
                units[one.key] = one.entry
            else:
                changed.setdefault(one.table, {})[one.key] = one.entry
        for name, entries in changed.items():
            maps[name] = Table({**(maps[name].entries if name in maps else {}), **entries})
        return replace(self, maps=maps, units=units, later=())


@dataclass(slots=True)
class Seeds:
    """Entries by table, unit factors by key, and what is wrong in the files."""

    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    units: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def world(self, revision: int, targets: Mapping[str, TargetState]) -> World:
        """Return a world with exactly these entries, numbered in order."""
        number = iter(range(1, 1 << 62))
        maps = {
            name: {key: Entry(next(number), value) for key, value in rows.items()}
            for name, rows in self.maps.items()
        }
        units = {
            key: UnitEntry(next(number), num, den, to) for key, (num, den, to) in self.units.items()
        }
        return World.build(revision, maps, units, targets)


def load_seeds(ruleset: nodes.Ruleset, files: Mapping[str, str]) -> Seeds:
    """Return the entries of all maps and units; `files` holds CSV texts by path in the rules."""
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


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    value: str
    span: Span
    where: str = ""  # the line of a CSV file, before the message: a span is of rule files


def _map_rows(table: nodes.Map, files: Mapping[str, str], found: Seeds) -> Iterator[_Row]:
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


def _csv_rows(declared: nodes.Csv, text: str, found: Seeds) -> Iterator[_Row]:
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


def _folded(key: str, table: nodes.Map) -> str:
    return fold_key(key, table.match)


def _clash(row: _Row, table: nodes.Map, seen: Mapping[str, str], kind: str) -> Problem | None:
    """Why a row cannot be an entry of its map."""
    before = seen.get(_folded(row.key, table))
    if before is not None and before != row.value:
        message = f"{row.where}\"{row.key}\" of map '{table.name}' has two values"
        return Problem("MAP12", message, f'It is "{before}" above: keep one of them.', row.span)
    if literal_value(row.value, kind) is None:
        message = f"{row.where}\"{row.value}\" of map '{table.name}' is not a {kind}"
        return Problem("MAP13", message, "All values of a map are of one kind.", row.span)
    return None


def _unit(found: Seeds, row: nodes.UnitRow) -> None:
    key = f"{row.unit}|{row.item}" if row.item else row.unit
    if row.count <= 0 or row.base_count <= 0:
        message = f"the factor of {row.unit} is not above zero"
        found.problems.append(Problem("UOM04", message, "Write how many there are.", row.span))
        return
    factor = Fraction(row.base_count) / Fraction(row.count)
    found.units.setdefault(key, (factor.numerator, factor.denominator, row.base_unit))


def _unit_file(found: Seeds, units: nodes.Units, files: Mapping[str, str]) -> None:
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
        _unit(found, nodes.UnitRow(count, unit, item, base_count, base, units.span))


def _file(files: Mapping[str, str], path: str) -> str | None:
    """The text of a declared path; a caller's longer path that ends in it is meant too."""
    if path in files:
        return files[path]
    ends = [name for name in sorted(files) if name.replace("\\", "/").endswith(f"/{path}")]
    return files[ends[0]] if ends else None


def literal_value(text: str, kind: str) -> Any:
    """Return the value of a stored text for its literal kind, or None if it does not parse."""
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


def literal_text(value: nodes.Literal) -> str:
    """Return a literal as the text that a mapping entry stores."""
    held = value.value
    if isinstance(held, Decimal):
        return f"{number_text(held * 100)}%" if value.kind == "percent" else format(held, "f")
    if isinstance(held, bool):
        return "yes" if held else "no"
    return held if isinstance(held, str) else str(held)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Store that 1 of a unit is num/den of the base unit, with the entries that prove it."""

    unit: str
    base: str
    num: int
    den: int
    path: tuple[tuple[str, UnitEntry], ...]

    @property
    def factor(self) -> str:
        """The factor as people write it."""
        return str(self.num) if self.den == 1 else f"{self.num}/{self.den}"

    def __str__(self) -> str:
        return f"1 {self.unit} = {self.factor} {self.base}"


def identity_conversion(unit: str) -> Conversion:
    """Return the conversion of a unit to itself."""
    return Conversion(unit, unit, 1, 1, ())


class Bases:
    """Store the base unit of each item, and a default for all other items."""

    def __init__(self, rows: Iterable[UnitBase]) -> None:
        self._of = {row.item: row.unit for row in rows}

    def of(self, item: str) -> str | None:
        """Return the base unit of an item."""
        return self._of.get(item, self._of.get(None))


def convert(
    unit: str, item: str, bases: Bases, entries: Mapping[str, UnitEntry]
) -> Conversion | None:
    """The exact factor from a unit to the item's base unit; the item's own rows win.

    None where a step is missing: a missing factor is never 1.
    """
    base = bases.of(item)
    num, den = 1, 1
    path: list[tuple[str, UnitEntry]] = []
    at = unit
    while at != base:
        key, entry = _step(at, item, entries)
        if (
            entry is None
            or base is None
            or len(path) == LONGEST_CHAIN
            or min(entry.num, entry.den) < 1
        ):
            return None
        path.append((key, entry))
        num, den, at = num * entry.num, den * entry.den, entry.to
        if num.bit_length() > BITS or den.bit_length() > BITS:
            return None
    factor = Fraction(num, den)
    return Conversion(unit, base, factor.numerator, factor.denominator, tuple(path))


def _step(unit: str, item: str, entries: Mapping[str, UnitEntry]) -> tuple[str, UnitEntry | None]:
    own = f"{unit}|{item}"
    entry = entries.get(own)
    return (own, entry) if entry is not None else (unit, entries.get(unit))


@dataclass(frozen=True, slots=True)
class Clash:
    """How a target counts an item otherwise: of which unit, and whether it has that unit at all.

    `text` is what the target says, for people: `1 CTN = 24 PCS`, or `no PCS, only BOX, CTN`.
    """

    unit: str
    has_unit: bool
    text: str


def find_unit_clash(source: Conversion, posted: Conversion, set_up: ItemUnits) -> Clash | None:
    """Where a target's item set-up differs from the factors of the rules; None where it does not.

    The posted unit must be one of the item's. A unit that is not posted and that the target does
    not have is no difference.
    """
    there = set_up.rate(posted.unit)
    if there is None:
        units = ", ".join(dict.fromkeys((set_up.base, *sorted(set_up.rates))))
        return Clash(posted.unit, has_unit=False, text=f"no {posted.unit}, only {units}")
    ours = Fraction(posted.num, posted.den)
    base = set_up.rate(posted.base)
    if base is not None and there / base != ours:
        return _other_rate(posted.unit, there / base, posted.base)
    theirs = set_up.rate(source.unit)
    if theirs is not None and theirs / there != Fraction(source.num, source.den) / ours:
        return _other_rate(source.unit, theirs / there, posted.unit)
    return None


def _other_rate(unit: str, rate: Fraction, base: str) -> Clash:
    return Clash(unit, has_unit=True, text=f"1 {unit} = {show(simplify(rate))} {base}")


def quantity_proof(quantity: Number, pieces: Number, by: Conversion) -> str:
    """`5 CTN × 12 = 60 PCS`."""
    return f"{show(quantity)} {by.unit} × {by.factor} = {show(pieces)} {by.base}"


def price_proof(price: Number, base_price: Number, by: Conversion) -> str:
    """`42.00 ÷ 12 = 3.50`."""
    return f"{show(price, 2)} ÷ {by.factor} = {show(base_price, 2)}"


def total_proof(before: Number, after: Number) -> str:
    """`210.00 = 210.00`: the line is worth the same in either unit."""
    return f"{show(before, 2)} = {show(after, 2)}"
