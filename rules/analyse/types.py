"""Do the expressions fit together, and is what they post exact?

Here: types of all expressions, conditions that are no conditions, unrounded postings, placeholders,
fields that need themselves. Not here: the type rules themselves (rules/types.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import Place, places, problem
from rules.index import Index, Scope
from rules.kinds import NUMERIC, Type
from rules.links import listed
from rules.types import infer


def check(index: Index) -> Iterator[Problem]:
    """All problems of types and names inside expressions."""
    for place in places(index):
        found: list[Problem] = []
        kind = infer(place.expr, place.scope, found.append)
        if place.what == "message":
            yield from (_as_placeholder(p) for p in found[:1])
            continue
        yield from found
        if place.what == "condition" and kind.kind not in {"yesno", "any"}:
            hint = "Compare it with something, or ask whether it is known."
            yield problem("TYP02", "this is neither yes nor no", hint, place.expr.span)
        if place.what == "posting":
            yield from _posted(place, kind)
    yield from _rings(index)


def _as_placeholder(found: Problem) -> Problem:
    message = f"in the message: {found.message}"
    return replace(found, code="MSG01", message=message)


def _posted(place: Place, kind: Type) -> Iterator[Problem]:
    span = place.expr.span
    if kind.kind == "many":
        yield problem("TYP08", "a list cannot be posted", "Post one of its sums.", span)
    elif kind.kind in NUMERIC and kind.level == "fraction":
        message = "a division reaches the document without being rounded"
        yield problem("TYP20", message, "Write round(…, 0.01) around it.", span)
    elif kind.kind == "money" and kind.level == "product":
        message = "an amount that was multiplied reaches the document without being rounded"
        yield problem("TYP21", message, "Write round(…, 0.01) around it.", span, "warning")


def _rings(index: Index) -> Iterator[Problem]:
    """Computed fields that need themselves."""
    needs: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for record in index.ruleset.records:
        for field in record.fields:
            if isinstance(field, n.Computed):
                needs[record.name, field.name] = set(_needed(field.expr, record, index))
    for (record_name, name), direct in needs.items():
        seen, todo = set(direct), list(direct)
        while todo:
            for more in needs.get(todo.pop(), ()):
                if more not in seen:
                    seen.add(more)
                    todo.append(more)
        if (record_name, name) in seen:
            span = index.fields[record_name][name].span
            hint = "A computed field may not need itself, not even by way of others."
            yield problem("TYP11", f"the field '{name}' needs itself", hint, span)


def _needed(expr: object, record: n.Record, index: Index) -> Iterator[tuple[str, str]]:
    owner = record.parent or record.name
    lines = index.line_records.get(owner)
    line_name = lines.name if lines else ""
    if isinstance(expr, n.Name):
        many = index.lines_field(owner)
        if len(expr.path) == 2 and many is not None and expr.path[0] in {"line", many.name}:
            yield (line_name, expr.path[1])
        yield (owner, expr.path[0])
        return
    if isinstance(expr, n.Call) and expr.where is not None:
        arg = expr.args[0] if expr.args else None
        over = listed(arg.path, Scope(index, owner)) if isinstance(arg, n.Name) else None
        for name in _bare(expr.where) if over is not None and over.link is None else ():
            yield (line_name, name)
    parts = expr if isinstance(expr, tuple) else ()
    slots = getattr(expr, "__slots__", ())
    for part in (*parts, *(getattr(expr, s) for s in slots if s not in {"span", "value"})):
        yield from _needed(part, record, index)


def _bare(expr: object) -> Iterator[str]:
    if isinstance(expr, n.Name):
        if len(expr.path) == 1:
            yield expr.path[0]
        return
    parts = expr if isinstance(expr, tuple) else ()
    slots = getattr(expr, "__slots__", ())
    for part in (*parts, *(getattr(expr, s) for s in slots if s not in {"span", "value"})):
        yield from _bare(part)
