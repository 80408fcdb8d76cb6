"""The server itself: whom it believes about who calls, and what it looks through no more."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from flask import Flask, request

from portal.web.config import serve_on


@contextmanager
def served(proxy: str | None) -> Iterator[str]:
    """An application that answers with the address of its caller."""
    app = Flask(__name__)
    app.add_url_rule("/", "who", lambda: request.remote_addr or "")
    server, port = serve_on(app, "127.0.0.1", 0, proxy)
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.close()


def caller(address: str) -> str:
    said = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7", "X-Forwarded-Host": "evil.example"}
    return requests.get(address, headers=said, timeout=10).text


def test_who_calls_is_said_by_the_trusted_proxy_alone() -> None:
    with served("127.0.0.1") as address:
        assert caller(address) == "203.0.113.7"  # what the proxy added, not what it was told
    for nobody in (None, "192.0.2.1"):
        with served(nobody) as address:
            assert caller(address) == "127.0.0.1"


@pytest.mark.slow
def test_what_is_loaded_when_it_begins_is_looked_through_no_more() -> None:
    """Else a page waits while all of it is searched for rings of unused objects; and what comes
    later is looked through in parts that no page notices.
    """
    gc.unfreeze()
    before = gc.get_threshold()
    gc.set_threshold(50_000)
    try:
        with served(None):
            assert gc.get_freeze_count() > 10_000
            assert gc.get_threshold()[0] == 10_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
