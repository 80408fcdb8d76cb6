"""Run `clearpost demo`: the sample shop in the browser, or once with one line of JSON."""

import fcntl
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from portal.terminal.command_frame import (
    ENVIRONMENT,
    Installation,
    Stop,
    granted,
    open_installation,
    print_json,
    print_note,
)
from portal.terminal.processes import Children, Portal, end_on_signals, start_queue, start_worker

if TYPE_CHECKING:
    from holding.platform.processes import EmbeddedRedis
    from sandbox.demo.generator import Hook, Month
if TYPE_CHECKING:
    from sandbox.demo.generator import Hook
    from sandbox.demo.setup import DepotRecord as Record
if TYPE_CHECKING:
    from sandbox.demo.generator import Hook
    from sandbox.demo.setup import Colleague, Sample

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
@click.option("--fresh", is_flag=True, help="Delete the sample company and start again.")
@click.option("--once", is_flag=True, help="Load, wait until nothing is due, count, end.")
@click.option("--json", "as_json", is_flag=True, help="With --once: one JSON object.")
@click.option("--keep", type=click.Path(path_type=Path), help="With --once: the folder to use.")
@click.option("--seed", type=int, default=2026, show_default=True)
@click.option(
    "--targets",
    type=click.IntRange(min=0),
    default=0,
    metavar="ORDERS",
    help="So many orders of the month also go to every other target at once.",
)
def demo(
    port: int | None,
    keep: Path | None,
    seed: int,
    targets: int,
    *,
    fresh: bool,
    once: bool,
    as_json: bool,
) -> None:
    """Show one month of a sample shop; with --once only its counts."""
    if once:
        _once(seed, keep, targets, as_json=as_json)
        return
    from holding.platform.settings import home_of

    home = home_of(os.environ) / "demo"
    with ExitStack() as stack:
        stack.enter_context(lock_home(home))
        if fresh:
            shutil.rmtree(home, ignore_errors=True)
        shop = stack.enter_context(open_shop(home, seed, port))
        depot = open_depot(shop.place, shop.portal.address, shop.children, home)
        _print_welcome(shop, depot.settled)
        shop.load(meanwhile=lambda: depot.load(math.inf))
        _send_everywhere(shop, home, targets, math.inf, greets=True)
        print_note("Sample data loaded; all ready documents are posted.")
        shop.portal.wait()


def _once(seed: int, keep: Path | None, targets: int, *, as_json: bool) -> None:
    started = time.monotonic()
    home = keep or Path(tempfile.mkdtemp(prefix="clearpost-demo-"))
    if keep is not None and any(keep.glob("*")):
        raise Stop(f"{keep} is not empty.", "--keep wants a folder of its own.", ENVIRONMENT)
    try:
        with open_shop(home, seed, 0) as shop:
            depot = open_depot(shop.place, shop.portal.address, shop.children, home)
            shop.load(PATIENCE, meanwhile=lambda: depot.load(PATIENCE))
            result = shop.result() | _count_exceptions(shop.place)
            result |= _send_everywhere(shop, home, targets, PATIENCE + targets)
    finally:
        if keep is None:
            shutil.rmtree(home, ignore_errors=True)
    result["seconds"] = round(time.monotonic() - started, 1)
    if as_json:
        print_json(result)
    else:
        for name, value in _flatten_counts(result):
            click.echo(f"{name:<18} {value}")


def _count_exceptions(place: Installation) -> dict[str, object]:
    """Return the exceptions of both companies, by name and by class."""
    from sandbox.demo import setup

    with place.database.read() as session:
        return {
            "exceptions": setup.count_exceptions(session),
            "classes": setup.count_classes(session),
        }


