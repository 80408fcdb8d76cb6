"""The endpoints of the relay: who may call, what each answers, and the ledger line before every
answer.

Here: log-in, the queue and its results. Not here: what the account book makes of a request
(queue_work.py), the control API (control.py).
"""

import hashlib
from datetime import datetime
from typing import Any

from connectors.simulators.autocount_aotg.books import KEPT, USER, AccountBook, Books
from connectors.simulators.autocount_aotg.control import FAULTS, Control, QueueFault, refused
from connectors.simulators.autocount_aotg.json_words import misread
from connectors.simulators.autocount_aotg.queue_work import worked
from connectors.simulators.base.control import Metered
from connectors.simulators.base.server import Reply, Request
from connectors.transport.strict_json import dumps, loads

ROOT = "/api/public/v1/"
LOG_IN, RESULT = f"{ROOT}TokenAuth/Authenticate", f"{ROOT}Result/"
KINDS = {
    f"{ROOT}ARInvoice/CreateARInvoice": "create",
    f"{ROOT}ARInvoice/CreateBatchARInvoice": "batch",
    f"{ROOT}ARInvoice/GetARInvoiceList": "list",
}
DEBTORS = f"{ROOT}Debtor"
NAMES = {
    "create": "CreateARInvoice",
    "batch": "CreateBatchARInvoice",
    "list": "GetARInvoiceList",
    "debtors": "Debtor",
}
_REQUEST, _TOKEN = "abf79c80-13e9-41ae-993d-", "SAMc13a36d2-a139-e911-b8b3-"
_FIRST_REQUEST, _FIRST_TOKEN = 0x2CD6B99B5570, 0x000D3AA04F3D


