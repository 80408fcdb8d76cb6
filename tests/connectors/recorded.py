"""Recorded calls: what a target is asked, and what it answers, as literal text (wire/*/*.http).

A file has steps (`=== write`), each of calls: `>>>` a request, `<<<` its answer; headers follow,
and after a blank line the body. `every-request.txt` has the headers of all requests of a target. A
workbook is written as its sheet, its titles and its cells, the parts of a form as they are sent.
Nothing here is taken from a client or from a simulator.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.parser import BytesParser
from email.policy import HTTP
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import openpyxl
import requests

from connectors.transport.http import HttpAnswer
from sandbox.simulators.base.server import Handle, Request

WIRE = Path(__file__).parent / "wire"
BASE = "https://recorded.example"
NOW = datetime(2026, 11, 20, 2, 0, 6, tzinfo=UTC)
MOMENTS = frozenset(
    {
        *("created_at", "createdTimeStamp", "lastModified", "CreateTime", "LastUpdatedTime"),
        *("time", "Expired"),
    }
)
"""Words of an answer whose value is a moment: only its form is compared."""
IDS = frozenset({"id", "import_id", "request_id", "view_url"})
"""Words of AiAccount's answers in which digits are counted by each side for itself."""

COUNTED = frozenset({"docKey"})
"""Words of an answer whose number counts the documents before it: any number is as recorded."""


@dataclass(frozen=True)
class Call:
    """One request and its answer, as they stand in a file."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    status: int
    told: Mapping[str, str]
    answer: str

    @cached_property
    def content(self) -> bytes:
        """The body as it travels; a sheet becomes a workbook, by a library that nobody else uses
        for writing.
        """
        if "BOUNDARY" not in self.headers.get("Content-Type", ""):
            return self.body.encode()
        parts = []
        for part in _parts(self.body):
            head, _, text = part.partition("\n\n")
            raw = _workbook(text) if text.startswith("sheet ") else text.encode()
            parts.append(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + raw + b"\r\n")
        begin = b"--BOUNDARY\r\n"
        return begin + begin.join(parts) + b"--BOUNDARY--\r\n"

    def heard(self) -> HttpAnswer:
        """The answer as a client hears it."""
        told = {name.lower(): value for name, value in self.told.items()}
        body = self.answer.encode()
        return HttpAnswer(status=self.status, headers=told, body=body, seconds=0.1, at=NOW)

    @cached_property
    def asked(self) -> tuple[object, ...]:
        """The request, comparable with what a client asks."""
        return asked(self.method, self.path, self.headers, self.content)


@cache
def recorded(target: str, name: str) -> Mapping[str, tuple[Call, ...]]:
    """The calls of a file, by step."""
    every = _headers((WIRE / target / "every-request.txt").read_text("utf-8"))
    text = (WIRE / target / f"{name}.http").read_text("utf-8")
    steps = {}
    for step in re.split(r"^=== ", text, flags=re.M)[1:]:
        title, _, told = step.partition("\n")
        calls = re.split(r"^>>> ", told, flags=re.M)[1:]
        steps[title.strip()] = tuple(_call(call, every) for call in calls)
    return steps


def names(target: str) -> list[str]:
    """All files of a target."""
    return sorted(path.stem for path in (WIRE / target).glob("*.http"))


class NotAsRecordedError(AssertionError):
    """A client asks something else than was recorded."""


class Tape:
    """Plays the answers to a client that asks exactly what was recorded."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = list(calls)

    def now(self) -> datetime:
        return NOW

    def request(self, method, url, *, headers, body=None, push=False):
        ours = asked(method, url.removeprefix(BASE), headers, body or b"")
        theirs = self.calls[0].asked if self.calls else "nothing more"
        if ours != theirs:
            raise NotAsRecordedError(f"{ours}\nis asked, recorded is\n{theirs}")
        return self.calls.pop(0).heard()


