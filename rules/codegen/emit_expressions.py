"""Expressions as lines of Python: the same values, Unknowns and errors as the interpreter gives.

Here: Writer, which writes one expression after the other onto a page. A value that may be Unknown
is asked for it where it is used; one that is always known is not. Everything that may fail or read
the world stands on a line of its own, in the order of the interpreter. Not here: whole functions
(generator.py, emit_checks.py), calls (emit_calls.py).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from sys import intern

from grammar import nodes as n
from rules.codegen.emit_calls import Calls
from rules.codegen.source_text import ARGUMENT, DEEPEST, OF_VALUES, Atom
from rules.expressions.aggregates import costly
from rules.expressions.lookups import never
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


class Writer(Calls):
    """Writes the expressions of one function."""

    # ---- leaves -------------------------------------------------------------------------------

    def _literal(self, node: n.Literal) -> Atom:
        return self.constant(self.compiler.literal(node))

    def _name(self, node: n.Name) -> Atom:
        found = self.page.have.get(node.path)
        if found is None:
            found = self.page.have[node.path] = self._read(node)
        return found

    def _read(self, node: n.Name) -> Atom:
        ref = self.scope.resolve(node.path)
        if ref is None:
            message = f"'{'.'.join(node.path)}' means nothing here"
            return self.asked(never(message), node.path)
        return self.field(ref, node.path)

    def field(self, ref: Ref, path: object) -> Atom:
        """The value of a field, or of whatever else a name means."""
        if isinstance(ref.field, n.Field) and ref.kind in {"head", "line", "item"}:
            return self._stored(ref, ref.field)
        own = ref.kind in {"head", "line"} or (ref.kind == "item" and self.own)
        if isinstance(ref.field, n.Computed) and self.bare and own:
            return self._computed(ref, ref.field, path)
        ask, kind = self.compiler.ref(ref), self._kind_of(ref)
        if ref.kind == "const" and self.bare and self.compiler.is_dated:  # the same on each line
            return Atom(self.page.ahead(f"{self.page.number(ask, path)}({ARGUMENT})"), kind)
        return self.asked(ask, path, kind)

    def _computed(self, ref: Ref, field: n.Computed, path: object) -> Atom:
        """A computed field of the record or line, kept in its row; one in itself asks a helper."""
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
        """The header, or the line, in a variable."""
        row = self.page.have.get(kind)
        if row is None:
            row = self.page.have[kind] = Atom(self.page.put(f"{ARGUMENT}.{kind}"))
        return row

    def _stored(self, ref: Ref, field: n.Field) -> Atom:
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

    def _compare(self, node: n.Compare) -> Atom:
        left = self._beside(node.left, node.right)
        right = self._right(node)
        code, known = self.guard(f"({left.code} {OPERATORS[node.op]} {right.code})", left, right)
        safe = node.op in {"=", "<>"} or (left.kind == right.kind and left.kind != "")
        answer = Atom(code, "yes", known, inline=True, depth=1)
        return answer if known and safe else self.atom(answer)

    def _right(self, node: n.Compare) -> Atom:
        if isinstance(node.right, n.Name) and len(node.right.path) == 1:
            word = word_of(self.compiler.type(node.left, self.scope), node.right)
            if word is not None:
                return self.constant(word)
        return self._beside(node.right, node.left)

    def _beside(self, node: n.Expr, other: n.Expr) -> Atom:
        """One side of two in a variable; a number beside an amount minds the currency."""
        number = self.compiler.currencies.number(node, other, self.scope)
        return self.held(node) if number is None else self.asked(number, (id(node), "beside"))

    def _member(self, node: n.Member) -> Atom:
        inner = self.held(node.left)
        values = tuple(v.name if isinstance(v, n.Word) else v.value for v in node.values)
        code, known = self.guard(f"({inner.code} in {self.page.number(values, id(node))})", inner)
        return Atom(code, "yes", known, inline=True, depth=1)

    def _known(self, node: n.Known) -> Atom:
        return self._is("is not", node.expr)

    def _absent(self, node: n.Absent) -> Atom:
        return self._is("is", node.expr)

    def _is(self, word: str, expr: n.Expr) -> Atom:
        inner = self.held(expr)
        code = f"({inner.code}.__class__ {word} Unknown)"
        return Atom(code, "yes", known=True, inline=True, depth=1)

    def _allof(self, node: n.AllOf) -> Atom:
        return self._together("and", "all_of", "is not False", node.parts)

    def _anyof(self, node: n.AnyOf) -> Atom:
        return self._together("or", "any_of", "is True", node.parts)

    def _together(self, word: str, helper: str, truth: str, parts: tuple[n.Expr, ...]) -> Atom:
        values = [self.value(p) for p in parts]
        depth = 1 + max(v.depth for v in values)
        if all(v.known for v in values):
            answers = [v.code if v.kind == "yes" else f"({v.code} {truth})" for v in values]
            code = f"({f' {word} '.join(answers)})"
            return Atom(code, "yes", known=True, inline=True, depth=depth)
        code = f"{helper}(({', '.join(v.code for v in values)},))"
        return Atom(self.page.put(code), "yes")

    def _not(self, node: n.Not) -> Atom:
        inner = self.value(node.expr)
        if not inner.known:
            inner = self.atom(inner)
        code, known = self.guard(f"(not {inner.code})", inner)
        return Atom(code, "yes", known, inline=True, depth=inner.depth + 1)

    # ---- arithmetic ---------------------------------------------------------------------------

    def _arith(self, node: n.Arith) -> Atom:
        found = self.page.have.get(node)
        if found is None:
            found = self._calculated(node)
            if not (self.scope.line and costly(node)):
                self.page.have[node] = found
        return found

    def _calculated(self, node: n.Arith) -> Atom:
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

    def _of_time(self, node: n.Arith) -> bool:
        """Whether dates, moments or durations are added."""
        sides = (self.compiler.type(side, self.scope).kind for side in (node.left, node.right))
        return node.op in "+-" and not {"date", "moment", "duration"}.isdisjoint(sides)

    def _negative(self, node: n.Negative) -> Atom:
        inner = self.held(node.expr)
        code = f"-{inner.code}"
        if self.compiler.type(node.expr, self.scope).kind in NUMERIC:
            code = f"subtract({self.page.number(Decimal(0))}, {inner.code})"
        guarded, known = self.guard(code, inner)
        return Atom(self.page.put(guarded), inner.kind, known)

    def _otherwise(self, node: n.Otherwise) -> Atom:
        inner = self.held(node.expr)
        if inner.known:
            return inner
        result = self.page.put(inner.code)
        with self.page.block(f"if {result}.__class__ is Unknown:"):
            default = self._apart(node.default)
            self.page.write(f"{result} = {default.code}")
        return Atom(result, inner.kind if inner.kind == default.kind else "", default.known)

    def _apart(self, node: n.Expr) -> Atom:
        """An expression inside a block; blocks inside blocks inside … become functions."""
        if self.page.indent <= DEEPEST:
            return self.value(node)
        return self.asked(self.compiler.expr(node, self.scope), id(node))
