"""`clearpost backtest`: what a draft of the rules would have made of stored records.

Here: reading the arguments, progress, how it ends. It needs no database. Not here: the judging and
counting (`rules.backtest`), files and processes (`portal.backtest`), the way out of a running
product (`clearpost records export`).
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from portal.cli.files import AS_JSON, sound
from portal.cli.frame import ENVIRONMENT, FINDINGS, INTERRUPTED, USAGE, Stop, say, tell
from portal.cli.rule_files import read_files, schemas

if TYPE_CHECKING:
    from portal.backtest.report import Report
    from portal.backtest.run import Progress, Rules

PATH = click.Path(exists=True, path_type=Path)
EVERY_SECONDS = 2.0
EVERY_SECONDS_ON_A_TERMINAL = 0.3


@click.command(short_help="Say what RECORDS become under the rules NEW, and were under OLD.")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@click.argument("records", type=PATH)
@click.option("--processes", type=click.IntRange(1, 64), help="Default: one for each processor.")
@click.option("--at", type=click.DateTime(), help="The clock (UTC) of records that say none.")
@AS_JSON
def backtest(
    old: Path,
    new: Path,
    records: Path,
    *,
    processes: int | None,
    at: datetime | None,
    as_json: bool,
) -> int:
    """Judge stored RECORDS by the rules OLD and NEW: was, would be, in counts and money.

    OLD and NEW are rule files or folders of them. RECORDS is a file with one JSON record a line
    (.jsonl, .jsonl.gz), a .json list of them, or a folder of such files, as `clearpost records
    export` writes it. A line:

    \b
      {"kind": "order", "body": {"number": "NS-1", "status": "paid", ...},
       "now": "2026-11-19T02:00:00Z",
       "states": {"aiaccount.sales_invoice": "posted"},
       "facts": {"first_seen": "2026-11-18T06:00:00Z", "history": {...}, ...}}

    Only "body" must be there, and "kind" where the rules judge several. "states" says what became
    of the record, by route; without it nothing is known to be posted. docs/backtest.md has every
    field. A line that cannot be used is told with its place, and the rest goes on.

    Exit code 1 if a record would come to something else or a line could not be used.
    """
    from concurrent.futures.process import BrokenProcessPool

    from portal.backtest import run as running
    from portal.backtest.report import report, told_in_json, told_in_words
    from portal.backtest.stored import Stored, UnreadableError

    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    try:
        stored = Stored.at(records)
        plan = running.Plan(_rules(old), _rules(new), schemas(), stored.worlds, now)
        desk, told = running.Desk(plan), _Told()
        many = processes or running.usable_processes()
        ran = running.run(desk, stored, processes=many, progress=told.progress)
    except UnreadableError as problem:
        raise Stop(str(problem), problem.hint, USAGE) from problem
    except BrokenProcessPool as problem:
        message = "One of the processes was ended from outside, perhaps for want of memory."
        raise Stop(message, "--processes 1 needs the least", ENVIRONMENT) from problem
    told.end(ran.tally.records, ran.share)
    found = report(desk.backtest, ran)
    if as_json:
        tell(told_in_json(found))
    else:
        for line in told_in_words(found):
            click.echo(line)
    return _code(found)


def _rules(path: Path) -> "Rules":
    """One rule set; errors end the command."""
    from portal.backtest.run import Rules
    from rules.seeds import seeds

    files = read_files([path])
    ruleset = sound(files)
    return Rules(ruleset, files.fingerprint, seeds(ruleset, files.csv))


def _code(found: "Report") -> int:
    if not found.complete:
        return INTERRUPTED
    return FINDINGS if found.changed or found.tally.bad else 0


class _Told:
    """Progress on standard error: records, share, and about how long it still takes."""

    def __init__(self) -> None:
        self._begin = monotonic()
        self._next = 0.0
        self._terminal = sys.stderr.isatty()
        self._pause = EVERY_SECONDS_ON_A_TERMINAL if self._terminal else EVERY_SECONDS

    def progress(self, now: "Progress") -> None:
        """Tell it: at once, and then whenever the last word is long enough ago."""
        moment = monotonic()
        if moment < self._next or not now.share:
            return
        self._next = moment + self._pause
        rest = (moment - self._begin) * (1 - now.share) / now.share
        self._say(f"{now.records:,} records, {now.share:.0%}, about {rest:,.0f} s left")

    def end(self, records: int, share: float) -> None:
        """The last word."""
        taken = monotonic() - self._begin
        self._say(f"{records:,} records, {share:.0%}, {taken:,.1f} s\n")

    def _say(self, words: str) -> None:
        if self._terminal:
            click.echo(f"\r\033[K{words}", err=True, nl=False)
        else:
            say(words.rstrip())


COMMANDS = (backtest,)
