"""The library functions inside expressions, and the conversions of units.

Here: Calls: the closure of every call but aggregates and maps. Not here: what the pure functions
give (functions.py), factors (units.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from rules import numbers
from rules.bills import part_of_head, part_of_line
from rules.closures import Closure, applied, binary, never
from rules.functions import PURE
from rules.gaps import NO_BASE, class_gap, later_gap, limit_gap
from rules.index import Scope
from rules.lhdn import CLASSES
from rules.lives import earlier
from rules.lookups import UnitTable
from rules.reading import Reader
from rules.run import Run
from rules.unknown import Unknown, join
from rules.words import say

if TYPE_CHECKING:
    from rules.compiler import Compiler


class Calls:
    """Compiles calls for one Compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def call(self, node: n.Call, scope: Scope) -> Closure:
        """The closure of a call of a library function."""
        special = getattr(self, f"_call_{node.name}", None)
        if special is not None:
            found: Closure = special(node, scope)
            return found
        if node.name in PURE:
            return applied([self.compiler.expr(a, scope) for a in node.args], PURE[node.name].run)
        return never(f"'{node.name}' is no function")

    def _call_round(self, node: n.Call, scope: Scope) -> Closure:
        left, right = (self.compiler.expr(a, scope) for a in node.args)
        return binary(left, right, numbers.round_half_up)

    def _call_date_of(self, node: n.Call, scope: Scope) -> Closure:
        zone = self.compiler.zone
        return applied(
            [self.compiler.expr(node.args[0], scope)], lambda m: m.astimezone(zone).date()
        )

    def _call_e_invoice_class(self, node: n.Call, scope: Scope) -> Closure:
        owner, told = self.compiler.owner, say(node)

        def listed(code: str) -> Any:
            return code if code in CLASSES else Unknown(class_gap(code, owner, told, node.span))

        return applied([self.compiler.expr(node.args[0], scope)], listed)

    def _call_number_of(self, node: n.Call, _: Scope) -> Closure:
        route = say(node.args[0])
        later = Unknown(later_gap(route))
        return lambda run: run.facts.documents_of_family.get(route, later)

    def _call_was(self, node: n.Call, scope: Scope) -> Closure:
        name = ".".join(node.args[0].path) if isinstance(node.args[0], n.Name) else ""
        now = self.compiler.expr(node.args[0], scope)
        read = Reader(scope.index, scope.record).read

        def before(run: Run) -> Any:
            body = earlier(run.facts, run.route.name)
            return now(run) if body is None else read(body).head.get(name, Unknown())

        return before

    def _call_due_of(self, node: n.Call, scope: Scope) -> Closure:
        inner = self.compiler.expr(node.args[0], scope)
        part = part_of_line if scope.line else part_of_head
        return lambda run: part(run, inner(run))

    def _call_base_unit(self, node: n.Call, scope: Scope) -> Closure:
        units = self._table()
        item = self.compiler.expr(node.args[0], scope)
        none = self.no_base(node)
        return applied([item], lambda i: units.bases.of(i) or none)

    def no_base(self, node: n.Call) -> Unknown:
        """What base_unit answers for an item that has none."""
        return Unknown(limit_gap("units", self.compiler.owner, say(node), NO_BASE, node.span))

    def _call_in_base(self, node: n.Call, scope: Scope) -> Closure:
        return self._converted(node, scope, lambda v, by: numbers.scale(v, by.num, by.den))

    def _call_price_in_base(self, node: n.Call, scope: Scope) -> Closure:
        return self._converted(node, scope, lambda v, by: numbers.scale(v, by.den, by.num))

    def _converted(
        self, node: n.Call, scope: Scope, by: Callable[[Any, Any], numbers.Number]
    ) -> Closure:
        units = self._table()
        value, unit, item = (self.compiler.expr(a, scope) for a in node.args)

        def convert(run: Run) -> Any:
            args = (value(run), unit(run), item(run))
            if any(type(a) is Unknown for a in args[1:]):
                return join(*args)
            found = units.get(run, args[1], args[2])
            if type(found) is Unknown or type(args[0]) is Unknown:
                return join(args[0], found)
            return by(args[0], found)

        return convert

    def _table(self) -> UnitTable:
        if self.compiler.units is None:
            raise TypeError("a ruleset without a units table converts nothing")
        return self.compiler.units
