"""What a process makes at the first reading of a page is made before anybody reads it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from holding.db import together
from holding.db.database import Database
from holding.db.models import Company, Person
from portal.holds import hold_pane
from portal.holds.hold_pane import PAGES, warm_pages

pytestmark = pytest.mark.sqlite


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The unions of this process, of which there are none yet."""
    monkeypatch.setattr(together, "_made", type(together._made)())
    return together._made


def test_who_comes_first_makes_nothing_new(
    app: Flask, visit: Callable[..., Any], made: Any, database: Database
) -> None:
    farah = visit("farah")
    with database.write() as session:
        for person in session.scalars(select(Person)):
            person.settings = {**(person.settings or {}), "language": ""}
    made.clear()
    assert warm_pages(app) == len(PAGES)
    before = set(made)
    assert before
    for page in PAGES:
        assert "Kedai Contoh" in farah.text(f"/c/kedai/{page}")
    assert set(made) == before


def test_every_language_that_somebody_chose_is_read(app: Flask, database: Database) -> None:
    with database.write() as session:
        first, second = session.scalars(select(Person).limit(2))
        first.settings, second.settings = {"language": "ms"}, {"language": "fr"}
    assert warm_pages(app) == 2 * len(PAGES)
    spoken = app.extensions["languages"]["ms"]
    names = {key[1] for key in spoken.cache} if spoken.cache else set()
    assert {"dashboard/dashboard.html", "worklist/list.html", "totals/daily.html"} <= names


def test_it_asks_and_writes_nothing(app: Flask, database: Database, statements: list[str]) -> None:
    statements.clear()
    assert warm_pages(app)
    asked = [one for one in statements if not one.startswith("BEGIN")]
    assert asked
    assert all(one.lstrip().startswith(("SELECT", "WITH")) for one in asked)


def test_without_a_live_company_nothing_is_read(app: Flask, database: Database) -> None:
    with database.write() as session:
        for company in session.scalars(select(Company)):
            company.live_at = None
            company.live = False
    assert warm_pages(app) == 0


def test_what_fails_then_keeps_nobody_from_starting(
    app: Flask, visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr(hold_pane, "PAGES", ("holding/999999999",))
    assert warm_pages(app) == 0
    assert "Kedai Contoh" in visit("farah").text("/c/kedai/")
    with database.read() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
