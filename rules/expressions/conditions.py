"""One condition of a rule: its answer, the operands it looked at, what would make it pass.

Here: Condition. Not here: which rule it belongs to and what a hit does (checks.py,
decisions/record.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

from grammar import nodes as n
from grammar.text.amounts import continued
from rules.expressions.aggregates import mentions_line, words_of
from rules.expressions.compiler import Compiler
from rules.expressions.lookups import Closure
from rules.expressions.remedies import FirstWishes, Wishes
from rules.expressions.run import Run
from rules.types.symbol_table import Index, Scope
from rules.values.kinds import Type
from rules.values.unknown import Unknown
from rules.values.wording import MISSING, const_values, parse_message, say, shown

ROUTE_WORDS = (
    "period",
    "document_number",
    "number_of",
    "e_invoice_age",
    "target_edited",
    "due_of",
    "line.due",
    "was",
)
"""What an expression may name that is another for each route, or for each of its documents."""

_LATER = frozenset({"closure", "type", "by_line", "lasting"})
Operands = tuple[tuple[str, str], ...]


class Condition:
    """A yes-or-no expression that can tell its story; compiled when it is first asked."""

    __slots__ = (
        "_compiler",
        "_owner",
        "_rule",
        "_scope",
        "_wishes",
        "node",
        "operands",
        "run",
        "span",
    )
    run: Closure
    operands: tuple[Operand, ...]

    def __init__(
        self, compiler: Compiler, node: n.Expr, scope: Scope, *, rule: str, owner: str
    ) -> None:
        self.node = node
        self.span = node.span
        self._compiler, self._scope, self._rule, self._owner = compiler, scope, rule, owner
        self._wishes: dict[bool, Wishes] = {}

    def __getattr__(self, name: str) -> Any:
        """What is made at first use; from then on it is an ordinary attribute."""
        if name == "run":
            self.run = self._compiler.guarded(self.node, self._scope, self._rule, self._owner)
            return self.run
        if name == "operands":
            self.operands = operands_of(self._compiler, self.node, self._scope)
            return self.operands
        raise AttributeError(name)

    def would_pass(self, run: Run, *, want: bool = True) -> str:
        """The smallest change that would make it pass (or fail), as far as that can be said."""
        if not run.story:
            return ""
        try:
            wishes = self._wishes.get(run.bare)
            if wishes is None:
                make = FirstWishes if run.bare else Wishes
                wishes = self._wishes[run.bare] = make(self._compiler, self._scope)
            return wishes.of(self.node, run, want=want)
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            return say(self.node) if want else f"not {say(self.node)}"  # beyond all bounds


class Operand:
    """One value that a condition or a document field looks at."""

    __slots__ = (
        "_compiler",
        "_scope",
        "by_line",
        "closure",
        "label",
        "lasting",
        "node",
        "type",
        "zone",
    )
    closure: Closure
    type: Type
    by_line: bool
    lasting: bool

    def __init__(self, compiler: Compiler, node: n.Expr, scope: Scope) -> None:
        self._compiler, self._scope, self.node = compiler, scope, node
        self.label = say(node)
        self.zone = compiler.zone

    def __getattr__(self, name: str) -> Any:
        """What is made at first use; from then on these are ordinary attributes."""
        if name not in _LATER:
            raise AttributeError(name)
        self.closure = self._compiler.expr(self.node, self._scope)
        self.type = self._compiler.type(self.node, self._scope)
        self.by_line, self.lasting = mentions_line(self.node), lasting(self.node)
        return getattr(self, name)

    def text(self, run: Run) -> str:
        """The value as people read it; worked out once for a record or a line of it."""
        if not run.story:
            return ""
        if not self.lasting:
            return self._shown(self._value(run))
        place = (self.label, id(run.line)) if self.by_line else self.label
        text = run.texts.get(place)
        if text is None:
            text = run.texts[place] = self._shown(self._value(run))
        return text

    def told(self, run: Run, value: Any) -> str:
        """The text of a value that is worked out already."""
        if not run.story:
            return ""
        if not self.lasting:
            return self._shown(value)
        place = (self.label, id(run.line)) if self.by_line else self.label
        text = run.texts.get(place)
        if text is None:
            text = run.texts[place] = self._shown(value)
        return text

    def _value(self, run: Run) -> Any:
        try:
            return self.closure(run)
        except (ArithmeticError, TypeError, RecursionError):
            return Unknown()

    def _shown(self, value: Any) -> str:
        try:
            return shown(value, self.type, self.zone)
        except (ArithmeticError, TypeError):
            return MISSING


def lasting(node: Any) -> bool:
    """Whether an expression is the same for every route and document of a record."""
    return words_of(node).isdisjoint(ROUTE_WORDS)


def is_everywhere(check: n.Check) -> bool:
    """Whether a check is the same for every route, and says so in the same words."""
    parts, _ = parse_message(check.say, check.span)
    return check.route is None and lasting((check.when, *check.requires, *parts))


def operands_of(compiler: Compiler, node: n.Expr, scope: Scope) -> tuple[Operand, ...]:
    """The operands of an expression, outermost calls first, each once."""
    return tuple(Operand(compiler, leaf, scope) for leaf in leaves(node, scope))


def texts(operands: tuple[Operand, ...], run: Run) -> Operands:
    """Names and values of operands, for a verdict."""
    return tuple([(o.label, o.text(run)) for o in operands])


def told(operands: tuple[Operand, ...], run: Run, values: tuple[Any, ...]) -> Operands:
    """The same, of values that are worked out already."""
    return tuple([(o.label, o.told(run, v)) for o, v in zip(operands, values, strict=True)])


def leaves(node: n.Expr, scope: Scope) -> tuple[n.Expr, ...]:
    """The expressions whose values are the operands, outermost calls first, each once."""
    return tuple(dict.fromkeys(_leaves(node, scope)))


def _leaves(node: Any, scope: Scope) -> Iterator[n.Expr]:
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
                yield from _leaves(arg, scope)
        return
    for part in n.operands(node):
        yield from _leaves(part, scope)


Message = Callable[[Run], str]
AMOUNTS = frozenset({"money", "number"})
"""What messages say as amounts; a number of the rules has no currency of its own."""
_TITLE = re.compile(r"(.+)[:.;] ", re.DOTALL)


def message_of(
    compiler: Compiler, parts: tuple[str | n.Expr, ...], scope: Scope
) -> tuple[Message, str]:
    """A message from its parts, and the label that all records of one cause share.

    Where the message is a title and then what differs, as in `Foreign orders are invoiced by hand:
    {number} is in {currency}.`, the label is the title. Else it names what differs from record to
    record, and says the values that do not: `‹total› is above 5000.00`. So it has stood in stored
    outcomes from the first; who shows it puts it in words (rules/values/wording.py, titled).
    """
    pieces: list[str | Operand] = [
        p if isinstance(p, str) else Operand(compiler, p, scope) for p in parts
    ]

    def render(run: Run) -> str:
        said = ""
        for piece in pieces:
            if isinstance(piece, str):
                said += piece
            elif run.bare or not run.story or piece.type.kind not in AMOUNTS:
                said += piece.text(run)
            else:
                own = compiler.currencies.of(run.head)
                money = own if piece.type.kind == "money" else ""
                said = continued(said, piece.text(run), money, others=(own,))
        return said

    return render, _label(compiler.index, parts, scope)


def _label(index: Index, parts: tuple[str | n.Expr, ...], scope: Scope) -> str:
    shown = [p if isinstance(p, str) else _in_label(index, p, scope) for p in parts]
    same = "".join(takewhile(lambda text: not text.startswith("‹"), shown))
    title = _TITLE.match(same)
    return title[1] if title and len(same) < len("".join(shown)) else "".join(shown)


def _in_label(index: Index, part: n.Expr, scope: Scope) -> str:
    """A placeholder as all records share it: the values of a const, the name of anything else."""
    ref = scope.resolve(part.path) if isinstance(part, n.Name) else None
    if ref is not None and ref.kind == "const":
        return const_values(index.consts[ref.name])
    return f"‹{say(part)}›"
