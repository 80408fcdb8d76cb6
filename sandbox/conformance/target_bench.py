"""Run a target against its stand-in, or against a server with fixed answers.

It also reads `refusals.toml`, which lists the refusals of a target.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import requests

from connectors.contract import Answer, Sent
from connectors.contract.pulls import ImportedByHand
from connectors.contract.schema import DocumentSchema
from connectors.transport.strict_json import dumps, loads

FILE = "refusals.toml"

HOME, RATES = "MYR", frozenset({"CurrencyRate", "ExchangeRate"})
"""The currency of the books in these tests, and what the fields of a rate are called."""


@dataclass(frozen=True)
class Posted:
    """A document as a decision would hold it."""

    number: str = "NS-1"
    party: str = "Aisyah Rahman"
    currency: str = "MYR"
    amount: Decimal = Decimal("118.80")
    document: str = "sales_invoice"
    fields: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Sample:
    """What the suite needs to know of a target: its key, a document, its faults.

    `make` makes the document of a number; `more` changes it into one of another total. `party`,
    `day` and `rate` are fields of its head: a text, a day, a number. `stored` are the faults of the
    stand-in after which the document is there, `not_stored` those after which it is not; `before`
    are documents that it pays. `listed` is the setting with what the target listed, if it builds
    documents from that.
    """

    secret: str
    settings: dict[str, str]
    make: Callable[..., Any]
    more: Mapping[str, Any]
    party: str
    day: str
    rate: str
    stored: tuple[str, ...]
    before: tuple[Callable[[], Any], ...] = ()
    listed: Mapping[str, Any] = field(default_factory=dict)
    not_stored: tuple[str, ...] = ("timeout_before", "html_502", "unavailable")


class Process:
    """The stand-in of a target as a process of its own."""

    def __init__(self, target: str, ledger: Path, *options: str, home: Path | None = None) -> None:
        self.target = target
        self.ledger_path = ledger
        self._options = [*options, *(["--home", str(home)] if home else [])]
        self.start()

    def start(self) -> None:
        """Start it, or start it again on its ledger."""
        command = [sys.executable, "-m", f"sandbox.simulators.{self.target}"]
        fixed = ["--port", "0", "--ledger", str(self.ledger_path), "--watch-parent"]
        self.process = subprocess.Popen(
            [*command, *fixed, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "CLEARPOST_ENV": "test"},
        )
        line = self._output.readline()
        if not line:
            raise RuntimeError(f"The stand-in of {self.target} ended before it told its address.")
        first = json.loads(line)
        self.url = str(first["url"])

    @property
    def _output(self) -> IO[bytes]:
        if self.process.stdout is None:
            raise RuntimeError("The stand-in has no output.")
        return self.process.stdout

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a connection to it."""
        return {"base_url": self.url, "company_name": "Kedai Contoh Sdn Bhd"}

    def control(self, act: str, **given: Any) -> dict[str, Any]:
        """Have something done in the books by hand, or plan a fault."""
        answer = requests.post(f"{self.url}/_sim/{act}", json=given, timeout=10)
        if answer.status_code != 200:
            raise AssertionError(answer.text)
        told: dict[str, Any] = answer.json()
        return told

    def show(self, what: str) -> Any:
        """What is in the books."""
        return requests.get(f"{self.url}/_sim/{what}", timeout=10).json()[what]

    def ledger(self, effect: str | None = None) -> list[dict[str, Any]]:
        """What it wrote itself so far; of the line that it is writing, a reader may see half."""
        if not self.ledger_path.exists():
            return []
        found = self.ledger_path.read_bytes().splitlines(keepends=True)
        lines = [json.loads(line) for line in found if line.endswith(b"\n")]
        return [one for one in lines if effect in (None, one["effect"])]


