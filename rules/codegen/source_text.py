"""A Python function while it is being written: its lines, variables, constants and guards.

Here: Source (a finished function with its table), Page (its lines, temporaries, blocks), Atom (what
is known of a value), and what every writer of generated code does. Not here: what is on the lines
(emit_expressions.py, emit_checks.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from rules.expressions.aggregates import counted
from rules.expressions.compiler import Compiler
from rules.types.symbol_table import Ref, Scope
from rules.values import numbers
from rules.values.unknown import Unknown, all_of, any_of, join

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

    def visit(self, times: int | str = 1) -> None:
        """Count so many visits of every line, as `Run.spend` does."""
        root, lines = self.ahead(f"{ARGUMENT}.root"), self.ahead(f"len({ARGUMENT}.lines)")
        self.write(f"{root}.steps -= {lines if times == 1 else f'{times} * {lines}'}")
        with self.block(f"if {root}.steps < 0:"):
            self.write(f"{ARGUMENT}.spend(0)")

    @contextmanager
    def lines_of_record(self, times: int | str) -> Iterator[None]:
        """A loop over the lines of the record, each in `line`, counted as so many visits."""
        self.visit(times)
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
"""What makes a function of its source (rules/programs/program.py)."""


SHARED: dict[str, Any] = {
    "Unknown": Unknown,
    "join": join,
    "all_of": all_of,
    "any_of": any_of,
    "add": numbers.add,
    "subtract": numbers.subtract,
    "multiply": numbers.multiply,
    "divide": numbers.divide,
    "scale": numbers.scale,
    "rescaled": numbers.rescaled,
    "round_half_up": numbers.round_half_up,
    "quantize": numbers.quantize,
    "counted": counted,
    "len": len,
    "Decimal": Decimal,
    "sum": sum,
    "str": str,
    "errors": (ArithmeticError, TypeError, RecursionError),
}
"""The names that every generated function may use."""

OF_VALUES: dict[type, str] = {
    Decimal: "decimal",
    str: "text",
    date: "date",
    datetime: "moment",
    timedelta: "duration",
    bool: "yes",
}
DEEPEST = 12
"""Brackets and blocks inside each other, before a variable or a function of its own takes over."""


class Pen(ABC):
    """What writes one function; which values it may take for granted.

    `clean` promises that every field that is not optional has a value in the record at hand.
    `bare` promises that nobody asks which entries one value came from, and that an error ends the
    function: then computed fields and sums over the lines are worked out where they are needed,
    too, and the run notes what a look-up has answered before.
    `own` promises that an `item` is the line in the variable `line`.
    """

    def __init__(
        self,
        compiler: Compiler,
        scope: Scope,
        page: Page,
        *,
        clean: bool = False,
        bare: bool = False,
        own: bool = False,
    ) -> None:
        self.compiler, self.scope, self.page = compiler, scope, page
        self.clean, self.bare, self.own = clean, bare, own
        self.inside: set[tuple[str, str]] = set()  # computed fields that are being written

    def value(self, node: n.Expr) -> Atom:
        """What gives the value of an expression from here on."""
        found: Atom = getattr(self, f"_{type(node).__name__.lower()}")(node)
        return self.atom(found) if found.depth > DEEPEST else found

    @abstractmethod
    def field(self, ref: Ref, path: object) -> Atom:
        """The value of a field, or of whatever else a name means."""

    def atom(self, value: Atom) -> Atom:
        """The same value in a variable."""
        if not value.inline:
            return value
        return Atom(self.page.put(value.code), value.kind, value.known)

    def held(self, node: n.Expr) -> Atom:
        """The value of an expression in a variable, for whoever writes its name twice."""
        return self.atom(self.value(node))

    def constant(self, value: Any) -> Atom:
        """A value of the table."""
        return Atom(self.page.number(value), OF_VALUES.get(type(value), ""), known=True)

    def asked(self, closure: Any, key: object, kind: str = "") -> Atom:
        """What a helper answers for this run."""
        name = self.page.number(closure, key)
        return Atom(self.page.put(f"{name}({ARGUMENT})"), kind)

    def guard(self, code: str, *values: Atom) -> tuple[str, bool]:
        """The code where all values are known, else their Unknown; and whether it is never one."""
        unsure = list(dict.fromkeys(v.code for v in values if not v.known))
        if not unsure:
            return code, True
        tests = " or ".join(f"{v}.__class__ is Unknown" for v in unsure)
        gone = unsure[0] if len(unsure) == 1 else f"join({', '.join(unsure)})"
        return f"({gone} if {tests} else {code})", False
