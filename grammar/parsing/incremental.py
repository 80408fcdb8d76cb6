"""Parse changed files again at the cost of the changed declarations only.

`Reader` reuses the nodes of an unchanged declaration and shifts the nodes of a moved one. Editors
use it after each key stroke.
"""

import gc
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Any, TypeAlias

from grammar.nodes import Ruleset, Said
from grammar.parsing.parser import parse, parse_declaration
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import Block

_RARELY = (50_000, 10, 5)

_Move: TypeAlias = Callable[[Any, int], Any]

_kind: Callable[[Any], Any] = type


def collect_rarely() -> None:
    """Make Python's cycle collector run rarely in this process.

    Trees have no cycles, and scanning a thousand declarations takes longer than a request.
    """
    gc.set_threshold(*_RARELY)


class Reader:
    """Parses as `parse` does, and remembers the declarations of the last time.

    `read` counts the declarations that had to be read so far.
    """

    def __init__(self) -> None:
        self.read = 0
        self._last: dict[tuple[str, tuple[str, ...]], tuple[int, list[Any]]] = {}
        self._next = self._last

    def parse(self, sources: Mapping[str, str]) -> tuple[Ruleset, tuple[Problem, ...]]:
        """Return the ruleset of all files and the problems of everything that could not be read."""
        self._next = {}
        result = parse(sources, self._declaration)
        self._last = self._next
        return result

    def _declaration(self, block: Block, file: str) -> list[Any]:
        key = (file, block.lines)
        first, items = self._last.get(key, (0, []))
        moves = block.first - first
        if not first or (moves and any(isinstance(item, Problem) for item in items)):
            self.read += 1
            items = parse_declaration(block, file)
        elif moves:
            items = [_moved(item, moves) for item in items]
        self._next[key] = (block.first, items)
        return items


def _moved(value: Any, by: int) -> Any:
    """Return a node moved down by a number of lines."""
    return _mover(_kind(value))(value, by)


@cache
def _mover(kind: type[Any]) -> _Move:
    """Return the function that moves values of a kind; values without a place are unchanged."""
    if kind is Span:
        return _moved_span
    if kind is tuple:
        return _moved_tuple
    if kind is Said:
        return _moved_said
    return _of_slots(kind) if is_dataclass(kind) and hasattr(kind, "__slots__") else _stays


def _stays(value: Any, _by: int) -> Any:
    return value


def _moved_tuple(value: tuple[Any, ...], by: int) -> tuple[Any, ...]:
    return tuple([_mover(_kind(part))(part, by) for part in value]) if value else value


def _moved_said(text: Said, by: int) -> Said:
    return Said(text, _moved_span(text.span, by))


def _moved_span(span: Span, by: int) -> Span:
    return Span(span.file, span.line + by, span.column, span.end_line + by, span.end_column)


def _of_slots(kind: Any) -> _Move:
    """Return a function that copies a node with moved parts.

    It writes slots directly, because nodes are frozen and compute nothing when created.
    """
    parts = [getattr(kind, slot) for slot in kind.__slots__]
    ways = [(part.__get__, part.__set__) for part in parts]

    def moved(value: Any, by: int) -> Any:
        made = object.__new__(kind)
        for read, write in ways:
            part = read(value)
            write(made, _mover(_kind(part))(part, by))
        return made

    return moved
