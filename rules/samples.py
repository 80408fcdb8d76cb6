"""`sample` and `test` blocks: closed worlds, run without anything outside.

Here: run_tests, run_test. Not here: the world of a test (closed_world.py), its steps (stories.py),
and whether the blocks make sense (analyse/samples.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from grammar import nodes as n
from grammar.problem import Span
from rules.compile import Program
from rules.expectations import Expectations
from rules.index import Index
from rules.stories import tell


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of one test."""

    __test__ = False

    title: str
    passed: bool
    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class TestReport:
    """What became of all tests of a ruleset."""

    __test__ = False

    results: tuple[TestResult, ...]

    @property
    def failed(self) -> tuple[TestResult, ...]:
        """The tests that did not pass."""
        return tuple(r for r in self.results if not r.passed)


def run_tests(ruleset: n.Ruleset, program: Program) -> TestReport:
    """Run every test of a ruleset in its own world."""
    index = Index(ruleset)
    return TestReport(tuple(run_test(test, index, program) for test in ruleset.tests))


def run_test(test: n.Test, index: Index, program: Program) -> TestResult:
    """Run one test in its own world."""
    sample = index.samples.get(test.given)
    if sample is None:
        message = f"there is no sample '{test.given}'"
        return TestResult(test.title, passed=False, message=message, span=test.span)
    told = tell(sample, test, index, program)
    message = Expectations(test, told, program.zone(sample.record)).failure()
    return TestResult(test.title, passed=not message, message=message, span=test.span)
