"""Run a target against its simulator, or against a server with fixed answers.

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

    `make` makes the document with a number; `more` changes it into a document with another total.
    `party`, `day` and `rate` are fields of its header: a text, a day, a number. `stored` are the
    simulator's faults after which the document exists, `not_stored` those after which it does not;
    `before` are documents that it pays. `listed` is the setting with the target's list, if it
    builds documents from that.
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
    """The simulator of a target in a process of its own."""

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

    def control(self, act: str, **fields: Any) -> dict[str, Any]:
        """Change the simulator's books by hand, or plan a fault."""
        answer = requests.post(f"{self.url}/_sim/{act}", json=fields, timeout=10)
        if answer.status_code != 200:
            raise AssertionError(answer.text)
        result: dict[str, Any] = answer.json()
        return result

    def show(self, what: str) -> Any:
        """Return the part `what` of the simulator's books."""
        return requests.get(f"{self.url}/_sim/{what}", timeout=10).json()[what]

    def ledger(self, effect: str | None = None) -> list[dict[str, Any]]:
        """Return the complete lines of the simulator's ledger; its last line may be half
        written.
        """
        if not self.ledger_path.exists():
            return []
        raw_lines = self.ledger_path.read_bytes().splitlines(keepends=True)
        lines = [json.loads(line) for line in raw_lines if line.endswith(b"\n")]
        return [entry for entry in lines if effect in (None, entry["effect"])]


class Bench:
    """A target, its simulator, and short ways to use them."""

    def __init__(self, target: Any, sim: Any, http: Any, sample: Sample) -> None:
        self.target, self.sim, self.http, self.sample = target, sim, http, sample

    def afresh(self) -> None:
        """Reset the books, then send the documents that the sample pays."""
        self.sim.control("reset")
        for index, make in enumerate(self.sample.before):
            (answer,) = self.send(make(), key=f"cp-before-{index}").answers
            if answer.kind != "accepted":
                raise AssertionError(answer)

    def make(self, number: str = "NS-1", **changed: Any) -> Any:
        """Return the sample document with a number and other fields."""
        return self.sample.make(number, **changed)

    def changed(self) -> Any:
        """Return the document with its old number and other content."""
        return self.sample.make("NS-1", **self.sample.more)

    def standing(self) -> Any:
        """Return the documents in the target, without those that the sample pays."""
        return self.sim.show("documents")[len(self.sample.before) :]

    def build(
        self, *documents: Any, batch: bool = False, name: str = "day-1", action: str = "create"
    ) -> Any:
        """Build the call for these documents."""
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
        all_settings, key_secret = {**self.sim.settings, **settings}, secret or self.sample.secret
        return self.target.send(payload, all_settings, key_secret, key, self.http)

    def ask_again(self, document: Any, ticket: str, **settings: Any) -> Any:
        """Poll the outcome of a ticket."""
        all_settings = {**self.sim.settings, **settings}
        return self.target.ask_again(document, ticket, all_settings, self.sample.secret, self.http)

    def look_up(
        self,
        document: Any,
        key: str = "cp-1",
        *,
        action: str = "create",
        standing: Any = None,
        **settings: Any,
    ) -> Any:
        """Check with a lookup whether the action was done."""
        all_settings = {**self.sim.settings, **settings}
        return self.target.look_up(
            document,
            all_settings,
            self.sample.secret,
            key,
            self.http,
            action=action,
            standing=standing,
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
        (schema,) = (
            document_type
            for document_type in self.target.documents
            if document_type.name == self.document.document
        )
        declared: DocumentSchema = schema
        return declared

    @property
    def currency_field(self) -> str:
        """The field that names the document's currency; blank if there is none."""
        return next((field.name for field in self.schema.header if field.refers == "currency"), "")

    @property
    def sends_currency(self) -> bool:
        """Whether the target takes the currency from the document, and not from its party."""
        fields = {field.name: field for field in self.schema.header}
        return bool(self.currency_field) and fields[self.currency_field].sent

    @property
    def rate_field(self) -> str:
        """The field with the exchange rate; blank if there is none."""
        return next((field.name for field in self.schema.header if field.name in RATES), "")

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
    """One way to cause a refusal of a class, with its code and a part of its words.

    `there` is what was posted before (`same` or `other`), and `acts` were done in the simulator by
    hand. `fields` are other fields of the document; `body` are values in the sent JSON, by path
    (`lines.0.price`), for faults that the connector itself would refuse.
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
        """Return the target's answer."""
        if self.there:
            before = bench.make() if self.there == "same" else bench.changed()
            (answer,) = bench.send(before, key="cp-there").answers
            if answer.kind != "accepted":
                raise AssertionError(answer)
        for act in self.acts:
            bench.sim.control(act["act"], **{name: act[name] for name in act if name != "act"})
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
    """The content of `refusals.toml`: a way to each class, or why the target never returns it."""

    ways: tuple[Refused, ...] = ()
    never: Mapping[str, str] = field(default_factory=dict)
    literal: tuple[Literal, ...] = ()


def refusals_of(folder: Path) -> Refusals:
    """Return a connector's refusals; empty if it has no such file."""
    file = folder / FILE
    if not file.is_file():
        return Refusals()
    content = tomllib.loads(file.read_text("utf-8"))
    entries = content.get("refusals", {}).items()
    return Refusals(
        ways=tuple(Refused(error_class=name, **entry) for name, entry in entries),
        never=content.get("never", {}),
        literal=tuple(
            Literal(error_class=entry["class"], status=entry["status"], body=entry["body"])
            for entry in content.get("answers", ())
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
    """A running server: its address, and the calls that it received."""

    url: str
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def written(self) -> int:
        """The number of calls that could have changed data."""
        return sum(method != "GET" for method, _ in self.asked)


@contextmanager
def answering(fixed: Fixed) -> Iterator[Answering]:
    """Start a server that gives this answer to every call."""
    running = Answering("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            running.asked.append((self.command, self.path))
            self.send_response(fixed.status)
            for name, value in fixed.headers.items():
                self.send_header(name, value.replace("{url}", running.url))
            self.send_header("Content-Type", fixed.content_type)
            self.send_header("Content-Length", str(len(fixed.body)))
            self.end_headers()
            self.wfile.write(fixed.body)

        do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent() -> Iterator[str]:
    """Start a server that accepts connections and never answers; yield its address."""
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hold() -> None:
            try:
                while True:
                    connections.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=hold, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    for connection in connections:
        connection.close()


@contextmanager
def closed() -> Iterator[str]:
    """Yield an address without a listening server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"
