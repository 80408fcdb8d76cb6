"""Hold the state of one evaluation: the typed record, the lookups, and the values read so far."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar

from grammar import nodes
from grammar.nodes import Field
from grammar.text.characters import (
    in_words,
    invisible,
    mistaken,
    shown,
    without_invisible,
)
from grammar.text.finding_codes import INTAKE_FAULTS
from grammar.text.vocabulary import Edition
from rules.facts import Bases, Conversion, Facts, Table, World, convert, literal_value
from rules.outcomes import Use
from rules.types.symbol_table import Index
from rules.values.cause_keys import (
    CauseKey,
    CauseKind,
    Gap,
    Unknown,
    join_unknowns,
    loose_key,
    spelling_differences,
)
from rules.values.kinds import LONGEST_TEXT, BadValueError, as_text, clean_text, reader_of
from rules.values.wording import mapped_clause

if TYPE_CHECKING:
    from rules.expressions.checks import SharedRead
    from rules.expressions.lists import Shares


STEPS = 400_000
"""How many list elements one evaluation may visit."""

_PLACE, _ENTRY = attrgetter("table", "key", "entry_id"), attrgetter("entry_id")

MOST_CACHED_LOOKUPS = 20_000
"""How many answers of a world are kept."""

T = TypeVar("T")

_EMPTY = Table({})

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

MOST_LINES = 10_000

MOST_CACHED_RECORDS = 16_384

_KEPT = frozenset({"one_of", "whole", "decimal", "money", "quantity", "date"})
"""Types whose values come again and again, so that what a text was read as is kept."""

_TELLING = frozenset({"key", "family"})
"""Marks of the fields by which records and families are told apart."""

FIRST_SEEN = "!"
"""The first character that is seen: a text that is not before it begins with one like it."""

_FREE = frozenset({"text", "user"})

_WRITTEN = frozenset({str, int})

_WORDS = {
    "text": "a text",
    "whole": "a whole number",
    "decimal": "a number",
    "money": "an amount",
    "quantity": "a quantity",
    "date": "a date such as 2026-11-20",
    "moment": "a moment with its zone",
    "yesno": "yes or no",
    "user": "a user",
}


class StepsError(ArithmeticError):
    """An evaluation visited more elements than it may."""


class RetreatError(Exception):
    """Rules asked in one go met an error: the record is judged again, one rule after the other."""


class Detail(NamedTuple):
    """How much of the story is told.

    `story`: whether anybody reads words: messages, values, what would pass. `whole`: whether what
    passes is told, too: its values, proofs, the lineage. `bare`: whether messages say amounts as
    bare numbers, as the first versions did, of whose words the older digests are made.
    """

    story: bool
    whole: bool
    bare: bool = False


WHOLE = Detail(story=True, whole=True)

BRIEF = Detail(story=True, whole=False)

SILENT = Detail(story=False, whole=False)

FIRST_WORDS = Detail(story=True, whole=True, bare=True)


@dataclass(slots=True)
class RouteRun:
    """What a rule may ask about the route it is judged for."""

    name: str = ""
    target: str = ""
    seq: int = 1
    number: Any = None
    day: Any = None  # the date of the document, or Unknown
    period: Any = None
    closed: date | None = None  # the day whose period is locked: its own, or an earlier document's
    bill: Shares | None = None  # what of each line this document bills
    theirs: frozenset[str] = frozenset()  # fields that the people in the target own

    @property
    def is_due(self) -> bool:
        """Whether there is something to bill; always, where nothing is billed in parts."""
        return self.bill is None or self.bill.due


Drafted: TypeAlias = tuple[Any, RouteRun]
"""A document that is made (documents/fields.py: Draft), and what was known of its route."""


class Run:
    """One evaluation. Lives as long as the call, shared with nobody."""

    __slots__ = (
        "bare",
        "clean",
        "clock",
        "conversions",
        "drafts",
        "entries",
        "facts",
        "faults",
        "head",
        "held",
        "home",
        "item",
        "line",
        "lines",
        "lookups",
        "memo",
        "now",
        "once",
        "root",
        "route",
        "row_uses",
        "seen",
        "steps",
        "stepwise",
        "story",
        "texts",
        "today",
        "uses",
        "version",
        "whole",
        "world",
    )

    def __init__(
        self, *, content: Any, facts: Facts, world: World, now: datetime, today: date
    ) -> None:
        self.head: dict[str, Any] = content.head
        self.lines: list[dict[str, Any]] = content.lines
        self.facts, self.world, self.now, self.today = facts, world, now, today
        self.line: dict[str, Any] = {}
        self.item: dict[str, Any] = {}
        self.home: Run = self  # whose row `item` is: a linked record's, inside a list of them
        self.root: Run = self  # the run that counts the steps
        self.held: dict[str, str] = dict(facts.held_of_family)  # route -> who decides about it
        self.uses: list[Use] = []
        self.row_uses: dict[tuple[int, str], tuple[Use, ...]] = {}
        self.lookups: dict[tuple[str, str], tuple[Any, Use | None]] = {}
        self.conversions: dict[tuple[str, str], tuple[Conversion | Unknown, tuple[Use, ...]]] = {}
        self.memo: dict[Any, Any] = {}
        self.texts: dict[str | tuple[str, int], str] = {}  # operands as people read them
        self.clock: set[str] = set()
        self.steps = STEPS
        self.stepwise = False  # whether each condition is asked for itself
        self.story, self.whole, self.bare = WHOLE
        self.seen: dict[str, int] = {}  # by route, what fails, where a glance saw all of it
        self.drafts: dict[str, Drafted] | None = None  # by route, where a glance makes them
        self.entries: list[tuple[Any, Any]] = []  # what was remembered: values, and what says so
        self.faults: tuple[Mapping[str, str], ...] = content.faults
        self.clean = not content.gaps  # whether every field that is not optional has a value
        self.version = 0
        self.once: SharedRead | None = None  # what it shares with another program's run
        self.route = RouteRun()

    def close(self) -> None:
        """Drop what it refers to when nobody asks any more: what refers to itself is freed late."""
        del self.home, self.root

    def spend(self, steps: int) -> None:
        """Count visited elements; too many end the evaluation of the rule that asks."""
        self.root.steps -= steps
        if self.root.steps < 0:
            raise StepsError("the rule visits too many lines")

    @property
    def long(self) -> bool:
        """Whether so much was visited that the words of the story could make the difference."""
        return STEPS - self.steps > STEPS // 200

    def all_uses(self) -> tuple[Use, ...]:
        """Every mapping and unit entry that was read, each once, in a fixed order: by table and key
        where people read them, else by id.
        """
        told = [use for _, use in self.lookups.values() if use is not None]
        entries = dict(zip(map(id, self.entries), self.entries, strict=True)).values()
        for _, uses in (*self.conversions.values(), *entries):  # most of them several times
            if uses.__class__ is tuple:
                told += uses
            elif uses is not None:  # nothing was found: another value stands in for it
                told.append(uses)
        each = dict(zip(map(id, told), told, strict=True)).values()
        found = sorted(each, key=_PLACE if self.whole else _ENTRY)
        if len(set(map(_ENTRY, found))) < len(found):  # may be one entry twice
            return tuple({_PLACE(one): one for one in found}.values())
        return tuple(found)


class Memory(Generic[T]):
    """What the last world answered, by key: it never changes, and many records ask the same.

    `seen` is that world with its answers, in one value: another thread may ask for another world.
    """

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen: tuple[World | None, dict[Any, T]] = (None, {})

    def of(self, world: World) -> dict[Any, T]:
        """The answers of this world so far."""
        of, found = self.seen
        if of is not world or len(found) >= MOST_CACHED_LOOKUPS:
            found = {}
            self.seen = (world, found)
        return found


class Lookup:
    """One declared map: how it matches, what its values are, what a miss says."""

    __slots__ = ("declared", "how", "kind", "memory", "name")

    def __init__(self, declared: nodes.Map) -> None:
        self.declared = declared
        self.name = declared.name
        self.memory: Memory[tuple[Any, Use | None]] = Memory()
        """Key -> the value, and what says so; what is not there is asked."""
        self.how = frozenset(declared.match)
        self.kind = declared.rows[0].value.kind if declared.rows else "text"

    def get(self, run: Run, key: str) -> Any:
        """The value for a key, or the Unknown that says which entry is missing."""
        at = (self.name, key)
        found = run.lookups.get(at)
        if found is None:
            memory = self.memory.of(run.world)
            found = memory.get(key)
            if found is None:
                found = memory[key] = self._find(run.world, key)
            run.lookups[at] = found
        if found[1] is not None:
            run.uses.append(found[1])
        return found[0]

    def _find(self, world: World, key: str) -> tuple[Any, Use | None]:
        table = world.maps.get(self.name) or _EMPTY
        keys = table.find(key, self.how)
        values = {table.entries[k].value for k in keys}
        if not keys:
            return self._miss(table, key), None
        if len(values) > 1:
            return self._ambiguous(keys, key), None
        hit = key if key in keys else keys[0]
        entry = table.entries[hit]
        value = literal_value(entry.value, self.kind)
        if value is None:
            return self._unreadable(key, entry.value), None
        return value, Use(self.name, hit, entry.id, entry.value)

    def _miss(self, table: Table, key: str) -> Unknown:
        label = self.declared.missing.say.replace("{key}", quote_key(key))
        near = [_near(key, known) for known in table.near(key)]
        hidden = invisible(key)
        message = f"{label} {'; '.join(near[:3])}." if near else f"{label}{_holds(hidden)}"
        meant = table.near(key)[0] if near else without_invisible(key) if hidden else ""
        clears = mapped_clause(f'"{shown(key)}"', f'"{meant}"' if meant else "")
        return Unknown(self._gap("MAP01", key, message, label, clears))

    def _ambiguous(self, keys: tuple[str, ...], key: str) -> Unknown:
        label = f'{self.name}: "{shown(key)}" has two values'
        entries = _list(tuple(f'"{shown(k)}"' for k in keys))
        message = f"{label}: the entries {entries} mean the same key."
        return Unknown(self._gap("MAP02", key, message, label, "the entries have one value"))

    def _unreadable(self, key: str, value: str) -> Unknown:
        label = f'{self.name}: the value "{value}" of "{shown(key)}" is not a {self.kind}'
        return Unknown(self._gap("MAP03", key, f"{label}.", label, f"it is a {self.kind}"))

    def _gap(self, code: str, key: str, message: str, label: str, would_pass: str) -> Gap:
        return Gap(
            kind="map",
            rule=self.name,
            code=code,
            error_class="mapping_missing",
            owner=self.declared.missing.action.role or "",
            message=message,
            cause_key=CauseKey.mapping(self.name, key),
            cause_label=label,
            would_pass=would_pass,
            span=self.declared.missing.span,
        )


class UnitTable:
    """The declared units: bases, and what a missing factor says."""

    __slots__ = ("bases", "declared", "memory")

    def __init__(self, declared: nodes.Units) -> None:
        self.declared = declared
        self.bases = Bases(declared.bases)
        self.memory: Memory[tuple[Conversion | Unknown, tuple[Use, ...]]] = Memory()
        """Unit and item -> the conversion, and what says so."""

    def get(self, run: Run, unit: str, item: str) -> Conversion | Unknown:
        """The conversion of a unit of an item to its base, or the Unknown that says it lacks."""
        at = (unit, item)
        found = run.conversions.get(at)
        if found is None:
            memory = self.memory.of(run.world)
            found = memory.get(at)
            if found is None:
                found = memory[at] = self._find(run.world, unit, item)
            run.conversions[at] = found
        run.uses.extend(found[1])
        return found[0]

    def _find(
        self, world: World, unit: str, item: str
    ) -> tuple[Conversion | Unknown, tuple[Use, ...]]:
        found = convert(unit, item, self.bases, world.units)
        if found is None:
            return Unknown(self._gap(unit, item)), ()
        uses = (
            Use("units", key, e.id, f"{e.num} {e.to}" if e.den == 1 else f"{e.num}/{e.den} {e.to}")
            for key, e in found.path
        )
        return found, tuple(uses)

    def _gap(self, unit: str, item: str) -> Gap:
        missing = self.declared.missing
        label = missing.say.replace("{uom}", shown(unit)).replace("{item}", shown(item))
        base = self.bases.of(item) or "its base unit"
        return Gap(
            kind="unit",
            rule="units",
            code="UOM01",
            error_class="mapping_missing",
            owner=missing.action.role or "",
            message=f"{label}{_holds(invisible(unit + item))}",
            cause_key=CauseKey.unit(unit, item),
            cause_label=label,
            would_pass=f"1 {shown(unit)} of {shown(item)} = … {base} is in the units table",
            span=missing.span,
        )


def quote_key(key: str) -> str:
    """A key inside a sentence: in quotes where something of it would be lost there."""
    plain = key and key == " ".join(key.split()) and not invisible(key)
    return key if plain else f'"{shown(key)}"'


def _holds(hidden: tuple[str, ...]) -> str:
    """The sentence about what nobody sees in a key, or an empty text."""
    return f" It holds {in_words(hidden)}." if hidden else ""


def _near(key: str, known: str) -> str:
    if looks := mistaken(key, known) if loose_key(key) != loose_key(known) else "":
        return f'"{shown(known)}" is known: it looks the same ({looks})'
    why = _list(spelling_differences(key, known))
    return f'"{shown(known)}" is known: it differs by {why}'


def _list(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


Closure = Callable[[Run], Any]


def constant(value: Any) -> Closure:
    """The same value for every run."""
    return lambda _: value


def apply_operator(left: Closure, right: Closure, op: Callable[[Any, Any], Any]) -> Closure:
    """An operation on two values; unknown if one of them is."""

    def both(run: Run) -> Any:
        a = left(run)
        b = right(run)
        if type(a) is Unknown or type(b) is Unknown:
            return join_unknowns(a, b)
        return op(a, b)

    return both


def apply_function(args: Sequence[Closure], function: Callable[..., Any]) -> Closure:
    """A function of several values; unknown if one of them is."""

    def apply(run: Run) -> Any:
        values = [a(run) for a in args]
        for value in values:
            if type(value) is Unknown:
                return join_unknowns(*values)
        return function(*values)

    return apply


def always_raise(message: str) -> Closure:
    """What no checked ruleset has: an error when it runs."""

    def never(_: Run) -> Any:
        raise TypeError(message)

    return never


def map_lookup(key: Closure, table: Lookup) -> Closure:
    """The value that a map gives for a key."""

    def look_up(run: Run) -> Any:
        value = key(run)
        return value if type(value) is Unknown else table.get(run, value)

    return look_up


@dataclass(slots=True)
class Content:
    """The typed values of one body; `gaps` are the holds that reading alone makes."""

    head: dict[str, Any]
    lines: list[dict[str, Any]]
    gaps: list[tuple[Gap, int | None]]
    status_word: str = ""
    too_many_lines: bool = False
    faults: tuple[Mapping[str, str], ...] = ()
    """What the connector could not read or found contradictory; each holds the record."""


class Reader:
    """Reads the bodies of one record kind."""

    def __init__(self, index: Index, record: str, rows: RowReader | None = None) -> None:
        declared, self.edition = index.records[record], index.edition
        source = index.sources.get(declared.source or "")
        self.owner = (source.missing.action.role or "") if source else ""
        self.say = source.missing.say if source else "{field} is blank or unknown."
        status, many = index.status_field(record), index.lines_field(record)
        self.status = status.name if status else ""
        self.many = many
        lines = index.line_records.get(record)
        line_fields = lines.fields if lines else ()
        self._kept: dict[str, dict[Any, Any]] = {}
        self.head = [self._slot(f, "") for f in declared.fields if isinstance(f, Field)]
        self.line = [self._slot(f, "line.") for f in line_fields if isinstance(f, Field)]
        make = rows or read_plainly
        self._head, self._line = (
            make([s.quick for s in self.head]),
            make([s.quick for s in self.line]),
        )

    def _slot(self, field: Field, prefix: str) -> FieldSlot:
        name = prefix + field.name
        message = self.say.replace("{field}", name)
        gap = Gap(
            kind="field" if field.mark == "optional" else "required",
            rule=name,
            code="MIS01",
            error_class="missing_field",
            owner=self.owner,
            message=message,
            cause_key=CauseKey(CauseKind.FIELD, name),
            cause_label=message,
            would_pass=f"{name} is filled in",
            span=field.span,
        )
        key = field.name if field.type == "one_of" else field.type
        kept = self._kept.setdefault(key, {})
        tells = field.mark in _TELLING and self.edition >= Edition.SECOND
        return FieldSlot(
            intern(field.name), field, reader_of(field), Unknown(gap), gap, kept, tells
        )

    def blank_line(self) -> dict[str, Any]:
        """A line of which nothing is known."""
        return {slot.name: slot.missing for slot in self.line}

    def read(self, body: Mapping[str, object]) -> Content:
        """The typed content of a body, whatever the body is."""
        content = Content({}, [], [])
        content.head = self._head(body, content, None)
        raw_status = body.get(self.status)
        content.status_word = raw_status if isinstance(raw_status, str) else ""
        if self.many is not None:
            self._lines(body.get(self.many.name), content)
        if INTAKE_FAULTS in body:
            content.faults = _faults(body[INTAKE_FAULTS])
        return content

    def _lines(self, raw: object, content: Content) -> None:
        if self.many is None or raw is None:
            return
        if not isinstance(raw, list | tuple):
            return
        content.too_many_lines = len(raw) > MOST_LINES
        if content.too_many_lines:
            return
        for number, row in enumerate(raw, start=1):
            mapped = row.__class__ is dict or isinstance(row, Mapping)
            values: Mapping[str, object] = row if mapped else {}
            content.lines.append(self._line(values, content, number))


def _faults(stored: object) -> tuple[Mapping[str, str], ...]:
    """Return the intake faults of a body as texts."""
    faults = stored if isinstance(stored, list) else []
    return tuple(
        {str(name): str(value) for name, value in fault.items()}
        for fault in faults
        if isinstance(fault, Mapping)
    )


def read_plainly(slots: Sequence[QuickField]) -> Callable[..., dict[str, Any]]:
    """What reads the fields one after the other."""
    return partial(_row, slots)


def _row(
    slots: Sequence[QuickField], values: Mapping[str, object], content: Content, line: int | None
) -> dict[str, Any]:
    """The fields of a header or a line. What is plain is taken at once; slots know all the rest."""
    found: dict[str, Any] = {}
    get = values.get
    for name, text, known, gone, slot in slots:
        raw = get(name)
        value: Any = None
        if raw.__class__ is str:
            if not text:
                value = known(raw)
            elif raw >= FIRST_SEEN and raw.isprintable() and len(raw) <= LONGEST_TEXT:
                value = raw
        elif raw is None:
            value = gone
        elif raw.__class__ is int:
            value = known(raw)
        found[name] = slot.read(raw, content, line) if value is None else value
    return found


@dataclass(slots=True)
class FieldSlot:
    """One stored field: how it is read, and what it is when it is not there."""

    name: str
    field: Field
    convert: Callable[[Any], Any]
    missing: Unknown
    gap: Gap
    kept: dict[Any, Any]  # what texts and whole numbers were read as before
    tells: bool  # records or families apart: no character of it may be unseen

    @property
    def quick(self) -> QuickField:
        """What reads most values without asking the slot."""
        gone = self.missing if self.gap.kind == "field" else None
        return self.name, self.convert is as_text, self.kept.get, gone, self

    def read(self, raw: object, content: Content, line: int | None) -> Any:
        """The value of what was given, or its Unknown; a gap goes to the content."""
        if raw is None or (type(raw) is str and (not raw or raw.isspace())):
            if self.gap.kind == "required":
                content.gaps.append((self.gap, line))
            return self.missing
        try:
            if self.tells and type(raw) is str and invisible(raw):
                raise BadValueError  # two numbers that look the same would be two records
            value = self.convert(raw)
            if (
                self.field.type in _KEPT
                and type(raw) in _WRITTEN
                and len(self.kept) < MOST_CACHED_RECORDS
            ):
                self.kept[raw] = value
            return value
        except (BadValueError, ValueError, ArithmeticError):
            content.gaps.append((self._bad(raw), line))
            return Unknown(replace(self.gap, kind="required"))

    def _bad(self, raw: object) -> Gap:
        """What a value that cannot be read holds the record for."""
        told = repr(raw)[:60] if not isinstance(raw, str) else f'"{shown(clean_text(raw[:60]))}"'
        hidden = invisible(raw) if isinstance(raw, str) and self._forbids_invisible else ()
        said = _WORDS.get(self.field.type, "a list")
        wrong, right = f"is not {said}", " is ".join((self.gap.rule, said))
        gap = replace(self.gap, code="VAL01", error_class="bad_value")
        if self.field.type == "one_of":
            word = clean_text(raw.strip()[:60]) if isinstance(raw, str) else told
            known = ", ".join(s.name for s in self.field.states)
            wrong, right = "is no word of the rules", f"{self.gap.rule} is one of {known}"
            # Connectors keep the source's own word, so that only the rules give it a meaning.
            gap = replace(
                gap,
                code="STA01",
                cause_key=CauseKey(CauseKind.STATUS, word),
                cause_label=f"Unknown {self.field.name} {told}",
            )
        if self.convert is as_text and isinstance(raw, str) and len(raw) > LONGEST_TEXT:
            wrong = f"is longer than {LONGEST_TEXT} characters"
            right = f"{self.gap.rule} is shortened"
        elif hidden and isinstance(raw, str):
            wrong = f"holds {in_words(hidden)}"
            right = (
                f"{self.gap.rule} is written without it: {without_invisible(clean_text(raw[:60]))}"
            )
        value = f"{self.gap.rule} = {told} {wrong}."
        return replace(gap, message=f"{self.gap.message} {value}", would_pass=right)

    @property
    def _forbids_invisible(self) -> bool:
        """Whether a character that nobody sees is a fault here: in a name it may be right."""
        return self.tells or self.field.type not in _FREE


QuickField = tuple[str, bool, Callable[[Any], Any], Unknown | None, FieldSlot]
"""What reads most values of a field: its name, whether it is a text, what was read before, what it
is where it is not there (None: the slot says), and the slot, which reads all others.
"""

RowReader = Callable[[Sequence[QuickField]], Callable[..., dict[str, Any]]]
"""What makes a function of slots that reads a header or a line, as `plainly` does."""
