"""Read rule files, and check, format and try them by command."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import click

from grammar.text.characters import in_currency
from grammar.text.problem import consequence_sentences
from portal.terminal.command_frame import (
    FINDINGS,
    USAGE,
    Stop,
    plural,
    print_json,
    print_next,
    print_note,
)
from rules.values.canonical import POSTING_LABELS, PostingState, in_sentence
from rules.values.wording import format_clause

if TYPE_CHECKING:
    from grammar.nodes import Ruleset
    from grammar.text.problem import Problem
    from rules.checker.places import Memory
    from rules.outcomes import Decision, Outcome, VerdictResult
    from rules.rulebook.coverage import Answer

RULES = ".rules"

Command = TypeVar("Command", bound=Callable[..., object])

MAX_PRINTED_FINDINGS = 20
"""Findings printed without --all."""

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

_VERDICT_SIGNS: "Mapping[VerdictResult, str]" = {
    "hit": "HIT",
    "unknown": "UNKNOWN",
    "not_applicable": "-",
}
"""Signs of the results that must stand out in a trace; other results appear in words."""

NO_BACKTEST = "Last backtest: none given."

_COMMANDS = {"error": "error", "warning": "warning"}

_LEVELS = {"error": "error", "warning": "warning"}

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_ANSWER_SIGNS = {"answered": "yes", "open": "RISK", "never": "-"}


@dataclass(frozen=True, slots=True)
class Files:
    """Rule files by the path people see, and CSV files by the path that rules name."""

    rules: Mapping[str, str]
    csv: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """The hash of the rules, independent of their folder."""
        from rules.program import hash_files

        return hash_files({Path(path).name: text for path, text in self.rules.items()})


def read_files(paths: Sequence[Path]) -> Files:
    """Return the named rule files, those below the named folders, and the CSV files in `maps`.

    A folder without a rule file and an unreadable file end the command.
    """
    rules: dict[str, str] = {}
    csv: dict[str, str] = {}
    for path in paths:
        rule_paths = sorted(path.rglob(f"*{RULES}")) if path.is_dir() else [path]
        if not rule_paths:
            raise Stop(f"{path} holds no {RULES} file.", code=USAGE)
        rules |= {str(file): _text(file) for file in rule_paths}
        csv |= read_map_files(path if path.is_dir() else path.parent)
    return Files(rules, csv)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as problem:
        raise Stop(f"{path} is not UTF-8 text: {problem}", code=USAGE) from problem
    except OSError as problem:
        raise Stop(f"{path} cannot be read: {problem.strerror}", code=USAGE) from problem


def read_map_files(folder: Path) -> dict[str, str]:
    """Return the CSV files in `maps` of a folder, by the path that rules name."""
    csv_paths = sorted((folder / "maps").glob("*.csv"))
    return {file.relative_to(folder).as_posix(): _text(file) for file in csv_paths}


def examine(files: Files, *, in_force: bool = False) -> "tuple[Ruleset, tuple[Problem, ...]]":
    """Return the ruleset of the files and its findings, by file and line.

    With `in_force`, include what nothing carries out yet, as publishing does.
    """
    from grammar.parsing.parser import parse

    ruleset, syntax = parse(files.rules)
    return ruleset, findings(files, ruleset, syntax, in_force=in_force)


def findings(
    files: Files,
    ruleset: "Ruleset",
    syntax: "Sequence[Problem]",
    *,
    in_force: bool = False,
    memory: "Memory | None" = None,
) -> "tuple[Problem, ...]":
    """Return all findings of a parsed ruleset: the `syntax` findings and the checker's findings."""
    from holding.programs.known_schemas import schemas
    from rules.checker.all_checks import collect_findings as all_of
    from rules.facts import load_seeds

    seed_rows = load_seeds(ruleset, files.csv)
    return all_of(
        ruleset, files.rules, syntax, seed_rows, schemas(), in_force=in_force, memory=memory
    )