class Api(Metered[Books]):
    """AutoCount On The Go, from the outside."""

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call; what was due by then was done before."""
        self._work()
        return Control(self, FAULTS).answer(request, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Every body is JSON with the digits that it has."""
        self._work()
        reply, hang = self._answer(request, request_id)
        content = reply.content if isinstance(reply.content, bytes) else dumps(reply.content)
        return Reply(
            status=reply.status, content=content, headers=reply.headers, cut=reply.cut
        ), hang

    def _work(self) -> None:
        """Let the account books do what is due, in its order."""
        while True:
            now = self.now()
            due = [
                one
                for one in self.books.queue.values()
                if one.ready_at <= now and not self.books.books[one.book].offline
            ]
            if not due:
                return
            self.write(*worked(self.books, due[0], now))

    def _answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        if self.calls_left(request.headers.get("sotc_auth", ""), self.now()) < 0:
            reply = refused(429, "Too many requests.", **{"Retry-After": "60"})
            return self._noted(request, request_id, reply), False
        if (request.method, request.path) == ("POST", LOG_IN):
            return self._log_in(request, request_id), False
        book = self.books.book_of(request.headers.get("sotc_auth", ""), self.now())
        if book is None:
            return self._noted(request, request_id, refused(401, "Unauthorized.")), False
        if request.method == "GET" and request.path.startswith(RESULT):
            reply = self._result(request.path.removeprefix(RESULT), book)
            return self._noted(request, request_id, reply), False
        if (request.method, request.path) == ("GET", DEBTORS):
            return self._queue(request, request_id, book, "debtors", QueueFault()), False
        kind = KINDS.get(request.path) if request.method == "POST" else None
        if kind is None:
            return self._noted(request, request_id, refused(404, "Not found.")), False
        if kind == "list":
            return self._queue(request, request_id, book, kind, QueueFault()), False
        return self._write(request, request_id, book, kind)

    def _log_in(self, request: Request, request_id: str) -> Reply:
        given = loads(request.body)
        told = given if isinstance(given, dict) else {}
        who = (told.get("UserName"), told.get("Password"))
        key = str(told.get("ApiKey"))
        if who != (USER, self.books.password) or key not in self.books.books:
            reply = refused(401, "Invalid user name, password or API key.")
            return self._noted(request, request_id, reply)
        token = f"{_TOKEN}{_FIRST_TOKEN + self.books.given:012x}"
        until = self.now() + self.books.token_life
        line = self._line(request, request_id) | {"call": "token", "effect": "token"}
        line |= {"body_sha256": "", "token": token, "book": key, "until": until.isoformat()}
        self.write(line)
        end = f"{until:%Y-%m-%dT%H:%M:%SZ}"
        return Reply(status=200, content={"AccessToken": token, "Expired": end})

    def _result(self, wanted: str, book: AccountBook) -> Reply:
        if book.apart and wanted.endswith("/result"):
            return self._result_apart(wanted.removesuffix("/result").partition("/")[2], book)
        waits, ended = self.books.queue.get(wanted), self.books.results.get(wanted)
        if waits is not None and waits.book == book.key:
            state = waits.state(self.now(), offline=book.offline)
            return Reply(status=200, content={"RequestId": wanted, "Status": state})
        if ended is None or ended.book != book.key or self.now() - ended.at > KEPT:
            return refused(404, "Request not found.")
        stands = {"RequestId": wanted, "Status": ended.content["Status"]}
        return Reply(status=200, content=stands if book.apart else ended.content)

    def _result_apart(self, wanted: str, book: AccountBook) -> Reply:
        """What came of a request, as a JSON in a text; of one that failed its message."""
        ended = self.books.results.get(wanted)
        if ended is None or ended.book != book.key or self.now() - ended.at > KEPT:
            return refused(404, "Request not found.")
        told, rows = ended.content, ended.content.get("Data")
        text = dumps(rows).decode() if rows is not None else str(told.get("Message", ""))
        return Reply(status=200, content={"Id": wanted, "ResultJson": text})

    def _write(
        self, request: Request, request_id: str, book: AccountBook, kind: str
    ) -> tuple[Reply, bool]:
        name, planned = self.books.fault_of(request)
        fault = FAULTS.get(name, QueueFault())
        if fault.instead is not None:
            self._noted(request, request_id, fault.instead, planned=planned)
            return fault.instead, fault.hang
        content = loads(request.body)
        bodies = content if kind == "batch" and isinstance(content, list) else [content]
        told = next((found for one in bodies if (found := misread(one))), None)
        if told or not bodies:
            reply = refused(400, told or "The batch is empty.")
            return self._noted(request, request_id, reply, planned=planned), False
        withheld = bool(fault.cut) or self.books.withholds_next()
        reply = self._queue(
            request, request_id, book, kind, fault, planned=planned, withheld=withheld
        )
        return fault.sent(reply, withheld=withheld), fault.hang

    def _queue(
        self,
        request: Request,
        request_id: str,
        book: AccountBook,
        kind: str,
        fault: QueueFault,
        *,
        planned: bool | str = False,
        withheld: bool = False,
    ) -> Reply:
        """Keep a request for the account book; what is done at once is told at once."""
        now = self.now()
        name = f"{_REQUEST}{_FIRST_REQUEST + self.books.requests:012x}"
        line = self._line(request, request_id) | {
            "effect": "queued",
            "book": book.key,
            "request": name,
            "kind": kind,
            "content": request.body.decode("utf-8", "replace"),
            "ready_at": self.books.ready_at(book.key, now).isoformat(),
            "fault": fault.kept(),
            "answer": "withheld" if withheld else "sent",
            "planned": planned,
        }
        self.write(line)
        self._work()
        if book.apart:
            moment = f"{now:%Y-%m-%dT%H:%M:%S}Z"
            told = {"Id": name, "Name": NAMES[kind]}
            return Reply(
                status=200, content={**told, "StartTimestamp": moment, "EndTimestamp": moment}
            )
        ended = self.books.results.get(name)
        state = ended.content["Status"] if ended else self._state(name, book, now)
        return Reply(status=200, content={"RequestId": name, "Status": state})

    def _state(self, name: str, book: AccountBook, now: datetime) -> str:
        return self.books.queue[name].state(now, offline=book.offline)

    def _noted(
        self, request: Request, request_id: str, reply: Reply, *, planned: bool | str = False
    ) -> Reply:
        """A ledger line for what has no effect; a write among them is on the disk before the
        answer.
        """
        line = self._line(request, request_id) | {
            "effect": "read" if reply.status == 200 else "refused",
            "code": str(reply.status),
            "answer": "withheld" if reply.cut else "sent",
            "planned": planned,
        }
        self.write(line, sync=request.method != "GET")
        return reply

    def _line(self, request: Request, request_id: str) -> dict[str, Any]:
        kind = KINDS.get(request.path, "")
        return {
            "at": self.now().isoformat(),
            "request_id": request_id,
            "call": "lookup" if request.method == "GET" or kind == "list" else "write",
            "path": request.path,
            "number": "",
            "party": "",
            "key": "",
            "body_sha256": hashlib.sha256(request.body).hexdigest() if request.body else "",
            "total": None,
        }
