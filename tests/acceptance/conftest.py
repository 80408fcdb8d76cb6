"""Fixtures of the acceptance tests: the product installed from a wheel, and a company in it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.browser import ARGS, CHROMIUM
from tests.acceptance.product import House, Product, free_environment, opened
from tests.installed import ROOT, install

STARTER = ROOT / "portal" / "starters" / "netshop-aiaccount"


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `clearpost` command of the wheel; installed once, also for several test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    return install(shared / "clearpost-installed")


@pytest.fixture
def product(command: Path, tmp_path: Path) -> Product:
    """The installed product with an empty home."""
    return Product(command, tmp_path, free_environment())


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running company under the starter rules, shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("house")
    with opened(Product(command, folder, free_environment()), STARTER) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A running Chromium; where there is none, the test is left out, loudly."""
    playwright = pytest.importorskip("playwright.sync_api", reason="NO BROWSER: no playwright")
    if not CHROMIUM:
        pytest.skip("NO BROWSER: Chromium is missing, this test did not run")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def own_postgresql(postgresql_url: str | None) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, for a product of its own."""
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL: the PostgreSQL half of this test did not run")
    server, _, other = postgresql_url.rpartition("/")
    name = f"clearpost_house_{os.getpid()}"
    drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    address = f"{server.replace('+psycopg', '')}/{other}"
    with psycopg.connect(address, autocommit=True) as place:
        place.execute(drop)
        place.execute(f'CREATE DATABASE "{name}"')
        yield f"{server}/{name}"
        place.execute(drop)