class Bench:
    """A target, its stand-in, and short ways to use both."""

    def __init__(self, target: Any, sim: Any, http: Any, sample: Sample) -> None:
        self.target, self.sim, self.http, self.sample = target, sim, http, sample

    def afresh(self) -> None:
        """Empty books, with what the sample pays."""
        self.sim.control("reset")
        for at, make in enumerate(self.sample.before):
            (answer,) = self.send(make(), key=f"cp-before-{at}").answers
            if answer.kind != "accepted":
                raise AssertionError(answer)

    def make(self, number: str = "NS-1", **changed: Any) -> Any:
        """The document of the sample under a number, with other fields."""
        return self.sample.make(number, **changed)

    def changed(self) -> Any:
        """The document under its old number, with other content."""
        return self.sample.make("NS-1", **self.sample.more)

    def standing(self) -> Any:
        """What the target has, without what it pays."""
        return self.sim.show("documents")[len(self.sample.before) :]

    def build(
        self, *documents: Any, batch: bool = False, name: str = "day-1", action: str = "create"
    ) -> Any:
        """The call for these documents."""
        settings = {**self.sim.settings, **self.sample.listed}
        return self.target.build(documents, settings, batch=batch, batch_name=name, action=action)

    def send(
        self,
        *documents: Any,
        key: str = "cp-1",
        batch: bool = False,
        secret: str = "",
        action: str = "create",
        **settings: Any,
    ) -> Any:
        """Build and send them."""
        payload = self.build(*documents, batch=batch, action=action)
        there, own = {**self.sim.settings, **settings}, secret or self.sample.secret
        return self.target.send(payload, there, own, key, self.http)

    def ask_again(self, document: Any, ticket: str, **settings: Any) -> Any:
        """Ask for what became of a ticket."""
        there = {**self.sim.settings, **settings}
        return self.target.ask_again(document, ticket, there, self.sample.secret, self.http)

    def look_up(
        self,
        document: Any,
        key: str = "cp-1",
        *,
        action: str = "create",
        standing: Any = None,
        **settings: Any,
    ) -> Any:
        """Whether it is done there."""
        there = {**self.sim.settings, **settings}
        return self.target.look_up(
            document, there, self.sample.secret, key, self.http, action=action, standing=standing
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A target and a good document of one of its types, to be made bad in one place at a time.

    With `follows`, the document has the currency of the documents that it names, and no rate.
    """

    target: Any
    document: Any
    settings: Mapping[str, Any]
    follows: bool = False

    @property
    def schema(self) -> DocumentSchema:
        """The declaration of the document's type."""
        (schema,) = (one for one in self.target.documents if one.name == self.document.document)
        declared: DocumentSchema = schema
        return declared

    @property
    def currency_field(self) -> str:
        """The field that names the document's currency; blank if there is none."""
        return next((one.name for one in self.schema.header if one.refers == "currency"), "")

    @property
    def sends_currency(self) -> bool:
        """Whether the target takes the currency from the document, and not from its party."""
        fields = {one.name: one for one in self.schema.header}
        return bool(self.currency_field) and fields[self.currency_field].sent

    @property
    def rate_field(self) -> str:
        """The field with the exchange rate; blank if there is none."""
        return next((one.name for one in self.schema.header if one.name in RATES), "")

    def answer(
        self,
        fields: Mapping[str, str] | None = None,
        *,
        currency: str = HOME,
        line: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """Return why the document with these values, and in this currency, is never sent.

        `line` has the values of its first line. A blank value is left out.
        """
        lines: tuple[Mapping[str, str], ...] = tuple(self.document.lines)
        if line:
            lines = (_stated({**lines[0], **line}), *lines[1:])
        stated = _stated({**self.document.fields, **(fields or {})})
        changed = replace(self.document, currency=currency, fields=stated, lines=lines)
        by_hand = isinstance(self.target, ImportedByHand)
        settings = {**self.settings, "base_currency": HOME}
        payload = self.target.build([changed], settings, batch=by_hand, batch_name="guarded")
        refused: Answer | None = payload.refused.get(0)
        return refused


def _stated(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value != ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One way to a refusal of a class, with the code and a part of the words that come of it.

    Before it `there` was posted (`same` or `other`), and `acts` were done in the stand-in by hand.
    `fields` are other fields of the document; `body` are values in the JSON as it travels, by path
    (`lines.0.price`), for what the connector itself would refuse before it is sent.
    """

    error_class: str
    code: str
    told: str
    there: str = ""
    acts: Sequence[Mapping[str, Any]] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    key: str = "cp-1"
    secret: str = ""

    def meet(self, bench: Bench) -> Sent:
        """What the target says."""
        if self.there:
            before = bench.make() if self.there == "same" else bench.changed()
            (answer,) = bench.send(before, key="cp-there").answers
            if answer.kind != "accepted":
                raise AssertionError(answer)
        for one in self.acts:
            bench.sim.control(one["act"], **{name: one[name] for name in one if name != "act"})
        payload = bench.build(bench.make(**self.fields))
        if self.body:
            content = loads(payload.body)
            for path, value in self.body.items():
                _put(content, path.split("."), value)
            payload = replace(payload, body=dumps(content))
        secret = self.secret or bench.sample.secret
        sent: Sent = bench.target.send(payload, bench.sim.settings, secret, self.key, bench.http)
        return sent


def _put(content: Any, path: Sequence[str], value: Any) -> None:
    """Set one value of a JSON."""
    for name in path[:-1]:
        content = content[int(name) if isinstance(content, list) else name]
    content[int(path[-1]) if isinstance(content, list) else path[-1]] = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """An answer of the sheet word by word, and the class that it has."""

    error_class: str
    status: int
    body: str

    def heard(self, bench: Bench) -> tuple[Answer, bool]:
        """Return the connector's answer to it, and whether the connector wrote at all."""
        return send_against(bench, self.status, self.body.encode())


def send_against(bench: Bench, status: int, body: bytes) -> tuple[Answer, bool]:
    """Send a document to a server that gives this answer; return how the connector reads it.

    The second value is whether a call was made that could change something.
    """
    bench.afresh()
    with answering(Fixed(status, body)) as server:
        (answer,) = bench.send(bench.make(), base_url=server.url).answers
        return answer, bool(server.written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """What `refusals.toml` says: a way to each class, or why the target never tells it."""

    ways: tuple[Refused, ...] = ()
    never: Mapping[str, str] = field(default_factory=dict)
    literal: tuple[Literal, ...] = ()


def refusals_of(folder: Path) -> Refusals:
    """Those of a connector; none where it has no such file."""
    file = folder / FILE
    if not file.is_file():
        return Refusals()
    told = tomllib.loads(file.read_text("utf-8"))
    ways = told.get("refusals", {}).items()
    return Refusals(
        ways=tuple(Refused(error_class=name, **one) for name, one in ways),
        never=told.get("never", {}),
        literal=tuple(
            Literal(error_class=one["class"], status=one["status"], body=one["body"])
            for one in told.get("answers", ())
        ),
    )


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
