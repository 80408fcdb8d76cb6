"""Two contents of a record, field by field.

Here: what was added, removed and changed between two bodies, as paths. Not here: what it means for
a posting.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any


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
