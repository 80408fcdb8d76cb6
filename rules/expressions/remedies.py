"""Describe the smallest change that would make a condition pass.

`Wishes` writes it for people: `the total is RM 248.70 (now RM 248.71)`. A comparison of sums is
solved for one stored field, so that the user can type the value into the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, TypeVar

from grammar import nodes
from rules.expressions.compiler import Compiler
from rules.expressions.run import Closure, Run
from rules.phrases import DATED, Phrases, be, join_words
from rules.types.functions import AGGREGATES, PURE, expand_parts
from rules.types.symbol_table import Scope
from rules.values import kinds
from rules.values.cause_keys import Unknown, tin_advice
from rules.values.kinds import NUMERIC, Type
from rules.values.wording import (
    comparison_clause,
    filled_clause,
    form_clause,
    format_expression,
    format_value,
    readable_name,
    readable_term,
    with_current_value,
)

_NOT = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_SOLVABLE = NUMERIC | {"date", "moment"}
Term = tuple[int, nodes.Expr]
T = TypeVar("T")


class _NodeCache(Generic[T]):
    """Cache a property of a rule node by the node's identity, because comparing nodes walks them.

    The node is stored with the value, so that its id is never reused.
    """

    __slots__ = ("_compute", "_values")

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._values: dict[int, tuple[nodes.Expr, T]] = {}

    def __call__(self, node: nodes.Expr) -> T:
        cached = self._values.get(id(node))
        if cached is None:
            cached = self._values[id(node)] = (node, self._compute(node))
        return cached[1]


class Wishes:
    """Describe the changes that make a condition pass."""

    def __init__(self, compiler: Compiler, scope: Scope) -> None:
        self.compiler, self.scope = compiler, scope
        self.words = Phrases(compiler.index, scope)
        self._type = _NodeCache(lambda node: compiler.type(node, scope))
        self._closure = _NodeCache(self._compile)
        self._stored = _NodeCache(self._is_stored)
        self._noun = _NodeCache(self._describe_name)
        self._subject = _NodeCache(self._solve_for)

    def of(self, node: nodes.Expr, run: Run, *, want: bool = True) -> str:
        """Return what would make a condition true or false, or an empty text if it already is."""
        value = self._value(node, run)
        if value is want:
            return ""
        describe: Callable[..., str] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if describe is not None:
            return describe(node, run, want=want)
        return self._condition_text(node, want=want)

    # ---- in words -----------------------------------------------------------------------------

    def _condition_text(self, node: nodes.Expr, *, want: bool) -> str:
        """Return the condition itself, or its negation."""
        return str(
            self.words.expr(node if want else nodes.Not(node, node.span))
        )  # stored as plain text

    def _filled_text(self, node: nodes.Expr, *, want: bool) -> str:
        """Return the clause that a value is filled in, or left blank."""
        if not isinstance(node, nodes.Name):
            return self._condition_text(nodes.Known(node, node.span), want=want)
        return filled_clause(self._noun(node), is_filled=want)

    def _known_text(self, node: nodes.Expr) -> str:
        return self._filled_text(node, want=True)

    def _membership_text(self, node: nodes.Member, *, want: bool) -> str:
        values = [v.name if isinstance(v, nodes.Word) else str(v.value) for v in node.values]
        return comparison_clause(
            self._noun(node.left), "=" if want else "<>", join_words(values, "or")
        )

    def _yes_text(self, node: nodes.Name, *, want: bool) -> str:
        return comparison_clause(self._noun(node), "=", "yes" if want else "no")

    def _form_text(self, node: nodes.Call, advice: str) -> str:
        """Return the clause of a form test: `the TIN has the form of a TIN (perhaps …)`."""
        return form_clause(self._noun(node.args[0]), node.name, advice)

    def _compared_with(
        self, subject: nodes.Expr, op: str, bound_node: nodes.Expr, value: Any, run: Run
    ) -> str:
        """Return a comparison, with the right side's value if that shows more than its name."""
        if value is None:
            if not isinstance(bound_node, nodes.Literal | nodes.Word | nodes.Name):
                return self._condition_text(
                    nodes.Compare(subject, op, bound_node, subject.span), want=True
                )
            bound = (
                str(bound_node.value)
                if isinstance(bound_node, nodes.Literal)
                else format_expression(bound_node)
            )
            return self._bounded(subject, op, readable_name(bound), run)
        types = [self._type(side) for side in (subject, bound_node)]
        shown_type = next((side_type for side_type in types if side_type.kind == "money"), types[1])
        return self._bounded(subject, op, self._text(value, shown_type, run), run)

    def _bounded(self, name: nodes.Expr, op: str, bound: str, run: Run) -> str:
        """Return a bound with the current value: `the total is at most RM 100.00 (now RM
        112.00)`.
        """
        value_type = self._type(name)
        current = self._text(self._value(name, run), value_type, run) if self._stored(name) else ""
        return with_current_value(
            comparison_clause(self._noun(name), op, bound, is_date=value_type.kind in DATED),
            bound,
            current,
        )

    def _describe_name(self, node: nodes.Expr) -> str:
        """Return the name of a value, without its article."""
        if isinstance(node, nodes.Name) and node.path[-1].rpartition("_")[2] not in (
            "on",
            "at",
            "by",
        ):
            name = readable_term(".".join(node.path))
            is_plural_amount = be(node.path[-1]) == "are" and self._kind(node) == "money"
            return f"amount of {name}" if is_plural_amount else name
        if (
            isinstance(node, nodes.Call)
            and len(node.args) == 1
            and isinstance(node.args[0], nodes.Name)
        ):
            return readable_term(format_expression(node))
        return self.words.expr(node).removeprefix("the ")

    def _kind(self, node: nodes.Expr) -> str:
        return self._type(node).kind

    def _text(self, value: Any, value_type: Type, run: Run) -> str:
        if value_type.kind == "money" and isinstance(value, Decimal):
            return self.compiler.currencies.amount(run, value)
        return format_value(value, value_type, self.compiler.zone)

    # ---- conditions ---------------------------------------------------------------------------

    def _allof(self, node: nodes.AllOf, run: Run, *, want: bool) -> str:
        return self._parts(node.parts, run, want=want, needs_all=want)

    def _anyof(self, node: nodes.AnyOf, run: Run, *, want: bool) -> str:
        return self._parts(node.parts, run, want=want, needs_all=not want)

    def _parts(
        self, parts: tuple[nodes.Expr, ...], run: Run, *, want: bool, needs_all: bool
    ) -> str:
        wishes = [wish for part in parts if (wish := self.of(part, run, want=want))]
        return ("; " if needs_all else " or ").join(wishes)

    def _not(self, node: nodes.Not, run: Run, *, want: bool) -> str:
        return self.of(node.expr, run, want=not want)

    def _known(self, node: nodes.Known, _: Run, *, want: bool) -> str:
        return self._filled_text(node.expr, want=want)

    def _absent(self, node: nodes.Absent, _: Run, *, want: bool) -> str:
        return self._filled_text(node.expr, want=not want)

    def _member(self, node: nodes.Member, run: Run, *, want: bool) -> str:
        return self._missing(node.left, run) or self._membership_text(node, want=want)

    def _name(self, node: nodes.Name, run: Run, *, want: bool) -> str:
        return self._missing(node, run) or self._yes_text(node, want=want)

    def _call(self, node: nodes.Call, run: Run, *, want: bool) -> str:
        missing = "" if node.name in AGGREGATES else self._missing(node, run)
        if missing or not want or node.name not in PURE:
            return missing or self._condition_text(node, want=want)
        value = self._value(node.args[0], run)
        advice = _ADVICE.get(node.name)
        return self._form_text(node, advice(value) if advice else "")

    # ---- comparisons --------------------------------------------------------------------------

    def _compare(self, node: nodes.Compare, run: Run, *, want: bool) -> str:
        op = node.op if want else _NOT[node.op]
        missing = self._missing(node.left, run) or self._missing(node.right, run)
        return (
            missing or self._compare_solved(node, op, run) or self._compare_unsolved(node, op, run)
        )

    def _compare_unsolved(self, node: nodes.Compare, op: str, run: Run) -> str:
        """Return the comparison itself, with the value of the side that is not a stored field."""
        subject, bound = node.left, node.right
        if self._stored(bound) and not self._stored(subject):
            subject, bound, op = bound, subject, _FLIPPED[op]
        is_part = subject in expand_parts(bound, self.scope)
        value = None if is_part or isinstance(bound, nodes.Literal) else self._value(bound, run)
        return self._compared_with(subject, op, bound, value, run)

    def _compare_solved(self, node: nodes.Compare, op: str, run: Run) -> str:
        """Return the comparison solved for one stored field, or blank if that is impossible."""
        solution = self._subject(node)
        return self._bound(*solution, op, run) if solution is not None else ""

    def _solve_for(self, node: nodes.Compare) -> tuple[Term, list[Term]] | None:
        """Return the term of that stored field, and the other terms; None if there is none."""
        left_terms, right_terms = list(_terms(node.left, 1)), list(_terms(node.right, -1))
        for subject in (
            *(left_terms if len(left_terms) == 1 else ()),
            *reversed(right_terms),
            *left_terms,
        ):
            others = [term for term in (*left_terms, *right_terms) if term is not subject]
            if self._is_independent(subject[1], others):
                return subject, others
        return None

    def _is_independent(self, name: nodes.Expr, others: list[Term]) -> bool:
        """Check whether an operand is a stored number or date on which no other operand depends."""
        if not self._stored(name) or self._type(name).kind not in _SOLVABLE:
            return False
        parts = [part for _, other in others for part in expand_parts(other, self.scope)]
        lists = any(isinstance(p, nodes.Call) and p.name in AGGREGATES for p in parts)
        return name not in parts and not (
            lists and isinstance(name, nodes.Name) and len(name.path) > 1
        )

    def _bound(self, subject: Term, others: list[Term], op: str, run: Run) -> str:
        sign, name = subject
        value_type = self._type(name)
        signed_values = [(side != sign, self._value(other, run)) for side, other in others]
        bound = (
            kinds.sum_signed(signed_values)
            if value_type.kind in NUMERIC
            else _move_date(signed_values)
        )
        if bound is None:
            return ""
        op = op if sign > 0 else _FLIPPED[op]
        if value_type.kind == "whole" and isinstance(bound, kinds.Number):
            op, bound = kinds.tighten_to_whole(op, bound)
        if op == "=" and isinstance(bound, Fraction):
            return ""
        return self._bounded(name, op, self._text(bound, value_type, run), run)

    # ---- values -------------------------------------------------------------------------------

    def _missing(self, node: nodes.Expr, run: Run) -> str:
        """Return what would make a value known, or blank if it is known."""
        value: Any = self._value(node, run)
        if type(value) is not Unknown:
            return ""
        wishes = dict.fromkeys(gap.would_pass for gap in value.gaps if gap.would_pass)
        return "; ".join(wishes) or self._known_text(node)

    def _is_stored(self, node: nodes.Expr) -> bool:
        ref = self.scope.resolve(node.path) if isinstance(node, nodes.Name) else None
        return ref is not None and isinstance(ref.field, nodes.Field)

    def _value(self, node: nodes.Expr, run: Run) -> Any:
        return self._closure(node)(run)

    def _compile(self, node: nodes.Expr) -> Closure:
        if isinstance(node, nodes.Name) and self.scope.resolve(node.path) is None:
            return lambda _: None  # a bare word
        return self.compiler.cached_closure(node, self.scope)


