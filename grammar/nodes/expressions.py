"""Expressions."""

from dataclasses import dataclass
from dataclasses import field as _field
from typing import TypeAlias

from grammar.nodes.values import Literal, Value
from grammar.problem import Span


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
