"""Calls as lines of Python, and sums over the record's own lines as a loop.

Here: look-ups, sums, units, rounding and library functions; over_own_lines, as the helper does it
(rules/expressions/aggregates.py): every line is visited and counted, and the reasons of unknown
ones are joined; stored_sum, kept for whoever asks again, and add_on_the_way for a loop that is
there anyway. Not here: the expressions inside the loop (emit_expressions.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from sys import intern
from typing import Any, Self

from grammar import nodes as n
from rules.codegen.source_text import ARGUMENT, DEEPEST, Atom, Page, Pen
from rules.expressions.aggregates import costly
from rules.expressions.lookups import Lookup, UnitTable
from rules.types.functions import AGGREGATES, PURE
from rules.types.inference import Listed, listed
from rules.types.symbol_table import Ref

_NOTHING = Decimal(0)
_NUMBERS = frozenset({"money", "decimal", "quantity", "whole"})


def stored_sum(writer: Calls, node: n.Call) -> Atom | None:
    """The sum of a field that every line has; None where it is not that simple."""
    field = _summed_field(writer, node)
    if field is None:
        return None
    page = writer.page
    key, name = _kept(writer, node), page.number(intern(field.name))
    value = page.put(f"{ARGUMENT}.memo.get({key})")
    with page.block(f"if {value} is None:"):
        page.visit()
        total = f"sum([row[{name}] for row in {ARGUMENT}.lines], {page.number(_NOTHING)})"
        page.write(f"{ARGUMENT}.memo[{key}] = {value} = ({total}, ())")
    return Atom(page.put(f"{value}[0]"), "decimal", known=True)


@contextmanager
def add_on_the_way(
    head: Calls, line: Calls, nodes: Sequence[n.Call], checks: int
) -> Iterator[None]:
    """The loop over the lines for so many checks, which also adds up these sums of the header."""
    page, found = head.page, dict.fromkeys(nodes)
    fields = {node: f for node in found if (f := _summed_field(head, node)) is not None}
    totals = {node: page.put(page.number(_NOTHING)) for node in fields}
    keys = {node: _kept(head, node) for node in fields}
    times = str(checks)
    if keys:
        memo = page.put(f"{ARGUMENT}.memo")
        times = f"({' + '.join([times, *(f'({k} not in {memo})' for k in keys.values())])})"
    with page.lines_of_record(times):
        yield
        for node, field in fields.items():
            value = line.value(n.Name(("line", field.name), node.span))
            page.write(f"{totals[node]} += {value.code}")
    for node, total in totals.items():
        page.write(f"{memo}[{keys[node]}] = ({total}, ())")
        page.have[node] = Atom(total, "decimal", known=True)


def sums_of(node: Any) -> Iterator[n.Call]:
    """The sums that an expression asks for whatever its values are."""
    if isinstance(node, n.Call) and node.name == "sum":
        yield node
        return
    for slot in getattr(node, "__slots__", ()):
        if slot not in {"span", "default", "where"}:
            part = getattr(node, slot)
            for inner in part if isinstance(part, tuple) else (part,):
                yield from sums_of(inner)


def _summed_field(writer: Calls, node: n.Call) -> n.Field | None:
    """The field of the record's own lines that is added up, where all lines have it."""
    arg = node.args[0]
    over = listed(arg.path, writer.scope) if isinstance(arg, n.Name) else None
    if node.name != "sum" or node.where is not None or over is None or over.link is not None:
        return None
    field = writer.compiler.index.fields.get(over.record, {}).get(over.field)
    if not writer.clean or not isinstance(field, n.Field) or field.mark == "optional":
        return None
    return field if field.type in _NUMBERS else None


def _kept(writer: Calls, node: n.Call) -> str:
    """The name of the key under which a run keeps the value of an aggregate."""
    writer.compiler.lists.aggregate(node, writer.scope)
    return writer.page.number(writer.compiler.lists.keys[node], ("kept", id(node)))


def over_own_lines(writer: Calls, node: n.Call) -> Atom | None:
    """The value of an aggregate; None where a helper must work it out."""
    page, scope, arg = writer.page, writer.scope, node.args[0]
    over = listed(arg.path, scope) if isinstance(arg, n.Name) else None
    if over is None or over.link is not None or node.name == "latest":
        return None
    if "line" in page.have or scope.line or scope.item is not None:
        return None
    adds = node.name == "sum"
    total = page.put(page.number(_NOTHING) if adds else "[]")
    unsure = page.put("[]") if adds else ""
    page.visit()
    before = page.put(f"{ARGUMENT}.line")
    kind = ""
    with page.block(f"for line in {ARGUMENT}.lines:"):
        page.write(f"{ARGUMENT}.line = {ARGUMENT}.item = line")
        page.have = {"line": Atom("line"), "item": Atom("line")}
        inner = writer.of_own_lines(over.record)
        wanted = (
            inner.held(node.where) if node.where is not None else Atom("True", "yes", known=True)
        )
        if adds:
            kind = _add(inner, over, wanted, total, unsure)
        else:
            page.write(f"{total}.append({wanted.code})")
    page.write(f"{ARGUMENT}.line = {before}")
    page.write(f"{ARGUMENT}.item = {page.number({}, 'nothing')}")
    return _sum(page, total, unsure, kind) if adds else _answer(page, node.name, total)


def _add(inner: Calls, over: Listed, wanted: Atom, total: str, unsure: str) -> str:
    """The lines that add one row, and the kind of the sum."""
    page = inner.page
    declared = inner.compiler.index.fields[over.record][over.field]

    def add() -> str:
        value = inner.field(Ref("item", over.field, declared, over.record), (over.field,))
        exact = value.kind == "decimal"
        more = f"{total} + {value.code}" if exact else f"add({total}, {value.code})"
        if value.known:
            page.write(f"{total} = {more}")
            return value.kind
        with page.block(f"if {value.code}.__class__ is Unknown:"):
            page.write(f"{unsure}.append({value.code})")
        with page.block("else:"):
            page.write(f"{total} = {more}")
        return value.kind

    if wanted.code == "True":
        return add()
    with page.block(f"if {wanted.code} is True:"):
        kind = add()
    with page.block(f"elif {wanted.code}.__class__ is Unknown:"):
        page.write(f"{unsure}.append({wanted.code})")
    return kind


def _sum(page: Page, total: str, unsure: str, kind: str) -> Atom:
    return Atom(page.put(f"join(*{unsure}) if {unsure} else {total}"), kind)


def _answer(page: Page, name: str, answers: str) -> Atom:
    if name in {"any", "all"}:
        return Atom(page.put(f"{name}_of({answers})"), "yes")
    return Atom(page.put(f"counted({answers})"), "decimal")


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
