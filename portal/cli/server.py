"""Commands that keep something running, and migrate, doctor, version.

Here: starting and stopping processes. Not here: what they do (portal/app.py, workers,
portal/rule_tools/language_server.py), or the sample company (sandbox/demo/command.py).
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC

import click

from portal.terminal.command_frame import (
    ENVIRONMENT,
    Office,
    Stop,
    bring_to_schema,
    home_of,
    office,
    onward,
    say,
    settings,
    tell,
)
from portal.terminal.processes import (
    Children,
    Portal,
    end_on_signals,
    run_module,
    start_queue,
    start_worker,
)

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


@click.command(short_help="Run everything on this machine, an embedded Redis too.")
@port_option
def up(port: int | None) -> None:
    """Run everything on this machine: portal, worker, sweeper and an embedded Redis."""
    with running(port) as place:
        say(f"Clearpost is at {place.address}   (Ctrl-C ends it)")
        say_setup(place.office, place.address)
        place.serve()


@click.command()
@port_option
def portal(port: int | None) -> None:
    """Run the portal alone."""
    with office() as place:
        served = Portal(place, port)
        say(f"The portal is at {served.address}   (Ctrl-C ends it)")
        served.serve()


@click.command()
@click.option("--no-redis", is_flag=True, help="Look for due work in the database only.")
@click.option("--once", is_flag=True, help="Do what is due, then end.")
def worker(*, no_redis: bool, once: bool) -> None:
    """Run a worker alone."""
    home_of(settings())
    if not no_redis and not os.environ.get("REDIS_URL"):
        say("REDIS_URL is not set: this worker looks for due work in the database only.")
        no_redis = True
    words = [word for word, said in (("--no-redis", no_redis), ("--once", once)) if said]
    sys.stdout.flush()
    run_module("workers", words)


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run the stand-in of a target or of a shop.",
)
@click.argument("name", type=click.Choice(sorted(SIMULATORS)))
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def simulate(name: str, words: tuple[str, ...]) -> None:
    """Run the stand-in of a target or of a shop; WORDS are its own options (--help lists them)."""
    module, port = SIMULATORS[name]
    given = [] if "--port" in words else ["--port", str(port)]
    run_module(module, [*given, *words])


@click.command()
@click.option("--to", default=None, help="A schema version to go to; the default is the newest.")
def migrate(to: str | None) -> None:
    """Bring the database to the schema that this program needs."""
    from holding.platform import backup as schema_version

    found = settings()
    home_of(found)
    bring_to_schema(found.database_url, to)
    click.echo(f"The database schema is version {to or schema_version.VERSION}.")
    onward("doctor")


@click.command()
@click.argument("name", default="")
@click.option("--company", default="", help="The code of the company of NAME.")
@click.option("--as", "email", default="", help="Your email address, if NAME is given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(name: str, company: str, email: str, *, as_json: bool) -> int:
    """Check this installation and report what is wrong.

    With NAME of a target it is that connection: which of the ten usual problems it has, what shows
    it and the next step; exit code 1 if it has one. No other system is called.
    """
    from holding.db.refusal import plural
    from portal.cli.checkup import examine
    from portal.cli.stored_preflight import diagnosed

    if name:
        return diagnosed(name, company, email, as_json=as_json)
    found = examine(settings())
    if as_json:
        tell([{"name": each.name, "ok": each.ok, "words": each.words} for each in found])
    for each in () if as_json else found:
        click.echo(f"{'ok  ' if each.ok else 'FAIL'}  {each.name:<10} {each.words}")
    if bad := sum(not each.ok for each in found):
        raise Stop(f"{plural(bad, 'check')} failed; see the lines marked FAIL.", code=ENVIRONMENT)
    return 0


@click.command()
def version() -> None:
    """Print the version."""
    from grammar.version import __version__

    click.echo(__version__)


def say_setup(place: Office, address: str) -> bool:
    """Where there is no company yet: the address at which the first one is set up, once."""
    from holding.company import first_company

    with place.database.write() as session:
        found = first_company.new_address(session, place.now)
    if found is not None:
        until = f"{found.expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        base = (place.settings.public_url or address).rstrip("/")
        say(f"Set up your company at {base}/setup/{found.token}")
        say(f"This address works once, until {until}. Starting again prints a new one.")
    return found is not None


@contextmanager
def running(port: int | None) -> Iterator[Portal]:
    """Portal, worker and embedded Redis as one block; leaving it ends all of them."""
    with ExitStack() as stack:
        end_on_signals()
        place = stack.enter_context(office(upgrade=True))
        served = Portal(place, port)
        queue = start_queue(place)
        if queue is not None:
            stack.callback(queue.stop)
        children = stack.enter_context(Children())
        start_worker(children, served)
        yield served


@click.command(short_help="Help an editor with rule files (language server).")
@click.option("--stdio", is_flag=True, help="As many editors add it: there is no other way.")
def lsp(*, stdio: bool) -> None:
    """Help an editor with rule files: findings, names, meanings (language server).

    Speaks the Language Server Protocol over standard input and output until the editor ends it.
    """
    from portal.rule_tools.language_server import serve

    del stdio
    if sys.stdin.isatty():
        say("An editor starts this and speaks to it; Ctrl+C ends it. See docs/rules/editor.md.")
    serve()


COMMANDS = (up, portal, worker, simulate, migrate, doctor, version, lsp)
