"""What a look at rule files found, in the words that pages show: plain texts, and not too many.

Here: the report, the refusal that follows from it, and how much of the rules their tests prove. Not
here: the look itself (admission.py), what a part of the rules is (rules/testing), the process in
which pages have it made (check_processes.py).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from grammar.text.correction import Correction, correction
from grammar.text.problem import Problem, show
from holding.programs.world import schemas
from holding.rulesets.admission import RulesRefusal, Seen, checked, inspect, refused
from rules.testing.mutation_sites import coverage, parts
from rules.values.canonical import sha256_hex

MOST: Final = 100  # findings, and tests, that are told one by one


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: in words, and as it is shown below its line.

    `line`, `column` and `end` (the column behind it) say where it stands in its first line.
    """

    severity: str
    code: str
    place: str
    message: str
    shown: str
    hint: str
    file: str
    line: int
    column: int
    end: int
    correction: Correction | None

    @property
    def is_error(self) -> bool:
        """Whether it stops a publishing; else it is a warning."""
        return self.severity == "error"

    @property
    def at(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one test."""

    title: str
    passed: bool
    message: str
    place: str


@dataclass(frozen=True, slots=True)
class Report:
    """A look at the files with this hash. `findings` are the first, errors before warnings, and
    `tests` the first, failed ones before passed ones; the counts are of all. `ran` is None where
    errors stood before the tests, or the tests were not asked for.
    """

    hash: str
    errors: int
    warnings: int
    findings: tuple[Finding, ...]
    ran: int | None
    failed: int
    tests: tuple[Ran, ...]

    def refusal(self) -> RulesRefusal | None:
        """Why these files do not come into force."""
        wrong = [f"{one.place}: {one.message}" for one in self.findings if one.is_error]
        wrong += [f"{one.title}: {one.message}" for one in self.tests if not one.passed]
        if self.ran is not None and not self.failed:
            return None
        return refused(wrong, self.errors + self.failed)


@dataclass(frozen=True, slots=True)
class Unproved:
    """A part of the rules that may be broken without a test noticing: what it is, and where."""

    name: str
    file: str
    line: int

    @property
    def at(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many parts of the rules were broken, each alone, how many of these a test proves because
    it fails then, and how many parts are left; `open`: the first that no test proves.
    """

    measured: int
    proved: int
    left: int
    open: tuple[Unproved, ...]

    def plus(self, more: "Coverage") -> "Coverage":
        """What was measured of the same rules by both, where the other went on from here."""
        return Coverage(
            measured=self.measured + more.measured,
            proved=self.proved + more.proved,
            left=more.left,
            open=(*self.open, *more.open)[:MOST],
        )


def proved(files: Mapping[str, str], seconds: float, *, after: int = 0) -> Coverage:
    """Break the parts of these rules one at a time, for so many seconds, from the first that was
    not measured yet; one at least. Nothing is measured of rules with an error.
    """
    found = inspect(files)
    each = parts(found.ruleset)[after:] if found.tests else ()
    until, told = time.monotonic() + seconds, []
    for one in coverage(found.ruleset, each, schemas()):
        told.append(one)
        if time.monotonic() >= until:
            break
    open_ = [one.part for one in told if not one.by]
    return Coverage(
        measured=len(told),
        proved=len(told) - len(open_),
        left=len(each) - len(told),
        open=tuple(Unproved(one.name, one.span.file, one.span.line) for one in open_[:MOST]),
    )


def report(files: Mapping[str, str], *, tests: bool = True, seen: Seen | None = None) -> Report:
    """Look at rule files, with the CSV files beside them; their tests run last, if at all.

    With what was `seen` of the draft before, what did not change costs nothing.
    """
    found = inspect(files, seen) if tests else checked(files, seen)
    problems = sorted(found.problems, key=lambda problem: problem.severity != "error")
    results = found.tests.results if found.tests else ()
    first = sorted(results, key=lambda result: result.passed)[:MOST]
    errors = len(found.errors)
    return Report(
        hash=fingerprint(files),
        errors=errors,
        warnings=len(problems) - errors,
        findings=tuple(finding_of(problem, files) for problem in problems[:MOST]),
        ran=len(results) if found.tests else None,
        failed=len(found.tests.failed) if found.tests else 0,
        tests=tuple(Ran(one.title, one.passed, one.message, _place(one.span)) for one in first),
    )


def fingerprint(files: Mapping[str, str]) -> str:
    """What a report is known by: the very bytes that it is about."""
    return sha256_hex("\0".join(text for pair in sorted(files.items()) for text in pair))


def finding_of(problem: Problem, files: Mapping[str, str]) -> Finding:
    """A problem of these files as it is shown."""
    span, text = problem.span, files.get(problem.span.file, "")
    return Finding(
        severity=problem.severity,
        code=problem.code,
        place=str(span),
        message=problem.message,
        shown=show(problem, text),
        hint=str(problem.hint),
        file=span.file,
        line=span.line,
        column=span.column,
        end=span.end_column if span.end_line == span.line else 0,
        correction=correction(problem, text),
    )


def _place(span: object) -> str:
    return str(span).rpartition(":")[0]
