"""`clearpost backtest` and `records`: judge stored records by a draft of the rules, and export
them.
"""

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

    OLD and NEW are rule files or folders of them. RECORDS is a file with one JSON record a line
    (.jsonl, .jsonl.gz), a .json list of them, or a folder of such files, as `clearpost records
    export` writes it. A line:

    \b
      {"kind": "order", "body": {"number": "NS-1", "status": "paid", ...},
       "now": "2026-11-19T02:00:00Z",
       "states": {"aiaccount.sales_invoice": "posted"},
       "facts": {"first_seen": "2026-11-18T06:00:00Z", "history": {...}, ...}}

    Only "body" must be there, and "kind" where the rules cover several. "states" says what became
    of the record, by route; without it nothing is known to be posted. docs/rules/backtest.md has
    every field. A line that cannot be used is told with its place, and the rest goes on.

    With --company and --as the rule book of that company names it: when, by whom, of which rules
    against which, how many records, and how many differ. OLD and NEW are then folders, as
    `clearpost rules push` takes them. One that was stopped early is not recorded.

    Exit code 1 if a record would have another result or a line could not be used.
    """
    from concurrent.futures.process import BrokenProcessPool

    from holding.programs.known_schemas import schemas
    from portal.backtest import parallel_run
    from portal.backtest.record_files import Stored, UnreadableError
    from portal.backtest.report import build_report

    keep = open_keeping(company, email, old, new)
    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    try:
        stored = Stored.at(records)
        plan = parallel_run.Plan(_rules(old), _rules(new), schemas(), stored.worlds, now)
        desk, told = parallel_run.Desk(plan), _Told()
        many = processes or parallel_run.usable_processes()
        ran = parallel_run.run(desk, stored, processes=many, progress=told.progress)
    except UnreadableError as problem:
        raise Stop(str(problem), problem.hint, USAGE) from problem
    except BrokenProcessPool as problem:
        message = "A process was ended from outside, probably because memory ran out."
        raise Stop(message, "--processes 1 needs the least memory", ENVIRONMENT) from problem
    told.end(ran.tally.records, ran.share)
    found = build_report(desk.backtest, ran)
    if keep and found.complete:
        keep.record(found)
    _print_report(found, new, as_json=as_json)
    return _code(found)


def _print_report(found: "Report", new: Path, *, as_json: bool) -> None:
    from portal.backtest.report import report_json, report_lines

    if as_json:
        print_json(report_json(found))
        return
    for line in report_lines(found):
        click.echo(line)
    if found.complete and not found.tally.bad:
        print_next(f"rules push {new} --company CODE --as EMAIL")


def _rules(path: Path) -> "Rules":
    """One rule set; errors end the command."""
    from portal.backtest.parallel_run import Rules
    from rules.facts import load_seeds

    files = read_files([path])
    ruleset = require_sound(files)
    return Rules(ruleset, files.fingerprint, load_seeds(ruleset, files.csv))


class _Told:
    """Progress on standard error: on a terminal a bar, once it takes longer than a second; else a
    line every two seconds.
    """

    def __init__(self) -> None:
        self._begin = monotonic()
        self._terminal = sys.stderr.isatty()
        self._next = self._begin + BAR_AFTER_SECONDS if self._terminal else 0.0
        self._bar: _Bar | None = None

    def progress(self, now: "Progress") -> None:
        """Tell it when the last word is long enough ago; a line at once."""
        moment = monotonic()
        if moment < self._next or not now.share:
            return
        if self._terminal:
            self._drawn().show(now.share, f"{now.records:,} records")
            return
        self._next = moment + EVERY_SECONDS
        rest = (moment - self._begin) * (1 - now.share) / now.share
        print_note(f"{now.records:,} records, {now.share:.0%}, about {rest:,.0f} s left")

    def _drawn(self) -> "_Bar":
        self._bar = self._bar or _Bar("Backtest")
        return self._bar

    def end(self, records: int, share: float) -> None:
        """The last word."""
        if self._bar:
            self._bar.close()
        print_note(f"{records:,} records, {share:.0%}, {monotonic() - self._begin:,.1f} s")


class _Bar:
    """One job from 0 to 1, drawn by rich on standard error; to be closed."""

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
        """The bar at this share, with a word about what was done."""
        self._progress.update(self._task, completed=share, words=words)

    def close(self) -> None:
        """Take it from the screen."""
        self._progress.stop()


def _code(found: "Report") -> int:
    if not found.complete:
        return INTERRUPTED
    return FINDINGS if found.changed or found.tally.bad else 0


@dataclass(frozen=True, slots=True)
class Keeping:
    """For whom it is recorded, and both sets of rules as publishing would know them."""

    company: str
    email: str
    old_hash: str
    hash: str

    def record(self, found: "Report") -> None:
        """Write it down."""
        from holding.rulesets import recorded_backtests

        counted = recorded_backtests.Counted(
            hash=self.hash,
            old_hash=self.old_hash,
            records=found.tally.records,
            differ=found.changed,
            bad=found.tally.bad,
            rules={one.book_name: (one.fired, one.records) for one in found.fired},
        )
        with open_installation() as place, place.database.write() as session:
            company = require_company(session, self.company)
            actor = require_actor(session, self.email, company.id)
            refusal = recorded_backtests.record_backtest(
                session, company.id, actor, counted, place.now
            )
            granted(refusal)
        print_note(f"Recorded: the rule book of {self.company} names it.")


def open_keeping(company: str | None, email: str | None, old: Path, new: Path) -> Keeping | None:
    """What to record with, or None; whoever may not record is told before the work begins."""
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
        found = require_company(session, company)
        granted(recorded_backtests.refuse_recording(require_actor(session, email, found.id)))
    old_hash, new_hash = (hash_files(rule_files(path)) for path in (old, new))
    return Keeping(company, email, old_hash=old_hash, hash=new_hash)


@click.group("records", cls=Listing)
def records_() -> None:
    """Stored records."""


@records_.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@company_option
@click.option("--from", "first", type=DAY, help="Only documents of this day or later.")
@click.option("--to", "last", type=DAY, help="Only documents of this day or earlier.")
def export(folder: Path, company: str, first: datetime | None, last: datetime | None) -> None:
    """Write the records of a company into a new FOLDER, for `clearpost backtest`.

    Each record is listed once, with all that was looked at when its first document was sent, or
    when it was last checked if none was; and with the mappings, units and locked periods of then.
    """
    from holding.programs import posted_differences
    from portal.backtest.record_files import write

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} already exists and is not empty.", "name a new folder", USAGE)
    with open_installation() as place, place.database.read() as session:
        found = require_company(session, company)
        folder.mkdir(parents=True, exist_ok=True)
        written = write(
            folder,
            posted_differences.past_judgings(session, found.id, first=_day(first), last=_day(last)),
            stand=lambda revision: posted_differences.stand(session, found.id, revision),
            targets=posted_differences.target_words(session, found.id),
        )
    click.echo(f"{folder}: {written.records:,} records")
    if written.gone:
        print_note(
            f"{written.gone:,} more can no longer be checked again: their content is not kept."
        )
    print_next(f"backtest OLD NEW {folder}")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


COMMANDS = (backtest, records_)
