"""Commands for a company before it goes live, and the connector kit."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from connectors.transport.http import FOLDERS_VARIABLE
from portal.terminal.command_frame import (
    ENVIRONMENT,
    FINDINGS,
    USAGE,
    Listing,
    Stop,
    as_option,
    granted,
    open_installation,
    print_json,
    print_next,
    refuse,
    require_actor,
    require_company,
)

if TYPE_CHECKING:
    from holding.company.dry_run import Count, DryRun
    from holding.company.going_live import FirstRun

DAY = click.DateTime(["%Y-%m-%d"])

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")

PACKAGE = Path(__file__).resolve().parents[2]

INTO = click.option(
    "--in",
    "into",
    default="connectors",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder with `targets`, `sources` and `simulators`; in a checkout, its own.",
)


@click.command("dry-run")
@click.argument("code")
@as_option
@click.option("--from", "first", type=DAY, help="First document date; see --to.")
@click.option(
    "--to",
    "last",
    type=DAY,
    help="Last document date. Default of both: a month with records.",
)
@AS_JSON
def company_dry_run(
    code: str, email: str, first: datetime | None, last: datetime | None, *, as_json: bool
) -> None:
    """Check the records of some days without sending: what is ready, what is on hold and why."""
    from holding.company import dry_run

    with open_installation() as place:
        with place.database.read() as session:
            company_row = require_company(session, code)
            actor = require_actor(session, email, company_row.id)
            first_day, last_day = dry_run.proposed_days(
                session, company_row.id, place.now, company_row.zone
            )
        first_day, last_day = (
            first.date() if first else first_day,
            last.date() if last else last_day,
        )
        if last_day < first_day:
            raise Stop("The last day is before the first.", "Give --from and --to.", USAGE)
        run = granted(dry_run.dry_run(place.database, place.clock, actor, first_day, last_day))
    if as_json:
        print_json(_run_json(run))
        return
    for line in _run_lines(run, company_row.currency):
        click.echo(line)
    print_next(f"company cutover {code} DAY --as {email}")


def _run_json(run: "DryRun") -> Mapping[str, object]:
    def plain_count(count: "Count") -> dict[str, object]:
        return {"records": count.records, "money": dict(count.money)}

    return {
        "first": run.first.isoformat(),
        "last": run.last.isoformat(),
        "all": plain_count(run.all),
        "groups": {kind: plain_count(group) for kind, group in run.groups.items()},
        "causes": [
            {
                "label": cause.label,
                "class": cause.error_class,
                "team": cause.team,
                "code": cause.code,
                "first": cause.number,
                "message": cause.message,
                **plain_count(cause.found),
            }
            for cause in run.causes
        ],
        "left_out": run.left_out,
        "to_check": run.unfinished.records,
        "to_read": run.unfinished.arrivals,
    }


def _run_lines(run: "DryRun", currency: str) -> list[str]:
    from holding.db.refusal import plural

    def count_text(count: "Count") -> str:
        return f"{plural(count.records, 'record')}, {_money_text(count.money, currency)}"

    group_labels = {"ready": "ready to post", "held": "on hold", "waiting": "waiting"}
    group_labels |= {"ignored": "not posted (by rule)", "reference": "for reference"}
    lines = [f"{run.first} to {run.last}: {count_text(run.all)}. Nothing was sent."]
    if not run.all.records:
        lines.append("  No record has a date in these days: give --from and --to.")
    filled_groups = {kind: group for kind, group in run.groups.items() if group.records}
    lines += [
        f"  {group_labels[kind]}: {count_text(group)}" for kind, group in filled_groups.items()
    ]
    for cause in run.causes:
        lines.append(f"  on hold for “{cause.label}”: {count_text(cause.found)}")
        lines.append(
            f"    {cause.number}: {cause.message} (`{cause.code}`, {cause.team or 'no owner'})"
        )
    if run.unfinished.records:
        other_days = plural(
            run.unfinished.records, "record of another day is", "records of other days are"
        )
        lines.append(f"  {other_days} still being checked: their dates may change.")
    if run.unfinished.arrivals:
        arrivals = plural(run.unfinished.arrivals, "delivery or file is", "deliveries or files are")
        lines.append(f"  {arrivals} still being read: run it again in a moment.")
    if run.left_out:
        days = f": --from {run.left_days[0]} --to {run.left_days[1]}" if run.left_days else ""
        lines.append(f"  {plural(run.left_out, 'record was', 'records were')} not checked{days}")
    return lines


def _money_text(sums_by_currency: Mapping[str, int], currency: str) -> str:
    """Return the sums with ordinary blanks, so that a text search in a terminal finds them."""
    from holding.db.refusal import sums

    return sums(sums_by_currency, currency).replace("\xa0", " ")


@click.command("cutover")
@click.argument("code")
@click.argument("day", type=DAY)
@as_option
def company_cutover(code: str, day: datetime, email: str) -> None:
    """Post only documents dated DAY or later; every record is checked again."""
    from holding.company import going_live
    from holding.platform import processes

    with open_installation() as place:
        with place.database.write() as session:
            company = require_company(session, code)
            actor = require_actor(session, email, company.id)
            refusal = going_live.set_cutover(session, actor, day.date(), place.now)
            if refusal:
                refuse(refusal)
        processes.ring(company.id, "evaluate")
    click.echo(f"{code}: documents dated {day.date()} or later are posted.")
    print_next(f"company go-live {code} --as {email}")


@click.command("go-live")
@click.argument("code")
@as_option
@click.option(
    "--documents",
    "--expect-count",
    "documents",
    type=int,
    help="How many documents the first run sends, as told.",
)
@click.option("--expect-total", "total", help="Their sum in the currency of the books, as told.")
@AS_JSON
def company_go_live(
    code: str, email: str, documents: int | None, total: str | None, *, as_json: bool
) -> None:
    """Send from now on, which cannot be undone. Without --documents, only show the first run."""
    from holding.access.actors import may
    from holding.company import going_live
    from holding.company.going_live import checklist
    from holding.platform import processes

    with open_installation() as place:
        with place.database.write() as session:
            company_row = require_company(session, code)
            actor = require_actor(session, email, company_row.id)
            granted(may(actor, "company.setup"))
            planned_run = going_live.first_run(session, company_row.id, place.now)
            if documents is not None:
                if total not in (None, _typed_total(planned_run, company_row.currency)):
                    _refuse_changed_total(planned_run, company_row.currency)
                expected_run = (documents, planned_run.figure, place.now)
                planned_run = granted(going_live.go_live(session, actor, *expected_run))
            refusal = going_live.not_ready(checklist(session, company_row.id))
        if documents is not None:
            processes.ring(company_row.id, "push")
    live = company_row.live or documents is not None
    if as_json:
        print_json(
            {
                "live": live,
                "documents": planned_run.count,
                "money": dict(planned_run.money),
                "to_check": planned_run.to_check,
                "to_read": planned_run.to_read,
                "missing": "" if live or refusal is None else refusal.message,
            }
        )
        return
    for line in _first_run_lines(planned_run, company_row.currency):
        click.echo(line)
    if live:
        click.echo(f"{company_row.name} is live.")
    elif refusal is not None:
        refuse(refusal)
    else:
        typed_total = _typed_total(planned_run, company_row.currency)
        expected_options = f"--documents {planned_run.count} --expect-total {typed_total}"
        print_next(f"company go-live {code} --as {email} {expected_options}")


def _typed_total(first: "FirstRun", currency: str) -> str:
    """Return the sum in the company's currency as it is typed, such as 12345.00.

    Sums in other currencies are shown next to it and never added.
    """
    from holding.db.refusal import currencies, digits

    minor = dict(currencies(first.money, currency)).get(currency, 0)
    return f"{'-' if minor < 0 else ''}{digits(minor, currency).replace(',', '')}"


def _refuse_changed_total(first: "FirstRun", currency: str) -> NoReturn:
    """Stop the command because the first run's money differs from the total the person entered."""
    from holding.db.refusal import plural

    run_text = f"{plural(first.count, 'document')}, {_money_text(first.money, currency)}"
    words = f"You cannot go live yet, because the first run changed: {run_text}."
    raise Stop(words, "Look at the new numbers, then go live.")


