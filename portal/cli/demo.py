"""`clearpost demo`: the sample shop, in the browser or as one line of JSON.

Here: its home, its processes, and what is told to the person who started it. Not here: how the
company is made (portal/demo/setup.py) or what its shop sends (portal/demo/generator.py).
"""

import fcntl
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.frame import ENVIRONMENT, Office, Stop, office, say, tell
from portal.cli.processes import Children
from portal.cli.server import Portal, end_on_signals, start_queue, start_worker

if TYPE_CHECKING:
    from portal.demo.generator import Month
    from portal.demo.load import Hook

WITHHELD = 48
PATIENCE = 180.0
DEFAULTS = {
    "CLEARPOST_ENV": "demo",
    "CLEARPOST_ALLOW_LOOPBACK": "1",
    "CLEARPOST_SETTLE_SECONDS": "1",
    "CLEARPOST_SWEEP_SECONDS": "1",
}


@click.command()
@click.option("--port", type=int, default=None, help="Default: CLEARPOST_PORT, 8000.")
@click.option("--fresh", is_flag=True, help="Throw the sample company away and start over.")
@click.option("--once", is_flag=True, help="Load, wait until nothing is due, count, end.")
@click.option("--json", "as_json", is_flag=True, help="With --once: one JSON object.")
@click.option("--keep", type=click.Path(path_type=Path), help="With --once: the folder to use.")
@click.option("--seed", type=int, default=2026, show_default=True)
def demo(
    port: int | None, keep: Path | None, seed: int, *, fresh: bool, once: bool, as_json: bool
) -> None:
    """Show one month of a sample shop; with --once only its counts."""
    if once:
        _once(seed, keep, as_json=as_json)
        return
    from holding.settings import home_of

    home = home_of(os.environ) / "demo"
    with ExitStack() as stack:
        stack.enter_context(alone(home))
        if fresh:
            shutil.rmtree(home, ignore_errors=True)
        shop = stack.enter_context(opened(home, seed, port))
        shop.greet()
        shop.load()
        say("Everything has arrived, and all that can be posted is.")
        shop.portal.wait()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One sample shop a home: a second one would turn the target's address and ledger to itself."""
    home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with home.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            hint = "End it first, or set CLEARPOST_HOME to another folder."
            raise Stop(f"A demo runs in {home} already.", hint, ENVIRONMENT) from problem
        yield


def _once(seed: int, keep: Path | None, *, as_json: bool) -> None:
    started = time.monotonic()
    home = keep or Path(tempfile.mkdtemp(prefix="clearpost-demo-"))
    if keep is not None and any(keep.glob("*")):
        raise Stop(f"{keep} is not empty.", "--keep wants a folder of its own.", ENVIRONMENT)
    try:
        with opened(home, seed, 0) as shop:
            shop.load(PATIENCE)
            result = shop.result()
    finally:
        if keep is None:
            shutil.rmtree(home, ignore_errors=True)
    result["seconds"] = round(time.monotonic() - started, 1)
    if as_json:
        tell(result)
    else:
        for name, value in result.items():
            click.echo(f"{name:<10} {value}")


@dataclass(frozen=True, slots=True)
class Shop:
    """The sample company while its processes run."""

    place: Office
    portal: Portal
    company_id: int
    month: "Month"
    ledger: Path
    passwords: dict[str, str]
    is_new: bool
    children: Children

    def load(self, patience: float = math.inf) -> None:
        """Send the month; what changes posted orders only when all else is done."""
        from portal.demo.load import stall_sheet

        if not self.is_new:
            return
        hook = self.hook()
        say("Sending one month of orders …")
        hook.send(self.month.first, self.place.now)
        self._ingest(stall_sheet(self.month.workbook))
        self._wait(patience)
        say("Sending what changed afterwards …")
        hook.send(self.month.later, self.place.now)
        self._wait(patience)

    def hook(self) -> "Hook":
        """The webhook of the shop's NetShop."""
        from holding.connections import secret_of
        from portal.cli.frame import granted
        from portal.demo import load, setup, shop

        with self.place.database.read() as session:
            row = setup.connection(session, self.company_id, setup.SOURCE)
            secret = granted(secret_of(session, row))
        path = f"/hooks/{shop.COMPANY_CODE}/{setup.SOURCE}"
        return load.Hook(self.portal.address, path, secret)

    def result(self) -> dict[str, object]:
        """Records by state; lost and doubled as the simulator's own ledger tells them."""
        from holding import ledger_check
        from portal.demo import quiet

        with self.place.database.read() as session:
            counted = quiet.counts(session, self.company_id)
            compared = ledger_check.compare(session, self.company_id, self.ledger, self.month.ids())
        return {**counted, "lost": compared.lost, "doubled": compared.doubled}

    def greet(self) -> None:
        """Tell where to look and who to sign in as; passwords are shown only now."""
        from portal.demo.people import COLLEAGUES

        say(f"\n  {self.portal.address}\n")
        if not self.is_new:
            say("  The sample company is there from last time; its passwords were shown then.")
            say("  clearpost demo --fresh starts over.\n")
        for each in COLLEAGUES if self.is_new else ():
            say(f"  {each.role:<11} {each.name:<19} {each.email:<25} {self.passwords[each.email]}")
        say("\n  Ctrl-C ends it.\n")

    def _wait(self, patience: float) -> None:
        from portal.demo import quiet

        place = self.place
        try:
            quiet.wait_until_quiet(place.database, place.clock, self.company_id, patience)
        except quiet.StillDueError as problem:
            raise Stop(str(problem), "clearpost doctor") from problem

    def _ingest(self, sheet: bytes) -> None:
        from holding import doorbell
        from portal.cli.delivery import read_file, store
        from portal.cli.frame import granted
        from portal.demo.setup import SOURCE

        path = self.place.settings.home / "stall.csv"
        path.write_bytes(sheet)
        accepted = read_file(path, SOURCE)
        if accepted.errors:
            raise Stop(f"The stall's file is wrong: {accepted.errors[0]}")
        with self.place.database.write() as session:
            granted(store(session, self.company_id, SOURCE, path, accepted, self.place.now))
        doorbell.ring(self.company_id, "evaluate")


