"""Commands that read: the trace of a record, a replay of its verdict, and a target's ledger."""

import importlib.util
import sys
from collections import Counter
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
    company_of,
    company_option,
    office,
    print_json,
    print_next,
)

if TYPE_CHECKING:
    from holding.db.database import DatabaseSession
    from holding.platform.settings import Settings
    from holding.programs.replay import Replays
    from holding.records.seven_answers import DocumentAnswers
    from holding.rulesets.rulebook import Later

SHOWN = 20  # lines of one sort, where nobody asks for all

_DIGESTS = {
    1: "decision and wording",
    2: "decision, without wording",
    3: "what came of it, without wording and verdicts",
}
"""What each digest counts (`rules.outcome_hash.Digest`), for who reads a replay."""

FLOORS = ("grammar", "rules", "connectors", "holding", "portal", "workers")


@click.command(short_help="Answer the seven questions about RECORD.")
@click.argument("record")
@company_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def trace(record: str, company: str, *, as_json: bool) -> None:
    """Show the audit answers for RECORD, named by its number or that of its document."""
    from holding.platform.states import state_label
    from holding.records import checklist_and_finding, record_rows
    from holding.records import trace as story

    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        row = record_rows.with_number(session, found.id, record)
        if row is None:
            raise Stop(f'No record or document "{record}" found.')
        documents = story.answer_documents(session, row.id)
        found_out = checklist_and_finding.trace_finding(session, row.id, place.now)
        head = {"number": row.number, "state": row.state, "source": row.external_id}
    if as_json:
        reasons = [
            {"side": one.side, "reason": one.say, "over": one.over} for one in found_out.reasons
        ]
        told = [_plain_document(one) for one in documents]
        print_json({**head, "documents": told, "finding": found_out.verdict, "reasons": reasons})
        return
    click.echo(f"{head['number']}  {state_label(head['state'])}")
    for document in documents:
        if document.title:
            click.echo(f"\n{document.title}")
        for answer in document.answers:
            click.echo(f"\n{answer.no}. {answer.question}\n   {answer.text}")
    click.echo(f"\nFinding: {found_out.verdict}")
    for one in found_out.reasons:
        click.echo(f"   {one.side}{', over' if one.over else ''}: {one.say}")
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
            {"no": one.no, "question": one.question, "answer": one.text} for one in document.answers
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
    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        in_force = rulebook.version_in_force(session, found.id)
        version = in_force if no is None else rulebook.load_published(session, found.id, no)
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

    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        result = replay_all(session, found.id, limit)
    different = [each.evaluation_id for each in result.differences]
    reworded = [each.evaluation_id for each in result.reworded]
    if as_json:
        print_json(
            {
                "replayed": result.replayed,
                "verdicts": result.verdicts,
                "by_digest": {str(int(by)): count for by, count in sorted(result.counted.items())},
                "different": different,
                "reworded": reworded,
            }
        )
    else:
        _say_replays(result)
        print_next(f"verify --company {company}")
    return FINDINGS if different else 0


def _say_replays(result: "Replays") -> None:
    click.echo(
        f"{result.replayed} evaluations with {result.verdicts} verdicts replayed, "
        f"{len(result.differences)} different."
    )
    otherwise = Counter(each.digest for each in (*result.differences, *result.reworded))
    for by, count in sorted(result.counted.items()):
        same = count - otherwise[by]
        click.echo(f"  {same} of {count} verified by digest {by:d} ({_DIGESTS[by]})")
    for each in result.differences:
        click.echo(f"  evaluation {each.evaluation_id} has a different result")
    if result.reworded:
        click.echo(
            f"  {len(result.reworded)} of digest 1 have the same states, findings and verdicts, "
            "but a text differs from the version that stored them"
        )


