"""Hold the state of one evaluation: the typed record, the lookups, and the values read so far."""

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

UNIT_PRICES: Final = frozenset({"price", "unit_price"})
"""Fields of a line with the price of one piece: times 0 pieces it is no amount."""

MOST_CACHED_RECORDS = 16_384

_KEPT = frozenset({"one_of", "whole", "decimal", "money", "quantity", "date"})
"""Types whose values come again and again, so that what a text was read as is kept."""

_TELLING = frozenset({"key", "family"})
"""Marks of the fields by which records and families are told apart."""

FIRST_SEEN = "!"
"""The first character that is seen: a text that is not before it begins with one like it."""

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
        # Also noted when another record asked first; else `used` would depend on the order of
        # evaluation.
        self.entries: list[tuple[Any, Any]] = []  # what was remembered: values, and what says so
        self.faults: tuple[Mapping[str, str], ...] = content.faults
        self.currency: str = content.currency
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
        # Every table has the same code: rules declare tables freely, and stored hashes include the
        # code.
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
    currency: str = ""
    """The record's own word for its currency, also where the rules do not read it."""

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The lines that rules look at; `lines` itself if none is empty."""
        if not any(row.__class__ is EmptyLine for row in self.lines):
            return self.lines
        return [row for row in self.lines if row.__class__ is not EmptyLine]


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
        self.currency = _currency_code(index, record)
        self._kept: dict[str, dict[Any, Any]] = {}
        self.quantities, self.amounts = _measures(line_fields, self.edition)
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
        read = as_currency if not prefix and field.name == self.currency else reader_of(field)
        one_line = tells and self.edition >= Edition.EIGHTH
        return FieldSlot(intern(field.name), field, read, Unknown(gap), gap, kept, tells, one_line)

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
        stated = body.get(CURRENCY)
        if stated.__class__ is str and self.edition >= Edition.EIGHTH:
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
            mapped = row.__class__ is dict or isinstance(row, Mapping)
            values: Mapping[str, object] = row if mapped else {}
            line = self._line(values, content, number)
            empty = self.quantities and self._is_empty(line)
            content.lines.append(EmptyLine(line) if empty else line)

    def _is_empty(self, line: Mapping[str, Any]) -> bool:
        """Check whether a line has 0 pieces and no amount."""
        known = [line[name] for name in self.quantities if type(line[name]) is not Unknown]
        if not known or any(known):
            return False
        return not any(line[name] for name in self.amounts if type(line[name]) is not Unknown)


class EmptyLine(dict[str, Any]):
    """A line of 0 pieces without an amount, such as a product that was sold out.

    No rule and no document sees it. It keeps its place, so that the numbers of other lines stay.
    """


def is_left_out(run: Run, row: Mapping[str, Any]) -> bool:
    """Check whether the document that is being made leaves a line of its record out."""
    bill = run.route.bill
    return bill.leaves_out(row) if bill is not None else row.__class__ is EmptyLine


def _measures(fields: Sequence[Any], edition: Edition) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the stored quantities of a line, and its stored amounts without unit prices."""
    if edition < Edition.EIGHTH:
        return (), ()
    stored = [field for field in fields if isinstance(field, Field)]
    quantities = tuple(field.name for field in stored if field.type == "quantity")
    money = (field.name for field in stored if field.type == "money")
    return quantities, tuple(name for name in money if name not in UNIT_PRICES)


def _currency_code(index: Index, record: str) -> str:
    """Return the name of the field that must hold a currency code; blank if there is none.

    A field that a map such as `currency_code` looks up may hold any word: the map says what each
    means. Another map, such as that of debtors by currency, does not.
    """
    if index.edition < Edition.EIGHTH or not stored_currency(index, record):
        return ""
    maps = (one.name for one in looked_up_in(index, record, CURRENCY))
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
    in_one_line: bool = False  # no control character, no line break: rules of edition 8

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
            if self.in_one_line and type(raw) is str and _CONTROLS.search(raw):
                raise BadValueError  # no target keeps a number of two lines as it is
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
        controls = _CONTROLS.search(raw) if isinstance(raw, str) and self.in_one_line else None
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
        if self.convert is as_currency and isinstance(raw, str) and not hidden:
            gap = replace(gap, code="VAL06")
            return replace(gap, **_explain_currency(raw))
        if self.convert is as_text and isinstance(raw, str) and len(raw) > LONGEST_TEXT:
            wrong = f"is longer than {LONGEST_TEXT} characters"
            right = f"{self.gap.rule} is shortened"
        elif hidden and isinstance(raw, str):
            wrong = f"holds {in_words(hidden)}"
            right = (
                f"{self.gap.rule} is written without it: {without_invisible(clean_text(raw[:60]))}"
            )
        elif controls is not None and isinstance(raw, str):
            wrong = f"holds a control character or a line break (U+{ord(controls[0]):04X})"
            right = (
                f"{self.gap.rule} is written without it: {' '.join(clean_text(raw[:60]).split())}"
            )
        value = f"{self.gap.rule} = {told} {wrong}."
        return replace(gap, message=f"{self.gap.message} {value}", would_pass=right)

    @property
    def _forbids_invisible(self) -> bool:
        """Whether a character that nobody sees is a fault here: in a name it may be right."""
        return self.tells or self.field.type not in _FREE


def _explain_currency(raw: str) -> dict[str, Any]:
    """Return the words of a gap about a text that is no currency code."""
    text, code = clean_text(raw[:60]), suggest_currency(raw)
    if text != text.strip():
        text = f'"{text}"'  # else it would read "MYR is no currency code; MYR?"
    asks = f"{text} is no currency code; {code}?" if code else f"{text} is no currency code."
    label = f"{text} is no currency code"
    return {
        "message": f"{asks} The source must send the code of ISO 4217.",
        "cause_label": label,
        "would_pass": f"the currency is {code}" if code else "the currency is a code such as MYR",
    }


QuickField = tuple[str, bool, Callable[[Any], Any], Unknown | None, FieldSlot]
"""What reads most values of a field: its name, whether it is a text, what was read before, what it
is where it is not there (None: the slot says), and the slot, which reads all others.
"""

RowReader = Callable[[Sequence[QuickField]], Callable[..., dict[str, Any]]]
"""What makes a function of slots that reads a header or a line, as `plainly` does."""
