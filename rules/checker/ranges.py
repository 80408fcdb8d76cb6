"""Derive the allowed cases of each field from a condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

from grammar import nodes
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
from rules.types.inference import as_day_difference, ignore_problem, infer
from rules.types.symbol_table import Index, Scope
from rules.values.kinds import ORDERED, Type
from rules.values.wording import format_expression

_KNOWN, _MISSING = " is known", " is missing"

ORDERED_KINDS = ORDERED - {"any"}

TEXT_KINDS = frozenset({"text", "user"})

Claim: TypeAlias = "OfField | Every | Several | str"
"""A text is what nothing is known of but its words."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A conjunction: the cases of each field, and what else must hold, as it is written."""

    cases: Mapping[str, Cases] = field(default_factory=dict)
    rest: frozenset[str] = frozenset()

    def both(self, other: Allowed) -> Allowed:
        """Return the intersection."""
        cases = dict(self.cases)
        for name, mine in other.cases.items():
            cases[name] = cases[name] & mine if name in cases else mine
        return Allowed(cases, self.rest | other.rest)

    @property
    def impossible(self) -> str:
        """The field that no value fits, or an empty text."""
        for name, cases in self.cases.items():
            if not cases:
                return name
        known = (text.removesuffix(_KNOWN) for text in self.rest if text.endswith(_KNOWN))
        return next((name for name in known if name + _MISSING in self.rest), "")

    def implies(self, other: Allowed) -> bool:
        """Check whether every value here is allowed there, as far as that can be proved."""
        within = all(
            name in self.cases and not self.cases[name] & ~cases
            for name, cases in other.cases.items()
        )
        return within and other.rest <= self.rest


@dataclass(frozen=True, slots=True)
class Several:
    """One of its parts, or, `turned`, not its only part; with the words of the whole."""

    parts: tuple[Claim, ...]
    turned: bool
    text: str


@dataclass(frozen=True, slots=True)
class OfField:
    """A comparison of a field with fixed values; without a cell the field itself is yes or no."""

    name: str
    type: Type
    values: Mapping[str, nodes.Value]
    """By the words of each."""
    cell: nodes.Cell | None


class Cuts:
    """The columns of the fields that some conditions of one record claim something of."""

    def __init__(self, index: Index, claims: Iterable[Claim]) -> None:
        self._index = index
        types: dict[str, Type] = {}
        values: dict[str, dict[str, Any]] = {}
        for of in (each for claim in claims for each in field_claims(claim)):
            types[of.name] = of.type
            values.setdefault(of.name, {}).update(of.values)
        self.columns = {
            name: self._column(name, types[name], found) for name, found in values.items()
        }

    def _column(self, name: str, of: Type, values: dict[str, nodes.Value]) -> Column:
        if of.kind in ORDERED_KINDS:
            return ordered_column(name, of, {k: self._value(v) for k, v in values.items()})
        if of.kind in TEXT_KINDS:
            return text_column(name, list(values.values()))
        return words_column(name, words_of(of))

    def _value(self, value: nodes.Value) -> Any:
        if isinstance(value, nodes.Word):
            return self._index.consts[value.name].rows[0].value.value
        held = value.value
        return held.replace(tzinfo=None) if isinstance(held, datetime) else held

    def allowed(self, claim: Claim) -> Allowed:
        """Return what a condition allows; the columns must be built from it, too."""
        if isinstance(claim, Every):
            return reduce(Allowed.both, map(self.allowed, claim.parts), Allowed())
        if isinstance(claim, Several):
            return self._combined(claim) or Allowed(rest=frozenset({claim.text}))
        if isinstance(claim, OfField):
            return Allowed({claim.name: self._cases(claim)})
        return Allowed(rest=frozenset({claim}))

    def fits_all(self, allowed: Allowed) -> bool:
        """Check whether every value is known to satisfy a condition."""
        full = bool(allowed.cases) and not allowed.rest
        return full and not any(self.columns[k].all & ~c for k, c in allowed.cases.items())

    def _combined(self, claim: Several) -> Allowed | None:
        """Return the claim of `not x` or `x or y` about one field, or None."""
        parts = [self.allowed(part) for part in claim.parts]
        names = {name for part in parts for name in part.cases}
        if len(names) != 1 or any(part.rest or not part.cases for part in parts):
            return None
        (name,) = names
        if claim.turned:
            return Allowed({name: self.columns[name].all & ~parts[0].cases[name]})
        return Allowed({name: reduce(or_, (part.cases[name] for part in parts))})

    def _cases(self, claim: OfField) -> Cases:
        column = self.columns[claim.name]
        if claim.cell is None:
            return 1 << column.labels.index("yes")
        return column.among(claim.cell, self._value) or 0


