"""`clearpost backup`, `clearpost restore` and `clearpost prune`: what is kept, where and how long.

Here: the commands. Not here: the copy itself (holding/platform/backup.py, restore.py), what may go
(holding/operations/pruning.py).
"""

from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

import click

from portal.terminal.command_frame import (
    ENVIRONMENT,
    FINDINGS,
    company_of,
    home_of,
    office,
    onward,
    plural,
    refuse,
    say,
    settings,
    tell,
)

NEW = click.Path(dir_okay=False, path_type=Path)
OLD = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Copy the database into a file, while everything runs.")
@click.argument("file", type=NEW)
def backup(file: Path) -> None:
    """Copy the database into FILE as of one moment, while everything runs.

    The key file is not in it: keep a copy of that elsewhere.
    """
    from holding.platform import backup as copies

    found = settings()
    refusal = copies.take(found.database_url, file)
    if refusal:
        refuse(refusal, FINDINGS if refusal.status == 409 else ENVIRONMENT)
    with file.open("rb") as copy:
        digest = file_digest(copy, "sha256").hexdigest()
    click.echo(f"{file} {digest}")
    if not copies.note_backup(found.database_url, file, digest, datetime.now(UTC)):
        say("The page Operations does not tell of it: this could not be noted in the database.")
    say("The key file is not in it: keep a copy of that in another place.")
    onward(f"restore {file}, in an empty place: a backup counts once that worked")


@click.command(short_help="Put a backup back into an empty place; every target is paused.")
@click.argument("file", type=OLD)
def restore(file: Path) -> None:
    """Put the backup FILE back into an empty place: a new home, or an empty database.

    Every target is paused: nothing is sent before somebody resumes it with `clearpost connection
    resume NAME`.
    """
    from holding.db.refusal import Refusal
    from holding.platform import backup as restoring
    from holding.platform.backup import VERSION

    found = settings()
    home_of(found)
    answer = restoring.restore(found.database_url, file, datetime.now(UTC))
    if isinstance(answer, Refusal):
        refuse(answer, ENVIRONMENT if answer.status == 503 else FINDINGS)
    click.echo(f"{file} is restored; its schema was {answer.version}, and is {VERSION} now.")
    paused = plural(answer.paused, "target")
    say(f"{paused} paused. Resume each with `clearpost connection resume NAME`.")
    onward("invariants")


@click.command(short_help="Take away the raw bytes of what is older than CLEARPOST_KEEP_YEARS.")
@click.option("--company", help="Only this company; else all.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def prune(company: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Take away the raw bytes of deliveries, calls and uploads older than CLEARPOST_KEEP_YEARS (7).

    Only of records that came to their end. Hashes, versions, verdicts, pushes, answers and events
    stay, and `clearpost verify` passes as before.
    """
    from holding.operations import pruning
    from holding.operations.invariants import companies

    with office() as place:
        cutoff = pruning.before(place.now, place.settings.keep_years)
        with place.database.read() as session:
            wanted = {company: company_of(session, company).id} if company else companies(session)
            found = [pruning.due(session, key, code, cutoff) for code, key in wanted.items()]
        if not dry_run:
            found = [
                pruning.prune(place.database, key, cutoff, place.now) for key in wanted.values()
            ]
    if as_json:
        tell({"before": cutoff, "dry_run": dry_run, "companies": [asdict(one) for one in found]})
        return
    what = "would be removed" if dry_run else "were removed"
    for one in found:
        told = f"{one.deliveries:,} deliveries, {one.calls:,} calls, {one.uploads:,} uploads"
        click.echo(f"{one.company}: raw bytes of {told} {what}, from before {cutoff.date()}.")
    whose = f" --company {company}" if company else ""
    onward(f"prune{whose}" if dry_run else f"invariants{whose}")


COMMANDS = (backup, restore, prune)
