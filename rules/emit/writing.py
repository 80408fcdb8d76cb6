"""What every writer of generated code does: variables, constants, helpers, guards.

Here: Pen, and the names that all generated functions share. Not here: what is written for an
expression (expressions.py, calls.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from rules import numbers
from rules.compiler import Compiler
from rules.emit.text import ARGUMENT, Atom, Page
from rules.index import Ref, Scope
from rules.lists import counted
from rules.unknown import Unknown, all_of, any_of, join

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
    `bare` promises that nobody asks which entries were read, and that an error ends the function:
    then computed fields and sums over the lines are worked out where they are needed, too.
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
