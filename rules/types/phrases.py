"""Expressions as an accountant says them.

Here: Phrases, for one place of a ruleset. Not here: sentences (route_sentences.py,
setup_sentences.py, route_sentences.py, setup_sentences.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from grammar import nodes as n
from grammar.text.problem import Span
from rules.types.functions import AGGREGATES
from rules.types.inference import field_type, infer, silent, word_of
from rules.types.inference import listed as listed_path
from rules.types.symbol_table import Index, Ref, Scope
from rules.types.terms import (
    AGO,
    ARITH,
    CLAIMS,
    CLOCK,
    DATED,
    FACTS,
    IS,
    IS_WHEN,
    VALUES,
    a,
    be,
    listed,
    noun,
    spoken,
)
from rules.values.kinds import Type
from rules.values.names import plain
from rules.values.wording import const_values, parse_message, say


class Phrases:
    """The words of one place: what names mean there, teams by their titles."""

    def __init__(self, index: Index, scope: Scope) -> None:
        self.index = index
        self.scope = scope

    def of(self, record: str, *, line: bool = False) -> Phrases:
        """The words of another place."""
        return Phrases(self.index, Scope(self.index, record, line=line, document=True, bills=True))

    def role(self, name: str | None) -> str:
        """A team as people call it."""
        role = self.index.roles.get(name or "")
        return role.title if role else str(name or "nobody")

    def expr(self, node: n.Expr | n.Value) -> str:
        """An expression in words."""
        found: Callable[[Any], str] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        return found(node) if found else say(node)

    def all_of(self, nodes: Sequence[n.Expr]) -> str:
        """Conditions that hold together."""
        return listed([self.expr(node) for node in nodes])

    def message(self, text: str, span: Span) -> str:
        """A message, each placeholder in words and as ‹…›."""
        parts, _ = parse_message(text, span)
        return f"“{''.join(p if isinstance(p, str) else self._hole(p) for p in parts)}”"

    def _hole(self, part: n.Expr) -> str:
        if isinstance(part, n.Name) and len(part.path) == 1 and part.path[0] in self.index.consts:
            return const_values(self.index.consts[part.path[0]])
        return f"‹{self.expr(part).removeprefix('the ')}›"

    # ---- leaves -------------------------------------------------------------------------------

    def _word(self, node: n.Word) -> str:
        if node.name in self.index.consts:
            return self._name(n.Name((node.name,), node.span))
        return plain(node.name)

    def _literal(self, node: n.Literal) -> str:
        if node.kind == "duration":
            return spoken(node.value)  # type: ignore[arg-type]
        return (
            (f"“{node.value}”" if node.value else "nothing") if node.kind == "text" else say(node)
        )

    def _name(self, node: n.Name) -> str:
        ref = self.scope.resolve(node.path)
        name = node.path[-1]
        if ref is None:
            return FACTS.get(name) or f"the {' '.join(plain(p) for p in node.path)}"
        if ref.kind == "const":
            return self._const(self.index.consts[name])
        if ref.kind in {"fact", "number"}:
            return FACTS.get(name) or f"the {plain(name)}"
        if ref.kind == "due":
            return "what is due of the line"
        of = {"line": "the line", "own": f"the {plain(ref.record)}"}.get(ref.kind, "")
        return noun(name, self._type(ref), of)

    def _const(self, const: n.Const) -> str:
        value = const_values(const)
        if len(const.rows) > 1:
            return f"the {plain(const.name)} of {value}"
        is_text = const.rows[0].value.kind == "text"
        of = f"“{value}”" if is_text else f"of {self._literal(const.rows[0].value)}"
        return f"the {plain(const.name)} {of}"

    def _type(self, ref: Ref) -> Type:
        return field_type(ref.field, ref.record, self.scope) if ref.field else Type("any")

    def kind(self, node: n.Expr) -> str:
        """The kind of an expression's type."""
        return infer(node, self.scope, silent).kind

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, node: n.Compare) -> str:
        ago = self._ago(node)
        if ago:
            return ago
        left = self.expr(node.left)
        verbs = IS_WHEN if self.kind(node.left) in DATED else IS
        word = word_of(infer(node.left, self.scope, silent), node.right)
        right = self._state(node.left, word) if word else self.expr(node.right)
        return f"{left} {self._be(node.left)}{verbs[node.op]} {right}"

    def _be(self, node: n.Expr) -> str:
        """`is` or `are`, as the name of the field asks."""
        of_fact = isinstance(node, n.Name) and self.scope.resolve(node.path) is None
        return be(node.path[-1]) if isinstance(node, n.Name) and not of_fact else "is"

    def _ago(self, node: n.Compare) -> str:
        """`ordered_on >= today - 31d`: the day it was ordered is at most 31 days ago."""
        right = node.right
        if not isinstance(right, n.Arith) or right.op != "-" or node.op not in AGO:
            return ""
        if self.kind(node.left) not in DATED or self.kind(right.right) != "duration":
            return ""
        if not isinstance(right.left, n.Name) or right.left.path not in CLOCK:
            return ""
        return f"{self.expr(node.left)} is {AGO[node.op]} {self.expr(right.right)} ago"

    def _state(self, of: n.Expr, word: str) -> str:
        """A word of a field in quotes, since it is the source's; one of a fact is plain English."""
        ref = self.scope.resolve(of.path) if isinstance(of, n.Name) else None
        return plain(word) if ref is not None and ref.kind == "fact" else f"“{plain(word)}”"

    def compared(self, name: str, op: str, value: n.Value) -> str:
        """A cell of a decision table: `<= cancel_window`."""
        node = n.Name((name,), value.span)
        sign = IS_WHEN if self.kind(node) in DATED else IS
        return f"{self.expr(node)} {self._be(node)}{sign[op]} {self.expr(value)}"

    def _member(self, node: n.Member) -> str:
        values = [
            self._state(node.left, v.name) if isinstance(v, n.Word) else self.expr(v)
            for v in node.values
        ]
        return f"{self.expr(node.left)} {self._be(node.left)} {listed(values, 'or')}"

    def among(self, name: str, values: Sequence[n.Value]) -> str:
        """A cell of a decision table: `open`, or several words."""
        node = n.Name((name,), values[0].span)
        return self._member(n.Member(node, tuple(values), node.span))

    def gets(self, node: n.Expr) -> str:
        """What a field is: a value, or whether something is so."""
        claims = self.kind(node) == "yesno" and not isinstance(node, n.Name | n.Literal)
        return f"whether {self.expr(node)}" if claims else self.expr(node)

    def _known(self, node: n.Known) -> str:
        return (
            self._there(node.expr, "there is ")
            or self._when(node.expr, "known")
            or self._so(node.expr, "known")
        )

    def _absent(self, node: n.Absent) -> str:
        return self._there(node.expr, "there is no ") or self._so(node.expr, "missing")

    def _so(self, node: n.Expr, word: str) -> str:
        return f"{self.expr(node)} {self._be(node)} {word}"

    def _there(self, node: n.Expr, begin: str) -> str:
        """An entry of a map that is there or not: `there is no debtor for the customer`."""
        if not isinstance(node, n.Call) or node.name not in self.index.maps:
            return ""
        what = plain(node.name) if begin.endswith("no ") else a(node.name)
        return f"{begin}{what} for {listed([self.expr(arg) for arg in node.args])}"

    def _when(self, node: n.Expr, word: str) -> str:
        """`it is known when it was paid`."""
        said = re.fullmatch("the (?:moment|day) (it .*)", self.expr(node))
        return f"it is {word} when {said[1]}" if said and isinstance(node, n.Name) else ""

    def _allof(self, node: n.AllOf) -> str:
        return listed([self._part(p, n.AnyOf) for p in node.parts])

    def _anyof(self, node: n.AnyOf) -> str:
        return listed([self._part(p, n.AllOf) for p in node.parts], "or")

    def _part(self, node: n.Expr, bracketed: type) -> str:
        return f"({self.expr(node)})" if isinstance(node, bracketed) else self.expr(node)

    def _not(self, node: n.Not) -> str:
        inner = node.expr
        if isinstance(inner, n.Known | n.Absent):
            there = isinstance(inner, n.Known)
            begin = "there is no " if there else "there is "
            return self._there(inner.expr, begin) or self._so(
                inner.expr, "not known" if there else "not missing"
            )
        if isinstance(inner, n.Call) and inner.name in CLAIMS:
            return self._claim(inner, 1)
        if isinstance(inner, n.Call) and inner.name == "any":
            return self._aggregate(inner).replace("there are", "there are no", 1)
        return f"it is not so that {self.expr(inner)}"

    # ---- values -------------------------------------------------------------------------------

    def _arith(self, node: n.Arith) -> str:
        left, right = node.left, node.right
        if self.kind(left) in DATED and isinstance(right, n.Literal):
            word = {"-": "before", "+": "after"}.get(node.op, ARITH[node.op])
            return f"{self.expr(right)} {word} {self.expr(left)}"
        if node.op == "-" and isinstance(left, n.Literal) and left.value == 0:
            return f"minus {self._operand(right, nested=True)}"
        loose = node.op in "*/"
        return (
            f"{self._operand(left, nested=loose)} {ARITH[node.op]} "
            f"{self._operand(right, nested=loose or node.op == '-')}"
        )

    def _operand(self, node: n.Expr, *, nested: bool) -> str:
        sums = isinstance(node, n.Arith) and (nested and node.op in "+-")
        rounded = isinstance(node, n.Call) and node.name == "round"
        return f"({self.expr(node)})" if sums or rounded else self.expr(node)

    def _negative(self, node: n.Negative) -> str:
        return f"minus {self._operand(node.expr, nested=True)}"

    def _otherwise(self, node: n.Otherwise) -> str:
        return f"{self.expr(node.expr)} ({self.expr(node.default)} where it is missing)"

    def _call(self, node: n.Call) -> str:
        args = [self.expr(arg) for arg in node.args]
        if node.name in self.index.maps:
            return f"the {plain(node.name)} for {listed(args)}"
        if node.name in AGGREGATES:
            return self._aggregate(node)
        if node.name in CLAIMS:
            return self._claim(node, 0)
        if node.name == "number_of" and isinstance(node.args[0], n.Name):
            return f"the number of its {plain(node.args[0].path[-1])}"
        if node.name == "date_of":
            return re.sub("^the moment (it|the )", r"the day \1", args[0])
        form = VALUES.get(node.name)
        return (
            form.format(*args, all=listed(args))
            if form
            else f"the {plain(node.name)} of {listed(args)}"
        )

    def _claim(self, node: n.Call, which: int) -> str:
        return CLAIMS[node.name][which].format(self.expr(node.args[0]), be=self._be(node.args[0]))

    def _aggregate(self, node: n.Call) -> str:
        arg = node.args[0]
        path = arg.path if isinstance(arg, n.Name) else ("lines",)
        over = listed_path(path, self.scope)
        inside = Phrases(self.index, self.scope.inside(over.record)) if over else self
        where = f" where {inside.expr(node.where)}" if node.where is not None else ""
        ends = path[:-1] if over is not None and over.field else path
        lists = " of the ".join(plain(p) for p in reversed(ends))
        field = inside.expr(n.Name(path[-1:], arg.span)) if ends != path else ""
        return {
            "sum": f"the sum of {field} over all {lists}{where}",
            "latest": f"the latest {field.removeprefix('the ')} over all {lists}{where}",
            "count": f"the number of {lists}{where}",
            "any": f"there are {lists}{where}{f' whose {plain(path[-1])} is yes' if field else ''}",
            "all": f"in all {lists} {where.removeprefix(' where ') or f'{field} is yes'}",
        }[node.name]


def words_of(index: Index) -> Phrases:
    """The words of a ruleset, outside of any record."""
    return Phrases(index, Scope(index, ""))
