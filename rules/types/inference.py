"""Infer the type of every expression and report type errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from grammar import nodes
from grammar.advice.hints import WORDS as FOREIGN
from grammar.text.problem import Problem, Span
from rules.types.functions import AGGREGATES, LITERAL, NAMES, PURE, CallTypes, Report, did_you_mean
from rules.types.symbol_table import (
    FACTS,
    LATER_FACTS,
    Amounts,
    Conversions,
    DocumentSchema,
    Ref,
    Scope,
    Where,
    stored_type,
)
from rules.values.kinds import (
    ANY,
    COUNTS,
    NUMERIC,
    ORDERED,
    YESNO,
    Type,
    alternative_type,
    are_comparable,
    compare_hint,
    explain_misfit,
    find_fruitless,
    negated_type,
    operation_type,
    say_type,
    written_type,
)
from rules.values.wording import format_expression, format_literal

UNITS = ("UOM", "Unit", "UnitOfMeasure")
"""What targets call the field that says the unit of a line."""

_BESIDE = ", beside base quantities"

_KEEPS = frozenset({"round", "abs", "min", "max", "due_of", "was"})
"""Functions whose value is in the unit of what they are given."""

_HINT = "Take both in base units (in_base, price_in_base, base_unit), or both as they come."

CLOCK = ("today", "now")

_TURNED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

_JUDGED = (date(2020, 1, 1), date(2100, 12, 31))
"""Between them lies every day on which something is judged."""

_DAY_DIFFERENCE_TYPES = frozenset({"date", "moment", "duration"})

IsWord = Callable[[nodes.Compare, nodes.Name], bool]

_DAY_TYPES = frozenset({"date", "moment"})


class Measure(StrEnum):
    """The unit that a quantity counts in, or that a price is for."""

    RAW = "raw"
    BASE = "base"


Measures = frozenset[Measure]

_NONE: Measures = frozenset()

_RAW, _BASE = frozenset({Measure.RAW}), frozenset({Measure.BASE})

_IN = {_RAW: "in the unit of the record", _BASE: "in base units", _RAW | _BASE: "in mixed units"}


@dataclass(frozen=True, slots=True)
class Listed:
    """The list of an aggregate: `link` is None for the record's own lines.

    `lines` marks rows that are lines; `record` is their kind, `field` the aggregated field or
    blank.
    """

    link: nodes.Link | None
    lines: bool
    record: str
    field: str


def resolve_list(path: tuple[str, ...], scope: Scope) -> Listed | None:
    """Return the list that an aggregate's path names, or None.

    `lines`, `lines.qty`, `deliveries`, `deliveries.total`, `deliveries.lines.pieces`.
    """
    index = scope.index
    link = index.links.get(scope.record, {}).get(path[0]) if path else None
    if link is None:
        many = index.fields.get(scope.record, {}).get(path[0]) if path else None
        return _of_lines(None, many, path[1:], scope.line_record)
    rest = path[1:]
    many = index.fields.get(link.other, {}).get(rest[0]) if rest else None
    if isinstance(many, nodes.Field) and many.type == "many":
        lines = index.line_records.get(link.other)
        return _of_lines(link, many, rest[1:], lines.name if lines else "")
    return (
        Listed(link, lines=False, record=link.other, field=".".join(rest))
        if len(rest) < 2
        else None
    )


def _of_lines(
    link: nodes.Link | None, many: object, rest: tuple[str, ...], lines: str
) -> Listed | None:
    if not isinstance(many, nodes.Field) or many.type != "many" or len(rest) > 1:
        return None
    return Listed(link, lines=True, record=many.of or lines, field=rest[0] if rest else "")


def infer(expr: nodes.Expr, scope: Scope, report: Report) -> Type:
    """Return an expression's type in a scope and pass its problems to `report`, once each."""
    return _InferenceWalk(scope, report).of(expr)