def add_format_options(command: Command) -> Command:
    """Add the options that choose the output format of findings."""
    return _JSON_FORM(_FORM(command))


@click.command()
@PATHS
@add_format_options
@click.option("--strict", is_flag=True, help="Warnings, and risks of --coverage, are errors too.")
@click.option(
    "--coverage", "with_coverage", is_flag=True, help="Which rule answers which exception."
)
@click.option("--publish", is_flag=True, help="Also what nothing carries out yet.")
@click.option(
    "--all", "show_all", is_flag=True, help=f"Show more than {MAX_PRINTED_FINDINGS} findings."
)
@click.option("--plain", is_flag=True, help="One line of words for each finding, no drawing.")
def check(
    paths: tuple[Path, ...],
    *,
    form: str,
    strict: bool,
    with_coverage: bool,
    publish: bool,
    show_all: bool,
    plain: bool,
) -> int:
    """Find what is wrong in rule files.

    Correct rules that nothing carries out yet are counted. With --publish each is an error, as it
    is when the rules are published.
    """
    from grammar.parsing.incremental import collect_rarely

    start = perf_counter()
    files = read_files(paths)
    collect_rarely()
    ruleset, problems = examine(files, in_force=publish)
    if with_coverage and strict:
        problems = (*problems, *coverage_risks(ruleset))
    errors, warnings = _counts(problems)
    if form == "text":
        _print_problems(
            problems,
            files.rules,
            limit=len(problems) if show_all else MAX_PRINTED_FINDINGS,
            in_words=plain,
        )
        milliseconds = round((perf_counter() - start) * 1000)
        click.echo(f"{_summary(errors, warnings, len(files.rules))} ({milliseconds} ms)")
        if unsupported_count := 0 if publish else _count_unsupported(ruleset):
            refused = "not supported yet, which publishing refuses"
            click.echo(f"{unsupported_count} {refused}: --publish shows them")
        for line in coverage_lines(ruleset) if with_coverage else ():
            click.echo(line)
        if not problems:
            print_next(f"test {paths[0]}{' --coverage' if with_coverage else ''}")
    else:
        _print_for_programs(problems, form, ruleset, covered=with_coverage, files=len(files.rules))
    return FINDINGS if errors or (strict and warnings) else 0


def _counts(problems: Sequence["Problem"]) -> tuple[int, int]:
    errors = sum(1 for problem in problems if problem.severity == "error")
    return errors, len(problems) - errors


def _print_problems(
    problems: Sequence["Problem"], sources: Mapping[str, str], *, limit: int, in_words: bool
) -> None:
    from grammar.text.problem import plain, show

    for problem in problems[:limit]:
        text = plain(problem) if in_words else show(problem, sources.get(problem.span.file, ""))
        click.echo(
            " ".join(text.split()) if in_words else _colour_first_line(text, problem.severity)
        )
    if len(problems) > limit:
        click.echo(f"+ {len(problems) - limit} more (--all)")


def _colour_first_line(text: str, severity: str) -> str:
    """Show the first line in red or yellow on a terminal, unless NO_COLOR is set."""
    if "NO_COLOR" in os.environ:
        return text
    first, _, remaining_lines = text.partition("\n")
    return (
        click.style(first, fg="red" if severity == "error" else "yellow") + "\n" + remaining_lines
    )


def _summary(errors: int, warnings: int, files: int) -> str:
    """Return a summary such as `1 error, 2 warnings in 3 files`."""
    if not errors and not warnings:
        return f"{plural(files, 'file')}: nothing to repair"
    return f"{plural(errors, 'error')}, {plural(warnings, 'warning')} in {plural(files, 'file')}"


def _count_unsupported(ruleset: "Ruleset") -> int:
    """Return how many parts of the ruleset are not supported yet."""
    from holding.programs.known_schemas import schemas
    from rules.checker.all_checks import not_yet

    return len(not_yet(ruleset, schemas()))