def _first_run_lines(first: "FirstRun", currency: str) -> list[str]:
    from holding.db.refusal import plural

    lines = [f"First run: {plural(first.count, 'document')}, {_money_text(first.money, currency)}."]
    lines += [
        f"  {document.target}, {document.doc_type.replace('_', ' ')}:"
        f" {plural(document.count, 'document')}, {_money_text(document.money, currency)}"
        for document in first.documents
    ]
    if first.to_check:
        records_text = plural(first.to_check, "record is", "records are")
        lines.append(f"  {records_text} still being checked: it can grow until then.")
    if first.to_read:
        arrivals = plural(first.to_read, "delivery or file is", "deliveries or files are")
        lines.append(f"  {arrivals} still being read: it can grow until then.")
    return lines


@click.group(cls=Listing)
def connector() -> None:
    """Create a connector of your own, and test it."""


@connector.command()
@click.argument("name")
@click.option("--like", required=True, help="The target or source whose documents it begins with.")
@INTO
def new(name: str, *, like: str, into: Path) -> int:
    """Create the folder of a target or a source, with a simulator, to fill in."""
    from connectors import registry
    from sandbox.conformance.new_connector import NAME, TakenError, new_source, new_target

    if not NAME.fullmatch(name) or iskeyword(name):  # it becomes a package name
        raise Stop(
            f"'{name}' cannot be a name.", "Use small letters, digits and _: my_books.", USAGE
        )
    targets, sources = registry.targets(), registry.sources()
    if name in {*targets, *sources}:
        raise Stop(f"A connector {name} exists already.", "Give it another name.", USAGE)
    if like not in {*targets, *sources}:
        connector_names = ", ".join(sorted({*targets, *sources}))
        raise Stop(f"Unknown connector '{like}'.", f"--like: {connector_names}", USAGE)
    stand_ins = PACKAGE / "sandbox" if _is_own_package(into) else None
    try:
        if like in targets:
            new_files = new_target(name, targets[like], into, stand_ins=stand_ins)
        else:
            new_files = new_source(name, sources[like], into, stand_ins=stand_ins)
    except (TakenError, OSError) as problem:
        raise Stop(
            f"Nothing was made: {problem}", "Name another folder with --in.", USAGE
        ) from problem
    for path in new_files:
        click.echo(os.path.relpath(path) if stand_ins else str(path))
    print_next(f"connector test {name} --in {into}; it names the places to fill in.")
    return 0


