"""The endpoints: who may call, what each answers, and the ledger line before every answer.

Here: transport, keys, the limit of calls, and listings of documents by page and by filter. Not
here: what a write decides (writes.py), the control API (control.py).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

from connectors.simulators.autocount.books import ApiKey, Books, Shown, place_of
from connectors.simulators.autocount.checks import KINDS, Kind
from connectors.simulators.autocount.control import FAULTS, Control, refused
from connectors.simulators.autocount.knock_offs import total_of
from connectors.simulators.autocount.parties import PartyWay, answered, way_of
from connectors.simulators.autocount.writes import Job, Outcome, decide
from connectors.simulators.base.control import Metered
from connectors.simulators.base.scripted import Fault
from connectors.simulators.base.server import Reply, Request
from connectors.transport.strict_json import dumps, loads

A_PAGE = 100
_DATES = {"date": "docDate", "createdDate": "createdTimeStamp", "lastModifiedDate": "lastModified"}
_TEXTS = ("docNo", "debtorCode", "salesAgent")


def answer(books: Books, request: Request, book: str, kind: Kind) -> Reply:
    """One page; `totalCount` is what this page holds, and a page past the end is empty."""
    given = loads(request.body) if request.method == "POST" else None
    asked: Mapping[str, Any] = given if isinstance(given, dict) else {}
    page = asked.get("page") or request.query.get("page") or 1
    chosen = asked.get("filter")
    wanted: Mapping[str, Any] = chosen if isinstance(chosen, dict) else _simple(request)
    found = [
        document
        for place, document in books.documents.items()
        if place[:2] == (book, kind.path.casefold()) and _fits(document, wanted)
    ]
    start = (int(page) - 1) * A_PAGE if str(page).isdecimal() else 0
    shown = [books.bare(one) for one in found[max(0, start) : start + A_PAGE]]
    return Reply(status=200, content={"data": shown, "totalCount": len(shown)})


def _simple(request: Request) -> dict[str, Any]:
    limits = {"from": request.query.get("startdate"), "to": request.query.get("enddate")}
    return {"date": {name: day for name, day in limits.items() if day}}


def _fits(document: Shown, wanted: Mapping[str, Any]) -> bool:
    master = document["master"]
    for name, field in (*_DATES.items(), *((text, text) for text in _TEXTS)):
        limits = wanted.get(name)
        if isinstance(limits, dict) and not _within(str(master.get(field) or ""), limits):
            return False
    return True


def _within(value: str, limits: Mapping[str, Any]) -> bool:
    several = limits.get("multiSelect")
    if isinstance(several, list):
        return value.casefold() in {str(one).casefold() for one in several}
    low, high = str(limits.get("from") or ""), str(limits.get("to") or "")
    return low <= value[: len(low) or None] and (not high or value[: len(high)] <= high)


_VERBS = {
    ("GET", ""): "read",
    ("POST", ""): "create",
    ("PUT", ""): "update",
    ("POST", "void"): "void",
    ("POST", "unvoid"): "unvoid",
    ("GET", "listing"): "listing",
    ("POST", "listing"): "listing",
}


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a request goes: a book, a kind of document, and the word after it."""

    book: str
    kind: Kind
    word: str


