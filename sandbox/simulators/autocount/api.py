"""Serve AutoCount's endpoints, its control calls, and a ledger line before each answer."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.transport.strict_json import dumps, loads
from sandbox.simulators.autocount.books import (
    BOOK,
    MADE,
    AccountBook,
    ApiKey,
    Books,
    Place,
    Shown,
    place_of,
    total_of,
)
from sandbox.simulators.autocount.checks import KINDS, Job, Kind, Outcome, by_hand, decide
from sandbox.simulators.base import control
from sandbox.simulators.base.control import (
    ControlError,
    Deed,
    Given,
    Metered,
    done,
    given_of,
    plain,
)
from sandbox.simulators.base.server import Fault, Reply, Request, usual

_DATES = {"date": "docDate", "createdDate": "createdTimeStamp", "lastModifiedDate": "lastModified"}

_TEXTS = ("docNo", "debtorCode", "salesAgent")

_DOCUMENT_VERBS = {
    ("GET", ""): "read",
    ("POST", ""): "create",
    ("PUT", ""): "update",
    ("POST", "void"): "void",
    ("POST", "unvoid"): "unvoid",
    ("GET", "listing"): "listing",
    ("POST", "listing"): "listing",
}

_PARTIES = ("debtorCode", "creditorCode", "accNo")

_OUT, _BACK, _IN = "invoice", "creditnote", "purchaseinvoice"

A_PAGE = 100

_LONGEST = {
    **dict.fromkeys(("companyName", "desc2"), 100),
    **dict.fromkeys(("registerNo", "phone1", "phone2", "fax1", "fax2"), 25),
    **dict.fromkeys(("address", "deliverAddress"), 200),
    **dict.fromkeys(("postCode", "deliverPostCode"), 10),
    **dict.fromkeys(("attention", "natureOfBusiness"), 40),
    "accNo": 12,
    "emailAddress": 255,
    "webURL": 80,
    "taxRegisterNo": 20,
}

_WORDS = {*_LONGEST, "currencyCode", "creditTerm", "parentAccNo", "isActive", "areaCode"} | {
    "salesAgent",
    "taxCode",
    "note",
}

_REQUIRED = ("companyName", "currencyCode", "creditTerm")

_ALWAYS = ("accNo", "companyName", "currencyCode")

_CURRENCIES = frozenset({"MYR", "SGD", "USD"})

_PARTY_VERBS = {("POST", ""): "create", ("GET", ""): "read", ("GET", "listing"): "listing"}


def answer(books: Books, request: Request, book: str, kind: Kind) -> Reply:
    """Return one page; `totalCount` is the page's length, and a page past the end is empty."""
    content = loads(request.body) if request.method == "POST" else None
    fields: Mapping[str, Any] = content if isinstance(content, dict) else {}
    page = fields.get("page") or request.query.get("page") or 1
    chosen = fields.get("filter")
    filters: Mapping[str, Any] = chosen if isinstance(chosen, dict) else _simple(request)
    documents = [
        document
        for place, document in books.documents.items()
        if place[:2] == (book, kind.path.casefold()) and _fits(document, filters)
    ]
    start = (int(page) - 1) * A_PAGE if str(page).isdecimal() else 0
    page_documents = [
        books.bare(document) for document in documents[max(0, start) : start + A_PAGE]
    ]
    return Reply(status=200, content={"data": page_documents, "totalCount": len(page_documents)})


def _simple(request: Request) -> dict[str, Any]:
    limits = {"from": request.query.get("startdate"), "to": request.query.get("enddate")}
    return {"date": {name: day for name, day in limits.items() if day}}


def _fits(document: Shown, filters: Mapping[str, Any]) -> bool:
    master = document["master"]
    for name, field in (*_DATES.items(), *((text, text) for text in _TEXTS)):
        limits = filters.get(name)
        if isinstance(limits, dict) and not _within(str(master.get(field) or ""), limits):
            return False
    return True


