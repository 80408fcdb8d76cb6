"""Commands on rules without a database: explain, diff, init, kinds and test."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.rule_tools.rule_files import (
    AS_JSON,
    PATHS,
    formats,
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

KNOWN = list(names())

FROM_FILES = "Files do not say when their rules came into force; the rule book of the portal does."

EVERY = "every target"

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
    flag_value=EVERY,
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

    chosen = topic.lower() if topic else None
    if chosen is not None and chosen not in TOPICS:
        raise Stop(f"Unknown topic '{topic}'.", f"--topic: {', '.join(TOPICS)}", USAGE)
    files = read_files(paths)
    ruleset = require_sound(files)
    hash_ = files.fingerprint
    written = build_book(ruleset, chosen, Proofs(ruleset, compile_ruleset(ruleset, hash=hash_)))
    last = read_backtest(backtest, hash_)
    written = with_backtest(written, last.rules)
    title = f"Rule book: {', '.join(path.resolve().stem for path in paths)}"
    about = (f"{plural(len(files.rules), 'rule file')}, hash {hash_[:12]}. {FROM_FILES}", last.say)
    if form == "json":
        print_json({"title": title, "hash": hash_, "backtest": last.say, **_told(written)})
        return 0
    if form == "html":
        behind = files.rules if chosen is None else None
        click.echo(book_html(written, title, about, behind), nl=False)
    else:
        click.echo(book_markdown(written, title, about), nl=False)
    print_next(f"test {paths[0]} --coverage")
    return 0


def _explain_targets(asked: str, form: str) -> int:
    """Print the reference of one target, or of all."""
    from connectors import registry
    from portal.rule_tools.target_reference import reference_data, reference_page

    known = registry.targets()
    if asked not in {EVERY, *known}:
        raise Stop(f"Unknown target '{asked}'.", f"Known: {', '.join(sorted(known))}.", USAGE)
    if form == "html":
        raise Stop("Targets are described as Markdown or as JSON.", "leave out --html", USAGE)
    names = [name for name in sorted(known) if asked in {EVERY, name}]
    if form == "json":
        print_json(
            {"targets": [reference_data(known[name], registry.unposted(name)) for name in names]}
        )
        return 0
    pages = (reference_page(known[name], registry.other_ways(name)) for name in names)
    click.echo("\n".join(pages), nl=False)
    print_next(f"connection settings {names[0]}")
    return 0


def _told(book: "Book") -> dict[str, object]:
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
    help=f"One of {', '.join(KNOWN)}.",
)
def init(folder: Path, *, template: str) -> int:
    """Create a rules folder from a complete, tested template."""
    if template not in KNOWN:
        raise Stop(f"Unknown template '{template}'.", f"--template: {', '.join(KNOWN)}", USAGE)
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

    known = registry.sources()
    if source is not None and source not in known:
        raise Stop(f"Unknown source '{source}'.", f"Known: {', '.join(sorted(known))}.", USAGE)
    found = [
        schema
        for name in sorted(known)
        if source in {None, name}
        for schema in known[name].kinds
        if kind in {None, schema.kind}
    ]
    if not found:
        every = sorted({each.kind for one in known.values() for each in one.kinds})
        raise Stop(f"No source delivers the kind '{kind}'.", f"Known: {', '.join(every)}.", USAGE)
    if as_json:
        print_json({"kinds": [_of_kind(schema) for schema in found]})
        return 0
    for schema in found:
        click.echo(f"{schema.source}: {schema.kind.replace('_', ' ')} ({schema.kind})")
        for field in schema.fields:
            click.echo(f"    {field.name:<18}{_said(field, of_line=False)}")
        if schema.lines:
            click.echo("    lines")
        for field in schema.lines:
            click.echo(f"        {field.name:<14}{_said(field, of_line=True)}")
        click.echo()
    print_next("init FOLDER")
    return 0


def _of_kind(schema: "KindSchema") -> dict[str, object]:
    return {
        "source": schema.source,
        "kind": schema.kind,
        "fields": [_of_field(field, of_line=False) for field in schema.fields],
        "lines": [_of_field(field, of_line=True) for field in schema.lines],
    }


def _of_field(field: "FieldSchema", *, of_line: bool) -> dict[str, object]:
    from connectors.kit.preflight import meaning_of

    return {
        "name": field.name,
        "type": field.type,
        "required": field.required,
        "max_length": field.max_length,
        "meaning": meaning_of(field, of_line=of_line),
    }


def _said(field: "FieldSchema", *, of_line: bool) -> str:
    """The type of a field, what else is asked of its value, and what it means."""
    from connectors.kit.preflight import meaning_of

    longest = f", at most {field.max_length} characters" if field.max_length else ""
    return f"{field.type}{longest}{', required' if field.required else ''}: " + (
        meaning_of(field, of_line=of_line)
    )


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
    from holding.programs.known_schemas import schemas
    from rules.program import compile_ruleset, hash_files
    from rules.testing.runner import all_parts, coverage, run_tests

    files = read_files(paths)
    ruleset = require_sound(files)
    known = schemas()
    results = run_tests(
        ruleset, compile_ruleset(ruleset, hash=hash_files(files.rules), schemas=known)
    )
    failed = results.failed
    found: Sequence[Covered] = ()
    if covered:
        broken = all_parts(ruleset)
        print_note(f"{plural(len(broken), 'part')} of the rules, broken one at a time …")
        found = tuple(coverage(ruleset, broken, known))
    if form == "json":
        told: dict[str, object] = {"tests": len(results.results), "failed": len(failed)}
        told["results"] = [_plain_result(result) for result in results.results]
        print_json(told | ({"coverage": [_covered(one) for one in found]} if covered else {}))
    elif not print_annotations([_problem(result) for result in failed], form):
        for line in (*_failures(failed), *(_lines(found) if covered else ())):
            click.echo(line)
        click.echo(f"{plural(len(results.results), 'test')}, {len(failed)} failed")
        if not results.results:
            print_note('These files have no tests. Write one: test "…", given SAMPLE, expect …')
        elif not failed:
            sent = f"rules push {paths[0]} --company CODE --as EMAIL"
            print_next(sent if covered else f"test {paths[0]} --coverage")
    return FINDINGS if failed else 0


def _plain_result(result: "TestResult") -> dict[str, object]:
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


COMMANDS = (explain, diff, init, kinds, test)
