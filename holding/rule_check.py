"""Whether rule files may come into force: parsed, checked, with their CSV files, their tests green.

Here: one examination of all files at once, and everything wrong with them as one refusal. Not
here: storing and publishing (`rulesets.py`), what each check means (rules/analyse).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from connectors import registry
from grammar import Problem, parse
from grammar.nodes import Ruleset
from holding.refusal import Refusal
from rules.analyse import check
from rules.compile import compile_ruleset, hash_of
from rules.samples import run_tests
from rules.schema import Schemas
from rules.seeds import Seeds, seeds

RULES: Final = ".rules"
NO_FILE: Final = "MAP10"  # the checker's code for a CSV file that was not given


@dataclass(frozen=True, slots=True)
class RulesRefusal(Refusal):
    """Rule files that were not taken: problems in them and in their CSV files, failed tests."""

    problems: tuple[Problem, ...] = ()
    failed_tests: tuple[str, ...] = ()


def schemas() -> Schemas:
    """What the checker and the judging know of documents and record kinds."""
    documents, kinds = registry.schemas()
    return Schemas(documents=tuple(documents), kinds=tuple(kinds))


def rule_sources(files: Mapping[str, str]) -> dict[str, str]:
    """The files that hold rules, without the CSV files beside them."""
    return {path: text for path, text in files.items() if path.endswith(RULES)}


def examine(files: Mapping[str, str]) -> tuple[Ruleset, Seeds] | RulesRefusal:
    """Parse, check and test rule files; the ruleset and its rows, or everything wrong with them."""
    return _examined(tuple(sorted(files.items())), schemas())


@lru_cache(maxsize=4)
def _examined(
    given: tuple[tuple[str, str], ...], known: Schemas
) -> tuple[Ruleset, Seeds] | RulesRefusal:
    """Kept, because what is published is what was pushed a moment ago."""
    files = dict(given)
    sources = rule_sources(files)
    ruleset, problems = parse(sources)
    if not sources or _errors(problems):
        return _refused(problems=problems)
    rows = seeds(ruleset, files)
    problems = (*problems, *check(ruleset, known), *map(_needed, rows.problems))
    if _errors(problems):
        return _refused(problems=problems)
    program = compile_ruleset(ruleset, hash=hash_of(sources), schemas=known)
    report = run_tests(ruleset, program)
    failed = tuple(f"{result.title}: {result.message}" for result in report.failed)
    if failed:
        return _refused(problems=problems, failed_tests=failed)
    return ruleset, rows


def _needed(problem: Problem) -> Problem:
    """A CSV file left out is a warning while trying rules; to publish without it is a mistake."""
    return replace(problem, severity="error") if problem.code == NO_FILE else problem


def _errors(problems: tuple[Problem, ...]) -> bool:
    return any(problem.severity == "error" for problem in problems)


def _refused(
    *,
    problems: tuple[Problem, ...] = (),
    failed_tests: tuple[str, ...] = (),
) -> RulesRefusal:
    errors = [p for p in problems if p.severity == "error"]
    first = [f"{p.span.file}:{p.span.line}:{p.span.column}: {p.message}" for p in errors]
    told = [*first, *failed_tests] or ["There is no .rules file among the files."]
    return RulesRefusal(
        code="rules.refused",
        message=f"The rules were not taken: {told[0]}",
        hint=f"{len(told) - 1} more." if len(told) > 1 else "",
        status=422,
        problems=problems,
        failed_tests=failed_tests,
    )
