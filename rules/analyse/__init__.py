"""What can be said of a ruleset without any data: one file for each question.

Here: check, which asks them all. Not here: syntax (grammar), tests that are run (rules/samples.py).
"""

from __future__ import annotations

from itertools import chain

from grammar.nodes import Ruleset
from grammar.problem import Problem
from rules.analyse import (
    edit_groups,
    entries,
    gates,
    later,
    links,
    logic,
    messages,
    names,
    owners,
    posts,
    samples,
    schemas,
    tables,
    types,
    undoing,
    units,
    unused,
)
from rules.index import Index
from rules.schema import Schemas

__all__ = ["check"]

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
    undoing,
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
    questions = (*_QUESTIONS, later) if in_force else _QUESTIONS
    found = chain.from_iterable(question.check(index) for question in questions)
    outside = schemas.check(index, known) if known is not None else ()
    once = dict.fromkeys(chain(found, outside))
    return tuple(sorted(once, key=lambda p: (p.span, p.code, p.message)))