class Api(Metered[Books]):
    """AutoCount, from the outside."""

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""
        return Control(self, FAULTS).answer(request, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Names in an address are the same in any case of letters; every answer tells how many
        calls are left in this minute.
        """
        request = replace(request, query={k.lower(): v for k, v in request.query.items()})
        now = self.now()
        left = self.calls_left(request.headers.get("key-id", ""), now)
        minute = now.replace(second=0, microsecond=0)
        reset = (minute + timedelta(minutes=1)).astimezone(UTC)
        if left < 0:
            reply, hang = refused(429, "429 Too Many Requests."), False
            self._note(request, request_id, reply)
        else:
            reply, hang = self._route(request, request_id)
        headers = {
            "x-rate-limit-limit": "1m",
            "x-rate-limit-remaining": str(max(0, left)),
            "x-rate-limit-reset": f"{reset:%Y-%m-%dT%H:%M:%S}.0000000Z",
            **reply.headers,
        }
        content = reply.content if isinstance(reply.content, bytes) else dumps(reply.content)
        return Reply(status=reply.status, content=content, headers=headers, cut=reply.cut), hang

    def _route(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        way = _way(request)
        key = self.books.keys.get(request.headers.get("key-id", ""))
        if _asks_product(request) and key and key.secret == request.headers.get("api-key"):
            reply = self._product(request, key)
            self._note(request, request_id, reply)
            return reply, False
        party = way_of(request)
        if party and key and key.secret == request.headers.get("api-key"):
            return self._party(request, request_id, key, party)
        verb = _VERBS.get((request.method, way.word), "") if way else ""
        if key is None or key.secret != request.headers.get("api-key") or not _reaches(key, way):
            known = way is None or way.book in self.books.books
            reply = refused(401, "401 Unauthorized.") if known else refused(404, "404 Not Found.")
        elif way is None or verb not in way.kind.verbs:
            reply = refused(404, "404 Not Found.")
        elif key.methods is not None and f"{request.method} {way.kind.path}" not in key.methods:
            reply = refused(403, "403 Forbidden.")
        elif verb == "listing":
            reply = answer(self.books, request, way.book, way.kind)
        elif verb == "read":
            return self._read(request, request_id, way), False
        else:
            return self._write(request, request_id, way, verb)
        self._note(request, request_id, reply)
        return reply, False

    def _party(
        self, request: Request, request_id: str, key: ApiKey, way: PartyWay
    ) -> tuple[Reply, bool]:
        """A debtor or a creditor, or a page of them."""
        if status := way.shut(key):
            reply = refused(status, "401 Unauthorized." if status == 401 else "403 Forbidden.")
            self._note(request, request_id, reply)
            return reply, False
        makes = way.verb == "create"
        name, planned = self.books.fault_of(request) if makes else ("", False)
        fault = FAULTS.get(name, Fault())
        reply, told = answered(self.books, way, request, fault)
        self.write({**self._line(request, request_id), **told, "planned": planned}, sync=makes)
        return reply, fault.hang

    def _product(self, request: Request, key: ApiKey) -> Reply:
        """One product with its only unit."""
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

    def _read(self, request: Request, request_id: str, way: _Way) -> Reply:
        number = request.query.get("docno", "")
        found = self.books.shown(place_of(way.book, way.kind.path, number))
        lagged = self.books.lag > 0
        if found is None:
            thing = way.kind.thing
            reply = refused(404, f"{thing} ({thing}Key = {number}) not exists")
        else:
            reply = Reply(status=200, content=found)
        self._note(request, request_id, reply, lagged=lagged)
        return reply

    def _write(self, request: Request, request_id: str, way: _Way, verb: str) -> tuple[Reply, bool]:
        name, planned = self.books.fault_of(request)
        fault = FAULTS.get(name, Fault())
        if fault.instead is not None:
            self._note(request, request_id, fault.instead, planned=planned)
            return fault.instead, fault.hang
        job = Job(
            verb=verb,
            kind=way.kind,
            book=way.book,
            number=request.query.get("docno", ""),
            content=request.body,
            locked=fault.locked,
        )
        reply = Reply(status=500, content=b"")
        for turn in range(2 if fault.twice else 1):
            outcome = decide(self.books, job, self.now())
            line = {**self._line(request, request_id), **_told(job, outcome)}
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
        """A ledger line for what has no effect; a write among them is on the disk before the
        answer.
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
        way = _way(request)
        return {
            "at": self.now().isoformat(),
            "request_id": request_id,
            "call": "lookup" if request.method == "GET" else (way.word if way else "") or "write",
            "company": way.book if way else "",
            "path": way.kind.path if way else request.path,
            "type": way.kind.type if way else "",
            "number": request.query.get("docno", ""),
            "party": "",
            "key": "",
            "body_sha256": hashlib.sha256(request.body).hexdigest() if request.body else "",
            "total": None,
        }


_PARTIES = ("debtorCode", "creditorCode", "accNo")


def _told(job: Job, outcome: Outcome) -> dict[str, Any]:
    """What a ledger line says of a decision."""
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


def _way(request: Request) -> _Way | None:
    """Paths are the same in any case of letters."""
    parts = request.path.strip("/").split("/")
    kind = KINDS.get(parts[1].casefold()) if len(parts) in (2, 3) else None
    word = parts[2].casefold() if len(parts) == 3 else ""
    return _Way(parts[0], kind, word) if kind else None


def _asks_product(request: Request) -> bool:
    return request.method == "GET" and request.path.strip("/").casefold().endswith("/product")


def _reaches(key: ApiKey, way: _Way | None) -> bool:
    return way is None or way.book == key.book


def _host(request: Request) -> str:
    return f"http://{request.headers.get('host', '')}"
