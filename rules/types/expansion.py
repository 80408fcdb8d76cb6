"""Expressions seen through their computed fields: what is inside, what a rounding hides.

Here: inside, formula, stands_in, unrounded, whole; they only read the tree. Not here: what an
expression gives (expressions/interpreter.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from grammar import nodes as n
from rules.types.functions import AGGREGATES
from rules.types.symbol_table import Scope


def inside(expr: n.Expr, scope: Scope, seen: frozenset[str] = frozenset()) -> Iterator[n.Expr]:
    """An expression with all its parts, and those of the computed fields it names."""
    yield expr
    behind = behind_name(expr, scope, seen)
    if behind is not None:
        name, formula = behind
        yield from inside(formula, scope, seen | {name})
    for part in _parts(expr):
        yield from inside(part, scope, seen)


def formula(expr: n.Expr, scope: Scope) -> n.Expr:
    """What stands behind an expression that only names a computed field."""
    seen: frozenset[str] = frozenset()
    while (behind := behind_name(expr, scope, seen)) is not None:
        seen, expr = seen | {behind[0]}, behind[1]
    return expr


def stands_in(
    expr: n.Expr, scope: Scope, seen: frozenset[str] = frozenset()
) -> Iterator[n.Otherwise]:
    """Each `otherwise` whose result is the value itself, not only a part of a calculation."""
    behind = behind_name(expr, scope, seen)
    if behind is not None:
        name, formula = behind
        yield from stands_in(formula, scope, seen | {name})
    elif isinstance(expr, n.Otherwise):
        yield expr
        for part in (expr.expr, expr.default):
            yield from stands_in(part, scope, seen)
    elif isinstance(expr, n.Call) and expr.name not in AGGREGATES:
        for part in expr.args:
            yield from stands_in(part, scope, seen)


def unrounded(
    expr: n.Expr, scope: Scope, places: Decimal, seen: frozenset[str] = frozenset()
) -> n.Expr:
    """The same amount before it is rounded to these places; finer and coarser roundings stay."""
    again = (scope, places, seen)
    if isinstance(expr, n.Call) and expr.name == "round" and _step(expr) == places:
        return unrounded(expr.args[0], *again)
    behind = behind_name(expr, scope, seen)
    if behind is not None:
        name, formula = behind
        exact = unrounded(formula, scope, places, seen | {name})
        return expr if exact == formula else exact
    if isinstance(expr, n.Arith):
        left, right = unrounded(expr.left, *again), unrounded(expr.right, *again)
        return replace(expr, left=left, right=right)
    if isinstance(expr, n.Negative):
        return replace(expr, expr=unrounded(expr.expr, *again))
    if isinstance(expr, n.Otherwise):
        inner, default = unrounded(expr.expr, *again), unrounded(expr.default, *again)
        return replace(expr, expr=inner, default=default)
    return expr


def whole(expr: n.Expr, of: n.Expr) -> n.Expr:
    """What an expression of a bill in parts is when all is billed at once: `line.due` is all of it,
    `due_of(x)` is x.
    """
    if isinstance(expr, n.Call) and expr.name == "due_of" and len(expr.args) == 1:
        return whole(expr.args[0], of)
    if isinstance(expr, n.Name):
        return of if expr.path == ("line", "due") else expr
    if isinstance(expr, n.Arith):
        return replace(expr, left=whole(expr.left, of), right=whole(expr.right, of))
    if isinstance(expr, n.Negative):
        return replace(expr, expr=whole(expr.expr, of))
    if isinstance(expr, n.Otherwise):
        return replace(expr, expr=whole(expr.expr, of), default=whole(expr.default, of))
    if isinstance(expr, n.Call) and expr.name not in AGGREGATES:
        return replace(expr, args=tuple(whole(arg, of) for arg in expr.args))
    return expr


def behind_name(
    expr: n.Expr, scope: Scope, seen: frozenset[str] = frozenset()
) -> tuple[str, n.Expr] | None:
    """The formula of a computed field that an expression is; None in a ring of fields."""
    if not isinstance(expr, n.Name):
        return None
    ref = scope.resolve(expr.path)
    name = ".".join(expr.path)
    if ref is None or ref.kind not in {"head", "line"} or name in seen:
        return None
    return (name, ref.field.expr) if isinstance(ref.field, n.Computed) else None


def _step(call: n.Call) -> object:
    step = call.args[1] if len(call.args) == 2 else None
    return step.value if isinstance(step, n.Literal) else None


def _parts(expr: n.Expr) -> tuple[n.Expr, ...]:
    if isinstance(expr, n.Call) and expr.name not in AGGREGATES:
        return expr.args
    return n.operands(expr)
