"""What differs between two contents of a record, in people's words.

Here: one comparison, field by field. Not here: which differences matter (rules).
"""

from collections.abc import Mapping
from typing import Any, Final

from holding.words import plural

HOUSEKEEPING: Final = frozenset({"updated_at", "version"})  # the source counts them up by itself


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """Each difference as `name old → new`, lines by their place; housekeeping is left out."""
    old = {name: value for name, value in (before or {}).items() if name not in HOUSEKEEPING}
    new = {name: value for name, value in (after or {}).items() if name not in HOUSEKEEPING}
    return _differences(old, new, "")


def _differences(before: Any, after: Any, path: str) -> list[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [*before, *(name for name in after if name not in before)]
        dot = f"{path}." if path else ""
        pairs = [(before.get(name), after.get(name), f"{dot}{name}") for name in names]
    elif isinstance(before, list) and isinstance(after, list):
        word = "line" if path == "lines" else path
        pairs = [
            (_at(before, i), _at(after, i), f"{word} {i + 1}")
            for i in range(max(len(before), len(after)))
        ]
    else:
        return [] if before == after else [f"{path} {_short(before)} → {_short(after)}"]
    return [found for old, new, name in pairs for found in _differences(old, new, name)]


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _short(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, Mapping):
        return "a line"
    return plural(len(value), "line") if isinstance(value, list) else str(value)
