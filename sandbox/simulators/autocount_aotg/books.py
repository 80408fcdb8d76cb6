"""Hold the state of AutoCount On The Go: account books, tokens, queue, results, faults."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.transport.strict_json import dumps, loads
from sandbox.simulators.base import control
from sandbox.simulators.base.control import ControlError, Deed, Given, done, given_of, plain
from sandbox.simulators.base.server import (
    Act,
    Fault,
    Reply,
    Request,
    Scripted,
    last_day,
    usual,
    with_content,
)

USER = "clearpost@kedai.example"

PASSWORD = "aotg-demo-4Vr8"  # noqa: S105 - of a stand-in

API_KEY, OTHER_KEY = "3DT88-KEDAI-CONTO-H0001-7QK2M", "9KX21-OTHER-BOOK0-H0002-1WD5N"

FIRST_TOKEN = "SAM-demo-token-without-an-end"  # noqa: S105 - for calls by hand

FIRST_ID = 1455

KEPT = timedelta(days=7)

DATE_FORMATS = {"dd-MM-yyyy": "%d-%m-%Y", "MM-dd-yyyy": "%m-%d-%Y", "yyyy-MM-dd": "%Y-%m-%d"}

Shown = Mapping[str, Any]

_SETS = ("debtors", "accounts", "terms", "agents", "currencies", "journals", "inactive")


@dataclass(slots=True, kw_only=True)
class AccountBook:
    """One account book and its master data; control calls change them."""

    key: str
    debtors: set[str]
    accounts: set[str]
    tax_codes: dict[str, Decimal]
    terms: set[str] = field(default_factory=lambda: {"C.O.D.", "Net 30 days"})
    agents: set[str] = field(default_factory=lambda: {"WEB", "LIWEI"})
    currencies: set[str] = field(default_factory=lambda: {"MYR", "SGD"})
    journals: set[str] = field(default_factory=lambda: {"SALES"})
    inactive: set[str] = field(default_factory=set)
    date_format: str = "dd-MM-yyyy"
    locked_through: date | None = None
    offline: bool = False
    whole_batches: bool = False
    apart: bool = False
    """Whether it answers as the vendor's own pages show it: an id and a name, and results apart."""


def default_books(*, locked_through: date | None) -> dict[str, AccountBook]:
    """Return the intended book, and another one, by their API keys."""
    first = AccountBook(
        key=API_KEY,
        debtors={"300-W001", "300-K210", "300-K211", "300-K305"},
        accounts={"500-0000", "510-0000"},
        tax_codes={"S-10": Decimal(10), "NT": Decimal(0)},
        locked_through=locked_through,
    )
    second = AccountBook(key=OTHER_KEY, debtors=set(), accounts=set(), tax_codes={})
    return {book.key: book for book in (first, second)}