def _terms(node: nodes.Expr, sign: int) -> Iterator[Term]:
    """Yield the terms of a sum with their signs."""
    if isinstance(node, nodes.Arith) and node.op in "+-":
        yield from _terms(node.left, sign)
        yield from _terms(node.right, sign if node.op == "+" else -sign)
    elif isinstance(node, nodes.Negative):
        yield from _terms(node.expr, -sign)
    else:
        yield sign, node


def _move_date(values: list[tuple[bool, Any]]) -> date | None:
    """Return a date or moment moved by durations, a date by whole days only. None if impossible."""
    days = [(is_plus, value) for is_plus, value in values if isinstance(value, date)]
    spans = [(is_plus, value) for is_plus, value in values if isinstance(value, timedelta)]
    if len(days) != 1 or not days[0][0] or len(days) + len(spans) != len(values):
        return None
    moved: date = days[0][1]
    if not isinstance(moved, datetime) and any(span % timedelta(days=1) for _, span in spans):
        return None
    try:
        for is_plus, span in spans:
            moved = moved + span if is_plus else moved - span
    except OverflowError:
        return None
    return moved


def _wholes(value: Any) -> str:
    """Return the whole numbers next to a value: `3 or 4`."""
    exact = kinds.as_fraction(value)
    below = exact.numerator // exact.denominator
    return f"{below} or {below + 1}"


_ADVICE: dict[str, Callable[[Any], str]] = {"is_whole": _wholes, "is_tin": tin_advice}
