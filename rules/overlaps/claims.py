"""What one condition claims of single fields, whatever other conditions say.

Here: Claim and how an expression is read as one. What cannot be said of one field is a text, and is
never reasoned about. It hangs on the condition and on what its names mean, and may be kept as long
as both stay. Not here: the cases that it allows beside other conditions (ranges.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from grammar import nodes as n
from grammar.text.problem import Problem
from rules.overlaps.cases import label, plain
from rules.types.day_differences import by_distance
from rules.types.inference import infer, silent
from rules.types.symbol_table import Scope
from rules.values.kinds import ORDERED, Type
from rules.values.wording import say

ORDERED_KINDS = ORDERED - {"any"}
TEXT_KINDS = frozenset({"text", "user"})


@dataclass(frozen=True, slots=True)
class OfField:
    """A comparison of a field with fixed values; without a cell the field itself is yes or no."""

    name: str
    type: Type
    values: Mapping[str, n.Value]
    """By the words of each."""
    cell: n.Cell | None


@dataclass(frozen=True, slots=True)
class Every:
    """All of it."""

    parts: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Several:
    """One of its parts, or, `turned`, not its only part; with the words of the whole."""

    parts: tuple[Claim, ...]
    turned: bool
    text: str


Claim: TypeAlias = "OfField | Every | Several | str"
"""A text is what nothing is known of but its words."""


def claimed(node: n.Expr, scope: Scope) -> Claim:
    """What a condition claims; a comparison of two days is one of the time between them."""
    if isinstance(node, n.AllOf):
        return Every(tuple(claimed(part, scope) for part in node.parts))
    if isinstance(node, n.Not | n.AnyOf):
        parts = node.parts if isinstance(node, n.AnyOf) else (node.expr,)
        claims = tuple(claimed(part, scope) for part in parts)
        return Several(claims, isinstance(node, n.Not), say(node))
    if isinstance(node, n.Compare | n.Member | n.Name):
        seen = by_distance(node, scope) if isinstance(node, n.Compare) else node
        return _single(seen, scope) or say(seen)
    return say(node)


def of_fields(claim: Claim) -> Iterator[OfField]:
    """All that is claimed of single fields, in the order of the text."""
    if isinstance(claim, OfField):
        yield claim
    elif isinstance(claim, Every | Several):
        for part in claim.parts:
            yield from of_fields(part)


def words_of(of: Type) -> tuple[str, ...]:
    """The values of a type that is known by names."""
    return ("yes", "no") if of.kind == "yesno" else of.states


def _single(node: n.Compare | n.Member | n.Name, scope: Scope) -> OfField | None:
    left = node if isinstance(node, n.Name) else node.left
    ref = scope.resolve(left.path) if isinstance(left, n.Name) else None
    between = isinstance(left, n.Arith) and isinstance(node, n.Compare)
    if not between and (ref is None or ref.kind in {"const", "list"}):
        return None
    wrong: list[Problem] = []
    kind = infer(node, scope, wrong.append).kind
    if wrong or kind != "yesno":
        return None
    of = infer(left, scope, silent)
    values = (
        () if isinstance(node, n.Name) else
        node.values if isinstance(node, n.Member) else _right(node.right)
    )  # fmt: skip
    if values is None or not _usable(of, values, scope):
        return None
    return OfField(say(left), of, {label(v): v for v in values}, _cell(node, values))


def _cell(node: n.Compare | n.Member | n.Name, values: tuple[n.Value, ...]) -> n.Cell | None:
    if isinstance(node, n.Name):
        return None
    if isinstance(node, n.Member):
        return n.Among(values, node.span)
    return n.Compared(node.op, values[0], node.span)


def _usable(of: Type, values: tuple[n.Value, ...], scope: Scope) -> bool:
    if of.kind in ORDERED_KINDS:
        return all(isinstance(v, n.Literal) or _fixed(v.name, scope) for v in values)
    if of.kind in TEXT_KINDS:
        return all(isinstance(v, n.Literal) for v in values)
    words = words_of(of)
    return bool(words) and all(plain(v) in words for v in values)


def _fixed(name: str, scope: Scope) -> bool:
    const = scope.index.consts.get(name)
    return const is not None and len(const.rows) == 1


def _right(node: n.Expr) -> tuple[n.Value, ...] | None:
    if isinstance(node, n.Literal):
        return (node,)
    if isinstance(node, n.Name) and len(node.path) == 1:
        return (n.Word(node.path[0], node.span),)
    return None
