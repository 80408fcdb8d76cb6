"""The base of all commands: exit codes, messages, the database session and the acting person."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import click

if TYPE_CHECKING:
    from typing import IO

    from connectors.contract import Accepted
    from connectors.contract.pulls import Layouts
    from holding.access.actors import Actor
    from holding.access.reach import CompanyRow
    from holding.db.database import Database, DatabaseSession
    from holding.db.refusal import Refusal
    from holding.intake.receive import Receipt
    from holding.platform.settings import DatabaseClock, Settings

company_option = click.option("--company", required=True, help="The code of the company.")

as_option = click.option(
    "--as", "email", required=True, help="Your email address (recorded as the actor)."
)

FINDINGS, USAGE, ENVIRONMENT, INTERNAL, INTERRUPTED = 1, 2, 3, 4, 130

HOME_HINT = "Set CLEARPOST_HOME to a folder of yours."

MOST_CODES = 10
"""So many companies are named to who meant another."""

WHOLE = 1000
"""So long is no sentence of a list."""

T = TypeVar("T")


class Stop(click.ClickException):
    """The end of a command that could not do its work, in words for people."""

    def __init__(self, message: str, hint: str = "", code: int = FINDINGS) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code

    def show(self, file: "IO[str] | None" = None) -> None:
        """Say it on standard error."""
        click.echo(f"error: {self.message}", file=file, err=True)
        if self.hint:
            click.echo(f"  hint: {self.hint}", file=file, err=True)


class Listing(click.Group):
    """A group whose list says what each command does, without cutting it off."""

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        rows = [(name, one.get_short_help_str(limit=WHOLE)) for name, one in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as `2,000 files`.

    `holding.db.refusal.plural` loads the database layer, which slows these commands.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def refuse(refusal: "Refusal", code: int = FINDINGS, *, about: str = "") -> NoReturn:
    """End the command with a refusal's own words; `about` names what it refuses, where a command
    has many.
    """
    raise Stop(f"{about}: {refusal.message}" if about else refusal.message, refusal.hint, code)


def granted(answer: "T | Refusal", about: str = "") -> T:
    """The answer of a service, unless it is a refusal: then the command ends."""
    from holding.db.refusal import Refusal

    if isinstance(answer, Refusal):
        refuse(answer, about=about)
    return answer


def settings() -> "Settings":
    """The settings of this process; a value that makes no sense ends the command."""
    from holding.platform.settings import Settings

    try:
        return Settings.from_env()
    except ValueError as problem:
        raise Stop(str(problem), code=ENVIRONMENT) from problem


@dataclass(frozen=True, slots=True)
class Office:
    """An opened database with its clock."""

    settings: "Settings"
    database: "Database"
    clock: "DatabaseClock"

    @property
    def now(self) -> "datetime":
        """The present moment of the installation."""
        return self.clock.now()


def home_of(found: "Settings") -> "Path":
    """The home folder, made if need be; one that cannot be made ends the command."""
    try:
        found.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise Stop(
            f"{found.home} cannot be used: {problem.strerror}.", HOME_HINT, ENVIRONMENT
        ) from problem
    return found.home


def bring_to_schema(url: str, to: str | None = None) -> None:
    """Migrate; a database out of reach and a version that is none end the command."""
    from holding.platform import backup

    refusal = backup.migrate(url, to)
    if refusal:
        refuse(refusal, USAGE if refusal.status == 400 else ENVIRONMENT)


@contextmanager
def office(*, upgrade: bool = False) -> Iterator[Office]:
    """The database of this installation, with the right schema or not at all."""
    from connectors.transport.http import MachineClock
    from holding.db.database import open_database
    from holding.platform import backup
    from holding.platform.settings import DatabaseClock

    found = settings()
    home_of(found)
    if upgrade:
        _back_up(found)
        bring_to_schema(found.database_url)
    refusal = backup.check_version(found.database_url)
    if refusal:
        if refusal.code == backup.UNFIT:
            _nothing_there(found)
        refuse(refusal, ENVIRONMENT)
    database = open_database(found.database_url)
    try:
        yield Office(found, database, DatabaseClock(database, MachineClock(found.home)))
    finally:
        database.close()


def _back_up(found: "Settings") -> None:
    """Copy a database whose schema is about to change; where that fails, the command ends."""
    from datetime import UTC, datetime

    from holding.db.refusal import Refusal
    from holding.platform import backup

    copy = backup.before_migration(found.database_url, found.home, datetime.now(UTC))
    if isinstance(copy, Refusal):
        refuse(copy, ENVIRONMENT)
    elif copy is not None:
        print_note(f"A copy of the database as it was before this version is {copy}")


def _nothing_there(found: "Settings") -> None:
    """End the command where the home folder has no database yet, and name that of the demo."""
    from holding.db.database import default_url, open_database
    from holding.platform import backup

    if found.database_url != default_url(found.home):
        return
    database = open_database(found.database_url)
    try:
        if backup.version_of(database) is not None:
            return
    finally:
        database.close()
    hint = "Set CLEARPOST_HOME to its folder, or run `clearpost migrate` to make one here."
    demo = found.home / "demo"
    if demo.is_dir():
        hint = f"{hint} That of the demo is read with CLEARPOST_HOME={demo}."
    raise Stop(f"There is no database of Clearpost in {found.home}.", hint, ENVIRONMENT)


def company_of(session: "DatabaseSession", code: str) -> "CompanyRow":
    """The company with this code; an unknown one ends the command."""
    from holding.access import reach
    from holding.db.refusal import in_a_row

    found = reach.load_company(session, code)
    if found is None:
        there = reach.company_codes(session, MOST_CODES + 1)
        hint = "clearpost company add CODE --name NAME"
        if len(there) == 1:
            hint = f"The company is {there[0]}."
        elif len(there) <= MOST_CODES and there:
            hint = f"The companies are {in_a_row(there)}."
        elif there:
            hint = f"Companies are {', '.join(there[:MOST_CODES])} and others."
        raise Stop(f"No company has the code {code}.", hint)
    return found


def actor_of(session: "DatabaseSession", email: str, company_id: int) -> "Actor":
    """The person named by --as, inside one company."""
    from holding.access import actors
    from holding.platform.events import COMMAND_LINE

    actor = actors.actor_of(session, person_id_of(session, email), company_id, via=COMMAND_LINE)
    if actor is None:
        raise Stop(
            f"{email} cannot do this, because they have no role in this company or cannot sign in.",
            "clearpost user add EMAIL --company CODE --role ROLE",
        )
    return actor


def person_id_of(session: "DatabaseSession", email: str) -> int:
    """The person behind an email address; an unknown one ends the command."""
    from holding.access import people

    found = people.id_of_address(session, email)
    if found is None:
        raise Stop(
            f"No user has the email {email}.", "clearpost user add EMAIL --company CODE --role R"
        )
    return found


def print_note(text: str) -> None:
    """A note beside the result, on standard error."""
    click.echo(text, err=True)


def print_next(command: str) -> None:
    """The last line of a command: the one that is useful next, beside the result."""
    print_note(f"Next: clearpost {command}")


def first_command(roles: tuple[str, ...], email: str, company: str) -> str:
    """What a new person of these roles does first by command."""
    by = f"--company {company} --as {email}"
    if "admin" in roles:
        return f"connection add NAME {by} --side source"
    return f"rules push FOLDER {by}" if "consultant" in roles else "user roles"


def print_json(value: object) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def rule_files(folder: "Path") -> dict[str, str]:
    """Every .rules and .csv file below a folder, by its path in it."""
    paths = [path for ending in ("*.rules", "*.csv") for path in folder.rglob(ending)]
    if not paths:
        raise Stop(f"{folder} has no .rules file.")
    try:
        return {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(paths)}
    except UnicodeDecodeError as problem:
        raise Stop(f"A file in {folder} is not UTF-8 text: {problem}") from problem


def require_named(row: T | None, name: str) -> T:
    """What a service found as the connection of that name; an unknown one ends the command."""
    if row is None:
        raise Stop(f"This company has no connection {name}.", "clearpost connection add NAME …")
    return row


def read_file(
    path: Path,
    connector: str,
    zone: ZoneInfo,
    layouts: "Layouts | None" = None,
    *,
    sets_values: bool = False,
) -> "Accepted":
    """Return what the file holds, good and bad, of a source in this zone; a file that cannot be
    read ends the command. `layouts`: what people chose for the source's earlier files;
    `sets_values`: `--set` must have an effect.
    """
    from connectors import registry
    from connectors.contract import SourceRefusal
    from connectors.contract.pulls import ReadsUploads

    known = registry.sources()
    own = [known[connector]] if connector in known else []
    name = path.name.lower()
    readers = [one for one in own if name.endswith(one.suffixes)] + registry.readers_of(name)
    if not readers:
        endings = sorted({ending for each in known.values() for ending in each.suffixes})
        raise Stop(
            f"{path.name} cannot be read, because its name has another ending.",
            f"It must end in {', '.join(endings)}.",
        )
    reader, raw = readers[0], path.read_bytes()
    if layouts is not None and isinstance(reader, ReadsUploads):
        found = reader.read_as_before(path.name, raw, zone, layouts)
    elif sets_values:
        raise Stop(
            f"{path.name} takes no values, so nothing was stored.",
            "Leave out --set: it fills blank cells of .xlsx and .csv files.",
        )
    else:
        found = reader.read(path.name, raw, zone)
    if isinstance(found, SourceRefusal):
        raise Stop(f"{path.name}: {found.message}", found.hint)
    return found


def store_delivery(
    session: "DatabaseSession",
    company_id: int,
    source: str,
    path: Path,
    accepted: "Accepted",
    now: datetime,
    by: "Actor | None" = None,
) -> "Receipt | Refusal":
    """Keep the delivery and what is new in it; `by` entered it, if a person did."""
    from holding.connections import connections
    from holding.intake import receive

    return receive.receive(
        session,
        company_id=company_id,
        source_id=require_named(
            connections.find_connection(session, company_id, source), source
        ).id,
        delivery_key=accepted.delivery_id,
        kind="file",
        headers={"name": path.name},
        raw=path.read_bytes(),
        records=accepted.records,
        now=now,
        by=by,
    )
