"""What can be said of a ruleset without any data: one file for each question.

Here: check, which asks them all; not_yet, which asks only what nothing carries out. Not here:
syntax (grammar), tests that are run (rules/samples.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from grammar.nodes import Ruleset
from grammar.problem import Problem
from rules.analyse import (
    amounts,
    answers,
    edit_groups,
    entries,
    gates,
    going,
    later,
    links,
    logic,
    messages,
    names,
    owners,
    posts,
    samples,
    schemas,
    silences,
    tables,
    types,
    undoing,
    units,
    unused,
)
from rules.index import Index
from rules.schema import Schemas

__all__ = ["check", "not_yet"]

_QUESTIONS = (
    names,
    links,
    types,
    logic,
    owners,
    gates,
    entries,
    tables,
    edit_groups,
    units,
    posts,
    going,
    undoing,
    answers,
    messages,
    samples,
    unused,
)


def check(
    ruleset: Ruleset, known: Schemas | None = None, *, in_force: bool = True
) -> tuple[Problem, ...]:
    """Every problem of a ruleset, in the order of its text; each one once.

    Rules that are only tried and tested (`in_force` no) may say what nothing carries out yet.
    """
    index = Index(ruleset)
    found = chain.from_iterable(question.check(index) for question in _QUESTIONS)
    outside: Iterable[Problem] = ()
    if known is not None:
        outside = chain(schemas.check(index, known), amounts.check(index, known))
    refused = not_yet(ruleset, known) if in_force else ()
    once = dict.fromkeys(chain(found, outside, refused))
    told = silences.heeded(tuple(once), ruleset)
    return tuple(sorted(told, key=lambda p: (p.span, p.code, p.message)))


def not_yet(ruleset: Ruleset, known: Schemas | None = None) -> tuple[Problem, ...]:
    """What these rules say and nothing carries out yet, whatever else is wrong with them."""
    return tuple(later.check(Index(ruleset), known))
