"""`clearpost connection preflight` and `clearpost doctor NAME`: from what is stored, no calls.

Here: reading arguments and printing. Not here: what they say (holding/onboarding), rule files and
records that are not stored (portal/backtest/preflight.py).
"""

from dataclasses import asdict

import click

from portal.terminal.command_frame import (
    FINDINGS,
    actor_of,
    as_option,
    company_of,
    company_option,
    granted,
    office,
    onward,
    plural,
    tell,
)
from portal.terminal.file_delivery import named


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
    from holding.connections import connections as connection_rows
    from holding.trials import findings as preflight

    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        granted(may(actor_of(session, email, found.id), "record.read"))
        if name:
            named(connection_rows.one(session, found.id, name), name)
        findings = preflight.findings(session, found.id, place.now, name)
        moves = () if name else preflight.moves(session, found.id)
    if as_json:
        proved = [asdict(one) for one in moves if one.is_good]
        tell({"findings": [asdict(one) for one in findings], "moves": proved})
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
        onward(f"connection test {name or 'NAME'} {by}")
    return FINDINGS if findings else 0


def diagnosed(name: str, company: str, email: str, *, as_json: bool) -> int:
    """Say which of the ten usual troubles the target NAME has; the exit code."""
    from holding.access.actors import may
    from holding.company import diagnosis
    from holding.connections import connections as connection_rows

    if not (company and email):
        raise click.UsageError("NAME needs --company and --as.")
    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        granted(may(actor_of(session, email, found.id), "record.read"))
        row = named(connection_rows.one(session, found.id, name, side="target"), name)
        told = diagnosis.diagnose(session, row.id, place.now)
    if as_json:
        tell({"topics": [asdict(one) for one in told]})
    for one in () if as_json else told:
        click.echo(f"{one.topic}: {one.words}")
        click.echo(f"  next: {one.todo}")
    if not as_json and not told:
        click.echo(f"{name} has none of the usual problems.")
        onward(f"connection test {name} --company {company} --as {email}")
    return FINDINGS if told else 0