@dataclass(frozen=True, slots=True)
class Queued:
    """A request that the relay keeps for the account book."""

    request: str
    book: str
    kind: str  # create batch list debtors
    content: str
    at: datetime
    ready_at: datetime
    fault: Mapping[str, Any]
    body_sha256: str

    def state(self, now: datetime, *, offline: bool) -> str:
        """Return the request's state before it is processed."""
        begun = self.at + (self.ready_at - self.at) * 2 / 3
        return "InQueue" if offline or now < begun else "Processing"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a request."""

    book: str
    at: datetime
    content: Mapping[str, Any]


class Books(Scripted):
    """The state of the simulator."""

    def __init__(
        self,
        *,
        books: Mapping[str, AccountBook],
        seconds: float,
        crowd_seconds: float,
        token_life: timedelta,
        withhold: int,
        seed: int,
    ) -> None:
        self._start = dict(books)
        self._pace = (seconds, crowd_seconds)
        self.token_life = token_life
        super().__init__(withhold=withhold, seed=seed)

    def rewind(self) -> None:
        """Reset to a new subscription."""
        super().rewind()
        self.books: dict[str, AccountBook] = deepcopy(self._start)
        self.seconds, self.crowd_seconds = self._pace
        self.password = PASSWORD
        self.tokens: dict[str, tuple[str, datetime | None]] = {FIRST_TOKEN: (API_KEY, None)}
        self.given = 0
        self.requests = 0
        self.queue: dict[str, Queued] = {}
        self.results: dict[str, Result] = {}
        self.documents: dict[tuple[str, str], Shown] = {}
        self.last_id = FIRST_ID - 1
        self.last_number = 0

    def book_of(self, token: str, now: datetime) -> AccountBook | None:
        """Return a token's account book, or None."""
        key, until = self.tokens.get(token, ("", None))
        good = key and (until is None or now < until)
        return self.books.get(key) if good else None

    def ready_at(self, book: str, now: datetime) -> datetime:
        """Return when a request that arrives now is processed, in order."""
        requests = [entry for entry in self.queue.values() if entry.book == book]
        crowd = sum(now - entry.at < timedelta(seconds=1) for entry in requests)
        soonest = now + timedelta(seconds=self.seconds + self.crowd_seconds * crowd)
        return max([soonest, *(entry.ready_at for entry in requests)])

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a call's ledger line."""
        effect = line["effect"]
        if effect == "token":
            self.given += 1
            self.tokens[line["token"]] = (line["book"], datetime.fromisoformat(line["until"]))
        elif effect == "queued":
            self._queue(line)
        elif effect == "ended":
            self.queue.pop(line["request"], None)
            at = datetime.fromisoformat(line["at"])
            content = loads(line["result"].encode())
            fields = content if isinstance(content, dict) else {}
            self.results[line["request"]] = Result(line["book"], at, fields)
        elif effect in ("created", "by_hand"):
            self._stand(line)

    def _queue(self, line: Mapping[str, Any]) -> None:
        self.requests += 1
        at, ready = (datetime.fromisoformat(line[name]) for name in ("at", "ready_at"))
        self.queue[line["request"]] = Queued(
            request=line["request"],
            book=line["book"],
            kind=line["kind"],
            content=line["content"],
            at=at,
            ready_at=ready,
            fault=line["fault"],
            body_sha256=line["body_sha256"],
        )
        self.effects += line["kind"] not in ("list", "debtors")

    def _stand(self, line: Mapping[str, Any]) -> None:
        document = loads(line["stands"].encode())
        if isinstance(document, dict):
            self.documents[line["book"], str(document["DocNo"]).casefold()] = document
            self.last_id = max(self.last_id, int(document["Id"]))
            self.last_number += bool(line.get("running"))

    def acts(self) -> dict[str, Act]:
        """Return AutoCount On The Go's control acts."""
        return super().acts() | {
            "lock": self._set_lock,
            "book": self._set_book,
            "queue": self._set_queue,
            "password": self._set_password,
            "revoke": self._revoke,
        }

    def _set_lock(self, body: Mapping[str, Any]) -> None:
        self.book(body).locked_through = last_day(body)

    def _set_book(self, body: Mapping[str, Any]) -> None:
        """Add codes; replace the date format and the book's switches."""
        book = self.book(body)
        for name in _SETS:
            getattr(book, name).update(map(str, body.get(name, ())))
        taxes = body.get("tax_codes", {})
        book.tax_codes |= {str(k): Decimal(str(v)) for k, v in taxes.items()}
        book.date_format = str(body.get("date_format", book.date_format))
        book.offline = bool(body.get("offline", book.offline))
        book.whole_batches = bool(body.get("whole_batches", book.whole_batches))
        book.apart = bool(body.get("apart", book.apart))

    def _set_queue(self, body: Mapping[str, Any]) -> None:
        self.seconds = float(body.get("seconds", self.seconds))
        self.crowd_seconds = float(body.get("crowd_seconds", self.crowd_seconds))

    def _set_password(self, body: Mapping[str, Any]) -> None:
        self.password = str(body["password"])

    def _revoke(self, _: Mapping[str, Any]) -> None:
        """Make every token invalid."""
        self.tokens.clear()

    def book(self, body: Mapping[str, Any]) -> AccountBook:
        """Return a control call's account book."""
        return self.books[str(body.get("company", API_KEY))]


def refused(status: int, message: str, **headers: str) -> Reply:
    """Return a refusal by the relay itself."""
    return Reply(status=status, content={"Message": message}, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFault(Fault):
    """A planned fault; `denied`: the result reports a failure although it was stored."""

    denied: bool = False

    def kept(self) -> dict[str, bool]:
        """Return the faults that meet the request when it is processed."""
        return {name: True for name in ("locked", "drop", "twice", "denied") if getattr(self, name)}


class Control(control.Control[Books]):
    """The control calls of AutoCount On The Go."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state with all documents and the queue."""
        if what == "documents":
            return {what: [plain(document) for document in self.books.documents.values()]}
        if what == "queue":
            return {what: list(self.books.queue)}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """Return the acts by hand: enter or change a document."""
        return {"by_hand": self._by_hand}

    def check(self, act: str, body: Given) -> None:
        """Check that the account book exists and has these settings."""
        if str(body.get("company", API_KEY)) not in self.books.books:
            raise ControlError("No such account book")
        if act == "book" and body.get("date_format", "dd-MM-yyyy") not in DATE_FORMATS:
            raise ControlError(f"No such date format; known: {', '.join(DATE_FORMATS)}")

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Change or enter a document on the desktop.

        `number`, and any of its shown fields; a new document needs all except `Cancelled`.
        """
        body = given_of(request)
        book, number = str(body.get("company", API_KEY)), str(body.get("number", ""))
        words = ("DebtorCode", "DocDate", "Cancelled")
        stands = self.books.documents.get((book, number.casefold()))
        if stands is None:
            if not number or not {"DebtorCode", "DocDate", "NetTotal"} <= body.keys():
                raise ControlError("No such document")
            stands = {"Id": self.books.last_id + 1, "DocNo": number, "Cancelled": False}
        change = {name: body[name] for name in words if name in body}
        if "NetTotal" in body:
            change["NetTotal"] = Decimal(str(body["NetTotal"]))
        document_json = dumps({**stands, **change}).decode()
        self.note(request_id, "by_hand", effect="by_hand", book=book, stands=document_json)
        return done("by_hand")


FAULTS = {
    **usual(QueueFault),
    **with_content(QueueFault),
    "failed_after": QueueFault(denied=True),
    "unavailable": QueueFault(instead=refused(503, "Service unavailable.")),
    "rate_limited": QueueFault(instead=refused(429, "Too many requests.", **{"Retry-After": "30"})),
    "invalid_key": QueueFault(instead=refused(401, "Unauthorized.")),
}
