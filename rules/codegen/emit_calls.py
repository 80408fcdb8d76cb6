"""Calls as lines of Python.

Here: look-ups, units, rounding and library functions. Not here: what goes over the lines
(emit_sums.py), the expressions inside a loop (emit_expressions.py).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Self

from grammar import nodes as n
from rules.codegen.emit_sums import over_own_lines, stored_sum
from rules.codegen.source_text import ARGUMENT, DEEPEST, Atom, Pen
from rules.expressions.aggregates import costly
from rules.expressions.lookups import Lookup, UnitTable
from rules.types.functions import AGGREGATES, PURE

_ANSWERS = {"is_whole": "yes", "is_tin": "yes", "words": "text"}
_INLINE = {
    "is_whole": ("yes", "({v} == {v}.to_integral_value())"),
    "abs": ("decimal", "({v} if {v} >= {zero} else {zero} - {v})"),
}
"""Functions of a decimal that are written out."""
_KEEPS = frozenset({"abs", "min", "max", "tax"})
"""Functions that give a decimal for decimals."""
CONVERT = frozenset({"in_base", "price_in_base"})


class Calls(Pen):
    """Writes the calls of one function."""

    def _call(self, node: n.Call) -> Atom:
        found = self.page.have.get(node)
        if found is None:
            found = self._called(node)
            if not (self.scope.line and costly(node)):
                self.page.have[node] = found
        return found

    def _called(self, node: n.Call) -> Atom:
        if node.name in self.compiler.lookups:
            return self._looked_up(node)
        if node.name in AGGREGATES:
            return self._aggregated(node)
        if node.name == "round":
            return self._rounded(node)
        if node.name == "date_of":
            zone = self.page.number(self.compiler.zone)
            moment = self.held(node.args[0])
            code, known = self.guard(f"{moment.code}.astimezone({zone}).date()", moment)
            return Atom(self.page.put(code), "date", known)
        if node.name == "e_invoice_class":
            given = self.held(node.args[0])
            ask = self.page.number(self.compiler.calls.class_of(node), id(node))
            return Atom(self.page.put(self.guard(f"{ask}({given.code})", given)[0]), "text")
        if self.compiler.units is not None:
            if node.name in CONVERT:
                return self._converted(node, self.compiler.units)
            if node.name == "base_unit":
                return self._base_unit(node, self.compiler.units)
        if node.name in PURE:
            return self._pure(node)
        return self.asked(self.compiler.calls.call(node, self.scope), id(node))

    def _aggregated(self, node: n.Call) -> Atom:
        if (stored := stored_sum(self, node)) is not None:
            return stored
        plain = self.bare and self.page.indent <= DEEPEST
        found = over_own_lines(self, node) if plain else None
        kind = {"count": "decimal", "any": "yes", "all": "yes"}.get(node.name, "")
        ask = self.compiler.lists.aggregate(node, self.scope)
        return found or self.asked(ask, id(node), kind)

    def of_own_lines(self, item: str) -> Self:
        """The writer of what stands in a loop over the lines of the record."""
        scope = replace(self.scope.inside(item), document=False, bills=False)
        return type(self)(self.compiler, scope, self.page, clean=self.clean, bare=True, own=True)

    def _looked_up(self, node: n.Call) -> Atom:
        table = self.compiler.lookups[node.name]
        key = self.held(node.args[0])
        code, _ = self.guard(self._answered(table, key.code), key)
        kind = "decimal" if table.kind in {"number", "percent"} else table.kind
        kinds = {"text": "text", "decimal": "decimal", "yes_no": "yes", "date": "date"}
        return Atom(self.page.put(code), kinds.get(kind, ""))

    def _answered(self, table: Lookup | UnitTable, *keys: str) -> str:
        """What a table answers, or has answered: then the run notes it, with what says so."""
        get = f"{self.page.number(table.get)}({ARGUMENT}, {', '.join(keys)})"
        if not self.bare:
            return get
        memory, world = self.page.number(table.memory), self.page.ahead(f"{ARGUMENT}.world")
        seen = self.page.ahead(
            f"seen[1] if (seen := {memory}.seen)[0] is {world} else {memory}.of({world})"
        )
        note = self.page.ahead(f"{ARGUMENT}.entries.append")
        found = self.page.variable()
        key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
        kept = f"{note}({found}) or {found}[0]"
        return f"({get} if ({found} := {seen}.get({key})) is None else {kept})"

    def factor(self, units: UnitTable, unit: Atom, item: Atom) -> Atom:
        """The factor of a unit, or its Unknown, in a variable; looked up once."""
        key = ("factor", unit.code, item.code)
        found = self.page.have.get(key)
        if found is None:
            code, _ = self.guard(self._answered(units, unit.code, item.code), unit, item)
            found = self.page.have[key] = Atom(self.page.put(code))
        return found

    def _converted(self, node: n.Call, units: UnitTable, step: Atom | None = None) -> Atom:
        """A value in another unit, and rounded to `step` if there is one, which is known."""
        value, unit, item = (self.held(a) for a in node.args)
        factor, result = self.factor(units, unit, item), self.page.variable()
        by = factor.code
        up, down = ("num", "den") if node.name == "in_base" else ("den", "num")
        scaled = f"scale({value.code}, {by}.{up}, {by}.{down})"
        if step is not None:
            scaled = f"rescaled({value.code}, {by}.{up}, {by}.{down}, {step.code})"
        elif value.kind == "decimal":
            scaled = f"({value.code} * {by}.{up} if {by}.{down} == 1 else {scaled})"
        gone = f"join({value.code}, {unit.code}, {item.code}, {by})"
        unsure = " or ".join(
            f"{v.code}.__class__ is Unknown" for v in (factor, value) if not v.known
        )
        known = not unsure
        self.page.write(
            f"{result} = {scaled}" if known else f"{result} = {gone} if {unsure} else {scaled}"
        )
        return Atom(result, "decimal" if step is not None else "", known)

    def _base_unit(self, node: n.Call, units: UnitTable) -> Atom:
        item, none = self.held(node.args[0]), self.page.number(self.compiler.calls.no_base(node))
        base = f"({self.page.number(units.bases.of)}({item.code}) or {none})"
        return Atom(self.page.put(self.guard(base, item)[0]), "text")

    def _rounded(self, node: n.Call) -> Atom:
        left, right = node.args
        units = self.compiler.units
        fused = self.bare and isinstance(right, n.Literal)
        if fused and units and isinstance(left, n.Call) and left.name in CONVERT:
            return self._converted(left, units, self.held(right))
        value, step = self.held(left), self.held(right)
        steps = right.value if isinstance(right, n.Literal) else None
        simple = isinstance(steps, Decimal) and steps > 0 and steps.as_tuple().digits == (1,)
        by = f"({value.code}, {step.code})"
        asked = f"round_half_up{by}"
        if simple:
            quick = f"quantize{by}"
            sure = value.kind == "decimal"
            asked = (
                quick if sure else f"({quick} if {value.code}.__class__ is Decimal else {asked})"
            )
        code, known = self.guard(asked, value, step)
        return Atom(self.page.put(code), "decimal", known)

    def _pure(self, node: n.Call) -> Atom:
        values = [self.held(a) for a in node.args]
        if node.name in _INLINE and len(values) == 1 and values[0].kind == "decimal":
            kind, text = _INLINE[node.name]
            zero = self.page.number(Decimal(0))
            code, known = self.guard(text.format(v=values[0].code, zero=zero), values[0])
            return Atom(self.page.put(code), kind, known)
        function = self.page.number(PURE[node.name].run)
        code, known = self.guard(f"{function}({', '.join(v.code for v in values)})", *values)
        kind = _ANSWERS.get(node.name, "")
        if node.name in _KEEPS and all(v.kind == "decimal" for v in values):
            kind = "decimal"
        return Atom(self.page.put(code), kind, known)
