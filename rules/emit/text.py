"""A Python function while it is being written, and its numbered table.

Here: Source (a finished function with its table), Page (its lines, temporaries, blocks), Atom (what
is known of a value). Not here: what stands on the lines (expressions.py, checks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

ARGUMENT = "run"
FUNCTION = "made"


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a function called `made`, and the values behind the names it uses."""

    text: str
    names: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Atom:
    """Python text that gives a value.

    `kind`: values of one kind are compared without an error, empty where nobody can tell; `known`:
    it is never an Unknown; `inline`: it is an operation, not a name; `depth` counts its brackets.
    """

    code: str
    kind: str = ""
    known: bool = False
    inline: bool = False
    depth: int = 0


@dataclass(slots=True)
class Page:
    """The lines of one function. `have` are the leaves whose value a variable holds already."""

    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    have: dict[object, Atom] = field(default_factory=dict)
    indent: int = 1
    _ahead: dict[str, str] = field(default_factory=dict)
    _numbers: dict[object, str] = field(default_factory=dict)
    _temporaries: int = 0

    def write(self, line: str) -> None:
        """One line, at the depth of the current block."""
        self.lines.append("    " * self.indent + line)

    def number(self, value: Any, key: object = None) -> str:
        """The name of a value in the table; values of one key share it."""
        if key is None:  # 0.1 and 0.10 are equal, but not the same
            key = str(value) if isinstance(value, Decimal) else value
        at = (type(value), key)
        name = self._numbers.get(at)
        if name is None:
            name = self._numbers[at] = f"k{len(self._numbers)}"
            self.names[name] = value
        return name

    def variable(self) -> str:
        """A new variable."""
        self._temporaries += 1
        return f"v{self._temporaries}"

    def mark(self) -> int:
        """A moment in the writing, for `is_since`."""
        return self._temporaries

    def is_since(self, mark: int, code: str) -> bool:
        """Whether this is a variable that was made after a mark."""
        return code[:1] == "v" and code[1:].isdigit() and int(code[1:]) > mark

    def write_at(self, begin: int, line: str) -> None:
        """One line above others, at the depth of the current block."""
        self.lines.insert(begin, "    " * self.indent + line)

    def put(self, code: str) -> str:
        """A new variable that holds this from here on."""
        name = self.variable()
        self.write(f"{name} = {code}")
        return name

    def ahead(self, code: str) -> str:
        """A variable that holds this before everything else is asked; the same one for all."""
        found = self._ahead.get(code)
        if found is None:
            found = self._ahead[code] = self.variable()
        return found

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """The lines of a block; what its variables hold is known inside it alone."""
        self.write(head)
        before = self.have.copy()
        self.indent += 1
        try:
            yield
        finally:
            self.indent -= 1
            self.have = before

    @contextmanager
    def lines_of_record(self, times: int | str) -> Iterator[None]:
        """A loop over the lines of the record, each in `line`, counted as so many visits."""
        self.write(f"{ARGUMENT}.spend({times} * len({ARGUMENT}.lines))")
        with self.block(f"for line in {ARGUMENT}.lines:"):
            begin = len(self.lines)
            self.have["line"] = Atom("line")
            yield
            if any(f"({ARGUMENT}" in line for line in self.lines[begin:]):
                self.write_at(begin, f"{ARGUMENT}.line = line")  # for the helpers that are asked

    def source(self, shared: Mapping[str, Any]) -> Source:
        """The finished function."""
        ahead = [f"    {name} = {code}" for code, name in self._ahead.items()]
        text = "\n".join([f"def {FUNCTION}({ARGUMENT}):", *ahead, *self.lines, ""])
        return Source(text, {**shared, **self.names})


Build = Callable[[Source], Callable[..., Any]]
"""What makes a function of its source (rules/compile.py)."""
