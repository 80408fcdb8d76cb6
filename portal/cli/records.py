"""Show a record's trace, replay verdicts, compare a target's ledger, check the installation."""

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.setup import rules
from portal.terminal.command_frame import (
    FINDINGS,
    USAGE,
    Stop,
    company_option,
    open_installation,
    print_json,
    print_next,
    require_company,
)

if TYPE_CHECKING:
    from holding.db.database import DatabaseSession
    from holding.platform.settings import Settings
    from holding.programs.replay import Replays
    from holding.records.seven_answers import DocumentAnswers
    from holding.rulesets.rulebook import Later

PRINTED_LINES = 20  # lines of each sort, without --all

PACKAGES = ("grammar", "rules", "connectors", "holding", "portal", "workers")


@click.command(short_help="Answer the seven questions about RECORD.")
@click.argument("record")
@company_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def trace(record: str, company: str, *, as_json: bool) -> None:
    """Show the audit answers for RECORD, named by its own or its document's number."""
    from holding.platform.states import state_label
    from holding.records import checklist_and_finding, record_rows
    from holding.records import trace as story

    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        row = record_rows.with_number(session, company_row.id, record)
        if row is None:
            raise Stop(f'No record or document "{record}" found.')
        documents = story.answer_documents(session, row.id)
        finding = checklist_and_finding.trace_finding(session, row.id, place.now)
        head = {"number": row.number, "state": row.state, "source": row.external_id}
    if as_json:
        reasons = [
            {"side": reason.side, "reason": reason.say, "over": reason.over}
            for reason in finding.reasons
        ]
        plain_documents = [_plain_document(document) for document in documents]
        print_json(
            {**head, "documents": plain_documents, "finding": finding.verdict, "reasons": reasons}
        )
        return
    click.echo(f"{head['number']}  {state_label(head['state'])}")
    for document in documents:
        if document.title:
            click.echo(f"\n{document.title}")
        for answer in document.answers:
            click.echo(f"\n{answer.no}. {answer.question}\n   {answer.text}")
    click.echo(f"\nFinding: {finding.verdict}")
    for reason in finding.reasons:
        click.echo(f"   {reason.side}{', over' if reason.over else ''}: {reason.say}")
    print_next(f"replay --company {company}")


def _plain_document(document: "DocumentAnswers") -> dict[str, object]:
    return {
        "number": document.number,
        "target": document.target,
        "document": document.doc_type,
        "state": document.state,
        "posted_at": document.posted_at and document.posted_at.isoformat(),
        "key_tail": document.key_tail,
        "reverses": document.reverses,
        "answers": [
            {"no": answer.no, "question": answer.question, "answer": answer.text}
            for answer in document.answers
        ],
    }


@rules.command("pull")
@click.argument("folder", type=click.Path(path_type=Path))
@company_option
@click.option("--version", "no", type=int, help="An earlier version. [default: that in force]")
def rules_pull(folder: Path, company: str, no: int | None) -> None:
    """Write the rule files in force, and their CSV files, into a new FOLDER."""
    from holding.db.refusal import plural
    from holding.rulesets import publication, rulebook

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} already exists and is not empty.", "name a new folder", USAGE)
    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        in_force = rulebook.version_in_force(session, company_row.id)
        version = in_force if no is None else rulebook.load_published(session, company_row.id, no)
        if version is None:
            raise Stop(f"{company} has no rules." if no is None else f"No rule version {no}.")
        files = publication.files_of(session, version.version_id)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="")
    click.echo(f"{folder}: {plural(len(files), 'file')} of rule version {version.no}.")
    print_next(f"check {folder}")


