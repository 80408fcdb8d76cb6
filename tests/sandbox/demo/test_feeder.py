"""The feeder of the demo sends a call again while the portal is busy, and never ends for that."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.demo import generator
from sandbox.demo.generator import Hook

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


class Portal:
    """A portal that gives these answers, in order."""

    def __init__(self, server: HTTPServer, *statuses: int) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self._statuses: Iterator[int] = iter(statuses)
        server.expect_request("/hooks/kedai/netshop").respond_with_handler(self._answer)
        self.url = server.url_for("").rstrip("/")

    def _answer(self, request: Request) -> Response:
        self.seen.append((request.headers["X-NS16-Event-Id"], request.get_data()))
        return Response("", next(self._statuses))


def hook(portal: Portal, waits: list[float]) -> Hook:
    return Hook(portal.url, "/hooks/kedai/netshop", "secret", pause=waits.append)


def test_a_busy_portal_gets_the_same_call_again(httpserver: HTTPServer) -> None:
    waits: list[float] = []
    portal = Portal(httpserver, 503, 429, 202, 202)
    assert hook(portal, waits).post([("evt_1", b"one"), ("evt_2", b"two")], NOW) == 2
    assert portal.seen == [("evt_1", b"one")] * 3 + [("evt_2", b"two")]
    assert waits == [generator.RETRY_SECONDS] * 2


def test_a_portal_that_does_not_answer_gets_it_again(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    portal = Portal(httpserver, 202)
    request, refused = HTTPConnection.request, [ConnectionRefusedError()]

    def connect(self: Any, *words: Any) -> None:
        if refused:
            raise refused.pop()
        request(self, *words)

    monkeypatch.setattr(HTTPConnection, "request", connect)
    assert hook(portal, waits).post([("evt_1", b"one")], NOW) == 1
    assert len(waits) == 1


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (503, generator.TRIES)])
def test_what_does_not_pass_by_itself_ends_with_its_answer(
    httpserver: HTTPServer, status: int, tries: int
) -> None:
    portal = Portal(httpserver, *[status] * generator.TRIES)
    with pytest.raises(RuntimeError, match=f"evt_1: {status}"):
        hook(portal, []).post([("evt_1", b"one")], NOW)
    assert len(portal.seen) == tries