def _print_for_programs(
    problems: Sequence["Problem"], form: str, ruleset: "Ruleset", *, covered: bool, files: int
) -> None:
    """Print the findings in a format for another program."""
    from grammar.text.problem import to_json

    if print_annotations(problems, form):
        return
    errors, warnings = _counts(problems)
    report: dict[str, object] = {"files": files, "errors": errors, "warnings": warnings}
    report["not_carried_out"] = _count_unsupported(ruleset)
    report["findings"] = [to_json(problem) for problem in problems]
    if covered:
        report["coverage"] = coverage_json(ruleset)
    print_json(report)


def print_annotations(problems: Sequence["Problem"], form: str) -> bool:
    """Print the findings as SARIF or GitHub annotations; return False for another format."""
    from grammar.version import __version__

    if form == "sarif":
        print_json(sarif_log(problems, __version__))
    elif form == "github":
        for problem in problems:
            click.echo(github_annotation(problem))
    return form in {"sarif", "github"}


@click.command()
@PATHS
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 if it would.")
def fmt(paths: tuple[Path, ...], *, only_check: bool) -> int:
    """Format rule files; comments and meaning stay."""
    from grammar.layout.written import format_text
    from grammar.parsing.parser import parse

    files = read_files(paths)
    _, problems = parse(files.rules)
    _print_problems(problems, files.rules, limit=MAX_PRINTED_FINDINGS, in_words=False)
    broken = {problem.span.file for problem in problems}
    changed = 0
    for name, text in files.rules.items():
        formatted_text = format_text(text, name)
        if name in broken or formatted_text == text:
            continue
        changed += 1
        click.echo(f"{'would change' if only_check else 'changed'} {name}")
        if not only_check:
            _write(Path(name), formatted_text)
    what = "to change" if only_check else "changed"
    print_note(f"{changed} of {plural(len(files.rules), 'file')} {what}")
    print_next(f"{'fmt' if only_check and changed else 'check'} {paths[0]}")
    return FINDINGS if broken or (only_check and changed) else 0


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, so that no reader sees half a file; keep its permissions."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    Path(name).chmod(path.stat().st_mode)
    Path(name).replace(path)


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
    from holding.programs.known_schemas import schemas
    from rules.testing.runner import kinds_of, try_record

    files = read_files([rules])
    ruleset = require_sound(files)
    result = try_record(
        ruleset,
        files.rules,
        files=files.csv,
        body=read_record(record),
        kind=choose_kind(kind, kinds_of(ruleset)),
        now=at.replace(tzinfo=UTC) if at else datetime.now(UTC),
        schemas=schemas(),
    )
    if as_json:
        print_json(result.outcome.to_json())
    else:
        for line in report_lines(result.outcome):
            click.echo(line)
        for line in trace_lines(result.outcome, files.rules) if trace else ():
            click.echo(line)
        print_next(f"test {rules}" if trace else f"try {rules} {record} --trace")
    is_on_hold = any(decision.state == PostingState.HELD for decision in result.outcome.decisions)
    return FINDINGS if is_on_hold else 0


def require_sound(files: Files) -> "Ruleset":
    """Return the ruleset of files without an error; errors end the command."""
    ruleset, problems = examine(files)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        _print_problems(errors, files.rules, limit=MAX_PRINTED_FINDINGS, in_words=False)
        raise Stop(f"The rules have {plural(len(errors), 'error')}.", "clearpost check shows them")
    return ruleset


def read_record(path: Path) -> dict[str, object]:
    """Return the body of a record: a JSON object whose numbers are exact."""
    from connectors.transport.strict_json import JsonRefusal, loads

    value = loads(path.read_bytes())
    if isinstance(value, JsonRefusal):
        raise Stop(f"{path}: {value.message}", value.hint, USAGE)
    if not isinstance(value, dict):
        raise Stop(f"{path} does not contain a JSON object.", 'write {"number": "NS-1", …}', USAGE)
    return {key: _plain_value(item) for key, item in value.items()}


