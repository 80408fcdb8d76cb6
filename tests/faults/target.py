"""The target of a history: the AiAccount stand-in itself, in this thread, behind a wire that fails.

Here: requests on their way, what becomes of each, and the HTTP client that waits for answers. Not
here: which requests fail (history.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Unpack
from urllib.parse import urlsplit

from connectors.transport.http import Clock, Http, HttpAnswer, HttpFailure
from connectors.transport.http import RequestOptions as Given
from connectors.transport.strict_json import fault_point
from sandbox.simulators.aiaccount.api import Api
from sandbox.simulators.aiaccount.books import Books
from sandbox.simulators.aiaccount.kinds import default_companies, default_keys
from sandbox.simulators.base.control import StandIn
from sandbox.simulators.base.server import Ledger, Reply, Request
from tests.faults.tasks import pause
from tests.support.inside import answer_of, request_of

Fate = Literal[
    "ok", "refused", "lost", "silent", "reset", "broken", "garbage", "torn", "later", "busy", "full"
]
FATES: tuple[Fate, ...] = ("refused", "lost", "silent", "reset", "broken", "later", "busy")
"""No connection; lost on the way; done without an answer; done and cut; done and answered 500 or
with rubbish; 503 or 429 with nothing done. Histories need no more; `garbage` is 200 with rubbish,
`torn` is 200 with the first half of the answer, `full` is 429 that names no time.
"""
COMPANY = "Kedai Contoh Sdn Bhd"


@dataclass(slots=True)
class Exchange:
    """One request on its way, and its answer once there is one."""

    request: Request
    fate: Fate
    writes: bool
    at: float
    answer: HttpAnswer | HttpFailure | None = None


@dataclass
class Wire:
    """The target and what is on its way to it; `fates` are those of the next writes.

    A look-up sees what was written `lag` seconds ago or earlier; an answer takes `takes` seconds.
    `truth` is the stand-in of another target than AiAccount.
    """

    folder: Path
    clock: Clock
    dedupe: str
    lag: float = 0.0
    takes: float = 0.0
    fates: list[Fate] = field(default_factory=list)
    pending: list[Exchange] = field(default_factory=list)
    down: bool = False
    refuses: bool = False
    storm: Fate | None = None
    asked: list[float] = field(default_factory=list)
    wrote: list[float] = field(default_factory=list)
    written: list[Exchange] = field(default_factory=list)
    truth: StandIn[Any] | None = None

    def __post_init__(self) -> None:
        self.ledger = self.folder / "ledger.jsonl"
        self._truth = self.truth or _api(self.ledger, self.clock, self.dedupe)
        self._seen = _api(self.folder / "seen.jsonl", self.clock, self.dedupe) if self.lag else None
        self._unseen: list[tuple[float, Request]] = []

    def lines(self) -> list[dict[str, Any]]:
        """What the target wrote into its ledger."""
        return list(self._truth.ledger.lines())

    def send(self, request: Request, *, writes: bool) -> Exchange:
        fate: Fate = self.fates.pop(0) if writes and self.fates else "ok"
        fate = self.storm or fate
        self.asked.append(self.clock.monotonic())
        exchange = Exchange(request, fate, writes, self.clock.monotonic())
        self.pending.append(exchange)
        self.written += [exchange] if writes else []
        return exchange

    def step(self, no: int) -> None:
        """The target takes one of the requests that are on their way."""
        exchange = self.pending.pop(no)
        if exchange.fate == "lost":
            return
        if exchange.writes and self.refuses:
            exchange.answer = _no_account(self.clock.now())
            return
        if exchange.fate in ("later", "busy", "full"):
            exchange.answer = _not_now(exchange.fate, self.clock.now())
            return
        reply = self._handle(exchange)
        if exchange.writes:
            self.wrote.append(self.clock.monotonic())
        if exchange.fate != "silent":
            exchange.answer = _heard(reply, exchange.fate, self.clock.now())

    def settle(self, older_than: float = 0) -> None:
        """Whatever is on its way for so long arrives."""
        late = self.clock.monotonic() - max(older_than, self.takes)
        while old := [no for no, one in enumerate(self.pending) if one.at <= late]:
            self.step(old[0])

    def _handle(self, exchange: Exchange) -> Reply:
        now = self.clock.monotonic()
        if self._seen is None:
            return self._truth.handle(exchange.request)
        while self._unseen and self._unseen[0][0] <= now - self.lag:
            self._seen.handle(self._unseen.pop(0)[1])
        if exchange.writes:
            self._unseen.append((now, exchange.request))
        return (self._truth if exchange.writes else self._seen).handle(exchange.request)


def _api(ledger: Path, clock: Clock, dedupe: str) -> Api:
    companies = default_companies(
        name=COMPANY, locked_through=None, quota=None, rounding="per_line"
    )
    books = Books(companies=companies, keys=default_keys(), dedupe=dedupe, withhold=0, seed=0)
    return Api(books, Unsynced(ledger), clock, hang=0)


def _no_account(at: datetime) -> HttpAnswer:
    """What AiAccount says to an account that it does not know."""
    error = {"code": "unknown_account", "message": "Account 40000 does not exist"}
    body = json.dumps({"error": error, "errors": [error]}).encode()
    return HttpAnswer(status=422, headers={}, body=body, seconds=0.1, at=at)


def _not_now(fate: Fate, at: datetime) -> HttpAnswer:
    status, code = (503, "unavailable") if fate == "later" else (429, "rate_limited")
    headers = {"later": {"retry-after": "1"}, "busy": {"retry-after": "2"}}.get(fate, {})
    body = json.dumps({"error": {"code": code, "message": "Try later"}}).encode()
    return HttpAnswer(status=status, headers=headers, body=body, seconds=0.1, at=at)


class Unsynced(Ledger):
    """The ledger of one history needs no disk."""

    def write(self, lines, *, sync=True):  # type: ignore[no-untyped-def]
        return super().write(lines, sync=False)


class WireHttp(Http):
    """The product's way out, with the wires of a history, by their hosts, instead of sockets."""

    def __init__(self, clock: Clock, wires: Mapping[str, Wire], *, seconds: float) -> None:
        super().__init__(clock, connect_seconds=5, read_seconds=seconds)
        self._moving, self._wires, self._seconds = clock, wires, seconds

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        push = given.get("push", False)
        wire = self._wires[urlsplit(url).netloc]
        if wire.down or (push and wire.fates[:1] == ["refused"]):
            wire.fates = wire.fates[1:] if push and not wire.down else wire.fates
            return HttpFailure(kind="not_sent", words="No connection.", seconds=0)
        if push:
            fault_point("push.after_connect")
        exchange = wire.send(request_of(method, url, given), writes=push)
        if push:
            fault_point("push.after_send")
        until = self._moving.monotonic() + self._seconds

        def over() -> bool:
            return exchange.answer is not None or self._moving.monotonic() >= until

        while not over():
            pause("answer", until=over)
        answer = exchange.answer
        if answer is None:
            return HttpFailure(kind="no_answer", words="No answer in time.", seconds=self._seconds)
        if push and isinstance(answer, HttpAnswer):
            fault_point("push.after_answer")
        return answer


def _heard(reply: Reply, fate: Fate, at: datetime) -> HttpAnswer | HttpFailure:
    cut = replace(reply, cut="before") if fate == "reset" else reply
    answer = answer_of(cut, at)
    if not isinstance(answer, HttpAnswer):
        return answer
    if fate in ("broken", "garbage"):
        return replace(answer, status=500 if fate == "broken" else 200, body=b"\x00 not json")
    if fate == "torn":
        return replace(answer, status=200, body=answer.body[: len(answer.body) // 2])
    return answer
