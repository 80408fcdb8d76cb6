"""Define the state of one evaluation: the typed record, the lookups, and the values read so far."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from grammar import nodes
from grammar.nodes import Field
from grammar.text.characters import in_words, invisible, mistaken, shown, without_invisible
from grammar.text.finding_codes import INTAKE_FAULTS
from rules.facts import Bases, Conversion, Facts, Table, World, convert, literal_value
from rules.outcomes import Use
from rules.types.symbol_table import CURRENCY, Index, looked_up_in, stored_currency
from rules.values.cause_keys import (
    CauseKey,
    CauseKind,
    Gap,
    Unknown,
    join_unknowns,
    loose_key,
    spelling_differences,
)
from rules.values.kinds import (
    LONGEST_TEXT,
    BadValueError,
    as_currency,
    as_text,
    clean_text,
    reader_of,
    suggest_currency,
)
from rules.values.wording import mapped_clause

if TYPE_CHECKING:
    from rules.expressions.checks import SharedRead
    from rules.expressions.lists import Shares


STEPS = 400_000
"""How many list elements one evaluation may visit."""

_PLACE, _ENTRY = attrgetter("table", "key", "entry_id"), attrgetter("entry_id")

MOST_CACHED_LOOKUPS = 20_000
"""How many lookups of one world are cached."""

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

UNIT_PRICES: Final = frozenset({"price", "unit_price"})
"""Fields of a line with a price per piece, which is no amount at 0 pieces."""

MOST_CACHED_RECORDS = 16_384

_CACHED_TYPES = frozenset({"one_of", "whole", "decimal", "money", "quantity", "date"})
"""Types whose values repeat, so that their conversions are cached."""

_IDENTIFYING = frozenset({"key", "family"})
"""Marks of the fields that identify records and families."""

FIRST_SEEN = "!"
"""The first visible character: a text before it begins with an invisible one."""

_FREE = frozenset({"text", "user"})

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

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
    """Raised if an evaluation visits more elements than allowed."""


class RetreatError(Exception):
    """Raised if rules that are evaluated together fail: the record is judged again, rule by
    rule.
    """


class Detail(NamedTuple):
    """Choose how much of an evaluation is described.

    `story`: whether texts are needed. `full`: whether passing rules are described too: values,
    proofs, lineage.
    """

    story: bool
    full: bool


WHOLE = Detail(story=True, full=True)

BRIEF = Detail(story=True, full=False)

SILENT = Detail(story=False, full=False)


@dataclass(slots=True)
class RouteRun:
    """The values that rules can read about the route under evaluation."""

    name: str = ""
    target: str = ""
    seq: int = 1
    number: Any = None
    day: Any = None  # the date of the document, or Unknown
    period: Any = None
    closed: date | None = (
        None  # the date with a locked period: of this document, or of an earlier one
    )
    bill: Shares | None = None  # the share of each line that this document bills
    target_owned: frozenset[str] = frozenset()  # fields that are maintained in the target

    @property
    def is_due(self) -> bool:
        """Whether there is anything to bill. Always true if the route has no partial bills."""
        return self.bill is None or self.bill.due


Drafted: TypeAlias = tuple[Any, RouteRun]
"""A draft (documents/fields.py: Draft), and the state of its route."""


class Run:
    """The state of one evaluation, for the duration of the call."""

    __slots__ = (
        "clean",
        "clock",
        "conversions",
        "currency",
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
        "shown",
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
        self.shown: list[dict[str, Any]] = content.shown
        self.facts, self.world, self.now, self.today = facts, world, now, today
        self.line: dict[str, Any] = {}
        self.item: dict[str, Any] = {}
        self.home: Run = (
            self  # the run that owns the row `item`: a linked record's inside a list of links
        )
        self.root: Run = self  # the run that counts the steps
        self.held: dict[str, str] = dict(
            facts.held_of_family
        )  # route -> team that decides about it
        self.uses: list[Use] = []
        self.row_uses: dict[tuple[int, str], tuple[Use, ...]] = {}
        self.lookups: dict[tuple[str, str], tuple[Any, Use | None]] = {}
        self.conversions: dict[tuple[str, str], tuple[Conversion | Unknown, tuple[Use, ...]]] = {}
        self.memo: dict[Any, Any] = {}
        self.texts: dict[str | tuple[str, int], str] = {}  # operands as text
        self.clock: set[str] = set()
        self.steps = STEPS
        self.stepwise = False  # whether each condition is evaluated separately
        self.story, self.whole = WHOLE
        self.seen: dict[str, int] = {}  # failed bits by route, if a glance evaluated all of it
        self.drafts: dict[str, Drafted] | None = None  # by route, if a glance builds them
        # Also recorded on a cache hit; else `used` would depend on the order of evaluation.
        self.entries: list[tuple[Any, Any]] = []  # cached lookups: (value, entries used)
        self.faults: tuple[Mapping[str, str], ...] = content.faults
        self.currency: str = content.currency
        self.clean = not content.gaps  # whether every required field has a value
        self.version = 0
        self.once: SharedRead | None = None  # shared with another program's run
        self.route = RouteRun()

    def close(self) -> None:
        """Delete the run's references to itself, which would delay its release from memory."""
        del self.home, self.root

    def spend(self, steps: int) -> None:
        """Count visited elements. Raises StepsError if the evaluation visits too many."""
        self.root.steps -= steps
        if self.root.steps < 0:
            raise StepsError("the rule visits too many lines")

    @property
    def long(self) -> bool:
        """Whether describing the visited elements could exceed the limit of steps."""
        return STEPS - self.steps > STEPS // 200

    def all_uses(self) -> tuple[Use, ...]:
        """Return all entries read, without repetition, by table and key if full, else by id."""
        uses_read = [use for _, use in self.lookups.values() if use is not None]
        entries = dict(zip(map(id, self.entries), self.entries, strict=True)).values()
        for _, entry_uses in (*self.conversions.values(), *entries):  # most of them several times
            if entry_uses.__class__ is tuple:
                uses_read += entry_uses
            elif entry_uses is not None:  # None if the entry is missing and a default replaces it
                uses_read.append(entry_uses)
        unique = dict(zip(map(id, uses_read), uses_read, strict=True)).values()
        ordered = sorted(unique, key=_PLACE if self.whole else _ENTRY)
        if len(set(map(_ENTRY, ordered))) < len(ordered):  # one entry may be loaded twice
            return tuple({_PLACE(found_use): found_use for found_use in ordered}.values())
        return tuple(ordered)


