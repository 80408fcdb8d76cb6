"""The base of every simulator: its own process, a ledger on disk before each answer, and
cut connections.

Here: the server, the ledger and the child's side of being started. Not here: how any target or
shop behaves.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

BODY_CAP = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived. Header names are in lower case; `target` is path and query as the
    line of the request has them, for who signs them.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. `cut` closes the connection before it, or in the middle of its body; `half` says
    no more before it, and listens on.
    """

    status: int
    content: Mapping[str, Any] | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: Literal["", "before", "middle", "half"] = ""

    def encoded(self) -> bytes:
        """The body's bytes."""
        if isinstance(self.content, bytes):
            return self.content
        return json.dumps(self.content, ensure_ascii=False).encode()


Handle = Callable[[Request], Reply]


class Ledger:
    """An append-only file of JSON lines, on the disk before anybody hears of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seq = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_torn_tail()
        for line in self.lines():
            self._seq = max(self._seq, int(line["seq"]))
        self._file = path.open("ab")

    def lines(self) -> Iterator[dict[str, Any]]:
        """All lines so far."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for raw in file:
                if raw.strip():
                    yield json.loads(raw)

    def write(
        self, lines: Sequence[Mapping[str, Any]], *, sync: bool = True
    ) -> list[dict[str, Any]]:
        """Append lines, numbered, in one piece; they are durable when this returns (unless
        `sync` is off).
        """
        numbered = []
        for line in lines:
            self._seq += 1
            numbered.append({"seq": self._seq, **line})
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in numbered)
        self._file.write(text.encode())
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())
        return numbered

    def _drop_torn_tail(self) -> None:
        """A process killed while writing leaves half a line: nobody was told of it, so it did
        not happen.
        """
        if not self._path.exists():
            return
        raw = self._path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) != len(raw):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))


def serve(
    name: str,
    handle: Handle,
    *,
    port: int,
    watch_parent: bool,
    told: Mapping[str, object] | None = None,
) -> None:
    """Serve until killed. The first line of standard output tells name and addresses as JSON, and
    what else there is to tell; `control` is where its faults are chosen.
    """
    server = _Server(port, handle)
    if watch_parent:
        threading.Thread(target=_leave_with_parent, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    addresses = {"url": url, "control": f"{url}/_sim/"}
    sys.stdout.write(json.dumps({"name": name, **addresses, **(told or {})}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, answer: Handle) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.answer = answer


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_CAP:
            self.close_connection = True
            self._send(Reply(status=413, content={"error": {"code": "file_too_large"}}))
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
            target=self.path,
        )
        self._send(self.server.answer(request))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the ledger is the log."""

    def _send(self, reply: Reply) -> None:
        body = reply.encoded()
        if reply.cut in ("before", "half"):
            self._hang_up(half=reply.cut == "half")
            return
        self.send_response(reply.status)
        if "Content-Type" not in reply.headers:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if reply.cut == "middle" else body)
        self.wfile.flush()
        if reply.cut == "middle":
            self._hang_up()

    def _hang_up(self, *, half: bool = False) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_WR if half else socket.SHUT_RDWR)
        while half and self.rfile.read(4096):
            pass


def _leave_with_parent() -> None:
    """Standard input is the parent's end of a pipe: when it closes, the parent is gone."""
    while os.read(0, 4096):
        pass
    os._exit(0)
