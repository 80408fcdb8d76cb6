"""What a process makes at the first reading of a page is made before anybody reads it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from holding.db.database import Database
from holding.db.models import Company, Person
from portal.holds import hold_pane
from portal.holds.hold_pane import PAGES, warm_pages

pytestmark = pytest.mark.sqlite


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
