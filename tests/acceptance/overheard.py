"""Whatever a target is called with: a go-between that passes each call on and notes it.

Here: the calls as they go over the line, whether the product tells them or not. Not here: the
target itself.
"""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ENDS_HERE = ("connection", "transfer-encoding", "content-length", "date", "server")


class Line(ThreadingHTTPServer):
    """A go-between before the target at this address; `calls` are (method, path) without query."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.target = urlsplit(target).netloc
        self.calls: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Call(BaseHTTPRequestHandler):
    server: Line

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # any method of HTTP
            return self._pass_on
        raise AttributeError(name)

    def _pass_on(self) -> None:
        self.server.calls.append((self.command, self.path.partition("?")[0]))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        there = http.client.HTTPConnection(self.server.target, timeout=30)
        there.request(self.command, self.path, body, dict(self.headers.items()))
        answer = there.getresponse()
        told = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ENDS_HERE:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)
        there.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def overheard(target: str) -> Iterator[Line]:
    """A go-between in a thread."""
    with Line(target) as line:
        thread = threading.Thread(target=line.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield line
        finally:
            line.shutdown()
            thread.join()
