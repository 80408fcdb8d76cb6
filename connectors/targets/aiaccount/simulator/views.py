"""The read-only endpoints: connection, imports, documents.

Here: what a GET answers. Not here: any write, save that asking twice for a slow import lets it end.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from connectors.kit.simulator import Reply, Request
from connectors.targets.aiaccount.simulator import parking
from connectors.targets.aiaccount.simulator.books import ZONE, local_day
from connectors.targets.aiaccount.simulator.data import ApiKey, Company
from connectors.targets.aiaccount.simulator.kinds import LISTINGS, Kind
from connectors.targets.aiaccount.simulator.replies import error, forbidden

if TYPE_CHECKING:
    from connectors.targets.aiaccount.simulator.api import Api


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
        "capabilities": {"refunds": False, "json_invoices": True},
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
            parking.run(api, cache_id, f"late_{cache_id}")


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
