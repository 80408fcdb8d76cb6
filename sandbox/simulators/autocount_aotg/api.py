"""Serve the relay's endpoints, its queue, and a ledger line before each answer."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from connectors.transport.strict_json import dumps, loads
from sandbox.simulators.autocount_aotg.books import (
    DATE_FORMATS,
    FAULTS,
    KEPT,
    USER,
    AccountBook,
    Books,
    Control,
    Queued,
    QueueFault,
    refused,
)
from sandbox.simulators.base.control import Metered
from sandbox.simulators.base.server import Reply, Request

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

_SEN = Decimal("0.01")

Line = dict[str, Any]

FAR = date(9999, 12, 30)


@dataclass(frozen=True, slots=True)
class Word:
    """One word: the form of its value, how long a text may be, whether it must be there."""

    form: Literal["text", "number", "yesno", "rows"] = "text"
    longest: int | None = None
    must: bool = False


Words = Mapping[str, Word]

INVOICE: Words = {
    "DebtorCode": Word(longest=12, must=True),
    "DocNo": Word(longest=20),
    "DocDate": Word(must=True),
    "JournalType": Word(longest=10, must=True),
    "Description": Word(longest=80),
    "RefNo2": Word(longest=20),
    "InclusiveTax": Word("yesno"),
    "Agent": Word(longest=12),
    "CreditTerm": Word(longest=30, must=True),
    "CurrencyCode": Word(longest=5),
    "DetailsLine": Word("rows", must=True),
}

LINE: Words = {
    "LineState": Word("number", must=True),
    "AccNo": Word(longest=12, must=True),
    "Description": Word(longest=100),
    "Tax": Word(longest=14),
    "Amount": Word("number", must=True),
}

TABLES: dict[str, Words] = {"ARInvoice": INVOICE, "DetailsLine": LINE}

_FORMS: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "number": (int, Decimal),
    "yesno": bool,
    "rows": list,
}

INVOICE_NAME = "ARInvoice"


class Api(Metered[Books]):
    """AutoCount On The Go, from the outside."""

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call; what was due by then was done before."""
        self._work()
        return Control(self, FAULTS).answer(request, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Return the reply; JSON bodies keep their digits."""
        self._work()
        reply, hang = self._answer(request, request_id)
        content = reply.content if isinstance(reply.content, bytes) else dumps(reply.content)
        return Reply(
            status=reply.status, content=content, headers=reply.headers, cut=reply.cut
        ), hang

    def _work(self) -> None:
        """Process the due work of the account books, in order."""
        while True:
            now = self.now()
            due = [
                entry
                for entry in self.books.queue.values()
                if entry.ready_at <= now and not self.books.books[entry.book].offline
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
        content = loads(request.body)
        fields = content if isinstance(content, dict) else {}
        login = (fields.get("UserName"), fields.get("Password"))
        key = str(fields.get("ApiKey"))
        if login != (USER, self.books.password) or key not in self.books.books:
            reply = refused(401, "Invalid user name, password or API key.")
            return self._noted(request, request_id, reply)
        token = f"{_TOKEN}{_FIRST_TOKEN + self.books.given:012x}"
        until = self.now() + self.books.token_life
        line = self._line(request, request_id) | {"call": "token", "effect": "token"}
        line |= {"body_sha256": "", "token": token, "book": key, "until": until.isoformat()}
        self.write(line)
        end = f"{until:%Y-%m-%dT%H:%M:%SZ}"
        return Reply(status=200, content={"AccessToken": token, "Expired": end})

    def _result(self, request_id: str, book: AccountBook) -> Reply:
        if book.apart and request_id.endswith("/result"):
            return self._result_apart(request_id.removesuffix("/result").partition("/")[2], book)
        waits, ended = self.books.queue.get(request_id), self.books.results.get(request_id)
        if waits is not None and waits.book == book.key:
            state = waits.state(self.now(), offline=book.offline)
            return Reply(status=200, content={"RequestId": request_id, "Status": state})
        if ended is None or ended.book != book.key or self.now() - ended.at > KEPT:
            return refused(404, "Request not found.")
        stands = {"RequestId": request_id, "Status": ended.content["Status"]}
        return Reply(status=200, content=stands if book.apart else ended.content)

    def _result_apart(self, request_id: str, book: AccountBook) -> Reply:
        """Return a request's result as JSON in a text; a failed one's message."""
        ended = self.books.results.get(request_id)
        if ended is None or ended.book != book.key or self.now() - ended.at > KEPT:
            return refused(404, "Request not found.")
        content, rows = ended.content, ended.content.get("Data")
        text = dumps(rows).decode() if rows is not None else str(content.get("Message", ""))
        return Reply(status=200, content={"Id": request_id, "ResultJson": text})

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
        first_problem = next((problem for body in bodies if (problem := misread(body))), None)
        if first_problem or not bodies:
            reply = refused(400, first_problem or "The batch is empty.")
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
        """Queue a request for the account book; work done at once is returned at once."""
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
            head = {"Id": name, "Name": NAMES[kind]}
            return Reply(
                status=200, content={**head, "StartTimestamp": moment, "EndTimestamp": moment}
            )
        ended = self.books.results.get(name)
        state = ended.content["Status"] if ended else self._state(name, book, now)
        return Reply(status=200, content={"RequestId": name, "Status": state})

    def _state(self, name: str, book: AccountBook, now: datetime) -> str:
        return self.books.queue[name].state(now, offline=book.offline)

    def _noted(
        self, request: Request, request_id: str, reply: Reply, *, planned: bool | str = False
    ) -> Reply:
        """Write a ledger line for a call without an effect.

        A refused write is on the disk before its reply.
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


def worked(books: Books, entry: Queued, now: datetime) -> list[Line]:
    """Return a request's ledger lines: what it creates, and how it ends."""
    content = loads(entry.content.encode())
    if entry.kind == "list":
        query = content if isinstance(content, dict) else {}
        return [_ended(entry, now, "Completed", "", _listed(books, entry.book, query))]
    if entry.kind == "debtors":
        return [_ended(entry, now, "Completed", "", _debtors(books.books[entry.book]))]
    parts = content if isinstance(content, list) else [content]
    bodies = [body for body in parts if isinstance(body, dict)]
    work = _Work(books, entry, now)
    results = [work.made(body) for body in bodies]
    if entry.fault.get("twice"):
        results = [work.made(body) for body in bodies]
    bad = [row for row in results if row["Status"] == "Failed"]
    if entry.kind == "create":
        return [*work.lines, _of_one(entry, now, results[0])]
    if bad and books.books[entry.book].whole_batches:
        work.lines.clear()
    state = "Failed" if bad else "Completed"
    message = f"{len(bad)} of {len(results)} failed" if bad else "Created"
    rows = [{name: row[name] for name in row if name != "Id"} for row in results]
    return [*work.lines, _ended(entry, now, state, message, rows)]


def _ended(entry: Queued, now: datetime, state: str, message: str, data: object = None) -> Line:
    result: dict[str, Any] = {"RequestId": entry.request, "Status": state}
    result |= {"Message": message} if message else {}
    result |= {"Data": data} if data is not None else {}
    return {
        "at": now.isoformat(),
        "request_id": entry.request,
        "call": "work",
        "effect": "ended",
        "request": entry.request,
        "book": entry.book,
        "result": dumps(result).decode(),
    }


def _listed(books: Books, book: str, query: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the invoices of some days, without the sent requests."""
    low, high = (str(query.get(name) or "")[:10] for name in ("FromDateTime", "ToDateTime"))
    invoices: list[Mapping[str, Any]] = []
    for (key, _), stands in books.documents.items():
        day = _day(books.books[book], stands["DocDate"])
        if key == book and day is not None and low <= day.isoformat() <= high:
            invoices.append({name: stands[name] for name in stands if name != "sent"})
    return invoices


def _day(book: AccountBook, text: object) -> date | None:
    try:
        form = DATE_FORMATS[book.date_format]
        return datetime.strptime(str(text), form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _debtors(book: AccountBook) -> list[Mapping[str, Any]]:
    """Return all debtors, including inactive ones."""
    return [
        {
            "Id": f"{{[!{b64encode(code.encode()).decode()}!]}}",
            "AccNo": code,
            "CompanyName": f"Customer {code}",
            "RegisterNo": "",
            "CreditTerm": "C.O.D.",
            "IsActive": code not in book.inactive,
            "CurrencyCode": "MYR",
        }
        for code in sorted(book.debtors | book.inactive)
    ]


class _Work:
    """One request; what it has created so far counts for the rest."""

    def __init__(self, books: Books, entry: Queued, now: datetime) -> None:
        self._books, self._one, self._now = books, entry, now
        self._book = books.books[entry.book]
        self.lines: list[Line] = []
        self._taken: set[str] = set()

    def made(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what one invoice becomes."""
        number = str(body.get("DocNo") or "")
        locked = bool(self._one.fault.get("locked"))
        fault = next(_faults(self._book, body, locked=locked), None)
        place = (self._book.key, number.casefold())
        if number and (place in self._books.documents or number.casefold() in self._taken):
            fault = fault or f"Document No. {number} already exists."
        if fault:
            line = self._line(number, body) | {"effect": "refused", "code": fault}
            self.lines.append(line)
            return {"DocNo": number, "Status": "Failed", "Message": fault}
        running = not number
        number = number or f"I-{self._books.last_number + len(self.lines) + 1:06d}"
        stands = self._stands(number, body)
        dropped = bool(self._one.fault.get("drop"))
        line = self._line(number, body) | {
            "effect": "dropped" if dropped else "created",
            "total": str(stands["NetTotal"]),
            "stands": None if dropped else dumps(stands).decode(),
            "running": running,
        }
        self.lines.append(line)
        if not dropped:
            self._taken.add(number.casefold())
        return {"Id": stands["Id"], "DocNo": number, "Status": "Completed"}

    def _stands(self, number: str, body: Mapping[str, Any]) -> dict[str, Any]:
        count = sum(line["effect"] in ("created", "dropped") for line in self.lines)
        day = _day(self._book, body.get("DocDate"))
        return {
            "Id": self._books.last_id + count + 1,
            "DocNo": number,
            "DebtorCode": body["DebtorCode"],
            "DocDate": day.strftime(DATE_FORMATS[self._book.date_format]) if day else "",
            "NetTotal": net_total(self._book, body),
            "Cancelled": False,
            "sent": body,
        }

    def _line(self, number: str, body: Mapping[str, Any]) -> Line:
        return {
            "at": self._now.isoformat(),
            "request_id": self._one.request,
            "call": "work",
            "company": self._book.key[:5],
            "book": self._book.key,
            "type": "ar_invoice",
            "number": number,
            "party": str(body.get("DebtorCode") or ""),
            "body_sha256": self._one.body_sha256,
            "total": None,
            "code": "",
        }


def _faults(book: AccountBook, body: Mapping[str, Any], *, locked: bool) -> Iterator[str]:
    """Yield the account book's objections in its words, in order."""
    lacks = lacking(body)
    if lacks:
        yield lacks
    day = _day(book, body.get("DocDate"))
    if day is None:
        yield "String was not recognized as a valid DateTime."
        return
    through = FAR if locked else book.locked_through
    if through is not None and day <= through:
        unlock = "you can unlock it from Tools > Manage Fiscal Year."
        yield f"Transaction date {day:%d/%m/%Y} is locked, {unlock}"
    yield from _unknown(book, body)


def _unknown(book: AccountBook, body: Mapping[str, Any]) -> Iterator[str]:
    heads = (
        ("DebtorCode", "Debtor", book.debtors),
        ("JournalType", "Journal type", book.journals),
        ("CreditTerm", "Credit term", book.terms),
        ("Agent", "Agent", book.agents),
        ("CurrencyCode", "Currency", book.currencies),
    )
    for word, thing, valid_codes in heads:
        if body.get(word) and body[word] not in valid_codes:
            yield f"{thing} {body[word]} not exists"
    for row in body.get("DetailsLine") or ():
        if row.get("AccNo") not in book.accounts:
            yield f"Account {row.get('AccNo')} not exists"
        if row.get("Tax") and row["Tax"] not in book.tax_codes:
            yield f"Tax code {row['Tax']} not exists"


def _of_one(entry: Queued, now: datetime, row: Mapping[str, Any]) -> Line:
    if entry.fault.get("denied"):
        return _ended(entry, now, "Failed", "Object reference not set to an instance of an object.")
    if row["Status"] == "Failed":
        return _ended(entry, now, "Failed", str(row["Message"]))
    return _ended(entry, now, "Completed", "Created", {"Id": row["Id"], "DocNo": row["DocNo"]})


def net_total(book: AccountBook, body: Mapping[str, Any]) -> Decimal:
    """Return the sum of all line amounts with tax, each rounded."""
    total = Decimal("0.00")
    for row in body["DetailsLine"]:
        amount = Decimal(row["Amount"]).quantize(_SEN, ROUND_HALF_UP)
        rate = book.tax_codes.get(str(row.get("Tax") or ""), Decimal(0))
        tax = (amount * rate / 100).quantize(_SEN, ROUND_HALF_UP)
        total += amount if body.get("InclusiveTax") is True else amount + tax
    return total


def misread(body: object) -> str | None:
    """Return why the relay cannot read an invoice: an unknown field or another form."""
    problem = _misread(body, "ARInvoice")
    if problem or not isinstance(body, dict):
        return problem
    rows = body.get("DetailsLine") or ()
    return next(
        (row_problem for row in rows if (row_problem := _misread(row, "DetailsLine"))), None
    )


def _misread(part: object, table: str) -> str | None:
    if not isinstance(part, dict):
        return f"Cannot deserialize the value into type '{table}'."
    for word, value in part.items():
        form = TABLES[table].get(word)
        if form is None:
            return f"Could not find member '{word}' on object of type '{table}'."
        wrong = form.form != "yesno" and isinstance(value, bool)
        if value is not None and (wrong or not isinstance(value, _FORMS[form.form])):
            return f"Error converting value of '{word}' on object of type '{table}'."
    return None


def lacking(body: Mapping[str, object]) -> str | None:
    """Return which value an invoice lacks or has too long."""
    rows = body.get("DetailsLine")
    parts = [(INVOICE_NAME, body)]
    parts += [("DetailsLine", row) for row in rows] if isinstance(rows, list) else []
    for table, part in parts:
        for word, form in TABLES[table].items():
            value = part.get(word)
            if form.must and value in (None, "", []):
                return f"{word} is required."
            if form.longest and isinstance(value, str) and len(value) > form.longest:
                return f"{word} exceeds maximum length of {form.longest}."
    return None
