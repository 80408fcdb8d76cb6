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
    as_option,
    company_option,
    granted,
    open_installation,
    plural,
    print_json,
    print_next,
    require_actor,
    require_company,
    require_named,
)

if TYPE_CHECKING:
    from connectors.contract import ConnectionSide


@click.group(cls=Listing)
def connection() -> None:
    """Manage connections to sources and targets."""


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

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, email, company_row.id)
        granted(may(actor, "connection.admin"))
        granted(
            add_connection(
                session,
                company_id=company_row.id,
                name=name,
                side=side,
                connector=connector or name,
                settings=dict(_parse_setting(text) for text in pairs),
                actor=actor,
                now=place.now,
                ask_rates=unit_rates == "confirmed",
            )
        )
    click.echo(f"Connection {name} created for {company}.")
    print_next(f"connection key {name} --company {company} --as {email}")


def _parse_setting(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    return name, value


@connection.command("settings")
@click.argument("connector")
def connection_settings(connector: str) -> None:
    """Show each setting that CONNECTOR needs, with an example and where to find it."""
    from connectors import registry

    sides: tuple[ConnectionSide, ...] = ("target", "source")
    forms = [form for side in sides if (form := registry.form_of(side, connector))]
    if not forms:
        connector_names = ", ".join([*registry.targets(), *registry.sources()])
        if excluded := registry.not_offered(connector):
            words = f"{excluded.title} is not offered, because {excluded.why}."
            words += f" Use {', '.join(excluded.instead)}."
            raise click.BadParameter(words, param_hint="CONNECTOR")
        raise click.BadParameter(
            f"{connector!r} is none of {connector_names}", param_hint="CONNECTOR"
        )
    click.echo(f"{forms[0].title}: {forms[0].gives}. You need: {forms[0].needs}.")
    e_invoice_sentences = forms[0].e_invoices.says if forms[0].e_invoices else ()
    sections = (
        ("Does", forms[0].can),
        ("Does not", forms[0].cannot),
        ("e-Invoices", e_invoice_sentences),
        ("The same document", forms[0].tells.second_documents if forms[0].tells else ()),
    )
    for label, sentences in sections:
        for sentence in sentences:
            click.echo(f"{label}: {sentence}")
    for other_way in registry.other_ways(connector):
        ways_text = ", ".join(other_way.by) or f"by hand in {other_way.system}"
        click.echo(f"Not posted here: {other_way.document.title}: {ways_text}.")
    for setting in forms[0].settings:
        required_text = " (required)" if setting.required else ""
        example_text = f" Example: {setting.example}." if setting.example else ""
        click.echo(
            f"{setting.name}{required_text}: {setting.label}. {setting.hint}{example_text}".rstrip()
        )
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

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, email, company_row.id)
        row = require_named(connections.find_connection(session, company_row.id, name), name)
        new_settings = dict(_parse_setting(text) for text in pairs)
        changed = granted(change_settings(session, actor, row.id, new_settings, now=place.now))
        needs_test = row.is_target and bool(changed)
        updated = require_named(connections.find_connection(session, company_row.id, name), name)
        needs_key = needs_test and updated.key_tail is None
    processes.ring(company_row.id, "evaluate")
    click.echo(f"{name}: {', '.join(changed) or 'nothing'} changed.")
    if needs_key:
        print_next(f"connection key {name} --company {company} --as {email}")
    if needs_test:
        print_next(f"connection test {name} --company {company} --as {email}")


@connection.command("key")
@click.argument("name")
@company_option
@as_option
def connection_key(name: str, company: str, email: str) -> None:
    """Store the secret of NAME, typed or piped into standard input."""
    from holding.access.actors import may
    from holding.connections import connections, key_rotation

    is_terminal = sys.stdin.isatty()
    secret = (
        click.prompt("Key", hide_input=True) if is_terminal else sys.stdin.read().removesuffix("\n")
    )
    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, email, company_row.id)
        granted(may(actor, "connection.admin"))
        row = require_named(connections.find_connection(session, company_row.id, name), name)
        stored_key = granted(key_rotation.first_key(session, actor, row.id, secret, now=place.now))
    click.echo(f"The key of {name} was stored. It ends in {stored_key.tail}.")
    if stored_key.trimmed:
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

    with open_installation() as place:
        with place.database.read() as session:
            company_row = require_company(session, company)
            actor = require_actor(session, email, company_row.id)
            row = require_named(connections.find_connection(session, company_row.id, name), name)
        http = Http(place.clock)
        report = granted(
            deliveries.test_either_side(place.database, place.clock, row.id, actor, http=http)
        )
        processes.ring(company_row.id, "evaluate")
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
        options = f"{name} --company {company} --as {email}"
        ingest_command = f"ingest FILE --company {company} --source {name} --check"
        print_next(f"connection preflight {options}" if row.is_target else ingest_command)