class _InferenceWalk(CallTypes):
    """One walk over an expression."""

    def of(self, expr: nodes.Expr) -> Type:
        found: Type = getattr(self, f"_{type(expr).__name__.lower()}")(expr)
        return found

    # ---- leaves -------------------------------------------------------------------------------

    def _literal(self, expr: nodes.Literal) -> Type:
        return written_type(LITERAL.get(expr.kind, expr.kind), [expr.value])

    def _name(self, expr: nodes.Name) -> Type:
        ref = self.scope.resolve(expr.path)
        if ref is None:
            return self._unknown_name(expr)
        if ref.kind == "list":
            message = f"'{'.'.join(expr.path)}' is many values, one of each line"
            return self.say("TYP10", message, hint_for_list(expr), expr.span)
        if ref.field is not None:
            return field_type(ref.field, ref.record, self.scope)
        if ref.kind == "const":
            rows = [row.value for row in self.scope.index.consts[ref.name].rows]
            return written_type(rows[0].kind, [value.value for value in rows])
        if ref.kind == "number":
            return Type("text")
        if ref.kind == "due":
            return Type("quantity")
        return Type(*FACTS[ref.name])

    def _unknown_name(self, expr: nodes.Name) -> Type:
        name = ".".join(expr.path)
        if expr.path[0] == "line" and not self.scope.line:
            message = f"'{name}': there is no line here"
            hint = "Say 'each line' in the declaration, or use an aggregate such as sum(lines.x)."
            return self.say("NAM02", message, hint, expr.span)
        if name in LATER_FACTS:
            message = f"the fact '{name}' cannot be asked here"
            hint = "It can be a column of a decision table, or a fact of a test."
            return self.say("NAM12", message, hint, expr.span)
        what = self.scope.item or self.scope.record or "this place"
        hint = hint_for_name(name, self.scope)
        return self.say("NAM01", f"{what} has no field '{name}'", hint, expr.span)

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, expr: nodes.Compare) -> Type:
        left = self.of(expr.left)
        word = word_of(left, expr.right)
        if word is not None:
            self._word(word, left, expr.right.span)
            if expr.op not in {"=", "<>"}:
                self.say("TYP03", "words have no order", "Use = or <>.", expr.span)
            return YESNO
        right = self.of(expr.right)
        self._quoted(expr.right, left)
        self._quoted(expr.left, right)
        if not are_comparable(left, right):
            message = f"{say_type(left, right)} cannot be compared with {say_type(right, left)}"
            self.say("TYP01", message, hint_for_comparison(expr, left, right), expr.span)
        elif expr.op not in {"=", "<>"} and not {left.kind, right.kind} <= ORDERED:
            self.say("TYP03", f"{say_type(left)} has no order", "Use = or <>.", expr.span)
        return YESNO

    def _word(self, word: str, left: Type, span: Span) -> None:
        if word not in left.states:
            message = f"'{word}' is none of {', '.join(left.states)}"
            self.say("NAM03", message, did_you_mean(word, left.states), span)
        elif self.scope.resolve((word,)) is not None:
            message = f"'{word}' is a word of the left side and a name of its own"
            self.say("NAM04", message, f'Write "{word}" in quotes.', span)

    def _quoted(self, text: nodes.Expr, other: Type) -> None:
        """Report a quoted text beside a word type that is none of its words, because they never
        match.
        """
        said = text.value if isinstance(text, nodes.Literal) else None
        if not isinstance(said, str) or not other.states or said in other.states:
            return
        meant = self.scope.index.spelled(other.states, said)
        if meant is None:
            message = f'"{said}" is none of {", ".join(other.states)}'
            hint = did_you_mean(said.strip().lower(), other.states)
        else:
            message = f'"{said}" is a spelling of the source: in rules the status is {meant}'
            taken = self.scope.resolve((meant,)) is not None
            hint = f'Write "{meant}".' if taken else f"Write {meant}, without quotes."
        self.say("NAM03", message, hint, text.span)

    def _member(self, expr: nodes.Member) -> Type:
        left = self.of(expr.left)
        for value in expr.values:
            if isinstance(value, nodes.Word):
                if left.states:
                    self._word(value.name, left, value.span)
                elif left.kind != "any":
                    hint = hint_for_member(expr, value, self.scope)
                    self.say("NAM01", f"'{value.name}' is not a word here", hint, value.span)
            elif not are_comparable(left, self.of(value)):
                message = f"{say_type(left)} cannot be compared with {say_type(self.of(value))}"
                self.say("TYP01", message, "Both sides must be of one type.", value.span)
            else:
                self._quoted(value, left)
        return YESNO

    def _known(self, expr: nodes.Known) -> Type:
        self.of(expr.expr)
        return YESNO

    def _absent(self, expr: nodes.Absent) -> Type:
        self.of(expr.expr)
        return YESNO

    def _allof(self, expr: nodes.AllOf | nodes.AnyOf) -> Type:
        """Return the type of adjacent conditions; a lone word may belong to the previous
        comparison.
        """
        conditions, left = split_words(expr.parts, self._is_word)
        for part in conditions:
            self.condition(part)
        for wrong in left:
            self.report(wrong)
        return YESNO

    _anyof = _allof

    def _is_word(self, compare: nodes.Compare, name: nodes.Name) -> bool:
        """Check whether a name is only a word that a comparison could name."""
        states = infer(compare.left, self.scope, ignore_problem).states
        return format_expression(name) in states and self.scope.resolve(name.path) is None

    def _not(self, expr: nodes.Not) -> Type:
        return self.condition(expr.expr)

    def condition(self, expr: nodes.Expr) -> Type:
        """Report an expression that is not yes or no."""
        found = self.of(expr)
        if found.kind not in {"yesno", "any"}:
            hint = "Compare it with something, or ask whether it is known."
            self.say("TYP02", f"{say_type(found)} is neither yes nor no", hint, expr.span)
        return YESNO

    # ---- arithmetic ---------------------------------------------------------------------------

    def _arith(self, expr: nodes.Arith) -> Type:
        left, right = self.of(expr.left), self.of(expr.right)
        if "any" in {left.kind, right.kind}:
            return ANY
        found = operation_type(expr.op, left, right)
        if found is None:
            return self.say("TYP04", *explain_misfit(expr.op, left, right), expr.span)
        wrong = find_fruitless(expr.op, left, right, format_expression(expr.right))
        if wrong is not None:  # the type stays: rules in force go on as they are
            self.say("TYP04", *wrong, expr.span)
        return found

    def _negative(self, expr: nodes.Negative) -> Type:
        found = self.of(expr.expr)
        if found.kind not in NUMERIC | {"duration", "any"}:
            message = f"{say_type(found)} has no negative"
            return self.say("TYP04", message, "Only numbers have one.", expr.span)
        return negated_type(found)

    def _otherwise(self, expr: nodes.Otherwise) -> Type:
        left, right = self.of(expr.expr), self.of(expr.default)
        if not are_comparable(left, right):
            message = f"{say_type(left)} otherwise {say_type(right)}: two types"
            return self.say("TYP05", message, "Give a default of the same type.", expr.span)
        self._quoted(expr.default, left)
        return alternative_type(left, right)

    # ---- calls --------------------------------------------------------------------------------

    def _call(self, expr: nodes.Call) -> Type:
        if expr.name in self.scope.index.maps:
            return self._map(expr)
        if expr.name in AGGREGATES:
            return self._aggregate(expr)
        if expr.name in PURE:
            return self._pure(expr)
        special = getattr(self, f"_call_{expr.name}", None)
        if special is not None:
            found: Type = special(expr)
            return found
        hint = FOREIGN.get(expr.name) or did_you_mean(expr.name, [*NAMES, *self.scope.index.maps])
        return self.say("NAM05", f"'{expr.name}' is not a function or a map", hint, expr.span)

    def _aggregate(self, expr: nodes.Call) -> Type:
        arg = expr.args[0] if len(expr.args) == 1 else None
        path = arg.path if isinstance(arg, nodes.Name) else ()
        over = resolve_list(path, self.scope)
        if over is None:
            hint = "Write a list, such as lines, lines.amount, or a link."
            if isinstance(arg, nodes.Arith | nodes.Call):
                hint = "Give lines a field, amount = line.qty * line.price, then sum(lines.amount)."
            return self.say("TYP10", f"'{expr.name}' works over a list", hint, expr.span)
        if expr.where is not None:
            _InferenceWalk(self.scope.inside(over.record), self.report).condition(expr.where)
        needs_field = expr.name in {"sum", "latest"}
        if needs_field != bool(over.field):
            hint = "sum and latest want a field of the list, count, any and all the list itself."
            return self.say("TYP10", f"'{expr.name}' is used the wrong way", hint, expr.span)
        if not needs_field:
            return Type("whole") if expr.name == "count" else YESNO
        fields = self.scope.index.fields.get(over.record, {})
        if over.field not in fields:
            message = f"{over.record or 'line'} has no field '{over.field}'"
            return self.say("NAM01", message, did_you_mean(over.field, fields), expr.span)
        found = field_type(fields[over.field], over.record, self.scope)
        if expr.name == "sum" and found.kind not in NUMERIC | {"any"}:
            return self.say("TYP08", f"{say_type(found)} has no sum", "Sum a number.", expr.span)
        return replace(found, written=())


