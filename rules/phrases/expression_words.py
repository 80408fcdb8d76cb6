"""Expressions as an accountant says them.

Here: Phrases, for one place of a ruleset. Not here: sentences (rules/rulebook).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from grammar import nodes as n
from grammar.text.problem import Span
from rules.phrases.composed import composed, instead, joined, named, without_article
from rules.phrases.list_words import IS_SO, MOVED, const_in_words, existing, literal, of_list
from rules.phrases.terms import (
    AGO,
    ARE,
    ARE_WHEN,
    ARITH,
    CLAIMS,
    CLOCK,
    DATED,
    FACTS,
    IS,
    IS_STATE,
    IS_WHEN,
    STATES,
    VALUES,
    a,
    be,
    listed,
    noun,
    spoken,
    the,
)
from rules.types.functions import AGGREGATES
from rules.types.inference import field_type, infer, silent, word_of
from rules.types.inference import listed as listed_path
from rules.types.symbol_table import Index, Ref, Scope
from rules.values.kinds import Type
from rules.values.names import plain
from rules.values.wording import parse_message, say


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
        return role.title if role else name or composed("nobody")

    def expr(self, node: n.Expr | n.Value) -> str:
        """An expression in words."""
        found: Callable[[Any], str] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        return found(node) if found else say(node)

    def all_of(self, nodes: Sequence[n.Expr]) -> str:
        """Conditions that hold together."""
        return listed([self.expr(node) for node in nodes], "so")

    def message(self, text: str, span: Span) -> str:
        """A message, each placeholder in words and as ‹…›."""
        parts, _ = parse_message(text, span)
        return joined(["“", *(p if isinstance(p, str) else self._hole(p) for p in parts), "”"])

    def _hole(self, part: n.Expr) -> str:
        if isinstance(part, n.Name) and len(part.path) == 1 and part.path[0] in self.index.consts:
            return const_in_words(self.index.consts[part.path[0]])
        return joined(["‹", without_article(self.expr(part)), "›"])

    # ---- leaves -------------------------------------------------------------------------------

    def _word(self, node: n.Word) -> str:
        if node.name in self.index.consts:
            return self._name(n.Name((node.name,), node.span))
        return named(node.name)

    def _literal(self, node: n.Literal) -> str:
        if node.kind == "duration":
            return spoken(node.value)  # type: ignore[arg-type]
        if node.kind == "text":
            return f"“{node.value}”" if node.value else composed("nothing")
        return literal(node)

    def _name(self, node: n.Name) -> str:
        ref = self.scope.resolve(node.path)
        name = node.path[-1]
        if ref is None:
            path = "_".join(node.path)
            return composed(FACTS[name]) if name in FACTS else the(path)
        if ref.kind == "const":
            return self._const(self.index.consts[name])
        if ref.kind in {"fact", "number"}:
            return composed(FACTS[name]) if name in FACTS else the(name)
        if ref.kind == "due":
            return composed("what is due of the line")
        of = ""
        if ref.kind in {"line", "own"}:
            of = composed("the line") if ref.kind == "line" else the(ref.record)
        return noun(name, self._type(ref), of)

    def _const(self, const: n.Const) -> str:
        value = const_in_words(const)
        name = named(const.name)
        if const.rows[0].value.kind == "text" and len(const.rows) == 1:
            return composed("the %(name)s “%(value)s”", name=name, value=value)
        if len(const.rows) == 1:
            value = self._literal(const.rows[0].value)
        return composed("the %(name)s of %(value)s", name=name, value=value)

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
        word = word_of(infer(node.left, self.scope, silent), node.right)
        if word and self._of_fact(node.left):
            return composed(IS_STATE[node.op], left=left, state=_state(word))
        right = f"“{plain(word)}”" if word else self.expr(node.right)
        return composed(self._verb(node.left, node.op), left=left, right=right)

    def _verb(self, node: n.Expr, op: str) -> str:
        """The message of a comparison."""
        of = (IS_WHEN, ARE_WHEN) if self.kind(node) in DATED else (IS, ARE)
        return of[self._be(node) == "are"][op]

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
        ago = self.expr(right.right)
        return composed(AGO[node.op], left=self.expr(node.left), right=ago)

    def _of_fact(self, node: n.Expr) -> bool:
        """Whether words of it are ours; those of a field are the source's, and stand in quotes."""
        ref = self.scope.resolve(node.path) if isinstance(node, n.Name) else None
        return ref is not None and ref.kind == "fact"

    def compared(self, name: str, op: str, value: n.Value) -> str:
        """A cell of a decision table: `<= cancel_window`."""
        node = n.Name((name,), value.span)
        return composed(self._verb(node, op), left=self.expr(node), right=self.expr(value))

    def _member(self, node: n.Member) -> str:
        left = self.expr(node.left)
        words = [v.name for v in node.values if isinstance(v, n.Word)]
        if self._of_fact(node.left) and len(words) == len(node.values):
            states = listed([_state(word) for word in words], "or")
            return composed(IS_STATE["="], left=left, state=states)
        values = [
            f"“{plain(v.name)}”" if isinstance(v, n.Word) else self.expr(v) for v in node.values
        ]
        return composed(self._verb(node.left, "="), left=left, right=listed(values, "or"))

    def among(self, name: str, values: Sequence[n.Value]) -> str:
        """A cell of a decision table: `open`, or several words."""
        node = n.Name((name,), values[0].span)
        return self._member(n.Member(node, tuple(values), node.span))

    def gets(self, node: n.Expr) -> str:
        """What a field is: a value, or whether something is so."""
        claims = self.kind(node) == "yesno" and not isinstance(node, n.Name | n.Literal)
        value = self.expr(node)
        return composed("whether %(condition)s", condition=value) if claims else value

    def _known(self, node: n.Known) -> str:
        there = self._entry(node.expr, there=True)
        return there or self._when(node.expr) or self._so(node.expr, "known")

    def _absent(self, node: n.Absent) -> str:
        return self._entry(node.expr, there=False) or self._so(node.expr, "missing")

    def _so(self, node: n.Expr, so: str) -> str:
        one, many = IS_SO[so]
        return composed(many if self._be(node) == "are" else one, what=self.expr(node))

    def _entry(self, node: n.Expr, *, there: bool) -> str:
        """An entry of a map that is there or not: `there is no debtor for the customer`."""
        if not isinstance(node, n.Call) or node.name not in self.index.maps:
            return ""
        key = listed([self.expr(arg) for arg in node.args])
        if there:
            return composed("there is %(entry)s for %(key)s", entry=a(node.name), key=key)
        return composed("there is no %(entry)s for %(key)s", entry=named(node.name), key=key)

    def _when(self, node: n.Expr) -> str:
        """`it is known when it was paid`."""
        said = re.fullmatch("the (?:moment|day) (it .*)", self.expr(node))
        if not said or not isinstance(node, n.Name):
            return ""
        return instead(f"it is known when {said[1]}", self._so(node, "known"))

    def _allof(self, node: n.AllOf) -> str:
        return listed([self._part(p, n.AnyOf) for p in node.parts], "so")

    def _anyof(self, node: n.AnyOf) -> str:
        return listed([self._part(p, n.AllOf) for p in node.parts], "either")

    def _part(self, node: n.Expr, bracketed: type) -> str:
        return _bracketed(self.expr(node)) if isinstance(node, bracketed) else self.expr(node)

    def _not(self, node: n.Not) -> str:
        inner = node.expr
        if isinstance(inner, n.Known | n.Absent):
            known = isinstance(inner, n.Known)
            there = self._entry(inner.expr, there=not known)
            return there or self._so(inner.expr, "not known" if known else "not missing")
        if isinstance(inner, n.Call) and inner.name in CLAIMS:
            return self._claim(inner, 1)
        if isinstance(inner, n.Call) and inner.name == "any":
            return self._aggregate(inner, so=False)
        return composed("it is not so that %(condition)s", condition=self.expr(inner))

    # ---- values -------------------------------------------------------------------------------

    def _arith(self, node: n.Arith) -> str:
        left, right = node.left, node.right
        if self.kind(left) in DATED and isinstance(right, n.Literal) and node.op in MOVED:
            return composed(MOVED[node.op], time=self.expr(right), day=self.expr(left))
        if node.op == "-" and isinstance(left, n.Literal) and left.value == 0:
            return composed("minus %(amount)s", amount=self._operand(right, nested=True))
        loose = node.op in "*/"
        return composed(
            ARITH[node.op],
            left=self._operand(left, nested=loose),
            right=self._operand(right, nested=loose or node.op == "-"),
        )

    def _operand(self, node: n.Expr, *, nested: bool) -> str:
        sums = isinstance(node, n.Arith) and (nested and node.op in "+-")
        rounded = isinstance(node, n.Call) and node.name == "round"
        return _bracketed(self.expr(node)) if sums or rounded else self.expr(node)

    def _negative(self, node: n.Negative) -> str:
        return composed("minus %(amount)s", amount=self._operand(node.expr, nested=True))

    def _otherwise(self, node: n.Otherwise) -> str:
        value, default = self.expr(node.expr), self.expr(node.default)
        return composed("%(value)s (%(default)s where it is missing)", value=value, default=default)

    def _call(self, node: n.Call) -> str:
        args = [self.expr(arg) for arg in node.args]
        if node.name in self.index.maps:
            return composed("the %(entry)s for %(key)s", entry=named(node.name), key=listed(args))
        if node.name in AGGREGATES:
            return self._aggregate(node)
        if node.name in CLAIMS:
            return self._claim(node, 0)
        if node.name == "number_of" and isinstance(node.args[0], n.Name):
            document = named(node.args[0].path[-1])
            return composed("the number of its %(document)s", document=document)
        if node.name == "date_of":
            day = re.sub("^the moment (it|the )", r"the day \1", args[0])
            return instead(day, composed("the date of %(moment)s", moment=args[0]))
        if node.name in VALUES:
            given = {"first": args[0], "second": args[-1], "all": listed(args)}
            return composed(VALUES[node.name], **given)
        return composed("the %(name)s of %(values)s", name=named(node.name), values=listed(args))

    def _claim(self, node: n.Call, which: int) -> str:
        what = node.args[0]
        return composed(CLAIMS[node.name][self._be(what)][which], what=self.expr(what))

    def _aggregate(self, node: n.Call, *, so: bool = True) -> str:
        """What is said of a list; `so`: that there is any of it, or none."""
        arg = node.args[0]
        path = arg.path if isinstance(arg, n.Name) else ("lines",)
        over = listed_path(path, self.scope)
        inside = Phrases(self.index, self.scope.inside(over.record)) if over else self
        ends = path[:-1] if over is not None and over.field else path
        field = inside.expr(n.Name(path[-1:], arg.span)) if ends != path else ""
        where = inside.expr(node.where) if node.where is not None else ""
        if node.name == "any":
            return existing(ends, path[-1] if field else "", where, so=so)
        return of_list(node.name, ends, field, where)


def _state(word: str) -> str:
    return composed(STATES[word]) if word in STATES else named(word)


def _bracketed(text: str) -> str:
    return joined(["(", text, ")"])


def words_of(index: Index) -> Phrases:
    """The words of a ruleset, outside of any record."""
    return Phrases(index, Scope(index, ""))
