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
    actor_of,
    as_option,
    company_of,
    granted,
    office,
    print_json,
    print_next,
    refuse,
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

    with office() as place:
        with place.database.read() as session:
            found = company_of(session, code)
            actor = actor_of(session, email, found.id)
            begin, end = dry_run.proposed_days(session, found.id, place.now, found.zone)
        begin, end = first.date() if first else begin, last.date() if last else end
        if end < begin:
            raise Stop("The last day is before the first.", "Give --from and --to.", USAGE)
        ran = granted(dry_run.dry_run(place.database, place.clock, actor, begin, end))
    if as_json:
        print_json(_as_json(ran))
        return
    for line in _lines(ran, found.currency):
        click.echo(line)
    print_next(f"company cutover {code} DAY --as {email}")


def _as_json(ran: "DryRun") -> Mapping[str, object]:
    def told(count: "Count") -> dict[str, object]:
        return {"records": count.records, "money": dict(count.money)}

    return {
        "first": ran.first.isoformat(),
        "last": ran.last.isoformat(),
        "all": told(ran.all),
        "groups": {kind: told(one) for kind, one in ran.groups.items()},
        "causes": [
            {
                "label": one.label,
                "class": one.error_class,
                "team": one.team,
                "code": one.code,
                "first": one.number,
                "message": one.message,
                **told(one.found),
            }
            for one in ran.causes
        ],
        "left_out": ran.left_out,
    }


def _lines(ran: "DryRun", currency: str) -> list[str]:
    from holding.db.refusal import plural

    def told(count: "Count") -> str:
        return f"{plural(count.records, 'record')}, {_money(count.money, currency)}"

    words = {"ready": "ready to post", "held": "on hold", "waiting": "waiting"}
    words |= {"ignored": "not posted (by rule)", "reference": "for reference"}
    lines = [f"{ran.first} to {ran.last}: {told(ran.all)}. Nothing was sent."]
    if not ran.all.records:
        lines.append("  No record has a date in these days: give --from and --to.")
    shown = {kind: one for kind, one in ran.groups.items() if one.records}
    lines += [f"  {words[kind]}: {told(one)}" for kind, one in shown.items()]
    for one in ran.causes:
        lines.append(f"  on hold for “{one.label}”: {told(one.found)}")
        lines.append(f"    {one.number}: {one.message} (`{one.code}`, {one.team or 'no owner'})")
    if ran.left_out:
        days = f": --from {ran.left_days[0]} --to {ran.left_days[1]}" if ran.left_days else ""
        lines.append(f"  {plural(ran.left_out, 'record was', 'records were')} not checked{days}")
    return lines


def _money(found: Mapping[str, int], currency: str) -> str:
    """Sums with ordinary blanks: what a terminal shows is searched for."""
    from holding.db.refusal import sums

    return sums(found, currency).replace("\xa0", " ")


@click.command("cutover")
@click.argument("code")
@click.argument("day", type=DAY)
@as_option
def company_cutover(code: str, day: datetime, email: str) -> None:
    """Post only documents dated DAY or later; every record is checked again."""
    from holding.company import going_live
    from holding.platform import processes

    with office() as place:
        with place.database.write() as session:
            company = company_of(session, code)
            actor = actor_of(session, email, company.id)
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
    """Send from now on, which cannot be undone. Without --documents it only says what is first."""
    from holding.access.actors import may
    from holding.company import going_live
    from holding.company.going_live import checklist
    from holding.platform import processes

    with office() as place:
        with place.database.write() as session:
            found = company_of(session, code)
            actor = actor_of(session, email, found.id)
            granted(may(actor, "company.setup"))
            first = going_live.first_run(session, found.id, place.now)
            if documents is not None:
                if total not in (None, _total(first, found.currency)):
                    _changed(first, found.currency)
                given = (documents, first.figure, place.now)
                first = granted(going_live.go_live(session, actor, *given))
            refusal = going_live.not_ready(checklist(session, found.id))
        if documents is not None:
            processes.ring(found.id, "push")
    live = found.live or documents is not None
    if as_json:
        print_json(
            {
                "live": live,
                "documents": first.count,
                "money": dict(first.money),
                "to_check": first.to_check,
                "missing": "" if live or refusal is None else refusal.message,
            }
        )
        return
    for line in _first_run(first, found.currency):
        click.echo(line)
    if live:
        click.echo(f"{found.name} is live.")
    elif refusal is not None:
        refuse(refusal)
    else:
        seen = f"--documents {first.count} --expect-total {_total(first, found.currency)}"
        print_next(f"company go-live {code} --as {email} {seen}")


def _total(first: "FirstRun", currency: str) -> str:
    """The sum in the currency of the books, as it is typed: 12345.00. Sums of others stand beside
    it on the screen, and are never added.
    """
    from holding.db.refusal import currencies, digits

    minor = dict(currencies(first.money, currency)).get(currency, 0)
    return f"{'-' if minor < 0 else ''}{digits(minor, currency).replace(',', '')}"


