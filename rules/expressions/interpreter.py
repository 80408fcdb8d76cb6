"""The interpreter: what an expression means. Nodes in, closures over a Run out.

Here: Interpreter, the definition that generated code is held against. Every closure takes a Run and
gives a value or an Unknown, and raises ArithmeticError or TypeError where the numbers leave their
bounds; `guarded` turns that into an Unknown. Not here: what names mean (compiler.py), decisions
(decisions/record.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules.expressions.compiler import Assigned, Compiler, Wanted
from rules.expressions.lookups import COMPARE, Closure, always, applied, binary, looked_up, never
from rules.expressions.run import Run
from rules.types.functions import AGGREGATES
from rules.types.inference import word_of
from rules.types.symbol_table import Scope
from rules.values import numbers
from rules.values.kinds import NUMERIC
from rules.values.unknown import Unknown, all_of, any_of, limit_gap, negation
from rules.values.wording import say

if TYPE_CHECKING:
    from rules.expressions.checks import CheckProgram

_NUMBERS = {
    "+": numbers.add,
    "-": numbers.subtract,
    "*": numbers.multiply,
    "/": numbers.divide,
}
_OTHERS = {"+": operator.add, "-": operator.sub}


class Interpreter(Compiler):
    """Compiles the expressions of one record kind to closures."""

    def sibling(self, record: str, zone: ZoneInfo) -> Interpreter:
        """Another one of the same family, for another record kind."""
        return Interpreter(self.index, record, zone, self.family)

    def expr(self, node: n.Expr, scope: Scope) -> Closure:
        """The closure of an expression in a scope."""
        closure: Closure = getattr(self, f"_{type(node).__name__.lower()}")(node, scope)
        return closure

    def guarded(self, node: n.Expr, scope: Scope, rule: str, owner: str) -> Closure:
        """A closure that answers EVA01 where the numbers leave their bounds."""
        inner = self.expr(node, scope)
        source = say(node)

        def run_guarded(run: Run) -> Any:
            try:
                return inner(run)
            except (ArithmeticError, TypeError, RecursionError) as reason:
                return Unknown(limit_gap(rule, owner or self.owner, source, reason, node.span))

        return run_guarded

    def together(self, _: Sequence[CheckProgram]) -> None:
        """Nothing: the meaning of a check is that of each of its conditions."""

    def known(self, _: Wanted) -> None:
        """Nothing: the meaning of a document is that of each of its values."""

    def document(self, _head: Assigned, _line: Assigned, _: Wanted, *, amount: str = "") -> None:
        """Nothing, for the same reason."""

    def draft(self, _head: Assigned, _line: Assigned) -> None:
        """Nothing, for the same reason."""

    # ---- leaves -------------------------------------------------------------------------------

    def _literal(self, node: n.Literal, _: Scope) -> Closure:
        return always(self.literal(node))

    def _name(self, node: n.Name, scope: Scope) -> Closure:
        ref = scope.resolve(node.path)
        if ref is None:
            return never(f"'{'.'.join(node.path)}' means nothing here")
        return self.ref(ref)

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, node: n.Compare, scope: Scope) -> Closure:
        left, op = self._beside(node.left, node.right, scope), COMPARE[node.op]
        word = word_of(self.type(node.left, scope), node.right)
        if word is not None:
            return binary(left, always(word), op)
        return binary(left, self._beside(node.right, node.left, scope), op)

    def _beside(self, node: n.Expr, other: n.Expr, scope: Scope) -> Closure:
        """One side of two; a number beside an amount minds the currency."""
        return self.currencies.number(node, other, scope) or self.expr(node, scope)

    def _member(self, node: n.Member, scope: Scope) -> Closure:
        inner = self.expr(node.left, scope)
        values = tuple(v.name if isinstance(v, n.Word) else v.value for v in node.values)

        def member(run: Run) -> Any:
            value = inner(run)
            return value if type(value) is Unknown else value in values

        return member

    def _known(self, node: n.Known, scope: Scope) -> Closure:
        inner = self.expr(node.expr, scope)
        return lambda run: type(inner(run)) is not Unknown

    def _absent(self, node: n.Absent, scope: Scope) -> Closure:
        inner = self.expr(node.expr, scope)
        return lambda run: type(inner(run)) is Unknown

    def _allof(self, node: n.AllOf, scope: Scope) -> Closure:
        parts = [self.expr(p, scope) for p in node.parts]
        return lambda run: all_of([p(run) for p in parts])

    def _anyof(self, node: n.AnyOf, scope: Scope) -> Closure:
        parts = [self.expr(p, scope) for p in node.parts]
        return lambda run: any_of([p(run) for p in parts])

    def _not(self, node: n.Not, scope: Scope) -> Closure:
        inner = self.expr(node.expr, scope)
        return lambda run: negation(inner(run))

    # ---- arithmetic ---------------------------------------------------------------------------

    def _arith(self, node: n.Arith, scope: Scope) -> Closure:
        kinds = {self.type(node.left, scope).kind, self.type(node.right, scope).kind}
        table: dict[str, Callable[[Any, Any], Any]] = (
            _OTHERS if kinds & {"date", "moment", "duration"} else _NUMBERS  # type: ignore[assignment]
        )
        sides = ((node.left, node.right), (node.right, node.left))
        sums = node.op in "+-"
        left, right = (
            self._beside(one, other, scope) if sums else self.expr(one, scope)
            for one, other in sides
        )
        return binary(left, right, table.get(node.op, _NUMBERS[node.op]))

    def _negative(self, node: n.Negative, scope: Scope) -> Closure:
        numeric = self.type(node.expr, scope).kind in NUMERIC
        zero = Decimal(0)
        flip = (lambda v: numbers.subtract(zero, v)) if numeric else operator.neg
        return applied([self.expr(node.expr, scope)], flip)

    def _otherwise(self, node: n.Otherwise, scope: Scope) -> Closure:
        inner, default = self.expr(node.expr, scope), self.expr(node.default, scope)

        def otherwise(run: Run) -> Any:
            value = inner(run)
            return default(run) if type(value) is Unknown else value

        return otherwise

    # ---- calls --------------------------------------------------------------------------------

    def _call(self, node: n.Call, scope: Scope) -> Closure:
        if node.name in self.lookups:
            return looked_up(self.expr(node.args[0], scope), self.lookups[node.name])
        if node.name in AGGREGATES:
            return self.lists.aggregate(node, scope)
        return self.calls.call(node, scope)
