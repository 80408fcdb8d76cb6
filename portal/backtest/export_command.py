"""`clearpost records export`: the stored records of a company, on their way to a backtest.

Here: reading the arguments, and the folder. Not here: what is written (portal/backtest/export.py).
"""

from datetime import date, datetime
from pathlib import Path

import click

from portal.terminal.command_frame import (
    USAGE,
    Listing,
    Stop,
    company_of,
    company_option,
    office,
    onward,
    say,
)

DAY = click.DateTime(["%Y-%m-%d"])


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
    from holding.programs import posted_differences as history
    from portal.backtest.export import write

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} already exists and is not empty.", "name a new folder", USAGE)
    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        folder.mkdir(parents=True, exist_ok=True)
        written = write(
            folder,
            history.past_judgings(session, found.id, first=_day(first), last=_day(last)),
            stand=lambda revision: history.stand(session, found.id, revision),
            targets=history.target_words(session, found.id),
        )
    click.echo(f"{folder}: {written.records:,} records")
    if written.gone:
        say(f"{written.gone:,} more can no longer be checked again: their content is not kept.")
    onward(f"backtest OLD NEW {folder}")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


COMMANDS = (records_,)
