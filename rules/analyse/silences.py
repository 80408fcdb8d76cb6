"""Which findings of style are meant so, and is each silence needed?

Here: silencing by code and declaration, with a reason; silences of what cannot be silenced, and
of what nobody found. Not here: the findings themselves. An error can never be silenced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from grammar import nodes as n
from grammar.codes import CODES, STYLE
from grammar.problem import Problem
from rules.analyse.places import problem
from rules.types import did_you_mean


def heeded(found: Sequence[Problem], ruleset: n.Ruleset) -> Iterator[Problem]:
    """The findings that stay, and what is wrong with the silences themselves."""
    quiet: set[Problem] = set()
    for silence in ruleset.silences:
        meant = {p for p in found if _is_meant(p, silence, ruleset)} - quiet
        quiet |= meant
        yield from _wrong(silence, meant)
    yield from (problem for problem in found if problem not in quiet)


def _is_meant(finding: Problem, silence: n.Silence, ruleset: n.Ruleset) -> bool:
    return finding.code == silence.code in STYLE and any(
        declared.span == finding.span for declared in _called(silence.name, ruleset)
    )


def _called(name: str, ruleset: n.Ruleset) -> Iterator[Any]:
    """Every declaration of that name."""
    shelves = (
        getattr(ruleset, shelf.name) for shelf in fields(ruleset) if shelf.name != "silences"
    )
    yield from (node for shelf in shelves for node in shelf if getattr(node, "name", None) == name)


def _wrong(silence: n.Silence, meant: set[Problem]) -> Iterator[Problem]:
    code, name, span = silence.code, silence.name, silence.span
    if code not in CODES:
        message = f"there is no finding '{code}'"
        yield problem("SIL01", message, did_you_mean(code, STYLE), span)
    elif code not in STYLE:
        message = f"{code} ({CODES[code]}) cannot be silenced"
        hint = f"Repair it. Only style can be silenced: {', '.join(sorted(STYLE))}."
        yield problem("SIL02", message, hint, span)
    elif not silence.reason.strip():
        message = f"{code} of '{name}' is silenced without a reason"
        yield problem("SIL04", message, 'Say why it is meant so: because "…".', span)
    elif not meant:
        message = f"nothing to silence: there is no {code} of '{name}'"
        yield problem(
            "SIL03", message, "Take the silence out, or correct the name.", span, "warning"
        )
