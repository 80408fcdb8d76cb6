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

LINES, WHOLE = "lines", "document"  # what a target edit names if it is not a single field

NOTHING, VOID = "nothing", "void"  # what the target contains then


@read_only(frozen=True, slots=True)
class Subject:
    """Identify the judged content: one version of one record."""

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
    """Set the entry of a key from a day on; `table` is blank for a unit."""

    day: date
    table: str
    key: str
    entry: Entry | UnitEntry


@dataclass(frozen=True, slots=True)
class ItemUnits:
    """Define a target's units of one item: 1 of a unit is num/den of its base unit."""

    base: str
    rates: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def rate(self, unit: str) -> Fraction | None:
        """Return 1 of a unit in the base unit, or None if the target does not have the unit."""
        if unit in self.rates:
            return Fraction(*self.rates[unit])
        return Fraction(1) if unit == self.base else None


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target's known state: its period lock, the codes that it lists, its items' units, and
    its rounding method (a word of `Target.rounding` in the rules, or the target's own word).

    A missing key or a blank rounding means that the target did not report it. `confirmed` are
    conversion rates that people confirmed: `CTN|TEA-1` -> (base unit, num, den); None if
    confirmation is not required. `tax_rates` are the rates of the target's tax codes: 0.1 is 10%.
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
    """Describe one posting of this record; content = {"fields", "lines", "amount"} of the target's
    document; older facts lack the amount.

    `body` may be omitted if the posted version is the judged version.
    """

    route: str
    seq: int
    state: PostingState
    number: str
    version: int
    content: Mapping[str, object] | None = None
    body: Mapping[str, object] | None = None  # the record as posted, if it differs now
    billed: Mapping[str, Decimal] = field(
        default_factory=dict
    )  # line key -> quantity of this posting
    e_invoice_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TargetEdit:
    """Describe a field of a posting that was changed in the target; `line` counts from 1.

    `field` may be LINES, if lines were added or removed (`shows` is their number now), or WHOLE.
    """

    route: str
    seq: int
    line: int | None
    field: str
    shows: str


@dataclass(frozen=True, slots=True)
class TargetDocument:
    """Identify a live document of another record that may have an equal number."""

    route: str
    number: str
    fields: Mapping[str, str]
    record: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Describe a doubt about the record's identity: its `mine` against `others`.

    `what`: number (one id with another number than before), id (one number with several ids) or
    company.
    """

    what: str
    mine: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dated:
    """Set another date for a document of this date. `by` is the person who set it."""

    instead_of: date
    day: date
    by: str


@read_only(frozen=True, slots=True)
class Facts:
    """All inputs of a record's evaluation outside its body.

    `billed`: route -> line key -> quantity, else summed over its live postings; `held_of_family`:
    the team that decides about another record's posting; `taken_back`: documents of the family that
    were posted and then reversed. `stored_otherwise`: what the target stored otherwise than it was
    sent, without an edit by a user. `barred`: route or target -> why no document may be posted
    there (rules/decisions/barred_documents.py).
    """

    first_seen: datetime
    last_editor: str | None = None
    history: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    documents: tuple[TargetDocument, ...] = ()
    postings: tuple[PostingFact, ...] = ()
    releases: frozenset[tuple[str, str]] = frozenset()  # route and rule
    edits_released: frozenset[tuple[str, int]] = frozenset()  # route and seq of a document
    documents_of_family: Mapping[str, str] = field(default_factory=dict)
    held_of_family: Mapping[str, str] = field(default_factory=dict)  # route -> team that decides
    days_of_family: Mapping[str, date] = field(default_factory=dict)  # the earliest per route
    taken_back: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # route -> numbers
    links: Mapping[str, tuple[Mapping[str, object], ...]] = field(default_factory=dict)
    billed: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    target_edited: tuple[TargetEdit, ...] = ()
    stored_otherwise: tuple[TargetEdit, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    first: Mapping[str, object] | None = None  # the record as first received, if it differs now
    dated: Mapping[str, Dated] = field(default_factory=dict)  # route -> the date that a person set
    e_invoice_issuer: str = "us"  # issuer of the sale's e-Invoice: us, platform or unknown
    barred: Mapping[str, str] = field(default_factory=dict)

    @property
    def usual(self) -> bool:
        """Whether the facts hold only the first-seen moment, as for most new records."""
        return self is facts_of_new_record(self.first_seen) or bool(_REST(self) == _USUAL_REST)

    def to_json(self) -> dict[str, Plain]:
        """Return plain JSON of the fields that differ from their defaults."""
        if self.usual:
            return {"first_seen": moment_text(self.first_seen)}
        values = [(name, getattr(self, name)) for name in self.__slots__]
        return {k: plain(v) for k, v in values if v != getattr(_USUAL, k)}

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
    """Find the entries of one mapping table by any matching method."""

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
        """Return known keys that differ only by case, spaces or special characters, then those that
        only look identical.
        """
        return self._near.near(key)


@dataclass(frozen=True, slots=True)
class World:
    """The mappings, units and targets at one revision. Immutable; share it between evaluations.

    `maps` and `units` are in force before the first day of `later` (ordered by day); a record uses
    the world of its own day (`at`).
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
        in_order = tuple(sorted(later, key=lambda entry: (entry.day, entry.table, entry.key)))
        return World(revision, tables, dict(units), dict(targets), in_order)

    def at(self, day: date) -> World:
        """Return the world that is in force on a day; days with equal entries share one object."""
        count = bisect_right(self.later, day, key=lambda entry: entry.day) if self.later else 0
        if not count:
            return self
        world = self._days.get(count)
        if world is None:
            world = self._days[count] = self._after(self.later[:count])
        return world

    def _after(self, changes: Sequence[Later]) -> World:
        units, maps = dict(self.units), dict(self.maps)
        changed: dict[str, dict[str, Entry]] = {}
        for change in changes:
            if isinstance(change.entry, UnitEntry):
                units[change.key] = change.entry
            else:
                changed.setdefault(change.table, {})[change.key] = change.entry
        for name, entries in changed.items():
            maps[name] = Table({**(maps[name].entries if name in maps else {}), **entries})
        return replace(self, maps=maps, units=units, later=())


@dataclass(slots=True)
class Seeds:
    """Collect entries by table, unit factors by key, and the problems in the files."""

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
    seeds = Seeds()
    for table in ruleset.maps:
        rows = seeds.maps.setdefault(table.name, {})
        kind = table.rows[0].value.kind if table.rows else "text"
        values_by_key: dict[str, str] = {}
        for row in _map_rows(table, files, seeds):
            problem = _row_problem(row, table, values_by_key, kind)
            if problem is not None:
                seeds.problems.append(problem)
            else:
                values_by_key[_folded_key(row.key, table)] = row.value
                rows.setdefault(row.key, row.value)
    for units in ruleset.units:
        for unit_row in units.rows:
            _add_unit(seeds, unit_row)
        if units.csv:
            _add_unit_file(seeds, units, files)
    return seeds


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    value: str
    span: Span
    where: str = ""  # the CSV line as a prefix of the message, because spans point into rule files


def _map_rows(table: nodes.Map, files: Mapping[str, str], seeds: Seeds) -> Iterator[_Row]:
    for row in table.rows:
        yield _Row(row.key, literal_text(row.value), row.span)
    if table.csv is None:
        return
    text = _find_file(files, table.csv.path)
    if text is None:
        message = f"the file {table.csv.path} of map '{table.name}' was not given"
        hint = "Put it beside the rule files, at this path."
        seeds.problems.append(Problem("MAP10", message, hint, table.csv.span, "warning"))
        return
    yield from _csv_rows(table.csv, text, seeds)


def _csv_rows(declared: nodes.Csv, text: str, seeds: Seeds) -> Iterator[_Row]:
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    columns = rows.fieldnames or ()
    for column in (declared.from_column, declared.to_column):
        if column not in columns:
            message = f"{declared.path} has no column '{column}'"
            hint = f"Its columns are: {', '.join(columns)}."
            seeds.problems.append(Problem("MAP11", message, hint, declared.span))
            return
    for cells in rows:
        key = cells.get(declared.from_column) or ""
        value = cells.get(declared.to_column) or ""
        if key.strip() and value.strip():
            yield _Row(key, value, declared.span, f"{declared.path}:{rows.line_num}: ")


def _folded_key(key: str, table: nodes.Map) -> str:
    return fold_key(key, table.match)


def _row_problem(
    row: _Row, table: nodes.Map, values_by_key: Mapping[str, str], kind: str
) -> Problem | None:
    """Return why a row cannot be an entry of its map, or None."""
    earlier_value = values_by_key.get(_folded_key(row.key, table))
    if earlier_value is not None and earlier_value != row.value:
        message = f"{row.where}\"{row.key}\" of map '{table.name}' has two values"
        return Problem(
            "MAP12", message, f'It is "{earlier_value}" above: keep one of them.', row.span
        )
    if literal_value(row.value, kind) is None:
        message = f"{row.where}\"{row.value}\" of map '{table.name}' is not a {kind}"
        return Problem("MAP13", message, "All values of a map are of one kind.", row.span)
    return None


def _add_unit(seeds: Seeds, row: nodes.UnitRow) -> None:
    key = f"{row.unit}|{row.item}" if row.item else row.unit
    if row.count <= 0 or row.base_count <= 0:
        message = f"the factor of {row.unit} is not above zero"
        seeds.problems.append(Problem("UOM04", message, "Write how many there are.", row.span))
        return
    factor = Fraction(row.base_count) / Fraction(row.count)
    seeds.units.setdefault(key, (factor.numerator, factor.denominator, row.base_unit))


def _add_unit_file(seeds: Seeds, units: nodes.Units, files: Mapping[str, str]) -> None:
    text = _find_file(files, units.csv or "")
    if text is None:
        message, hint = f"the file {units.csv} was not given", "Put it beside the rule files."
        seeds.problems.append(Problem("MAP10", message, hint, units.span, "warning"))
        return
    for cells in csv.DictReader(io.StringIO(text.lstrip("\ufeff"))):
        count = literal_value(cells.get("count") or "1", "number")
        base_count = literal_value(cells.get("base_count") or "", "number")
        unit, base = (cells.get("unit") or "").strip(), (cells.get("base_unit") or "").strip()
        if count is None or base_count is None or not unit or not base:
            hint = "A row has item (or blank), count, unit, base_count, base_unit."
            problem = Problem("MAP11", f"{units.csv}: a row is incomplete", hint, units.span)
            seeds.problems.append(problem)
            continue
        item = (cells.get("item") or "").strip() or None
        _add_unit(seeds, nodes.UnitRow(count, unit, item, base_count, base, units.span))


def _find_file(files: Mapping[str, str], path: str) -> str | None:
    """Return the text of a declared path, or of a longer path that ends in it."""
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
        digits = word.removesuffix("%") if kind == "percent" else word
        value = Decimal(digits) if _NUMBER.fullmatch(digits) else None
        return value / 100 if value is not None and digits != word else value
    if kind == "yes_no":
        return {"yes": True, "no": False}.get(word)
    try:
        return date.fromisoformat(word) if kind == "date" else text
    except ValueError:
        return None


def literal_text(value: nodes.Literal) -> str:
    """Return a literal as the text that a mapping entry stores."""
    content = value.value
    if isinstance(content, Decimal):
        return f"{number_text(content * 100)}%" if value.kind == "percent" else format(content, "f")
    if isinstance(content, bool):
        return "yes" if content else "no"
    return content if isinstance(content, str) else str(content)


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
        """The factor as text."""
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
    """Return the exact conversion of a unit to the item's base unit. The item's own rows take
    precedence.

    None if a step is missing: a missing factor is never 1.
    """
    base = bases.of(item)
    num, den = 1, 1
    path: list[tuple[str, UnitEntry]] = []
    current = unit
    while current != base:
        key, entry = _find_entry(current, item, entries)
        if (
            entry is None
            or base is None
            or len(path) == LONGEST_CHAIN
            or min(entry.num, entry.den) < 1
        ):
            return None
        path.append((key, entry))
        num, den, current = num * entry.num, den * entry.den, entry.to
        if num.bit_length() > BITS or den.bit_length() > BITS:
            return None
    factor = Fraction(num, den)
    return Conversion(unit, base, factor.numerator, factor.denominator, tuple(path))


def _find_entry(
    unit: str, item: str, entries: Mapping[str, UnitEntry]
) -> tuple[str, UnitEntry | None]:
    """Return the key and the entry that convert a unit: the item's own entry, else the general one.

    The entry is None if there is neither.
    """
    item_key = f"{unit}|{item}"
    entry = entries.get(item_key)
    return (item_key, entry) if entry is not None else (unit, entries.get(unit))


@dataclass(frozen=True, slots=True)
class Clash:
    """Describe how a target counts an item differently: the unit, and whether the target has that
    unit.

    `text` is the target's conversion for people: `1 CTN = 24 PCS`, or `no PCS, only BOX, CTN`.
    """

    unit: str
    has_unit: bool
    text: str


def find_unit_clash(source: Conversion, posted: Conversion, set_up: ItemUnits) -> Clash | None:
    """Return how a target's item units differ from the factors of the rules, or None.

    The posted unit must be one of the item's units. An unposted unit that the target lacks is no
    difference.
    """
    posted_rate = set_up.rate(posted.unit)
    if posted_rate is None:
        units = ", ".join(dict.fromkeys((set_up.base, *sorted(set_up.rates))))
        return Clash(posted.unit, has_unit=False, text=f"no {posted.unit}, only {units}")
    rule_rate = Fraction(posted.num, posted.den)
    base_rate = set_up.rate(posted.base)
    if base_rate is not None and posted_rate / base_rate != rule_rate:
        return _other_rate(posted.unit, posted_rate / base_rate, posted.base)
    source_rate = set_up.rate(source.unit)
    if (
        source_rate is not None
        and source_rate / posted_rate != Fraction(source.num, source.den) / rule_rate
    ):
        return _other_rate(source.unit, source_rate / posted_rate, posted.unit)
    return None


def _other_rate(unit: str, rate: Fraction, base: str) -> Clash:
    return Clash(unit, has_unit=True, text=f"1 {unit} = {show(simplify(rate))} {base}")


def quantity_proof(quantity: Number, pieces: Number, conversion: Conversion) -> str:
    """Return the proof of a quantity: `5 CTN × 12 = 60 PCS`."""
    return (
        f"{show(quantity)} {conversion.unit} × {conversion.factor} = {show(pieces)} "
        f"{conversion.base}"
    )


def price_proof(price: Number, base_price: Number, conversion: Conversion) -> str:
    """Return the proof of a price: `42.00 ÷ 12 = 3.50`."""
    return f"{show(price, 2)} ÷ {conversion.factor} = {show(base_price, 2)}"


def total_proof(before: Number, after: Number) -> str:
    """Return the proof that a line has one total in both units: `210.00 = 210.00`."""
    return f"{show(before, 2)} = {show(after, 2)}"
