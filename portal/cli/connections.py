"""Commands about connections: add, set, key, test, pause, resume.

Here: reading arguments, calling one service, saying what it did. A secret is read from standard
input, never from the command line, where others could see it.
"""

import sys
from typing import TYPE_CHECKING, Any

import click

from portal.cli.admin import as_option, company_option
from portal.cli.frame import (
    ENVIRONMENT,
    Stop,
    actor_of,
    company_of,
    granted,
    office,
    tell,
)

if TYPE_CHECKING:
    from holding.models import Connection


@click.group()
def connection() -> None:
    """Connections to sources and targets."""


@connection.command("add")
@click.argument("name")
@company_option
@as_option
@click.option("--side", type=click.Choice(["source", "target"]), required=True)
@click.option("--connector", default=None, help="Default: NAME.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A setting of it.")
def connection_add(
    name: str, company: str, email: str, side: str, connector: str | None, pairs: tuple[str, ...]
) -> None:
    """Add a connection called NAME, as the rule files name it."""
    from holding import connections
    from holding.roles import may

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        granted(may(actor, "connection.admin"))
        granted(
            connections.add_connection(
                session,
                company_id=found.id,
                name=name,
                side=side,
                connector=connector or name,
                settings=dict(_pair(text) for text in pairs),
                actor=actor,
                now=place.now,
            )
        )
    click.echo(f"Connection {name} of {company} is there.")
    click.echo(f"next: clearpost connection key {name} --company {company} --as {email}")


@connection.command("set")
@click.argument("name")
@company_option
@as_option
@click.option(
    "--set",
    "pairs",
    multiple=True,
    required=True,
    metavar="NAME=VALUE",
    help="NAME= takes it away.",
)
def connection_set(name: str, company: str, email: str, pairs: tuple[str, ...]) -> None:
    """Change settings of NAME."""
    from holding import doorbell
    from holding.connection_settings import change_settings

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = connection_of(session, found.id, name)
        given = dict(_pair(text) for text in pairs)
        changed = granted(change_settings(session, actor, row, given, now=place.now))
        side = row.side
    doorbell.ring(found.id, "evaluate")
    click.echo(f"{name}: {', '.join(changed) or 'nothing'} changed.")
    if changed and side == "target":
        click.echo(f"next: clearpost connection test {name} --company {company} --as {email}")


@connection.command("key")
@click.argument("name")
@company_option
@as_option
def connection_key(name: str, company: str, email: str) -> None:
    """Store the secret of NAME, typed or piped into standard input."""
    from holding import connections
    from holding.roles import may

    secret = click.prompt("Key", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        granted(may(actor, "connection.admin"))
        row = connection_of(session, found.id, name)
        kept = granted(connections.set_key(session, actor, row, secret, now=place.now))
    click.echo(f"{name} has a new key that ends in {kept.tail}.")


@connection.command("test")
@click.argument("name")
@company_option
@as_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def connection_test(name: str, company: str, email: str, *, as_json: bool) -> None:
    """Try the target NAME without writing there, and keep what it tells."""
    from connectors.kit.http import Http
    from holding import connection_tests, doorbell

    with office() as place:
        with place.database.read() as session:
            found = company_of(session, company)
            actor = actor_of(session, email, found.id)
            row_id = connection_of(session, found.id, name).id
        http = Http(place.clock)
        report = granted(
            connection_tests.test_connection(place.database, place.clock, row_id, actor, http=http)
        )
        doorbell.ring(found.id, "evaluate")
    steps = [{"name": step.name, "ok": step.ok, "words": step.words} for step in report.steps]
    if as_json:
        tell({"ok": report.ok, "steps": steps})
    for step in () if as_json else report.steps:
        mark = {True: "ok  ", False: "BAD ", None: "note"}[step.ok]
        click.echo(f"{mark}  {step.name}: {step.words}")
    if not report.ok:
        raise Stop(f"{name} cannot be used yet.", code=ENVIRONMENT)


@connection.command("pause")
@click.argument("name")
@company_option
@as_option
@click.option("--reason", required=True)
def connection_pause(name: str, company: str, email: str, reason: str) -> None:
    """Send nothing to NAME until somebody resumes."""
    from holding import connections

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = connection_of(session, found.id, name)
        granted(connections.pause(session, actor, row, reason, now=place.now))
    click.echo(f"{name} is paused.")


@connection.command("resume")
@click.argument("name")
@company_option
@as_option
def connection_resume(name: str, company: str, email: str) -> None:
    """Send to NAME again."""
    from holding import connections, doorbell

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = connection_of(session, found.id, name)
        granted(connections.resume(session, actor, row, now=place.now))
    doorbell.ring(found.id, "push")
    click.echo(f"{name} sends again.")


def connection_of(session: Any, company_id: int, name: str) -> "Connection":
    """The connection of that name; an unknown one ends the command."""
    from holding.models import Connection

    row = session.query(Connection).filter_by(company_id=company_id, name=name).one_or_none()
    if row is None:
        raise Stop(f"There is no connection {name}.", "clearpost connection add NAME …")
    found: Connection = row
    return found


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    return name, value


COMMANDS = (connection,)
