"""Serve AiAccount's endpoints, its control calls, and a ledger line before each answer."""

import base64
import math
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Any

from connectors.transport.http import Clock
from sandbox.simulators.aiaccount.books import (
    ZONE,
    Books,
    Opened,
    Unreadable,
    content_of,
    local_day,
    opened,
)
from sandbox.simulators.aiaccount.kinds import (
    ALONE,
    FAULTS,
    IMPORTS,
    INVOICES,
    KINDS,
    LISTINGS,
    REFUNDS,
    RESTOCKS,
    ApiKey,
    Company,
    Fault,
    Kind,
    error,
    forbidden,
)
from sandbox.simulators.aiaccount.writes import Job, base_line, post
from sandbox.simulators.base import control
from sandbox.simulators.base.control import ControlError, Deed, Given, StandIn
from sandbox.simulators.base.server import Ledger, Reply, Request

MINUTE = timedelta(minutes=1)

_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_WRITES = {**dict.fromkeys(IMPORTS, "xlsx"), **dict.fromkeys(ALONE, "json")}

_KINDS = {**IMPORTS, **LISTINGS, **ALONE}

HISTORY = "/settings/integrations/logs"


class Api(StandIn[Books]):
    """AiAccount, from the outside."""

    def __init__(
        self, books: Books, ledger: Ledger, clock: Clock, *, hang: float, rate: int = 0
    ) -> None:
        super().__init__(books, ledger, clock, hang=hang)
        self._rate = rate
        self._lately: deque[datetime] = deque()  # the calls of the last minute that it took

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""
        return Control(self, FAULTS).answer(request, request_id)

    def follow(self, act: str, body: Mapping[str, Any], request_id: str) -> None:
        """Process parked pushes once their key is active."""
        if act == "pause" and body.get("status") == "active":
            wake(self, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Return the reply with an id of its own."""
        reply, hang = self._route(request, request_id)
        return replace(reply, headers={"X-Request-Id": request_id, **reply.headers}), hang

    def _too_many(self) -> Reply | None:
        """Return the refusal of too many calls within a minute; refused calls do not count."""
        now = self.now()
        while self._lately and not timedelta() <= now - self._lately[0] < MINUTE:
            self._lately.popleft()
        if not self._rate or len(self._lately) < self._rate:
            self._lately.append(now)
            return None
        wait_seconds = math.ceil((self._lately[0] + MINUTE - now).total_seconds())
        refused = error(429, "rate_limited", f"No more than {self._rate} calls a minute")
        return replace(refused, headers={"Retry-After": str(wait_seconds)})

    def _route(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        too_many = self._too_many()
        if too_many is not None:
            self._note(request, request_id, too_many)
            return too_many, False
        if request.method == "GET" and request.path == HISTORY:
            return history(self, request), False  # a page for people, without a key
        key, company = self._caller(request)
        if isinstance(key, Reply):
            self._note(request, request_id, key)
            return key, False
        if request.method == "GET":
            reply = view(self, request, key, company)
            self._note(request, request_id, reply)
            return reply, False
        if request.method != "POST" or not _offered(request.path, company):
            reply = error(405, "method_not_allowed", f"{request.method} is not offered here")
            self._note(request, request_id, reply)
            return reply, False
        return self._write(request, request_id, key, company)

    def _caller(self, request: Request) -> tuple[ApiKey | Reply, Company]:
        """Return the key and the company; or the refusal, with any company."""
        anyone = next(iter(self.books.companies.values()))
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        key = self.books.keys.get(text)
        if scheme != "Bearer" or key is None or key.status == "deleted":
            return error(401, "invalid_key", "Unknown API key"), anyone
        if key.status == "disabled":
            return error(403, "key_disabled", "This API key was disabled"), anyone
        company = self.books.companies.get(request.headers.get("x-company-id", ""))
        if company is None or company.id not in key.companies:
            return error(404, "company_not_found", "No such company for this key"), anyone
        return key, company

    def _write(
        self, request: Request, request_id: str, key: ApiKey, company: Company
    ) -> tuple[Reply, bool]:
        call, kind = _WRITES[request.path], _KINDS[request.path]
        name, planned = self.books.fault_of(request)
        fault = FAULTS.get(name, Fault())
        refused = fault.instead or self._may_write(request, kind, key, company)
        content = b"" if refused else content_of(request, call)
        body = content if isinstance(content, Unreadable) else opened(content, call, kind)
        if refused is None and isinstance(content, Unreadable):
            refused = error(content.status, content.code, content.message)
        if refused is not None or isinstance(content, Unreadable):
            answer = refused or error(400, "bad_file", "The body cannot be read")
            self._note(request, request_id, answer, planned=planned)
            return answer, fault.hang
        job = self._job(request, request_id, company, content, body, fault=fault)
        reply = self._settle(job, body, key, company, fault=fault, planned=planned)
        return reply, fault.hang

    def _job(
        self,
        request: Request,
        request_id: str,
        company: Company,
        content: bytes,
        body: Opened | Unreadable,
        *,
        fault: Fault,
    ) -> Job:
        call = _WRITES[request.path]
        others = [other for other in self.books.companies if other != company.id]
        return Job(
            call=call,
            kind=_KINDS[request.path],
            company=others[0] if fault.elsewhere else company.id,
            key=request.headers.get("idempotency-key", ""),
            content=content,
            documents=body.documents if isinstance(body, Opened) else (),
            rows=body.rows if isinstance(body, Opened) else 0,
            request_id=request_id,
            as_import=call == "xlsx",
            locked=fault.locked,
            drop=fault.drop,
            twice=fault.twice,
            short=fault.short,
        )

    def _settle(
        self,
        job: Job,
        body: Opened | Unreadable,
        key: ApiKey,
        company: Company,
        *,
        fault: Fault,
        planned: bool | str,
    ) -> Reply:
        earlier = self.books.answers.get((job.company, job.key))
        if earlier is not None and self.books.dedupe != "nothing":
            return self._replay(job, earlier, planned=planned)
        if key.status == "paused":
            return park(self, job, "paused", planned=planned)
        if fault.later:
            return park(self, job, fault.later, planned=planned)
        if isinstance(body, Unreadable):
            return self.unread(job, body, planned=planned)
        missing = _missing_permission(job, key, company)
        if missing:
            reply = forbidden(missing)
            line = {**base_line(job, self.now()), "code": "missing_permission", "planned": planned}
            self.write(line)
            return reply
        return self._post(job, fault, planned=planned)

    def _post(self, job: Job, fault: Fault, *, planned: bool | str) -> Reply:
        result = post(self.books, job, self.now())
        created = any(line["effect"] == "created" for line in result.lines)
        withheld = bool(fault.cut) or (created and self.books.withholds_next())
        for line in result.lines:
            line["answer"] = "withheld" if withheld else "sent"
        result.lines[0]["planned"] = planned
        if result.status == 429:
            result.content["error"].update(quota(self, self.books.companies[job.company]))
        self.write(*result.lines)
        return fault.sent(Reply(status=result.status, content=result.content), withheld=withheld)

    def _replay(self, job: Job, earlier: Mapping[str, Any], *, planned: bool | str) -> Reply:
        line = {**base_line(job, self.now()), "planned": planned}
        if earlier["body_sha256"] != job.body_sha256:
            self.write({**line, "code": "duplicate"})
            message = "This idempotency key was used with another body"
            return error(409, "duplicate", message, reason="key_reused")
        line["effect"] = "replayed"
        lines = [
            {**line, "number": document.number, "party": document.party, "paid": document.paid}
            for document in job.documents
        ]
        for other in lines[1:]:
            other["planned"] = False
        self.write(*lines or [line])
        return Reply(
            status=earlier["status"],
            content=earlier["content"],
            headers={"Idempotent-Replayed": "true"},
        )

    def unread(self, job: Job, body: Unreadable, *, planned: bool | str) -> Reply:
        """Refuse a body that cannot be read; of a parked one the refusal is remembered."""
        reply = error(body.status, body.code, body.message)
        line = {**base_line(job, self.now()), "code": body.code, "planned": planned}
        if job.cache_id:
            line["import_id"] = job.import_id
            line["reply"] = {
                "status": reply.status,
                "content": {**_plain(reply), "documents": []},
                "import": "failed",
                "keep": True,
            }
        self.write(line)
        return reply

    def _may_write(
        self, request: Request, kind: Kind, key: ApiKey, company: Company
    ) -> Reply | None:
        if kind.writes not in key.permissions:
            return forbidden(kind.writes)
        sends = kind is INVOICES and company.einvoice_enabled
        if sends and "einvoice.submit" not in key.permissions:
            return forbidden("einvoice.submit")
        if not _KEY.fullmatch(request.headers.get("idempotency-key", "")):
            return error(400, "idempotency_key_missing", "An Idempotency-Key is required")
        return None

    def _note(
        self, request: Request, request_id: str, reply: Reply, *, planned: bool | str = False
    ) -> None:
        """Write a ledger line for a call without an effect.

        A refused write is on the disk before its reply.
        """
        call = _WRITES.get(request.path, "other") if request.method == "POST" else "lookup"
        if request.path == "/v1/connection":
            call = "connection"
        kind = _KINDS.get(request.path, INVOICES)
        error_entry = _plain(reply).get("error", {})
        line = {
            "at": self.now().isoformat(),
            "request_id": request_id,
            "call": call,
            "company": request.headers.get("x-company-id", ""),
            "type": kind.name,
            "number": request.query.get(kind.number, ""),
            "party": request.query.get(kind.party, ""),
            "key": request.headers.get("idempotency-key")
            or request.query.get("idempotency_key", ""),
            "body_sha256": "",
            "total": None,
            "effect": "read" if reply.status == 200 else "refused",
            "code": error_entry.get("code", ""),
            "answer": "withheld" if reply.cut else "sent",
            "planned": planned,
        }
        self.write(line, sync=call not in {"lookup", "connection"})


def _offered(path: str, company: Company) -> bool:
    """Check whether this company takes documents at the path; refunds depend on a capability."""
    return path in _WRITES and (company.refunds_enabled or not _KINDS[path].refunds)


def _missing_permission(job: Job, key: ApiKey, company: Company) -> str:
    moves_stock = any(
        line.get("SKU")
        for document in job.documents
        if document.restocks or not document.kind.refunds
        for line in document.lines
    )
    if company.inventory_enabled and moves_stock and "inventory.write" not in key.permissions:
        return "inventory.write"
    return ""


def _plain(reply: Reply) -> dict[str, Any]:
    return dict(reply.content) if isinstance(reply.content, Mapping) else {}


def park(api: "Api", job: Job, why: str, *, planned: bool | str) -> Reply:
    """Store a push for later processing and return the reply."""
    cache_id = api.books.next_id("cch", 0)
    import_id = api.books.next_id("imp", 8800)
    if why == "paused":
        message = "API key is paused; the request was stored and runs when the key is active"
        reply = error(423, "key_paused", message, cached=True, cache_id=cache_id)
    else:
        summary = {"id": import_id, "type": job.kind.title, "status": "processing"}
        reply = Reply(status=202, content={"import": summary})
    line = {**base_line(job, api.now()), "effect": "cached", "code": why, "planned": planned}
    line.update(cache_id=cache_id, import_id=import_id)
    lines = [
        {**line, "number": document.number, "party": document.party, "document": document.to_json()}
        for document in job.documents
    ] or [line]
    for other in lines[1:]:
        other["planned"] = False
    lines[-1]["reply"] = {
        "status": reply.status,
        "content": reply.content,
        "keep": True,
        "import": "cached" if why == "paused" else "processing",
        "park": {
            "why": why,
            "call": job.call,
            "kind": job.kind.name,
            "company": job.company,
            "key": job.key,
            "import_id": import_id,
            "content": base64.b64encode(job.content).decode(),
        },
    }
    api.write(*lines)
    return reply


def wake(api: "Api", request_id: str) -> None:
    """Process what was parked while the key was paused."""
    for cache_id, parked in list(api.books.cached.items()):
        if parked["why"] == "paused":
            run(api, cache_id, request_id)


def run(api: "Api", cache_id: str, request_id: str) -> None:
    """Process a parked push."""
    parked = api.books.cached[cache_id]
    content = base64.b64decode(parked["content"])
    kind = KINDS[parked["kind"]]
    body = opened(content, parked["call"], kind)
    job = Job(
        call=parked["call"],
        kind=kind,
        company=parked["company"],
        key=parked["key"],
        content=content,
        documents=body.documents if isinstance(body, Opened) else (),
        rows=body.rows if isinstance(body, Opened) else 0,
        request_id=request_id,
        as_import=True,
        import_id=parked["import_id"],
        cache_id=cache_id,
        locked=parked["why"] == "failed",
    )
    if isinstance(body, Unreadable):
        api.unread(job, body, planned=False)
        return
    result = post(api.books, job, api.now())
    for line in result.lines:
        line["answer"] = "none"
    api.write(*result.lines)


def view(api: "Api", request: Request, key: ApiKey, company: Company) -> Reply:
    """Answer a GET."""
    if request.path == "/v1/connection":
        return _connection(api, key, company)
    pages: dict[str, tuple[str, Callable[[], Reply]]] = {
        "/v1/imports": ("imports.read", lambda: _imports(api, request, company)),
    }
    if request.path in LISTINGS:
        kind = LISTINGS[request.path]
        pages[request.path] = (kind.reads, lambda: _documents(api, request, company, kind))
    if request.path.startswith("/v1/imports/"):
        pages[request.path] = ("imports.read", lambda: _import(api, request, company))
    if request.path not in pages:
        return error(405, "method_not_allowed", "Nothing is offered here")
    permission, page = pages[request.path]
    if permission not in key.permissions:
        return forbidden(permission)
    return page()


def _connection(api: "Api", key: ApiKey, company: Company) -> Reply:
    locked = company.locked_through
    content = {
        "company": {"id": company.id, "name": company.name},
        "key": {
            "id": key.id,
            "label": "Clearpost",
            "status": key.status,
            "permissions": list(key.permissions),
        },
        "settings": {
            "rounding_mode": company.rounding,
            "base_currency": company.base_currency,
            "currencies": list(company.currencies),
            "tax_codes": list(company.tax_codes),
            "accounts": list(company.accounts),
            "locked_through": locked.isoformat() if locked else None,
            "default_classification_code": company.default_classification_code,
            "excel_import_enabled": company.excel_import_enabled,
            "einvoice_enabled": company.einvoice_enabled,
        },
        "capabilities": {"refunds": company.refunds_enabled, "json_invoices": True},
        "quota": {"plan": "trial" if company.quota else "full", **quota(api, company)},
        "server_time": api.now().astimezone(ZONE).isoformat(timespec="seconds"),
    }
    return Reply(status=200, content=content)


def _imports(api: "Api", request: Request, company: Company) -> Reply:
    idempotency_key = request.query.get("idempotency_key")
    imports = [
        entry
        for entry in reversed(api.books.imports.values())
        if entry["company"] == company.id and idempotency_key in (None, entry["key"])
    ]
    summaries = [
        {"id": entry["id"], "status": entry["status"], "type": entry["type"]} for entry in imports
    ]
    for entry in imports if idempotency_key else ():
        _poll(api, entry["id"])
    return _paged(request, summaries)


def _poll(api: "Api", import_id: str) -> None:
    """End a slow import after its unfinished state was seen once."""
    for cache_id, parked in list(api.books.cached.items()):
        if parked["import_id"] == import_id and parked["why"] != "paused":
            run(api, cache_id, f"late_{cache_id}")


def _paged(request: Request, data: Sequence[Mapping[str, Any]]) -> Reply:
    page = max(1, _whole(request.query.get("page"), 1))
    size = min(200, max(1, _whole(request.query.get("per_page"), 50)))
    pages = max(1, -(-len(data) // size))
    page_rows = list(data[(page - 1) * size : page * size])
    return Reply(status=200, content={"data": page_rows, "page": page, "pages": pages})


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default


def _documents(api: "Api", request: Request, company: Company, kind: Kind) -> Reply:
    number, party = request.query.get(kind.number), request.query.get(kind.party)
    documents = [
        {
            "id": doc["id"],
            kind.number: doc["number"],
            kind.party: doc["party"],
            **({kind.word(kind.paid): doc["paid"]} if kind.paid else {}),
            "status": "void" if doc["id"] in api.books.void_ids else "posted",
            kind.amount: doc["total"],
            "currency": doc["currency"],
            "created_at": doc["created_at"],
            "import_id": doc["import_id"],
            "idempotency_key": doc["key"],
        }
        for doc in _candidates(api, company.id, kind, number, party)
    ]
    return _paged(request, documents)


def _candidates(
    api: "Api", company: str, kind: Kind, number: str | None, party: str | None
) -> Sequence[Mapping[str, Any]]:
    if number is not None and party is not None:
        return api.books.existing(company, kind.name, number, party.strip())
    return [
        doc
        for doc in api.books.documents
        if (doc["company"], doc["type"]) == (company, kind.name)
        and number in (None, doc["number"])
        and (party is None or party.strip() == doc["party"])
    ]


def _import(api: "Api", request: Request, company: Company) -> Reply:
    entry = api.books.imports.get(request.path.rsplit("/", 1)[1])
    if entry is None or entry["company"] != company.id:
        return error(404, "import_not_found", "No such import")
    content = dict(entry["content"])
    if entry["status"] in {"cached", "processing"}:
        summary = {"id": entry["id"], "type": entry["type"], "status": entry["status"]}
        content = {"import": summary}
        _poll(api, entry["id"])
    return Reply(status=200, content=content)


def history(api: "Api", request: Request) -> Reply:
    """Return one import's page, as users see it in AiAccount itself."""
    entry = api.books.imports.get(request.query.get("import", ""))
    if entry is None or entry["company"] != request.query.get("company"):
        return error(404, "import_not_found", "No such import in this company")
    rows = "".join(
        f"<li>{escape(_number_in(document))}: {escape(str(document.get('outcome')))}</li>"
        for document in entry["content"].get("documents", ())
    )
    page = (
        f"<!doctype html><title>Import history</title><h1>Import {escape(entry['id'])}</h1>"
        f"<p>{escape(entry['company'])}, {escape(entry['status'])}</p><ul>{rows}</ul>"
    )
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return Reply(status=200, content=page.encode(), headers=headers)


def _number_in(entry: Mapping[str, Any]) -> str:
    """Return the document's own number, which precedes the number that it pays."""
    return next((str(value) for word, value in entry.items() if word.endswith("_number")), "")


def quota(api: "Api", company: Company) -> dict[str, Any]:
    """Return how much of the month's quota is used."""
    today = local_day(api.now())
    start = date(today.year + today.month // 12, today.month % 12 + 1, 1)
    return {
        "limit": company.quota,
        "used": api.books.quota_used(company.id, today),
        "resets_on": start.isoformat(),
    }


class Control(control.Control[Books]):
    """The control calls of AiAccount."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state with all documents and parked pushes."""
        if what == "stock":
            return {what: stocked(self.books.documents, self.books.companies)}
        if what == "documents":
            return {what: self.books.documents}
        if what == "cached":
            return {
                what: [
                    {"cache_id": cache_id, **push} for cache_id, push in self.books.cached.items()
                ]
            }
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """Return the act by hand: import a workbook."""
        return {"by_hand": self._by_hand}

    def check(self, act: str, body: Given) -> None:
        """Check that the company and the key exist."""
        if body.get("company", "CMP-1042") not in self.books.companies:
            raise ControlError("No such company")
        if act == "pause" and body.get("key") not in self.books.keys:
            raise ControlError("No such key")

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Import a workbook by hand beside the API, without a search for duplicates."""
        kind = KINDS.get(request.query.get("type", "sales_invoice"))
        if kind is None:
            raise ControlError("No such type")
        body = opened(request.body, "xlsx", kind)
        if isinstance(body, Unreadable):
            raise ControlError(body.message)
        job = Job(
            call="by_hand",
            kind=kind,
            company=request.query.get("company", "CMP-1042"),
            key="",
            content=request.body,
            documents=body.documents,
            rows=body.rows,
            request_id=request_id,
            as_import=True,
        )
        dedupe, self.books.dedupe = self.books.dedupe, "none"
        result = post(self.books, job, self.stand_in.now())
        self.books.dedupe = dedupe
        self.stand_in.write(*result.lines)
        return Reply(status=result.status, content=result.content)


def stocked(
    documents: Iterable[Mapping[str, Any]], companies: Mapping[str, Company]
) -> dict[str, dict[str, str]]:
    """Return the stock change of each SKU in companies that keep stock: company -> SKU -> text.

    Invoices count below 0, refunds above. A row's unit is stored as text and never converted.
    """
    stock: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for entry in documents:
        sign = _moves(entry) if companies[entry["company"]].inventory_enabled else 0
        for line in entry["document"].get("lines", ()) if sign else ():
            if line.get("SKU"):
                stock[entry["company"]][str(line["SKU"])] += sign * Decimal(str(line["Quantity"]))
    return {
        company: {code: format(n.normalize(), "f") for code, n in of.items() if n}
        for company, of in stock.items()
    }


def _moves(entry: Mapping[str, Any]) -> int:
    """Return whether a document's goods went out (-1), came back (1), or stayed (0)."""
    if entry["type"] == INVOICES.name:
        return -1
    back = entry["document"].get("SourceRefundStatus") == RESTOCKS
    return 1 if entry["type"] == REFUNDS.name and back else 0
