"""Another value in the place of one: what a test would have to notice.

Here: literals and expressions with another value of their own type. Not here: where they stand.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from grammar import nodes as n
from rules.index import Scope
from rules.kinds import NUMERIC
from rules.types import infer, silent

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
