"""What a condition says of single fields: for each field the cases that it allows.

Here: Cuts (the values that the conditions of a record name) and Allowed. What cannot be said of one
field is kept as text, and never reasoned about. Not here: what follows from it (logic.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from grammar import nodes as n
from grammar.text.problem import Problem
from rules.checker.cases import (
    Cases,
    Column,
    label,
    ordered_column,
    plain,
    text_column,
    words_column,
)
from rules.types.inference import infer, silent
from rules.types.symbol_table import Scope
from rules.values.kinds import ORDERED, Type
from rules.values.wording import say

_ORDERED = ORDERED - {"any"}
_TEXTS = frozenset({"text", "user"})


@dataclass(frozen=True, slots=True)
class Allowed:
    """A conjunction: the cases of each field, and what else must hold, as it is written."""

    cases: Mapping[str, Cases] = field(default_factory=dict)
    rest: frozenset[str] = frozenset()

    def both(self, other: Allowed) -> Allowed:
        """What both allow."""
        cases = dict(self.cases)
        for name, mine in other.cases.items():
            cases[name] = cases[name] & mine if name in cases else mine
        return Allowed(cases, self.rest | other.rest)

    @property
    def impossible(self) -> str:
        """The field that no value fits, or an empty text."""
        return next((name for name, cases in self.cases.items() if not cases), "")

    def implies(self, other: Allowed) -> bool:
        """Whether whatever fits here fits there, as far as it can be proved."""
        within = all(
            name in self.cases and not self.cases[name] & ~cases
            for name, cases in other.cases.items()
        )
        return within and other.rest <= self.rest


class Cuts:
    """The columns of the fields that some conditions of one record name."""

    def __init__(self, scope: Scope, conditions: Iterable[n.Expr]) -> None:
        self.scope = scope
        self.types: dict[str, Type] = {}
        values: dict[str, dict[str, Any]] = {}
        for compare in (c for condition in conditions for c in _compares(condition)):
            name, said = self._single(compare)
            if name:
                values.setdefault(name, {}).update({label(v): v for v in said})
        self.columns = {name: self._column(name, found) for name, found in values.items()}

    def _column(self, name: str, values: dict[str, n.Value]) -> Column:
        of = self.types[name]
        if of.kind in _ORDERED:
            return ordered_column(name, of, {k: self._value(v) for k, v in values.items()})
        if of.kind in _TEXTS:
            return text_column(name, list(values.values()))
        return words_column(name, ("yes", "no") if of.kind == "yesno" else of.states)

    def _value(self, value: n.Value) -> Any:
        if isinstance(value, n.Word):
            return self.scope.index.consts[value.name].rows[0].value.value
        held = value.value
        return held.replace(tzinfo=None) if isinstance(held, datetime) else held

    def _single(self, node: n.Compare | n.Member | n.Name) -> tuple[str, tuple[n.Value, ...]]:
        """The field that a comparison is about, and what it is compared with."""
        left = node if isinstance(node, n.Name) else node.left
        ref = self.scope.resolve(left.path) if isinstance(left, n.Name) else None
        if ref is None or ref.kind in {"const", "list"}:
            return "", ()
        wrong: list[Problem] = []
        kind = infer(node, self.scope, wrong.append).kind
        if wrong or kind != "yesno":
            return "", ()
        of = infer(left, self.scope, silent)
        values = (
            () if isinstance(node, n.Name) else
            node.values if isinstance(node, n.Member) else _right(node.right)
        )  # fmt: skip
        if values is None or not self._usable(of, values):
            return "", ()
        name = say(left)
        self.types[name] = of
        return name, values

    def _usable(self, of: Type, values: tuple[n.Value, ...]) -> bool:
        if of.kind in _ORDERED:
            return all(isinstance(v, n.Literal) or self._fixed(v.name) for v in values)
        words = ("yes", "no") if of.kind == "yesno" else of.states
        if of.kind in _TEXTS:
            return all(isinstance(v, n.Literal) for v in values)
        return bool(words) and all(plain(v) in words for v in values)

    def _fixed(self, name: str) -> bool:
        const = self.scope.index.consts.get(name)
        return const is not None and len(const.rows) == 1

    def allowed(self, node: n.Expr) -> Allowed:
        """What a condition allows."""
        if isinstance(node, n.AllOf):
            found = Allowed()
            for part in node.parts:
                found = found.both(self.allowed(part))
            return found
        if isinstance(node, n.Not | n.AnyOf):
            return self._combined(node) or Allowed(rest=frozenset({say(node)}))
        if isinstance(node, n.Compare | n.Member | n.Name):
            name, values = self._single(node)
            if name and name in self.columns:
                return Allowed({name: self._cases(node, name, values)})
        return Allowed(rest=frozenset({say(node)}))

    def _combined(self, node: n.Not | n.AnyOf) -> Allowed | None:
        """`not x` and `x or y`, where all of it is about one field."""
        parts = [
            self.allowed(p) for p in (node.parts if isinstance(node, n.AnyOf) else (node.expr,))
        ]
        names = {name for part in parts for name in part.cases}
        if len(names) != 1 or any(part.rest or not part.cases for part in parts):
            return None
        (name,) = names
        if isinstance(node, n.Not):
            return Allowed({name: self.columns[name].all & ~parts[0].cases[name]})
        return Allowed({name: reduce(or_, (part.cases[name] for part in parts))})

    def _cases(
        self, node: n.Compare | n.Member | n.Name, name: str, values: tuple[n.Value, ...]
    ) -> Cases:
        column = self.columns[name]
        if isinstance(node, n.Name):
            return 1 << column.labels.index("yes")
        if isinstance(node, n.Member):
            cell: n.Cell = n.Among(values, node.span)
        else:
            cell = n.Compared(node.op, values[0], node.span)
        return column.among(cell, self._value) or 0


def _right(node: n.Expr) -> tuple[n.Value, ...] | None:
    if isinstance(node, n.Literal):
        return (node,)
    if isinstance(node, n.Name) and len(node.path) == 1:
        return (n.Word(node.path[0], node.span),)
    return None


def _compares(node: Any) -> Iterator[n.Compare | n.Member | n.Name]:
    if isinstance(node, n.Compare | n.Member | n.Name):
        yield node
    elif isinstance(node, n.AllOf | n.AnyOf):
        for part in node.parts:
            yield from _compares(part)
    elif isinstance(node, n.Not):
        yield from _compares(node.expr)
