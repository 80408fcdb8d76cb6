"""Define the nodes of expressions, actions and route names, and the functions that walk a tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as _field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self, TypeAlias

from grammar.text.problem import Span

_NO_NODES = frozenset({"span", "value"})


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word used as a value: a status, `open`, `locked`."""

    name: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out; `kind` is number, percent, duration, date, moment, text or yes_no."""

    kind: str
    value: Decimal | timedelta | date | datetime | str | bool
    span: Span = _field(compare=False)


Value: TypeAlias = Word | Literal


class Said(str):
    """A message to people, as a text like any other; `span` is its place, with its quotes."""

    __slots__ = ("span",)
    span: Span

    def __new__(cls, text: str, span: Span) -> Self:
        """Create the message without its quotes; `span` is its place with them, on one line."""
        made = super().__new__(cls, text)
        made.span = span
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[str, Span]]:
        """Return what recreates the message in another process."""
        return type(self), (str(self), self.span)

    def place(self, begin: int, end: int) -> Span:
        """Return the place of a part of the message; positions start at 0."""
        at = self.span
        return Span(at.file, at.line, at.column + 1 + begin, at.line, at.column + 1 + end)


@dataclass(frozen=True, slots=True)
class RouteName:
    """A target and its document type: `aiaccount.sales_invoice`."""

    target: str
    document: str
    span: Span = _field(compare=False)

    def __str__(self) -> str:
        return f"{self.target}.{self.document}"


@dataclass(frozen=True, slots=True)
class Action:
    """What is done: `hold` for a role, `review` by a role, warn, reject, ignore, drop, wait, block,
    and in decision tables update, void, new_document, credit_note, credit_and_new, look_up.
    """

    kind: str
    role: str | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """The owner of missing values and the message for that person."""

    action: Action
    say: Said
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A field, const, fact or bare word: `("line", "sku")`, `("total",)`."""

    path: tuple[str, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function or a map applied: `debtor(customer)`, `any(lines where qty > 0)`."""

    name: str
    args: tuple["Expr", ...]
    where: "Expr | None"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`, op one of = <> < <= > >=."""

    left: "Expr"
    op: str
    right: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """`left in (a, b)`."""

    left: "Expr"
    values: tuple["Value", ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Known:
    """`x is known`."""

    expr: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """`x is missing`."""

    expr: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    """`a and b and …`."""

    parts: tuple["Expr", ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`a or b or …`."""

    parts: tuple["Expr", ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """`not x`."""

    expr: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Arith:
    """`left op right`, op one of + - * /."""

    op: str
    left: "Expr"
    right: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """`-x`."""

    expr: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Otherwise:
    """`x otherwise y`: y where x is missing."""

    expr: "Expr"
    default: "Expr"
    span: Span = _field(compare=False)


Expr: TypeAlias = (
    Literal
    | Name
    | Call
    | Compare
    | Member
    | Known
    | Absent
    | AllOf
    | AnyOf
    | Not
    | Arith
    | Negative
    | Otherwise
)


def inner(node: object) -> Iterator[Any]:
    """Yield a node's or tuple's direct parts in order.

    Names and other plain values are included; spans and values of literals are not.
    """
    if isinstance(node, tuple):
        yield from node
        return
    for slot in getattr(node, "__slots__", ()):
        if slot not in _NO_NODES:
            part = getattr(node, slot)
            if isinstance(part, tuple):
                yield from part
            else:
                yield part


def walk(node: object) -> Iterator[Any]:
    """Yield a node and all its parts, each node before its parts."""
    yield node
    for part in inner(node):
        yield from walk(part)


def mentioned(node: object) -> Iterator[tuple[str, ...]]:
    """Yield the path of every name in a node, and of every function and map that it calls."""
    for part in walk(node):
        if isinstance(part, Name):
            yield part.path
        elif isinstance(part, Call):
            yield (part.name,)


def operands(expr: object) -> tuple[Expr, ...]:
    """Return the expressions from whose values an expression computes its own.

    A call has none, because it handles its arguments itself.
    """
    if isinstance(expr, AllOf | AnyOf):
        return expr.parts
    if isinstance(expr, Compare | Arith):
        return (expr.left, expr.right)
    if isinstance(expr, Otherwise):
        return (expr.expr, expr.default)
    if isinstance(expr, Member):
        return (expr.left,)
    return (expr.expr,) if isinstance(expr, Negative | Not | Known | Absent) else ()
