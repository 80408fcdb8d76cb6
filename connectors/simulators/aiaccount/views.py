"""The read-only endpoints, and pushes that are kept for later.

Here: what a GET answers about connection, imports and documents; pushes that wait because the key
is paused or the work takes longer than the answer may. Not here: any write, save that asking twice
for a slow import lets it end.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any

from connectors.simulators.aiaccount.books import ZONE, local_day
from connectors.simulators.aiaccount.kinds import KINDS, LISTINGS, ApiKey, Company, Kind
from connectors.simulators.aiaccount.replies import error, forbidden
from connectors.simulators.aiaccount.requests import Opened, Unreadable, opened
from connectors.simulators.aiaccount.writes import Job, base_line, post
from connectors.simulators.base.server import Reply, Request

if TYPE_CHECKING:
    from connectors.simulators.aiaccount.api import Api


def park(api: "Api", job: Job, why: str, *, planned: bool | str) -> Reply:
    """Keep a push, and say so."""
    cache_id = api.books.next_id("cch", 0)
    import_id = api.books.next_id("imp", 8800)
    if why == "paused":
        message = "API key is paused; the request was stored and runs when the key is active"
        reply = error(423, "key_paused", message, cached=True, cache_id=cache_id)
    else:
        told = {"id": import_id, "type": job.kind.title, "status": "processing"}
        reply = Reply(status=202, content={"import": told})
    line = {**base_line(job, api.now()), "effect": "cached", "code": why, "planned": planned}
    line.update(cache_id=cache_id, import_id=import_id)
    lines = [
        {**line, "number": one.number, "party": one.party, "document": one.to_json()}
        for one in job.documents
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
    """Do now what was kept while the key was paused."""
    for cache_id, parked in list(api.books.cached.items()):
        if parked["why"] == "paused":
            run(api, cache_id, request_id)


def run(api: "Api", cache_id: str, request_id: str) -> None:
    """Do now what was kept."""
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


HISTORY = "/settings/integrations/logs"


def history(api: "Api", request: Request) -> Reply:
    """The page of one import, as people see it in AiAccount itself."""
    found = api.books.imports.get(request.query.get("import", ""))
    if found is None or found["company"] != request.query.get("company"):
        return error(404, "import_not_found", "No such import in this company")
    rows = "".join(
        f"<li>{escape(_number_in(one))}: {escape(str(one.get('outcome')))}</li>"
        for one in found["content"].get("documents", ())
    )
    page = (
        f"<!doctype html><title>Import history</title><h1>Import {escape(found['id'])}</h1>"
        f"<p>{escape(found['company'])}, {escape(found['status'])}</p><ul>{rows}</ul>"
    )
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return Reply(status=200, content=page.encode(), headers=headers)


def _number_in(entry: Mapping[str, Any]) -> str:
    """The document's own number, which comes before that of what it pays."""
    return next((str(value) for word, value in entry.items() if word.endswith("_number")), "")


def quota(api: "Api", company: Company) -> dict[str, Any]:
    """How much of the month's quota is used."""
    today = local_day(api.now())
    start = date(today.year + today.month // 12, today.month % 12 + 1, 1)
    return {
        "limit": company.quota,
        "used": api.books.quota_used(company.id, today),
        "resets_on": start.isoformat(),
    }


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
    wanted = request.query.get("idempotency_key")
    mine = [
        one
        for one in reversed(api.books.imports.values())
        if one["company"] == company.id and wanted in (None, one["key"])
    ]
    told = [{"id": one["id"], "status": one["status"], "type": one["type"]} for one in mine]
    for one in mine if wanted else ():
        _poll(api, one["id"])
    return _paged(request, told)


def _import(api: "Api", request: Request, company: Company) -> Reply:
    found = api.books.imports.get(request.path.rsplit("/", 1)[1])
    if found is None or found["company"] != company.id:
        return error(404, "import_not_found", "No such import")
    content = dict(found["content"])
    if found["status"] in {"cached", "processing"}:
        told = {"id": found["id"], "type": found["type"], "status": found["status"]}
        content = {"import": told}
        _poll(api, found["id"])
    return Reply(status=200, content=content)


def _poll(api: "Api", import_id: str) -> None:
    """A slow import ends after somebody has seen it unfinished once."""
    for cache_id, parked in list(api.books.cached.items()):
        if parked["import_id"] == import_id and parked["why"] != "paused":
            run(api, cache_id, f"late_{cache_id}")


def _documents(api: "Api", request: Request, company: Company, kind: Kind) -> Reply:
    number, party = request.query.get(kind.number), request.query.get(kind.party)
    found = [
        {
            "id": doc["id"],
            kind.number: doc["number"],
            kind.party: doc["party"],
            **({kind.word(kind.paid): doc["paid"]} if kind.paid else {}),
            "status": "posted",
            kind.amount: doc["total"],
            "currency": doc["currency"],
            "created_at": doc["created_at"],
            "import_id": doc["import_id"],
            "idempotency_key": doc["key"],
        }
        for doc in _candidates(api, company.id, kind, number, party)
    ]
    return _paged(request, found)


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


def _paged(request: Request, data: Sequence[Mapping[str, Any]]) -> Reply:
    page = max(1, _whole(request.query.get("page"), 1))
    size = min(200, max(1, _whole(request.query.get("per_page"), 50)))
    pages = max(1, -(-len(data) // size))
    shown = list(data[(page - 1) * size : page * size])
    return Reply(status=200, content={"data": shown, "page": page, "pages": pages})


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default
