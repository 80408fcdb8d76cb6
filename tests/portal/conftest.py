"""An application over a seeded database, and people who are signed in to it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from holding.db.database import Database
from holding.platform import backup
from holding.platform.settings import Settings
from portal import app as portal_app
from portal import cli
from tests.portal.seed import PASSWORD, Seeded, environment, seed
from tests.support.applications import keep_compiled
from tests.support.clock import SetClock
from tests.support.databases import opened, sqlite_copy, upgrade_by_copy

SAID = "clearpost_said"

keep_compiled()


@pytest.fixture(scope="session")
def seeded(sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARPOST_ENV", "test")
        patch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")
        return seed(tmp_path_factory.mktemp("portal"), sqlite_file)


@pytest.fixture
def database(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A copy of the seeded database, and the environment of a process that uses it."""
    url = sqlite_copy(seeded.file)
    # heads that an earlier test noted belong to its copy of the database
    (seeded.home / "anchors.jsonl").unlink(missing_ok=True)
    for name, value in environment(seeded.home, url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with opened(url) as found:
        yield found


@pytest.fixture
def clock(seeded: Seeded) -> SetClock:
    return SetClock(seeded.clock.now())


@pytest.fixture
def app(database: Database, clock: SetClock) -> Flask:
    made = portal_app.create_app(database, clock, Settings.from_env())
    made.testing = True
    made.config["PROPAGATE_EXCEPTIONS"] = True
    return made


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_file: Path
) -> Callable[..., int]:
    """Run the command line in this process, with a home of its own; its exit code."""
    for name in ("DATABASE_URL", "REDIS_URL", "CLEARPOST_KEY_FILE", "CLEARPOST_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLEARPOST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(backup, "upgrade", upgrade_by_copy(sqlite_file))

    def call(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["clearpost", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return call


class Browser:
    """A person at a browser without JavaScript, or one that sends what htmx sends."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self._token: tuple[tuple[tuple[str, str], ...], str] = ((), "")

    def get(self, url: str, *, target: str = "", status: int = 200) -> TestResponse:
        answer = self.client.get(url, headers=self._htmx(target))
        assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
        return answer

    def post(
        self, url: str, data: dict[str, Any], *, target: str = "", status: int | None = None
    ) -> TestResponse:
        answer = self.client.post(
            url, data={"csrf_token": self.token(), **data}, headers=self._htmx(target)
        )
        if status is not None:
            assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
        return answer

    def token(self) -> str:
        """The token of a form, which is good for as long as the session lasts."""
        whose, told = self._token
        if not told or whose != self._session():
            told = self._read_token()
            self._token = (self._session(), told)
        return told

    def _session(self) -> tuple[tuple[str, str], ...]:
        """What the cookies say of who this is; SAID holds only the messages of the next page."""
        cookies = sorted((self.client._cookies or {}).values(), key=lambda one: one.key)
        return tuple((one.key, one.value) for one in cookies if one.key != SAID)

    def _read_token(self) -> str:
        for url in ("/c", "/signin"):
            page = self.client.get(url).get_data(as_text=True)
            found = re.search(r'name="csrf_token" value="([^"]+)"', page)
            if found:
                return found[1]
        raise AssertionError("no form with a token")

    def text(self, url: str, **how: Any) -> str:
        return self.get(url, **how).get_data(as_text=True)

    def _htmx(self, target: str) -> dict[str, str]:
        return {"HX-Request": "true", "HX-Target": target} if target else {}


@pytest.fixture
def visit(app: Flask) -> Callable[..., Browser]:
    """Sign somebody in: `visit("farah")`."""

    def sign_in(name: str = "", company: str = "kedai") -> Browser:
        browser = Browser(app.test_client())
        if name:
            address = f"{name}@{company}.my"
            browser.post("/signin", {"email": address, "password": PASSWORD}, status=303)
        return browser

    return sign_in
