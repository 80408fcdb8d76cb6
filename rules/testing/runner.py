"""`sample` and `test` blocks, and one record alone, run without anything outside.

Here: run_tests, run_test, and one record against rule files with the entries of those files only:
no database, no network. Not here: the world of a test (test_world.py), its steps (test_steps.py),
whether the blocks make sense (checker/tests_and_samples.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from grammar import nodes as n
from grammar.nodes import Ruleset
from grammar.text.problem import Problem, Span
from rules.facts.seeds import seeds
from rules.facts.world import Facts, Subject, TargetState
from rules.outcomes.outcome import Outcome
from rules.programs.program import Program, compile_ruleset, hash_of
from rules.testing.expectations import Expectations
from rules.testing.test_steps import tell
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index


@dataclass(frozen=True, slots=True)
class Tried:
    """What came out, the program that said it, and what was wrong with the CSV files."""

    outcome: Outcome
    program: Program
    problems: tuple[Problem, ...]


def try_record(
    ruleset: Ruleset,
    sources: Mapping[str, str],
    *,
    files: Mapping[str, str],
    body: Mapping[str, object],
    kind: str,
    now: datetime,
    schemas: Schemas | None = None,
) -> Tried:
    """Judge one body as a record of `kind`; `files` are CSV texts by path."""
    program = compile_ruleset(ruleset, hash=hash_of(sources), schemas=schemas)
    found = seeds(ruleset, files)
    targets = {t.name: TargetState(known=True) for t in ruleset.targets}
    source = next((r.source for r in ruleset.records if r.name == kind), None) or ""
    subject = Subject(kind, source, body, 1)
    outcome = program.evaluate(subject, Facts(now), found.world(0, targets), now)
    return Tried(outcome, program, tuple(found.problems))


def kinds_of(ruleset: Ruleset) -> tuple[str, ...]:
    """The record kinds that the rules judge, for a caller that must choose one."""
    return tuple(r.name for r in ruleset.records if r.source)


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
