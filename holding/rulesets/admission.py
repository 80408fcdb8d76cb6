"""Whether rule files may come into force: parsed, checked, with their CSV files, their tests green.

Here: one look at all files at once, and everything wrong with them as one refusal. Not
here: storing and publishing (`publication.py`), what each check means (rules/checker).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from grammar.nodes import Ruleset
from grammar.parsing.incremental import Reader
from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from holding.db.refusal import Refusal
from holding.programs.world import schemas
from rules.checker.all_checks import findings
from rules.checker.memory import Memory
from rules.facts.seeds import Seeds, seeds
from rules.programs.program import compile_ruleset, hash_of
from rules.testing.runner import TestReport, run_tests
from rules.types.outside_schemas import Schemas

RULES: Final = ".rules"
NO_FILE: Final = "MAP10"  # the checker's code for a CSV file that was not given


@dataclass(frozen=True, slots=True)
class RulesRefusal(Refusal):
    """Rule files that were not taken: problems in them and in their CSV files, failed tests."""

    problems: tuple[Problem, ...] = ()
    failed_tests: tuple[str, ...] = ()


def rule_sources(files: Mapping[str, str]) -> dict[str, str]:
    """The files that hold rules, without the CSV files beside them."""
    return {path: text for path, text in files.items() if path.endswith(RULES)}


def examine(files: Mapping[str, str]) -> tuple[Ruleset, Seeds] | RulesRefusal:
    """Parse, check and test rule files; the ruleset and its rows, or everything wrong with them."""
    found = inspect(files)
    if found.tests is None or found.tests.failed:
        return _refused(found)
    return found.ruleset, found.rows


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at rule files found; tests run only where no error stands before them.

    `unread`: a declaration could not even be read.
    """

    ruleset: Ruleset
    rows: Seeds
    problems: tuple[Problem, ...]
    tests: TestReport | None
    unread: bool

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The findings that keep the files from coming into force."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of one draft from one look at it to the next; it changes no finding, and
    may be given up at any time.
    """

    reader: Reader = field(default_factory=Reader)
    memory: Memory = field(default_factory=Memory)


def inspect(files: Mapping[str, str], seen: Seen | None = None) -> Inspection:
    """Everything a publisher would be told of these files, good and bad."""
    if seen is not None:
        return _tested(_looked(files, schemas(), seen), files, schemas())
    return _inspected(tuple(sorted(files.items())), schemas())


def checked(files: Mapping[str, str], seen: Seen | None = None) -> Inspection:
    """The same without their tests."""
    if seen is not None:
        return _looked(files, schemas(), seen)
    return _checked(tuple(sorted(files.items())), schemas())


@lru_cache(maxsize=4)
def _inspected(given: tuple[tuple[str, str], ...], known: Schemas) -> Inspection:
    """Kept, because what is published is what was pushed a moment ago."""
    return _tested(_checked(given, known), dict(given), known)


@lru_cache(maxsize=4)
def _checked(given: tuple[tuple[str, str], ...], known: Schemas) -> Inspection:
    return _looked(dict(given), known)


def _looked(files: Mapping[str, str], known: Schemas, seen: Seen | None = None) -> Inspection:
    """One look; files in the order of their paths, whoever asks."""
    files = dict(sorted(files.items()))
    sources = rule_sources(files)
    ruleset, syntax = seen.reader.parse(sources) if seen else parse(sources)
    rows, memory = seeds(ruleset, files), seen.memory if seen else None
    found = findings(ruleset, sources, syntax, rows, known, in_force=True, memory=memory)
    unread = any(problem.severity == "error" for problem in syntax)
    return Inspection(ruleset, rows, tuple(map(_needed, found)), tests=None, unread=unread)


def _tested(looked: Inspection, files: Mapping[str, str], known: Schemas) -> Inspection:
    sources = rule_sources(files)
    if not sources or looked.errors:
        return looked
    program = compile_ruleset(looked.ruleset, hash=hash_of(sources), schemas=known)
    return replace(looked, tests=run_tests(looked.ruleset, program))


def _needed(problem: Problem) -> Problem:
    """A CSV file left out is a warning while trying rules; to publish without it is a mistake."""
    return replace(problem, severity="error") if problem.code == NO_FILE else problem


def refused(
    told: Sequence[str],
    times: int,
    *,
    problems: tuple[Problem, ...] = (),
    failed_tests: tuple[str, ...] = (),
) -> RulesRefusal:
    """The refusal of files in which so many things are wrong, of which these are the first."""
    finding = told[0] if told else "There is no .rules file among the files."
    return RulesRefusal(
        code="rules.refused",
        message=f"The rules were not taken: {finding}",
        hint=f"{times - 1} more." if times > 1 else "",
        status=422,
        problems=problems,
        failed_tests=failed_tests,
    )


def _refused(found: Inspection) -> RulesRefusal:
    errors = [f"{problem.span}: {problem.message}" for problem in found.errors]
    results = found.tests.failed if found.tests else ()
    failed = tuple(f"{result.title}: {result.message}" for result in results)
    told = [*errors, *failed]
    return refused(told, len(told), problems=found.problems, failed_tests=failed)