def ignore_problem(_: Problem) -> None:
    """Ignore a problem, for a caller that needs only the type."""


def word_of(left: Type, right: nodes.Expr) -> str | None:
    """Return the bare word at the right of a comparison with a word type, or None."""
    bare = isinstance(right, nodes.Name) and len(right.path) == 1
    return right.path[0] if bare and left.states and isinstance(right, nodes.Name) else None


def field_type(field: nodes.Field | nodes.Computed, record: str, scope: Scope) -> Type:
    """Return the type of a stored or computed field."""
    if isinstance(field, nodes.Field):
        return stored_type(field, record, scope.index)
    return computed_type(field, record, scope)


def computed_type(field: nodes.Computed, record: str, scope: Scope) -> Type:
    """Return a computed field's type, inferred once in the scope of its own record."""
    known = scope.index.computed_types
    at = (record, field.name)
    if at not in known:
        known[at] = ANY  # a field that needs itself has no type; the checker says so elsewhere
        owner = scope.index.records[record].parent
        own = Scope(scope.index, owner or record, line=owner is not None)
        known[at] = infer(field.expr, own, ignore_problem)
    found = known[at]
    return found if isinstance(found, Type) else ANY


@dataclass(frozen=True, slots=True)
class Mixed:
    """Two values in different units, in words, and how to correct them."""

    span: Span
    message: str
    hint: str = _HINT


