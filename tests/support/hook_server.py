"""A receiver of outgoing webhooks that keeps what it is given, and answers as it is told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Called:
    """One call: its headers in lower case, and its bytes."""

    headers: dict[str, str]
    body: bytes


class HookBox(ThreadingHTTPServer):
    """A receiver on a free port; `status` is its answer, `meanwhile` is done before it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.calls: list[Called] = []
        self.status = 200
        self.meanwhile: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Line(BaseHTTPRequestHandler):
    server: HookBox

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append(Called(headers, raw))
        if self.server.meanwhile is not None:
            self.server.meanwhile()
            self.close_connection = True
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def hook_box() -> Iterator[HookBox]:
    """A receiver in a thread."""
    with HookBox() as box:
        thread = threading.Thread(target=box.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield box
        box.shutdown()
        thread.join()
