"""Calls as lines of Python: look-ups, sums, units, rounding, functions of the library.

Here: Calls, which Writer is made of. Not here: what the functions give (rules/functions.py), sums
over lines (sums.py).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Self

from grammar import nodes as n
from rules.emit.sums import over_own_lines, stored_sum
from rules.emit.text import ARGUMENT, Atom
from rules.emit.writing import DEEPEST, Pen
from rules.functions import AGGREGATES, PURE
from rules.lists import costly
from rules.lookups import Lookup, UnitTable

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
        """What a table answers, or has answered where nobody asks which entry it was."""
        get = f"{self.page.number(table.get)}({ARGUMENT}, {', '.join(keys)})"
        if not self.bare:
            return get
        seen = self.page.ahead(f"{self.page.number(table.remembered)}({ARGUMENT}.world)")
        found = self.page.variable()
        key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
        return f"({get} if ({found} := {seen}.get({key})) is None else {found}[0])"

    def conversion(self, units: UnitTable, unit: Atom, item: Atom) -> str:
        """The code of the factor of a unit, or of its Unknown."""
        return self.guard(self._answered(units, unit.code, item.code), unit, item)[0]

    def _converted(self, node: n.Call, units: UnitTable, step: Atom | None = None) -> Atom:
        """A value in another unit, and rounded to `step` if there is one, which is known."""
        value, unit, item = (self.held(a) for a in node.args)
        by, result = self.page.put(self.conversion(units, unit, item)), self.page.variable()
        up, down = ("num", "den") if node.name == "in_base" else ("den", "num")
        scaled = f"scale({value.code}, {by}.{up}, {by}.{down})"
        if step is not None:
            scaled = f"rescaled({value.code}, {by}.{up}, {by}.{down}, {step.code})"
        elif value.kind == "decimal":
            scaled = f"({value.code} * {by}.{up} if {by}.{down} == 1 else {scaled})"
        gone = f"join({value.code}, {unit.code}, {item.code}, {by})"
        unsure = " or ".join(f"{v}.__class__ is Unknown" for v in (by, value.code))
        self.page.write(f"{result} = {gone} if {unsure} else {scaled}")
        return Atom(result, "decimal" if step is not None else "")

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
