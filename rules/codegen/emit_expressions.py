"""Write expressions as lines of Python with the values, unknowns and errors of the interpreter."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from sys import intern
from typing import Self

from grammar import nodes
from rules.codegen.source_text import (
    ARGUMENT,
    DEEPEST,
    OF_VALUES,
    Atom,
    Pen,
    over_own_lines,
    stored_sum,
)
from rules.expressions.lists import is_costly
from rules.expressions.run import Lookup, UnitTable, always_raise
from rules.types.functions import AGGREGATES, PURE
from rules.types.inference import word_of
from rules.types.symbol_table import Ref
from rules.values.kinds import NUMERIC

OPERATORS = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

_HELPERS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}

_KINDS = {
    "money": "decimal",
    "decimal": "decimal",
    "quantity": "decimal",
    "whole": "decimal",
    "text": "text",
    "user": "text",
    "one_of": "text",
    "date": "date",
    "moment": "moment",
    "yesno": "yes",
}

_ANSWERS = {
    "is_whole": "yes",
    "is_tin": "yes",
    "words": "text",
    "tin_fault": "text",
    "near_tin": "text",
    "tax_key": "text",
    "piece_price": "decimal",
    "piece_discount": "decimal",
}

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

    def _call(self, node: nodes.Call) -> Atom:
        found = self.page.have.get(node)
        if found is None:
            found = self._called(node)
            if not (self.scope.line and is_costly(node)):
                self.page.have[node] = found
        return found

    def _called(self, node: nodes.Call) -> Atom:
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

    def _aggregated(self, node: nodes.Call) -> Atom:
        if (stored := stored_sum(self, node)) is not None:
            return stored
        plain = self.bare and self.page.indent <= DEEPEST
        found = over_own_lines(self, node) if plain else None
        kind = {"count": "decimal", "any": "yes", "all": "yes"}.get(node.name, "")
        ask = self.compiler.lists.aggregate(node, self.scope)
        return found or self.asked(ask, id(node), kind)

    def of_own_lines(self, item: str) -> Self:
        """Return the writer for code in a loop over the record's lines."""
        scope = replace(self.scope.inside(item), document=False, bills=False)
        return type(self)(self.compiler, scope, self.page, clean=self.clean, bare=True, own=True)

    def _looked_up(self, node: nodes.Call) -> Atom:
        table = self.compiler.lookups[node.name]
        key = self.held(node.args[0])
        code, _ = self.guard(self._answered(table, key.code), key)
        kind = "decimal" if table.kind in {"number", "percent"} else table.kind
        kinds = {"text": "text", "decimal": "decimal", "yes_no": "yes", "date": "date"}
        return Atom(self.page.put(code), kinds.get(kind, ""))

    def _answered(self, table: Lookup | UnitTable, *keys: str) -> str:
        """Return code for a table's answer; the run notes the answer with its source."""
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
        """Return a variable with a unit's factor or its Unknown; looked up once."""
        key = ("factor", unit.code, item.code)
        found = self.page.have.get(key)
        if found is None:
            code, _ = self.guard(self._answered(units, unit.code, item.code), unit, item)
            found = self.page.have[key] = Atom(self.page.put(code))
        return found

    def _converted(self, node: nodes.Call, units: UnitTable, step: Atom | None = None) -> Atom:
        """Return a value converted to another unit, and rounded to `step` if there is one."""
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

    def _base_unit(self, node: nodes.Call, units: UnitTable) -> Atom:
        item, none = self.held(node.args[0]), self.page.number(self.compiler.calls.no_base(node))
        base = f"({self.page.number(units.bases.of)}({item.code}) or {none})"
        return Atom(self.page.put(self.guard(base, item)[0]), "text")

    def _rounded(self, node: nodes.Call) -> Atom:
        left, right = node.args
        units = self.compiler.units
        fused = self.bare and isinstance(right, nodes.Literal)
        if fused and units and isinstance(left, nodes.Call) and left.name in CONVERT:
            return self._converted(left, units, self.held(right))
        value, step = self.held(left), self.held(right)
        steps = right.value if isinstance(right, nodes.Literal) else None
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

    def _pure(self, node: nodes.Call) -> Atom:
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