@click.command(short_help="Compare our postings with the ledger FILE of a stand-in.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@company_option
@click.option("--all", "whole", is_flag=True, help=f"Every line; {SHOWN} of each sort otherwise.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def ledger(file: Path, company: str, *, whole: bool, as_json: bool) -> int:
    """Compare our postings with the ledger FILE of a target's stand-in: lost and doubled ones.

    Documents that another program made are counted beside them; they are no fault.
    """
    from holding.reconciliation import ledger_check

    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        compared = ledger_check.compare_ledger(session, found.id, file, None)
    if as_json:
        counts = {name: getattr(compared, name) for name in ("lost", "doubled", "strange")}
        print_json(counts)
    else:
        click.echo(
            f"lost {compared.lost:,}, doubled {compared.doubled:,}, not ours {compared.strange:,}"
        )
        for lines in (compared.details, compared.strangers):
            _some(lines, len(lines) if whole else SHOWN)
        print_next(f"invariants --company {company}")
    return FINDINGS if compared.lost or compared.doubled else 0


def _some(lines: Sequence[str], most: int) -> None:
    """The first lines, and how many are left out."""
    for line in lines[:most]:
        click.echo(f"  {line}")
    if len(lines) > most:
        click.echo(f"  and {len(lines) - most:,} more: --all shows them")


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing looked at."""

    name: str
    ok: bool
    words: str


def examine_installation(settings: "Settings") -> tuple[Looked, ...]:
    """Everything that can be seen from here."""
    return (
        _python(),
        *_packages(),
        _home(settings),
        _disk(settings),
        _key(settings),
        *_database(settings),
        _redis(settings),
    )


def _python() -> Looked:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Looked("python", sys.version_info >= (3, 11), f"{found}; 3.11 or newer is needed")


def _packages() -> Iterator[Looked]:
    """Another distribution may have overwritten one of our plainly named packages."""
    for name in FLOORS:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin) if spec and spec.origin else None
        ours = origin is not None and f"Clearpost {name}:" in origin.read_text("utf-8")[:200]
        words = "ours" if ours else f"{origin or 'missing'} is not ours: install into a fresh venv"
        yield Looked(name, ours, words)


def _home(settings: "Settings") -> Looked:
    return _good("home", f"{settings.home} ({settings.env})")


def _disk(settings: "Settings") -> Looked:
    from holding.platform import processes

    if low := processes.disk_warning(settings.home):
        return _bad("disk", f"{low.message} {low.hint}")
    return _good("disk", "enough space is left")


def _good(name: str, words: str) -> Looked:
    return Looked(name, ok=True, words=words)


def _key(settings: "Settings") -> Looked:
    from holding.access.actors import load_keys
    from holding.db.refusal import Refusal

    found = load_keys(settings)
    if isinstance(found, Refusal):
        return _bad("key", f"{found.message} {found.hint}")
    return _good("key", f"{len(found.lines)} in use")


def _bad(name: str, words: str) -> Looked:
    return Looked(name, ok=False, words=words)


def _database(settings: "Settings") -> Iterator[Looked]:
    from connectors.transport.http import MachineClock
    from holding.db.database import Database
    from holding.platform import backup
    from holding.platform import settings as clock
    from holding.rulesets import rulebook

    refusal = backup.check_version(settings.database_url)
    if refusal:
        yield _bad("database", f"{refusal.message} {refusal.hint}")
        return
    yield _good("database", f"schema {backup.VERSION}")
    database = Database(settings.database_url)
    with database.read() as session:
        step = clock.last_clock_step(session)
        now = clock.DatabaseClock(database, MachineClock(settings.home)).now()
        worker = _worker(session, now)
        later = rulebook.later_findings_of_all(session)
        rates = tuple(_rates(session))
        lists = tuple(_lists(session, now))
    database.close()
    yield _good("clock", step or "was never found to be set back")
    yield worker
    yield from (_rules(code, found) for code, found in later.items())
    yield from rates
    yield from lists


def _worker(session: "DatabaseSession", now: datetime) -> Looked:
    """Whether anybody does the work; a worker that died is named, others may have its place."""
    from holding.db.refusal import duration, plural
    from holding.operations.idle_work import TO_DO, idle_work
    from holding.platform import processes

    gone = [
        f"{one.owner} not seen for {duration(int((now - one.seen_at).total_seconds()) // 60)}"
        for one in processes.silent_workers(session, now)
    ]
    idle = idle_work(session, now)
    if idle is not None and idle.since is None and not idle.count:
        return _good("worker", "none has run yet, and nothing is due")
    if idle is not None:
        return _bad("worker", " ".join([f"{idle.headline}. {idle.waits} {TO_DO}", *gone]))
    running = plural(processes.count_workers(session, now).running, "worker runs", "workers run")
    return _good("worker", "; ".join([running, *gone]))


def _rates(session: "DatabaseSession") -> Iterator[Looked]:
    """What each target tells of units, and which rates people confirmed for it; a rate that waits
    is work for them, and no fault here.
    """
    from connectors import registry
    from connectors.contract.targets import TellsItems
    from holding.connections import confirmed_rates

    for found in confirmed_rates.of_all(session):
        tells = isinstance(registry.targets().get(found.connector), TellsItems)
        yield _good(f"rates {found.company}", found.rates.says(found.name, unit=tells))


def _lists(session: "DatabaseSession", now: datetime) -> Iterator[Looked]:
    """Where each target's lists of codes come from, and how old they are; no list is no fault here,
    one that should have been read since is.
    """
    from holding.mappings import list_sources

    for code, zone, found in list_sources.of_every_company(session, now):
        for one in found:
            words = f"{one.target} {one.says(now.astimezone(zone).date())}"
            yield Looked(f"list {code}", not one.old, words)


def _rules(code: str, later: "Later") -> Looked:
    """Rules in force go on with what a later checker finds in them; they cannot be published so."""
    from holding.db.refusal import plural

    name = f"rules {code}"
    if later.errors:
        first = later.errors[0]
        words = f"version {later.no} stays in force, but cannot be published again: "
        words += f"{plural(len(later.errors), 'error')}, the first {first.code} at {first.place}: "
        return _bad(name, f"{words}{first.message}")
    if later.changes:
        return _good(name, f"version {later.no}; published again it changes: {later.changes[0]}")
    return _good(name, f"version {later.no}, edition {later.edition}")


def _redis(settings: "Settings") -> Looked:
    from holding.platform.processes import find_server, is_reachable

    if settings.redis_url:
        ok = is_reachable(settings.redis_url)
        return Looked("redis", ok, "answers" if ok else "REDIS_URL is set, but nothing answers")
    program = find_server()
    if program:
        return _good("redis", f"`clearpost up` starts {program}")
    return _good("redis", "none here: workers use the claim loop")


COMMANDS = (trace, replay, ledger)
