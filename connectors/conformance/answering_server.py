"""A server that answers everything alike, or not at all: what a target must survive.

Here: one fixed answer, a connection that nobody answers. Not here: what a target makes of it
(target_suite.py).
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Fixed:
    """One answer, as it travels."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Answering:
    """A running server: its address, and what was asked of it."""

    url: str
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def written(self) -> int:
        """How many calls came that could change something."""
        return sum(method != "GET" for method, _ in self.asked)


@contextmanager
def answering(fixed: Fixed) -> Iterator[Answering]:
    """A server that gives this answer to every call."""
    found = Answering("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            found.asked.append((self.command, self.path))
            self.send_response(fixed.status)
            for name, value in fixed.headers.items():
                self.send_header(name, value.replace("{url}", found.url))
            self.send_header("Content-Type", fixed.content_type)
            self.send_header("Content-Length", str(len(fixed.body)))
            self.end_headers()
            self.wfile.write(fixed.body)

        do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hold() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=hold, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    for one in held:
        one.close()


@contextmanager
def closed() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"