def find_mixed_units(post: nodes.Post, known: DocumentSchema, scope: Scope) -> Iterator[Mixed]:
    """Yield mixed units of a route; `scope` is the scope of its lines."""
    walk = _MeasureWalk(scope, post.bill)
    if post.bill is not None:
        yield from _bill(post.bill, walk)
    given = {assign.name: assign for assign in post.line_fields}
    unit = next((given[name] for name in UNITS if name in given), None)
    defined: Amounts | None = getattr(known, "amounts", None)
    price = given.get(defined.price) if defined else None
    for field in known.lines:
        counts = field.type == "quantity" and field.name in given
        if counts and infer(given[field.name].expr, scope, ignore_problem).kind in COUNTS:
            yield from _line(given[field.name], unit, price, walk)


class _MeasureWalk:
    """One walk over the formula of a quantity, a price or a unit."""

    def __init__(
        self, scope: Scope, bill: nodes.Bill | None = None, seen: frozenset[Where] = frozenset()
    ) -> None:
        self.scope, self.bill, self.seen = scope, bill, seen
        self.known = Conversions.of(scope.index)

    def unit(self, expr: nodes.Expr) -> Measures:
        """Return whether a text is the record's unit, a map's result for it, or the base unit."""
        parts = tuple(nodes.walk(expr))
        if any(isinstance(part, nodes.Call) and part.name == "base_unit" for part in parts):
            return _BASE
        behind = self._behind(expr) if isinstance(expr, nodes.Name) else None
        if behind is not None:
            return behind[0].unit(behind[1])
        names = (part for part in parts if isinstance(part, nodes.Name))
        return _RAW if any(self.known.is_unit(name, self.scope) for name in names) else _NONE

    def quantity(self, expr: nodes.Expr) -> Measures:
        """Return the units of a quantity; empty for other values and unconverted ones.

        A product or quotient of two quantities is no quantity.
        """
        if isinstance(expr, nodes.Name):
            return self._named(expr)
        if isinstance(expr, nodes.Call):
            return self._called(expr)
        if isinstance(expr, nodes.Arith):
            left, right = self.quantity(expr.left), self.quantity(expr.right)
            return _NONE if left and right and expr.op in "*/" else left | right
        if isinstance(expr, nodes.Otherwise):
            return self.quantity(expr.expr) | self.quantity(expr.default)
        return self.quantity(expr.expr) if isinstance(expr, nodes.Negative) else _NONE

    def price(self, expr: nodes.Expr) -> Measures:
        """Return the units of a price; empty where it comes from elsewhere, such as a map."""
        if isinstance(expr, nodes.Call) and expr.name == "price_in_base":
            return _BASE
        if isinstance(expr, nodes.Call):
            return self.price(expr.args[0]) if expr.name in _KEEPS and expr.args else _NONE
        if isinstance(expr, nodes.Name):
            behind, ref = self._behind(expr), self.scope.resolve(expr.path)
            if behind is not None:
                return behind[0].price(behind[1])
            priced = ref is not None and (ref.record, ref.name) in self.known.prices
            return _RAW if priced else _NONE
        if isinstance(expr, nodes.Arith) and expr.op == "/":
            return self.quantity(expr.right) or self.price(expr.left)
        if isinstance(expr, nodes.Arith):
            return (
                _NONE
                if self.quantity(expr.left) | self.quantity(expr.right)
                else (self.price(expr.left) | self.price(expr.right))
            )
        return (
            self.price(expr.expr) if isinstance(expr, nodes.Negative | nodes.Otherwise) else _NONE
        )

    def _named(self, expr: nodes.Name) -> Measures:
        ref = self.scope.resolve(expr.path)
        if ref is not None and ref.kind == "due":
            walk = _MeasureWalk(replace(self.scope, bills=False), None, self.seen)
            return walk.quantity(self.bill.expr) if self.bill is not None else _NONE
        behind = self._behind(expr)
        if behind is not None:
            return behind[0].quantity(behind[1])
        return _RAW if ref is not None and self._is_raw(ref) else _NONE

    def _is_raw(self, ref: Ref) -> bool:
        """Check whether a stored field counts in the unit beside it."""
        if not isinstance(ref.field, nodes.Field):
            return False
        counted = self.known.counted(ref.record)
        return (
            ref.name in counted
            if counted
            else (ref.field.type == "quantity" and self.known.converts(ref.record))
        )

    def _called(self, expr: nodes.Call) -> Measures:
        if expr.name == "in_base":
            return _BASE
        if expr.name in _KEEPS and expr.args:
            last = 1 if expr.name == "round" else None
            return frozenset().union(*(self.quantity(arg) for arg in expr.args[:last]))
        arg = expr.args[0] if expr.name in AGGREGATES and len(expr.args) == 1 else None
        over = resolve_list(arg.path, self.scope) if isinstance(arg, nodes.Name) else None
        if over is None or not over.field or over.record not in self.scope.index.records:
            return _NONE
        owner = self.scope.index.records[over.record].parent
        inner = Scope(self.scope.index, owner or over.record, line=owner is not None)
        path = ("line", over.field) if owner else (over.field,)
        return _MeasureWalk(inner, None, self.seen).quantity(nodes.Name(path, expr.span))

    def _behind(self, expr: nodes.Name) -> tuple[_MeasureWalk, nodes.Expr] | None:
        """Return a computed field's formula with its walk, or None for a cycle."""
        ref = self.scope.resolve(expr.path)
        if ref is None or not isinstance(ref.field, nodes.Computed):
            return None
        at = (ref.record, ref.name)
        if at in self.seen:
            return None
        owner = self.scope.index.records[ref.record].parent
        inner = Scope(self.scope.index, owner or ref.record, line=owner is not None)
        return _MeasureWalk(inner, None, self.seen | {at}), ref.field.expr


