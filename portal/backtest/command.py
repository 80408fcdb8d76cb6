"""Run `clearpost backtest` and `clearpost records export` over stored records."""

import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from portal.rule_tools.rule_files import AS_JSON, read_files, require_sound
from portal.terminal.command_frame import (
    ENVIRONMENT,
    FINDINGS,
    INTERRUPTED,
    USAGE,
    Listing,
    Stop,
    company_option,
    granted,
    open_installation,
    print_json,
    print_next,
    print_note,
    require_actor,
    require_company,
    rule_files,
)

if TYPE_CHECKING:
    from portal.backtest.parallel_run import Progress, Rules
    from portal.backtest.report import Report

PATH = click.Path(exists=True, path_type=Path)

EVERY_SECONDS = 2.0

BAR_AFTER_SECONDS = 1.0

DAY = click.DateTime(["%Y-%m-%d"])


@click.command(short_help="Say what RECORDS become under the rules NEW, and were under OLD.")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@click.argument("records", type=PATH)
@click.option("--processes", type=click.IntRange(1, 64), help="Default: one for each processor.")
@click.option("--at", type=click.DateTime(), help="The time (UTC) for records without one.")
@click.option("--company", help="Record the result for the rule book of this company.")
@click.option("--as", "email", help="Your email address (recorded as the actor).")
@AS_JSON
def backtest(
    old: Path,
    new: Path,
    records: Path,
    *,
    processes: int | None,
    at: datetime | None,
    company: str | None,
    email: str | None,
    as_json: bool,
) -> int:
    """Compare what stored RECORDS become under the rules OLD and NEW, in counts and money.

    OLD and NEW are rule files or folders. RECORDS is a file with one JSON record a line (.jsonl,
    .jsonl.gz), a .json list of records, or a folder of such files, as `clearpost records export`
    writes it. A line:

    \b
      {"kind": "order", "body": {"number": "NS-1", "status": "paid", ...},
       "now": "2026-11-19T02:00:00Z",
       "states": {"aiaccount.sales_invoice": "posted"},
       "facts": {"first_seen": "2026-11-18T06:00:00Z", "history": {...}, ...}}

    Only "body" is required, and "kind" where the rules cover several kinds. "states" holds the
    record's state by route; without it nothing is known to be posted. docs/rules/backtest.md lists
    every field. A line that cannot be used is reported with its place, and the run continues.

    With --company and --as the company's rule book shows the backtest: its time, its author, both
    rule sets, the number of records, and how many differ. OLD and NEW are then folders, as
    `clearpost rules push` takes them. A run that was stopped early is not recorded.

    Exit code 1 if a record would have another result or a line could not be used.
    """
    from concurrent.futures.process import BrokenProcessPool

    from holding.programs.known_schemas import schemas
    from portal.backtest import parallel_run
    from portal.backtest.record_files import RecordFiles, UnreadableError
    from portal.backtest.report import build_report

    recorder = open_recorder(company, email, old, new)
    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    try:
        files = RecordFiles.at(records)
        plan = parallel_run.Plan(_load_rules(old), _load_rules(new), schemas(), files.worlds, now)
        judge, progress = parallel_run.Judge(plan), _ProgressReport()
        count = processes or parallel_run.usable_processes()
        run = parallel_run.run(judge, files, processes=count, progress=progress.progress)
    except UnreadableError as problem:
        raise Stop(str(problem), problem.hint, USAGE) from problem
    except BrokenProcessPool as problem:
        message = "A process was ended from outside, probably because memory ran out."
        raise Stop(message, "--processes 1 needs the least memory", ENVIRONMENT) from problem
    progress.end(run.tally.records, run.share)
    report = build_report(judge.backtest, run)
    if recorder and report.complete:
        recorder.record(report)
    _print_report(report, new, as_json=as_json)
    return _exit_code(report)


def _print_report(report: "Report", new: Path, *, as_json: bool) -> None:
    from portal.backtest.report import report_json, report_lines

    if as_json:
        print_json(report_json(report))
        return
    for line in report_lines(report):
        click.echo(line)
    if report.complete and not report.tally.bad:
        print_next(f"rules push {new} --company CODE --as EMAIL")


def _load_rules(path: Path) -> "Rules":
    """Load one rule set; errors end the command."""
    from portal.backtest.parallel_run import Rules
    from rules.facts import load_seeds

    files = read_files([path])
    ruleset = require_sound(files)
    return Rules(ruleset, files.fingerprint, load_seeds(ruleset, files.csv))


