"""Provide all commands with exit codes, messages, the database session and the acting person."""

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
"""Companies named in the hint for an unknown company code."""

HELP_WIDTH = 1000
"""Width in characters that no short help exceeds, so that click cuts none off."""

T = TypeVar("T")


class Stop(click.ClickException):
    """End a command that could not do its work, with a message for people."""

    def __init__(self, message: str, hint: str = "", code: int = FINDINGS) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code

    def show(self, file: "IO[str] | None" = None) -> None:
        """Print the message and the hint on standard error."""
        click.echo(f"error: {self.message}", file=file, err=True)
        if self.hint:
            click.echo(f"  hint: {self.hint}", file=file, err=True)


class Listing(click.Group):
    """List each command's short help without cutting it off."""

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        rows = [
            (name, command.get_short_help_str(limit=HELP_WIDTH))
            for name, command in self.commands.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as `2,000 files`.

    `holding.db.refusal.plural` loads the database layer, which slows these commands.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def refuse(refusal: "Refusal", code: int = FINDINGS, *, about: str = "") -> NoReturn:
    """End the command with the refusal's message.

    `about` names the refused part, where a command has many.
    """
    raise Stop(f"{about}: {refusal.message}" if about else refusal.message, refusal.hint, code)


def granted(answer: "T | Refusal", about: str = "") -> T:
    """Return a service's answer; a refusal ends the command."""
    from holding.db.refusal import Refusal

    if isinstance(answer, Refusal):
        refuse(answer, about=about)
    return answer


def settings() -> "Settings":
    """Return the settings of this process; an invalid value ends the command."""
    from holding.platform.settings import Settings

    try:
        return Settings.from_env()
    except ValueError as problem:
        raise Stop(str(problem), code=ENVIRONMENT) from problem


@dataclass(frozen=True, slots=True)
class Installation:
    """An open database with its clock and the settings."""

    settings: "Settings"
    database: "Database"
    clock: "DatabaseClock"

    @property
    def now(self) -> "datetime":
        """The present moment of the installation."""
        return self.clock.now()


def ensure_home(environment: "Settings") -> "Path":
    """Return the home folder and create it if missing; a failure ends the command."""
    try:
        environment.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise Stop(
            f"{environment.home} cannot be used: {problem.strerror}.", HOME_HINT, ENVIRONMENT
        ) from problem
    return environment.home


def migrate_database(url: str, to: str | None = None) -> None:
    """Migrate the database; an unreachable database or an unknown version ends the command."""
    from holding.platform import backup

    refusal = backup.migrate(url, to)
    if refusal:
        refuse(refusal, USAGE if refusal.status == 400 else ENVIRONMENT)


@contextmanager
def open_installation(*, upgrade: bool = False) -> Iterator[Installation]:
    """Yield the open installation; a database with the wrong schema ends the command."""
    from connectors.transport.http import MachineClock
    from holding.db.database import open_database
    from holding.platform import backup
    from holding.platform.settings import DatabaseClock

    environment = settings()
    ensure_home(environment)
    if upgrade:
        _back_up_before_migration(environment)
        migrate_database(environment.database_url)
    refusal = backup.check_version(environment.database_url)
    if refusal:
        if refusal.code == backup.UNFIT:
            _stop_without_database(environment)
        refuse(refusal, ENVIRONMENT)
    database = open_database(environment.database_url)
    try:
        yield Installation(
            environment, database, DatabaseClock(database, MachineClock(environment.home))
        )
    finally:
        database.close()


def _back_up_before_migration(environment: "Settings") -> None:
    """Copy a database whose schema is about to change; a failed copy ends the command."""
    from datetime import UTC, datetime

    from holding.db.refusal import Refusal
    from holding.platform import backup

    backup_path = backup.before_migration(
        environment.database_url, environment.home, datetime.now(UTC)
    )
    if isinstance(backup_path, Refusal):
        refuse(backup_path, ENVIRONMENT)
    elif backup_path is not None:
        print_note(f"A copy of the database as it was before this version is {backup_path}")


def _stop_without_database(environment: "Settings") -> None:
    """End the command if the home folder has no database yet; the hint names the demo's folder."""
    from holding.db.database import default_url, open_database
    from holding.platform import backup

    if environment.database_url != default_url(environment.home):
        return
    database = open_database(environment.database_url)
    try:
        if backup.version_of(database) is not None:
            return
    finally:
        database.close()
    hint = "Set CLEARPOST_HOME to its folder, or run `clearpost migrate` to make one here."
    demo_folder = environment.home / "demo"
    if demo_folder.is_dir():
        hint = f"{hint} That of the demo is read with CLEARPOST_HOME={demo_folder}."
    raise Stop(f"There is no database of Clearpost in {environment.home}.", hint, ENVIRONMENT)


def require_company(session: "DatabaseSession", code: str) -> "CompanyRow":
    """Return the company with this code; an unknown code ends the command."""
    from holding.access import reach
    from holding.db.refusal import in_a_row

    company = reach.load_company(session, code)
    if company is None:
        company_codes = reach.company_codes(session, MOST_CODES + 1)
        hint = "clearpost company add CODE --name NAME"
        if len(company_codes) == 1:
            hint = f"The company is {company_codes[0]}."
        elif len(company_codes) <= MOST_CODES and company_codes:
            hint = f"The companies are {in_a_row(company_codes)}."
        elif company_codes:
            hint = f"Companies are {', '.join(company_codes[:MOST_CODES])} and others."
        raise Stop(f"No company has the code {code}.", hint)
    return company


def require_actor(session: "DatabaseSession", email: str, company_id: int) -> "Actor":
    """Return the person of --as as an actor in the company; a missing role ends the command."""
    from holding.access import actors
    from holding.platform.events import COMMAND_LINE

    actor = actors.actor_of(
        session, require_person_id(session, email), company_id, via=COMMAND_LINE
    )
    if actor is None:
        raise Stop(
            f"{email} cannot do this, because they have no role in this company or cannot sign in.",
            "clearpost user add EMAIL --company CODE --role ROLE",
        )
    return actor


def require_person_id(session: "DatabaseSession", email: str) -> int:
    """Return the id of the person with this email address; an unknown address ends the command."""
    from holding.access import people

    person_id = people.id_of_address(session, email)
    if person_id is None:
        raise Stop(
            f"No user has the email {email}.", "clearpost user add EMAIL --company CODE --role R"
        )
    return person_id


def print_note(text: str) -> None:
    """Print a note on standard error, apart from the result."""
    click.echo(text, err=True)


def print_next(command: str) -> None:
    """Print the next useful command on standard error, as a command's last line."""
    print_note(f"Next: clearpost {command}")


def first_command(roles: tuple[str, ...], email: str, company: str) -> str:
    """Return the first command for a new person with these roles."""
    options = f"--company {company} --as {email}"
    if "admin" in roles:
        return f"connection add NAME {options} --side source"
    return f"rules push FOLDER {options}" if "consultant" in roles else "user roles"


def print_json(value: object) -> None:
    """Print one JSON object on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def rule_files(folder: "Path") -> dict[str, str]:
    """Return every .rules and .csv file below a folder, by its relative path."""
    paths = [path for ending in ("*.rules", "*.csv") for path in folder.rglob(ending)]
    if not paths:
        raise Stop(f"{folder} has no .rules file.")
    try:
        return {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(paths)}
    except UnicodeDecodeError as problem:
        raise Stop(f"A file in {folder} is not UTF-8 text: {problem}") from problem


def require_named(row: T | None, name: str) -> T:
    """Return the connection's row; a missing row ends the command."""
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
    """Return what the file holds of a source in this zone; an unreadable file ends the command.

    `layouts` are the choices people made for the source's earlier files. With `sets_values`, a file
    that takes no values of `--set` ends the command.
    """
    from connectors import registry
    from connectors.contract import SourceRefusal
    from connectors.contract.pulls import ReadsUploads

    sources = registry.sources()
    connector_readers = [sources[connector]] if connector in sources else []
    name = path.name.lower()
    readers = [
        reader for reader in connector_readers if name.endswith(reader.suffixes)
    ] + registry.readers_of(name)
    if not readers:
        endings = sorted({ending for source in sources.values() for ending in source.suffixes})
        raise Stop(
            f"{path.name} cannot be read, because its name has another ending.",
            f"It must end in {', '.join(endings)}.",
        )
    reader, raw = readers[0], path.read_bytes()
    if layouts is not None and isinstance(reader, ReadsUploads):
        delivery = reader.read_as_before(path.name, raw, zone, layouts)
    elif sets_values:
        raise Stop(
            f"{path.name} takes no values, so nothing was stored.",
            "Leave out --set: it fills blank cells of .xlsx and .csv files.",
        )
    else:
        delivery = reader.read(path.name, raw, zone)
    if isinstance(delivery, SourceRefusal):
        raise Stop(f"{path.name}: {delivery.message}", delivery.hint)
    return delivery


def store_delivery(
    session: "DatabaseSession",
    company_id: int,
    source: str,
    path: Path,
    accepted: "Accepted",
    now: datetime,
    by: "Actor | None" = None,
) -> "Receipt | Refusal":
    """Store the delivery and its new records; `by` is the person who entered it."""
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
