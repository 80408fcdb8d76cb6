"""Commands about connections: add, set, key, test, pause, resume.

Here: reading arguments, calling one service, saying what it did. A secret is read from standard
input, never from the command line, where others could see it.
"""

import sys

import click

from portal.terminal.command_frame import (
    ENVIRONMENT,
    Stop,
    actor_of,
    as_option,
    company_of,
    company_option,
    granted,
    office,
    tell,
)
from portal.terminal.file_delivery import named


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
    from holding.access.actors import may
    from holding.configuration.new_connections import add_connection

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        granted(may(actor, "connection.admin"))
        granted(
            add_connection(
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
    from holding.configuration.settings_change import change_settings
    from holding.connections import connection_rows
    from holding.runtime import doorbell

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = named(connection_rows.one(session, found.id, name), name)
        given = dict(_pair(text) for text in pairs)
        changed = granted(change_settings(session, actor, row.id, given, now=place.now))
        asked = row.is_target and bool(changed)
        after = named(connection_rows.one(session, found.id, name), name)
        keyless = asked and after.key_tail is None
    doorbell.ring(found.id, "evaluate")
    click.echo(f"{name}: {', '.join(changed) or 'nothing'} changed.")
    if keyless:
        click.echo(f"next: clearpost connection key {name} --company {company} --as {email}")
    if asked:
        click.echo(f"next: clearpost connection test {name} --company {company} --as {email}")


@connection.command("key")
@click.argument("name")
@company_option
@as_option
def connection_key(name: str, company: str, email: str) -> None:
    """Store the secret of NAME, typed or piped into standard input."""
    from holding.access.actors import may
    from holding.connections import connection_rows, setup

    secret = click.prompt("Key", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        granted(may(actor, "connection.admin"))
        row = named(connection_rows.one(session, found.id, name), name)
        kept = granted(setup.set_key(session, actor, row.id, secret, now=place.now))
    click.echo(f"{name} has a new key that ends in {kept.tail}.")


@connection.command("test")
@click.argument("name")
@company_option
@as_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def connection_test(name: str, company: str, email: str, *, as_json: bool) -> None:
    """Try the target NAME without writing there, and keep what it tells."""
    from connectors.transport.http import Http
    from holding.connections import connection_rows, probe
    from holding.runtime import doorbell

    with office() as place:
        with place.database.read() as session:
            found = company_of(session, company)
            actor = actor_of(session, email, found.id)
            row_id = named(connection_rows.one(session, found.id, name), name).id
        http = Http(place.clock)
        report = granted(
            probe.test_connection(place.database, place.clock, row_id, actor, http=http)
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
    from holding.connections import connection_rows, setup

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = named(connection_rows.one(session, found.id, name), name)
        granted(setup.pause(session, actor, row.id, reason, now=place.now))
    click.echo(f"{name} is paused.")


@connection.command("resume")
@click.argument("name")
@company_option
@as_option
def connection_resume(name: str, company: str, email: str) -> None:
    """Send to NAME again."""
    from holding.connections import connection_rows, setup
    from holding.runtime import doorbell

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = named(connection_rows.one(session, found.id, name), name)
        granted(setup.resume(session, actor, row.id, now=place.now))
    doorbell.ring(found.id, "push")
    click.echo(f"{name} sends again.")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    return name, value


COMMANDS = (connection,)
