"""Commands that run the portal and the worker, migrate, and check the installation."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.terminal.command_frame import (
    ENVIRONMENT,
    FINDINGS,
    USAGE,
    Installation,
    Listing,
    Stop,
    company_option,
    ensure_home,
    migrate_database,
    open_installation,
    print_json,
    print_next,
    print_note,
    require_company,
    settings,
)
from portal.terminal.processes import (
    Children,
    Portal,
    end_on_signals,
    run_module,
    start_queue,
    start_worker,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holding.db.database import DatabaseSession
    from holding.operations.content_invariants import Since
    from holding.operations.invariants import Checked
    from holding.platform.events import Head
    from portal.terminal.command_frame import Installation

SIMULATORS = {
    "aiaccount": ("sandbox.simulators.aiaccount", 8101),
    "autocount": ("sandbox.simulators.autocount", 8102),
    "autocount_aotg": ("sandbox.simulators.autocount_aotg", 8104),
    "autocount_excel": ("sandbox.simulators.autocount_excel", 8106),
    "lazada": ("sandbox.simulators.lazada", 8114),
    "netshop": ("sandbox.simulators.netshop", 8115),
    "quickbooks": ("sandbox.simulators.quickbooks", 8103),
    "shopee": ("sandbox.simulators.shopee", 8113),
    "shopify": ("sandbox.simulators.shopify", 8112),
    "woocommerce": ("sandbox.simulators.woocommerce", 8111),
}

port_option = click.option("--port", type=int, default=None, help="Default: CLEARPOST_PORT, 8000.")

LEDGER = click.Path(exists=True, dir_okay=False, path_type=Path)

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Run everything on this machine, an embedded Redis too.")
@port_option
def up(port: int | None) -> None:
    """Run everything on this machine: portal, worker, sweeper and an embedded Redis."""
    with run_all(port) as place:
        print_note(f"Clearpost is at {place.address}   (Ctrl-C ends it)")
        print_setup_address(place.office, place.address)
        place.serve()


@click.command()
@port_option
def portal(port: int | None) -> None:
    """Run the portal alone."""
    with open_installation() as environment:
        portal_server = Portal(environment, port)
        print_note(f"The portal is at {portal_server.address}   (Ctrl-C ends it)")
        portal_server.serve()


@click.command()
@click.option("--no-redis", is_flag=True, help="Look for due work in the database only.")
@click.option("--once", is_flag=True, help="Do what is due, then end.")
def worker(*, no_redis: bool, once: bool) -> None:
    """Run a worker alone."""
    ensure_home(settings())
    if not no_redis and not os.environ.get("REDIS_URL"):
        print_note("REDIS_URL is not set: this worker looks for due work in the database only.")
        no_redis = True
    arguments = [word for word, is_set in (("--no-redis", no_redis), ("--once", once)) if is_set]
    sys.stdout.flush()
    run_module("workers", arguments)


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run the stand-in of a target or of a shop.",
)
@click.argument("name", type=click.Choice(sorted(SIMULATORS)))
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def simulate(name: str, words: tuple[str, ...]) -> None:
    """Run the simulator of a target or a shop; WORDS are its own options (see --help)."""
    module, port = SIMULATORS[name]
    port_arguments = [] if "--port" in words else ["--port", str(port)]
    run_module(module, [*port_arguments, *words])


@click.command()
@click.option("--to", default=None, help="A schema version to go to; the default is the newest.")
def migrate(to: str | None) -> None:
    """Migrate the database to the schema that this program needs."""
    from holding.platform import backup

    environment = settings()
    ensure_home(environment)
    migrate_database(environment.database_url, to)
    click.echo(f"The database schema is version {to or backup.VERSION}.")
    print_next("doctor")


@click.command()
@click.argument("name", default="")
@click.option("--company", default="", help="The code of the company of NAME.")
@click.option("--as", "email", default="", help="Your email address, if NAME is given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(name: str, company: str, email: str, *, as_json: bool) -> int:
    """Check this installation and report what is wrong.

    With NAME, check that target's connection: print each cause of a problem, its evidence and the
    next step. Exit code 1 if there is a cause. No other system is called.
    """
    from holding.db.refusal import plural
    from portal.cli.connections import diagnose
    from portal.cli.records import examine_installation

    if name:
        return diagnose(name, company, email, as_json=as_json)
    outcomes = examine_installation(settings())
    if as_json:
        print_json(
            [
                {"name": outcome.name, "ok": outcome.ok, "words": outcome.words}
                for outcome in outcomes
            ]
        )
    for outcome in () if as_json else outcomes:
        click.echo(f"{'ok  ' if outcome.ok else 'FAIL'}  {outcome.name:<10} {outcome.words}")
    if failed_count := sum(not each.ok for each in outcomes):
        raise Stop(
            f"{plural(failed_count, 'check')} failed; see the lines marked FAIL.", code=ENVIRONMENT
        )
    return 0


@click.command()
def version() -> None:
    """Print the version."""
    from grammar.version import __version__

    click.echo(__version__)


def print_setup_address(environment: Installation, address: str) -> bool:
    """Print the one-time address at which the first company is set up.

    Return False, and print nothing, if a company exists.
    """
    from holding.company import first_company

    with environment.database.write() as session:
        setup_address = first_company.new_address(session, environment.now)
    if setup_address is not None:
        expiry_text = f"{setup_address.expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        base_url = (environment.settings.public_url or address).rstrip("/")
        print_note(f"Set up your company at {base_url}/setup/{setup_address.token}")
        print_note(
            f"This address works once, until {expiry_text}. Starting again prints a new one."
        )
    return setup_address is not None


@contextmanager
def run_all(port: int | None) -> Iterator[Portal]:
    """Yield the portal with a worker and an embedded Redis; leaving the block ends all three."""
    with ExitStack() as stack:
        end_on_signals()
        environment = stack.enter_context(open_installation(upgrade=True))
        portal_server = Portal(environment, port)
        queue = start_queue(environment)
        if queue is not None:
            stack.callback(queue.stop)
        children = stack.enter_context(Children())
        start_worker(children, portal_server)
        yield portal_server


@click.command(short_help="Help an editor with rule files (language server).")
@click.option("--stdio", is_flag=True, help="As many editors add it: there is no other way.")
def lsp(*, stdio: bool) -> None:
    """Serve an editor of rule files with findings, names and meanings (language server).

    Speaks the Language Server Protocol over standard input and output until the editor ends it.
    """
    from portal.editor.language_server import serve

    del stdio
    if sys.stdin.isatty():
        print_note(
            "An editor starts this and speaks to it; Ctrl+C ends it. See docs/rules/editor.md."
        )
    serve()


@click.command()
@click.option("--company", help="Only this company; else all.")
@click.option("--ledger", type=LEDGER, multiple=True, help="What a target's stand-in wrote itself.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def invariants(company: str | None, ledger: tuple[Path, ...], *, as_json: bool) -> int:
    """Check that nothing is lost, doubled, forgotten or unexplained.

    Nothing is changed. With --ledger, our postings are compared with the target's own ledger.
    """
    from holding.operations.invariants import companies

    with open_installation() as environment, environment.database.read() as session:
        company_ids = (
            {company: require_company(session, company).id} if company else companies(session)
        )
        reports = {
            code: _check(environment, session, code, key, ledger)
            for code, key in company_ids.items()
        }
    if as_json:
        print_json({code: _report_json(checked) for code, checked in reports.items()})
    else:
        for code, checked in reports.items():
            _print_report(code, checked)
        print_next(f"verify --company {company or 'CODE'}")
    return FINDINGS if any(checked.breaches for checked in reports.values()) else 0


def _check(
    place: "Installation",
    session: "DatabaseSession",
    code: str,
    company_id: int,
    ledger: tuple[Path, ...],
) -> "Checked":
    from holding.access.actors import load_keys
    from holding.db.refusal import Refusal
    from holding.operations.invariants import check

    keys, anchors = load_keys(place.settings), read_noted_heads(place.settings.anchor_file, code)
    try:
        return check(
            session,
            company_id,
            now=place.now,
            settings=place.settings,
            ledger=ledger or None,
            keys=None if isinstance(keys, Refusal) else keys,
            anchors=anchors,
        )
    except OSError as problem:
        raise Stop(f"The ledger cannot be read: {problem.strerror}.", code=ENVIRONMENT) from problem
    except (ValueError, KeyError) as problem:
        hint = "A ledger has one JSON object in each line."
        raise Stop(f"This is not the ledger of a stand-in: {problem}.", hint, USAGE) from problem


def _report_json(checked: "Checked") -> dict[str, object]:
    breaches = [
        {"invariant": breach.invariant, "say": breach.say, "records": list(breach.record_ids)}
        for breach in checked.breaches
    ]
    return {"checked": list(checked.checked), "breaches": breaches}


def _print_report(code: str, checked: "Checked") -> None:
    from holding.operations.invariants import CHECKS

    click.echo(f"{code}: {len(checked.checked)} invariants, {len(checked.breaches)} breaches")
    for name in dict.fromkeys(breach.invariant for breach in checked.breaches):
        click.echo(f"  {name} is broken. It says: {CHECKS[name][0]}")
        for breach in checked.breaches:
            if breach.invariant == name:
                records = ", ".join(map(str, breach.record_ids))
                click.echo(f"    {breach.say}" + (f" (record {records})" if records else ""))


@click.group(cls=Listing)
def faults() -> None:
    """List the points at which a test may break the program."""


@faults.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def faults_list(*, as_json: bool) -> None:
    """List all points, and what has just happened or is about to happen at each."""
    from connectors.transport.strict_json import POINTS

    if as_json:
        print_json(POINTS)
        return
    for name, words in POINTS.items():
        click.echo(f"{name:<26} {words}")
    print_next("invariants")


@click.command(short_help="Walk the chain of events: was anything changed afterwards?")
@company_option
@click.option("--head", "head_option", help="A head that was noted before, as SEQ:HASH.")
@click.option("--anchors", type=FILE, help="A copy of the noted heads; else the installation's.")
@click.option("--not-covered", is_flag=True, help="List the tables and columns without a seal.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(
    company: str, head_option: str | None, anchors: Path | None, *, not_covered: bool, as_json: bool
) -> int:
    """Walk a company's chain of events and check whether anything was changed or removed later.

    The head of the chain is noted every 1,000 events or 5 minutes. The noted heads, and a head of
    --head, prove that nothing up to them was replaced. Every sealed row is compared with its seal,
    table by table. --not-covered lists what has no seal, and why.
    """
    from holding.operations import content_invariants, sealed_rows
    from holding.platform import events

    noted = [_head(head_option)] if head_option else []
    with open_installation() as place, place.database.read() as session:
        company_row = require_company(session, company)
        noted += read_noted_heads(anchors or place.settings.anchor_file, company)
        stored = content_invariants.compare(session, company_row.id)
        chain_breaks = events.verify_chain(
            session, company_row.id, now=place.now, noted_heads=noted
        )
        all_breaks = [*chain_breaks, *stored.breaks]
        head = events.chain_head(session, company_row.id)
    last_noted_seq = max((noted_head.seq for noted_head in noted), default=0)
    if as_json:
        plain_breaks = [
            {"seq": b.seq, "event": b.event_id, "message": b.message} for b in all_breaks
        ]
        since = asdict(stored.since) if stored.since else None
        report = {"events": head.seq, "head": f"{head.seq}:{head.hash}", "noted": last_noted_seq}
        report |= {
            "contents_since": since,
            "breaks": plain_breaks,
            "not_covered": sealed_rows.left_out(),
        }
        print_json(report)
    else:
        for chain_break in all_breaks:
            click.echo(chain_break.message)
        chain_state = "is not whole" if chain_breaks else "is whole"
        click.echo(f"The chain of {head.seq:,} events {chain_state}. Head: {head.seq}:{head.hash}")
        print_note(_sealed_since_text(stored.since))
        _show_left_out(sealed_rows.left_out(), listed=not_covered)
        if noted:
            print_note(
                f"Noted heads compared: {len(noted):,}, the last of place {last_noted_seq:,}."
            )
        else:
            print_note(
                "No head was noted: a chain whose end was cut off and made again cannot be told."
            )
        next_command = f"verify --company {company} --head {head.seq}:{head.hash}"
        print_next(f"invariants --company {company}" if all_breaks else next_command)
    return FINDINGS if all_breaks else 0


def _show_left_out(left_out: "Mapping[str, Mapping[str, str]]", *, listed: bool) -> None:
    """Count, or list with their reasons, the tables and columns that no seal covers."""
    tables = sum("*" in columns for columns in left_out.values())
    columns = sum(len(columns) for columns in left_out.values()) - tables
    hint = "" if listed else " List them with --not-covered."
    print_note(f"Not covered by seals: {tables} tables, and {columns} columns of others.{hint}")
    for table, reasons in left_out.items() if listed else ():
        for column, reason in reasons.items():
            place = table if column == "*" else f"{table}.{column}"
            click.echo(f"  `{place}`: {reason}")


def _head(text: str) -> "Head":
    from holding.platform.events import Head

    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64:
        raise Stop(
            f"{text} is not a head of the chain.",
            "Write it as 120:9f3c…; this command prints it.",
            USAGE,
        )
    return Head(int(seq), digest)


def _sealed_since_text(since: "Since | None") -> str:
    """Return a sentence that names the first event that seals contents."""
    if since is None:
        return "Versions were compared with what events sealed; no event seals other contents yet."
    place = f", place {since.seq:,} of the chain" if since.seq else ""
    start_text = "Versions were compared with what events sealed; postings, approvals, requests and"
    return f"{start_text} answers from event {since.event_id:,} on{place}."


def read_noted_heads(file: Path, company: str) -> "tuple[Head, ...]":
    """Return the noted heads of a company; a line that is no anchor ends the command."""
    from holding.platform.events import Anchors

    try:
        return Anchors(file).of(company)
    except OSError as problem:
        raise Stop(f"{file} cannot be read: {problem.strerror}.", code=ENVIRONMENT) from problem
    except ValueError as problem:
        hint = "A person changed it, or a disk did: compare it with a copy that was kept elsewhere."
        raise Stop(f"The noted heads are damaged: {problem}.", hint, FINDINGS) from problem


COMMANDS = (
    up,
    portal,
    worker,
    simulate,
    migrate,
    doctor,
    version,
    lsp,
    invariants,
    faults,
    verify,
)
