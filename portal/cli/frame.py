"""What all commands share: exit codes, words for people, the database, who is acting.

Here: helpers that end a command politely. Not here: any command.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from holding.clock import DatabaseClock
    from holding.database import Database
    from holding.queries.shell import CompanyRow
    from holding.refusal import Refusal
    from holding.roles import Actor
    from holding.settings import Settings

FINDINGS, USAGE, ENVIRONMENT, INTERNAL, INTERRUPTED = 1, 2, 3, 4, 130
HOME_HINT = "Set CLEARPOST_HOME to a folder of yours."
T = TypeVar("T")


class Stop(click.ClickException):
    """The end of a command that could not do its work, in words for people."""

    def __init__(self, message: str, hint: str = "", code: int = FINDINGS) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code

    def show(self, file: Any = None) -> None:
        """Say it on standard error."""
        click.echo(f"error: {self.message}", file=file, err=True)
        if self.hint:
            click.echo(f"  hint: {self.hint}", file=file, err=True)


def refuse(refusal: "Refusal", code: int = FINDINGS) -> NoReturn:
    """End the command with a refusal's own words."""
    raise Stop(refusal.message, refusal.hint, code)


def granted(answer: "T | Refusal") -> T:
    """The answer of a service, unless it is a refusal: then the command ends."""
    from holding.refusal import Refusal

    if isinstance(answer, Refusal):
        refuse(answer)
    return answer


def settings() -> "Settings":
    """The settings of this process; a value that makes no sense ends the command."""
    from holding.settings import Settings

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
    from holding import migrate

    refusal = migrate.bring(url, to)
    if refusal:
        refuse(refusal, USAGE if refusal.status == 400 else ENVIRONMENT)


@contextmanager
def office(*, upgrade: bool = False) -> Iterator[Office]:
    """The database of this installation, with the right schema or not at all."""
    from connectors.kit.clock import MachineClock
    from holding import schema
    from holding.clock import DatabaseClock
    from holding.database import open_database

    found = settings()
    home_of(found)
    if upgrade:
        bring_to_schema(found.database_url)
    refusal = schema.check(found.database_url)
    if refusal:
        refuse(refusal, ENVIRONMENT)
    database = open_database(found.database_url)
    try:
        yield Office(found, database, DatabaseClock(database, MachineClock(found.home)))
    finally:
        database.close()


def company_of(session: Any, code: str) -> "CompanyRow":
    """The company with this code; an unknown one ends the command."""
    from holding.queries import shell

    found = shell.company(session, code)
    if found is None:
        raise Stop(f"There is no company {code}.", "clearpost company add CODE --name NAME")
    return found


def actor_of(session: Any, email: str, company_id: int) -> "Actor":
    """The person named by --as, inside one company."""
    from holding import people

    actor = people.actor_of(session, person_id_of(session, email), company_id, via="command line")
    if actor is None:
        raise Stop(
            f"{email} has no role in this company, or may not sign in.",
            "clearpost user add EMAIL --company CODE --role ROLE",
        )
    return actor


def person_id_of(session: Any, email: str) -> int:
    """The person behind an email address; an unknown one ends the command."""
    found = person_or_none(session, email)
    if found is None:
        raise Stop(f"{email} is nobody here.", "clearpost user add EMAIL --company CODE --role R")
    return found


def person_or_none(session: Any, email: str) -> int | None:
    """The person behind an email address, if there is one."""
    from holding.models import Person

    person = session.query(Person).filter_by(email=email.strip().lower()).one_or_none()
    return None if person is None else int(person.id)


def say(text: str) -> None:
    """A note beside the result, on standard error."""
    click.echo(text, err=True)


def tell(value: object) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))