def asked(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[object, ...]:
    """A request, comparable: JSON byte by byte, a form part by part, a workbook cell by cell."""
    kind = headers.get("Content-Type", "")
    if not kind.startswith("multipart/"):
        return method, path, dict(headers), body
    form = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    told = [(dict(part.items()), part.get_payload(decode=True)) for part in form.iter_parts()]
    parts = [(head, opened(raw) if raw.startswith(b"PK") else raw) for head, raw in told]
    return method, path, {**headers, "Content-Type": "multipart/form-data"}, parts


def opened(workbook: bytes) -> tuple[str, list[list[object]]]:
    """The name of the only sheet, and its cells with their types."""
    (sheet,) = openpyxl.load_workbook(io.BytesIO(workbook)).worksheets
    return sheet.title, [[_cell(value) for value in row] for row in sheet.values]


def played(url: str, call: Call) -> tuple[object, ...]:
    """What a running simulator answers to a recorded request."""
    answer = requests.request(
        call.method, url + call.path, data=call.content, headers=dict(call.headers), timeout=20
    )
    return answered(call, answer.status_code, answer.headers, answer.content)


def handled(handle: Handle, call: Call) -> tuple[object, ...]:
    """The same without a process."""
    parts = urlsplit(call.path)
    request = Request(
        method=call.method,
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in call.headers.items()},
        body=call.content,
        target=call.path,
    )
    reply = handle(request)
    return answered(call, reply.status, reply.headers, reply.encoded())


def expected(call: Call) -> tuple[object, ...]:
    """The recorded answer, comparable with what a simulator answers."""
    return answered(call, call.status, call.told, call.answer.encode())


def answered(
    call: Call, status: int, headers: Mapping[str, str], body: bytes
) -> tuple[object, ...]:
    """An answer, comparable: of the headers those that were recorded."""
    lower = {name.lower(): value for name, value in headers.items()}
    told = {name: _plain(lower.get(name.lower(), "absent")) for name in call.told}
    content = json.loads(body, parse_float=_number, parse_int=_number) if body else None
    return status, told, _masked(content)


def _call(text: str, every: Mapping[str, str]) -> Call:
    request, _, answer = text.partition("\n<<< ")
    first, headers, body = _split(request)
    status, told, content = _split(answer)
    method, path = first.split()
    return Call(method, path, {**every, **headers}, body, int(status), told, content)


def _split(text: str) -> tuple[str, Mapping[str, str], str]:
    head, _, body = text.partition("\n\n")
    first, _, headers = head.partition("\n")
    return first, _headers(headers), body.rstrip("\n")


def _headers(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines() if line)


def _parts(body: str) -> list[str]:
    return [part.strip("\n") for part in body.split("--BOUNDARY")[1:-1]]


def _workbook(text: str) -> bytes:
    first, *rows = text.splitlines()
    book = openpyxl.Workbook()
    book.active.title = first.removeprefix("sheet ")
    for row in rows:
        told = json.loads(row, parse_float=Decimal)
        book.active.append(
            [datetime.fromisoformat(c["date"]) if isinstance(c, dict) else c for c in told]
        )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(value: object) -> object:
    """A number and the text of the same digits are not the same."""
    return _number(str(value)) if isinstance(value, int | float) else value


def _number(text: str) -> tuple[str, str]:
    return "number", format(Decimal(text).normalize(), "f")


def _masked(value: object, word: str = "") -> object:
    if isinstance(value, dict):
        return {name: _masked(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    if word in MOMENTS:
        return "a moment" if datetime.fromisoformat(str(value)) else value
    if word in COUNTED and isinstance(value, tuple):
        return "a count"
    return re.sub(r"(?<=_)\d+", "#", value) if word in IDS and isinstance(value, str) else value


def _plain(header: str) -> str:
    """Without what differs by the run: the number of a request, the port of a simulator."""
    return re.sub(r"^req_\d+$", "req_#", re.sub(r"^http://[^/]*", "http://HOST", header))