def _within(value: str, limits: Mapping[str, Any]) -> bool:
    several = limits.get("multiSelect")
    if isinstance(several, list):
        return value.casefold() in {str(choice).casefold() for choice in several}
    low, high = str(limits.get("from") or ""), str(limits.get("to") or "")
    return low <= value[: len(low) or None] and (not high or value[: len(high)] <= high)


@dataclass(frozen=True, slots=True)
class PartyWay:
    """Where a request goes: the debtors or creditors of a book, and what it does with them."""

    book: str
    path: str
    verb: str

    @property
    def thing(self) -> str:
        """Return the word for one in messages."""
        return self.path.capitalize()

    def shut(self, key: ApiKey) -> int:
        """Return the status with which this key is refused, or 0."""
        if key.book != self.book:
            return 401
        method = "POST" if self.verb == "create" else "GET"
        return 403 if key.methods is not None and f"{method} {self.path}" not in key.methods else 0


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a request goes: a book, a kind of document, and the word after it."""

    book: str
    kind: Kind
    word: str


class Api(Metered[Books]):
    """AutoCount, from the outside."""

    def refuse_read(self, status: int, words: str) -> Reply:
        """Return AutoCount's one shape of a refusal."""
        return refused(status, words)

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""
        return Control(self, FAULTS).answer(request, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Return the reply; names in addresses ignore case.

        Every reply has the number of calls left in this minute.
        """
        request = replace(request, query={k.lower(): v for k, v in request.query.items()})
        now = self.now()
        calls_left = self.calls_left(request.headers.get("key-id", ""), now)
        minute = now.replace(second=0, microsecond=0)
        reset = (minute + timedelta(minutes=1)).astimezone(UTC)
        if calls_left < 0:
            reply, hang = refused(429, "429 Too Many Requests."), False
            self._note(request, request_id, reply)
        else:
            reply, hang = self._route(request, request_id)
        headers = {
            "x-rate-limit-limit": "1m",
            "x-rate-limit-remaining": str(max(0, calls_left)),
            "x-rate-limit-reset": f"{reset:%Y-%m-%dT%H:%M:%S}.0000000Z",
            **reply.headers,
        }
        content = reply.content if isinstance(reply.content, bytes) else dumps(reply.content)
        return Reply(status=reply.status, content=content, headers=headers, cut=reply.cut), hang

    def _route(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        route = _way(request)
        key = self.books.keys.get(request.headers.get("key-id", ""))
        if _asks_product(request) and key and key.secret == request.headers.get("api-key"):
            reply = self._product(request, key)
            self._note(request, request_id, reply)
            return reply, False
        party = way_of(request)
        if party and key and key.secret == request.headers.get("api-key"):
            return self._party(request, request_id, key, party)
        verb = _DOCUMENT_VERBS.get((request.method, route.word), "") if route else ""
        if key is None or key.secret != request.headers.get("api-key") or not _reaches(key, route):
            book_exists = route is None or route.book in self.books.books
            reply = (
                refused(401, "401 Unauthorized.") if book_exists else refused(404, "404 Not Found.")
            )
        elif route is None or verb not in route.kind.verbs:
            reply = refused(404, "404 Not Found.")
        elif key.methods is not None and f"{request.method} {route.kind.path}" not in key.methods:
            reply = refused(403, "403 Forbidden.")
        elif verb == "listing":
            reply = answer(self.books, request, route.book, route.kind)
        elif verb == "read":
            return self._read(request, request_id, route), False
        else:
            return self._write(request, request_id, route, verb)
        self._note(request, request_id, reply)
        return reply, False

    def _party(
        self, request: Request, request_id: str, key: ApiKey, route: PartyWay
    ) -> tuple[Reply, bool]:
        """Return a debtor or creditor, or a page of debtors or creditors."""
        if status := route.shut(key):
            reply = refused(status, "401 Unauthorized." if status == 401 else "403 Forbidden.")
            self._note(request, request_id, reply)
            return reply, False
        makes = route.verb == "create"
        name, planned = self.books.fault_of(request) if makes else ("", False)
        fault = FAULTS.get(name, Fault())
        reply, line_fields = answered(self.books, route, request, fault)
        self.write(
            {**self._line(request, request_id), **line_fields, "planned": planned}, sync=makes
        )
        return reply, fault.hang

    def _product(self, request: Request, key: ApiKey) -> Reply:
        """Return one product with its only unit."""
        code = request.query.get("code", "")
        book = self.books.books.get(request.path.strip("/").split("/")[0])
        if book is None or book.number != key.book:
            return refused(401, "401 Unauthorized.")
        if not code:
            return refused(400, "Code is required.")
        if book.products_away:
            return refused(503, "Service unavailable.")
        if code not in book.products:
            return refused(404, f"Product (ProductKey = {code}) not exists")
        product = {"productCode": code, "productType": "I", "status": "A"}
        return Reply(status=200, content={"product": {**product, "unit": book.products[code]}})

    def _read(self, request: Request, request_id: str, route: _Way) -> Reply:
        number = request.query.get("docno", "")
        document = self.books.shown(place_of(route.book, route.kind.path, number))
        lagged = self.books.lag > 0
        if document is None:
            thing = route.kind.thing
            reply = refused(404, f"{thing} ({thing}Key = {number}) not exists")
        else:
            reply = Reply(status=200, content=document)
        self._note(request, request_id, reply, lagged=lagged)
        return reply

    def _write(
        self, request: Request, request_id: str, route: _Way, verb: str
    ) -> tuple[Reply, bool]:
        name, planned = self.books.fault_of(request)
        fault = FAULTS.get(name, Fault())
        if fault.instead is not None:
            self._note(request, request_id, fault.instead, planned=planned)
            return fault.instead, fault.hang
        job = Job(
            verb=verb,
            kind=route.kind,
            book=route.book,
            number=request.query.get("docno", ""),
            content=request.body,
            locked=fault.locked,
        )
        reply = Reply(status=500, content=b"")
        for turn in range(2 if fault.twice else 1):
            outcome = decide(self.books, job, self.now())
            line = {**self._line(request, request_id), **_ledger_entry(job, outcome)}
            reply = self._close(
                line, request, job, outcome, fault, planned=planned if not turn else False
            )
        return reply, fault.hang

    def _close(
        self,
        line: dict[str, Any],
        request: Request,
        job: Job,
        outcome: Outcome,
        fault: Fault,
        *,
        planned: bool | str,
    ) -> Reply:
        """Write the line, then answer: a good answer has no content."""
        if fault.drop:
            line |= {"effect": "dropped", "stands": None}
        withheld = bool(fault.cut) or (outcome.stands is not None and self.books.withholds_next())
        self.write({**line, "answer": "withheld" if withheld else "sent", "planned": planned})
        if outcome.stands is None:
            reply = refused(outcome.status, outcome.message)
        else:
            where = f"{_host(request)}/{job.book}/{job.kind.path.lower()}?docNo={outcome.number}"
            headers = {"location": where} if outcome.status == 201 else {}
            reply = Reply(status=outcome.status, content=b"", headers=headers)
        return fault.sent(reply, withheld=withheld)

    def _note(
        self,
        request: Request,
        request_id: str,
        reply: Reply,
        *,
        planned: bool | str = False,
        lagged: bool = False,
    ) -> None:
        """Write a ledger line for a call without an effect.

        A refused write is on the disk before its reply.
        """
        line = self._line(request, request_id) | {
            "effect": "read" if reply.status == 200 else "refused",
            "code": str(reply.status),
            "answer": "withheld" if reply.cut else "sent",
            "planned": planned,
            "lagged": lagged,
        }
        self.write(line, sync=request.method != "GET")

    def _line(self, request: Request, request_id: str) -> dict[str, Any]:
        route = _way(request)
        return {
            "at": self.now().isoformat(),
            "request_id": request_id,
            "call": "lookup"
            if request.method == "GET"
            else (route.word if route else "") or "write",
            "company": route.book if route else "",
            "path": route.kind.path if route else request.path,
            "type": route.kind.type if route else "",
            "number": request.query.get("docno", ""),
            "party": "",
            "key": "",
            "body_sha256": hashlib.sha256(request.body).hexdigest() if request.body else "",
            "total": None,
        }


def _way(request: Request) -> _Way | None:
    """Return the request's route; paths ignore case."""
    parts = request.path.strip("/").split("/")
    kind = KINDS.get(parts[1].casefold()) if len(parts) in (2, 3) else None
    word = parts[2].casefold() if len(parts) == 3 else ""
    return _Way(parts[0], kind, word) if kind else None


def _asks_product(request: Request) -> bool:
    return request.method == "GET" and request.path.strip("/").casefold().endswith("/product")


def _reaches(key: ApiKey, route: _Way | None) -> bool:
    return route is None or route.book == key.book


def _ledger_entry(job: Job, outcome: Outcome) -> dict[str, Any]:
    """Return a ledger line's fields for a decision."""
    stands = outcome.stands or {"master": {}, "details": []}
    master = stands["master"]
    row = stands["details"][0] if stands["details"] else {}
    parties = (*(master.get(name) for name in _PARTIES), row.get("accNo"))
    return {
        "call": job.verb,
        "number": outcome.number,
        "party": next((str(party) for party in parties if party), ""),
        "total": str(_total(job, stands)) if master else None,
        "effect": outcome.effect,
        "code": outcome.message,
        "stands": dumps(outcome.stands).decode() if outcome.stands is not None else None,
    }


def _total(job: Job, stands: Shown) -> Decimal:
    return total_of(stands) if job.kind.ties else stands["master"]["finalTotal"]


def _host(request: Request) -> str:
    return f"http://{request.headers.get('host', '')}"


def refused(status: int, message: str) -> Reply:
    """Return a refusal in its only form."""
    return Reply(status=status, content={"statusCode": status, "message": message})


class Control(control.Control[Books]):
    """The control calls of AutoCount."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state with all documents and their paths."""
        if what == "stock":
            documents = self.books.documents
            return {what: stocked(documents), "by_location": stocked_by_location(documents)}
        if what != "documents":
            return super().shown(what)
        entries = self.books.documents.items()
        return {what: [{"path": place[1], **plain(document)} for place, document in entries]}

    def deeds(self) -> Mapping[str, Deed]:
        """Return the acts by hand: change or enter a document."""
        return {"by_hand": self._by_hand, "typed": self._typed}

    def check(self, act: str, body: Given) -> None:
        """Check that the account book and the key exist."""
        if str(body.get("company", BOOK)) not in self.books.books:
            raise ControlError("No such account book")
        if act == "rekey" and body.get("key_id") not in self.books.keys:
            raise ControlError("No such key")

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Change a document as in AutoCount's own pages, without a comparison with ours.

        `number`, `path` (invoice), and any of `master`, `details`, `rows`, `cancelled`, `status`;
        `by` is the user.
        """
        body = given_of(request)
        kind = KINDS.get(str(body.get("path", "invoice")).casefold())
        book, number = str(body.get("company", BOOK)), str(body.get("number", ""))
        stands = self.books.documents.get(place_of(book, kind.path, number)) if kind else None
        if kind is None or stands is None:
            raise ControlError("No such document")
        head = {name: body[name] for name in ("cancelled", "status") if name in body}
        change = {**body, "master": {**body.get("master", {}), **head}}
        document = by_hand(self.books.books[book], kind.path, stands, change, self.stand_in.now())
        self.note(
            request_id,
            "by_hand",
            company=book,
            path=kind.path,
            type=kind.type,
            number=number,
            effect="by_hand",
            stands=dumps(document).decode(),
        )
        return done("by_hand")

    def _typed(self, request: Request, request_id: str) -> Reply:
        """Enter a document as in AutoCount's own pages: `path` (invoice) and its `body`."""
        body = given_of(request)
        kind = KINDS.get(str(body.get("path", "invoice")).casefold())
        if kind is None:
            raise ControlError("No such kind of document")
        book = str(body.get("company", BOOK))
        job = Job(verb="create", kind=kind, book=book, number="", content=dumps(body.get("body")))
        outcome = decide(self.books, job, self.stand_in.now())
        if outcome.stands is None:
            raise ControlError(outcome.message)
        self.note(
            request_id,
            "by_hand",
            company=book,
            path=kind.path,
            type=kind.type,
            number=outcome.number,
            party=str(outcome.stands["master"].get("debtorCode") or ""),
            total=str(outcome.stands["master"].get("finalTotal") or ""),
            effect=outcome.effect,
            stands=dumps(outcome.stands).decode(),
        )
        return done("typed", number=outcome.number)


def stocked(documents: Mapping[Place, Shown]) -> dict[str, dict[str, str]]:
    """Return the stock change of each product: account book -> product -> quantity as text.

    Quantities below 0 went out; zeros are omitted. A product has one unit: a row's unit is text and
    is never converted, so 2 `CTN` of a product in `PCS` take 2 pieces, not 24. Goods return if a
    credit note's row requires it.
    """
    stock: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for book, _, code, quantity in _moved(documents):
        stock[book][code] += quantity
    return {book: _quantity_texts(of) for book, of in stock.items()}


def _moved(documents: Mapping[Place, Shown]) -> Iterator[tuple[str, str, str, Decimal]]:
    """Yield account book, location, product and quantity of each row that moves stock."""
    for (book, path, _), document in documents.items():
        master = document["master"]
        if path not in (_OUT, _BACK, _IN) or master.get("cancelled"):
            continue
        for row in document["details"]:
            code, quantity = row.get("productCode"), Decimal(row.get("qty") or 0)
            if code and (path != _BACK or row.get("goodsReturn") is True):
                signed = -quantity if path == _OUT else quantity
                yield book, str(master.get("salesLocation") or ""), str(code), signed


def _quantity_texts(of: Mapping[str, Decimal]) -> dict[str, str]:
    """Return nonzero quantities as text."""
    return {code: format(n.normalize(), "f") for code, n in of.items() if n}


def stocked_by_location(documents: Mapping[Place, Shown]) -> dict[str, dict[str, dict[str, str]]]:
    """Return the stock change by location: account book -> location -> product -> quantity.

    A document without a location counts for the blank one.
    """
    stock: dict[str, dict[str, dict[str, Decimal]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(Decimal))
    )
    for book, location, code, quantity in _moved(documents):
        stock[book][location][code] += quantity
    return {
        book: {at: _quantity_texts(of) for at, of in all_.items()} for book, all_ in stock.items()
    }


def way_of(request: Request) -> PartyWay | None:
    """Return the route of a request about debtors or creditors; paths ignore case."""
    book, path, word = [*request.path.strip("/").casefold().split("/"), "", ""][:3]
    verb = _PARTY_VERBS.get((request.method, word))
    return PartyWay(book, path, verb) if verb and path in ("debtor", "creditor") else None


def answered(
    books: Books, route: PartyWay, request: Request, fault: Fault
) -> tuple[Reply, dict[str, Any]]:
    """Return the reply to a request about debtors or creditors, and the fields of its ledger line.

    The request lists them, reads one or creates one. `fault` may replace the reply.
    """
    line_fields = {
        "call": f"party {route.verb}",
        "company": route.book,
        "path": route.path,
        "answer": "sent",
    }
    if fault.instead is not None:
        return fault.instead, {
            **line_fields,
            "effect": "refused",
            "code": str(fault.instead.status),
        }
    if route.verb == "listing":
        return _page(books, route, request), {**line_fields, "effect": "read", "code": "200"}
    if route.verb == "read":
        reply = _read(books, route, request.query.get("accno", ""))
        return reply, {**line_fields, "effect": "read", "code": str(reply.status)}
    sent = loads(request.body)
    if not isinstance(sent, dict):
        return _refused(400, "The request body is not valid."), {**line_fields, "effect": "refused"}
    sent = {**sent, "accNo": sent.get("accNo") or _next(books, route, sent)}
    line_fields = {**line_fields, "number": str(sent["accNo"]), "party": str(sent["accNo"])}
    objection = next(_objections(books.books[route.book], route, sent), "")
    if objection:
        return _refused(400, objection), {**line_fields, "effect": "refused", "code": objection}
    effect = "dropped" if fault.drop else MADE
    where = (
        f"http://{request.headers.get('host', '')}/{route.book}/{route.path}?accNo={sent['accNo']}"
    )
    reply = fault.sent(Reply(status=201, content=b"", headers={"location": where}))
    answer = "withheld" if reply.cut else "sent"
    return reply, {
        **line_fields,
        "effect": effect,
        "answer": answer,
        "stands": dumps(sent).decode(),
    }


def _page(books: Books, route: PartyWay, request: Request) -> Reply:
    """Return one page; field names ignore case and are returned capitalized."""
    field_names = {
        value.casefold()
        for name, value in parse_qsl(urlsplit(request.target).query)
        if name.casefold() == "field"
    }
    field_names |= {name.casefold() for name in _ALWAYS}
    parties = [
        _shown(books, route, code) for code in sorted(books.books[route.book].parties(route.path))
    ]
    if request.query.get("activeonly") == "true":
        parties = [party for party in parties if party["isActive"]]
    page = request.query.get("page", "1")
    start = (int(page) - 1) * A_PAGE if page.isdecimal() else 0
    data = [
        {
            f"{name[:1].upper()}{name[1:]}": party[name]
            for name in party
            if name.casefold() in field_names
        }
        for party in parties[max(0, start) : start + A_PAGE]
    ]
    return Reply(status=200, content={"data": data, "totalCount": len(data)})


def _shown(books: Books, route: PartyWay, code: str) -> dict[str, Any]:
    """Return one debtor or creditor with every known field; initial ones have few."""
    home = books.books[route.book].home_currency
    usual = {"accNo": code, "companyName": code, "currencyCode": home, "registerNo": ""}
    return {**usual, "isActive": True, **books.parties.get((route.book, route.path, code), {})}


def _read(books: Books, route: PartyWay, code: str) -> Reply:
    if code not in books.books[route.book].parties(route.path):
        return _refused(404, f"{route.thing} ({route.thing}Key = {code}) not exists")
    return Reply(status=200, content={route.path: _shown(books, route, code)})


def _refused(status: int, message: str) -> Reply:
    return Reply(status=status, content={"statusCode": status, "message": message})


def _next(books: Books, route: PartyWay, sent: Mapping[str, Any]) -> str:
    """Return the code for one without a code; AutoCount checks no format."""
    head = ("300" if route.path == "debtor" else "400") + f"-{str(sent.get('companyName'))[:1]}"
    used_codes = books.books[route.book].parties(route.path)
    return next(
        code for code in (f"{head}{at:03}" for at in range(1, 1000)) if code not in used_codes
    )


def _objections(book: AccountBook, route: PartyWay, sent: Mapping[str, Any]) -> Iterator[str]:
    for name in sent:
        if name not in _WORDS or (route.path == "creditor" and name.startswith("deliver")):
            yield f"Could not find member '{name}' on object of type '{route.thing}'."
    for name in _REQUIRED:
        if sent.get(name) in (None, ""):
            yield f"{name[0].upper()}{name[1:]} is required."
    for name, longest in _LONGEST.items():
        if len(str(sent.get(name) or "")) > longest:
            yield f"{name[0].upper()}{name[1:]} exceeds maximum length of {longest}."
    if sent.get("creditTerm") not in book.terms:
        yield f"CreditTerm (CreditTermKey = {sent.get('creditTerm')}) not exists"
    if sent.get("currencyCode") not in _CURRENCIES:
        yield f"Currency (CurrencyKey = {sent.get('currencyCode')}) not exists"
    used_codes = {code.casefold() for code in book.accounts | book.debtors | book.creditors}
    if str(sent.get("accNo") or "").casefold() in used_codes:
        yield f"Account No. {sent.get('accNo')} already exists."


FAULTS = {
    **usual(Fault),
    "unavailable": Fault(instead=refused(503, "Service unavailable.")),
    "rate_limited": Fault(instead=refused(429, "429 Too Many Requests.")),
    "invalid_key": Fault(instead=refused(401, "401 Unauthorized.")),
    "no_permission": Fault(instead=refused(403, "403 Forbidden.")),
}
