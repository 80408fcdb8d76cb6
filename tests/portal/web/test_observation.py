"""Request figures in /metrics, and the access log."""

import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from holding.platform import settings
from holding.platform.settings import Settings
from portal.cli.records import examine_installation
from tests.portal.conftest import Browser

pytestmark = pytest.mark.sqlite

DASHBOARD = "/c/<co>/"


@pytest.fixture
def log_stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    settings.start_logging(for_machines=True, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in (settings.ACCESS_LOG, settings.SIGN_IN_LOG):
        logging.getLogger(name).setLevel(logging.NOTSET)


def access_lines(stream: io.StringIO) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["logger"] == settings.ACCESS_LOG]


def samples(app: Flask) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = app.test_client().get("/metrics", headers={"Host": "localhost"}).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_method_and_status(
    app: Flask, visit: Callable[..., Browser]
) -> None:
    browser = visit("farah")
    for address in ("/c/kedai/", "/c/kedai/", "/c/kedai/records/netshop/order/1", "/nowhere"):
        browser.client.get(address)
    found = samples(app)
    counted = {
        (labels["route"], labels["status"]): value
        for (name, pairs), value in found.items()
        if name == "clearpost_http_requests_total" and (labels := dict(pairs))["method"] == "GET"
    }
    assert counted[DASHBOARD, "200"] == 2
    assert counted["no route", "404"] == 1
    assert not any("kedai" in route for route, _ in counted), "one line a page would be too many"
    seconds = {
        name: value for (name, pairs), value in found.items() if ("route", DASHBOARD) in pairs
    }
    assert seconds["clearpost_http_request_seconds_count"] == 2
    assert seconds["clearpost_http_request_seconds_sum"] > 0


def test_a_request_is_one_line_with_route_person_and_company(
    visit: Callable[..., Browser], log_stream: io.StringIO
) -> None:
    browser = visit("farah")
    answer = browser.client.get("/c/kedai/?secret=of-the-query")
    line = access_lines(log_stream)[-1]
    assert {name: line[name] for name in ("method", "route", "path", "status", "company")} == {
        "method": "GET",
        "route": DASHBOARD,
        "path": "/c/kedai/",
        "status": 200,
        "company": "kedai",
    }
    assert line["request"] == answer.headers["X-Request-Id"]
    assert isinstance(line["person"], int)
    assert isinstance(line["milliseconds"], float)
    assert line["address"] == "127.0.0.1"
    assert "of-the-query" not in log_stream.getvalue()


def test_the_token_of_a_link_is_not_logged(app: Flask, log_stream: io.StringIO) -> None:
    app.test_client().get("/join/abcdefghij0123456789")
    assert access_lines(log_stream)[-1]["path"] == "/join/…"
    assert "abcdefghij" not in log_stream.getvalue()


def test_people_see_no_access_log(app: Flask) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    settings.start_logging(for_machines=False, stream=stream)
    try:
        app.test_client().get("/signin")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert stream.getvalue() == ""


def test_the_connections_to_the_database_and_the_free_disk_are_figures(app: Flask) -> None:
    found = samples(app)
    assert found["clearpost_disk_free_bytes", ()] > 0
    for state in ("in use", "idle"):
        assert ("clearpost_database_connections", (("state", state),)) in found


@pytest.mark.parametrize(("free", "codes"), [(500_000_000, ["disk.low"]), (5_000_000_000, [])])
def test_health_and_doctor_warn_before_the_disk_is_full(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    codes: list[str],
) -> None:
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    for path in ("/healthz", "/healthz/worker"):
        warnings = app.test_client().get(path).get_json()["warnings"]
        assert [warning["code"] for warning in warnings] == codes
        assert str(app.config["PORTAL"].settings.home) not in str(warnings), "anybody may read it"
    checks = {check.name: check.ok for check in examine_installation(Settings.from_env())}
    assert checks["disk"] is not bool(codes)
