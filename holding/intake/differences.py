"""What differs between two contents of a record, field by field and in people's words.

Here: what was added, removed and changed between two bodies, as paths, and how a page says it. Not
here: what it means for a posting.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from holding.words import plural
from rules.values.names import plain

LINES: Final = "lines"
HOUSEKEEPING: Final = frozenset({"updated_at", "version"})  # the source itself counts them up


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """Each difference as `name: old → new`, lines by their place; housekeeping is left out."""
    old = {name: value for name, value in (before or {}).items() if name not in HOUSEKEEPING}
    new = {name: value for name, value in (after or {}).items() if name not in HOUSEKEEPING}
    return _differences(old, new, "")


def _differences(before: Any, after: Any, path: str) -> list[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [*before, *(name for name in after if name not in before)]
        where = f"{path} " if path else ""
        pairs = [
            (before.get(n), after.get(n), f"{where}{n if n == LINES else plain(n)}") for n in names
        ]
    elif isinstance(before, list) and isinstance(after, list):
        word = "line" if path == LINES else path
        pairs = [
            (_at(before, i), _at(after, i), f"{word} {i + 1}")
            for i in range(max(len(before), len(after)))
        ]
    else:
        return [] if before == after else [f"{path}: {_short(before)} → {_short(after)}"]
    return [found for old, new, name in pairs for found in _differences(old, new, name)]


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _short(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, Mapping):
        return "a line"
    return plural(len(value), "line") if isinstance(value, list) else str(value)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs; the mark is + (new), − (gone) or ~ (other value)."""

    mark: str
    path: str
    before: str | None
    after: str | None


def difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[FieldChange, ...]:
    """Only the fields that changed, by path."""
    old, new = dict(flat(before or {})), dict(flat(after or {}))
    found = []
    for path in sorted(old.keys() | new.keys(), key=_order):
        was, now = old.get(path), new.get(path)
        if was != now:
            mark = "+" if was is None else "\u2212" if now is None else "~"
            found.append(FieldChange(mark, path, was, now))
    return tuple(found)


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value with its path: `lines[0].qty`. A missing value is none at all."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, _text(value)


def money_change(changes: Sequence[FieldChange]) -> Decimal | None:
    """By how much the total changed, where both are numbers."""
    for change in changes:
        if change.path == "total" and change.before and change.after:
            try:
                return Decimal(change.after) - Decimal(change.before)
            except InvalidOperation:
                return None
    return None


def _text(value: Any) -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    return str(value)


def _order(path: str) -> tuple[bool, str]:
    return "[" in path, path
