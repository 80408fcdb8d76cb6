"""A relay before a stand-in that is late once: what is late is kept back until the caller gave up.

Here: one call that travels late, on its way there or on its way back, and a session that does not
wait for it. Not here: what a target makes of it (late_suite.py).
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Unpack
from urllib.parse import urlsplit

from connectors.transport.http import Given, Http, HttpAnswer, HttpFailure

_LONG, _SHORT = 30.0, 0.2  # seconds that the session waits for what comes, and for what is late
_MARK = "X-Late"
_OF_THE_WAY = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class Late(Enum):
    """What is kept back: the call before the target has it, or its answer before the caller has."""

    CALL = "call"
    ANSWER = "answer"


Told = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body of an answer."""
Chosen = Callable[[str, int], bool]
"""Whether a call is the late one, by its method and how many came before it."""


def first_write() -> Chosen:
    """The first call that may change something."""
    met: list[str] = []

    def chosen(method: str, _: int) -> bool:
        if method == "GET" or met:
            return False
        met.append(method)
        return True

    return chosen


def nth(place: int) -> Chosen:
    """The call of this place, from 0; below it none."""
    return lambda _, before: before == place


class Relay:
    """A running relay: its address, the session that calls it, and what was asked of it."""

    def __init__(self, to: str, late: Late, chosen: Chosen) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.arrived = threading.Event()
        """Set once the target has answered the late call."""
        self.released = threading.Event()
        self.http: Http = _Session(self.asked, chosen)
        self._to, self._late = urlsplit(to), late

    def release(self) -> None:
        """Send on what was kept back, and wait until the target has it."""
        self.released.set()
        if not self.arrived.wait(_LONG):
            raise AssertionError("The late call never came to the target.")

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Told:
        """What the target answers, at its time."""
        plain = {name: value for name, value in headers.items() if name != _MARK}
        is_late = _MARK in headers
        if is_late and self._late is Late.CALL:
            self.released.wait(_LONG)
        told = self._handed_on(method, path, plain, body)
        if is_late:
            self.arrived.set()
        if is_late and self._late is Late.ANSWER:
            self.released.wait(_LONG)
        return told

    def _handed_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Told:
        there = HTTPConnection(self._to.netloc, timeout=_LONG)
        try:
            there.request(method, path, body or None, dict(headers))
            came = there.getresponse()
            kept = [one for one in came.getheaders() if one[0].lower() not in _OF_THE_WAY]
            return came.status, kept, came.read()
        finally:
            there.close()


class _Session(Http):
    """Waits for an answer as long as it takes, and hardly for the one that it knows to be late."""

    def __init__(self, asked: list[str], chosen: Chosen) -> None:
        super().__init__()
        self._asked, self._chosen = asked, chosen

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        is_late = self._chosen(method, len(self._asked))
        self._asked.append(method)
        if is_late:
            given["headers"] = {**given["headers"], _MARK: "1"}
        return Http(read_seconds=_SHORT if is_late else _LONG).request(method, url, **given)


@contextmanager
def relaying(to: str, chosen: Chosen, late: Late = Late.ANSWER) -> Iterator[Relay]:
    """A relay to this address; the chosen call, or its answer, is kept back until released."""
    relay = Relay(to, late, chosen)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, headers, content = relay.answer(
                self.command, self.path, dict(self.headers.items()), body
            )
            with suppress(OSError):  # who does not wait any more has hung up
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    relay.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield relay
    finally:
        relay.released.set()
        server.shutdown()
        server.server_close()
