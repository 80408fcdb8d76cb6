"""The topics of a rule book, and which tests show which lines at work.

Here: the topics with what is at stake where nothing answers one, and Proofs: a test shows a line
when the rule there decided something in it; a map and a document are shown when they were used. Not
here: whether the tests pass (testing/runner.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grammar import nodes as n
from grammar.text.problem import Span
from rules.checker.places import uses
from rules.outcomes.outcome import Outcome
from rules.programs.program import Program
from rules.testing.test_steps import Told, tell
from rules.types.symbol_table import Index
from rules.values.posting_states import PostingState

READY = "ready"
TOPICS = {
    READY: "Ready to post",
    "status": "Status",
    "mapping": "Mapping",
    "uom": "Units of measure",
    "approval": "Approval and version",
    "timing": "Timing",
    "exceptions": "Checks and changes after posting",
    "duplicates": "Duplicates",
    "retry": "Retry: when posting fails",
    "owners": "Owners and responsibilities",
}
RISKS = {
    READY: "Nothing is posted.",
    "status": "No rule says which status allows posting.",
    "mapping": "Codes are sent as the source writes them.",
    "uom": "Quantities are sent in whatever unit the source uses.",
    "approval": "No one is asked before a document is posted, and any version may be posted.",
    "timing": "No rule says when a document is posted.",
    "exceptions": "Nothing is checked, and changes after posting are put on hold without a reason.",
    "duplicates": "The same thing may be posted twice.",
    "retry": "Rejected documents follow the built-in retry table, and no team of yours owns them.",
    "owners": "What is on hold has no owner.",
}
EXCEPTIONS = {
    "duplicate party": "duplicates",
    "duplicate invoice": "duplicates",
    "UOM mismatch": "uom",
    "failed push": "retry",
}
"""The usual exceptions that are not told under Exceptions."""

_UNITS = frozenset({"in_base", "price_in_base", "base_unit", "is_whole"})
_APPROVAL = ("approv", "version")


def of_check(check: n.Check) -> str:
    """The topic that a check belongs to, by the names that it asks."""
    named = {name for e in (check.when, *check.requires) if e is not None for name in uses(e)}
    if named & _UNITS:
        return "uom"
    if any(word in name for name in named for word in _APPROVAL):
        return "approval"
    return "exceptions"


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
    used |= {f"ready {d.route}" for d in outcome.decisions if d.state == PostingState.READY}
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
