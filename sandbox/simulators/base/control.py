"""Control a simulator from outside: its command line, its ledger, and its control API.

The control API does what a person would do in the target itself, and plans faults.
"""

import threading
from abc import ABC, abstractmethod
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from connectors.transport.http import Clock, MachineClock
from connectors.transport.strict_json import dumps, loads
from sandbox.simulators.base.server import Ledger, Reply, Request, Scripted, serve

CONTROL = "/_sim/"
B = TypeVar("B", bound=Scripted)


class StandIn(ABC, Generic[B]):
    """A simulated target.

    Requests are handled one at a time. At the start, all lines of the ledger are applied to the
    books. `hang`: seconds by which a delayed reply comes late.
    """

    ids = "req_{}"
    """The template of a request's id, filled with its number."""

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
        """Return the simulator's current time."""
        return self._clock.now() + timedelta(seconds=self.books.offset)

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        with self._lock:
            self._requests += 1
            request_id = self.ids.format(self._requests)
            if request.path.startswith(CONTROL):
                return self.control(request, request_id)
            if self.books.read_status and request.method == "GET":
                return self.refuse_read(self.books.read_status, "This read is not accepted.")
            reply, hang = self.answer(request, request_id)
        if hang:
            self._clock.sleep(self._hang)
        return reply

    def refuse_read(self, status: int, words: str) -> Reply:
        """Return the target's refusal of a read, in its own shape."""
        return Reply(status=status, content={"error": {"message": words}})

    @abstractmethod
    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""

    @abstractmethod
    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Return the target's reply, and whether it is sent only after `hang` seconds."""

    def follow(self, act: str, body: Mapping[str, Any], request_id: str) -> None:
        """Run a control act's effects outside the books, after the books have changed."""

    def write(self, *lines: dict[str, Any], sync: bool = True) -> None:
        """Write lines to the ledger, then apply them to the books."""
        for line in self.ledger.write(lines, sync=sync):
            self.books.apply(line)


class Metered(StandIn[B]):
    """A target that limits the calls in each minute."""

    def __init__(
        self, books: B, ledger: Ledger, clock: Clock, *, hang: float, a_minute: int
    ) -> None:
        super().__init__(books, ledger, clock, hang=hang)
        self._a_minute = a_minute
        self._calls: Counter[tuple[str, datetime]] = Counter()

    def calls_left(self, caller: str, now: datetime) -> int:
        """Count a call and return how many are left; a negative number means one too many."""
        counted = (caller, now.replace(second=0, microsecond=0))
        self._calls[counted] += 1
        return self._a_minute - self._calls[counted]

    def follow(self, act: str, body: Mapping[str, Any], request_id: str) -> None:  # noqa: ARG002
        """Reset the call counter with a new subscription."""
        if act == "reset":
            self._calls.clear()


class Make(Protocol):
    """A simulator that needs only the common arguments."""

    def __call__(self, ledger: Ledger, clock: Clock, *, hang: float) -> StandIn[Any]:
        """Make it."""
        ...


def options(
    name: str, *, port: int, is_called: bool = True, more: Mapping[str, str] | None = None
) -> ArgumentParser:
    """Return a simulator's common command line.

    Without `is_called` it has no replies to delay. `more`: name -> help of further options.
    """
    words = f"A stand-in that answers as {name} does, in a process of its own."
    text = "\n".join(f"  {name}: {does}" for name, does in (more or {}).items())
    parser = ArgumentParser(
        prog=f"simulate {name}",
        description=words,
        epilog=text,
        formatter_class=RawDescriptionHelpFormatter,
    )
    words = f"the port of 127.0.0.1 that it listens on ({port}); 0: any that is free"
    parser.add_argument("--port", type=int, default=port, help=words)
    words = "the file that it writes all it did to, and goes on from when it is started again"
    parser.add_argument("--ledger", type=Path, required=True, help=words)
    words = "the folder of the installation whose clock it follows, which tests move"
    parser.add_argument("--home", type=Path, default=None, help=words)
    parser.add_argument("--watch-parent", action="store_true", help="end when stdin closes")
    parser.set_defaults(withhold=0, seed=0, hang=0.0)
    if not is_called:
        return parser
    words = "how many of its answers to writes never arrive, though the write is done (0)"
    parser.add_argument("--withhold", type=int, default=0, help=words)
    words = "another seed withholds other answers (0)"
    parser.add_argument("--seed", type=int, default=0, help=words)
    words = "seconds that a caller waits for an answer that the fault “timeout” keeps back (0)"
    parser.add_argument("--hang", type=float, default=0.0, help=words)
    return parser