@dataclass(frozen=True, slots=True)
class Every:
    """Every value."""

    parts: tuple[Claim, ...]


def claim_of(node: nodes.Expr, scope: Scope) -> Claim:
    """Return a condition's claim; a comparison of two days becomes their distance."""
    if isinstance(node, nodes.AllOf):
        return Every(tuple(claim_of(part, scope) for part in node.parts))
    if isinstance(node, nodes.Not | nodes.AnyOf):
        parts = node.parts if isinstance(node, nodes.AnyOf) else (node.expr,)
        claims = tuple(claim_of(part, scope) for part in parts)
        return Several(claims, isinstance(node, nodes.Not), format_expression(node))
    if isinstance(node, nodes.Compare | nodes.Member | nodes.Name):
        seen = as_day_difference(node, scope) if isinstance(node, nodes.Compare) else node
        return _single(seen, scope) or format_expression(seen)
    return format_expression(node)


def _single(node: nodes.Compare | nodes.Member | nodes.Name, scope: Scope) -> OfField | None:
    left = node if isinstance(node, nodes.Name) else node.left
    ref = scope.resolve(left.path) if isinstance(left, nodes.Name) else None
    between = isinstance(left, nodes.Arith) and isinstance(node, nodes.Compare)
    if not between and (ref is None or ref.kind in {"const", "list"}):
        return None
    wrong: list[Problem] = []
    kind = infer(node, scope, wrong.append).kind
    if wrong or kind != "yesno":
        return None
    of = infer(left, scope, ignore_problem)
    values = (
        () if isinstance(node, nodes.Name) else
        node.values if isinstance(node, nodes.Member) else _right(node.right)
    )  # fmt: skip
    if values is None or not _usable(of, values, scope):
        return None
    return OfField(format_expression(left), of, {label(v): v for v in values}, _cell(node, values))


def _right(node: nodes.Expr) -> tuple[nodes.Value, ...] | None:
    if isinstance(node, nodes.Literal):
        return (node,)
    if isinstance(node, nodes.Name) and len(node.path) == 1:
        return (nodes.Word(node.path[0], node.span),)
    return None


def _usable(of: Type, values: tuple[nodes.Value, ...], scope: Scope) -> bool:
    if of.kind in ORDERED_KINDS:
        return all(isinstance(v, nodes.Literal) or _fixed(v.name, scope) for v in values)
    if of.kind in TEXT_KINDS:
        return all(isinstance(v, nodes.Literal) for v in values)
    words = words_of(of)
    return bool(words) and all(plain(v) in words for v in values)


def _fixed(name: str, scope: Scope) -> bool:
    const = scope.index.consts.get(name)
    return const is not None and len(const.rows) == 1


def _cell(
    node: nodes.Compare | nodes.Member | nodes.Name, values: tuple[nodes.Value, ...]
) -> nodes.Cell | None:
    if isinstance(node, nodes.Name):
        return None
    if isinstance(node, nodes.Member):
        return nodes.Among(values, node.span)
    return nodes.Compared(node.op, values[0], node.span)


def field_claims(claim: Claim) -> Iterator[OfField]:
    """Yield all claims about single fields, in the order of the text."""
    if isinstance(claim, OfField):
        yield claim
    elif isinstance(claim, Every | Several):
        for part in claim.parts:
            yield from field_claims(part)


def words_of(of: Type) -> tuple[str, ...]:
    """Return the values of a type with named values."""
    return ("yes", "no") if of.kind == "yesno" else of.states