@connection.command("pause")
@click.argument("name")
@company_option
@as_option
@click.option("--reason", required=True)
def connection_pause(name: str, company: str, email: str, reason: str) -> None:
    """Send nothing to NAME until it is resumed."""
    from holding.connections import connections

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, email, company_row.id)
        row = require_named(connections.find_connection(session, company_row.id, name), name)
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

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, email, company_row.id)
        row = require_named(connections.find_connection(session, company_row.id, name), name)
        granted(target_ways.resume_target(session, actor, row.id, now=place.now))
    processes.ring(company_row.id, "push")
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
    """Show the units that NAME reports, its confirmed rates, and the rates that wait."""
    from connectors import registry
    from connectors.contract.targets import TellsItems
    from holding.connections import confirmed_rates, connections
    from holding.db.refusal import plural
    from holding.platform import processes

    with open_installation() as place, place.database.write() as session:
        company_row = require_company(session, company)
        actor = require_actor(session, email, company_row.id)
        row = require_named(connections.find_connection(session, company_row.id, name), name)
        if unit_rates is not None:
            needs_confirmation = unit_rates == "confirmed"
            granted(confirmed_rates.ask(session, actor, row.id, place.now, on=needs_confirmation))
        waiting = confirmed_rates.of_connection(session, row.id).waiting
        chosen_rates = [
            rate for rate in waiting if confirm_all or f"{rate.unit}|{rate.item}" in chosen
        ]
        if unknown_rates := set(chosen) - {f"{rate.unit}|{rate.item}" for rate in waiting}:
            raise Stop(f"{min(unknown_rates)} does not wait to be confirmed for {name}.")
        if chosen_rates:
            ids = [rate.cause_id for rate in chosen_rates]
            granted(confirmed_rates.confirm(session, actor, row.id, ids, now=place.now))
        rates = confirmed_rates.of_connection(session, row.id)
        unit = isinstance(registry.targets()[row.connector], TellsItems)
    if chosen_rates or unit_rates is not None:
        processes.ring(company_row.id, "evaluate")
    click.echo(f"{rates.says(name, unit=unit)}.")
    for confirmed in rates.confirmed:
        click.echo(
            f"confirmed  {confirmed.says}, {confirmed.by}, {confirmed.at:%Y-%m-%d %H:%M} UTC"
        )
    for waiting_rate in rates.waiting:
        if waiting_rate.cause_id not in {chosen_rate.cause_id for chosen_rate in chosen_rates}:
            click.echo(f"waits      {waiting_rate.says}, {plural(waiting_rate.records, 'record')}")
    print_next(f"connection preflight {name} --company {company} --as {email}")


@click.command("preflight")
@click.argument("name", default="")
@company_option
@as_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def connection_preflight(name: str, company: str, email: str, *, as_json: bool) -> int:
    """Find what would fail at NAME, or at any connection of a company, before the first call.

    Settings, keys, ways in, quota and master data are checked, then every document that is ready
    and what is on hold already. No other system is called: the stored state counts.

    Exit code 1 if anything was found.
    """
    from holding.access.actors import may
    from holding.connections import connections
    from holding.trials import findings as preflight

    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        granted(may(require_actor(session, email, company_row.id), "record.read"))
        if name:
            require_named(connections.find_connection(session, company_row.id, name), name)
        findings = preflight.findings(session, company_row.id, place.now, name)
        moves = () if name else preflight.moves(session, company_row.id)
    if as_json:
        proved_moves = [asdict(move) for move in moves if move.is_good]
        print_json({"findings": [asdict(finding) for finding in findings], "moves": proved_moves})
    else:
        for finding in findings:
            count_text = f" {plural(finding.records, 'record')}." if finding.records else ""
            where = f"{finding.connection}: " if finding.connection else ""
            click.echo(f"{where}{finding.words}{count_text} (`{finding.code}`)")
            if finding.todo:
                click.echo(f"  next: {finding.todo}")
        for proved_move in moves:
            if proved_move.is_good:
                change = f"{proved_move.record} of {proved_move.field} {proved_move.days}"
                click.echo(f"proved: {change}: {proved_move.targets[0]}")
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
    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        granted(may(require_actor(session, email, company_row.id), "record.read"))
        row = require_named(
            connections.find_connection(session, company_row.id, name, side="target"), name
        )
        causes = diagnosis.diagnose(session, row.id, place.now)
    if as_json:
        print_json({"topics": [asdict(cause) for cause in causes]})
    for cause in () if as_json else causes:
        click.echo(f"{cause.topic}: {cause.words}")
        click.echo(f"  next: {cause.todo}")
    if not as_json and not causes:
        click.echo(f"{name} has none of the usual problems.")
        print_next(f"connection test {name} --company {company} --as {email}")
    return FINDINGS if causes else 0


connection.add_command(connection_preflight)

COMMANDS = (connection,)