@dataclass(frozen=True, slots=True)
class Settled:
    """A sample company that exists; `passwords` is filled only if it was just created."""

    company_id: int
    sample: "Sample"
    passwords: Mapping["Colleague", str]
    is_new: bool

    def hook(self, place: Installation, address: str, headers: str) -> "Hook":
        """Return the webhook of its source, at the portal's address."""
        from holding.connections.connections import secret_of
        from sandbox.demo import generator as load
        from sandbox.demo import setup

        with place.database.read() as session:
            row = setup.find_connection(session, self.company_id, self.sample.source)
            secret = granted(secret_of(session, row))
        path = f"/hooks/{self.sample.code}/{self.sample.source}"
        return load.Hook(address, path, secret, headers)

    def greet(self) -> None:
        """Print the people who can sign in; their passwords are shown only now."""
        if self.passwords:
            print_note(f"\n  {self.sample.name}")
        for person, password in self.passwords.items():
            print_note(f"  {person.role:<11} {person.name:<19} {person.email:<25} {password}")


@dataclass(frozen=True, slots=True)
class Shop:
    """The sample company while its processes run."""

    place: Installation
    portal: Portal
    settled: Settled
    month: "Month"
    ledger: Path
    children: Children
    queue: "EmbeddedRedis | None"

    def end_queue(self) -> None:
        """Stop Redis and let the worker poll the tables from now on.

        A listener takes as much memory as the worker itself, and the simulators need that memory.
        """
        if self.queue is not None:
            self.children.end("workers")
            del os.environ["REDIS_URL"]
            self.queue.stop()
            start_worker(self.children, self.portal, kept=True)

    @property
    def company_id(self) -> int:
        """The id of the tea shop."""
        return self.settled.company_id

    def load(self, patience: float = math.inf, *, meanwhile: Callable[[], None]) -> None:
        """Send the month; changes to posted orders follow when everything else is done."""
        from sandbox.demo.generator import act_in_target, stall_sheet

        if not self.settled.is_new:
            return
        hook = self.hook()
        print_note("Sending one month of orders …")
        act_in_target(str(self.settled.sample.settings["base_url"]), "faults", fault="rate_limited")
        # Alone, so that the call which is refused is that of the same order in every run.
        hook.send(self.month.first[:1], self.place.now)
        self._wait(patience)
        hook.send(self.month.first[1:], self.place.now)
        self._ingest(stall_sheet(self.month.workbook))
        meanwhile()
        self._wait(patience)
        print_note("Sending what changed afterwards …")
        hook.send(self.month.later, self.place.now)
        self._wait(patience)

    def hook(self) -> "Hook":
        """Return the webhook of the shop's NetShop."""
        return self.settled.hook(self.place, self.portal.address, "X-NS16")

    def result(self) -> dict[str, object]:
        """Return records by state, with lost and doubled documents by the simulator's own
        ledger.
        """
        from holding.reconciliation import ledger_check
        from sandbox.demo import setup

        with self.place.database.read() as session:
            counts = setup.count_states(session, self.company_id)
            comparison = ledger_check.compare_ledger(
                session, self.company_id, self.ledger, self.month.ids()
            )
        return {**counts, "lost": comparison.lost, "doubled": comparison.doubled}

    def _wait(self, patience: float) -> None:
        wait(self.place, self.company_id, patience)

    def _ingest(self, sheet: bytes) -> None:
        from holding.platform import processes
        from portal.terminal.command_frame import read_file, store_delivery
        from sandbox.demo.setup import SOURCE
        from sandbox.demo.shop import ZONE

        path = self.place.settings.home / "stall.csv"
        path.write_bytes(sheet)
        accepted = read_file(path, SOURCE, ZoneInfo(ZONE))
        if accepted.errors:
            raise Stop(f"The stall's file is wrong: {accepted.errors[0]}")
        with self.place.database.write() as session:
            granted(
                store_delivery(session, self.company_id, SOURCE, path, accepted, self.place.now)
            )
        processes.ring(self.company_id, "evaluate")


