"""Look-ups in maps and units, with what a missing entry says.

Here: Lookup and UnitTable with what they remember of a world, and the small closures that
expressions are made of. Not here: the run that asks (run.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from grammar import nodes as n
from grammar.text.invisible import in_words, invisible, shown, without_invisible
from grammar.text.look_alikes import mistaken
from rules.expressions.run import Run
from rules.facts.seeds import literal_value
from rules.facts.units import Bases, Conversion, convert
from rules.facts.world import Table, World
from rules.outcomes.outcome import Use
from rules.values.cause_keys import CauseKey
from rules.values.clauses import is_mapped
from rules.values.spelling import differences, loose
from rules.values.unknown import Gap, Unknown, join

MOST_KEPT = 20_000
"""How many answers of a world are kept."""
T = TypeVar("T")


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
        if of is not world or len(found) >= MOST_KEPT:
            found = {}
            self.seen = (world, found)
        return found


class Lookup:
    """One declared map: how it matches, what its values are, what a miss says."""

    __slots__ = ("declared", "how", "kind", "memory", "name")

    def __init__(self, declared: n.Map) -> None:
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
        label = self.declared.missing.say.replace("{key}", visible(key))
        near = [_near(key, known) for known in table.near(key)]
        hidden = invisible(key)
        message = f"{label} {'; '.join(near[:3])}." if near else f"{label}{_holds(hidden)}"
        meant = table.near(key)[0] if near else without_invisible(key) if hidden else ""
        clears = is_mapped(f'"{shown(key)}"', f'"{meant}"' if meant else "")
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

    def __init__(self, declared: n.Units) -> None:
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


def visible(key: str) -> str:
    """A key inside a sentence: in quotes where something of it would be lost there."""
    plain = key and key == " ".join(key.split()) and not invisible(key)
    return key if plain else f'"{shown(key)}"'


def _holds(hidden: tuple[str, ...]) -> str:
    """The sentence about what nobody sees in a key, or an empty text."""
    return f" It holds {in_words(hidden)}." if hidden else ""


def _near(key: str, known: str) -> str:
    if looks := mistaken(key, known) if loose(key) != loose(known) else "":
        return f'"{shown(known)}" is known: it looks the same ({looks})'
    why = _list(differences(key, known))
    return f'"{shown(known)}" is known: it differs by {why}'


def _list(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


_EMPTY = Table({})


Closure = Callable[[Run], Any]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def always(value: Any) -> Closure:
    """The same value for every run."""
    return lambda _: value


def binary(left: Closure, right: Closure, op: Callable[[Any, Any], Any]) -> Closure:
    """An operation on two values; unknown if one of them is."""

    def both(run: Run) -> Any:
        a = left(run)
        b = right(run)
        if type(a) is Unknown or type(b) is Unknown:
            return join(a, b)
        return op(a, b)

    return both


def applied(args: Sequence[Closure], function: Callable[..., Any]) -> Closure:
    """A function of several values; unknown if one of them is."""

    def apply(run: Run) -> Any:
        values = [a(run) for a in args]
        for value in values:
            if type(value) is Unknown:
                return join(*values)
        return function(*values)

    return apply


def never(message: str) -> Closure:
    """What no checked ruleset has: an error when it runs."""

    def never(_: Run) -> Any:
        raise TypeError(message)

    return never


def looked_up(key: Closure, table: Lookup) -> Closure:
    """The value that a map gives for a key."""

    def look_up(run: Run) -> Any:
        value = key(run)
        return value if type(value) is Unknown else table.get(run, value)

    return look_up
