"""One part of a ruleset that tests can prove, and the ways in which it is broken.

Here: Part, how a declaration is exchanged for a broken one, and another value in the place of one.
Not here: which parts there are (mutation_sites.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from grammar.text.problem import Span
from rules.types.inference import infer, silent
from rules.types.symbol_table import Scope
from rules.values.kinds import NUMERIC

_FAR = 1000
_DAY = timedelta(days=1)
_TEXTS = frozenset({"text", "user", "one_of", "any"})


def others(literal: n.Literal) -> tuple[n.Literal, ...]:
    """Other values of a literal: far above and far below, or simply another one."""
    value, span = literal.value, literal.span
    if isinstance(value, bool):
        return (n.Literal(literal.kind, not value, span),)
    if isinstance(value, Decimal):
        return (
            n.Literal(literal.kind, value * _FAR + 1, span),
            n.Literal(literal.kind, Decimal(0) if value else Decimal(1), span),
        )
    if isinstance(value, timedelta):
        return (
            n.Literal(literal.kind, value * _FAR + _DAY, span),
            n.Literal(literal.kind, timedelta(0), span),
        )
    if isinstance(value, str):
        return (n.Literal(literal.kind, f"{value} (broken)", span),)
    far = _DAY * _FAR
    return tuple(n.Literal(literal.kind, moved, span) for moved in (value + far, value - far))


def other(expr: n.Expr, scope: Scope) -> n.Expr | None:
    """An expression with another value of the same type; None where there is none."""
    kind = infer(expr, scope, silent).kind
    if kind in NUMERIC:
        return n.Arith("+", expr, n.Literal("number", Decimal(1), expr.span), expr.span)
    if kind in {"date", "moment", "duration"}:
        return n.Arith("+", expr, n.Literal("duration", _DAY, expr.span), expr.span)
    if kind == "yesno":
        return n.Not(expr, expr.span)
    return n.Literal("text", "(broken)", expr.span) if kind in _TEXTS else None


GONE: Any = object()
"""Stands for a node that is left out."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a declaration; `ways` are the declaration with the part broken, or GONE.

    It is covered when each test passes with the declaration as it is, and one fails with the
    declaration broken in one of these ways.
    """

    kind: str
    name: str
    span: Span
    declared: Any
    ways: tuple[Any, ...]


def part(kind: str, name: str, declared: Any, node: Any, ways: Iterable[Any]) -> Part:
    """The part of a declaration that `node` is, exchanged for each of these nodes."""
    broken = tuple(exchanged(declared, node, way) for way in ways)
    return Part(kind, name, node.span, declared, broken)


def without(ruleset: n.Ruleset, declared: Any, instead: Any) -> n.Ruleset:
    """The ruleset with another declaration in the place of this one."""
    return exchanged(ruleset, declared, instead)  # type: ignore[no-any-return]


def exchanged(node: Any, old: Any, new: Any) -> Any:
    """The tree with one node of it exchanged; the same tree where it is not in there."""
    if node is old:
        return new
    if isinstance(node, tuple):
        kept = [exchanged(item, old, new) for item in node]
        if all(one is other for one, other in zip(kept, node, strict=True)):
            return node
        return tuple(item for item in kept if item is not GONE)
    if not is_dataclass(node) or isinstance(node, Span):
        return node
    changes = {}
    for field in fields(node):
        value = getattr(node, field.name)
        other = exchanged(value, old, new)
        if other is not value:
            changes[field.name] = None if other is GONE else other
    return replace(node, **changes) if changes else node  # type: ignore[type-var]
