"""Addresses in templates: those that are remembered are those that are written."""

from datetime import date
from typing import Any

import pytest
from flask import Flask, url_for

from portal.web import filters


@pytest.fixture
def app() -> Flask:
    made = Flask("addresses")

    @made.get("/c/<co>/rows/<int:row>")
    def show(co: str, row: int) -> str:
        return f"{co} {row}"

    filters.init_url_for(made)
    return made


@pytest.mark.parametrize(
    "values",
    [
        {"row": 7},
        {"row": 7, "q": 1},
        {"row": 7, "q": True},
        {"row": 7, "q": "1"},
        {"row": 7, "q": 1.0},
        {"row": 7, "q": None},
        {"row": 7, "q": date(2026, 11, 20)},
        {"row": 7, "q": ["a", "b"]},
        {"row": 7, "q": "a&b=ü", "_anchor": "there"},
        {"row": 7, "_external": True},
    ],
)
def test_each_is_what_flask_writes(app: Flask, values: dict[str, Any]) -> None:
    address = app.jinja_env.globals["url_for"]
    for root in ("", "/books"):
        with app.test_request_context("/", base_url=f"http://localhost{root}"):
            for co in ("kedai", "gudang", "kedai"):
                written = [address("show", co=co, **values) for _ in range(2)]
                assert written == [url_for("show", co=co, **values)] * 2


def test_outside_of_a_request_nothing_is_remembered(app: Flask) -> None:
    app.config["SERVER_NAME"] = "books.example"
    with app.app_context():
        written = app.jinja_env.globals["url_for"]("show", co="kedai", row=7)
    assert written == "http://books.example/c/kedai/rows/7"