class _ProgressReport:
    """Show progress on standard error.

    On a terminal it is a bar, once the run takes longer than a second; otherwise it is a line every
    two seconds.
    """

    def __init__(self) -> None:
        self._begin = monotonic()
        self._terminal = sys.stderr.isatty()
        self._next = self._begin + BAR_AFTER_SECONDS if self._terminal else 0.0
        self._bar: _Bar | None = None

    def progress(self, now: "Progress") -> None:
        """Update the bar, or print a line if the last line is old enough."""
        moment = monotonic()
        if moment < self._next or not now.share:
            return
        if self._terminal:
            self._drawn().show(now.share, f"{now.records:,} records")
            return
        self._next = moment + EVERY_SECONDS
        seconds_left = (moment - self._begin) * (1 - now.share) / now.share
        print_note(f"{now.records:,} records, {now.share:.0%}, about {seconds_left:,.0f} s left")

    def _drawn(self) -> "_Bar":
        self._bar = self._bar or _Bar("Backtest")
        return self._bar

    def end(self, records: int, share: float) -> None:
        """Print the final count."""
        if self._bar:
            self._bar.close()
        print_note(f"{records:,} records, {share:.0%}, {monotonic() - self._begin:,.1f} s")


class _Bar:
    """Draw one job from 0 to 1 on standard error with rich; it must be closed."""

    def __init__(self, title: str) -> None:
        from rich import console, progress

        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=20),
            progress.TextColumn("{task.percentage:>3.0f} %"),
            progress.TextColumn("{task.fields[words]}"),
            progress.TimeRemainingColumn(compact=True),
            progress.TextColumn("left"),
            console=console.Console(file=sys.stderr, no_color="NO_COLOR" in os.environ),
            transient=True,
        )
        self._task = self._progress.add_task(title, total=1.0, words="")
        self._progress.start()

    def show(self, share: float, words: str) -> None:
        """Set the bar to this share, with a text about the progress."""
        self._progress.update(self._task, completed=share, words=words)

    def close(self) -> None:
        """Remove the bar from the screen."""
        self._progress.stop()


def _exit_code(report: "Report") -> int:
    if not report.complete:
        return INTERRUPTED
    return FINDINGS if report.changed or report.tally.bad else 0


@dataclass(frozen=True, slots=True)
class BacktestRecorder:
    """Record a backtest for a company, with both rule sets' hashes as publishing computes them."""

    company: str
    email: str
    old_hash: str
    hash: str

    def record(self, report: "Report") -> None:
        """Store the counts of a finished backtest."""
        from holding.rulesets import recorded_backtests

        counts = recorded_backtests.Counted(
            hash=self.hash,
            old_hash=self.old_hash,
            records=report.tally.records,
            differ=report.changed,
            bad=report.tally.bad,
            rules={rule.book_name: (rule.fired, rule.records) for rule in report.fired},
        )
        with open_installation() as place, place.database.write() as session:
            company = require_company(session, self.company)
            actor = require_actor(session, self.email, company.id)
            refusal = recorded_backtests.record_backtest(
                session, company.id, actor, counts, place.now
            )
            granted(refusal)
        print_note(f"Recorded: the rule book of {self.company} names it.")


def open_recorder(
    company: str | None, email: str | None, old: Path, new: Path
) -> BacktestRecorder | None:
    """Return a recorder, or None without --company; a missing permission ends the command."""
    from holding.rulesets import recorded_backtests
    from rules.program import hash_files

    if company is None and email is None:
        return None
    if company is None or email is None:
        raise Stop("--company and --as go together.", code=USAGE)
    for path in (old, new):
        if not path.is_dir():
            raise Stop(f"{path} is not a folder of rules.", "--company needs two folders", USAGE)
    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        granted(recorded_backtests.refuse_recording(require_actor(session, email, company_row.id)))
    old_hash, new_hash = (hash_files(rule_files(path)) for path in (old, new))
    return BacktestRecorder(company, email, old_hash=old_hash, hash=new_hash)


@click.group("records", cls=Listing)
def records_() -> None:
    """Manage stored records."""


@records_.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@company_option
@click.option("--from", "first", type=DAY, help="Only documents of this day or later.")
@click.option("--to", "last", type=DAY, help="Only documents of this day or earlier.")
def export(folder: Path, company: str, first: datetime | None, last: datetime | None) -> None:
    """Write the records of a company into a new FOLDER, for `clearpost backtest`.

    Each record is listed once, with the facts of its first document's posting, or of its last
    check if it was never posted, and with the mappings, units and locked periods at that time.
    """
    from holding.programs import posted_differences
    from portal.backtest.record_files import write

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} already exists and is not empty.", "name a new folder", USAGE)
    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        folder.mkdir(parents=True, exist_ok=True)
        written = write(
            folder,
            posted_differences.past_judgings(
                session, company_row.id, first=_date_of(first), last=_date_of(last)
            ),
            stand=lambda revision: posted_differences.stand(session, company_row.id, revision),
            targets=posted_differences.target_words(session, company_row.id),
        )
    click.echo(f"{folder}: {written.records:,} records")
    if written.gone:
        print_note(
            f"{written.gone:,} more can no longer be checked again: their content is not kept."
        )
    print_next(f"backtest OLD NEW {folder}")


def _date_of(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


COMMANDS = (backtest, records_)
