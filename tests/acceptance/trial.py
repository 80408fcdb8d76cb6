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
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from tests.acceptance import warm
from tests.acceptance.orders import clean
from tests.acceptance.product import House, Product, Visitor, address_in, children_of, until
from tests.acceptance.quiet import BASE

SENDERS = 2
TIMEOUT = 60
OF_ONE_HOP = frozenset({"Connection", "Content-Encoding", "Content-Length", "Transfer-Encoding"})
"""Headers that a proxy does not hand on; it reads an encoded answer."""
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
    """The portals behind a reverse proxy, through which all requests of shop and people go.

    `addresses` are those of the portals. `errors` are the answers that no caller should get.
    """

    house: House
    addresses: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    served: int = 0

    @classmethod
    @contextmanager
    def opened(cls, house: House) -> Iterator["Front"]:
        """Run the proxy while the block runs."""
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), ProxyHandler)
        front = cls(replace(house, address=f"http://127.0.0.1:{proxy.server_port}"))
        proxy.front, proxy.turns = front, itertools.count()  # type: ignore[attr-defined]
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield front
        finally:
            proxy.shutdown()
            thread.join()
            proxy.server_close()

    def deliver(self, number: int) -> None:
        """Deliver an order as a shop does: again with its event id until it is taken."""
        event_id = f"evt_{number}"
        self._until_answered(lambda: self.house.deliver(clean(number), event_id=event_id))

    def read(self, visitor: Visitor, page: str) -> None:
        """Open a page."""
        self._until_answered(
            lambda: visitor.session.get(self.house.address + page, timeout=TIMEOUT)
        )

    def _until_answered(self, call: Callable[[], requests.Response]) -> None:
        def answer() -> list[requests.Response]:
            response = call()
            return [] if response.status_code == HTTPStatus.BAD_GATEWAY else [response]

        (response,) = until(answer, "answer")
        self.served += 1
        if response.status_code not in (200, 202) or "/signin" in response.url:
            self.errors.append(f"{response.status_code} {response.url}: {response.text[:300]}")


class ProxyHandler(BaseHTTPRequestHandler):
    """Hand each request to the next portal, as a reverse proxy does.

    A portal that does not answer is left out for a request without a body; one with a body may have
    been taken, so the caller gets a 502 and decides.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Forward a request that can be made again."""
        self._forward(None)

    def do_POST(self) -> None:
        """Forward a request with a body."""
        self._forward(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _forward(self, body: bytes | None) -> None:
        server: Any = self.server
        addresses = server.front.addresses
        first = next(server.turns)
        headers = {name: value for name, value in self.headers.items() if name not in OF_ONE_HOP}
        headers["X-Forwarded-For"] = self.client_address[0]
        for turn in range(len(addresses) if body is None else 1):
            address = addresses[(first + turn) % len(addresses)]
            try:
                answer = requests.request(
                    self.command,
                    address + self.path,
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    timeout=TIMEOUT,
                )
            except requests.ConnectionError:  # this portal was killed
                continue
            self._answer(answer.status_code, answer.raw.headers.items(), answer.content)
            return
        self._answer(HTTPStatus.BAD_GATEWAY, (), b"")

    def _answer(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.title() not in OF_ONE_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


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
