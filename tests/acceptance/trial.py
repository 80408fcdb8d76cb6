"""A company on several portals and workers, which are killed, backed up and replaced under load."""

import itertools
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import requests

from tests.acceptance import warm
from tests.acceptance.orders import clean
from tests.acceptance.product import House, Product, Visitor, address_in, children_of, until
from tests.acceptance.quiet import BASE

SENDERS = 2
PAGES = (f"{BASE}/", f"{BASE}/holding?view=all")
MIGRATION = '''"""Add a column and a table that older programs do not know."""

from alembic import op

revision = "{new}"
down_revision = "{old}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.execute("ALTER TABLE record ADD COLUMN added_later TEXT")
    op.execute("CREATE TABLE added_later (id bigint PRIMARY KEY, record_id bigint)")


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE added_later")
    op.execute("ALTER TABLE record DROP COLUMN added_later")
'''


@dataclass
class Front:
    """The portals behind a proxy: a request that one portal does not take goes to the next one."""

    house: House
    addresses: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    served: int = 0
    _turns: Iterator[int] = field(default_factory=itertools.count)

    def deliver(self, number: int) -> None:
        """Deliver an order as a shop does: again with its event id until a portal takes it."""
        event_id = f"evt_{number}"
        self._through(lambda house: house.deliver(clean(number), event_id=event_id))

    def read(self, visitor: Visitor, page: str) -> None:
        """Open a page."""
        self._through(lambda house: visitor.session.get(house.address + page, timeout=60))

    def _through(self, call: Callable[[House], requests.Response]) -> None:
        def answer() -> requests.Response | None:
            addresses = self.addresses
            address = addresses[next(self._turns) % len(addresses)]
            with suppress(requests.ConnectionError):  # this portal was killed
                return call(replace(self.house, address=address))
            return None

        found: requests.Response = until(lambda: (a := answer()) is not None and [a], "answer")[0]
        self.served += 1
        if found.status_code not in (200, 202) or "/signin" in found.url:
            self.errors.append(f"{found.status_code} {found.url}: {found.text[:300]}")


@dataclass
class Site:
    """The processes of a company, each with a log of its own, and the program that new ones run."""

    house: House
    product: Product
    stack: ExitStack
    front: Front
    forks: int
    workers: list[warm.Started] = field(default_factory=list)
    portals: list[tuple[str, warm.Started]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start_worker(self) -> None:
        """Start another worker."""
        self.workers.append(self._start("worker")[0])

    def start_portal(self) -> None:
        """Start another portal; requests reach it from now on."""
        process, log = self._start("portal", "--port", "0")
        address = address_in(log)
        self.portals.append((address, process))
        self.front.addresses = [*self.front.addresses, address]

    def kill_worker(self) -> None:
        """Kill the first worker with its listening child, and start another one."""
        process = self.workers.pop(0)
        children = children_of(process.pid)
        process.kill()
        for child in children:  # without its worker it would end in order
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.start_worker()

    def kill_portal(self) -> None:
        """Kill the first portal while requests still go to it, and start another one."""
        address, process = self.portals.pop(0)
        process.kill()
        self.start_portal()
        self._leave(address)

    def replace_workers(self) -> None:
        """End all workers as a deployment does, and start as many of the present program."""
        old, self.workers = self.workers, []
        for process in old:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            self.start_worker()

    def replace_portals(self) -> None:
        """Replace each portal by one of the present program, one after the other."""
        old, self.portals = self.portals, []
        for address, process in old:
            self.start_portal()
            self._leave(address)
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def logs(self) -> str:
        """Return what all processes logged."""
        files = self.house.product.folder.glob("trial-*.err")
        return "".join(file.read_text("utf-8") for file in files)

    def _leave(self, address: str) -> None:
        self.front.addresses = [one for one in self.front.addresses if one != address]

    def _start(self, *words: str) -> tuple[warm.Started, Path]:
        log = self.product.folder / f"trial-{next(self._numbers)}-{words[0]}.err"
        with log.open("w") as notes:
            process = warm.start(
                self.product.command,
                words,
                cwd=self.product.folder,
                env=self.product.environment(),
                notes=notes,
                forks=self.forks if words[0] == "worker" else 0,
            )
        self.stack.callback(_end, process)
        return process, log


def next_release(product: Product, folder: Path) -> Product:
    """Return the product as its next version, with one more migration; nothing else is changed."""
    shutil.copytree(product.command.parents[1], folder / "venv", symlinks=True)
    command = folder / "venv" / "bin" / product.command.name
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    versions = packages / "holding" / "_migrations" / "versions"
    old = max(file.name[:4] for file in versions.glob("[0-9]*.py"))
    new = f"{int(old) + 1:04}"
    migration = MIGRATION.format(old=old, new=new)
    (versions / f"{new}_added_later.py").write_text(migration, "utf-8")
    backup = packages / "holding" / "platform" / "backup.py"
    text = backup.read_text("utf-8")
    assert text.count(f'VERSION: Final = "{old}"') == 1
    backup.write_text(text.replace(f'VERSION: Final = "{old}"', f'VERSION: Final = "{new}"'))
    return replace(product, command=command)


@contextmanager
def delivering(front: Front, numbers: Iterable[int]) -> Iterator[None]:
    """Deliver these orders while the block runs; all of them have arrived at its end."""
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(front.deliver, number) for number in numbers]
        yield
        for each in sent:
            each.result()


@contextmanager
def reading(front: Front, visitor: Visitor) -> Iterator[None]:
    """Open pages, a few in a second, while the block runs."""
    ended = threading.Event()

    def read() -> None:
        for page in itertools.cycle(PAGES):
            front.read(visitor, page)
            if ended.wait(0.3):
                return

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            yield
        finally:
            ended.set()
        reader.result()


def _end(process: warm.Started) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    process.close()