def _send_everywhere(
    shop: Shop, home: Path, orders: int, patience: float, *, greets: bool = False
) -> dict[str, object]:
    """Send this many orders of the month to every other target and return the results."""
    if not orders:
        return {}
    from sandbox.demo.generator import MALAYSIA
    from sandbox.demo.targets.plan import open_course, plan

    shop.end_queue()
    month_plan = plan(shop.month, shop.place.now.astimezone(MALAYSIA).date(), orders)
    withheld = max(2, min(WITHHELD // 3, orders // 8))
    place, address = shop.place, shop.portal.address
    course = open_course(place, address, shop.children, home, month_plan, withheld=withheld)
    if greets:
        for books in course.books.values():
            books.settled.greet()
    print_note("Sending the month to every target …")
    course.load(patience)
    return {"targets": course.result()}


def _flatten_counts(result: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield names with numbers; the names of a group follow the group's name."""
    for name, value in result.items():
        if isinstance(value, Mapping):
            yield f"\n{name}", ""
            yield from _flatten_counts(value)
        else:
            yield name, value


def _print_welcome(shop: Shop, depot: Settled) -> None:
    """Print the portal's address, how to stop the demo, and passwords of new companies."""
    print_note(f"\n  {shop.portal.address}")
    if not shop.settled.is_new:
        print_note(
            "\n  The sample companies are there from last time; their passwords were shown then."
        )
        print_note("  clearpost demo --fresh starts over.")
    for company in (shop.settled, depot):
        company.greet()
    print_note(f"\n  Commands read these companies with CLEARPOST_HOME={shop.place.settings.home}")
    print_note("\n  Ctrl-C ends it.\n")


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Allow one sample shop per home: a second would redirect the target's address and ledger."""
    home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with home.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            hint = "End it first, or set CLEARPOST_HOME to another folder."
            raise Stop(f"A demo is already running in {home}.", hint, ENVIRONMENT) from problem
        yield


@contextmanager
def open_shop(
    home: Path,
    seed: int,
    port: int | None,
    *,
    withheld: int = WITHHELD,
    database: tuple[str, Path] | None = None,
    working: bool = True,
) -> Iterator[Shop]:
    """Open the sample company with portal, worker, Redis and the simulator of its target.

    The simulator withholds this many answers after it has executed the call. The database is in the
    home, unless the URL of an empty database and its key file are passed. Without `working` no
    worker is started.
    """
    from sandbox.demo import setup

    os.environ["CLEARPOST_HOME"] = str(home)
    for name in ("DATABASE_URL", "REDIS_URL", "CLEARPOST_KEY_FILE"):
        if os.environ.pop(name, None):
            print_note(f"{name} is left aside: the sample shop keeps to its own home.")
    if database is not None:
        os.environ["DATABASE_URL"], os.environ["CLEARPOST_KEY_FILE"] = map(str, database)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    with ExitStack() as stack:
        end_on_signals()
        shop_office = stack.enter_context(open_installation(upgrade=True))
        portal = Portal(shop_office, port)
        stack.callback(portal.close)
        month = _month(shop_office.now, seed)
        queue = start_queue(shop_office)
        if queue is not None:
            stack.callback(queue.stop)
        children = stack.enter_context(Children())
        ledger = home / "aiaccount.ledger"
        target = _start_target(children, ledger, month, seed, withheld)
        settled = settle(shop_office, setup.tea_shop_sample(target))
        portal.start()
        if working:
            start_worker(children, portal)
        yield Shop(shop_office, portal, settled, month, ledger, children, queue)


def _month(now: datetime, seed: int) -> "Month":
    from sandbox.demo.generator import MALAYSIA, generate_month

    return generate_month(now.astimezone(MALAYSIA).date(), seed=seed)


def _start_target(
    children: Children, ledger: Path, month: "Month", seed: int, withheld: int
) -> str:
    child = children.start(
        "sandbox.simulators.aiaccount",
        *("--port", "0", "--ledger", str(ledger)),
        *("--withhold", str(withheld), "--seed", str(seed)),
        *(
            "--locked-through",
            month.locked_through.isoformat(),
            "--home",
            str(ledger.parent),
        ),
        heard=True,
    )
    return str(child.first_line()["url"])


@dataclass(frozen=True, slots=True)
class Depot:
    """The distributor while its processes run."""

    place: Installation
    settled: Settled
    target: str
    hook: "Hook"

    def load(self, patience: float) -> None:
        """Send everything, and make the changes in AutoCount that people there would make."""
        from sandbox.demo import setup as depot
        from sandbox.demo.generator import MALAYSIA, act_in_target

        if not self.settled.is_new:
            return
        steps = depot.plan_steps(self.place.now.astimezone(MALAYSIA).date())
        for name, step in (("month", steps.month), ("rest", steps.rest)):
            self._send(name, step)
            self._wait(patience)
        price = [{"unitPrice": depot.BY_HAND_PRICE}]
        act_in_target(self.target, "by_hand", number=depot.BY_HAND, details=price)
        self._look(patience)
        self._send("changes", steps.changes)
        self._wait(patience)
        act_in_target(self.target, "faults", fault="invalid_key")
        self._send("refused", steps.refused)
        self._wait(patience)

    def _send(self, name: str, records: Sequence["Record"]) -> None:
        raw = json.dumps({"records": records}).encode()
        self.hook.post([(f"evt_{name}", raw)], self.place.now)

    def _look(self, patience: float) -> None:
        """Request a reading of the target as the operator, and wait for it."""
        from holding.platform import processes
        from holding.reconciliation.reading_plan import read_target
        from sandbox.demo import setup

        company_id, requested_at = self.settled.company_id, self.place.now
        with self.place.database.write() as session:
            operator = setup.find_colleague(session, company_id, "operator")
            row = setup.find_connection(session, company_id, self.settled.sample.target)
            setup.require_success(read_target(session, operator, row.id, requested_at))
        processes.ring(company_id, "push")
        with _stop_when_late():
            setup.wait_until_read(self.place.database, company_id, requested_at, patience)

    def _wait(self, patience: float) -> None:
        wait(self.place, self.settled.company_id, patience)


@contextmanager
def _stop_when_late() -> Iterator[None]:
    from sandbox.demo.setup import StillDueError

    try:
        yield
    except StillDueError as problem:
        raise Stop(str(problem), "clearpost doctor") from problem


def open_depot(place: Installation, address: str, children: Children, home: Path) -> Depot:
    """Open the distributor with the simulator of its target; portal and worker run already."""
    from sandbox.demo import setup as depot

    child = children.start(
        "sandbox.simulators.autocount",
        *("--port", "0", "--ledger", str(home / "autocount.ledger"), "--home", str(home)),
        heard=True,
    )
    target = str(child.first_line()["url"])
    settled = settle(place, depot.depot_sample(target))
    return Depot(place, settled, target, settled.hook(place, address, "X-Clearpost"))


def wait(place: Installation, company_id: int, patience: float) -> None:
    """Wait until no work of a company is due; end the command if that takes too long."""
    from sandbox.demo import setup

    with _stop_when_late():
        setup.wait_until_quiet(place.database, place.clock, company_id, patience)


def settle(place: Installation, sample: "Sample") -> Settled:
    """Create the sample company, or update the target address of the existing company."""
    from connectors.transport.http import Http
    from holding.connections import channel
    from sandbox.demo import setup

    with place.database.write() as session:
        company_id = setup.find_company(session, sample.code)
        if company_id is not None:
            setup.point_target(session, company_id, sample)
            return Settled(company_id, sample, {}, is_new=False)
        ready = setup.make_company(session, sample, now=place.now)
        admin = setup.find_colleague(session, ready.company_id, "admin")
        target_id = setup.find_connection(session, ready.company_id, sample.target).id
    http = Http(place.clock)
    report = setup.require_success(
        channel.test_connection(place.database, place.clock, target_id, admin, http=http)
    )
    if not report.ok:
        why = " ".join(step.words for step in report.steps if step.ok is False)
        words = f"The stand-in of {sample.target} is not usable. {why}"
        raise Stop(words, code=ENVIRONMENT)
    with place.database.write() as session:
        setup.publish_rules(session, ready.company_id, sample, place.now)
    return Settled(ready.company_id, sample, ready.passwords, is_new=True)


COMMANDS = (demo,)
