"""Pages and calls while the database is away: what happened, what was lost, and who can act."""

import sqlite3
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.portal.reading import plain
from tests.support.clock import SetClock

AWAY, BUSY, UNUSABLE = (
    "The database cannot be reached.",
    "Clearpost is busy.",
    "The database cannot be used.",
)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("something")
    error.sqlite_errorcode = code
    return error


CAUSES: list[tuple[Exception, str]] = [
    (psycopg.OperationalError("connection refused"), AWAY),
    (psycopg.errors.AdminShutdown("terminating connection"), AWAY),
    (psycopg.errors.CannotConnectNow("the database system is starting up"), AWAY),
    (psycopg.errors.ConnectionFailure("server closed the connection"), AWAY),
    (psycopg.errors.LockNotAvailable("lock timeout"), BUSY),
    (psycopg.errors.DeadlockDetected("deadlock"), BUSY),
    (psycopg.errors.QueryCanceled("statement timeout"), BUSY),
    (psycopg.errors.TooManyConnections("too many clients"), BUSY),
    (psycopg.errors.DiskFull("no space left on device"), UNUSABLE),
    (sqlite_error(sqlite3.SQLITE_BUSY), BUSY),
    (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), BUSY),
    (sqlite_error(sqlite3.SQLITE_FULL), UNUSABLE),
    (sqlite_error(sqlite3.SQLITE_READONLY), UNUSABLE),
]


def break_database(monkeypatch: pytest.MonkeyPatch, cause: Exception) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, cause)

    monkeypatch.setattr(SetClock, "now", away)


@pytest.mark.parametrize(("cause", "title"), CAUSES, ids=lambda one: type(one).__name__)
def test_a_page_names_what_the_database_cannot_do(
    app: Flask, monkeypatch: pytest.MonkeyPatch, cause: Exception, title: str
) -> None:
    break_database(monkeypatch, cause)
    answer = app.test_client().get("/c/kedai/", headers={"Accept": "text/html"})
    words = plain(answer.get_data(as_text=True))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert title in words
    assert str(cause) not in words
    if title != BUSY:
        assert "Nothing was lost, and nothing was sent." in words
        assert "only the person who runs the server can act" in words.lower()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/kedai/holds", {}),
        ("/hooks/kedai/netshop", {}),
        ("/c/kedai/", {"Accept": "application/json"}),
    ],
)
def test_a_program_reads_the_same_as_json(
    app: Flask, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str]
) -> None:
    break_database(monkeypatch, psycopg.OperationalError("connection refused"))
    answer = app.test_client().open(
        path, method="POST" if "hooks" in path else "GET", headers=headers
    )
    body: dict[str, Any] = answer.get_json(force=True)
    assert (answer.status_code, body["title"]) == (503, AWAY)
    assert "Nothing was lost, and nothing was sent." in str(body)


def test_a_page_in_another_language_names_it_too(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_database(monkeypatch, psycopg.OperationalError("connection refused"))
    answer = app.test_client().get("/c/kedai/", headers={"Accept-Language": "ms"})
    words = plain(answer.get_data(as_text=True))
    assert answer.status_code == 503
    assert "Pangkalan data tidak dapat dihubungi." in words
    assert AWAY not in words


@pytest.mark.parametrize(("language", "title"), [("en", AWAY), ("ms", "Pangkalan data")])
def test_a_part_of_a_page_says_the_same_as_text_for_its_bar(
    app: Flask, monkeypatch: pytest.MonkeyPatch, language: str, title: str
) -> None:
    break_database(monkeypatch, psycopg.OperationalError("connection refused"))
    headers = {"HX-Request": "true", "HX-Target": "main", "Accept-Language": language}
    answer = app.test_client().get("/c/kedai/", headers=headers)
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    assert answer.get_data(as_text=True).startswith(title)
