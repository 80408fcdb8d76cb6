"""Describe the smallest change that would make a condition pass.

`Wishes` writes it for people: `the total is RM 248.70 (now RM 248.71)`. `FirstWishes` writes it in
the syntax of the rules, which the older digests cover. A comparison of sums is solved for one
stored field, so that the user can type the value into the source.
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


class _Once(Generic[T]):
    """What is said of a node of the rules, worked out once: of the node itself, for to compare two
    is to walk them. It is kept with the answer, so that no other takes its place.
    """

    __slots__ = ("_found", "_make")

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._found: dict[int, tuple[nodes.Expr, T]] = {}

    def __call__(self, node: nodes.Expr) -> T:
        found = self._found.get(id(node))
        if found is None:
            found = self._found[id(node)] = (node, self._make(node))
        return found[1]


class Wishes:
    """The wishes of a condition."""

    def __init__(self, compiler: Compiler, scope: Scope) -> None:
        self.compiler, self.scope = compiler, scope
        self.words = Phrases(compiler.index, scope)
        self._type = _Once(lambda node: compiler.type(node, scope))
        self._closure = _Once(self._asks)
        self._stored = _Once(self._is_stored)
        self._noun = _Once(self._named)
        self._subject = _Once(self._solved_for)

    def of(self, node: nodes.Expr, run: Run, *, want: bool = True) -> str:
        """What would make a condition true (or false); an empty text where it is so already."""
        value = self._value(node, run)
        if value is want:
            return ""
        told: Callable[..., str] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if told is not None:
            return told(node, run, want=want)
        return self._so(node, want=want)

    # ---- in words -----------------------------------------------------------------------------

    def _so(self, node: nodes.Expr, *, want: bool) -> str:
        """The condition itself, or that it is not so."""
        return str(self.words.expr(node if want else nodes.Not(node, node.span)))  # kept as a text

    def _filled(self, node: nodes.Expr, *, want: bool) -> str:
        """That something has a value, or has none."""
        if not isinstance(node, nodes.Name):
            return self._so(nodes.Known(node, node.span), want=want)
        return filled_clause(self._noun(node), is_filled=want)

    def _given(self, node: nodes.Expr) -> str:
        return self._filled(node, want=True)

    def _among(self, node: nodes.Member, *, want: bool) -> str:
        values = [v.name if isinstance(v, nodes.Word) else str(v.value) for v in node.values]
        return comparison_clause(
            self._noun(node.left), "=" if want else "<>", join_words(values, "or")
        )

    def _yes(self, node: nodes.Name, *, want: bool) -> str:
        return comparison_clause(self._noun(node), "=", "yes" if want else "no")

    def _formed(self, node: nodes.Call, advice: str) -> str:
        """A test of a form: `the TIN has the form of a TIN (perhaps …)`."""
        return form_clause(self._noun(node.args[0]), node.name, advice)

    def _against(self, left: nodes.Expr, op: str, right: nodes.Expr, value: Any, run: Run) -> str:
        """A comparison, with the value of its right side where that says more than its name."""
        if value is None:
            if not isinstance(right, nodes.Literal | nodes.Word | nodes.Name):
                return self._so(nodes.Compare(left, op, right, left.span), want=True)
            bound = (
                str(right.value) if isinstance(right, nodes.Literal) else format_expression(right)
            )
            return self._bounded(left, op, readable_name(bound), run)
        types = [self._type(side) for side in (left, right)]
        of = next((one for one in types if one.kind == "money"), types[1])
        return self._bounded(left, op, self._text(value, of, run), run)

    def _bounded(self, name: nodes.Expr, op: str, bound: str, run: Run) -> str:
        """`the total is at most RM 100.00 (now RM 112.00)`."""
        of = self._type(name)
        now = self._text(self._value(name, run), of, run) if self._stored(name) else ""
        return with_current_value(
            comparison_clause(self._noun(name), op, bound, is_date=of.kind in DATED), bound, now
        )

    def _named(self, node: nodes.Expr) -> str:
        """What a value is called, without its article."""
        if isinstance(node, nodes.Name) and node.path[-1].rpartition("_")[2] not in (
            "on",
            "at",
            "by",
        ):
            name = readable_term(".".join(node.path))
            many = be(node.path[-1]) == "are" and self._kind(node) == "money"
            return f"amount of {name}" if many else name
        if (
            isinstance(node, nodes.Call)
            and len(node.args) == 1
            and isinstance(node.args[0], nodes.Name)
        ):
            return readable_term(format_expression(node))
        return self.words.expr(node).removeprefix("the ")

    def _kind(self, node: nodes.Expr) -> str:
        return self._type(node).kind

    def _text(self, value: Any, of: Type, run: Run) -> str:
        if of.kind == "money" and isinstance(value, Decimal):
            return self.compiler.currencies.amount(run, value)
        return format_value(value, of, self.compiler.zone)

    # ---- conditions ---------------------------------------------------------------------------

    def _allof(self, node: nodes.AllOf, run: Run, *, want: bool) -> str:
        return self._parts(node.parts, run, want=want, every=want)

    def _anyof(self, node: nodes.AnyOf, run: Run, *, want: bool) -> str:
        return self._parts(node.parts, run, want=want, every=not want)

    def _parts(self, parts: tuple[nodes.Expr, ...], run: Run, *, want: bool, every: bool) -> str:
        wishes = [wish for part in parts if (wish := self.of(part, run, want=want))]
        return ("; " if every else " or ").join(wishes)

    def _not(self, node: nodes.Not, run: Run, *, want: bool) -> str:
        return self.of(node.expr, run, want=not want)

    def _known(self, node: nodes.Known, _: Run, *, want: bool) -> str:
        return self._filled(node.expr, want=want)

    def _absent(self, node: nodes.Absent, _: Run, *, want: bool) -> str:
        return self._filled(node.expr, want=not want)

    def _member(self, node: nodes.Member, run: Run, *, want: bool) -> str:
        return self._missing(node.left, run) or self._among(node, want=want)

    def _name(self, node: nodes.Name, run: Run, *, want: bool) -> str:
        return self._missing(node, run) or self._yes(node, want=want)

    def _call(self, node: nodes.Call, run: Run, *, want: bool) -> str:
        missing = "" if node.name in AGGREGATES else self._missing(node, run)
        if missing or not want or node.name not in PURE:
            return missing or self._so(node, want=want)
        value = self._value(node.args[0], run)
        advice = _ADVICE.get(node.name)
        return self._formed(node, advice(value) if advice else "")

    # ---- comparisons --------------------------------------------------------------------------

    def _compare(self, node: nodes.Compare, run: Run, *, want: bool) -> str:
        op = node.op if want else _NOT[node.op]
        missing = self._missing(node.left, run) or self._missing(node.right, run)
        return missing or self._solved(node, op, run) or self._told(node, op, run)

    def _told(self, node: nodes.Compare, op: str, run: Run) -> str:
        """The comparison itself, with the value of the side that does not stand in the source."""
        left, right = node.left, node.right
        if self._stored(right) and not self._stored(left):
            left, right, op = right, left, _FLIPPED[op]
        own = left in expand_parts(right, self.scope)
        value = None if own or isinstance(right, nodes.Literal) else self._value(right, run)
        return self._against(left, op, right, value, run)

    def _solved(self, node: nodes.Compare, op: str, run: Run) -> str:
        """The comparison solved for one stored field; nothing where that cannot be done."""
        found = self._subject(node)
        return self._bound(*found, op, run) if found is not None else ""

    def _solved_for(self, node: nodes.Compare) -> tuple[Term, list[Term]] | None:
        """That field, and the other terms."""
        left, right = list(_terms(node.left, 1)), list(_terms(node.right, -1))
        for subject in (*(left if len(left) == 1 else ()), *reversed(right), *left):
            others = [term for term in (*left, *right) if term is not subject]
            if self._alone(subject[1], others):
                return subject, others
        return None

    def _alone(self, name: nodes.Expr, others: list[Term]) -> bool:
        """Whether an operand is a stored number or day on which no other operand depends."""
        if not self._stored(name) or self._type(name).kind not in _SOLVABLE:
            return False
        parts = [part for _, other in others for part in expand_parts(other, self.scope)]
        lists = any(isinstance(p, nodes.Call) and p.name in AGGREGATES for p in parts)
        return name not in parts and not (
            lists and isinstance(name, nodes.Name) and len(name.path) > 1
        )

    def _bound(self, subject: Term, others: list[Term], op: str, run: Run) -> str:
        sign, name = subject
        of = self._type(name)
        others_ = [(side != sign, self._value(other, run)) for side, other in others]
        bound = kinds.sum_signed(others_) if of.kind in NUMERIC else _moved(others_)
        if bound is None:
            return ""
        op = op if sign > 0 else _FLIPPED[op]
        if of.kind == "whole" and isinstance(bound, kinds.Number):
            op, bound = kinds.tighten_to_whole(op, bound)
        if op == "=" and isinstance(bound, Fraction):
            return ""
        return self._bounded(name, op, self._text(bound, of, run), run)

    # ---- values -------------------------------------------------------------------------------

    def _missing(self, node: nodes.Expr, run: Run) -> str:
        """What would make a value known; nothing where it is."""
        value: Any = self._value(node, run)
        if type(value) is not Unknown:
            return ""
        wishes = dict.fromkeys(gap.would_pass for gap in value.gaps if gap.would_pass)
        return "; ".join(wishes) or self._given(node)

    def _is_stored(self, node: nodes.Expr) -> bool:
        ref = self.scope.resolve(node.path) if isinstance(node, nodes.Name) else None
        return ref is not None and isinstance(ref.field, nodes.Field)

    def _value(self, node: nodes.Expr, run: Run) -> Any:
        return self._closure(node)(run)

    def _asks(self, node: nodes.Expr) -> Closure:
        if isinstance(node, nodes.Name) and self.scope.resolve(node.path) is None:
            return lambda _: None  # a bare word
        return self.compiler.kept(node, self.scope)


class FirstWishes(Wishes):
    """The same wishes, as the rules would write them."""

    def _so(self, node: nodes.Expr, *, want: bool) -> str:
        return format_expression(node) if want else f"not {format_expression(node)}"

    def _filled(self, node: nodes.Expr, *, want: bool) -> str:
        return f"{format_expression(node)} is {'given' if want else 'left blank'}"

    def _among(self, node: nodes.Member, *, want: bool) -> str:
        values = ", ".join(format_expression(value) for value in node.values)
        return f"{format_expression(node.left)} is {'one' if want else 'none'} of {values}"

    def _yes(self, node: nodes.Name, *, want: bool) -> str:
        return f"{format_expression(node)} = {'yes' if want else 'no'}"

    def _formed(self, node: nodes.Call, advice: str) -> str:
        words = f"{format_expression(node.args[0])} {PURE[node.name].words}"
        return f"{words} ({advice})" if advice else words

    def _against(self, left: nodes.Expr, op: str, right: nodes.Expr, value: Any, run: Run) -> str:
        if value is None:
            return f"{format_expression(left)} {op} {format_expression(right)}"
        return f"{format_expression(left)} {op} {self._text(value, self._type(right), run)}"

    def _bounded(self, name: nodes.Expr, op: str, bound: str, _: Run) -> str:
        return f"{format_expression(name)} {op} {bound}"

    def _given(self, node: nodes.Expr) -> str:
        return f"{format_expression(node)} is known"


def _terms(node: nodes.Expr, sign: int) -> Iterator[Term]:
    """The terms of a sum with their signs."""
    if isinstance(node, nodes.Arith) and node.op in "+-":
        yield from _terms(node.left, sign)
        yield from _terms(node.right, sign if node.op == "+" else -sign)
    elif isinstance(node, nodes.Negative):
        yield from _terms(node.expr, -sign)
    else:
        yield sign, node


def _moved(values: list[tuple[bool, Any]]) -> date | None:
    """A day or moment, moved by durations; a day by whole days only."""
    days = [(plus, value) for plus, value in values if isinstance(value, date)]
    spans = [(plus, value) for plus, value in values if isinstance(value, timedelta)]
    if len(days) != 1 or not days[0][0] or len(days) + len(spans) != len(values):
        return None
    at: date = days[0][1]
    if not isinstance(at, datetime) and any(span % timedelta(days=1) for _, span in spans):
        return None
    try:
        for plus, span in spans:
            at = at + span if plus else at - span
    except OverflowError:
        return None
    return at


def _wholes(value: Any) -> str:
    """The whole numbers next to a value: `3 or 4`."""
    exact = kinds.as_fraction(value)
    below = exact.numerator // exact.denominator
    return f"{below} or {below + 1}"


_ADVICE: dict[str, Callable[[Any], str]] = {"is_whole": _wholes, "is_tin": tin_advice}
