"""What an evaluation may look at besides the record: the world, and the facts of this one record.

Here: World (mappings, units, targets; built once, reused for many records) and Facts (one record's
history, postings, releases). Not here: how any of it is gathered, or what it means to a rule.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from operator import attrgetter

from rules.values.canonical import Plain, moment_text, plain, revive
from rules.values.near_spellings import NearSpellings
from rules.values.posting_states import PostingState
from rules.values.read_only import read_only
from rules.values.spelling import fold


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
        """What 1 of a unit is in the base unit; None where the target does not have the unit."""
        if unit in self.rates:
            return Fraction(*self.rates[unit])
        return Fraction(1) if unit == self.base else None


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is known of a target: its period lock, the codes it lists, the units of its items, and
    how it rounds (a word of `Target.rounding` in the rules, or another that it said).

    What is left out, or a blank rounding, is not told, which is no statement about it. `confirmed`
    are rates of ours that people confirmed: `CTN|TEA-1` -> (base unit, num, den); None: not asked.
    """

    known: bool
    locked_through: date | None = None
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    items: Mapping[str, ItemUnits] = field(default_factory=dict)
    rounding: str = ""
    confirmed: Mapping[str, tuple[str, int, int]] | None = None


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


LINES, WHOLE = "lines", "document"  # what a target edit names where it is no single field
NOTHING, VOID = "nothing", "void"  # what the target then has


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
    `taken_back`: documents of the family that were posted and are not any more.
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

    @property
    def usual(self) -> bool:
        """Whether nothing is told but when it came, as of most records that are new."""
        return self is nothing_but(self.first_seen) or bool(_REST(self) == _USUAL_REST)

    def to_json(self) -> dict[str, Plain]:
        """Plain JSON of all that is not as it is without it: of most records there is little."""
        if self.usual:
            return {"first_seen": moment_text(self.first_seen)}
        told = [(name, getattr(self, name)) for name in self.__slots__]
        return {k: plain(v) for k, v in told if v != getattr(_USUAL, k)}

    @staticmethod
    def from_json(value: Plain) -> Facts:
        """The facts whose to_json this is; what it leaves out is as it usually is."""
        facts: Facts = revive(Facts, value)
        return facts


@lru_cache(maxsize=256)  # a delivery brings many records at one moment
def nothing_but(first_seen: datetime) -> Facts:
    """The facts of a record of which nothing is told but when it came."""
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
        """The keys that match; more than one with different values means ambiguous."""
        if how <= {"exact"}:
            return (key,) if key in self.entries else ()
        index = self._folded.get(how)
        if index is None:
            index = {}
            for k in sorted(self.entries):
                index.setdefault(fold(k, how), []).append(k)
            self._folded[how] = index
        return tuple(index.get(fold(key, how), ()))

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
        """The world of these entries; indexes are made once, at first use."""
        tables = {name: Table(entries) for name, entries in maps.items()}
        dated = tuple(sorted(later, key=lambda one: (one.day, one.table, one.key)))
        return World(revision, tables, dict(units), dict(targets), dated)

    def at(self, day: date) -> World:
        """The world as records of this day look it up; the same object for all days alike."""
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
