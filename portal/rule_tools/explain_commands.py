"""Explain, compare, create, list and test rules without a database."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.rule_tools.rule_files import (
    AS_JSON,
    PATHS,
    add_format_options,
    print_annotations,
    read_files,
    require_sound,
)
from portal.starters.pairs import names, write_template
from portal.terminal.command_frame import (
    FINDINGS,
    USAGE,
    Stop,
    plural,
    print_json,
    print_next,
    print_note,
)

if TYPE_CHECKING:
    from connectors.contract.schema import FieldSchema, KindSchema
    from grammar.text.problem import Problem
    from rules.comparison.difference import Change
    from rules.rulebook.book import Book
    from rules.testing.runner import Covered, TestResult

TEMPLATES = Path(__file__).parents[1] / "starters"

TEMPLATE_NAMES = list(names())

FROM_FILES = "Files do not say when their rules came into force; the rule book of the portal does."

ALL_TARGETS = "every target"

FOLDER = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("paths", metavar="FILES", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--markdown", "form", flag_value="markdown", default=True, help="Markdown (default).")
@click.option("--html", "form", flag_value="html", help="One page that prints well, no scripts.")
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option("--topic", help="One topic only: ready, status, mapping, uom, approval, …")
@click.option(
    "--backtest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `clearpost backtest --json` printed of these rules: said beside each check.",
)
@click.option(
    "--targets",
    "target",
    is_flag=False,
    flag_value=ALL_TARGETS,
    metavar="[NAME]",
    help="Instead, without FILES: what a target takes, field by field, and what it tells.",
)
def explain(
    paths: tuple[Path, ...],
    *,
    form: str,
    topic: str | None,
    backtest: Path | None,
    target: str | None,
) -> int:
    """Show the rules in plain words: the rule book."""
    if target is not None:
        return _explain_targets(target, form)
    if not paths:
        raise click.UsageError("Missing argument 'FILES...': a folder of rules, or --targets.")
    from portal.rule_tools.rule_files import read_backtest
    from rules.program import compile_ruleset
    from rules.rulebook.book import TOPICS, Proofs, build_book, with_backtest
    from rules.rulebook.hold_entries import book_html, book_markdown

    chosen_topic = topic.lower() if topic else None
    if chosen_topic is not None and chosen_topic not in TOPICS:
        raise Stop(f"Unknown topic '{topic}'.", f"--topic: {', '.join(TOPICS)}", USAGE)
    files = read_files(paths)
    ruleset = require_sound(files)
    rules_hash = files.fingerprint
    book = build_book(
        ruleset, chosen_topic, Proofs(ruleset, compile_ruleset(ruleset, hash=rules_hash))
    )
    last_backtest = read_backtest(backtest, rules_hash)
    book = with_backtest(book, last_backtest.rules)
    title = f"Rule book: {', '.join(path.resolve().stem for path in paths)}"
    subtitles = (
        f"{plural(len(files.rules), 'rule file')}, hash {rules_hash[:12]}. {FROM_FILES}",
        last_backtest.say,
    )
    if form == "json":
        print_json(
            {"title": title, "hash": rules_hash, "backtest": last_backtest.say, **_book_json(book)}
        )
        return 0
    if form == "html":
        shown_files = files.rules if chosen_topic is None else None
        click.echo(book_html(book, title, subtitles, shown_files), nl=False)
    else:
        click.echo(book_markdown(book, title, subtitles), nl=False)
    print_next(f"test {paths[0]} --coverage")
    return 0


def _explain_targets(wanted_target: str, form: str) -> int:
    """Print the reference of one target, or of all targets."""
    from connectors import registry
    from portal.rule_tools.target_reference import reference_data, reference_page

    targets = registry.targets()
    if wanted_target not in {ALL_TARGETS, *targets}:
        raise Stop(
            f"Unknown target '{wanted_target}'.", f"Known: {', '.join(sorted(targets))}.", USAGE
        )
    if form == "html":
        raise Stop("Targets are described as Markdown or as JSON.", "leave out --html", USAGE)
    target_names = [name for name in sorted(targets) if wanted_target in {ALL_TARGETS, name}]
    if form == "json":
        print_json(
            {
                "targets": [
                    reference_data(targets[name], registry.unposted(name)) for name in target_names
                ]
            }
        )
        return 0
    pages = (reference_page(targets[name], registry.other_ways(name)) for name in target_names)
    click.echo("\n".join(pages), nl=False)
    print_next(f"connection settings {target_names[0]}")
    return 0


def _book_json(book: "Book") -> dict[str, object]:
    return {
        "missing": list(book.missing),
        "sections": [
            {
                "topic": section.topic,
                "title": section.title,
                "missing": section.missing,
                "rules": [
                    {
                        "text": entry.text,
                        "name": entry.name,
                        "kind": entry.kind,
                        "file": entry.span.file if entry.span else None,
                        "line": entry.span.line if entry.span else None,
                        "owners": list(entry.owners),
                        "tests": list(entry.tests or ()),
                        "backtest": entry.backtest,
                    }
                    for entry in section.entries
                ],
            }
            for section in book.sections
        ],
    }


@click.command(short_help="Say what two versions of rule files decide otherwise.")
@click.argument("old", type=FOLDER)
@click.argument("new", type=FOLDER)
@AS_JSON
def diff(old: Path, new: Path, *, as_json: bool) -> int:
    """Compare two versions of the rule files; layout and order do not count.

    Exit code 1 if they differ.
    """
    from rules.comparison.difference import difference

    changes = difference(require_sound(read_files([old])), require_sound(read_files([new])))
    if as_json:
        print_json({"changes": [_plain_change(change) for change in changes]})
        return FINDINGS if changes else 0
    for change in changes:
        reach = f" [{', '.join(change.routes)}]" if change.routes else ""
        click.echo(f"{change.kind:8} {change.name}{reach}")
        for detail in change.details:
            click.echo(f"           {detail}")
    if not changes:
        click.echo("Both versions have the same meaning.")
    if changes:
        print_next(f"backtest {old} {new} RECORDS")
    return FINDINGS if changes else 0


def _plain_change(change: "Change") -> dict[str, object]:
    return {
        "kind": change.kind,
        "name": change.name,
        "details": list(change.details),
        "routes": list(change.routes),
        "file": change.span.file,
        "line": change.span.line,
    }


@click.command(short_help="Create a rules folder from a template.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--template",
    default="netshop-aiaccount",
    show_default=True,
    help=f"One of {', '.join(TEMPLATE_NAMES)}.",
)
def init(folder: Path, *, template: str) -> int:
    """Create a rules folder from a complete, tested template."""
    if template not in TEMPLATE_NAMES:
        raise Stop(
            f"Unknown template '{template}'.", f"--template: {', '.join(TEMPLATE_NAMES)}", USAGE
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} already exists and is not empty.", "name a new folder", USAGE)
    write_template(template, folder)
    click.echo(f"{folder}: the rules of {template}")
    print_next(f"check {folder}; clearpost test {folder}; clearpost explain {folder}")
    return 0


@click.command(short_help="List the fields of each kind of record that a source delivers.")
@click.argument("source", required=False)
@click.option("--kind", help="One kind only: order, receipt, settlement, delivery, purchase, …")
@AS_JSON
def kinds(source: str | None, *, kind: str | None, as_json: bool) -> int:
    """List the fields of each kind of record, of one source or of all: what rules may name."""
    from connectors import registry

    sources = registry.sources()
    if source is not None and source not in sources:
        raise Stop(f"Unknown source '{source}'.", f"Known: {', '.join(sorted(sources))}.", USAGE)
    schemas = [
        schema
        for name in sorted(sources)
        if source in {None, name}
        for schema in sources[name].kinds
        if kind in {None, schema.kind}
    ]
    if not schemas:
        kind_names = sorted({schema.kind for source in sources.values() for schema in source.kinds})
        raise Stop(
            f"No source delivers the kind '{kind}'.", f"Known: {', '.join(kind_names)}.", USAGE
        )
    if as_json:
        print_json({"kinds": [_kind_json(schema) for schema in schemas]})
        return 0
    for schema in schemas:
        click.echo(f"{schema.source}: {schema.kind.replace('_', ' ')} ({schema.kind})")
        for field in schema.fields:
            click.echo(f"    {field.name:<18}{_field_text(field, of_line=False)}")
        if schema.lines:
            click.echo("    lines")
        for field in schema.lines:
            click.echo(f"        {field.name:<14}{_field_text(field, of_line=True)}")
        click.echo()
    print_next("init FOLDER")
    return 0


def _kind_json(schema: "KindSchema") -> dict[str, object]:
    return {
        "source": schema.source,
        "kind": schema.kind,
        "fields": [_field_json(field, of_line=False) for field in schema.fields],
        "lines": [_field_json(field, of_line=True) for field in schema.lines],
    }


def _field_json(field: "FieldSchema", *, of_line: bool) -> dict[str, object]:
    from connectors.kit.preflight import meaning_of

    return {
        "name": field.name,
        "type": field.type,
        "required": field.required,
        "max_length": field.max_length,
        "meaning": meaning_of(field, of_line=of_line),
    }


def _field_text(field: "FieldSchema", *, of_line: bool) -> str:
    """Return the field's type, its length limit, whether it is required, and its meaning."""
    from connectors.kit.preflight import meaning_of

    length_text = f", at most {field.max_length} characters" if field.max_length else ""
    return f"{field.type}{length_text}{', required' if field.required else ''}: " + (
        meaning_of(field, of_line=of_line)
    )


