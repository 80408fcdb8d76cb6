"""Commands for connections: settings, add, set, key, test, pause, resume, and their preflight."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from portal.terminal.command_frame import (
    ENVIRONMENT,
    FINDINGS,
    Listing,
    Stop,
    actor_of,
    as_option,
    company_of,
    company_option,
    granted,
    office,
    plural,
    print_json,
    print_next,
    require_named,
)

if TYPE_CHECKING:
    from connectors.contract import ConnectionSide


@click.group(cls=Listing)
def connection() -> None:
    """Connections to sources and targets."""


@connection.command("add")
@click.argument("name")
@company_option
@as_option
@click.option("--side", type=click.Choice(["source", "target"]), required=True)
@click.option("--connector", "--type", "connector", default=None, help="Default: NAME.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A setting of it.")
@click.option(
    "--unit-rates",
    type=click.Choice(["confirmed", "table"]),
    default="confirmed",
    help="Of a target that tells no rates of units: a person confirms each, or the table counts.",
)
def connection_add(
    name: str,
    company: str,
    email: str,
    side: "ConnectionSide",
    connector: str | None,
    pairs: tuple[str, ...],
    unit_rates: str,
) -> None:
    """Add a connection called NAME, as the rule files name it."""
    from holding.access.actors import may
    from holding.rulesets.new_connections import add_connection

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
                ask_rates=unit_rates == "confirmed",
            )
        )
    click.echo(f"Connection {name} created for {company}.")
    print_next(f"connection key {name} --company {company} --as {email}")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    return name, value


@connection.command("settings")
@click.argument("connector")
def connection_settings(connector: str) -> None:
    """What CONNECTOR asks: each setting, with an example and where to find it."""
    from connectors import registry

    sides: tuple[ConnectionSide, ...] = ("target", "source")
    forms = [form for side in sides if (form := registry.form_of(side, connector))]
    if not forms:
        known = ", ".join([*registry.targets(), *registry.sources()])
        if refused := registry.not_offered(connector):
            words = f"{refused.title} is not offered, because {refused.why}."
            words += f" Use {', '.join(refused.instead)}."
            raise click.BadParameter(words, param_hint="CONNECTOR")
        raise click.BadParameter(f"{connector!r} is none of {known}", param_hint="CONNECTOR")
    click.echo(f"{forms[0].title}: {forms[0].gives}. You need: {forms[0].needs}.")
    submits = forms[0].e_invoices.says if forms[0].e_invoices else ()
    told_of = (
        ("Does", forms[0].can),
        ("Does not", forms[0].cannot),
        ("e-Invoices", submits),
        ("The same document", forms[0].tells.second_documents if forms[0].tells else ()),
    )
    for word, told in told_of:
        for sentence in told:
            click.echo(f"{word}: {sentence}")
    for way in registry.other_ways(connector):
        how = ", ".join(way.by) or f"by hand in {way.system}"
        click.echo(f"Not posted here: {way.document.title}: {how}.")
    for one in forms[0].settings:
        must = " (required)" if one.required else ""
        such = f" Example: {one.example}." if one.example else ""
        click.echo(f"{one.name}{must}: {one.label}. {one.hint}{such}".rstrip())
    if forms[0].key:
        click.echo(f"key (secret): {forms[0].key.label}. {forms[0].key.hint}")
    side = "target" if connector in registry.targets() else "source"
    print_next(f"connection add {connector} --company CODE --as EMAIL --side {side}")


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
    from holding.connections import connections
    from holding.platform import processes
    from holding.rulesets.new_connections import change_settings

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = require_named(connections.find_connection(session, found.id, name), name)
        given = dict(_pair(text) for text in pairs)
        changed = granted(change_settings(session, actor, row.id, given, now=place.now))
        asked = row.is_target and bool(changed)
        after = require_named(connections.find_connection(session, found.id, name), name)
        keyless = asked and after.key_tail is None
    processes.ring(found.id, "evaluate")
    click.echo(f"{name}: {', '.join(changed) or 'nothing'} changed.")
    if keyless:
        print_next(f"connection key {name} --company {company} --as {email}")
    if asked:
        print_next(f"connection test {name} --company {company} --as {email}")


@connection.command("key")
@click.argument("name")
@company_option
@as_option
def connection_key(name: str, company: str, email: str) -> None:
    """Store the secret of NAME, typed or piped into standard input."""
    from holding.access.actors import may
    from holding.connections import connections, key_rotation

    typed = sys.stdin.isatty()
    secret = click.prompt("Key", hide_input=True) if typed else sys.stdin.read().removesuffix("\n")
    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        granted(may(actor, "connection.admin"))
        row = require_named(connections.find_connection(session, found.id, name), name)
        kept = granted(key_rotation.first_key(session, actor, row.id, secret, now=place.now))
    click.echo(f"The key of {name} was stored. It ends in {kept.tail}.")
    if kept.trimmed:
        click.echo("Spaces or line ends around it were left out.")
    print_next(f"connection test {name} --company {company} --as {email}")


@connection.command("test")
@click.argument("name")
@company_option
@as_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def connection_test(name: str, company: str, email: str, *, as_json: bool) -> None:
    """Test NAME without writing there, and keep what it reports."""
    from connectors.transport.http import Http
    from holding.connections import connections
    from holding.intake import deliveries
    from holding.platform import processes

    with office() as place:
        with place.database.read() as session:
            found = company_of(session, company)
            actor = actor_of(session, email, found.id)
            row = require_named(connections.find_connection(session, found.id, name), name)
        http = Http(place.clock)
        report = granted(
            deliveries.test_either_side(place.database, place.clock, row.id, actor, http=http)
        )
        processes.ring(found.id, "evaluate")
    steps = [asdict(step) for step in report.steps]
    if as_json:
        print_json({"ok": report.ok, "steps": steps})
    for step in () if as_json else report.steps:
        mark = {True: "ok  ", False: "BAD ", None: "note"}[step.ok]
        click.echo(f"{mark}  {step.name}: {step.words} {step.hint}".rstrip())
    if not report.ok:
        raise Stop(
            f"{name} cannot be used yet, because its test did not pass. See the lines above.",
            f"clearpost doctor {name} --company {company} --as {email}" if row.is_target else "",
            ENVIRONMENT,
        )
    if not as_json:
        by = f"{name} --company {company} --as {email}"
        read = f"ingest FILE --company {company} --source {name} --check"
        print_next(f"connection preflight {by}" if row.is_target else read)


@connection.command("pause")
@click.argument("name")
@company_option
@as_option
@click.option("--reason", required=True)
def connection_pause(name: str, company: str, email: str, reason: str) -> None:
    """Send nothing to NAME until it is resumed."""
    from holding.connections import connections

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = require_named(connections.find_connection(session, found.id, name), name)
        granted(connections.pause(session, actor, row.id, reason, now=place.now))
    click.echo(f"{name} paused. Ready documents wait until it is resumed.")
    print_next(f"connection resume {name} --company {company} --as {email}")


@connection.command("resume")
@click.argument("name")
@company_option
@as_option
def connection_resume(name: str, company: str, email: str) -> None:
    """Resume sending to NAME."""
    from holding.connections import connections
    from holding.platform import processes
    from holding.rulesets import target_ways

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = require_named(connections.find_connection(session, found.id, name), name)
        granted(target_ways.resume_target(session, actor, row.id, now=place.now))
    processes.ring(found.id, "push")
    click.echo(f"{name} resumed. Waiting documents are sent now.")
    print_next(f"doctor {name} --company {company} --as {email}")


@connection.command("rates")
@click.argument("name")
@company_option
@as_option
@click.option("--confirm", "chosen", multiple=True, metavar="UNIT|ITEM", help="Confirm this rate.")
@click.option("--confirm-all", is_flag=True, help="Confirm every rate that waits now.")
@click.option(
    "--unit-rates",
    type=click.Choice(["confirmed", "table"]),
    help="From now on a person confirms each rate, or the units table counts.",
)
def connection_rates(
    name: str,
    company: str,
    email: str,
    chosen: tuple[str, ...],
    unit_rates: str | None,
    *,
    confirm_all: bool,
) -> None:
    """What NAME can tell of units, which rates people confirmed, and which wait for that."""
    from connectors import registry
    from connectors.contract.targets import TellsItems
    from holding.connections import confirmed_rates, connections
    from holding.db.refusal import plural
    from holding.platform import processes

    with office() as place, place.database.write() as session:
        found = company_of(session, company)
        actor = actor_of(session, email, found.id)
        row = require_named(connections.find_connection(session, found.id, name), name)
        if unit_rates is not None:
            asked = unit_rates == "confirmed"
            granted(confirmed_rates.ask(session, actor, row.id, place.now, on=asked))
        waiting = confirmed_rates.of_connection(session, row.id).waiting
        wanted = [w for w in waiting if confirm_all or f"{w.unit}|{w.item}" in chosen]
        if lost := set(chosen) - {f"{w.unit}|{w.item}" for w in waiting}:
            raise Stop(f"{min(lost)} does not wait to be confirmed for {name}.")
        if wanted:
            ids = [one.cause_id for one in wanted]
            granted(confirmed_rates.confirm(session, actor, row.id, ids, now=place.now))
        rates = confirmed_rates.of_connection(session, row.id)
        unit = isinstance(registry.targets()[row.connector], TellsItems)
    if wanted or unit_rates is not None:
        processes.ring(found.id, "evaluate")
    click.echo(f"{rates.says(name, unit=unit)}.")
    for one in rates.confirmed:
        click.echo(f"confirmed  {one.says}, {one.by}, {one.at:%Y-%m-%d %H:%M} UTC")
    for each in rates.waiting:
        if each.cause_id not in {w.cause_id for w in wanted}:
            click.echo(f"waits      {each.says}, {plural(each.records, 'record')}")
    print_next(f"connection preflight {name} --company {company} --as {email}")


@click.command("preflight")
@click.argument("name", default="")
@company_option
@as_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def connection_preflight(name: str, company: str, email: str, *, as_json: bool) -> int:
    """Look before the first call: what would fail at NAME, or at any connection of a company.

    Settings, keys, ways in, quota and master data, then every document that is ready and what is
    held already. No other system is called: what was stored last counts.

    Exit code 1 if anything was found.
    """
    from holding.access.actors import may
    from holding.connections import connections
    from holding.trials import findings as preflight

    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        granted(may(actor_of(session, email, found.id), "record.read"))
        if name:
            require_named(connections.find_connection(session, found.id, name), name)
        findings = preflight.findings(session, found.id, place.now, name)
        moves = () if name else preflight.moves(session, found.id)
    if as_json:
        proved = [asdict(one) for one in moves if one.is_good]
        print_json({"findings": [asdict(one) for one in findings], "moves": proved})
    else:
        for one in findings:
            many = f" {plural(one.records, 'record')}." if one.records else ""
            where = f"{one.connection}: " if one.connection else ""
            click.echo(f"{where}{one.words}{many} (`{one.code}`)")
            if one.todo:
                click.echo(f"  next: {one.todo}")
        for each in moves:
            if each.is_good:
                click.echo(f"proved: {each.record} of {each.field} {each.days}: {each.targets[0]}")
        click.echo("No problems found." if not findings else f"{len(findings)} found.")
        by = f"--company {company} --as {email}"
        print_next(f"connection test {name or 'NAME'} {by}")
    return FINDINGS if findings else 0


def diagnose(name: str, company: str, email: str, *, as_json: bool) -> int:
    """Print every cause of the problems of the target NAME; return the exit code."""
    from holding.access.actors import may
    from holding.company import diagnosis
    from holding.connections import connections

    if not (company and email):
        raise click.UsageError("NAME needs --company and --as.")
    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        granted(may(actor_of(session, email, found.id), "record.read"))
        row = require_named(
            connections.find_connection(session, found.id, name, side="target"), name
        )
        told = diagnosis.diagnose(session, row.id, place.now)
    if as_json:
        print_json({"topics": [asdict(one) for one in told]})
    for one in () if as_json else told:
        click.echo(f"{one.topic}: {one.words}")
        click.echo(f"  next: {one.todo}")
    if not as_json and not told:
        click.echo(f"{name} has none of the usual problems.")
        print_next(f"connection test {name} --company {company} --as {email}")
    return FINDINGS if told else 0


connection.add_command(connection_preflight)

COMMANDS = (connection,)
