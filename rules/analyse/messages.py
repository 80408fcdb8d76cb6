"""Can every message be said?

Here: placeholders that are no names, and the few that maps, units, sources and targets may use. Not
here: whether a name exists (types.py says so with MSG01).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from grammar.problem import Problem, Span
from rules.analyse.places import problem
from rules.index import Index
from rules.words import parse_message

_HOLE = re.compile(r"\{([^{}]*)\}")


def check(index: Index) -> Iterator[Problem]:
    """All messages of a ruleset."""
    rules = index.ruleset
    for text, span in _said(index):
        for broken in parse_message(text, span)[1]:
            message = f"'{{{broken}}}' is no name and no call"
            yield problem("MSG02", message, "Write a field, such as {number}.", span)
    for missing in [s.missing for s in rules.sources] + [t.missing for t in rules.targets]:
        yield from _only(missing.say, missing.span, ("field",))
    for table in rules.maps:
        yield from _only(table.missing.say, table.missing.span, ("key",))
    for units in rules.units:
        yield from _only(units.missing.say, units.missing.span, ("uom", "item"))


def _said(index: Index) -> Iterator[tuple[str, Span]]:
    rules = index.ruleset
    yield from ((c.say, c.span) for c in rules.checks)
    yield from ((a.say, a.span) for a in rules.approvals)
    yield from ((d.say, d.span) for d in rules.duplicates)
    for gate in rules.gates:
        for row in gate.rows:
            yield row.say or "", row.span


def _only(text: str, span: Span, known: tuple[str, ...]) -> Iterator[Problem]:
    for word in _HOLE.findall(text):
        if word not in known:
            names = " or ".join(f"{{{k}}}" for k in known)
            message = f"'{{{word}}}' is not known here"
            yield problem("MSG01", message, f"This message may use {names}.", span)