def _bill(bill: nodes.Bill, walk: _MeasureWalk) -> Iterator[Mixed]:
    taken, of = walk.quantity(bill.expr), walk.quantity(bill.of)
    if taken and of and taken != of:
        message = (
            f"bill takes {format_expression(bill.expr)} {_IN[taken]} of "
            f"{format_expression(bill.of)} {_IN[of]}"
        )
        yield Mixed(bill.span, message)


def _line(
    quantity: nodes.Assign,
    unit: nodes.Assign | None,
    price: nodes.Assign | None,
    walk: _MeasureWalk,
) -> Iterator[Mixed]:
    counted, told = walk.quantity(quantity.expr), walk.unit(unit.expr) if unit else _NONE
    if counted == _RAW | _BASE:
        yield Mixed(quantity.span, f"'{quantity.name}' is {_IN[counted]}")
    elif counted == _RAW and told != _RAW:
        beside = f", but {unit.name} is the base unit" if unit and told else _BESIDE
        yield Mixed(quantity.span, f"'{quantity.name}' is {_IN[_RAW]}{beside}")
    elif counted == _BASE and told == _RAW and unit is not None:
        message = f"'{unit.name}' is the unit of the record, but {quantity.name} is {_IN[_BASE]}"
        yield Mixed(unit.span, message)
    priced = walk.price(price.expr) if price else _NONE
    if price is not None and len(counted) == 1 and len(priced) == 1 and priced != counted:
        which = "the unit of the record" if priced == _RAW else "one base unit"
        message = f"'{price.name}' is for {which}, but {quantity.name} is {_IN[counted]}"
        yield Mixed(price.span, message)


