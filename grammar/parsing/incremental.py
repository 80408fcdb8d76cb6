"""Reading the same files again and again, as an editor does at every key.

Lives here: `Reader`, for which a change costs what it changes: a declaration that reads as before
keeps its nodes, and one that only stands elsewhere has them moved. Not here: reading a declaration
(`parser.py`).
"""

from collections.abc import Mapping
from dataclasses import is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from grammar.nodes import Ruleset
from grammar.parsing.parser import declaration, parse
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import Block


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
            items = declaration(block, file)
        elif moves:
            items = [_moved(item, moves) for item in items]
        self._next[key] = (block.first, items)
        return items


def _moved(value: Any, by: int) -> Any:
    """A node as it is so many lines further down."""
    kind: Any = type(value)
    if kind is Span:
        line, end = value.line + by, value.end_line + by
        return Span(value.file, line, value.column, end, value.end_column)
    if kind is tuple:
        return tuple([part if type(part) is str else _moved(part, by) for part in value])
    if kind in _PLAIN:
        return value
    names = _slots(kind)
    return kind(*[_moved(getattr(value, name), by) for name in names]) if names else value


_PLAIN = frozenset({str, int, bool, type(None), Decimal})


@cache
def _slots(kind: Any) -> tuple[str, ...]:
    """The fields of a kind of node; of a plain value none."""
    return tuple(getattr(kind, "__slots__", ())) if is_dataclass(kind) else ()
