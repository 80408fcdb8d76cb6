"""A target's stand-in from the outside: its books, a ledger line before every answer, its moment.

Here: what every stand-in keeps, how it takes requests, and how its process is started. Not here:
the server (simulator.py), control calls (control.py), how any target behaves.
"""

import threading
from abc import ABC, abstractmethod
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from connectors.kit.clock import Clock, MachineClock
from connectors.kit.scripted import Scripted
from connectors.kit.simulator import Ledger, Reply, Request, serve

CONTROL = "/_sim/"
B = TypeVar("B", bound=Scripted)


class StandIn(ABC, Generic[B]):
    """A target from the outside. Requests are answered one at a time; what the ledger says already
    has taken effect.
    """

    ids = "req_{}"
    """How the id of a request is made from its number."""

    def __init__(self, books: B, ledger: Ledger, clock: Clock, *, hang: float) -> None:
        self.books = books
        self.ledger = ledger
        self._clock = clock
        self._hang = hang
        self._lock = threading.Lock()
        self._requests = 0
        for line in ledger.lines():
            self._requests += 1
            books.apply(line)

    def now(self) -> datetime:
        """The simulator's present moment."""
        return self._clock.now() + timedelta(seconds=self.books.offset)

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        with self._lock:
            self._requests += 1
            request_id = self.ids.format(self._requests)
            if request.path.startswith(CONTROL):
                return self.control(request, request_id)
            reply, hang = self.answer(request, request_id)
        if hang:
            self._clock.sleep(self._hang)
        return reply

    @abstractmethod
    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""

    @abstractmethod
    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """What the target answers, and whether it lets the caller wait for it."""

    def follow(self, act: str, given: Mapping[str, Any], request_id: str) -> None:
        """Do what a control act brings about beside the books, once they are changed."""

    def write(self, *lines: dict[str, Any], sync: bool = True) -> None:
        """Put lines on the disk, then let them take effect."""
        for line in self.ledger.write(lines, sync=sync):
            self.books.apply(line)


class Metered(StandIn[B]):
    """A target that takes so many calls in each minute of the clock."""

    def __init__(
        self, books: B, ledger: Ledger, clock: Clock, *, hang: float, a_minute: int
    ) -> None:
        super().__init__(books, ledger, clock, hang=hang)
        self._a_minute = a_minute
        self._calls: Counter[tuple[str, datetime]] = Counter()

    def calls_left(self, who: str, now: datetime) -> int:
        """Count a call of somebody; below zero it is one too many."""
        counted = (who, now.replace(second=0, microsecond=0))
        self._calls[counted] += 1
        return self._a_minute - self._calls[counted]

    def follow(self, act: str, given: Mapping[str, Any], request_id: str) -> None:  # noqa: ARG002
        """Nobody has called a new subscription yet."""
        if act == "reset":
            self._calls.clear()


class Make(Protocol):
    """A stand-in that needs only what every one needs."""

    def __call__(self, ledger: Ledger, clock: Clock, *, hang: float) -> StandIn[Any]:
        """Make it."""
        ...


def options(name: str, *, port: int) -> ArgumentParser:
    """The command line of a simulator, as far as every one has it."""
    parser = ArgumentParser(prog=f"simulate {name}")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--withhold", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--hang", type=float, default=0.0)
    parser.add_argument("--watch-parent", action="store_true")
    return parser


def start(name: str, given: Namespace, make: Make) -> None:
    """Serve a stand-in until killed."""
    made = make(Ledger(given.ledger), MachineClock(given.home), hang=given.hang)
    serve(name, made.handle, port=given.port, watch_parent=given.watch_parent)