def start(
    name: str,
    settings: Namespace,
    make: Make,
    announcement: Mapping[str, object] | None = None,
    *,
    faults: Collection[str] = (),
) -> None:
    """Serve a simulator until killed; print its address, keys, ids and faults."""
    stand_in = make(Ledger(settings.ledger), MachineClock(settings.home), hang=settings.hang)
    start_line = {**(announcement or {}), "faults": sorted(faults)}
    serve(
        name,
        stand_in.handle,
        port=settings.port,
        watch_parent=settings.watch_parent,
        announcement=start_line,
    )


Deed = Callable[[Request, str], Reply]
Given = Mapping[str, Any]


class ControlError(Exception):
    """A control call that is refused; the text explains why."""


class Control(Generic[B]):
    """A simulator's control calls; each target's class adds its own."""

    def __init__(self, stand_in: StandIn[B], faults: Collection[str]) -> None:
        self.stand_in = stand_in
        self.books = stand_in.books
        self._faults = faults

    def answer(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""
        act = request.path.removeprefix(CONTROL)
        try:
            if request.method == "GET":
                return Reply(status=200, content=dumps(self.shown(act)))
            deed = self.deeds().get(act)
            return deed(request, request_id) if deed else self._act(act, request, request_id)
        except ControlError as error:
            return Reply(status=400, content={"error": str(error)})

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state for a GET."""
        if what == "faults":
            return {"known": sorted(self._faults), "planned": self.books.faults}
        raise ControlError(f"Nothing to show: {what}")

    def deeds(self) -> Mapping[str, Deed]:
        """Return acts beyond a change of the books, which are decided first, like a write."""
        return {}

    def check(self, act: str, body: Given) -> None:
        """Raise ControlError where a known act cannot be done as it is given."""

    def note(self, request_id: str, call: str, **fields: object) -> None:
        """Write a control call's ledger line."""
        line = {"at": self.stand_in.now().isoformat(), "request_id": request_id, "call": call}
        self.stand_in.write({**line, **fields})

    def _act(self, act: str, request: Request, request_id: str) -> Reply:
        body = given_of(request)
        if act not in self.books.acts():
            raise ControlError(f"No such act: {act}")
        self.check(act, body)
        self._check_plan(act, body)
        self.note(request_id, "control", act=act, given=plain(body), effect="control")
        self.stand_in.follow(act, body, request_id)
        return done(act)

    def _check_plan(self, act: str, body: Given) -> None:
        if act == "clock" and not isinstance(body.get("offset_seconds"), int | Decimal):
            raise ControlError("offset_seconds is a number")
        names = body.get("plan") or [body.get("fault")]
        if act == "faults" and any(name not in self._faults for name in names):
            raise ControlError(f"No such fault; known: {', '.join(sorted(self._faults))}")


def given_of(request: Request) -> Given:
    """Return a control call's body."""
    body = loads(request.body or b"{}")
    if not isinstance(body, dict):
        raise ControlError("The body is no JSON object")
    return body


def done(act: str, **fields: object) -> Reply:
    """Return the reply to an act."""
    return Reply(status=200, content={"done": act, **fields})


def plain(value: object) -> Any:
    """Return a value as a ledger line stores it: decimals as text."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(element) for name, element in value.items()}
    return [plain(element) for element in value] if isinstance(value, list) else value
