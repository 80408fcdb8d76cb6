"""The endpoints: who may call, what each answers, and the ledger line before every answer.

Here: transport, request ids, the limit of calls. Not here: permission and tokens (oauth.py), what a
write decides (writes.py), queries (queries.py), the control API (control.py).
"""

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.simulators.base.control import Metered
from connectors.simulators.base.server import Ledger, Reply, Request
from connectors.simulators.quickbooks import batches, changes, oauth, queries
from connectors.simulators.quickbooks.books import Books, Company
from connectors.simulators.quickbooks.control import Control
from connectors.simulators.quickbooks.faults import (
    FAULTS,
    Met,
    Problem,
    expired,
    fault,
    gate,
    throttled,
)
from connectors.simulators.quickbooks.kinds import KINDS, Kind
from connectors.simulators.quickbooks.writes import PACIFIC, Job, Outcome, decide, told
from connectors.transport.clock import Clock
from connectors.transport.strict_json import dumps, loads

LONGEST_ID = 50
AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a request goes: a company, and the words after it."""

    realm: str
    words: tuple[str, ...]


class Api(Metered[Books]):
    """QuickBooks, from the outside."""

    ids = "1-{:08x}"

    def __init__(
        self, books: Books, ledger: Ledger, clock: Clock, *, hang: float, a_minute: int
    ) -> None:
        super().__init__(books, ledger, clock, hang=hang, a_minute=a_minute)
        self._gate = threading.BoundedSemaphore(AT_ONCE)

    def handle(self, request: Request) -> Reply:
        """Answer one request, of a few at once."""
        if not self._gate.acquire(blocking=False):
            return _sealed(throttled(), "crowd", self.now())
        try:
            return super().handle(request)
        finally:
            self._gate.release()

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""
        return Control(self, FAULTS).answer(request, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Every answer has an id of its own, and its moment."""
        reply, hang = self._answer(request, request_id)
        return _sealed(reply, request_id, self.now()), hang

    def line(self, request: Request, request_id: str, *, call: str) -> dict[str, Any]:
        """What every ledger line says."""
        way = _way(request)
        return {
            "at": self.now().isoformat(),
            "request_id": request_id,
            "call": call,
            "company": way.realm if way else "",
            "path": request.path,
            "type": "",
            "number": "",
            "party": "",
            "key": request.query.get("requestid", ""),
            "body_sha256": hashlib.sha256(request.body).hexdigest() if request.body else "",
            "total": None,
            "code": "",
            "answer": "sent",
            "planned": False,
        }

    def _answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        if request.path in oauth.PATHS:
            line = self.line(request, request_id, call="token")
            reply, told = oauth.answer(self.books, request, self.now())
            self.write({**line, **told})
            return reply, False
        way = _way(request)
        refused = self._refused(request, way)
        if refused is not None or way is None:
            reply = refused or Reply(status=404, content=b"Not Found")
            self._note(request, request_id, reply)
            return reply, False
        company = self.books.companies[way.realm]
        kind = KINDS.get(way.words[0])
        if request.method == "POST" and kind is not None and len(way.words) == 1:
            return self._write(request, request_id, company, kind)
        if request.method == "POST" and way.words == ("batch",):
            return self._batch(request, request_id, company)
        reply = self._read(request, company, way.words)
        self._note(request, request_id, reply)
        return reply, False

    def _refused(self, request: Request, way: _Way | None) -> Reply | None:
        """Too fast, not known, or not for this company."""
        number = oauth.number_of(request.headers.get("authorization", ""))
        if number is None or not self.books.valid(number, self.now()):
            return expired()
        if way is None:
            return None
        if self.calls_left(way.realm, self.now()) < 0:
            return throttled()
        company = self.books.companies.get(way.realm)
        if company is None or not company.lists:
            return gate(403, "3201", "AuthorizationFailure", "Not authorized for this company")
        if company.shut:
            return gate(403, "120", "AuthorizationFailure", "User is not authorized")
        if company.ended:
            return fault(Problem("6190", "Invalid Company Status: the subscription has ended"))
        return None

    def _read(self, request: Request, company: Company, words: tuple[str, ...]) -> Reply:
        if request.method != "GET":
            return Reply(status=405, content=b"Method Not Allowed")
        if words == ("query",):
            return queries.answer(self.books, company, request.query.get("query", ""))
        if words == ("cdc",):
            return changes.answer(self.books, company, request.query, self.now())
        if words == ("preferences",):
            return Reply(status=200, content={"Preferences": _preferences(company)})
        if words[0] == "companyinfo":
            told = {"CompanyName": company.name, "Country": "MY", "Id": "1"}
            return Reply(status=200, content={"CompanyInfo": told})
        kind = KINDS.get(words[0])
        found = self.books.documents.get((company.realm, kind.entity, words[-1])) if kind else None
        if kind is None or found is None:
            words_told = "Object Not Found : Something you're trying to use has been made inactive."
            return fault(Problem("610", words_told), language=company.language)
        shown = self.books.shown(company.realm, kind.entity, found)
        return Reply(status=200, content={kind.entity: shown})

    def _write(
        self, request: Request, request_id: str, company: Company, kind: Kind
    ) -> tuple[Reply, bool]:
        name, planned = self.books.fault_of(request)
        met = FAULTS.get(name, Met())
        if met.instead is not None:
            self._note(request, request_id, met.instead, planned=planned)
            return met.instead, met.hang
        reply = Reply(status=500, content=b"")
        for turn in range(2 if met.twice else 1):
            line = self.line(request, request_id, call="write") | {
                "type": kind.type,
                "entity": kind.entity,
                "planned": planned if not turn else False,
            }
            reply = self._settle(line, request, company, kind, met)
        return reply, met.hang

    def _settle(
        self, line: dict[str, Any], request: Request, company: Company, kind: Kind, met: Met
    ) -> Reply:
        """One delivery of a write: the answer that is remembered, or the work."""
        key, sent = line["key"], loads(request.body)
        earlier = self.books.answer_to(company.realm, key, self.now()) if key else None
        if earlier is not None:
            self.write({**line, "effect": "replayed"})
            return met.sent(Reply(status=200, content=str(earlier["text"]).encode()))
        if len(key) > LONGEST_ID or not isinstance(sent, dict):
            problem = Problem("2010", "Request has invalid or unsupported property")
            self.write({**line, "effect": "refused", "code": problem.code})
            return fault(problem, language=company.language)
        job = Job(
            kind=kind,
            company=company,
            sent=sent,
            operation=request.query.get("operation", ""),
            locked=met.locked,
        )
        outcome = decide(self.books, job, self.now())
        if outcome.stands is None:
            problem = outcome.problem or Problem("6000", "Nothing was done")
            number = str(sent.get(kind.number) or "")
            self.write({**line, "effect": "refused", "code": problem.code, "number": number})
            return fault(problem, language=company.language)
        return self._done(line, company, kind, outcome, met)

    def _batch(self, request: Request, request_id: str, company: Company) -> tuple[Reply, bool]:
        """A batch: fewer of them are taken in a minute than other calls."""
        name, planned = self.books.fault_of(request)
        met, number = FAULTS.get(name, Met()), planned if isinstance(planned, str) else ""
        instead = None if number else met.instead
        who = f"{company.realm}/batch"
        if self.calls_left(who, self.now()) < self._a_minute - batches.A_MINUTE:
            instead, planned = throttled(), False
        if instead is not None:
            self._note(request, request_id, instead, planned=planned)
            return instead, met.hang
        reply = Reply(status=500, content=b"")
        for turn in range(2 if met.twice else 1):
            line = self.line(request, request_id, call="write")
            line["planned"] = planned if not turn else False
            reply = batches.settle(self, line, company, loads(request.body), met, number)
        return reply, met.hang

    def _done(
        self, line: dict[str, Any], company: Company, kind: Kind, outcome: Outcome, met: Met
    ) -> Reply:
        stands = outcome.stands or {}
        shown = self.books.shown(company.realm, kind.entity, stands)
        found = {} if met.untold else {kind.entity: shown}
        text = dumps({**found, "time": self.now().astimezone(PACIFIC).isoformat()})
        withheld = bool(met.cut) or self.books.withholds_next()
        line |= {**told(kind, outcome), "answer": "withheld" if withheld else "sent"}
        if met.drop:
            line |= {"effect": "dropped", "stands": None}
        elif line["key"]:
            line["remembered"] = {"text": text.decode()}
        self.write(line)
        return met.sent(Reply(status=200, content=text), withheld=withheld)

    def _note(
        self, request: Request, request_id: str, reply: Reply, *, planned: bool | str = False
    ) -> None:
        """A ledger line for what has no effect; a write among them is on the disk before the
        answer.
        """
        call = "lookup" if request.method == "GET" else "write"
        line = self.line(request, request_id, call=call) | {
            "number": request.query.get("query", ""),
            "effect": "read" if reply.status == 200 else "refused",
            "code": str(reply.status),
            "answer": "withheld" if reply.cut else "sent",
            "planned": planned,
        }
        self.write(line, sync=request.method != "GET")


def _preferences(company: Company) -> dict[str, Any]:
    day = company.closed_through
    return {
        "AccountingInfoPrefs": {"BookCloseDate": day.isoformat()} if day else {},
        "SalesFormsPrefs": {"CustomTxnNumbers": True},
        "CurrencyPrefs": {
            "MultiCurrencyEnabled": True,
            "HomeCurrency": {"value": company.home_currency},
        },
        "Id": "1",
    }


def _way(request: Request) -> _Way | None:
    parts = request.path.strip("/").split("/")
    good = len(parts) >= 4 and parts[:2] == ["v3", "company"]
    return _Way(parts[2], tuple(parts[3:])) if good else None


def _sealed(reply: Reply, request_id: str, now: datetime) -> Reply:
    """The reply as bytes, with the id that QuickBooks gives each answer."""
    content = reply.content
    if not isinstance(content, bytes):
        content = dumps({**content, "time": now.astimezone(PACIFIC).isoformat()})
    headers = {"intuit_tid": request_id, **reply.headers}
    return Reply(status=reply.status, content=content, headers=headers, cut=reply.cut)