@contextmanager
def opened(
    home: Path,
    seed: int,
    port: int | None,
    *,
    withheld: int = WITHHELD,
    database: tuple[str, Path] | None = None,
) -> Iterator[Shop]:
    """The sample company with portal, worker, Redis and the stand-in of its target running.

    The stand-in keeps `withheld` answers back after it has done what was asked. The database is in
    the home, unless the URL of an empty one is given, and the file of its key.
    """
    os.environ["CLEARPOST_HOME"] = str(home)
    for name in ("DATABASE_URL", "REDIS_URL", "CLEARPOST_KEY_FILE"):
        if os.environ.pop(name, None):
            say(f"{name} is left aside: the sample shop keeps to its own home.")
    if database is not None:
        os.environ["DATABASE_URL"], os.environ["CLEARPOST_KEY_FILE"] = map(str, database)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    with ExitStack() as stack:
        end_on_signals()
        place = stack.enter_context(office(upgrade=True))
        served = Portal(place, port)
        stack.callback(served.close)
        month = _month(place.now, seed)
        queue = start_queue(place)
        if queue is not None:
            stack.callback(queue.stop)
        children = stack.enter_context(Children())
        ledger = home / "aiaccount.ledger"
        target = _start_target(children, ledger, month, seed, withheld)
        company_id, passwords, is_new = _company(place, target)
        served.start()
        start_worker(children)
        yield Shop(place, served, company_id, month, ledger, passwords, is_new, children)


def _month(now: datetime, seed: int) -> "Month":
    from portal.demo.generator import MALAYSIA, month

    return month(now.astimezone(MALAYSIA).date(), seed=seed)


def _start_target(
    children: Children, ledger: Path, month: "Month", seed: int, withheld: int
) -> str:
    child = children.start(
        "connectors.targets.aiaccount.simulator",
        *("--port", "0", "--ledger", str(ledger)),
        *("--withhold", str(withheld), "--seed", str(seed)),
        *("--locked-through", month.locked_through.isoformat(), "--home", str(ledger.parent)),
        heard=True,
    )
    return str(child.first_line()["url"])


def _company(place: Office, target: str) -> tuple[int, dict[str, str], bool]:
    """The sample company's id, new passwords if it was just made, and whether it was."""
    from connectors.kit.http import Http
    from holding import connections
    from portal.demo import setup

    with place.database.write() as session:
        company_id = setup.existing(session)
        if company_id is not None:
            setup.point_target(session, company_id, target)
            return company_id, {}, False
        ready = setup.make_company(session, target_url=target, now=place.now)
        admin = setup.colleague(session, ready.company_id, "admin")
        target_id = setup.connection(session, ready.company_id, setup.TARGET).id
    http = Http(place.clock)
    report = setup.done(
        connections.test_connection(place.database, place.clock, target_id, admin, http=http)
    )
    if not report.ok:
        raise Stop(f"The stand-in of AiAccount is not usable: {report.steps}", code=ENVIRONMENT)
    with place.database.write() as session:
        setup.publish_rules(session, ready.company_id, place.now)
    passwords = {each.email: password for each, password in ready.passwords.items()}
    return ready.company_id, passwords, True


COMMANDS = (demo,)