@connector.command()
@click.argument("name")
@INTO
def test(name: str, *, into: Path) -> int:
    """Run the contract suite that every connector has to pass; needs pytest."""
    side = next(
        (folder for folder in ("targets", "sources") if (into / folder / name).is_dir()), ""
    )
    if not side:
        raise Stop(f"{into} has no connector {name}.", f"clearpost connector new {name} …", USAGE)
    if find_spec("pytest") is None:
        raise Stop("The suite needs pytest.", "pip install 'clearpost[dev]'", ENVIRONMENT)
    suite = PACKAGE / "sandbox" / "conformance" / f"own_{side.removesuffix('s')}_suite.py"
    plugin = "sandbox.conformance.own_connector"
    command = [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:cacheprovider"]
    fixed = ["-c", os.devnull, "--rootdir", str(PACKAGE), "--import-mode", "importlib"]
    suite_arguments = ["--tb", "short", "--connector", name, str(suite)]
    suite_run = subprocess.run(
        [*command, *fixed, *suite_arguments], env=_suite_environment(into), check=False
    )
    if suite_run.returncode:
        return FINDINGS
    print_next(f"connection add {name} --company CODE --as EMAIL --side {side.removesuffix('s')}")
    return 0


def _suite_environment(into: Path) -> dict[str, str]:
    """Return the suite's environment: it reads the folder and may call this machine."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REQUIRE_", "PYTEST_"))
    }
    paths = [str(PACKAGE), *filter(None, [variables.get("PYTHONPATH")])]
    own_folder = into.resolve()
    connector_folders = [
        folder for folder in variables.get(FOLDERS_VARIABLE, "").split(os.pathsep) if folder
    ]
    if not _is_own_package(into) and str(own_folder) not in connector_folders:
        connector_folders = [*connector_folders, str(own_folder)]
    return {
        **variables,
        "PYTHONPATH": os.pathsep.join(paths),
        FOLDERS_VARIABLE: os.pathsep.join(connector_folders),
        "CLEARPOST_ENV": "test",
        "CLEARPOST_ALLOW_LOOPBACK": "1",
    }


def _is_own_package(into: Path) -> bool:
    """Check whether the folder is the product's own `connectors`, as in a checkout."""
    return into.resolve() == PACKAGE / "connectors"


COMPANY_COMMANDS = (company_dry_run, company_cutover, company_go_live)
"""Commands of `company`."""

COMMANDS = (connector,)
