"""Parse the same files again and again at the cost of the changed declarations only.

`Reader` reuses the nodes of an unchanged declaration and shifts those of a moved one. Editors use
it after each key stroke.
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
    """Have Python look for cycles more rarely in this process: trees have none, and to go through
    those of a thousand declarations takes longer than what is asked of them.
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
        """The ruleset of all files, and what is wrong with the rest of them."""
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
    """A node as it is so many lines further down."""
    return _mover(_kind(value))(value, by)


@cache
def _mover(kind: type[Any]) -> _Move:
    """How a value of a kind is moved; what holds no place stays the very same."""
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
    """A node's parts are written into a new one directly: it is frozen, and nothing is computed
    when one is made.
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