def _changed(first: "FirstRun", currency: str) -> NoReturn:
    """Nothing is sent, because the money is another than the person was told."""
    from holding.db.refusal import plural

    told = f"{plural(first.count, 'document')}, {_money(first.money, currency)}"
    words = f"You cannot go live yet, because the first run changed: {told}."
    raise Stop(words, "Look at the new numbers, then go live.")


def _first_run(first: "FirstRun", currency: str) -> list[str]:
    from holding.db.refusal import plural

    lines = [f"First run: {plural(first.count, 'document')}, {_money(first.money, currency)}."]
    lines += [
        f"  {one.target}, {one.doc_type.replace('_', ' ')}:"
        f" {plural(one.count, 'document')}, {_money(one.money, currency)}"
        for one in first.documents
    ]
    if first.to_check:
        more = plural(first.to_check, "record is", "records are")
        lines.append(f"  {more} still being checked: it can grow until then.")
    return lines


@click.group(cls=Listing)
def connector() -> None:
    """Create a connector of your own, and test it."""


@connector.command()
@click.argument("name")
@click.option("--like", required=True, help="The target or source whose documents it begins with.")
@INTO
def new(name: str, *, like: str, into: Path) -> int:
    """Make the folder of a target or a source, with a stand-in, to fill in."""
    from connectors import registry
    from sandbox.conformance.new_connector import NAME, TakenError, new_source, new_target

    if not NAME.fullmatch(name) or iskeyword(name):  # its modules are imported by it
        raise Stop(
            f"'{name}' cannot be a name.", "Use small letters, digits and _: my_books.", USAGE
        )
    targets, sources = registry.targets(), registry.sources()
    if name in {*targets, *sources}:
        raise Stop(f"A connector {name} exists already.", "Give it another name.", USAGE)
    if like not in {*targets, *sources}:
        known = ", ".join(sorted({*targets, *sources}))
        raise Stop(f"Unknown connector '{like}'.", f"--like: {known}", USAGE)
    stand_ins = PACKAGE / "sandbox" if _is_own_package(into) else None
    try:
        if like in targets:
            made = new_target(name, targets[like], into, stand_ins=stand_ins)
        else:
            made = new_source(name, sources[like], into, stand_ins=stand_ins)
    except (TakenError, OSError) as problem:
        raise Stop(
            f"Nothing was made: {problem}", "Name another folder with --in.", USAGE
        ) from problem
    for path in made:
        click.echo(os.path.relpath(path) if stand_ins else str(path))
    print_next(f"connector test {name} --in {into}; it names the places to fill in.")
    return 0


@connector.command()
@click.argument("name")
@INTO
def test(name: str, *, into: Path) -> int:
    """Try a connector by the contract suite that all have to pass; needs pytest."""
    side = next((one for one in ("targets", "sources") if (into / one / name).is_dir()), "")
    if not side:
        raise Stop(f"{into} has no connector {name}.", f"clearpost connector new {name} …", USAGE)
    if find_spec("pytest") is None:
        raise Stop("The suite needs pytest.", "pip install 'clearpost[dev]'", ENVIRONMENT)
    suite = PACKAGE / "sandbox" / "conformance" / f"own_{side.removesuffix('s')}_suite.py"
    plugin = "sandbox.conformance.own_connector"
    command = [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:cacheprovider"]
    fixed = ["-c", os.devnull, "--rootdir", str(PACKAGE), "--import-mode", "importlib"]
    told = ["--tb", "short", "--connector", name, str(suite)]
    done = subprocess.run([*command, *fixed, *told], env=_environment(into), check=False)
    if done.returncode:
        return FINDINGS
    print_next(f"connection add {name} --company CODE --as EMAIL --side {side.removesuffix('s')}")
    return 0


def _environment(into: Path) -> dict[str, str]:
    """That of the suite: the folder is looked into, and this machine may be called."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REQUIRE_", "PYTEST_"))
    }
    paths = [str(PACKAGE), *filter(None, [kept.get("PYTHONPATH")])]
    own = into.resolve()
    known = [one for one in kept.get(FOLDERS_VARIABLE, "").split(os.pathsep) if one]
    if not _is_own_package(into) and str(own) not in known:
        known = [*known, str(own)]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        FOLDERS_VARIABLE: os.pathsep.join(known),
        "CLEARPOST_ENV": "test",
        "CLEARPOST_ALLOW_LOOPBACK": "1",
    }


def _is_own_package(into: Path) -> bool:
    """Check whether the folder is the product's own `connectors`, as in a checkout."""
    return into.resolve() == PACKAGE / "connectors"


COMPANY_COMMANDS = (company_dry_run, company_cutover, company_go_live)
"""Commands of `company`."""

COMMANDS = (connector,)