def _plain_value(value: object) -> object:
    """Return the value with decimals as text, as a canonical body has them."""
    if isinstance(value, dict):
        return {key: _plain_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    return format(value, "f") if isinstance(value, Decimal) else value


def choose_kind(kind: str | None, kinds: tuple[str, ...]) -> str:
    """Return the requested kind, or the only kind; an unknown kind ends the command."""
    if kind in kinds:
        return str(kind)
    kind_names = ", ".join(kinds)
    if kind is not None:
        raise Stop(
            f"The rules do not cover records of kind {kind}.", f"--kind: one of {kind_names}", USAGE
        )
    if len(kinds) != 1:
        raise Stop(
            f"The rules cover {len(kinds)} kinds of record: choose one.",
            f"--kind: {kind_names}",
            USAGE,
        )
    return kinds[0]


def report_lines(outcome: "Outcome") -> Iterator[str]:
    """Yield the decision for each route, with its findings."""
    yield f"{outcome.number or '(no number)'}, status {outcome.status_word or '(blank)'}"
    for decision in outcome.decisions:
        state = in_sentence(POSTING_LABELS[decision.state])
        yield f"{decision.route}: {state}{_decision_detail(decision)}"
        for finding in decision.findings:
            owner = f" [{finding.owner}]" if finding.owner else ""
            yield f"  {finding.severity} {finding.code} {finding.rule}{owner}: {finding.message}"
            if finding.would_pass:
                yield f"    clears when {format_clause(finding.would_pass)}"


def _decision_detail(decision: "Decision") -> str:
    if decision.document is not None and decision.state == PostingState.READY:
        document = decision.document
        amount_text = in_currency(document.amount, document.currency)
        return f", {document.number}, {amount_text}, {document.party}"
    if decision.wait is not None:
        return f", {decision.wait.text}"
    return f", {decision.reason}" if decision.reason else ""


def trace_lines(outcome: "Outcome", sources: Mapping[str, str]) -> Iterator[str]:
    """Yield every rule line with its verdict and operands, then the document of each route."""
    from rules.outcomes import result_words, trace_lines

    route = ""
    for line in trace_lines(outcome, sources):
        if line.route != route:
            yield from _document_lines(outcome, route)
            route = line.route
            yield f"\n{route or 'all routes'}"
        line_text = f" (line {line.record_line})" if line.record_line else ""
        sign = _VERDICT_SIGNS.get(line.result) or result_words(line.kind, line.result)
        yield f"  {sign:11}{line.where}  {line.source}{line_text}"
        for name, value in line.operands:
            yield f"               {name} = {value}"
        if line.text and line.kind != "units":
            yield f"               {line.text}"
    yield from _document_lines(outcome, route)


def _document_lines(outcome: "Outcome", route: str) -> Iterator[str]:
    """Yield every field of the document with the source of its value."""
    for row in outcome.lineage:
        if row.route == route:
            line_text = f" (line {row.line})" if row.line else ""
            yield f"  {row.field} = {row.value}{line_text}  from {row.source}"


@dataclass(frozen=True, slots=True)
class LastBacktest:
    """The last backtest's summary, and a sentence for each check and approval by name."""

    say: str
    rules: Mapping[str, str] = field(default_factory=dict)


def read_backtest(path: Path | None, fingerprint: str) -> LastBacktest:
    """Return the backtest in a file, dated by the file's modification time.

    `fingerprint` is the hash of the rules that the backtest should have judged.
    """
    from rules.comparison.two_sides import book_name

    if path is None:
        return LastBacktest(NO_BACKTEST)
    try:
        report = json.loads(path.read_text("utf-8"))
        rules = {
            book_name(row["declared"], row["rule"], row["kind"]): _fired_text(row)
            for row in report["rules"]
        }
        records, is_current = int(report["records"]), report["hash"] == fingerprint
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        hint = "clearpost backtest OLD NEW RECORDS --json > FILE"
        raise Stop(f"{path} is not a backtest report.", hint, USAGE) from problem
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    summary = f"Last backtest: told {written_at:%Y-%m-%d %H:%M} UTC, {plural(records, 'record')}."
    if not is_current:
        summary = f"{summary} The rules have changed since."
    return LastBacktest(summary, rules)


def _fired_text(row: Mapping[str, str | int]) -> str:
    return f"last backtest: it fired on {int(row['fired']):,} of {plural(int(row['of']), 'record')}"


def github_annotation(problem: "Problem") -> str:
    """Return one workflow command, which GitHub shows beside the line."""
    span = problem.span
    places = {
        "file": span.file,
        "line": span.line,
        "endLine": span.end_line,
        "col": span.column,
        "endColumn": span.end_column,
        "title": problem.code,
    }
    properties = ",".join(
        f"{name}={_escape_property(str(value))}" for name, value in places.items()
    )
    text = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    text += "".join(f"\n{line.strip()}" for line in consequence_sentences(problem))
    return f"::{_COMMANDS.get(problem.severity, 'notice')} {properties}::{_escape_data(text)}"


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def sarif_log(problems: Sequence["Problem"], version: str) -> dict[str, object]:
    """Return all findings as one SARIF log."""
    from grammar.text.finding_codes import CODES

    codes = sorted({problem.code for problem in problems})
    rules = [{"id": code, "name": CODES[code]} for code in codes]
    driver = {"name": "clearpost", "version": version, "rules": rules}
    results = [_sarif_result(problem, codes.index(problem.code)) for problem in problems]
    columns = "unicodeCodePoints"
    run = {"tool": {"driver": driver}, "columnKind": columns, "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _sarif_result(problem: "Problem", number: int) -> dict[str, object]:
    span = problem.span
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    place = {"artifactLocation": {"uri": span.file.replace("\\", "/")}, "region": region}
    hint = f" {problem.hint}" if problem.hint else ""
    return {
        "ruleId": problem.code,
        "ruleIndex": number,
        "level": _LEVELS.get(problem.severity, "note"),
        "message": {"text": f"{problem.message}.{hint}{''.join(consequence_sentences(problem))}"},
        "locations": [{"physicalLocation": place}],
    }


def coverage_risks(ruleset: "Ruleset") -> tuple["Problem", ...]:
    """Return each exception without a rule that answers it, as an error."""
    from rules.rulebook.coverage import coverage_gaps

    return coverage_gaps(ruleset)


def coverage_lines(ruleset: "Ruleset") -> Iterator[str]:
    """Yield each record with its exceptions, then notes for reviewers."""
    from rules.checker.guards import guard_notes
    from rules.rulebook.coverage import coverage

    yield from _exception_lines(coverage(ruleset), guard_notes(ruleset))


def _exception_lines(answers: Sequence["Answer"], notes: Sequence["Problem"]) -> Iterator[str]:
    record = ""
    for answer in answers:
        if answer.record != record:
            record = answer.record
            yield f"\n{record}"
        span = answer.span
        where = f" ({span.file}:{span.line})" if span else ""
        yield f"  {answer.exception:18}{_ANSWER_SIGNS[answer.state]:5}{answer.text}{where}"
    if notes:
        yield "\nDecided on fields that may be missing:"
    for note in notes:
        yield f"  {note.span.file}:{note.span.line}: {note.message}. {note.hint}"


def coverage_json(ruleset: "Ruleset") -> list[dict[str, object]]:
    """Return the coverage of the exceptions as plain values."""
    from rules.rulebook.coverage import coverage

    return [_plain_answer(answer) for answer in coverage(ruleset)]


def _plain_answer(answer: "Answer") -> dict[str, object]:
    return {
        "record": answer.record,
        "exception": answer.exception,
        "state": answer.state,
        "text": answer.text,
        "file": answer.span.file if answer.span else None,
        "line": answer.span.line if answer.span else None,
    }


COMMANDS = (check, fmt, try_)