def as_day_difference(node: nodes.Compare, scope: Scope) -> nodes.Compare:
    """Return a comparison of two days with their difference on the left: `ordered_on - today`.

    Other comparisons are returned unchanged.
    """
    if infer(node.left, scope, ignore_problem).kind not in _DAY_DIFFERENCE_TYPES:
        return node
    sums = _apart(node, scope.index.consts)
    if sums is None or len(sums[0]) != 2:
        return node
    names, by = sums
    (first, times), (second, other) = sorted(names.items(), key=lambda item: _rank(item[0]))
    if {times, other} != {1, -1}:
        return node
    op, length = (node.op, by) if times == 1 else (_TURNED[node.op], -by)
    span = node.left.span
    left = nodes.Arith("-", _name(first, span), _name(second, span), span)
    return nodes.Compare(left, op, nodes.Literal("duration", length, node.right.span), node.span)


def _apart(
    node: nodes.Compare, consts: Mapping[str, nodes.Const]
) -> tuple[dict[str, int], timedelta] | None:
    """Return the names of both sides, the right ones subtracted, and the compared duration.

    None where a side is no sum of names and durations.
    """
    left, right = _sum(node.left, consts), _sum(node.right, consts)
    if left is None or right is None:
        return None
    names = Counter(left[0])
    names.subtract(right[0])
    return {name: times for name, times in names.items() if times}, right[1] - left[1]


def _sum(
    expr: nodes.Expr, consts: Mapping[str, nodes.Const]
) -> tuple[Counter[str], timedelta] | None:
    """Return how often each name is added in an expression, and the sum of its durations."""
    if isinstance(expr, nodes.Literal):
        return (Counter(), expr.value) if isinstance(expr.value, timedelta) else None
    if isinstance(expr, nodes.Name):
        const = consts.get(format_expression(expr))
        value = const.rows[0].value.value if const and len(const.rows) == 1 else None
        if isinstance(value, timedelta):
            return Counter(), value
        return Counter([format_expression(expr)]), timedelta(0)
    if not isinstance(expr, nodes.Arith) or expr.op not in "+-":
        return None
    left, right = _sum(expr.left, consts), _sum(expr.right, consts)
    if left is None or right is None:
        return None
    names = Counter(left[0])
    if expr.op == "+":
        names.update(right[0])
        return names, left[1] + right[1]
    names.subtract(right[0])
    return names, left[1] - right[1]


def _rank(name: str) -> tuple[bool, str]:
    """Return the sort key that puts the clock second: a day counts by its distance from today."""
    return name in CLOCK, name


def _name(said: str, span: Span) -> nodes.Name:
    return nodes.Name(tuple(said.split(".")), span)


def settled_answer(node: nodes.Compare) -> bool | None:
    """Return the constant result of a day comparison, or None if it depends on the record."""
    sums = _apart(node, {})
    if sums is not None and not sums[0]:
        return COMPARED[node.op](timedelta(0), sums[1])
    return _bounded(node)


