"""`clearpost test`: the tests that stand in rule files, and what they prove.

Here: reading the arguments, printing, exit codes. Not here: running tests (`rules.testing.runner`),
breaking rules to see what tests prove (`rules.testing`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.rule_tools.check_commands import PATHS, annotated, formats, sound
from portal.rule_tools.rule_files import read_files
from portal.terminal.command_frame import (
    FINDINGS,
    onward,
    plural,
    say,
    tell,
)

if TYPE_CHECKING:
    from grammar.text.problem import Problem
    from rules.testing.runner import Covered, TestResult


@click.command()
@PATHS
@formats
@click.option(
    "--coverage",
    "covered",
    is_flag=True,
    help="Test coverage: change each rule and report which test fails.",
)
def test(paths: tuple[Path, ...], *, form: str, covered: bool) -> int:
    """Run the tests of the rule files.

    With --coverage each part of the rules is then broken, one at a time: a part is covered when a
    test turns red.
    """
    from holding.programs.world import schemas
    from rules.program import compile_ruleset, hash_of
    from rules.testing.runner import coverage, parts, run_tests

    files = read_files(paths)
    ruleset = sound(files)
    known = schemas()
    results = run_tests(ruleset, compile_ruleset(ruleset, hash=hash_of(files.rules), schemas=known))
    failed = results.failed
    found: Sequence[Covered] = ()
    if covered:
        broken = parts(ruleset)
        say(f"{plural(len(broken), 'part')} of the rules, broken one at a time …")
        found = tuple(coverage(ruleset, broken, known))
    if form == "json":
        told: dict[str, object] = {"tests": len(results.results), "failed": len(failed)}
        told["results"] = [_plain(result) for result in results.results]
        tell(told | ({"coverage": [_covered(one) for one in found]} if covered else {}))
    elif not annotated([_problem(result) for result in failed], form):
        for line in (*_failures(failed), *(_lines(found) if covered else ())):
            click.echo(line)
        click.echo(f"{plural(len(results.results), 'test')}, {len(failed)} failed")
        if not results.results:
            say('These files have no tests. Write one: test "…", given SAMPLE, expect …')
        elif not failed:
            sent = f"rules push {paths[0]} --company CODE --as EMAIL"
            onward(sent if covered else f"test {paths[0]} --coverage")
    return FINDINGS if failed else 0


def _failures(failed: Sequence["TestResult"]) -> Iterator[str]:
    for result in failed:
        yield f"failed: {result.title} ({result.span.file}:{result.span.line})\n  {result.message}"


def _lines(found: Sequence["Covered"]) -> Iterator[str]:
    """How much of each kind is covered, and what is not."""
    counts = Counter(one.part.kind for one in found)
    covered = Counter(one.part.kind for one in found if one.by)
    all_ = plural(len(found), "part")
    yield f"covered: {covered.total()} of {all_}; a test notices when they break"
    for kind, many in counts.items():
        yield f"  {kind:30}{covered[kind]:4} of {many}"
    if covered.total() < len(found):
        yield "not covered: no test would notice another answer here"
    for part in (one.part for one in found if not one.by):
        yield f"  {part.span.file}:{part.span.line}: {part.name}"
    yield ""


def _plain(result: "TestResult") -> dict[str, object]:
    return {
        "test": result.title,
        "passed": result.passed,
        "message": result.message,
        "file": result.span.file,
        "line": result.span.line,
    }


def _covered(one: "Covered") -> dict[str, object]:
    return {
        "kind": one.part.kind,
        "name": one.part.name,
        "file": one.part.span.file,
        "line": one.part.span.line,
        "covered": bool(one.by),
        "by": one.by,
    }


def _problem(result: "TestResult") -> "Problem":
    """A failed test as a finding, for whoever shows findings."""
    from grammar.text.problem import Problem

    hint = "Correct the rule, or what the test expects: clearpost test shows it again."
    message = f"the test '{result.title}' fails: {result.message}"
    return Problem("TST10", message, hint, result.span)


COMMANDS = (test,)
