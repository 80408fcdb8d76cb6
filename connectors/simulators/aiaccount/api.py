"""The endpoints: who may call, what each answers, and the ledger line before every answer.

Here: transport and permissions of AiAccount's API. Not here: what a write decides (writes.py),
the control API (control.py).
"""

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors.simulators.aiaccount import views
from connectors.simulators.aiaccount.books import Books
from connectors.simulators.aiaccount.control import Control
from connectors.simulators.aiaccount.kinds import (
    ALONE,
    IMPORTS,
    INVOICES,
    LISTINGS,
    ApiKey,
    Company,
    Kind,
)
from connectors.simulators.aiaccount.replies import FAULTS, Fault, error, forbidden
from connectors.simulators.aiaccount.requests import Opened, Unreadable, content_of, opened
from connectors.simulators.aiaccount.writes import Job, base_line, post
from connectors.simulators.base.control import StandIn
from connectors.simulators.base.server import Ledger, Reply, Request
from connectors.transport.clock import Clock

MINUTE = timedelta(minutes=1)
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_WRITES = {**dict.fromkeys(IMPORTS, "xlsx"), **dict.fromkeys(ALONE, "json")}
_KINDS = {**IMPORTS, **LISTINGS, **ALONE}


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

    def follow(self, act: str, given: Mapping[str, Any], request_id: str) -> None:
        """What was parked while the key was paused is done when it is active."""
        if act == "pause" and given.get("status") == "active":
            views.wake(self, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Every answer has an id of its own."""
        reply, hang = self._route(request, request_id)
        return replace(reply, headers={"X-Request-Id": request_id, **reply.headers}), hang

    def _too_many(self) -> Reply | None:
        """More calls within a minute than it takes; one that is refused does not count."""
        now = self.now()
        while self._lately and not timedelta() <= now - self._lately[0] < MINUTE:
            self._lately.popleft()
        if not self._rate or len(self._lately) < self._rate:
            self._lately.append(now)
            return None
        rest = math.ceil((self._lately[0] + MINUTE - now).total_seconds())
        refused = error(429, "rate_limited", f"No more than {self._rate} calls a minute")
        return replace(refused, headers={"Retry-After": str(rest)})

    def _route(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        too_many = self._too_many()
        if too_many is not None:
            self._note(request, request_id, too_many)
            return too_many, False
        if request.method == "GET" and request.path == views.HISTORY:
            return views.history(self, request), False  # a page for people, without a key
        key, company = self._caller(request)
        if isinstance(key, Reply):
            self._note(request, request_id, key)
            return key, False
        if request.method == "GET":
            reply = views.view(self, request, key, company)
            self._note(request, request_id, reply)
            return reply, False
        if request.method != "POST" or not _offered(request.path, company):
            reply = error(405, "method_not_allowed", f"{request.method} is not offered here")
            self._note(request, request_id, reply)
            return reply, False
        return self._write(request, request_id, key, company)

    def _caller(self, request: Request) -> tuple[ApiKey | Reply, Company]:
        """Whose key it is and which company is meant; or the refusal, with any company."""
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
            return views.park(self, job, "paused", planned=planned)
        if fault.later:
            return views.park(self, job, fault.later, planned=planned)
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
            result.content["error"].update(views.quota(self, self.books.companies[job.company]))
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
            {**line, "number": one.number, "party": one.party, "paid": one.paid}
            for one in job.documents
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
        """A ledger line for what has no effect; a write among them is on the disk before the
        answer.
        """
        call = _WRITES.get(request.path, "other") if request.method == "POST" else "lookup"
        if request.path == "/v1/connection":
            call = "connection"
        kind = _KINDS.get(request.path, INVOICES)
        told = _plain(reply).get("error", {})
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
            "code": told.get("code", ""),
            "answer": "withheld" if reply.cut else "sent",
            "planned": planned,
        }
        self.write(line, sync=call not in {"lookup", "connection"})


def _offered(path: str, company: Company) -> bool:
    """Whether documents are taken there in this company; refunds are a capability of it."""
    return path in _WRITES and (company.refunds_enabled or not _KINDS[path].refunds)


def _missing_permission(job: Job, key: ApiKey, company: Company) -> str:
    moves_stock = any(
        line.get("SKU")
        for one in job.documents
        if one.restocks or not one.kind.refunds
        for line in one.lines
    )
    if company.inventory_enabled and moves_stock and "inventory.write" not in key.permissions:
        return "inventory.write"
    return ""


def _plain(reply: Reply) -> dict[str, Any]:
    return dict(reply.content) if isinstance(reply.content, Mapping) else {}
