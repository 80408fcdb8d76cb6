"""Fixtures of the acceptance tests: the product installed from a wheel, and a company in it."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.houses import forget_furnished, opened
from tests.acceptance.postgresql import Server
from tests.acceptance.product import House, Product, free_environment, until
from tests.installed import ROOT, install, redis_server

INSTALLED = "clearpost-installed"
STARTER = ROOT / "portal" / "starters" / "netshop-aiaccount"


def daily_rules(folder: Path) -> Path:
    """The template, posting once a day, at the hour that counts where none is named."""
    rules = folder / "daily-rules"
    shutil.copytree(STARTER, rules)
    text = (rules / "posting.rules").read_text("utf-8")
    assert text.count("    immediately\n") == 1
    text = text.replace("    immediately\n", "    daily    by paid_at\n")
    (rules / "posting.rules").write_text(text, "utf-8")
    return rules


SQLITE = pytest.param("sqlite", marks=pytest.mark.sqlite)
POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.postgresql)
NewProduct = Callable[[Path], Product]


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `clearpost` command of the wheel; installed once, also for several test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    return install(shared / INSTALLED)


@pytest.fixture
def product(command: Path, tmp_path: Path) -> Product:
    """The installed product with an empty home."""
    return Product(command, tmp_path, free_environment())


@pytest.fixture(scope="session")
def server(command: Path, postgresql_url: str | None) -> Iterator[Server]:
    """A PostgreSQL server for databases of products; where there is none, the half is left out."""
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL: the PostgreSQL half of this test did not run")
    found = Server(postgresql_url)
    yield found
    forget_furnished(command, found)


@pytest.fixture(scope="module", params=[SQLITE, POSTGRESQL])
def new_product(request: pytest.FixtureRequest, command: Path) -> NewProduct:
    """How to get the installed product, with nothing in it, on each database."""
    place = request.getfixturevalue("server") if request.param == "postgresql" else None
    return lambda folder: Product(command, folder, free_environment(), place)


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running company under the starter rules, shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("house")
    with opened(Product(command, folder, free_environment()), STARTER) as found:
        yield found


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server that keeps nothing, for as long as the test."""
    program = redis_server()
    if program is None:
        pytest.skip("no redis-server on this machine")
    socket = Path(tempfile.mkdtemp(prefix="redis-")) / "redis.sock"  # its path must be short
    words = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--daemonize", "no"]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        until(socket.exists, "redis")
        yield f"unix://{socket}"
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(socket.parent)
