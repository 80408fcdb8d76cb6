"""The interpreter: what an expression means. Nodes in, closures over a Run out.

Here: Compiler, one for each record kind; names are resolved once, when it compiles. Every closure
takes a Run and gives a value or an Unknown, and raises ArithmeticError or TypeError where the
numbers leave their bounds; `guarded` turns that into an Unknown. Not here: decisions (judge.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules import numbers
from rules.bills import due
from rules.calls import Calls
from rules.closures import Closure, always, applied, binary, looked_up, never
from rules.functions import AGGREGATES
from rules.gaps import NOWHERE, RING, const_gap, limit_gap
from rules.index import Index, Ref, Scope
from rules.kinds import NUMERIC, Type
from rules.lists import Lists
from rules.run import Lookup, Run, UnitTable
from rules.told import TOLD
from rules.types import infer, silent, word_of
from rules.unknown import Unknown, all_of, any_of, negation
from rules.words import say

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBERS = {
    "+": numbers.add,
    "-": numbers.subtract,
    "*": numbers.multiply,
    "/": numbers.divide,
}
_OTHERS = {"+": operator.add, "-": operator.sub}


class Compiler:
    """Compiles the expressions of one record kind."""

    def __init__(
        self,
        index: Index,
        record: str,
        zone: ZoneInfo,
        family: dict[str, Compiler] | None = None,
    ) -> None:
        self.index = index
        self.record = record
        self.zone = zone
        self.family = family if family is not None else {}
        self.family[record] = self
        source = index.sources.get(index.records[record].source or "")
        self.owner = (source.missing.action.role or "") if source else ""
        self.lookups = {m.name: Lookup(m) for m in index.ruleset.maps}
        self.units = UnitTable(index.ruleset.units[0]) if index.ruleset.units else None
        self.lists = Lists(self)
        self.calls = Calls(self)
        self._computed: dict[tuple[str, str], Closure] = {}
        dated = index.marked(record, "dated")
        self._dated = dated.name if dated else None

    def of(self, record: str) -> Compiler:
        """The compiler of another record kind, whose records are linked to this one."""
        if record not in self.family:
            source = self.index.sources.get(self.index.records[record].source or "")
            zone = ZoneInfo(source.zone) if source else self.zone
            Compiler(self.index, record, zone, self.family)
        return self.family[record]

    def field(self, name: str, scope: Scope) -> Closure:
        """The closure of a field of the record."""
        return self.expr(n.Name((name,), NOWHERE), scope)

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

    def type(self, node: n.Expr, scope: Scope) -> Type:
        """The static type of an expression."""
        return infer(node, scope, silent)

    # ---- leaves -------------------------------------------------------------------------------

    def _literal(self, node: n.Literal, _: Scope) -> Closure:
        value: Any = node.value
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=self.zone).astimezone(UTC)
        return always(value)

    def _name(self, node: n.Name, scope: Scope) -> Closure:
        ref = scope.resolve(node.path)
        if ref is None:
            return never(f"'{'.'.join(node.path)}' means nothing here")
        return self.ref(ref)

    def ref(self, ref: Ref) -> Closure:
        """The closure that reads what a path means."""
        name = ref.name
        if ref.kind == "fact":
            return lambda run: TOLD[name](run, self.owner)
        if ref.kind == "const":
            return self._const(self.index.consts[name])
        if ref.kind == "number":
            return lambda run: run.route.number
        if ref.kind == "due":
            return due
        if isinstance(ref.field, n.Computed):
            return self._computed_field(ref)
        if ref.kind == "head":
            return lambda run: run.head[name]
        if ref.kind == "line":
            return lambda run: run.line[name]
        return lambda run: run.item[name]

    def _computed_field(self, ref: Ref) -> Closure:
        name, record = ref.name, ref.record
        if ref.kind == "head":
            return lambda run: self._of_row(run, run.head, record, name)
        if ref.kind == "line":
            return lambda run: self._of_row(run, run.line, record, name)
        kind = self.index.records[record].parent or record

        def of_item(run: Run) -> Any:
            home = run.home
            if home is run:
                return self._of_row(run, run.item, record, name)
            home.uses = run.uses
            return self.of(kind)._of_row(home, run.item, record, name)

        return of_item

    def _of_row(self, run: Run, row: dict[str, Any], record: str, name: str) -> Any:
        if name in row:
            run.uses.extend(run.row_uses.get((id(row), name), ()))
            return row[name]
        return self._compute(run, row, record, name)

    def _compute(self, run: Run, row: dict[str, Any], record: str, name: str) -> Any:
        """Work out a computed field once a row, and remember which entries it read."""
        field = self.index.fields[record][name]
        row[name] = Unknown(limit_gap(name, self.owner, name, RING, field.span))
        outer_uses, outer_line = run.uses, run.line
        run.uses = []
        if row is not run.head:
            run.line = row
        try:
            row[name] = value = self._closure_of(record, name)(run)
        finally:
            mine = tuple(dict.fromkeys(run.uses))
            run.uses, run.line = outer_uses, outer_line
        if mine:
            run.row_uses[id(row), name] = mine
            run.uses.extend(mine)
        return value

    def _closure_of(self, record: str, name: str) -> Closure:
        found = self._computed.get((record, name))
        if found is None:
            field = self.index.fields[record][name]
            assert isinstance(field, n.Computed)  # noqa: S101
            parent = self.index.records[record].parent
            scope = Scope(self.index, parent or record, line=parent is not None)
            found = self.guarded(field.expr, scope, name, self.owner)
            self._computed[record, name] = found
        return found

    def _const(self, const: n.Const) -> Closure:
        rows = sorted(const.rows, key=lambda r: r.since)
        before = Unknown(const_gap(const, self.owner))

        def get(run: Run) -> Any:
            if const.name not in run.memo:
                day = self.day_of(run)
                values = [] if type(day) is Unknown else [r for r in rows if r.since <= day]
                gone = day if type(day) is Unknown else before
                run.memo[const.name] = values[-1].value.value if values else gone
            return run.memo[const.name]

        return get

    def day_of(self, run: Run) -> Any:
        """The day that consts are read at: the record's `dated` field, else today."""
        if self._dated is None:
            run.clock.add("today")
            return run.today
        value = run.head[self._dated]
        return value.astimezone(self.zone).date() if isinstance(value, datetime) else value

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, node: n.Compare, scope: Scope) -> Closure:
        left, op = self.expr(node.left, scope), COMPARE[node.op]
        word = word_of(self.type(node.left, scope), node.right)
        if word is not None:
            return binary(left, always(word), op)
        return binary(left, self.expr(node.right, scope), op)

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
        left, right = self.expr(node.left, scope), self.expr(node.right, scope)
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
