"""The portal on a real port, and Chromium (tests/chromium.py) in front of it."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask import Flask
from werkzeug.serving import make_server

from holding.db.database import Database
from holding.platform.settings import Settings
from portal import app as portal_app
from tests.portal.conftest import seeded  # noqa: F401 - a fixture
from tests.portal.seed import PASSWORD, Seeded, environment
from tests.support.clock import SetClock

# Chromium itself says this of an answer that the page handles; nothing else may exist there.
HANDLED = ("403", "404", "409", "422", "429", "503")


class Served:
    """A running portal: its address, its database, its clock, the application itself."""

    def __init__(self, url: str, database: Database, clock: SetClock, app: Flask) -> None:
        self.url, self.database, self.clock, self.app = url, database, clock, app


@pytest.fixture
def served(
    seeded: Seeded,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Served]:
    file = tmp_path / "browser.sqlite3"
    shutil.copyfile(seeded.file, file)
    for name, value in environment(seeded.home, f"sqlite:///{file}").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REDIS_URL", raising=False)
    database, clock = Database(f"sqlite:///{file}", durable=False), SetClock(seeded.clock.now())
    app = portal_app.create_app(database, clock, Settings.from_env())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Served(f"http://127.0.0.1:{server.server_port}", database, clock, app)
    server.shutdown()
    thread.join()
    database.close()


class Person:
    """Somebody at a page, with everything that the console said."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.said: list[str] = []
        page.on("console", lambda message: self._hear(message))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def _hear(self, message: Any) -> None:
        handled = message.text.startswith("Failed to load resource") and any(
            status in message.text for status in HANDLED
        )
        if message.type in ("error", "warning") and not handled:
            self.said.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def sign_in(self, name: str) -> None:
        self.go("/signin")
        self.page.fill("#email", f"{name}@kedai.my")
        self.page.fill("#password", PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_url("**/c/kedai/")


class Open(Protocol):
    """Opens a browser window, perhaps with somebody signed in."""

    def __call__(
        self, name: str = "", *, width: int = 1280, scheme: str = "light", script: bool = True
    ) -> Person: ...


@pytest.fixture
def somebody(chromium: Any, served: Served) -> Iterator[Open]:
    """Open a browser window: `somebody("farah", width=390, scheme="dark", script=False)`."""
    open_: list[Any] = []

    def make(
        name: str = "", *, width: int = 1280, scheme: str = "light", script: bool = True
    ) -> Person:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=script,
        )
        open_.append(context)
        person = Person(context.new_page(), served.url)
        if name:
            person.sign_in(name)
        return person

    yield make
    for context in open_:
        context.close()