class Memory(Generic[T]):
    """Cache one world's lookups. `seen` is one value because another thread may replace it."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen: tuple[World | None, dict[Any, T]] = (None, {})

    def of(self, world: World) -> dict[Any, T]:
        """Return the cache for this world."""
        cached_world, cache = self.seen
        if cached_world is not world or len(cache) >= MOST_CACHED_LOOKUPS:
            cache = {}
            self.seen = (world, cache)
        return cache


class Lookup:
    """Look up keys in one declared map."""

    __slots__ = ("declared", "how", "kind", "memory", "name")

    def __init__(self, declared: nodes.Map) -> None:
        self.declared = declared
        self.name = declared.name
        self.memory: Memory[tuple[Any, Use | None]] = Memory()
        """Key -> (value, entry used)."""
        self.how = frozenset(declared.match)
        self.kind = declared.rows[0].value.kind if declared.rows else "text"

    def get(self, run: Run, key: str) -> Any:
        """Return the value for a key, or the Unknown of the missing entry."""
        place = (self.name, key)
        hit = run.lookups.get(place)
        if hit is None:
            memory = self.memory.of(run.world)
            hit = memory.get(key)
            if hit is None:
                hit = memory[key] = self._find(run.world, key)
            run.lookups[place] = hit
        if hit[1] is not None:
            run.uses.append(hit[1])
        return hit[0]

    def _find(self, world: World, key: str) -> tuple[Any, Use | None]:
        table = world.maps.get(self.name) or _EMPTY
        keys = table.find(key, self.how)
        values = {table.entries[k].value for k in keys}
        if not keys:
            return self._miss(table, key), None
        if len(values) > 1:
            return self._ambiguous(keys, key), None
        entry_key = key if key in keys else keys[0]
        entry = table.entries[entry_key]
        value = literal_value(entry.value, self.kind)
        if value is None:
            return self._unreadable(key, entry.value), None
        return value, Use(self.name, entry_key, entry.id, entry.value)

    def _miss(self, table: Table, key: str) -> Unknown:
        label = self.declared.missing.say.replace("{key}", quote_key(key))
        near_texts = [_near_text(key, candidate) for candidate in table.near(key)]
        hidden = invisible(key)
        message = (
            f"{label} {'; '.join(near_texts[:3])}."
            if near_texts
            else f"{label}{_invisible_text(hidden)}"
        )
        suggestion = table.near(key)[0] if near_texts else without_invisible(key) if hidden else ""
        clears = mapped_clause(f'"{shown(key)}"', f'"{suggestion}"' if suggestion else "")
        # Every table has the same code: rules declare tables freely, and stored hashes include the
        # code.
        return Unknown(self._gap("MAP01", key, message, label, clears))

    def _ambiguous(self, keys: tuple[str, ...], key: str) -> Unknown:
        label = f'{self.name}: "{shown(key)}" has two values'
        entries = _join_and(tuple(f'"{shown(k)}"' for k in keys))
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
    """Look up unit conversions in the declared units."""

    __slots__ = ("bases", "declared", "memory")

    def __init__(self, declared: nodes.Units) -> None:
        self.declared = declared
        self.bases = Bases(declared.bases)
        self.memory: Memory[tuple[Conversion | Unknown, tuple[Use, ...]]] = Memory()
        """(unit, item) -> (conversion, entries used)."""

    def get(self, run: Run, unit: str, item: str) -> Conversion | Unknown:
        """Return the conversion of an item's unit to its base unit, or the Unknown without it."""
        place = (unit, item)
        hit = run.conversions.get(place)
        if hit is None:
            memory = self.memory.of(run.world)
            hit = memory.get(place)
            if hit is None:
                hit = memory[place] = self._find(run.world, unit, item)
            run.conversions[place] = hit
        run.uses.extend(hit[1])
        return hit[0]

    def _find(
        self, world: World, unit: str, item: str
    ) -> tuple[Conversion | Unknown, tuple[Use, ...]]:
        conversion = convert(unit, item, self.bases, world.units)
        if conversion is None:
            return Unknown(self._gap(unit, item)), ()
        uses = (
            Use("units", key, e.id, f"{e.num} {e.to}" if e.den == 1 else f"{e.num}/{e.den} {e.to}")
            for key, e in conversion.path
        )
        return conversion, tuple(uses)

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
            message=f"{label}{_invisible_text(invisible(unit + item))}",
            cause_key=CauseKey.unit(unit, item),
            cause_label=label,
            would_pass=f"1 {shown(unit)} of {shown(item)} = … {base} is in the units table",
            span=missing.span,
        )