@click.command()
@PATHS
@add_format_options
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
    from holding.programs.known_schemas import schemas
    from rules.program import compile_ruleset, hash_files
    from rules.testing.runner import all_parts, coverage, run_tests

    files = read_files(paths)
    ruleset = require_sound(files)
    known_schemas = schemas()
    results = run_tests(
        ruleset, compile_ruleset(ruleset, hash=hash_files(files.rules), schemas=known_schemas)
    )
    failed = results.failed
    part_coverages: Sequence[Covered] = ()
    if covered:
        parts = all_parts(ruleset)
        print_note(f"{plural(len(parts), 'part')} of the rules, broken one at a time …")
        part_coverages = tuple(coverage(ruleset, parts, known_schemas))
    if form == "json":
        report: dict[str, object] = {"tests": len(results.results), "failed": len(failed)}
        report["results"] = [_plain_result(result) for result in results.results]
        print_json(
            report
            | (
                {"coverage": [_coverage_json(part_coverage) for part_coverage in part_coverages]}
                if covered
                else {}
            )
        )
    elif not print_annotations([_test_problem(result) for result in failed], form):
        for line in (
            *_failure_lines(failed),
            *(_coverage_lines(part_coverages) if covered else ()),
        ):
            click.echo(line)
        click.echo(f"{plural(len(results.results), 'test')}, {len(failed)} failed")
        if not results.results:
            print_note('These files have no tests. Write one: test "…", given SAMPLE, expect …')
        elif not failed:
            push_command = f"rules push {paths[0]} --company CODE --as EMAIL"
            print_next(push_command if covered else f"test {paths[0]} --coverage")
    return FINDINGS if failed else 0