@click.command(short_help="Check stored evaluations again, and compare.")
@company_option
@click.option("--limit", type=int, default=200, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def replay(company: str, limit: int, *, as_json: bool) -> int:
    """Check stored evaluations again from the database alone, and compare."""
    from holding.programs.replay import replay_all

    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        result = replay_all(session, company_row.id, limit)
    different = [difference.evaluation_id for difference in result.differences]
    if as_json:
        print_json(
            {
                "replayed": result.replayed,
                "verdicts": result.verdicts,
                "different": different,
            }
        )
    else:
        _print_replays(result)
        print_next(f"verify --company {company}")
    return FINDINGS if different else 0


def _print_replays(replays: "Replays") -> None:
    click.echo(
        f"{replays.replayed} evaluations with {replays.verdicts} verdicts replayed, "
        f"{len(replays.differences)} different."
    )
    for difference in replays.differences:
        click.echo(f"  evaluation {difference.evaluation_id} has a different result")


@click.command(short_help="Compare our postings with the ledger FILE of a stand-in.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@company_option
@click.option(
    "--all", "show_all", is_flag=True, help=f"Every line; {PRINTED_LINES} of each sort otherwise."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def ledger(file: Path, company: str, *, show_all: bool, as_json: bool) -> int:
    """Compare our postings with the ledger FILE of a target's simulator; report lost and doubled.

    Documents that another program created are counted separately and are no fault.
    """
    from holding.reconciliation import ledger_check

    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        comparison = ledger_check.compare_ledger(session, company_row.id, file, None)
    if as_json:
        counts = {name: getattr(comparison, name) for name in ("lost", "doubled", "strange")}
        print_json(counts)
    else:
        click.echo(
            f"lost {comparison.lost:,}, doubled {comparison.doubled:,},"
            f" not ours {comparison.strange:,}"
        )
        for lines in (comparison.details, comparison.strangers):
            _print_first(lines, len(lines) if show_all else PRINTED_LINES)
        print_next(f"invariants --company {company}")
    return FINDINGS if comparison.lost or comparison.doubled else 0


def _print_first(lines: Sequence[str], limit: int) -> None:
    """Print the first lines and the number of lines left out."""
    for line in lines[:limit]:
        click.echo(f"  {line}")
    if len(lines) > limit:
        click.echo(f"  and {len(lines) - limit:,} more: --all shows them")


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The outcome of one check of the installation."""

    name: str
    ok: bool
    words: str


def examine_installation(settings: "Settings") -> tuple[CheckOutcome, ...]:
    """Return the outcome of every check that this machine can make."""
    return (
        _check_python(),
        *_check_packages(),
        _check_home(settings),
        _check_disk(settings),
        _check_key(settings),
        *_check_database(settings),
        _check_redis(settings),
    )


def _check_python() -> CheckOutcome:
    python_version = ".".join(str(part) for part in sys.version_info[:3])
    return CheckOutcome(
        "python", sys.version_info >= (3, 11), f"{python_version}; 3.11 or newer is needed"
    )


def _check_packages() -> Iterator[CheckOutcome]:
    """Check that no other distribution overwrote one of our plainly named packages."""
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin) if spec and spec.origin else None
        is_ours = origin is not None and f"Clearpost {name}:" in origin.read_text("utf-8")[:200]
        words = (
            "ours" if is_ours else f"{origin or 'missing'} is not ours: install into a fresh venv"
        )
        yield CheckOutcome(name, is_ours, words)


def _check_home(settings: "Settings") -> CheckOutcome:
    return _passed("home", f"{settings.home} ({settings.env})")


def _check_disk(settings: "Settings") -> CheckOutcome:
    from holding.platform import processes

    if warning := processes.disk_warning(settings.home):
        return _failed("disk", f"{warning.message} {warning.hint}")
    return _passed("disk", "enough space is left")


def _passed(name: str, words: str) -> CheckOutcome:
    return CheckOutcome(name, ok=True, words=words)


def _check_key(settings: "Settings") -> CheckOutcome:
    from holding.access.actors import load_keys
    from holding.db.refusal import Refusal

    keys = load_keys(settings)
    if isinstance(keys, Refusal):
        return _failed("key", f"{keys.message} {keys.hint}")
    return _passed("key", f"{len(keys.lines)} in use")


def _failed(name: str, words: str) -> CheckOutcome:
    return CheckOutcome(name, ok=False, words=words)


def _check_database(settings: "Settings") -> Iterator[CheckOutcome]:
    from connectors.transport.http import MachineClock
    from holding.db.database import Database
    from holding.platform import backup
    from holding.platform import settings as clock
    from holding.rulesets import rulebook

    refusal = backup.check_version(settings.database_url)
    if refusal:
        yield _failed("database", f"{refusal.message} {refusal.hint}")
        return
    yield _passed("database", f"schema {backup.VERSION}")
    database = Database(settings.database_url)
    with database.read() as session:
        clock_step = clock.last_clock_step(session)
        now = clock.DatabaseClock(database, MachineClock(settings.home)).now()
        worker_outcome = _check_worker(session, now)
        later_findings_by_company = rulebook.later_findings_of_all(session)
        rate_outcomes = tuple(_check_rates(session))
        list_outcomes = tuple(_check_lists(session, now))
    database.close()
    yield _passed("clock", clock_step or "was never found to be set back")
    yield worker_outcome
    yield from (
        _check_rules(code, later_findings)
        for code, later_findings in later_findings_by_company.items()
    )
    yield from rate_outcomes
    yield from list_outcomes


def _check_worker(session: "DatabaseSession", now: datetime) -> CheckOutcome:
    """Check whether a worker takes the due work, and name each worker that died."""
    from holding.db.refusal import duration, plural
    from holding.operations.idle_work import TO_DO, idle_work
    from holding.platform import processes

    silent_workers = [
        f"{row.owner} not seen for {duration(int((now - row.seen_at).total_seconds()) // 60)}"
        for row in processes.silent_workers(session, now)
    ]
    idle_state = idle_work(session, now)
    if idle_state is not None and idle_state.since is None and not idle_state.count:
        return _passed("worker", "none has run yet, and nothing is due")
    if idle_state is not None:
        return _failed(
            "worker",
            " ".join([f"{idle_state.headline}. {idle_state.waits} {TO_DO}", *silent_workers]),
        )
    running_workers = plural(
        processes.count_workers(session, now).running, "worker runs", "workers run"
    )
    return _passed("worker", "; ".join([running_workers, *silent_workers]))


def _check_rates(session: "DatabaseSession") -> Iterator[CheckOutcome]:
    """Yield each target's units and confirmed rates. A rate that waits for a person is no fault."""
    from connectors import registry
    from connectors.contract.targets import TellsItems
    from holding.connections import confirmed_rates

    for company_rates in confirmed_rates.of_all(session):
        reports_units = isinstance(registry.targets().get(company_rates.connector), TellsItems)
        yield _passed(
            f"rates {company_rates.company}",
            company_rates.rates.says(company_rates.name, unit=reports_units),
        )


def _check_lists(session: "DatabaseSession", now: datetime) -> Iterator[CheckOutcome]:
    """Yield the source and age of each target's code lists.

    A target without a list passes; an overdue list fails.
    """
    from holding.mappings import list_sources

    for code, zone, sources in list_sources.of_every_company(session, now):
        for source in sources:
            words = f"{source.target} {source.says(now.astimezone(zone).date())}"
            yield CheckOutcome(f"list {code}", not source.old, words)


def _check_rules(code: str, findings: "Later") -> CheckOutcome:
    """Check whether the checker of this version would accept the rules in force.

    The rules stay in force with its findings, but could not be published again.
    """
    from holding.db.refusal import plural

    name = f"rules {code}"
    if findings.errors:
        first = findings.errors[0]
        words = f"version {findings.no} stays in force, but cannot be published again: "
        words += (
            f"{plural(len(findings.errors), 'error')}, the first {first.code} at {first.place}: "
        )
        return _failed(name, f"{words}{first.message}")
    return _passed(name, f"version {findings.no}")


def _check_redis(settings: "Settings") -> CheckOutcome:
    from holding.platform.processes import find_server, is_reachable

    if settings.redis_url:
        is_up = is_reachable(settings.redis_url)
        return CheckOutcome(
            "redis", is_up, "answers" if is_up else "REDIS_URL is set, but nothing answers"
        )
    program = find_server()
    if program:
        return _passed("redis", f"`clearpost up` starts {program}")
    return _passed("redis", "none here: workers use the claim loop")


COMMANDS = (trace, replay, ledger)
