"""Run a simulator as a process, with a ledger on disk before each reply and planned faults."""

import io
import json
import os
import random
import re
import socket
import sys
import threading
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, TypeVar
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
    """One reply.

    `cut` closes the connection before it, or in the middle of its body; `half` sends nothing more
    before it and keeps listening.
    """

    status: int
    content: Mapping[str, Any] | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: Literal["", "before", "middle", "half"] = ""

    def encoded(self) -> bytes:
        """Return the body's bytes."""
        if isinstance(self.content, bytes):
            return self.content
        return json.dumps(self.content, ensure_ascii=False).encode()


Handle = Callable[[Request], Reply]

_SPREAD = 8

Act = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The effect of a planned fault: another answer instead of the work, other work, or a disturbed
    transmission of the answer.
    """

    instead: Reply | None = None
    status: int | None = None
    body: bytes | None = None
    cut: Literal["", "before", "middle", "half"] = ""
    hang: bool = False
    locked: bool = False
    drop: bool = False
    twice: bool = False

    def sent(self, reply: Reply, *, withheld: bool = False) -> Reply:
        """Return the reply as sent: replaced, or cut on its way."""
        return replace(
            reply,
            status=self.status or reply.status,
            content=self.body if self.body is not None else reply.content,
            cut=self.cut or ("before" if withheld else ""),
        )


F = TypeVar("F", bound=Fault)


class Ledger:
    """An append-only file of JSON lines, on the disk before any reply."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seq = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_torn_tail()
        for line in self.lines():
            self._seq = max(self._seq, int(line["seq"]))
        self._file = path.open("ab")

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield all lines so far."""
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
        """Remove an incomplete last line: no reply was sent for it, so it did not happen."""
        if not self._path.exists():
            return
        raw = self._path.read_bytes()
        complete_lines = raw[: raw.rfind(b"\n") + 1]
        if len(complete_lines) != len(raw):
            with self._path.open("r+b") as file:
                file.truncate(len(complete_lines))


def serve(
    name: str,
    handle: Handle,
    *,
    port: int,
    watch_parent: bool,
    announcement: Mapping[str, object] | None = None,
) -> None:
    """Serve until killed.

    The first line of standard output has name, addresses and further data as JSON; `control` is
    where faults are chosen.
    """
    server = _Server(port, handle)
    if watch_parent:
        threading.Thread(target=_leave_with_parent, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    addresses = {"url": url, "control": f"{url}/_sim/"}
    sys.stdout.write(json.dumps({"name": name, **addresses, **(announcement or {})}) + "\n")
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
        """Write no log; the ledger is the log."""

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
    """End this process when the parent process is gone: it holds the other end of standard
    input.
    """
    while os.read(0, 4096):
        pass
    os._exit(0)


def usual(fault: type[F]) -> dict[str, F]:
    """Return the faults that every target has, by name."""
    html = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
    gateway = Reply(status=502, content=html, headers={"Content-Type": "text/html"})
    return {
        "timeout_before": fault(instead=Reply(status=0, content=b"", cut="before"), hang=True),
        "timeout_after": fault(cut="before", hang=True),
        "half_closed_after": fault(cut="half"),
        "error_500_after": fault(status=500),
        "html_502": fault(instead=gateway),
        "html_502_after": fault(status=502, body=html),
        "closed_period": fault(locked=True),
        "slow": fault(hang=True),
        "silent_drop": fault(drop=True),
        "duplicate_delivery": fault(twice=True),
    }


def with_content(fault: type[F]) -> dict[str, F]:
    """Return the faults of a target whose successful replies have content."""
    return {
        "cut_body": fault(cut="middle"),
        "garbage_after": fault(status=200, body=b"\x00\x01 not json"),
    }


class Scripted(ABC):
    """The part of a simulator's state that follows a plan."""

    def __init__(self, *, withhold: int, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated
        self._withheld = frozenset(chance.sample(range(withhold * _SPREAD), withhold))
        self.rewind()

    def rewind(self) -> None:
        """Reset to no planned faults and no calls."""
        self.faults: list[str] = []
        self.by_number: dict[str, list[str]] = {}
        self.offset = 0.0
        self.effects = 0
        self.read_status = 0

    def apply(self, line: Mapping[str, Any]) -> None:
        """Apply a ledger line."""
        if line["call"] == "control":
            self.acts()[line["act"]](line["given"])
            return
        planned = line.get("planned")
        if isinstance(planned, str):
            self.by_number[planned] = self.by_number[planned][1:]
        elif planned:
            self.faults = self.faults[1:]
        self.take(line)

    @abstractmethod
    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a call's ledger line."""

    def withholds_next(self) -> bool:
        """Check whether the seeded plan cuts the reply of the next effective write."""
        return self.effects in self._withheld

    def fault_of(self, request: Request) -> tuple[str, bool | str]:
        """Return the name of a write's fault, and whether it is the plan's next one.

        For a fault planned for a document, the second value is the document's number.
        """
        name = request.headers.get("x-sim-fault", "")
        if name:
            return name, False
        waiting = [number for number, faults in self.by_number.items() if faults]
        body = _read(request.body) if waiting else b""
        for number in waiting:
            if re.search(rb"(?<![\w-])" + re.escape(number.encode()) + rb"(?![\w-])", body):
                return self.by_number[number][0], number
        planned = bool(self.faults)
        return (self.faults[0] if planned else ""), planned

    def acts(self) -> dict[str, Act]:
        """Return the control acts of every simulator."""
        return {
            "reset": lambda _: self.rewind(),
            "clock": self._set_clock,
            "faults": self._set_faults,
            "reads": self._set_reads,
        }

    def _set_clock(self, body: Mapping[str, Any]) -> None:
        self.offset = float(body["offset_seconds"])

    def _set_reads(self, body: Mapping[str, Any]) -> None:
        """Answer every read with this status from now on; 0 answers them again."""
        self.read_status = int(body["status"])

    def _set_faults(self, body: Mapping[str, Any]) -> None:
        names = body.get("plan") or [body["fault"]] * int(body.get("count", 1))
        if number := str(body.get("number", "")):
            self.by_number[number] = [*self.by_number.get(number, ()), *map(str, names)]
            return
        self.faults = [*self.faults, *map(str, names)]


def _read(body: bytes) -> bytes:
    """Return a body's text; of a workbook its parts' text, even inside a form."""
    if b"PK\x03\x04" not in body:
        return body
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as parts:
            return b"\n".join(parts.read(name) for name in parts.namelist())
    except zipfile.BadZipFile:
        return body


def last_day(body: Mapping[str, Any]) -> date | None:
    """Return the last closed day of a control call, or None."""
    through = body.get("through")
    return date.fromisoformat(through) if through else None
