"""Commands on rule files alone: check, fmt, try. They need no database.

Here: reading the arguments, printing, exit codes. Not here: what is right or wrong (`grammar`,
`rules`), reading files (`rule_files.py`).
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import click

from portal.rule_tools.coverage import covered_json, covering, risks
from portal.rule_tools.rule_files import Files, examine, read_files
from portal.terminal.command_frame import (
    FINDINGS,
    Stop,
    onward,
    plural,
    say,
    tell,
)
from rules.values.canonical import PostingState

if TYPE_CHECKING:
    from grammar.nodes import Ruleset
    from grammar.text.problem import Problem

Command = TypeVar("Command", bound=Callable[..., object])

SHOWN = 20
"""So many findings are printed, unless all are asked for."""

PATHS = click.argument(
    "paths",
    metavar="FILES",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


_JSON_FORM = click.option("--json", "form", flag_value="json", help="One JSON object.")
_FORM = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    help="github: annotations of a code host; sarif: one SARIF log.",
)


def formats(command: Command) -> Command:
    """The options that choose for whom findings are written."""
    return _JSON_FORM(_FORM(command))


@click.command()
@PATHS
@formats
@click.option("--strict", is_flag=True, help="Warnings, and risks of --coverage, are errors too.")
@click.option("--coverage", "covered", is_flag=True, help="Which rule answers which exception.")
@click.option("--publish", is_flag=True, help="Also what nothing carries out yet.")
@click.option("--all", "show_all", is_flag=True, help=f"Show more than {SHOWN} findings.")
@click.option("--plain", is_flag=True, help="One line of words for each finding, no drawing.")
def check(
    paths: tuple[Path, ...],
    *,
    form: str,
    strict: bool,
    covered: bool,
    publish: bool,
    show_all: bool,
    plain: bool,
) -> int:
    """Find what is wrong in rule files (or in a folder of them).

    What is right and not carried out yet is counted; with --publish each is an error, as it is to
    those who publish.
    """
    from grammar.parsing.incremental import collect_rarely

    begin = perf_counter()
    files = read_files(paths)
    collect_rarely()
    ruleset, problems = examine(files, in_force=publish)
    if covered and strict:
        problems = (*problems, *risks(ruleset))
    errors, warnings = _counts(problems)
    if form == "text":
        _print(problems, files.rules, shown=len(problems) if show_all else SHOWN, in_words=plain)
        milliseconds = round((perf_counter() - begin) * 1000)
        click.echo(f"{_summary(errors, warnings, len(files.rules))} ({milliseconds} ms)")
        if later := 0 if publish else _later(ruleset):
            click.echo(f"{later} not supported yet, which publishing refuses: --publish shows them")
        for line in covering(ruleset) if covered else ():
            click.echo(line)
        if not problems:
            onward(f"test {paths[0]}{' --coverage' if covered else ''}")
    else:
        _tell(problems, form, ruleset, covered=covered, files=len(files.rules))
    return FINDINGS if errors or (strict and warnings) else 0


def _later(ruleset: "Ruleset") -> int:
    """How much of it nothing carries out yet."""
    from holding.programs.world import schemas
    from rules.checker.all_checks import not_yet

    return len(not_yet(ruleset, schemas()))


def _tell(
    problems: Sequence["Problem"], form: str, ruleset: "Ruleset", *, covered: bool, files: int
) -> None:
    """The findings for another program."""
    from grammar.text.problem import to_json

    if annotated(problems, form):
        return
    errors, warnings = _counts(problems)
    found: dict[str, object] = {"files": files, "errors": errors, "warnings": warnings}
    found["not_carried_out"] = _later(ruleset)
    found["findings"] = [to_json(problem) for problem in problems]
    if covered:
        found["coverage"] = covered_json(ruleset)
    tell(found)


def annotated(problems: Sequence["Problem"], form: str) -> bool:
    """Write findings for a code host, if that is the form."""
    from grammar.version import __version__
    from portal.rule_tools.finding_formats import github, sarif

    if form == "sarif":
        tell(sarif(problems, __version__))
    elif form == "github":
        for problem in problems:
            click.echo(github(problem))
    return form in {"sarif", "github"}


@click.command()
@PATHS
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 if it would.")
def fmt(paths: tuple[Path, ...], *, only_check: bool) -> int:
    """Give rule files their one layout; comments and meaning stay."""
    from grammar.layout.written import format_text
    from grammar.parsing.parser import parse

    files = read_files(paths)
    _, problems = parse(files.rules)
    _print(problems, files.rules, shown=SHOWN, in_words=False)
    broken = {problem.span.file for problem in problems}
    changed = 0
    for name, text in files.rules.items():
        tidy = format_text(text, name)
        if name in broken or tidy == text:
            continue
        changed += 1
        click.echo(f"{'would change' if only_check else 'changed'} {name}")
        if not only_check:
            _write(Path(name), tidy)
    what = "to change" if only_check else "changed"
    say(f"{changed} of {plural(len(files.rules), 'file')} {what}")
    onward(f"{'fmt' if only_check and changed else 'check'} {paths[0]}")
    return FINDINGS if broken or (only_check and changed) else 0


@click.command(name="try", short_help="Check one record (JSON) with rule files, and nothing else.")
@click.argument("rules", type=click.Path(exists=True, path_type=Path))
@click.argument("record", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", help="The kind of record, where the rules check several.")
@click.option("--at", type=click.DateTime(), help="Check as of this moment (UTC); default: now.")
@click.option("--trace", is_flag=True, help="Show every rule line with what it saw.")
@AS_JSON
def try_(
    rules: Path, record: Path, *, kind: str | None, at: datetime | None, trace: bool, as_json: bool
) -> int:
    """Check one record (JSON) against rule files, and nothing else."""
    from holding.programs.world import schemas
    from portal.rule_tools import one_record
    from rules.testing.runner import kinds_of, try_record

    files = read_files([rules])
    ruleset = sound(files)
    result = try_record(
        ruleset,
        files.rules,
        files=files.csv,
        body=one_record.read_record(record),
        kind=one_record.chosen(kind, kinds_of(ruleset)),
        now=at.replace(tzinfo=UTC) if at else datetime.now(UTC),
        schemas=schemas(),
    )
    if as_json:
        tell(result.outcome.to_json())
    else:
        for line in one_record.report(result.outcome):
            click.echo(line)
        for line in one_record.traced(result.outcome, files.rules) if trace else ():
            click.echo(line)
        onward(f"test {rules}" if trace else f"try {rules} {record} --trace")
    held = any(decision.state == PostingState.HELD for decision in result.outcome.decisions)
    return FINDINGS if held else 0


def sound(files: Files) -> "Ruleset":
    """The ruleset of files without an error; errors end the command."""
    ruleset, problems = examine(files)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        _print(errors, files.rules, shown=SHOWN, in_words=False)
        raise Stop(f"The rules have {plural(len(errors), 'error')}.", "clearpost check shows them")
    return ruleset


def _print(
    problems: Sequence["Problem"], sources: Mapping[str, str], *, shown: int, in_words: bool
) -> None:
    from grammar.text.problem import plain, show

    for problem in problems[:shown]:
        text = plain(problem) if in_words else show(problem, sources.get(problem.span.file, ""))
        click.echo(" ".join(text.split()) if in_words else _coloured(text, problem.severity))
    if len(problems) > shown:
        click.echo(f"+ {len(problems) - shown} more (--all)")


def _coloured(text: str, severity: str) -> str:
    """The first line in red or yellow, where a terminal shows it and nobody declined."""
    if "NO_COLOR" in os.environ:
        return text
    first, _, rest = text.partition("\n")
    return click.style(first, fg="red" if severity == "error" else "yellow") + "\n" + rest


def _counts(problems: Sequence["Problem"]) -> tuple[int, int]:
    errors = sum(1 for problem in problems if problem.severity == "error")
    return errors, len(problems) - errors


def _summary(errors: int, warnings: int, files: int) -> str:
    """`1 error, 2 warnings in 3 files`."""
    if not errors and not warnings:
        return f"{plural(files, 'file')}: nothing to repair"
    return f"{plural(errors, 'error')}, {plural(warnings, 'warning')} in {plural(files, 'file')}"


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: never half of it, and with the rights it had."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    Path(name).chmod(path.stat().st_mode)
    Path(name).replace(path)


COMMANDS = (check, fmt, try_)
