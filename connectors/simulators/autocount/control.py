"""What a person would do in AutoCount, and answers that go wrong on purpose.

Here: showing documents, changing one by hand, typing one, and the named faults. Not here: the rest
of `/_sim/…` (simulators/base/control.py), anything the real interface offers.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal

from connectors.simulators.autocount.books import BOOK, Books, Place, Shown, place_of
from connectors.simulators.autocount.checks import KINDS
from connectors.simulators.autocount.writes import Job, by_hand, decide
from connectors.simulators.base import control
from connectors.simulators.base.control import ControlError, Deed, Given, done, given_of, plain
from connectors.simulators.base.scripted import Fault, usual
from connectors.simulators.base.server import Reply, Request
from connectors.transport.strict_json import dumps


def refused(status: int, message: str) -> Reply:
    """The one shape of every refusal."""
    return Reply(status=status, content={"statusCode": status, "message": message})


FAULTS = {
    **usual(Fault),
    "unavailable": Fault(instead=refused(503, "Service unavailable.")),
    "rate_limited": Fault(instead=refused(429, "429 Too Many Requests.")),
    "invalid_key": Fault(instead=refused(401, "401 Unauthorized.")),
    "no_permission": Fault(instead=refused(403, "403 Forbidden.")),
}


class Control(control.Control[Books]):
    """The control calls of AutoCount."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Documents, too, with the path of each."""
        if what == "stock":
            made = self.books.documents
            return {what: stocked(made), "by_location": stocked_by_location(made)}
        if what != "documents":
            return super().shown(what)
        there = self.books.documents.items()
        return {what: [{"path": place[1], **plain(found)} for place, found in there]}

    def deeds(self) -> Mapping[str, Deed]:
        """A document is changed, or typed."""
        return {"by_hand": self._by_hand, "typed": self._typed}

    def check(self, act: str, given: Given) -> None:
        """The account book and the key that are meant are there."""
        if str(given.get("company", BOOK)) not in self.books.books:
            raise ControlError("No such account book")
        if act == "rekey" and given.get("key_id") not in self.books.keys:
            raise ControlError("No such key")

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Somebody changes a document in AutoCount's own pages: nothing compares it with ours.

        `number`, `path` (invoice), and any of `master`, `details`, `rows`, `cancelled`, `status`;
        `by` is who.
        """
        given = given_of(request)
        kind = KINDS.get(str(given.get("path", "invoice")).casefold())
        book, number = str(given.get("company", BOOK)), str(given.get("number", ""))
        stands = self.books.documents.get(place_of(book, kind.path, number)) if kind else None
        if kind is None or stands is None:
            raise ControlError("No such document")
        head = {name: given[name] for name in ("cancelled", "status") if name in given}
        change = {**given, "master": {**given.get("master", {}), **head}}
        made = by_hand(self.books.books[book], stands, change, self.stand_in.now())
        self.note(
            request_id,
            "by_hand",
            company=book,
            path=kind.path,
            type=kind.type,
            number=number,
            effect="by_hand",
            stands=dumps(made).decode(),
        )
        return done("by_hand")

    def _typed(self, request: Request, request_id: str) -> Reply:
        """Somebody types a document in AutoCount's own pages: `path` (invoice) and its `body`."""
        given = given_of(request)
        kind = KINDS.get(str(given.get("path", "invoice")).casefold())
        if kind is None:
            raise ControlError("No such kind of document")
        book = str(given.get("company", BOOK))
        job = Job(verb="create", kind=kind, book=book, number="", content=dumps(given.get("body")))
        made = decide(self.books, job, self.stand_in.now())
        if made.stands is None:
            raise ControlError(made.message)
        self.note(
            request_id,
            "by_hand",
            company=book,
            path=kind.path,
            type=kind.type,
            number=made.number,
            party=str(made.stands["master"].get("debtorCode") or ""),
            total=str(made.stands["master"].get("finalTotal") or ""),
            effect=made.effect,
            stands=dumps(made.stands).decode(),
        )
        return done("typed", number=made.number)


_OUT, _BACK, _IN = "invoice", "creditnote", "purchaseinvoice"


def stocked(documents: Mapping[Place, Shown]) -> dict[str, dict[str, str]]:
    """What the documents have done to the stock of each product: account book -> product -> what
    came or went (below 0), as text; without what evens out.

    A product has one unit: the unit of a row is text and is never converted, so 2 `CTN` of a
    product in `PCS` take 2 of it, not 24. Goods come back where the row of a credit note says so.
    """
    stock: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for book, _, code, quantity in _moved(documents):
        stock[book][code] += quantity
    return {book: _told(of) for book, of in stock.items()}


def stocked_by_location(documents: Mapping[Place, Shown]) -> dict[str, dict[str, dict[str, str]]]:
    """The same apart for each location: account book -> location -> product -> what came or went.
    A document that names no location is that of the blank one.
    """
    stock: dict[str, dict[str, dict[str, Decimal]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(Decimal))
    )
    for book, location, code, quantity in _moved(documents):
        stock[book][location][code] += quantity
    return {book: {at: _told(of) for at, of in all_.items()} for book, all_ in stock.items()}


def _moved(documents: Mapping[Place, Shown]) -> Iterator[tuple[str, str, str, Decimal]]:
    """Account book, location, product and quantity of each row that moves stock."""
    for (book, path, _), found in documents.items():
        master = found["master"]
        if path not in (_OUT, _BACK, _IN) or master.get("cancelled"):
            continue
        for row in found["details"]:
            code, quantity = row.get("productCode"), Decimal(row.get("qty") or 0)
            if code and (path != _BACK or row.get("goodsReturn") is True):
                signed = -quantity if path == _OUT else quantity
                yield book, str(master.get("salesLocation") or ""), str(code), signed


def _told(of: Mapping[str, Decimal]) -> dict[str, str]:
    """Quantities as text, without what evens out."""
    return {code: format(n.normalize(), "f") for code, n in of.items() if n}