def quote_key(key: str) -> str:
    """Return a key for use in a sentence, in quotes if spaces or invisible characters would be
    lost.
    """
    plain = key and key == " ".join(key.split()) and not invisible(key)
    return key if plain else f'"{shown(key)}"'


def _invisible_text(hidden: tuple[str, ...]) -> str:
    """Return the sentence about invisible characters in a key, or an empty text."""
    return f" It holds {in_words(hidden)}." if hidden else ""


def _near_text(key: str, known_key: str) -> str:
    if looks := mistaken(key, known_key) if loose_key(key) != loose_key(known_key) else "":
        return f'"{shown(known_key)}" is known: it looks the same ({looks})'
    why = _join_and(spelling_differences(key, known_key))
    return f'"{shown(known_key)}" is known: it differs by {why}'


def _join_and(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


Closure = Callable[[Run], Any]


def constant(value: Any) -> Closure:
    """Return a closure with one value for every run."""
    return lambda _: value


def apply_operator(
    left_closure: Closure, right_closure: Closure, op: Callable[[Any, Any], Any]
) -> Closure:
    """Return the closure of an operation on two values; Unknown if either is unknown."""

    def apply(run: Run) -> Any:
        a = left_closure(run)
        b = right_closure(run)
        if type(a) is Unknown or type(b) is Unknown:
            return join_unknowns(a, b)
        return op(a, b)

    return apply


def apply_function(args: Sequence[Closure], function: Callable[..., Any]) -> Closure:
    """Return the closure of a function of several values; Unknown if any value is."""

    def apply(run: Run) -> Any:
        values = [a(run) for a in args]
        for value in values:
            if type(value) is Unknown:
                return join_unknowns(*values)
        return function(*values)

    return apply


def always_raise(message: str) -> Closure:
    """Return a closure that raises TypeError. No checked rule set runs it."""

    def never(_: Run) -> Any:
        raise TypeError(message)

    return never


def map_lookup(key: Closure, table: Lookup) -> Closure:
    """Return the closure of a map lookup."""

    def look_up(run: Run) -> Any:
        value = key(run)
        return value if type(value) is Unknown else table.get(run, value)

    return look_up


@dataclass(slots=True)
class Content:
    """The typed values of one body; `gaps` are the holds from reading alone."""

    head: dict[str, Any]
    lines: list[dict[str, Any]]
    gaps: list[tuple[Gap, int | None]]
    status_word: str = ""
    too_many_lines: bool = False
    faults: tuple[Mapping[str, str], ...] = ()
    """Intake faults: what the connector could not read or found contradictory. Each holds the
    record.
    """
    currency: str = ""
    """The record's own word for its currency, even if the rules do not read it."""

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The lines that rules see; `lines` itself if none is empty."""
        if not any(row.__class__ is EmptyLine for row in self.lines):
            return self.lines
        return [row for row in self.lines if row.__class__ is not EmptyLine]


class Reader:
    """Read the bodies of one record kind."""

    def __init__(self, index: Index, record: str, rows: RowReader | None = None) -> None:
        declared = index.records[record]
        source = index.sources.get(declared.source or "")
        self.owner = (source.missing.action.role or "") if source else ""
        self.say = source.missing.say if source else "{field} is blank or unknown."
        status, list_field = index.status_field(record), index.lines_field(record)
        self.status = status.name if status else ""
        self.many = list_field
        lines = index.line_records.get(record)
        line_fields = lines.fields if lines else ()
        self.currency = _currency_code(index, record)
        self._caches: dict[str, dict[Any, Any]] = {}
        self.quantities, self.amounts = _measures(line_fields)
        self.head = [self._slot(f, "") for f in declared.fields if isinstance(f, Field)]
        self.line = [self._slot(f, "line.") for f in line_fields if isinstance(f, Field)]
        make_reader = rows or read_plainly
        self._head, self._line = (
            make_reader([s.quick for s in self.head]),
            make_reader([s.quick for s in self.line]),
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
        cache = self._caches.setdefault(key, {})
        is_identifying = field.mark in _IDENTIFYING
        convert = as_currency if not prefix and field.name == self.currency else reader_of(field)
        return FieldSlot(
            intern(field.name),
            field,
            convert,
            Unknown(gap),
            gap,
            cache,
            is_identifying,
        )

    def blank_line(self) -> dict[str, Any]:
        """Return a line whose fields are all missing."""
        return {slot.name: slot.missing for slot in self.line}

    def read(self, body: Mapping[str, object]) -> Content:
        """Return the typed content of a body of any shape."""
        content = Content({}, [], [])
        content.head = self._head(body, content, None)
        raw_status = body.get(self.status)
        content.status_word = raw_status if isinstance(raw_status, str) else ""
        if self.many is not None:
            self._lines(body.get(self.many.name), content)
        if INTAKE_FAULTS in body:
            content.faults = _faults(body[INTAKE_FAULTS])
        stated = body.get(CURRENCY)
        if stated.__class__ is str:
            content.currency = stated
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
            is_mapping = row.__class__ is dict or isinstance(row, Mapping)
            values: Mapping[str, object] = row if is_mapping else {}
            line = self._line(values, content, number)
            empty = self.quantities and self._is_empty(line)
            content.lines.append(EmptyLine(line) if empty else line)

    def _is_empty(self, line: Mapping[str, Any]) -> bool:
        """Check whether a line has 0 pieces and no amount."""
        quantities = [line[name] for name in self.quantities if type(line[name]) is not Unknown]
        if not quantities or any(quantities):
            return False
        return not any(line[name] for name in self.amounts if type(line[name]) is not Unknown)


class EmptyLine(dict[str, Any]):
    """Represent a line of 0 pieces without an amount. It is skipped but keeps its number."""


def is_left_out(run: Run, row: Mapping[str, Any]) -> bool:
    """Check whether the document being built omits a line of its record."""
    bill = run.route.bill
    return bill.leaves_out(row) if bill is not None else row.__class__ is EmptyLine


def _measures(fields: Sequence[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the stored quantities of a line, and its stored amounts without unit prices."""
    stored = [field for field in fields if isinstance(field, Field)]
    quantities = tuple(field.name for field in stored if field.type == "quantity")
    money = (field.name for field in stored if field.type == "money")
    return quantities, tuple(name for name in money if name not in UNIT_PRICES)


def _currency_code(index: Index, record: str) -> str:
    """Return the name of the field that must hold a currency code; blank if there is none.

    A field that a map such as `currency_code` looks up may hold any word, since the map defines its
    meaning. Another map, such as debtors by currency, does not.
    """
    if not stored_currency(index, record):
        return ""
    maps = (lookup.name for lookup in looked_up_in(index, record, CURRENCY))
    return "" if any(name.startswith(CURRENCY) for name in maps) else CURRENCY


def _faults(stored: object) -> tuple[Mapping[str, str], ...]:
    """Return the intake faults of a body as texts."""
    faults = stored if isinstance(stored, list) else []
    return tuple(
        {str(name): str(value) for name, value in fault.items()}
        for fault in faults
        if isinstance(fault, Mapping)
    )


def read_plainly(slots: Sequence[QuickField]) -> Callable[..., dict[str, Any]]:
    """Return a function that reads the fields one after the other."""
    return partial(_row, slots)


def _row(
    slots: Sequence[QuickField], values: Mapping[str, object], content: Content, line: int | None
) -> dict[str, Any]:
    """Return the fields of a header or a line; slots convert all values that are not plain."""
    row: dict[str, Any] = {}
    get = values.get
    for name, text, cached, missing, slot in slots:
        raw = get(name)
        value: Any = None
        if raw.__class__ is str:
            if not text:
                value = cached(raw)
            elif raw >= FIRST_SEEN and raw.isprintable() and len(raw) <= LONGEST_TEXT:
                value = raw
        elif raw is None:
            value = missing
        elif raw.__class__ is int:
            value = cached(raw)
        row[name] = slot.read(raw, content, line) if value is None else value
    return row


@dataclass(slots=True)
class FieldSlot:
    """Describe one stored field: how it is read, and its value if it is missing."""

    name: str
    field: Field
    convert: Callable[[Any], Any]
    missing: Unknown
    gap: Gap
    cache: dict[Any, Any]  # converted texts and whole numbers
    is_identifying: bool  # identifies records: no invisible or control character, no line break

    @property
    def quick(self) -> QuickField:
        """The tuple that reads most values without the slot."""
        missing = self.missing if self.gap.kind == "field" else None
        return self.name, self.convert is as_text, self.cache.get, missing, self

    def read(self, raw: object, content: Content, line: int | None) -> Any:
        """Return the value, or its Unknown. Add a gap to the content if it is missing or
        invalid.
        """
        if raw is None or (type(raw) is str and (not raw or raw.isspace())):
            if self.gap.kind == "required":
                content.gaps.append((self.gap, line))
            return self.missing
        try:
            if self.is_identifying and type(raw) is str and invisible(raw):
                raise BadValueError  # two numbers that look the same would be two records
            if self.is_identifying and type(raw) is str and _CONTROLS.search(raw):
                raise BadValueError  # no target keeps a number of two lines as it is
            value = self.convert(raw)
            if (
                self.field.type in _CACHED_TYPES
                and type(raw) in _WRITTEN
                and len(self.cache) < MOST_CACHED_RECORDS
            ):
                self.cache[raw] = value
            return value
        except (BadValueError, ValueError, ArithmeticError):
            content.gaps.append((self._invalid_gap(raw), line))
            return Unknown(replace(self.gap, kind="required"))

    def _invalid_gap(self, raw: object) -> Gap:
        """Return the gap of a value that cannot be read."""
        shown_value = (
            repr(raw)[:60] if not isinstance(raw, str) else f'"{shown(clean_text(raw[:60]))}"'
        )
        hidden = invisible(raw) if isinstance(raw, str) and self._forbids_invisible else ()
        controls = _CONTROLS.search(raw) if isinstance(raw, str) and self.is_identifying else None
        type_words = _WORDS.get(self.field.type, "a list")
        fault, remedy = f"is not {type_words}", " is ".join((self.gap.rule, type_words))
        gap = replace(self.gap, code="VAL01", error_class="bad_value")
        if self.field.type == "one_of":
            word = clean_text(raw.strip()[:60]) if isinstance(raw, str) else shown_value
            state_names = ", ".join(s.name for s in self.field.states)
            fault, remedy = "is no word of the rules", f"{self.gap.rule} is one of {state_names}"
            # Connectors keep the source's own word, so that only the rules give it a meaning.
            gap = replace(
                gap,
                code="STA01",
                cause_key=CauseKey(CauseKind.STATUS, word),
                cause_label=f"Unknown {self.field.name} {shown_value}",
            )
        if self.convert is as_currency and isinstance(raw, str) and not hidden:
            gap = replace(gap, code="VAL06")
            return replace(gap, **_explain_currency(raw))
        if self.convert is as_text and isinstance(raw, str) and len(raw) > LONGEST_TEXT:
            fault = f"is longer than {LONGEST_TEXT} characters"
            remedy = f"{self.gap.rule} is shortened"
        elif hidden and isinstance(raw, str):
            fault = f"holds {in_words(hidden)}"
            remedy = (
                f"{self.gap.rule} is written without it: {without_invisible(clean_text(raw[:60]))}"
            )
        elif controls is not None and isinstance(raw, str):
            fault = f"holds a control character or a line break (U+{ord(controls[0]):04X})"
            remedy = (
                f"{self.gap.rule} is written without it: {' '.join(clean_text(raw[:60]).split())}"
            )
        value = f"{self.gap.rule} = {shown_value} {fault}."
        return replace(gap, message=f"{self.gap.message} {value}", would_pass=remedy)

    @property
    def _forbids_invisible(self) -> bool:
        """Whether an invisible character is a fault. In a name it may be correct."""
        return self.is_identifying or self.field.type not in _FREE


def _explain_currency(raw: str) -> dict[str, Any]:
    """Return the words of a gap about a text that is no currency code."""
    text, code = clean_text(raw[:60]), suggest_currency(raw)
    if text != text.strip():
        text = f'"{text}"'  # else it would read "MYR is no currency code; MYR?"
    problem = f"{text} is no currency code; {code}?" if code else f"{text} is no currency code."
    label = f"{text} is no currency code"
    return {
        "message": f"{problem} The source must send the code of ISO 4217.",
        "cause_label": label,
        "would_pass": f"the currency is {code}" if code else "the currency is a code such as MYR",
    }


QuickField = tuple[str, bool, Callable[[Any], Any], Unknown | None, FieldSlot]
"""What reads most values of a field: name, whether it is a text, the cache lookup, the value if
missing (None: the slot decides), and the slot for all others.
"""

RowReader = Callable[[Sequence[QuickField]], Callable[..., dict[str, Any]]]
"""Makes a function from slots that reads a header or a line, as `read_plainly` does."""
