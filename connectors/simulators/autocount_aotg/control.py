"""What a person would do in the account book, and answers that go wrong on purpose.

Here: showing documents and the queue, changing one by hand, and the named faults. Not here: the
rest of `/_sim/…` (simulators/base/control.py), anything the real interface offers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from connectors.simulators.autocount_aotg.books import API_KEY, DATE_FORMATS, Books
from connectors.simulators.base import control
from connectors.simulators.base.control import ControlError, Deed, Given, done, given_of, plain
from connectors.simulators.base.scripted import Fault, usual, with_content
from connectors.simulators.base.server import Reply, Request
from connectors.transport.strict_json import dumps


def refused(status: int, message: str, **headers: str) -> Reply:
    """A refusal by the relay itself."""
    return Reply(status=status, content={"Message": message}, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFault(Fault):
    """`denied`: the result says that it failed, though it was stored."""

    denied: bool = False

    def kept(self) -> dict[str, bool]:
        """What of it meets the request when its turn comes."""
        return {name: True for name in ("locked", "drop", "twice", "denied") if getattr(self, name)}


FAULTS = {
    **usual(QueueFault),
    **with_content(QueueFault),
    "failed_after": QueueFault(denied=True),
    "unavailable": QueueFault(instead=refused(503, "Service unavailable.")),
    "rate_limited": QueueFault(instead=refused(429, "Too many requests.", **{"Retry-After": "30"})),
    "invalid_key": QueueFault(instead=refused(401, "Unauthorized.")),
}


class Control(control.Control[Books]):
    """The control calls of AutoCount On The Go."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Documents and the queue, too."""
        if what == "documents":
            return {what: [plain(found) for found in self.books.documents.values()]}
        if what == "queue":
            return {what: list(self.books.queue)}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """A document is typed, or changed."""
        return {"by_hand": self._by_hand}

    def check(self, act: str, given: Given) -> None:
        """The account book that is meant is there, and can be set so."""
        if str(given.get("company", API_KEY)) not in self.books.books:
            raise ControlError("No such account book")
        if act == "book" and given.get("date_format", "dd-MM-yyyy") not in DATE_FORMATS:
            raise ControlError(f"No such date format; known: {', '.join(DATE_FORMATS)}")

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Somebody changes a document on the desktop: `number`, and any of its shown words; or
        types one, which needs them all but `Cancelled`.
        """
        given = given_of(request)
        book, number = str(given.get("company", API_KEY)), str(given.get("number", ""))
        words = ("DebtorCode", "DocDate", "Cancelled")
        stands = self.books.documents.get((book, number.casefold()))
        if stands is None:
            if not number or not {"DebtorCode", "DocDate", "NetTotal"} <= given.keys():
                raise ControlError("No such document")
            stands = {"Id": self.books.last_id + 1, "DocNo": number, "Cancelled": False}
        change = {name: given[name] for name in words if name in given}
        if "NetTotal" in given:
            change["NetTotal"] = Decimal(str(given["NetTotal"]))
        made = dumps({**stands, **change}).decode()
        self.note(request_id, "by_hand", effect="by_hand", book=book, stands=made)
        return done("by_hand")