def _plain_result(result: "TestResult") -> dict[str, object]:
    return {
        "test": result.title,
        "passed": result.passed,
        "message": result.message,
        "file": result.span.file,
        "line": result.span.line,
    }


def _coverage_json(part_coverage: "Covered") -> dict[str, object]:
    return {
        "kind": part_coverage.part.kind,
        "name": part_coverage.part.name,
        "file": part_coverage.part.span.file,
        "line": part_coverage.part.span.line,
        "covered": bool(part_coverage.by),
        "by": part_coverage.by,
    }


def _test_problem(result: "TestResult") -> "Problem":
    """Return a failed test as a finding for the annotation formats."""
    from grammar.text.problem import Problem

    hint = "Correct the rule, or what the test expects: clearpost test shows it again."
    message = f"the test '{result.title}' fails: {result.message}"
    return Problem("TST10", message, hint, result.span)


def _failure_lines(failed: Sequence["TestResult"]) -> Iterator[str]:
    for result in failed:
        yield f"failed: {result.title} ({result.span.file}:{result.span.line})\n  {result.message}"


def _coverage_lines(part_coverages: Sequence["Covered"]) -> Iterator[str]:
    """Yield the coverage of each kind of part, then the uncovered parts."""
    counts = Counter(part_coverage.part.kind for part_coverage in part_coverages)
    covered = Counter(
        part_coverage.part.kind for part_coverage in part_coverages if part_coverage.by
    )
    parts_text = plural(len(part_coverages), "part")
    yield f"covered: {covered.total()} of {parts_text}; a test notices when they break"
    for kind, part_count in counts.items():
        yield f"  {kind:30}{covered[kind]:4} of {part_count}"
    if covered.total() < len(part_coverages):
        yield "not covered: no test would notice another answer here"
    for part in (part_coverage.part for part_coverage in part_coverages if not part_coverage.by):
        yield f"  {part.span.file}:{part.span.line}: {part.name}"
    yield ""


COMMANDS = (explain, diff, init, kinds, test)
