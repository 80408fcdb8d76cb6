"""Who may read the figures of all companies, and the figure of the last backup."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from holding.db.database import Database
from holding.db.refusal import duration, seconds_since
from holding.platform import backup
from holding.platform.settings import Settings
from tests.portal.reading import works
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite


def code(
    app: Flask, *, host: str = "127.0.0.1:8000", caller: str = "127.0.0.1", key: str = ""
) -> int:
    headers = {"Host": host} | ({"Authorization": f"Bearer {key}"} if key else {})
    given = {"REMOTE_ADDR": caller}
    return app.test_client().get("/metrics", headers=headers, environ_base=given).status_code


def told(app: Flask, **settings: str) -> None:
    made = app.config["PORTAL"]
    changed: Settings = replace(made.settings, **settings)
    app.config["PORTAL"] = replace(made, settings=changed)


@pytest.mark.parametrize(
    ("host", "caller", "wanted"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 200),
        ("localhost", "::1", 200),
        ("books.example", "127.0.0.1", 403),
        ("127.0.0.1:8000", "203.0.113.9", 403),
        ("127.0.0.1.books.example", "127.0.0.1", 403),
    ],
)
def test_without_a_token_only_this_machine(app: Flask, host: str, caller: str, wanted: int) -> None:
    assert code(app, host=host, caller=caller) == wanted


def test_without_a_token_nobody_where_people_use_another_address(app: Flask) -> None:
    told(app, public_url="https://books.example")
    assert code(app) == 403


def test_with_a_token_whoever_has_it_and_nobody_else(app: Flask) -> None:
    told(app, metrics_token="scrape", public_url="https://books.example")
    answers = [code(app, caller="203.0.113.9", key=one) for one in ("scrape", "scrap", "")]
    assert answers == [200, 401, 401]
    assert code(app) == 401


def test_the_age_of_the_last_backup_is_a_figure_and_missing_before_the_first(
    app: Flask, database: Database, clock: SetClock, tmp_path: Path
) -> None:
    def told() -> list[str]:
        lines = app.test_client().get("/metrics", headers={"Host": "localhost"}).text.splitlines()
        return [one for one in lines if one.startswith("clearpost_backup_age_seconds ")]

    assert told() == []
    file = tmp_path / "night.sqlite3"
    file.write_bytes(b"x")
    for hours in (50, 26):
        made = clock.now() - timedelta(hours=hours)
        assert backup.note_backup(database.url, file, "ab" * 32, made)
    assert told() == [f"clearpost_backup_age_seconds {26 * 3600}.0"]


def test_no_age_is_negative_after_the_clock_was_set_back(
    app: Flask, database: Database, clock: SetClock, tmp_path: Path
) -> None:
    works(database, clock)
    file = tmp_path / "night.sqlite3"
    file.write_bytes(b"x")
    assert backup.note_backup(database.url, file, "ab" * 32, clock.now())
    clock.advance(timedelta(hours=-2))
    text = app.test_client().get("/metrics", headers={"Host": "localhost"}).text
    ages = dict(re.findall(r"^(clearpost_\w+_seconds)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE))
    assert {"clearpost_backup_age_seconds", "clearpost_worker_seen_seconds"} <= set(ages)
    assert [name for name, value in ages.items() if float(value) < 0] == []
    assert duration(-90) == "0 min"
    assert seconds_since(clock.now() + timedelta(hours=2), clock.now()) == 0.0


@pytest.mark.parametrize("path", ["/healthz", "/healthz/worker", "/metrics"])
def test_a_monitor_gets_json_when_the_database_is_away(
    app: Flask, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    monkeypatch.setattr(SetClock, "now", away)
    answer = app.test_client().get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    told = answer.get_json(force=True)
    assert (told["code"], "connection refused" in told["what"]) == ("DBS01", True)
