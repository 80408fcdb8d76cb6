"""One part of a ruleset that tests can prove, and the ways in which it is broken.

Here: Part, and how a declaration is exchanged for a broken one. Not here: which parts there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from grammar import nodes as n
from grammar.problem import Span

GONE: Any = object()
"""Stands for a node that is left out."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a declaration; `ways` are the declaration with the part broken, or GONE.

    It is covered when each test passes with the declaration as it is, and one fails with the
    declaration broken in one of these ways.
    """

    kind: str
    name: str
    span: Span
    declared: Any
    ways: tuple[Any, ...]


def part(kind: str, name: str, declared: Any, node: Any, ways: Iterable[Any]) -> Part:
    """The part of a declaration that `node` is, exchanged for each of these nodes."""
    broken = tuple(exchanged(declared, node, way) for way in ways)
    return Part(kind, name, node.span, declared, broken)


def without(ruleset: n.Ruleset, declared: Any, instead: Any) -> n.Ruleset:
    """The ruleset with another declaration in the place of this one."""
    return exchanged(ruleset, declared, instead)  # type: ignore[no-any-return]


def exchanged(node: Any, old: Any, new: Any) -> Any:
    """The tree with one node of it exchanged; the same tree where it is not in there."""
    if node is old:
        return new
    if isinstance(node, tuple):
        kept = [exchanged(item, old, new) for item in node]
        if all(one is other for one, other in zip(kept, node, strict=True)):
            return node
        return tuple(item for item in kept if item is not GONE)
    if not is_dataclass(node) or isinstance(node, Span):
        return node
    changes = {}
    for field in fields(node):
        value = getattr(node, field.name)
        other = exchanged(value, old, new)
        if other is not value:
            changes[field.name] = None if other is GONE else other
    return replace(node, **changes) if changes else node  # type: ignore[type-var]
