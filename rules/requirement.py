"""One condition of a rule: its answer, the operands it looked at, what would make it pass.

Here: Condition. Not here: which rule it belongs to and what a hit does (checks.py, judge.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from grammar import nodes as n
from rules.closures import Closure
from rules.index import Scope
from rules.interpret import Compiler
from rules.kinds import Type
from rules.lists import mentions, mentions_line
from rules.run import Run
from rules.unknown import Unknown
from rules.words import MISSING, say, shown

ROUTE_WORDS = (
    "period",
    "document_number",
    "number_of",
    "e_invoice_age",
    "target_edited",
    "due_of",
    "line.due",
)
"""What an expression may name that is another for each route, or for each of its documents."""

PASS, HIT, UNKNOWN, NOT_APPLICABLE = "pass", "hit", "unknown", "not_applicable"
Operands = tuple[tuple[str, str], ...]


class Condition:
    """A compiled yes-or-no expression that can tell its story."""

    __slots__ = ("_compiler", "_parts", "_scope", "node", "operands", "run", "span")

    def __init__(
        self, compiler: Compiler, node: n.Expr, scope: Scope, *, rule: str, owner: str
    ) -> None:
        self.node = node
        self.span = node.span
        self.run: Closure = compiler.guarded(node, scope, rule, owner)
        self.operands = operands_of(compiler, node, scope)
        self._compiler, self._scope = compiler, scope
        self._parts = node.parts if isinstance(node, n.AllOf) else ()

    def would_pass(self, run: Run) -> str:
        """The smallest change that would make it pass, as far as that can be said."""
        return "; ".join(t for t in self._wishes(self.node, run) if t)

    def _wishes(self, node: n.Expr, run: Run) -> Iterator[str]:
        if isinstance(node, n.AllOf):
            for part in node.parts:
                if self._value(part, run) is not True:
                    yield from self._wishes(part, run)
        else:
            yield self._wish(node, run)

    def _wish(self, node: n.Expr, run: Run) -> str:
        if isinstance(node, n.Compare):
            return self._comparison(node, run)
        if isinstance(node, n.Known):
            return f"{say(node.expr)} is given"
        if isinstance(node, n.Call) and node.name in _WISHES:
            return f"{say(node.args[0])} {_WISHES[node.name]}"
        return say(node)

    def _comparison(self, node: n.Compare, run: Run) -> str:
        left, right, op = node.left, node.right, node.op
        if op == "=" and self._stored(right) and not self._stored(left):
            left, right = right, left
        if isinstance(right, n.Literal):
            return f"{say(left)} {op} {say(right)}"
        value = self._value(right, run)
        if type(value) is Unknown or isinstance(value, type(None)):
            return f"{say(left)} {op} {say(right)}"
        of = self._compiler.type(right, self._scope)
        return f"{say(left)} {op} {shown(value, of, self._compiler.zone)}"

    def _stored(self, node: n.Expr) -> bool:
        ref = self._scope.resolve(node.path) if isinstance(node, n.Name) else None
        return ref is not None and isinstance(ref.field, n.Field)

    def _value(self, node: n.Expr, run: Run) -> Any:
        if isinstance(node, n.Name) and self._scope.resolve(node.path) is None:
            return None  # a bare word
        return self._compiler.guarded(node, self._scope, "", "")(run)


class Operand:
    """One value that a condition or a document field looks at."""

    __slots__ = ("by_line", "closure", "label", "lasting", "type", "zone")

    def __init__(self, compiler: Compiler, node: n.Expr, scope: Scope) -> None:
        self.label = say(node)
        self.closure = compiler.expr(node, scope)
        self.type: Type = compiler.type(node, scope)
        self.zone = compiler.zone
        self.by_line = mentions_line(node)
        self.lasting = not any(mentions(node, word) for word in ROUTE_WORDS)

    def text(self, run: Run) -> str:
        """The value as people read it; worked out once for a record or a line of it."""
        if not self.lasting:
            return self._text(run)
        key = (self.label, id(run.line) if self.by_line else 0)
        text = run.texts.get(key)
        if text is None:
            text = run.texts[key] = self._text(run)
        return text

    def _text(self, run: Run) -> str:
        try:
            return shown(self.closure(run), self.type, self.zone)
        except (ArithmeticError, TypeError, RecursionError):
            return MISSING


def operands_of(compiler: Compiler, node: n.Expr, scope: Scope) -> tuple[Operand, ...]:
    """The operands of an expression, outermost calls first, each once."""
    found = dict.fromkeys(_leaves(node, scope, compiler))
    return tuple(Operand(compiler, leaf, scope) for leaf in found)


def texts(operands: tuple[Operand, ...], run: Run) -> Operands:
    """Names and values of operands, for a verdict."""
    return tuple([(o.label, o.text(run)) for o in operands])


def _leaves(node: Any, scope: Scope, compiler: Compiler) -> Iterator[n.Expr]:
    if isinstance(node, n.Name):
        ref = scope.resolve(node.path)
        if ref is not None and ref.kind != "list":
            yield node
        return
    if isinstance(node, n.Call):
        if node.name != "round":
            yield node
        if node.where is None:
            for arg in node.args:
                yield from _leaves(arg, scope, compiler)
        return
    for part in _children(node):
        yield from _leaves(part, scope, compiler)


def _children(node: Any) -> tuple[Any, ...]:
    if isinstance(node, n.AllOf | n.AnyOf):
        return node.parts
    if isinstance(node, n.Compare | n.Arith):
        return (node.left, node.right)
    if isinstance(node, n.Otherwise):
        return (node.expr, node.default)
    if isinstance(node, n.Member):
        return (node.left,)
    inner = getattr(node, "expr", None)
    return (inner,) if inner is not None else ()


_WISHES = {"is_tin": "has the form of a TIN", "is_whole": "is a whole number"}

Message = Callable[[Run], str]


def message_of(
    compiler: Compiler, parts: tuple[str | n.Expr, ...], scope: Scope
) -> tuple[Message, str]:
    """A message from its parts, and the label that all records of one cause share.

    The label names what differs from record to record: `RM ‹total› is above the limit`.
    """
    pieces: list[str | Operand] = [
        p if isinstance(p, str) else Operand(compiler, p, scope) for p in parts
    ]

    def render(run: Run) -> str:
        return "".join(p if isinstance(p, str) else p.text(run) for p in pieces)

    return render, "".join(p if isinstance(p, str) else f"‹{p.label}›" for p in pieces)
