"""Which tests of a ruleset show which of its lines at work.

Here: Proofs. A test shows a line when the rule there decided something in it; a map and a document
are shown when they were used. Not here: whether the tests pass (samples.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grammar import nodes as n
from grammar.problem import Span
from rules.compile import Program
from rules.index import Index
from rules.outcome import Outcome
from rules.stories import Told, tell


@dataclass(frozen=True, slots=True)
class Proof:
    """A test, the places where a rule decided in it, and the names of what it used."""

    title: str
    span: Span
    at: frozenset[tuple[str, int]]
    used: frozenset[str]


class Proofs:
    """The tests of a ruleset, run once."""

    def __init__(self, ruleset: n.Ruleset, program: Program) -> None:
        index = Index(ruleset)
        self._proofs = tuple(
            _proof(test, tell(index.samples[test.given], test, index, program))
            for test in ruleset.tests
            if test.given in index.samples
        )

    def of(self, spans: Iterable[Span], name: str = "") -> tuple[str, ...]:
        """The tests that show the rule written at these places, or what has this name."""
        lines = {(s.file, line) for s in spans for line in range(s.line, s.end_line + 1)}
        return tuple(p.title for p in self._proofs if p.at & lines or name in p.used)


def _proof(test: n.Test, told: Told) -> Proof:
    outcome = told.outcome
    used = {use.table for use in outcome.used} | set(_documents(test, outcome))
    used |= {f"ready {d.route}" for d in outcome.decisions if d.state == "ready"}
    at = {(span.file, span.line) for span in _decided(outcome)}
    at |= set(_answered(told))
    return Proof(test.title, test.span, frozenset(at), frozenset(used))


def _decided(outcome: Outcome) -> Iterator[Span]:
    for verdict in outcome.verdicts:
        if verdict.kind == "gate" or verdict.result in {"hit", "unknown"}:
            yield verdict.span
    for decision in outcome.decisions:
        yield from (finding.span for finding in decision.findings)
        yield from (step.span for step in decision.plan if step.rule)


def _answered(told: Told) -> Iterator[tuple[str, int]]:
    """The row of a retry table that answered."""
    if told.retry is None:
        return
    for target in {d.route.partition(".")[0] for d in told.outcome.decisions}:
        answer = told.retry(target)
        if answer is not None:
            yield (answer.span.file, answer.span.line)


def _documents(test: n.Test, outcome: Outcome) -> Iterator[str]:
    """The routes of which this test looks at a document."""
    for expect in test.expects:
        if expect.head or expect.lines:
            routes = [str(expect.route)] if expect.route else [d.route for d in outcome.decisions]
            yield from routes
