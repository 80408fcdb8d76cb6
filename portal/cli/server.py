"""Commands that keep something running, and migrate, doctor, version.

Here: starting and stopping processes. Not here: what they do (portal/app.py, workers), or the
sample company (portal/cli/demo.py).
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from portal.cli.frame import (
    ENVIRONMENT,
    Office,
    Stop,
    bring_to_schema,
    home_of,
    office,
    refuse,
    say,
    settings,
    tell,
)
from portal.cli.processes import Children, free_port, run_module

if TYPE_CHECKING:
    from holding.embedded import EmbeddedRedis

SIMULATORS = {
    "aiaccount": ("connectors.targets.aiaccount.simulator", 8101),
    "autocount": ("connectors.targets.autocount.simulator", 8102),
    "quickbooks": ("connectors.targets.quickbooks.simulator", 8103),
}
port_option = click.option("--port", type=int, default=None, help="Default: CLEARPOST_PORT, 8000.")


@click.command(short_help="Run everything on this machine, an embedded Redis too.")
@port_option
def up(port: int | None) -> None:
    """Run everything on this machine: portal, worker, sweeper and an embedded Redis."""
    with running(port) as place:
        say(f"Clearpost is at {place.address}   (Ctrl-C ends it)")
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
    context_settings={"ignore_unknown_options": True}, short_help="Run the stand-in of a target."
)
@click.argument("name", type=click.Choice(sorted(SIMULATORS)))
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def simulate(name: str, words: tuple[str, ...]) -> None:
    """Run the stand-in of a target; WORDS are its own options (--help lists them)."""
    module, port = SIMULATORS[name]
    given = [] if "--port" in words else ["--port", str(port)]
    run_module(module, [*given, *words])


@click.command()
@click.option("--to", default=None, help="A schema version to go to; the default is the newest.")
def migrate(to: str | None) -> None:
    """Bring the database to the schema that this program needs."""
    from holding import schema

    found = settings()
    home_of(found)
    bring_to_schema(found.database_url, to)
    click.echo(f"The database is at {to or schema.VERSION}.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(*, as_json: bool) -> None:
    """Look at this installation and say what is not as it should be."""
    from portal.cli.checkup import examine

    found = examine(settings())
    if as_json:
        tell([{"name": each.name, "ok": each.ok, "words": each.words} for each in found])
    for each in () if as_json else found:
        click.echo(f"{'ok  ' if each.ok else 'BAD '}  {each.name:<10} {each.words}")
    if not all(each.ok for each in found):
        raise Stop("Something here is not as it should be.", code=ENVIRONMENT)


@click.command()
def version() -> None:
    """Print the version."""
    from grammar.version import __version__

    click.echo(__version__)


class Portal:
    """The pages, served from this process until a signal ends it."""

    def __init__(self, place: Office, port: int | None) -> None:
        from holding.refusal import Refusal
        from portal.app import create_app
        from portal.config import config_of
        from portal.serving import serve_on

        config = config_of(place.settings)
        if isinstance(config, Refusal):
            refuse(config, ENVIRONMENT)
        host = place.settings.host
        chosen = place.settings.port if port is None else port
        if chosen:
            free_port(host, chosen)
        app = create_app(place.database, place.clock, place.settings, config)
        self._server, listening = serve_on(app, host, chosen)
        shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - only shown
        self.address = f"http://{shown}:{listening}"

    def serve(self) -> None:
        """Answer requests until SIGINT or SIGTERM."""
        end_on_signals()
        self._server.run()

    def start(self) -> None:
        """Answer requests beside what this process does otherwise."""
        threading.Thread(target=self._server.run, name="portal", daemon=True).start()

    def wait(self) -> None:
        """Return at SIGINT or SIGTERM."""
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            say("Ending …")

    def close(self) -> None:
        """Stop listening."""
        self._server.close()


def end_on_signals() -> None:
    """SIGTERM ends this process the way Ctrl-C does: every block is left properly."""
    signal.signal(signal.SIGTERM, _as_interrupt)


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
        start_worker(children)
        yield served


def start_queue(place: Office) -> "EmbeddedRedis | None":
    """A Redis of our own unless one is given; without a program for it, the claim loop does."""
    from holding.embedded import start_redis

    if os.environ.get("REDIS_URL"):
        return None
    found = start_redis(place.settings.home)
    if found is None:
        say("No redis-server here: the worker looks for due work in the database only.")
        return None
    os.environ["REDIS_URL"] = found.url
    return found


def start_worker(children: Children) -> None:
    """A worker with its sweeper, for as long as the block lasts; it listens to the queue when there
    is one.
    """
    children.start("workers", *([] if os.environ.get("REDIS_URL") else ["--no-redis"]))
    children.keep("workers")


def _as_interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


COMMANDS = (up, portal, worker, simulate, migrate, doctor, version)