def _bounded(node: nodes.Compare) -> bool | None:
    """Return the constant result of comparing today or now with a distant written day, or None."""
    op, clock, written = node.op, node.left, node.right
    if isinstance(clock, nodes.Literal):
        op, clock, written = _TURNED[op], written, clock
    value = written.value if isinstance(written, nodes.Literal) else None
    if (
        not isinstance(clock, nodes.Name)
        or format_expression(clock) not in CLOCK
        or not isinstance(value, date)
    ):
        return None
    day = value.date() if isinstance(value, datetime) else value
    first, last = _JUDGED
    return None if first <= day <= last else COMPARED[op](first, day)


def split_words(
    parts: Sequence[nodes.Expr], is_word: IsWord
) -> tuple[list[nodes.Expr], list[Problem]]:
    """Return the conditions among adjacent expressions, and one finding for all loose words.

    A loose word belongs to the comparison before it.
    """
    conditions: list[nodes.Expr] = []
    words: dict[int, list[nodes.Name]] = {}
    for part in parts:
        compare = _compared(conditions[-1]) if conditions else None
        if compare is not None and isinstance(part, nodes.Name) and is_word(compare, part):
            words.setdefault(len(conditions) - 1, []).append(part)
        else:
            conditions.append(part)
    return conditions, [_left(conditions[at], left) for at, left in words.items()]


def _compared(condition: nodes.Expr) -> nodes.Compare | None:
    inner = condition.expr if isinstance(condition, nodes.Not) else condition
    return inner if isinstance(inner, nodes.Compare) else None


def _left(condition: nodes.Expr, words: Sequence[nodes.Name]) -> Problem:
    compare = _compared(condition)
    if compare is None:
        raise TypeError("only a comparison leaves words behind")
    negated = "not " if isinstance(condition, nodes.Not) or compare.op == "<>" else ""
    among = ", ".join([format_expression(compare.right), *map(format_expression, words)])
    hint = f"Write {negated}{format_expression(compare.left)} in ({among})."
    return Problem(
        "NAM01", f"'{format_expression(words[0])}' alone is not a condition", hint, words[0].span
    )


def hint_for_name(name: str, scope: Scope) -> str:
    """Return where an unknown name exists, or which name was meant."""
    lines = scope.index.lines_field(scope.record)
    if lines is not None and name in scope.index.fields.get(scope.line_record, {}):
        all_lines = f"sum({lines.name}.{name})"
        return f"It is a field of the lines: 'line.{name}' behind each line, or '{all_lines}'."
    if name in scope.index.maps:
        return f"It is a map, which looks a value up: '{name}(…)'."
    return FOREIGN.get(name) or did_you_mean(name, scope.names())


def hint_for_list(name: nodes.Name) -> str:
    """Return how to aggregate a field of all lines."""
    path = ".".join(name.path)
    one = f"line.{name.path[-1]}"
    return f"Ask for all together, such as 'sum({path})', or for '{one}' behind each line."


def hint_for_member(expr: nodes.Member, word: nodes.Word, scope: Scope) -> str:
    """Return what a bare word in a list of values was meant for."""
    if scope.resolve((word.name,)) is None:
        return f'Write "{word.name}" in quotes.'
    left = format_expression(expr.left)
    each = " or ".join(f"{left} = {format_expression(value)}" for value in expr.values)
    return f"A list holds values, not fields: '{each}'."


def hint_for_comparison(expr: nodes.Compare, left: Type, right: Type) -> str:
    """Return how to make two sides comparable."""
    written = expr.right if isinstance(expr.right, nodes.Literal) else None
    value = written.value if written is not None else None
    if written is not None and left.kind == "text" and right.kind in NUMERIC:
        return f'A text is compared with a text: write "{format_literal(written)}", in quotes.'
    if written is not None and left.kind in _DAY_TYPES and isinstance(value, str):
        return f"A day stands without quotes: '{value}'."
    if written is not None and left.kind in _DAY_TYPES and isinstance(value, Decimal | timedelta):
        days = format_literal(written).removesuffix("d")
        return f"A day is compared with a day: '2026-11-20', or 'today - {days}d'."
    return compare_hint(left, right)