class Writer(Calls):
    """Writes the expressions of one function."""

    # ---- leaves -------------------------------------------------------------------------------

    def _literal(self, node: nodes.Literal) -> Atom:
        return self.constant(self.compiler.literal(node))

    def _name(self, node: nodes.Name) -> Atom:
        found = self.page.have.get(node.path)
        if found is None:
            found = self.page.have[node.path] = self._read(node)
        return found

    def _read(self, node: nodes.Name) -> Atom:
        ref = self.scope.resolve(node.path)
        if ref is None:
            message = f"'{'.'.join(node.path)}' means nothing here"
            return self.asked(always_raise(message), node.path)
        return self.field(ref, node.path)

    def field(self, ref: Ref, path: object) -> Atom:
        """Return the value of a field, or of whatever else a name means."""
        if isinstance(ref.field, nodes.Field) and ref.kind in {"head", "line", "item"}:
            return self._stored(ref, ref.field)
        own = ref.kind in {"head", "line"} or (ref.kind == "item" and self.own)
        if isinstance(ref.field, nodes.Computed) and self.bare and own:
            return self._computed(ref, ref.field, path)
        ask, kind = self.compiler.ref(ref), self._kind_of(ref)
        if ref.kind == "const" and self.bare and self.compiler.is_dated:  # the same on each line
            return Atom(self.page.ahead(f"{self.page.number(ask, path)}({ARGUMENT})"), kind)
        return self.asked(ask, path, kind)

    def _computed(self, ref: Ref, field: nodes.Computed, path: object) -> Atom:
        """Return a computed field's value, cached in its row; a cycle calls a helper."""
        at = (ref.record, ref.name)
        if at in self.inside or self.page.indent > DEEPEST:
            return self.asked(self.compiler.ref(ref), path)
        row, key = self._row(ref.kind), self.page.number(intern(ref.name))
        cell = f"{row.code}[{key}]"
        known = self.page.have.get(cell)
        if known is not None:
            return known
        value = self.page.put(f"{row.code}.get({key})")
        outer = self.scope
        self.inside.add(at)
        of_line = ref.kind != "head"
        self.scope = replace(outer, line=of_line, item=None, document=False, bills=False)
        with self.page.block(f"if {value} is None:"):
            if ref.kind == "item":  # a bare name is a field of the header again
                self.page.have = {k: v for k, v in self.page.have.items() if isinstance(k, str)}
            found = self.held(field.expr)
            self.page.write(f"{cell} = {value} = {found.code}")
        self.scope = outer
        self.inside.discard(at)
        made = self.page.have[cell] = Atom(value, found.kind)  # a helper may have left an Unknown
        return made

    def _row(self, kind: str) -> Atom:
        """Return the header or the line in a variable."""
        row = self.page.have.get(kind)
        if row is None:
            row = self.page.have[kind] = Atom(self.page.put(f"{ARGUMENT}.{kind}"))
        return row

    def _stored(self, ref: Ref, field: nodes.Field) -> Atom:
        row = self._row(ref.kind)
        known = self.clean and field.mark != "optional" and (ref.kind != "item" or self.own)
        code = self.page.put(f"{row.code}[{self.page.number(intern(ref.name))}]")
        return Atom(code, _KINDS.get(field.type, ""), known)

    def _kind_of(self, ref: Ref) -> str:
        if ref.kind != "const":
            return {"today": "date", "now": "moment"}.get(ref.name, "")
        kinds = {type(row.value.value) for row in self.compiler.index.consts[ref.name].rows}
        return OF_VALUES.get(kinds.pop(), "") if len(kinds) == 1 else ""

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, node: nodes.Compare) -> Atom:
        left = self._beside(node.left, node.right)
        right = self._right(node)
        code, known = self.guard(f"({left.code} {OPERATORS[node.op]} {right.code})", left, right)
        safe = node.op in {"=", "<>"} or (left.kind == right.kind and left.kind != "")
        answer = Atom(code, "yes", known, inline=True, depth=1)
        return answer if known and safe else self.atom(answer)

    def _right(self, node: nodes.Compare) -> Atom:
        if isinstance(node.right, nodes.Name) and len(node.right.path) == 1:
            word = word_of(self.compiler.type(node.left, self.scope), node.right)
            if word is not None:
                return self.constant(word)
        return self._beside(node.right, node.left)

    def _beside(self, node: nodes.Expr, other: nodes.Expr) -> Atom:
        """Return an operand in a variable; a number beside an amount needs its currency."""
        number = self.compiler.currencies.number(node, other, self.scope)
        return self.held(node) if number is None else self.asked(number, (id(node), "beside"))

    def _member(self, node: nodes.Member) -> Atom:
        inner = self.held(node.left)
        values = tuple(v.name if isinstance(v, nodes.Word) else v.value for v in node.values)
        code, known = self.guard(f"({inner.code} in {self.page.number(values, id(node))})", inner)
        return Atom(code, "yes", known, inline=True, depth=1)

    def _known(self, node: nodes.Known) -> Atom:
        return self._is("is not", node.expr)

    def _absent(self, node: nodes.Absent) -> Atom:
        return self._is("is", node.expr)

    def _is(self, word: str, expr: nodes.Expr) -> Atom:
        inner = self.held(expr)
        code = f"({inner.code}.__class__ {word} Unknown)"
        return Atom(code, "yes", known=True, inline=True, depth=1)

    def _allof(self, node: nodes.AllOf) -> Atom:
        return self._together("and", "all_of", "is not False", node.parts)

    def _anyof(self, node: nodes.AnyOf) -> Atom:
        return self._together("or", "any_of", "is True", node.parts)

    def _together(self, word: str, helper: str, truth: str, parts: tuple[nodes.Expr, ...]) -> Atom:
        values = [self.value(p) for p in parts]
        depth = 1 + max(v.depth for v in values)
        if all(v.known for v in values):
            answers = [v.code if v.kind == "yes" else f"({v.code} {truth})" for v in values]
            code = f"({f' {word} '.join(answers)})"
            return Atom(code, "yes", known=True, inline=True, depth=depth)
        code = f"{helper}(({', '.join(v.code for v in values)},))"
        return Atom(self.page.put(code), "yes")

    def _not(self, node: nodes.Not) -> Atom:
        inner = self.value(node.expr)
        if not inner.known:
            inner = self.atom(inner)
        code, known = self.guard(f"(not {inner.code})", inner)
        return Atom(code, "yes", known, inline=True, depth=inner.depth + 1)

    # ---- arithmetic ---------------------------------------------------------------------------

    def _arith(self, node: nodes.Arith) -> Atom:
        found = self.page.have.get(node)
        if found is None:
            found = self._calculated(node)
            if not (self.scope.line and is_costly(node)):
                self.page.have[node] = found
        return found

    def _calculated(self, node: nodes.Arith) -> Atom:
        if node.op in "+-":
            left = self._beside(node.left, node.right)
            right = self._beside(node.right, node.left)
        else:
            left, right = self.held(node.left), self.held(node.right)
        exact = left.kind == right.kind == "decimal" and node.op != "/"
        code = f"{left.code} {node.op} {right.code}"
        if not exact and not self._of_time(node):
            code = f"{_HELPERS[node.op]}({left.code}, {right.code})"
        guarded, known = self.guard(code, left, right)
        return Atom(self.page.put(guarded), "decimal" if exact else "", known)

    def _of_time(self, node: nodes.Arith) -> bool:
        """Check whether dates, moments or durations are added."""
        sides = (self.compiler.type(side, self.scope).kind for side in (node.left, node.right))
        return node.op in "+-" and not {"date", "moment", "duration"}.isdisjoint(sides)

    def _negative(self, node: nodes.Negative) -> Atom:
        inner = self.held(node.expr)
        code = f"-{inner.code}"
        if self.compiler.type(node.expr, self.scope).kind in NUMERIC:
            code = f"subtract({self.page.number(Decimal(0))}, {inner.code})"
        guarded, known = self.guard(code, inner)
        return Atom(self.page.put(guarded), inner.kind, known)

    def _otherwise(self, node: nodes.Otherwise) -> Atom:
        inner = self.held(node.expr)
        if inner.known:
            return inner
        result = self.page.put(inner.code)
        with self.page.block(f"if {result}.__class__ is Unknown:"):
            default = self._apart(node.default)
            self.page.write(f"{result} = {default.code}")
        return Atom(result, inner.kind if inner.kind == default.kind else "", default.known)

    def _apart(self, node: nodes.Expr) -> Atom:
        """Return an expression in a block; deeply nested blocks become functions."""
        if self.page.indent <= DEEPEST:
            return self.value(node)
        return self.asked(self.compiler.expr(node, self.scope), id(node))
