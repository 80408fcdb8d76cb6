"""The control API of a simulator: what a person would do in the target itself, and planned faults.

Here: `/_sim/…` as far as every simulator has it. Not here: what one target alone shows or does (its
simulator/control.py), anything a real interface offers.
"""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

from connectors.kit.scripted import Scripted
from connectors.kit.simulator import Reply, Request
from connectors.kit.standin import CONTROL, StandIn
from connectors.kit.strictjson import dumps, loads

Deed = Callable[[Request, str], Reply]
Given = Mapping[str, Any]
B = TypeVar("B", bound=Scripted)


class ControlError(Exception):
    """A control call that is not followed; the words say why."""


class Control(Generic[B]):
    """The control calls of a stand-in. A target's own adds what it alone shows, checks and does."""

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
        """What a GET tells of the books."""
        if what == "faults":
            return {"known": sorted(self._faults), "planned": self.books.faults}
        raise ControlError(f"Nothing to show: {what}")

    def deeds(self) -> Mapping[str, Deed]:
        """What is more than a change of the books: it is decided first, like a write."""
        return {}

    def check(self, act: str, given: Given) -> None:
        """Raise ControlError where a known act cannot be done as it is given."""

    def note(self, request_id: str, call: str, **told: object) -> None:
        """A ledger line of a control call."""
        line = {"at": self.stand_in.now().isoformat(), "request_id": request_id, "call": call}
        self.stand_in.write({**line, **told})

    def _act(self, act: str, request: Request, request_id: str) -> Reply:
        given = given_of(request)
        if act not in self.books.acts():
            raise ControlError(f"No such act: {act}")
        self.check(act, given)
        self._check_plan(act, given)
        self.note(request_id, "control", act=act, given=plain(given), effect="control")
        self.stand_in.follow(act, given, request_id)
        return done(act)

    def _check_plan(self, act: str, given: Given) -> None:
        if act == "clock" and not isinstance(given.get("offset_seconds"), int | Decimal):
            raise ControlError("offset_seconds is a number")
        names = given.get("plan") or [given.get("fault")]
        if act == "faults" and any(name not in self._faults for name in names):
            raise ControlError(f"No such fault; known: {', '.join(sorted(self._faults))}")


def given_of(request: Request) -> Given:
    """The body of a control call."""
    given = loads(request.body or b"{}")
    if not isinstance(given, dict):
        raise ControlError("The body is no JSON object")
    return given


def done(act: str, **told: object) -> Reply:
    """The answer to what was done."""
    return Reply(status=200, content={"done": act, **told})


def plain(value: object) -> Any:
    """A value as a ledger line carries it: decimals as text."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(held) for name, held in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value
