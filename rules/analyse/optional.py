"""Which optional fields do rules decide on without asking whether they are there?

Here: notes for whoever reviews a ruleset. It is no mistake: a missing value holds the record and is
never taken as a no. Not here: findings (the other questions).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import problem, records_of
from rules.index import Index, Scope
from rules.words import say


def notes(ruleset: n.Ruleset) -> tuple[Problem, ...]:
    """One note for each optional field that a check needs and does not guard."""
    index = Index(ruleset)
    found: dict[Problem, None] = {}
    for check in ruleset.checks:
        for record in records_of(check.records, index):
            scope = Scope(index, record, line=check.each_line)
            for note in _of(check, scope):
                found[note] = None
    return tuple(sorted(found, key=lambda p: (p.span, p.message)))


def _of(check: n.Check, scope: Scope) -> Iterator[Problem]:
    guarded = set(_guards(check.when))
    for condition in check.requires:
        guarded |= set(_guards(condition))
    told: set[str] = set()
    for node in (check.when, *check.requires):
        for name in _open(node, guarded):
            text = say(name)
            ref = scope.resolve(name.path)
            optional = ref is not None and isinstance(ref.field, n.Field)
            if not optional or text in guarded | told or ref.field.mark != "optional":  # type: ignore[union-attr]
                continue
            told.add(text)
            message = f"'{check.name}' holds a record without '{text}'"
            hint = f"That may be meant. If not: when {text} is known, or {text} otherwise …"
            yield replace(problem("OPT01", message, hint, name.span), severity="info")


def _guards(node: Any) -> Iterator[str]:
    """What a condition asks the presence of."""
    if isinstance(node, n.Known | n.Absent):
        yield say(node.expr)
    for part in getattr(node, "parts", ()):
        yield from _guards(part)


def _open(node: Any, guarded: Collection[str]) -> Iterator[n.Name]:
    """The names whose absence would make a condition unknown; a guarded look-up has asked."""
    if isinstance(node, n.Known | n.Absent | n.Otherwise) or node is None:
        return
    if isinstance(node, n.Call) and say(node) in guarded:
        return
    if isinstance(node, n.Name):
        yield node
        return
    if isinstance(node, n.Call) and node.where is not None:
        return
    parts = node if isinstance(node, tuple) else ()
    slots = getattr(node, "__slots__", ())
    for part in (*parts, *(getattr(node, s) for s in slots if s not in {"span", "value"})):
        yield from _open(part, guarded)
