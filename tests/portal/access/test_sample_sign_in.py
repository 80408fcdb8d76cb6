"""The sign-in page of a demo installation lets a visitor in as each sample person."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Person
from tests.portal.conftest import Browser

pytestmark = pytest.mark.sqlite


def set_environment(app: Flask, env: str) -> None:
    config = app.config["PORTAL"]
    app.config["PORTAL"] = replace(config, env=env)


def person_id(database: Database, email: str) -> int:
    with database.read() as session:
        return session.scalars(select(Person.id).where(Person.email == email)).one()


def test_a_demo_offers_each_person_and_signs_them_in(
    app: Flask, visit: Callable[..., Browser], database: Database
) -> None:
    set_environment(app, "demo")
    browser, tan = visit(), person_id(database, "tan@kedai.my")
    assert f'name="person" value="{tan}"' in browser.text("/signin")
    answer = browser.post("/signin/as", {"person": tan, "next": "/c/kedai/holding"}, status=303)
    assert answer.location == "/c/kedai/holding"
    assert "tan@kedai.my" in browser.text("/me")


@pytest.mark.parametrize("env", ["production", "test"])
def test_nowhere_else(
    app: Flask, visit: Callable[..., Browser], database: Database, env: str
) -> None:
    set_environment(app, env)
    browser = visit()
    assert 'name="person"' not in browser.text("/signin")
    browser.post("/signin/as", {"person": person_id(database, "tan@kedai.my")}, status=404)
    assert browser.client.get("/me").status_code == 303


@pytest.mark.parametrize("person", ["", "0", "999999", "x", "-1", "1e3"])
def test_an_unknown_person_is_not_signed_in(
    app: Flask, visit: Callable[..., Browser], person: str
) -> None:
    set_environment(app, "demo")
    browser = visit()
    browser.post("/signin/as", {"person": person}, status=404)


def test_a_disabled_person_is_not_offered(
    app: Flask, visit: Callable[..., Browser], database: Database
) -> None:
    set_environment(app, "demo")
    tan = person_id(database, "tan@kedai.my")
    with database.write() as session:
        session.get_one(Person, tan).active = False
    visit().post("/signin/as", {"person": tan}, status=404)
